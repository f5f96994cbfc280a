"""The plugin's command line options, and those of pytest-benchmark where that package is not in use."""

from __future__ import annotations

import argparse
import re
import time
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from regress_action.pytest_plugin.tables import COLUMNS, GROUPINGS, NAMES, SORTS
from regress_action.pytest_plugin.timing import TimingOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

DEFAULT_HISTORY = ".regress/history"
DEFAULT_RUNS = 5
DEFAULT_LEAK_ITERATIONS = 200
_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
_SIZE = re.compile(r"([0-9.]+)\s*([kKmMgG]?[bB])")
_SIZES = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9}
_TIMING_KINDS: dict[str, Any] = {  # pytest-benchmark keeps some of its options as text
    "min_rounds": int,
    "max_time": float,
    "min_time": float,
    "disable_gc": bool,
    "calibration_precision": int,
    "precision": float,
    "confidence": float,
}
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

_WITHOUT_EFFECT: dict[str, Any] = {
    "--benchmark-save": None,
    "--benchmark-autosave": 0,
    "--benchmark-save-data": 0,
    "--benchmark-storage": None,
    "--benchmark-netrc": "?",
    "--benchmark-histogram": "?",
    "--benchmark-cprofile": None,
}
"""Options of pytest-benchmark that suites name in their settings → how many values follow."""
_COMPARING = ("--benchmark-compare", "--benchmark-compare-fail")


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
    """Add the options of pytest-benchmark that have a meaning here, with their names and defaults."""
    group = parser.getgroup("benchmark", "benchmark fixture (regress-action)")
    add = group.addoption
    add("--benchmark-min-time", metavar="SECONDS", type=float, default=0.000005)
    add("--benchmark-max-time", metavar="SECONDS", type=float, default=1.0)
    add("--benchmark-min-rounds", metavar="NUM", type=count, default=5)
    add("--benchmark-precision", metavar="FRACTION", type=float, help="End the rounds once their mean is so precise.")
    add("--benchmark-confidence", metavar="FRACTION", type=float, default=0.99)
    add("--benchmark-timer", metavar="FUNC", type=timer, default="time.perf_counter")
    add("--benchmark-calibration-precision", metavar="NUM", type=int, default=10)
    add("--benchmark-warmup", metavar="KIND", nargs="?", default="off", const="on")
    add("--benchmark-warmup-iterations", metavar="NUM", type=int, default=100_000)
    add("--benchmark-disable-gc", action="store_true", help="Disable the garbage collector while rounds are timed.")
    add("--benchmark-skip", action="store_true", help="Skip tests that use the benchmark fixture.")
    add("--benchmark-only", action="store_true", help="Run only tests that use the benchmark fixture.")
    add("--benchmark-disable", action="store_true", help="Call benchmarked functions once, without timing.")
    add("--benchmark-enable", action="store_true", help="Undo --benchmark-disable.")
    add("--benchmark-json", metavar="FILE", type=Path, help="Write a file in the form of pytest-benchmark.")
    add("--benchmark-quiet", action="store_true", help="Print no table.")
    add("--codspeed", action="store_true", help="Measure the benchmarks and run nothing else, as pytest-codspeed does.")
    add("--benchmark-verbose", action="store_true", help=argparse.SUPPRESS)
    for name, values in _WITHOUT_EFFECT.items():
        if values == 0:
            add(name, action="store_const", const="", help=argparse.SUPPRESS)
        else:
            add(name, nargs=values, const="" if values else None, help=argparse.SUPPRESS)
    for name in _COMPARING:
        add(name, nargs="?", const="", action="append", help=argparse.SUPPRESS)
    add("--benchmark-columns", metavar="LIST", type=columns, help=f"Columns of the tables: {','.join(COLUMNS)}.")
    add("--benchmark-sort", choices=SORTS, metavar="COLUMN", help=f"Order of the tables: {', '.join(SORTS)}.")
    add("--benchmark-group-by", metavar="LIST", type=groupings, help=f"{', '.join(GROUPINGS)} or param:NAME.")
    add("--benchmark-name", choices=NAMES, metavar="STYLE", help=f"How tests are named: {', '.join(NAMES)}.")
    add("--benchmark-time-unit", choices=("ns", "us", "ms", "s"), metavar="UNIT", help="One unit for all tables.")


def without_effect(config: pytest.Config) -> list[str]:
    """Return the options of pytest-benchmark that were given, are accepted because suites name them, and do nothing."""
    return [name for name in _WITHOUT_EFFECT if getattr(config.option, _destination(name)) is not None]


def refuse_comparison(config: pytest.Config) -> None:
    """Refuse the comparisons of pytest-benchmark: a gate that is silently not there would let everything pass.

    Raises:
        pytest.UsageError: one of them was given.
    """
    if given := [name for name in _COMPARING if getattr(config.option, _destination(name))]:
        raise pytest.UsageError(
            f"{given[0]} needs pytest-benchmark, which is not in use.\n"
            "--regression-detection compares with the history in its place."
        )


def _destination(option: str) -> str:
    return option.removeprefix("--").replace("-", "_")


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
    return TimingOptions(
        **chosen,
        warmup=int(iterations) if wanted else 0,
        timer=_timer(given.get("timer", getattr(option, "benchmark_timer", "time.perf_counter"))),
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


def groupings(text: str) -> str:
    """Return the labels by which the tables are grouped, as they were written.

    Raises:
        argparse.ArgumentTypeError: there is no such label.
    """
    _listed(",".join(part for part in text.split(",") if not part.startswith("param:")), GROUPINGS)
    return text


def count(text: str) -> int:
    """Return a whole number from 1.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1")
    return int(text)


def timer(text: str) -> str:
    """Return the dotted name of a clock of the module time.

    Raises:
        argparse.ArgumentTypeError: there is no such clock.
    """
    module, _, name = text.rpartition(".")
    if module != "time" or not callable(getattr(time, name, None)):
        raise argparse.ArgumentTypeError(f"{text!r} is no clock; write one of the module time, like time.perf_counter")
    return text


def _listed(text: str, choices: Sequence[str]) -> tuple[str, ...]:
    names = tuple(part.strip() for part in text.split(",") if part.strip())
    if wrong := [name for name in names if name not in choices]:
        raise argparse.ArgumentTypeError(f"{wrong[0]!r} is none of {', '.join(choices)}")
    return names


def limits(text: str) -> dict[str, Any]:
    """Return the limits of a measuring process: `memory_bytes`, `files`, and `network` as True or False.

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
        elif name == "network":
            read["network"] = boolean(value)
        else:
            raise argparse.ArgumentTypeError(f"{part!r} is no limit; write them like memory=2GB,files=256,network=off")
    return read


def _timer(named: object) -> Callable[[], float]:
    timer = getattr(named, "target", named)  # pytest-benchmark wraps it
    return timer if callable(timer) else getattr(time, str(timer).rpartition(".")[2], time.perf_counter)
