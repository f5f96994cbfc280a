"""The measurer's command line as one frozen value, and back."""

from __future__ import annotations

import argparse
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from regress_action.measure.errors import MeasureUsageError
from regress_action.measure.schedule import DEFAULT_PAIRS
from regress_action.measure.suite_command import STYLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

DEFAULT_RUNS = 5
INTERLEAVES = ("auto", "run", "benchmark", "lockstep", "parallel")


@dataclass(frozen=True, slots=True)
class Options:
    """Everything that one measurement was asked to do; times in seconds; without a base `pairs` counts single runs.

    `extends` says that more pairs are measured than `pairs` where they are short and not all is decided.
    """

    command: tuple[str, ...]
    out: Path
    repository: Path = Path()
    base: str | None = None
    head: str | None = None
    merge_base: bool = False
    fetch: bool = False
    pairs: int = DEFAULT_PAIRS
    warmup: int = 0
    budget_s: float | None = None
    setup: str | None = None
    carry: tuple[str, ...] = ()
    results: str | None = None
    suffix: str = ".json"
    suite: str = "default"
    timeout_s: float | None = None
    job_timeout_s: float | None = None
    retries: int = 0
    ok_status: tuple[int, ...] = ()
    cpus: tuple[int, ...] = ()
    hash_seed: int | None = None
    nice: int = 0
    clean_env: bool = False
    env_pass: tuple[str, ...] = ()
    select: tuple[str, ...] = ()
    select_style: str = "plain"
    decide: str | None = None
    extends: bool = False
    runtime: str | None = None
    events: int | None = None
    show_output: bool = False
    overwrite: bool = False
    stop_with_parent: int | None = None
    keep_trees: Path | None = None
    interleave: str = "auto"
    profile: int = 0
    profile_calls: int = 0
    profile_memory: int = 0
    trace: bool = False
    profile_if: str | None = None
    profile_command: str | None = None

    @property
    def sides(self) -> tuple[str, ...]:
        """The sides that are measured, in the order of the first pair."""
        return ("base", "head") if self.base else ("head",)


class _Parser(argparse.ArgumentParser):
    """An argument parser that raises our own error instead of exiting."""

    def error(self, message: str) -> NoReturn:
        raise MeasureUsageError(
            f"The command line is wrong: {message}.",
            meaning="Nothing was measured.",
            remedy="See `python -m regress_action.measure --help`.",
        )


def parse(arguments: Sequence[str]) -> Options:
    """Read a command line; what follows the first `--` is the suite's command.

    Raises:
        MeasureUsageError: an option is unknown, malformed or contradicts another.
    """
    words = list(arguments)
    cut = words.index("--") if "--" in words else len(words)
    values: dict[str, Any] = vars(_parser().parse_args(words[:cut]))
    command = tuple(words[cut + 1 :])
    if not any(word.strip() for word in command):
        raise MeasureUsageError(
            "There is no command to measure.",
            meaning="The suite's command follows a lone `--`.",
            remedy="For example: python -m regress_action.measure --out m -- pytest bench --benchmark-json={out}",
        )
    runs, pairs = values.pop("runs"), values.pop("pairs")
    _check_counts(values["base"], runs, pairs)
    if values["carry"] and not values["base"]:
        raise MeasureUsageError("--carry needs --base.", meaning="It copies the head's files into the base's worktree.")
    count = pairs or DEFAULT_PAIRS if values["base"] else runs or DEFAULT_RUNS
    extends = bool(values["base"] and values["decide"] and not pairs)
    budget = values.pop("budget_minutes")
    values |= {name: tuple(values[name]) for name in ("carry", "env_pass", "select")}
    return Options(command=command, pairs=count, budget_s=budget and budget * 60, extends=extends, **values)


def _check_counts(base: str | None, runs: int | None, pairs: int | None) -> None:
    if base and runs:
        raise MeasureUsageError(
            "--runs is for one side; with --base the count is --pairs.", remedy="Replace --runs by --pairs."
        )
    if pairs and not base:
        raise MeasureUsageError("--pairs needs --base.", remedy="Name a base, or replace --pairs by --runs.")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m regress_action.measure",
        usage="%(prog)s --out DIR [options] -- COMMAND...",
        description="Run a suite in fresh processes, base and head interleaved, and keep every result.",
        epilog="COMMAND: one argument is given to bash, several are run as they are. {out} in it is the result file "
        "of the run ($REGRESS_OUT too), {select} the selection. Exit codes: 0 measured, 2 the command line is wrong, "
        "3 nothing was measured, 4 git, disk or machine failed, 130 interrupted (what was measured is kept).",
        allow_abbrev=False,
    )
    _add_subject_options(parser.add_argument_group("what is measured"))
    _add_count_options(parser.add_argument_group("how often and how long"))
    _add_profile_options(parser.add_argument_group("profiles, taken after the timed runs"))
    _add_environment_options(parser.add_argument_group("isolation"))
    _add_output_options(parser.add_argument_group("what is printed"))
    return parser


