"""The plugin's command line options, and those of pytest-benchmark where that package is not in use."""

from __future__ import annotations

import argparse
import re
import time
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regress_action.pytest_plugin import call_profile, network_limit, saved_runs
from regress_action.pytest_plugin.call_profile import Profiling
from regress_action.pytest_plugin.tables import COLUMNS, GROUPINGS, NAMES, SORTS, UNITS
from regress_action.pytest_plugin.timing import TimingOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pytest

DEFAULT_HISTORY = ".regress/history"
DEFAULT_RUNS = 5
DEFAULT_LEAK_ITERATIONS = 200
_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
_SIZE = re.compile(r"([0-9.]+)\s*([kKmMgG]?[bB])")
_SIZES = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9}
_TIMING_KINDS: dict[str, Any] = {  # pytest-benchmark keeps some of its options as text
    "min_rounds": int,
    "max_rounds": int,
    "max_time": float,
    "min_time": float,
    "disable_gc": bool,
    "calibration_precision": int,
    "precision": float,
    "confidence": float,
}
_DEFAULT = "Default: %(default)r"
_WARMUP_ON = ("on", "true", "yes", "")
OWN_OPTIONS = {
    "--benchmark-report": True,
    "--regression-detection": True,
    "--baseline-comparison": True,
    "--threshold-config": True,
    "--history": True,
    "--leak-check": False,
    "--leak-iterations": True,
    "--performance-runs": True,
    "--performance-seed": True,
    "--performance-limits": True,
    "--benchmark-json": True,
}
"""Options that a process which measures one test is not given → whether a value may follow."""


@dataclass(frozen=True, slots=True)
class PerformanceRequest:
    """What this session was asked to do with its performance tests.

    `runs` is how many fresh processes measure an isolated test, None for as many as its marker says. `seed` decides
    their order.
    """

    report: Path | None = None
    benchmark_json: Path | None = None
    detect: bool = False
    compare: bool = False
    thresholds: str | None = None
    history: str = DEFAULT_HISTORY
    leak_check: bool = False
    leak_iterations: int = DEFAULT_LEAK_ITERATIONS
    runs: int | None = None
    seed: int | None = None
    limits: Mapping[str, Any] = field(default_factory=dict)
    only_benchmarks: bool = False

    @property
    def measures(self) -> bool:
        """Whether tests with a marker are to be measured."""
        return bool(
            self.report or self.benchmark_json or self.detect or self.compare or self.runs or self.only_benchmarks
        )

    @property
    def judges(self) -> bool:
        """Whether a verdict is to be made."""
        return self.detect or self.compare


def add_own(parser: pytest.Parser) -> None:
    """Add the options of this plugin."""
    group = parser.getgroup("performance", "performance tests (regress-action)")
    add = group.addoption
    add("--benchmark-report", metavar="FILE", type=Path, help="Write what was measured to this report.")
    add(
        "--regression-detection",
        metavar="BOOL",
        nargs="?",
        const=True,
        default=False,
        type=boolean,
        help="Judge the session against the history and the budgets; a regression at or above fail-on ends it with 1.",
    )
    add(
        "--baseline-comparison",
        metavar="BOOL",
        nargs="?",
        const=True,
        default=False,
        type=boolean,
        help="Show every benchmark beside its baseline.",
    )
    add("--threshold-config", metavar="FILE", help="YAML file of thresholds and budgets per service.")
    add("--history", metavar="WHERE", default=DEFAULT_HISTORY, help="Folder, or branch:NAME. Default: %(default)s")
    add("--leak-check", action="store_true", help="Repeat every test unchanged and fail those whose memory grows.")
    add("--leak-iterations", metavar="N", type=count, default=DEFAULT_LEAK_ITERATIONS, help="Default: %(default)s")
    add("--performance-runs", metavar="N", type=count, help="Measure each isolated test in N fresh processes.")
    add("--performance-seed", metavar="N", type=int, help="Repeat the order of an earlier session.")
    add(
        "--performance-limits",
        metavar="LIST",
        default={},
        type=limits,
        help="Limits of each measuring process, like memory=2GB,files=256,network=off.",
    )


