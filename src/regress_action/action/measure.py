"""Start the measurer as a process of its own, follow its events, and judge what it wrote."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regress_action.measure.options import measurer_argv, source_root
from regress_action.measure.schedule import DEFAULT_PAIRS
from regress_action.measure.suite_command import SuiteCommand, style_of
from regress_action.model.errors import ExitCode, IncompleteError, InfrastructureError, RegressError, UsageError
from regress_action.model.files import write_replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from regress_action.action.judge import Judged, JudgingRules
    from regress_action.formats.measurement import Measurement
    from regress_action.settings import Settings

_LONGEST_TRACE_S = 6 * 3600.0
_SHELL = re.compile(r"[;&|<>`$()\n]")
_ERRORS: dict[int, type[RegressError]] = {ExitCode.USAGE: UsageError, ExitCode.INCOMPLETE: IncompleteError}


@dataclass(frozen=True, slots=True)
class IsolationOptions:
    """How the suite is kept away from its surroundings; the fields are the measurer's options."""

    cpus: str | None = None
    hash_seed: str | None = None
    nice: int | None = None
    clean_env: bool = False


@dataclass(frozen=True, slots=True)
class ProfileOptions:
    """What is profiled after the timed runs: pairs of sampled stacks, pairs in which calls are counted, and with what.

    With `confirmed` only regressions are profiled, and nothing where there is none. `command` runs the suite in the
    place of its own command and writes profiles into {profile}. `memory` are pairs in which allocations are recorded;
    where memory regressed they are recorded in any case.
    """

    pairs: int = 4
    calls: int = 1
    memory: int = 0
    confirmed: bool = False
    command: str = ""


@dataclass(frozen=True, slots=True)
class MeasurementSpec:
    """One measurement to be made: what the settings leave open."""

    command: Sequence[str]
    out: Path
    adaptive: bool = True
    job_timeout_s: float | None = None
    isolation: IsolationOptions = field(default_factory=IsolationOptions)
    select: Sequence[str] = ()
    keep_trees: Path | None = None
    head: str | None = None
    silent: bool = False
    profile: ProfileOptions | None = None
    warmup: int = 0


def run(settings: Settings, spec: MeasurementSpec, rules: JudgingRules) -> Judged | None:
    """Measure, write the reports under `spec.out`, and judge when there is a base.

    Raises:
        UsageError: there is no command, or a reference does not exist.
        IncompleteError: nothing was measured.
        InfrastructureError: git, the disk or the machine failed.
    """
    if not any(spec.command):
        raise UsageError(
            "There is nothing to measure: no command was given.",
            remedy="Put it after --, like: regress-action run -- pytest benchmarks --benchmark-json={out}",
        )
    write_replace(spec.out / ".gitignore", b"*\n")
    folder = spec.out / "measurement"
    if settings.carry and not settings.base:
        _print_progress("carry is ignored: without --base there is no other side to copy files to.")
    _measure(measurer_command(settings, spec, folder), silent=spec.silent)
    return judge_measurement(folder, spec, rules)


def measure_pairs(settings: Settings, spec: MeasurementSpec, *, quiet: bool = False) -> Measurement:
    """Measure `spec.head` against `settings.base` into `spec.out` and return what was measured, without a judgement.

    Raises:
        UsageError: a reference or a path does not exist.
        IncompleteError: a side could not be set up, or none of its runs succeeded.
        InfrastructureError: git, the disk or the machine failed.
    """
    from regress_action import formats

    write_replace(spec.out / ".gitignore", b"*\n")
    folder = spec.out / "measurement"
    _measure(measurer_command(settings, spec, folder), quiet=quiet)
    return formats.read_measurement(folder)


def trace_sides(settings: Settings, spec: MeasurementSpec, folder: Path) -> None:
    """Run `spec.command` once at each side into `folder`, whatever time it takes.

    Raises:
        IncompleteError: a side could not be set up, or the command failed.
        InfrastructureError: git, the disk or the machine failed.
    """
    write_replace(spec.out / ".gitignore", b"*\n")
    once = settings.model_copy(
        update={"runs": 1, "budget_minutes": None, "results": "", "timeout": _LONGEST_TRACE_S, "interleave": "run"}
    )
    _measure(measurer_command(once, spec, folder), quiet=True)


def judge_measurement(folder: Path, spec: MeasurementSpec, rules: JudgingRules) -> Judged | None:
    """Read a finished measurement, write `head.jsonl` and `base.jsonl` beside it, and judge head against base."""
    from regress_action import formats
    from regress_action.model import records
    from regress_action.report.numbers import count

    out = spec.out
    measured = formats.read_measurement(folder)
    write_replace(out / "head.jsonl", records.encode(measured.head))
    if measured.base is None:
        if not spec.silent:
            _print_progress(
                f"Measured {len(measured.head.series)} series in {count(len(measured.head.runs), 'run')}: "
                f"{out / 'head.jsonl'}"
            )
        return None
    write_replace(out / "base.jsonl", records.encode(measured.base))
    from regress_action.action.judge import judge_reports  # numpy must not load while something is measured

    return judge_reports([measured.base], [measured.head], rules, interim=spec.adaptive)


