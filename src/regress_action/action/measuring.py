"""Start the measurer as a process of its own, follow it, and judge what it left."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regress_action.measure.options import measurer_argv, source_root
from regress_action.model.errors import ExitCode, IncompleteError, InfrastructureError, RegressError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from regress_action.action.judging import Judged
    from regress_action.settings import Settings

_ERRORS: dict[int, type[RegressError]] = {ExitCode.USAGE: UsageError, ExitCode.INCOMPLETE: IncompleteError}


@dataclass(frozen=True, slots=True)
class Isolation:
    """How the suite is kept away from its surroundings; the fields are the measurer's options."""

    cpus: str | None = None
    hash_seed: str | None = None
    nice: int | None = None
    clean_env: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """One measurement to be made: what the settings leave open."""

    command: Sequence[str]
    out: Path
    adaptive: bool = True
    job_timeout_s: float | None = None
    isolation: Isolation = field(default_factory=Isolation)
    select: Sequence[str] = ()
    select_style: str = "plain"


def run(settings: Settings, order: Order) -> Judged | None:
    """Measure, keep the reports under `order.out`, and judge when there is a base.

    Raises:
        UsageError: there is no command, or a reference does not exist.
        IncompleteError: nothing was measured.
    """
    if not any(order.command):
        raise UsageError(
            "There is nothing to measure: no command was given.",
            remedy="Put it after --, like: regress-action run -- pytest benchmarks --benchmark-json={out}",
        )
    order.out.mkdir(parents=True, exist_ok=True)
    (order.out / ".gitignore").write_text("*\n")
    folder = order.out / "measurement"
    _measure(argv(settings, order, folder))
    return judge_measurement(folder, settings, order)


def judge_measurement(folder: Path, settings: Settings, order: Order) -> Judged | None:
    """Read a finished measurement, write `head.jsonl` and `base.jsonl` beside it, and judge head against base."""
    from regress_action import formats
    from regress_action.model import records

    out = order.out
    measured = formats.read_measurement(folder)
    (out / "head.jsonl").write_bytes(records.encode(measured.head))
    if measured.base is None:
        _tell(f"Measured {len(measured.head.series)} series in {len(measured.head.runs)} runs: {out / 'head.jsonl'}")
        return None
    (out / "base.jsonl").write_bytes(records.encode(measured.base))
    from regress_action.action.judging import judge_reports  # numpy must not load while something is measured

    return judge_reports([measured.base], [measured.head], settings, looked=order.adaptive)


def argv(settings: Settings, order: Order, folder: Path) -> list[str]:
    """Return the command line of the measurer."""
    paired = bool(settings.base)
    return measurer_argv(
        order.command,
        out=folder,
        overwrite=True,
        suite=settings.suite,
        base=settings.base or None,
        pairs=settings.runs if paired else None,
        runs=None if paired else settings.runs,
        results=settings.results or None,
        setup=settings.setup or None,
        carry=settings.carry,
        budget_minutes=settings.budget_minutes,
        timeout=settings.timeout,
        job_timeout=order.job_timeout_s,
        retries=settings.retries or None,
        select=order.select,
        select_style=order.select_style if order.select else None,
        decide=_decider(settings) if paired and order.adaptive else None,
        **asdict(order.isolation),
    )


def _decider(settings: Settings) -> str:
    """Return the shell command by which the measurer asks us whether to go on."""
    words = [sys.executable, "-m", "regress_action", "decide", f"--pairs={settings.runs}"]
    for option, value in (("thresholds", settings.thresholds), ("config", settings.config)):
        if value and Path(value).exists():
            words.append(f"--{option}={Path(value).resolve()}")
    return shlex.join(words)


def _measure(line: list[str]) -> None:
    """Run the measurer and render its events until it ends; an interrupt is the measurer's to handle."""
    reader, writer = os.pipe()
    split = line.index("--out")
    line[split:split] = ["--events", str(writer)]
    searched = os.pathsep.join(filter(None, (str(source_root()), os.environ.get("PYTHONPATH"))))
    previous = signal.signal(signal.SIGINT, lambda *_: None)  # a handler is reset in the child, SIG_IGN would not be
    try:
        with subprocess.Popen(line, pass_fds=(writer,), env={**os.environ, "PYTHONPATH": searched}) as measurer:  # noqa: S603 - our own module
            os.close(writer)
            complaint = _follow(reader)
    finally:
        signal.signal(signal.SIGINT, previous)
    _check(measurer.returncode, complaint)


def _follow(reader: int) -> dict[str, Any]:
    """Show the events that arrive at `reader` and return the error among them, if there was one."""
    from rich.console import Console

    from regress_action.report import progress

    complaint: dict[str, Any] = {}

    def heard(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
        for line in lines:
            event = json.loads(line)
            if event["event"] == "error":
                complaint.update(event)
            else:
                yield event

    with os.fdopen(reader, encoding="utf-8") as lines:
        progress.follow(heard(lines), Console(stderr=True, highlight=False))
    return complaint


def _check(status: int, complaint: dict[str, Any]) -> None:
    """Turn the measurer's end into our own: its error becomes ours, its interrupt is one."""
    if status == ExitCode.OK:
        return
    if status in {128 + signal.SIGINT, -signal.SIGINT}:
        raise KeyboardInterrupt
    raise _ERRORS.get(status, InfrastructureError)(
        str(complaint.get("what") or f"The measurer ended with status {status}."),
        meaning=str(complaint.get("meaning") or ""),
        remedy=str(complaint.get("remedy") or ""),
    )


def _tell(sentence: str) -> None:
    print(sentence, file=sys.stderr)  # noqa: T201 - progress belongs on standard error