def add_benchmark(parser: pytest.Parser) -> None:
    """Add the options of pytest-benchmark, with their names and defaults."""
    group = parser.getgroup("benchmark")
    add = group.addoption
    add("--benchmark-min-time", metavar="SECONDS", type=seconds, default="0.000005", help=f"Of a round. {_DEFAULT}")
    add("--benchmark-max-time", metavar="SECONDS", type=seconds, default="1.0", help=f"Of a benchmark. {_DEFAULT}")
    add("--benchmark-min-rounds", metavar="NUM", type=count, default=5, help=_DEFAULT)
    add("--benchmark-timer", metavar="FUNC", type=timer, default="time.perf_counter", help=_DEFAULT)
    add("--benchmark-calibration-precision", metavar="NUM", type=int, default=10, help=_DEFAULT)
    add("--benchmark-warmup", metavar="KIND", nargs="?", default="off", const="on", help=f"on or off. {_DEFAULT}")
    add("--benchmark-warmup-iterations", metavar="NUM", type=int, default=100_000, help=_DEFAULT)
    add("--benchmark-disable-gc", action="store_true", help="Disable the garbage collector while rounds are timed.")
    add("--benchmark-skip", action="store_true", help="Skip tests that use the benchmark fixture.")
    add("--benchmark-disable", action="store_true", help="Call benchmarked functions once, without timing.")
    add("--benchmark-enable", action="store_true", help="Undo --benchmark-disable.")
    add("--benchmark-only", action="store_true", help="Run only tests that use the benchmark fixture.")
    add("--benchmark-precision", metavar="FRACTION", type=float, help="End the rounds once their mean is so precise.")
    add("--benchmark-confidence", metavar="FRACTION", type=float, default=0.99, help=_DEFAULT)
    add("--codspeed", action="store_true", help="Measure the benchmarks and run nothing else, as pytest-codspeed does.")
    add("--codspeed-mode", choices=("walltime",), default="walltime", help="Only this mode is there. " + _DEFAULT)
    add("--codspeed-warmup-time", metavar="SECONDS", type=seconds, help=argparse.SUPPRESS)  # calibration warms up
    add("--codspeed-max-time", metavar="SECONDS", type=seconds, help="The same as --benchmark-max-time.")
    add("--codspeed-max-rounds", metavar="NUM", type=count, help="At most as many rounds of a benchmark.")
    _add_saving(add)
    add("--benchmark-cprofile", metavar="COLUMN", choices=call_profile.COLUMNS, help="Profile every function as well.")
    add("--benchmark-cprofile-loops", metavar="LOOPS", type=_loops, default=1, help="A number, or auto.")
    add("--benchmark-cprofile-top", metavar="COUNT", type=count, default=25, help=f"Rows of a profile. {_DEFAULT}")
    add("--benchmark-cprofile-dump", metavar="PREFIX", nargs="?", const="benchmark", help="Write PREFIX-TEST.prof.")
    add(
        "--benchmark-storage",
        metavar="URI",
        type=saved_runs.storage_folder,
        default=saved_runs.DEFAULT_STORAGE,
        help=f"Folder of saved runs. {_DEFAULT}.",
    )
    add("--benchmark-netrc", nargs="?", const="", help=argparse.SUPPRESS)  # only for servers
    _add_tables(add)


def _add_saving(add: Callable[..., None]) -> None:
    add("--benchmark-save", metavar="NAME", type=saved_runs.run_name, help="Save this run as NUMBER_NAME.json.")
    add("--benchmark-autosave", action="store_true", help="Save this run as NUMBER_COMMIT_TIME.json.")
    add("--benchmark-save-data", action="store_true", help="Save every round, not only the statistics.")
    add("--benchmark-json", metavar="PATH", type=Path, help="Write a file in the form of pytest-benchmark.")
    add(
        "--benchmark-compare",
        metavar="NUM|_ID",
        nargs="?",
        const="",
        help="Show a saved run beside this one: the last, or that whose name begins so.",
    )
    add(
        "--benchmark-compare-fail",
        metavar="EXPR",
        nargs="+",
        action="extend",
        type=saved_runs.regression_check,
        help="End with 1 where a statistic exceeds that of the saved run by more than min:5%% or mean:0.001 seconds.",
    )