def _add_subject_options(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--out", type=Path, required=True, metavar="DIR", help="where the measurement goes")
    add("--overwrite", action="store_true", help="replace a measurement that is already in DIR")
    add("--repository", type=Path, default=Path(), metavar="DIR", help="where the command runs (default: here)")
    add("--base", metavar="REF", help="compare with this commit, in a worktree of its own")
    add("--head", metavar="REF", help="measure this commit (default: what is on disk, uncommitted changes too)")
    add("--merge-base", action="store_true", help="take the commit where head left --base instead of its tip")
    add("--fetch", action="store_true", help="fetch a commit that a shallow clone lacks from origin")
    add("--carry", action="append", default=[], metavar="PATH", help="copy the head's PATH into the base's worktree")
    add("--setup", metavar="CMD", help="run once in each tree before measuring")
    add("--keep-trees", type=Path, metavar="DIR", help="keep trees that --setup prepared in DIR, and use them again")
    add("--results", metavar="PATH", help="file, folder or glob the suite writes; old ones are removed before a run")
    add("--suffix", default=".json", help="ending of the file that {out} names (default: .json)")
    add("--suite", default="default", metavar="NAME")
    add("--select", action="append", default=[], metavar="NAME", help="benchmarks that {select} stands for")
    add("--select-style", choices=sorted(STYLES), default="plain", help="how {select} is written (default: plain)")


def _add_count_options(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--pairs",
        type=_integer(1),
        metavar="N",
        help=f"pairs with --base (default: {DEFAULT_PAIRS}; with --decide up to 40 short ones)",
    )
    add("--runs", type=_integer(1), metavar="N", help=f"runs without --base (default: {DEFAULT_RUNS})")
    add("--warmup", type=_integer(0), default=0, metavar="N", help="runs per side that are not kept")
    add(
        "--budget-minutes",
        type=_seconds,
        metavar="M",
        help="start no pair that would end later than M minutes after the first run",
    )
    add("--timeout", dest="timeout_s", type=_seconds, metavar="S", help="limit of one run")
    add("--job-timeout", dest="job_timeout_s", type=_seconds, metavar="S", help="limit of everything, setup included")
    add(
        "--interleave",
        choices=INTERLEAVES,
        default="auto",
        help="how base and head alternate: whole runs, benchmarks, turns of milliseconds (lockstep), not at all "
        "(parallel), or the finest that the suite allows (default: auto)",
    )
    add("--retries", type=_integer(0), default=0, metavar="N", help="try a failed run again (default: 0)")
    add("--ok-status", type=_numbers, default=(), metavar="1,2", help="exit codes besides 0 with which a run is good")
    add("--decide", metavar="CMD", help="from pair 5 on run CMD MEASUREMENT to decide whether to go on, and with what")


def _add_profile_options(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--profile", type=_integer(0), default=0, metavar="N", help="sample the call stacks of N more pairs or runs")
    add("--profile-calls", type=_integer(0), default=0, metavar="N", help="count every call in N more pairs or runs")
    add("--profile-memory", type=_integer(0), default=0, metavar="N", help="record allocations in N more pairs")
    add("--trace", action="store_true", help="with --profile-if: trace what each test of pytest executes as well")
    add("--profile-if", metavar="CMD", help="run CMD MEASUREMENT to decide whether to profile, and which benchmarks")
    add("--profile-command", metavar="CMD", help="command that runs the suite and writes profiles into {profile}")


def _add_environment_options(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--cpus", type=_numbers, default=(), metavar="0,1", help="pin the suite to these CPUs")
    add("--nice", type=int, default=0, metavar="N", help="add N to the suite's niceness")
    add("--hash-seed", type=_integer(0), metavar="N", help="set PYTHONHASHSEED")
    add("--clean-env", action="store_true", help="pass on an allow-list of variables only, as in GitHub jobs")
    add("--env-pass", action="append", default=[], metavar="NAME", help="a variable that the suite gets in any case")


def _add_output_options(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--runtime", metavar="TEXT", help="the suite's language runtime, when it is not this Python")
    add("--events", type=_integer(0), metavar="FD", help="write JSON lines there instead of text")
    add("--stop-with-parent", type=_integer(1), metavar="PID", help="stop as by SIGTERM when the parent PID ends")
    add("--show-output", action="store_true", help="print what the suite printed, after each run")


def _integer(least: int) -> Callable[[str], int]:
    def integer(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
        if number < least:
            raise argparse.ArgumentTypeError(f"{number} is below {least}")
        return number

    return integer


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
    if not (math.isfinite(number) and number > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive, finite number")
    return number


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(sorted({int(part) for part in text.split(",")}))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of numbers like 0,1") from None


OptionValue = str | float | bool | Path | None


def measurer_argv(
    suite: Sequence[str], /, *, out: Path, python: str = sys.executable, **options: OptionValue | Iterable[str]
) -> list[str]:
    """Return the argument vector that measures `suite`, one shell line or several words.

    `options` are those of `python -m regress_action.measure --help` with underscores: True gives a lone flag, a
    list repeats the option, None and False leave it out. The interpreter needs psutil and the folder `source_root()`
    on its path; the suite does not get that folder.
    """
    words = [python, "-m", __package__, "--out", str(out)]
    for name, value in options.items():
        words += _option_words("--" + name.replace("_", "-"), value)
    return [*words, "--", *suite]


def source_root() -> Path:
    """Return the folder to put on PYTHONPATH where this package is not installed."""
    return Path(__file__).resolve().parents[2]


def _option_words(flag: str, value: OptionValue | Iterable[str]) -> list[str]:
    match value:
        case None | False:
            return []
        case True:
            return [flag]
        case str() | int() | float() | Path():
            # One word, so that a value which begins with a dash is not read as an option.
            return [f"{flag}={value}"]
    return [f"{flag}={item}" for item in value]
