"""Break the judge in small ways and count how many of them its tests notice.

    python benchmarks/mutation.py [--sample 320] [--seed 1] [--modules designs …] [--jobs 2] [--report] [--json]
    python benchmarks/mutation.py --functions tests.decide sequential [--tests test_looks.py …]

Each mutant changes one operator, constant or choice of one module of `regress_action.analysis` and lives in a forked
process whose tests are those that executed its function, fastest first, until one fails. The sample is drawn from
every module in proportion to its size; of functions or modules that are named, every mutant is tried. A mutant that
changes no behaviour cannot be noticed: those that were reviewed stand, with the reason, in mutation_equivalents.toml
and do not count. POSIX only.

Every result is written at once, so an interrupted run goes on where it stopped; a survivor is tried again when the
tests have changed, anything when its module has.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import importlib
import importlib.abc
import importlib.util
import json
import math
import os
import resource
import signal
import sys
import time
import tomllib
from collections import Counter
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mutants

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mutants import Mutant

ROOT = Path(__file__).parents[1]
JUDGE = ROOT / "src/regress_action/analysis"
JUDGE_NAME = "regress_action.analysis"
MODULES = {path.stem: path for path in sorted(JUDGE.rglob("*.py")) if path.stem != "__init__"}
TESTS = ROOT / "tests/unit"
EQUIVALENTS = Path(__file__).with_name("mutation_equivalents.toml")
KILLED, TIMED_OUT, SURVIVED, EQUIVALENT = "killed", "timed out", "survived", "equivalent"
PATIENCE = 5  # a test of a mutant may take so many times the CPU time that it takes without
GRACE_S = 8  # and this much more
MEMORY_BYTES = 4 << 30
WARM = (
    "numpy",
    "scipy.stats",
    "scipy.special",
    "hypothesis",
    "hypothesis.extra.numpy",
    "pytest",
    "regress_action.model.comparisons",
)


@dataclass(slots=True)
class Executed:
    """Test → CPU seconds, and per module the lines that it executed."""

    seconds: dict[str, float] = field(default_factory=dict)
    lines: dict[str, dict[str, set[int]]] = field(default_factory=dict)

    def tests(self, mutant: Mutant) -> list[str]:
        """Return the tests that can notice a mutant, fastest first; all of its module's where it acts on import."""
        ran = {test: modules.get(mutant.module, set()) for test, modules in self.lines.items()}
        noticing = {test for test, lines in ran.items() if (lines & set(mutant.lines) if mutant.lines else lines)}
        return sorted(noticing or (set() if mutant.lines else self.seconds), key=lambda test: self.seconds[test])


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a mutant; `by` is the test that noticed it."""

    key: str
    line: int
    state: str
    by: str
    tests: int
    seconds: float
    module_digest: str
    tests_digest: str


def main() -> int:
    """Print the score and the survivors; return 0 whatever it is, 1 when nothing could be measured."""
    options = _options()
    every = {module: mutants.of(path) for module, path in MODULES.items()}
    chosen = (
        [mutant for module in every.values() for mutant in module if _is_of(mutant, options.functions)]
        if options.functions
        else _sample(every, options.sample, options.seed, options.modules or list(every))
    )
    reasons = _reasons()
    files = _test_files(options.tests)
    known = _known(options.results, _digest_of(files))
    todo = [mutant for mutant in chosen if mutant.key not in known and mutant.key not in reasons]
    if todo and not options.report:
        os.nice(0 if os.nice(0) else 19)  # whoever was told how nice to be stays so
        _warm_up()
        executed = _executed(options.results.with_suffix(".tests"), files)
        if executed is None:
            print("The tests fail without any mutation, so they can prove nothing.", file=sys.stderr)
            return 1
        known |= _tried(todo, executed, options, _digest_of(files))
    states = {key: known[key].state for key in known} | dict.fromkeys(reasons, EQUIVALENT)
    stale = sorted(set(reasons) - {mutant.key for module in every.values() for mutant in module})
    _report(every, [mutant for mutant in chosen if mutant.key in states], states, stale, as_json=options.json)
    return 0


def _tried(
    todo: Sequence[Mutant], executed: Executed, options: argparse.Namespace, tests_digest: str
) -> dict[str, Result]:
    """Try the mutants and write each result down."""
    found = {}
    with options.results.open("a") as written:
        for number, result in enumerate(_results(todo, executed, options.jobs, tests_digest), 1):
            found[result.key] = result
            written.write(json.dumps(asdict(result), ensure_ascii=False) + "\n")
            written.flush()
            print(f"{number}/{len(todo)} {result.state} in {result.seconds:.1f} s: {result.key}", file=sys.stderr)
    return found


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sample", type=int, default=320, help="mutants to try, over all modules; 0 for every one")
    parser.add_argument("--seed", type=int, default=1, help="which sample")
    parser.add_argument("--modules", nargs="+", help="only these, with their share of the sample")
    parser.add_argument("--functions", nargs="+", help="every mutant of these instead: module.function, or a module")
    parser.add_argument("--tests", nargs="+", help="only the tests of these files, by name")
    parser.add_argument("--jobs", type=int, default=2, help="mutants at a time")
    parser.add_argument("--results", type=Path, default=ROOT / ".mutation.jsonl", help="file to go on from")
    parser.add_argument("--report", action="store_true", help="print what is known by now, and try nothing")
    parser.add_argument("--json", action="store_true", help="print for machines")
    return parser.parse_args()


def _is_of(mutant: Mutant, names: Sequence[str]) -> bool:
    """Return whether a mutant lies in one of the functions or modules."""
    place = mutant.key.partition(": ")[0]
    return any(f"{place}.".startswith(f"{name}.") for name in names)


def _sample(every: dict[str, list[Mutant]], size: int, seed: int, modules: Sequence[str]) -> list[Mutant]:
    """Draw from every module in proportion to its size, so that editing one leaves the draw in the others."""
    share = size / sum(map(len, every.values())) if size else 1.0
    chosen = []
    for module in modules:
        drawn = sorted(every[module], key=lambda mutant: _digest(f"{seed} {mutant.key}"))
        chosen += drawn[: math.ceil(share * len(drawn))]
    return chosen


def _reasons() -> dict[str, str]:
    """Return the reviewed equivalents: key → why nothing can notice it."""
    listed = tomllib.loads(EQUIVALENTS.read_text())["equivalent"]
    return {one["mutant"]: one["why"] for one in listed}


def _known(file: Path, tests: str) -> dict[str, Result]:
    """Read earlier results that still hold."""
    lines = file.read_text().splitlines() if file.exists() else []
    modules = {module: _digest(path.read_text()) for module, path in MODULES.items()}
    known = {}
    for line in lines:
        result = Result(**json.loads(line))
        same = result.module_digest == modules.get(result.key.split(".")[0])
        if same and (result.state != SURVIVED or result.tests_digest == tests):
            known[result.key] = result
        else:
            known.pop(result.key, None)
    return known


def _results(todo: Sequence[Mutant], executed: Executed, jobs: int, tests_digest: str) -> Iterator[Result]:
    """Try every mutant, `jobs` at a time, and yield what became of them."""
    waiting = list(reversed(todo))
    modules = {mutant.module: _digest(MODULES[mutant.module].read_text()) for mutant in todo}
    running: dict[int, tuple[Mutant, _Child, int, float]] = {}
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant = waiting.pop()
            limits = {test: GRACE_S + PATIENCE * executed.seconds[test] for test in executed.tests(mutant)}
            child = _forked(partial(_try, mutant, limits))
            running[child.pid] = mutant, child, len(limits), time.monotonic()
        pid, status = os.wait()
        mutant, child, tests_run, started = running.pop(pid)
        code = os.waitstatus_to_exitcode(status)
        state = TIMED_OUT if code == -signal.SIGXCPU else KILLED if code else SURVIVED
        yield Result(
            mutant.key,
            mutant.line,
            state,
            child.said(),
            tests_run,
            round(time.monotonic() - started, 2),
            modules[mutant.module],
            tests_digest,
        )


@dataclass(frozen=True, slots=True)
class _Child:
    pid: int
    pipe: int

    def said(self) -> str:
        with os.fdopen(self.pipe) as said:
            return said.read()


def _forked(work: Callable[[int], int]) -> _Child:
    """Do `work` in a child, whose exit status it returns and whose pipe it is given; what it prints is lost."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        return _Child(pid, reading)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    code = 3
    try:
        code = work(writing)
    finally:
        os._exit(code)