def measurer_command(settings: Settings, spec: MeasurementSpec, folder: Path) -> list[str]:
    """Return the command line of the measurer."""
    paired, command = bool(settings.base), SuiteCommand(tuple(spec.command))
    profiled = SuiteCommand((spec.profile.command if spec.profile else "",))
    return measurer_argv(
        spec.command,
        out=folder,
        overwrite=True,
        suite=settings.suite,
        base=settings.base or None,
        head=spec.head,
        pairs=settings.runs if paired else None,
        runs=None if paired else settings.runs or DEFAULT_PAIRS,
        warmup=spec.warmup or None,
        results=settings.results or None,
        setup=settings.setup or None,
        keep_trees=spec.keep_trees if settings.setup else None,
        carry=settings.carry if paired else (),
        budget_minutes=settings.budget_minutes,
        timeout=settings.timeout,
        job_timeout=spec.job_timeout_s,
        interleave=settings.interleave if paired else None,
        retries=settings.retries or None,
        ok_status=",".join(map(str, settings.ok_status)) or None,
        env_pass=settings.env_pass,
        select=spec.select,
        select_style=style_of(command.text) if command.obeys_selection or profiled.obeys_selection else None,
        decide=_decide_command(settings) if paired and spec.adaptive else None,
        profile=spec.profile.pairs if spec.profile else None,
        profile_calls=spec.profile.calls if spec.profile else None,
        profile_memory=(spec.profile.memory or None) if spec.profile else None,
        profile_command=(spec.profile.command or None) if spec.profile else None,
        trace=bool(spec.profile and spec.profile.confirmed and paired and can_be_traced(spec.command)) or None,
        profile_if=f"{_decide_command(settings)} --regressions" if spec.profile and spec.profile.confirmed else None,
        **asdict(spec.isolation),
    )


def untraceable(command: Sequence[str]) -> str | None:
    """Return why the code of a command cannot be traced: only one call of pytest, and nothing else, can be."""
    line = command[0] if len(command) == 1 else shlex.join(command)
    if len(command) == 1 and _SHELL.search(line):
        return "the command is more than one call of pytest"
    try:
        words = shlex.split(line)
    except ValueError:
        return "the command cannot be read"
    while words and re.fullmatch(r"[A-Za-z_]\w*=\S*", words[0]):
        words.pop(0)
    names = [word.rpartition("/")[2] for word in words[:3]]
    is_module = len(names) > 2 and re.fullmatch(r"python[\d.]*", names[0]) and words[1:3] == ["-m", "pytest"]  # noqa: PLR2004 - python -m pytest
    if names[:1] in (["pytest"], ["py.test"]) or is_module:
        return None
    return "the command is no plain call of pytest"


def can_be_traced(command: Sequence[str]) -> bool:
    """Whether what the tests of a command execute can be traced."""
    return untraceable(command) is None


def _decide_command(settings: Settings) -> str:
    """Return the shell command by which the measurer asks whether to go on."""
    words = [sys.executable, "-m", "regress_action", "decide"]
    if settings.runs:
        words.append(f"--pairs={settings.runs}")
    for option, value in (("thresholds", settings.thresholds), ("config", settings.config)):
        if value and Path(value).exists():
            words.append(f"--{option}={Path(value).resolve()}")
    return shlex.join(words)


_FORWARDED = [signal.Signals[name] for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


def _measure(line: list[str], *, quiet: bool = False, silent: bool = False) -> None:
    """Run the measurer and render its events until it ends, `quiet` on a terminal only; signals are passed on to it.

    `silent` renders nothing at all.

    Raises:
        RegressError: the measurer's error, as ours.
        KeyboardInterrupt: a signal asked to stop.
    """
    reader, writer = os.pipe()
    split = line.index("--out")
    line[split:split] = ["--events", str(writer), f"--stop-with-parent={os.getpid()}"]
    searched = os.pathsep.join(filter(None, (str(source_root()), os.environ.get("PYTHONPATH"))))
    received: list[int] = []
    measurers: list[subprocess.Popen[bytes]] = []

    def forward(number: int, _frame: object) -> None:
        received.append(number)
        for measurer in measurers:
            measurer.send_signal(number)

    # What the caller ignores, as nohup does, stays ignored, for the measurer as well.
    handled = [number for number in _FORWARDED if signal.getsignal(number) is not signal.SIG_IGN]
    previous = {number: signal.signal(number, forward) for number in handled}
    try:
        with subprocess.Popen(line, pass_fds=(writer,), env={**os.environ, "PYTHONPATH": searched}) as measurer:  # noqa: S603 - our own module
            measurers.append(measurer)
            for number in received:
                measurer.send_signal(number)
            os.close(writer)
            error = _follow(reader, quiet=silent or (quiet and not sys.stderr.isatty()))
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    _check(measurer.returncode, error)
    if received:
        raise KeyboardInterrupt


def _follow(reader: int, *, quiet: bool) -> dict[str, Any]:
    """Show the events that arrive at `reader` and return the error among them, if there was one."""
    from rich.console import Console

    from regress_action.report import progress

    error: dict[str, Any] = {}

    def events(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
        for line in lines:
            event = json.loads(line)
            if event["event"] == "error":
                error.update(event)
            else:
                yield event

    with os.fdopen(reader, encoding="utf-8") as lines:
        progress.follow(events(lines), Console(stderr=True, highlight=False, quiet=quiet))
    return error


def _check(status: int, error: dict[str, Any]) -> None:
    """Raise the error or the interrupt with which the measurer ended."""
    if status == ExitCode.OK:
        return
    if status in {128 + signal.SIGINT, -signal.SIGINT}:
        raise KeyboardInterrupt
    raise _ERRORS.get(status, InfrastructureError)(
        str(error.get("what") or f"The measurer ended with status {status}."),
        meaning=str(error.get("meaning") or ""),
        remedy=str(error.get("remedy") or ""),
    )


def _print_progress(sentence: str) -> None:
    print(sentence, file=sys.stderr)  # noqa: T201 - progress belongs on standard error