def _add_tables(add: Callable[..., None]) -> None:
    add("--benchmark-verbose", action="store_true", help="Say how every benchmark is calibrated.")
    add("--benchmark-quiet", action="store_true", help="Print no table.")
    add("--benchmark-sort", metavar="COL", type=sorting, default="min", help=f"One of {', '.join(SORTS)}. {_DEFAULT}")
    add(
        "--benchmark-group-by",
        metavar="LABEL",
        default="group",
        help=f"One or several of {', '.join(GROUPINGS)}, param:NAME. {_DEFAULT}",
    )
    add("--benchmark-columns", metavar="LABELS", type=columns, help=f"Columns of the tables: {','.join(COLUMNS)}.")
    add("--benchmark-name", choices=NAMES, default="normal", metavar="FORMAT", help=f"{', '.join(NAMES)}. {_DEFAULT}")
    add("--benchmark-time-unit", choices=(*UNITS, "auto"), metavar="UNIT", help="One unit for all tables.")
    add(
        "--benchmark-histogram",
        metavar="FILENAME-PREFIX",
        nargs="?",
        const="benchmark",
        help="Draw a box for every benchmark, in a file for every group.",
    )


def peer_in_use(pluginmanager: pytest.PytestPluginManager) -> bool:
    """Whether pytest-benchmark or pytest-codspeed is installed and not blocked, so that theirs is the fixture."""
    peers = (("pytest_benchmark", "benchmark"), ("pytest_codspeed", "codspeed"))
    return any(
        find_spec(package) is not None and not pluginmanager.is_blocked(name) and not pluginmanager.is_blocked(package)
        for package, name in peers
    )


def request_of(config: pytest.Config) -> PerformanceRequest:
    """Return what the command line asked for."""
    option = config.option
    return PerformanceRequest(
        report=option.benchmark_report,
        benchmark_json=None if peer_in_use(config.pluginmanager) else option.benchmark_json,
        detect=option.regression_detection,
        compare=option.baseline_comparison,
        thresholds=option.threshold_config,
        history=option.history,
        leak_check=option.leak_check,
        leak_iterations=option.leak_iterations,
        runs=option.performance_runs,
        seed=option.performance_seed,
        limits=option.performance_limits,
        only_benchmarks=not peer_in_use(config.pluginmanager) and option.codspeed,
    )


def timing_of(config: pytest.Config, marker: pytest.Mark | None = None) -> TimingOptions:
    """Return how rounds are timed: by the `benchmark` marker of the test, else by the command line."""
    option = config.option
    given = dict(marker.kwargs) if marker else {}
    warmup = given.get("warmup", getattr(option, "benchmark_warmup", "off"))
    wanted = warmup if isinstance(warmup, bool) else str(warmup).lower() in _WARMUP_ON
    iterations = given.get("warmup_iterations", getattr(option, "benchmark_warmup_iterations", 100_000))
    chosen = {
        name: kind(value)
        for name, kind in _TIMING_KINDS.items()
        if (value := given.get(name, getattr(option, f"benchmark_{name}", None))) is not None
    }
    codspeed = {name: getattr(option, f"codspeed_{name}", None) for name in ("max_time", "max_rounds")}
    chosen |= {name: value for name, value in codspeed.items() if value is not None and name not in given}
    return TimingOptions(
        **chosen,
        warmup=int(iterations) if wanted else 0,
        timer=_timer(given.get("timer", getattr(option, "benchmark_timer", "time.perf_counter"))),
    )


def enabled(config: pytest.Config) -> bool:
    """Whether functions are timed: not when disabled, and not beside workers of pytest-xdist."""
    option = config.option
    return bool(option.benchmark_enable or not option.benchmark_disable) and not xdist_active(config)