def _try(mutant: Mutant, limits_s: dict[str, float], descriptor: int) -> int:
    """Run the tests with the module replaced, each for no longer than its limit."""
    if not limits_s:
        return 0
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    sys.meta_path.insert(0, _Replaced(mutant))
    importlib.import_module(_dotted(MODULES[mutant.module]))  # before pytest does, whose own hook would read the file
    return _run_tests(sorted({test.split("::")[0] for test in limits_s}), _Chosen(limits_s, descriptor))


def _run_tests(files: Sequence[str], plugin: object) -> int:
    import pytest

    quiet = ["-x", "-q", "-n0", "-p", "no:cacheprovider", "-o", "timeout=0", "--no-header", "--tb=no"]
    imported_before = ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    return int(pytest.main([*quiet, *imported_before, *files], plugins=[plugin]))


class _Chosen:
    """Keep the tests that can notice, in the given order, and say which one did."""

    def __init__(self, limits_s: dict[str, float], descriptor: int) -> None:
        self._limits_s, self._descriptor = limits_s, descriptor
        self._rank = {test: rank for rank, test in enumerate(limits_s)}

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        items[:] = sorted((one for one in items if one.nodeid in self._rank), key=lambda one: self._rank[one.nodeid])

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        most_s = math.ceil(time.process_time() + self._limits_s[nodeid])
        resource.setrlimit(resource.RLIMIT_CPU, (most_s, resource.RLIM_INFINITY))

    def pytest_runtest_logreport(self, report: Any) -> None:  # noqa: ANN401 - pytest's own
        if report.failed:
            os.write(self._descriptor, report.nodeid.encode())

    def pytest_collectreport(self, report: Any) -> None:  # noqa: ANN401 - pytest's own
        if report.failed:
            os.write(self._descriptor, b"import")


class _Replaced(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Give the mutated source for one module."""

    def __init__(self, mutant: Mutant) -> None:
        self._name, self._source = _dotted(MODULES[mutant.module]), mutant.source

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:  # noqa: ANN401, ARG002 - importlib's own
        """Answer for the one module only."""
        return importlib.util.spec_from_loader(name, self) if name == self._name else None

    def exec_module(self, module: Any) -> None:  # noqa: ANN401 - importlib's own
        """Run the mutated source as the module."""
        exec(compile(self._source, self._name, "exec"), module.__dict__)  # noqa: S102 - that is the point


def _executed(file: Path, files: Sequence[Path]) -> Executed | None:
    """Return which test executes what; kept is what was seen of a file of tests while it and what it executes hold."""
    digests = {str(path.relative_to(ROOT)): _digest(path.read_text()) for path in files}
    modules = {module: _digest(path.read_text()) for module, path in MODULES.items()}
    lines = file.read_text().splitlines() if file.exists() else []
    kept = {name: (digest, executed, tests) for name, digest, executed, tests in map(json.loads, lines)}
    new = [
        name
        for name, digest in digests.items()
        if name not in kept or kept[name][0] != digest or not kept[name][1].items() <= modules.items()
    ]
    if new:
        said = _measured(new)
        if said is None:
            return None
        measured = [json.loads(line) for line in said.splitlines()]
        for name in new:
            tests = [test for test in measured if test[0].split("::")[0] == name]
            seen = {module for _, _, ran in tests for module in ran} & set(modules)
            kept[name] = digests[name], {module: modules[module] for module in sorted(seen)}, tests
        file.write_text("".join(json.dumps([name, *of_file]) + "\n" for name, of_file in kept.items()))
    executed = Executed()
    for test, seconds, ran in (test for name in digests for test in kept[name][2]):
        executed.seconds[test] = seconds
        executed.lines[test] = {module: set(lines) for module, lines in ran.items()}
    return executed


def _measured(files: Sequence[str]) -> str | None:
    """Run the tests once as they are, and return what each of them took and executed; None when one fails."""
    child = _forked(partial(_measure, files))
    said = child.said()
    return None if os.waitstatus_to_exitcode(os.waitpid(child.pid, 0)[1]) else said


def _measure(files: Sequence[str], descriptor: int) -> int:
    import coverage

    watched = coverage.Coverage(data_file=None, config_file=False, include=[str(JUDGE / "*")], messages=False)
    plugin = _Timed(watched)
    watched.start()
    code = _run_tests(files, plugin)
    watched.stop()
    if code:
        return code
    found: dict[str, dict[str, list[int]]] = {test: {} for test in plugin.seconds}
    data = watched.get_data()
    for file in data.measured_files():
        for line, tests in data.contexts_by_lineno(file).items():
            for test in filter(None, tests):
                found[test].setdefault(Path(file).stem, []).append(line)
    with os.fdopen(descriptor, "w") as said:
        for test, seconds in plugin.seconds.items():
            said.write(json.dumps([test, seconds, found[test]]) + "\n")
    return 0


class _Timed:
    """Take the time of every test, and tell coverage which one is running."""

    def __init__(self, watched: Any) -> None:  # noqa: ANN401 - imported in the child alone
        self._watched, self.seconds = watched, dict[str, float]()

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._watched.switch_context(nodeid)
        self.seconds[nodeid] = -time.process_time()

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self.seconds[nodeid] += time.process_time()


def _warm_up() -> None:
    """Import what every child would import again, and let failures be found rather than explained."""
    os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    sys.dont_write_bytecode = True
    sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]
    os.chdir(ROOT)
    for name in WARM:
        importlib.import_module(name)
    from hypothesis import HealthCheck, Phase, settings

    settings.register_profile(
        "mutation",
        database=None,
        derandomize=True,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    settings.load_profile("mutation")
    gc.freeze()


def _dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT / "src").with_suffix("").parts)


def _test_files(names: Sequence[str] | None) -> list[Path]:
    """Return the unit tests that import the judge, or those of them with these names."""
    every = [path for path in sorted(TESTS.rglob("test_*.py")) if not names or path.name in names]
    return [path for path in every if path.parent.name == JUDGE.name or JUDGE_NAME in path.read_text()]


def _digest_of(files: Sequence[Path]) -> str:
    return _digest("".join(path.read_text() for path in files))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _report(
    every: dict[str, list[Mutant]],
    chosen: Sequence[Mutant],
    states: dict[str, str],
    stale: Sequence[str],
    *,
    as_json: bool,
) -> None:
    counts = {module: Counter(states[one.key] for one in chosen if one.module == module) for module in every}
    counts = {module: count for module, count in counts.items() if count}
    counts["all"] = sum(counts.values(), Counter())
    sizes = {module: len(found) for module, found in every.items()}
    sizes["all"] = sum(sizes[module] for module in counts if module != "all")
    survivors = sorted((one for one in chosen if states[one.key] == SURVIVED), key=lambda one: (one.module, one.line))
    if as_json:
        rows = {module: {"mutants": sizes[module], **count, "score": _score(count)} for module, count in counts.items()}
        print(
            json.dumps({"modules": rows, "survivors": [one.key for one in survivors], "stale": list(stale)}, indent=1)
        )
        return
    columns = (KILLED, TIMED_OUT, SURVIVED, EQUIVALENT)
    print(
        f"{'module':14}{'mutants':>8}{'tried':>7}", *(f"{column:>11}" for column in columns), f"{'noticed':>9}", sep=""
    )
    for module, count in counts.items():
        cells = (f"{count[column]:>11}" for column in columns)
        print(f"{module:14}{sizes[module]:>8}{count.total():>7}", *cells, f"{_score(count):>7.1f} %", sep="")
    for one in survivors:
        print(f"survived: {MODULES[one.module].relative_to(ROOT)}:{one.line}  {one.key}")
    for key in stale:
        print(f"listed as equivalent and no longer there: {key}")


def _score(count: Counter[str]) -> float:
    """Return the per cent that was noticed, of what could be."""
    possible = count.total() - count[EQUIVALENT]
    return 100 * (count[KILLED] + count[TIMED_OUT]) / possible if possible else 100.0


if __name__ == "__main__":
    sys.exit(main())