def xdist_active(config: pytest.Config) -> bool:
    """Whether tests run in several workers, each of which would slow the others."""
    return hasattr(config, "workerinput") or getattr(config.option, "dist", "no") != "no"


def profiling_of(config: pytest.Config, marker: pytest.Mark | None = None) -> Profiling | None:
    """Return how functions are profiled besides, None where that was not asked for."""
    option = config.option
    if not (option.benchmark_cprofile or (marker and marker.kwargs.get("cprofile"))):
        return None
    dump = option.benchmark_cprofile_dump
    return Profiling(
        option.benchmark_cprofile or "cumtime",
        option.benchmark_cprofile_loops,
        option.benchmark_cprofile_top,
        config.invocation_params.dir / dump if dump else None,
    )


def boolean(text: str) -> bool:
    """Return what a word means.

    Raises:
        argparse.ArgumentTypeError: it is neither a yes nor a no.
    """
    word = text.lower()
    if word not in _TRUE + _FALSE:
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
    return word in _TRUE


def columns(text: str) -> tuple[str, ...]:
    """Return the columns of a table that a list names.

    Raises:
        argparse.ArgumentTypeError: there is no such column.
    """
    return _listed(text, COLUMNS)


def sorting(text: str) -> str:
    """Return the column by which tables are sorted.

    Raises:
        argparse.ArgumentTypeError: there is no such column.
    """
    if text not in SORTS:
        raise argparse.ArgumentTypeError(
            f"Unacceptable value: {text!r}. Value for --benchmark-sort must be one of: {', '.join(map(repr, SORTS))}."
        )
    return text


def seconds(text: str) -> float:
    """Return a number of seconds.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    try:
        return float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds") from error


def count(text: str) -> int:
    """Return a whole number from 1.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1")
    return int(text)


def timer(text: str) -> str:
    """Return the dotted name of a clock that can be imported.

    Raises:
        argparse.ArgumentTypeError: it is not dotted, or there is no such clock.
    """
    if "." not in text:
        raise argparse.ArgumentTypeError(
            "Value for --benchmark-timer must be in dotted form. Eg: 'module.attr'. Write time.perf_counter or another."
        )
    if not callable(_imported(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is no clock that can be imported; write one like time.perf_counter")
    return text


def _imported(name: str) -> Any:  # noqa: ANN401 - whatever has that name
    module, _, attribute = name.rpartition(".")
    try:
        return getattr(import_module("time" if module == "pep418" else module), attribute, None)
    except ImportError:
        return None


def _loops(text: str) -> int | None:
    return None if text == "auto" else count(text)


def _listed(text: str, choices: Sequence[str]) -> tuple[str, ...]:
    names = tuple(part.strip() for part in text.split(",") if part.strip())
    if wrong := [name for name in names if name not in choices]:
        raise argparse.ArgumentTypeError(f"{wrong[0]!r} is none of {', '.join(choices)}")
    return names


def limits(text: str) -> dict[str, Any]:
    """Return the limits of a measuring process: `memory_bytes`, `files`, and `network` as `off` or `loopback`.

    Raises:
        argparse.ArgumentTypeError: a limit is not known, or its value cannot be read.
    """
    read: dict[str, Any] = {}
    for part in filter(None, text.split(",")):
        name, _, value = part.strip().partition("=")
        size = _SIZE.fullmatch(value)
        if name == "memory" and size:
            read["memory_bytes"] = int(float(size[1]) * _SIZES[size[2].lower()])
        elif name == "files" and value.isdecimal():
            read["files"] = int(value)
        elif name == "network" and value == network_limit.LOOPBACK:
            read["network"] = value
        elif name == "network":
            read |= {} if boolean(value) else {"network": network_limit.OFF}
        else:
            raise argparse.ArgumentTypeError(f"{part!r} is no limit; write them like memory=2GB,files=256,network=off")
    return read


def _timer(named: object) -> Callable[[], float]:
    timer = getattr(named, "target", named)  # pytest-benchmark wraps it
    clock = timer if callable(timer) else _imported(str(timer))
    return clock if callable(clock) else time.perf_counter
