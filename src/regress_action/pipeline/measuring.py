"""Start the measurer as a process of its own, follow it, and judge what it left."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regress_action.errors import ExitCode, IncompleteError, InfrastructureError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from regress_action.pipeline.judging import Judged
    from regress_action.settings import Settings

_INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Isolation:
    """How the suite is kept away from its surroundings."""

    cpus: str | None = None
    hash_seed: str | None = None
    nice: int | None = None
    clean_env: bool = False

    def options(self) -> list[str]:
        """Return the measurer's options."""
        named = {"--cpus": self.cpus, "--hash-seed": self.hash_seed, "--nice": self.nice}
        given = [part for name, value in named.items() if value is not None for part in (name, str(value))]
        return [*given, *(["--clean-env"] if self.clean_env else [])]


@dataclass(frozen=True, slots=True)
class Order:
    """One measurement to be made: what the settings leave open."""

    command: Sequence[str]
    out: Path
    adaptive: bool = True
    job_timeout_s: float | None = None
    isolation: Isolation = field(default_factory=Isolation)
    select: Sequence[str] = ()
    decide_options: Sequence[str] = ()


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
    _measure(options_of(settings, order, folder))
    return judge_measurement(folder, settings, order.out)


def judge_measurement(folder: Path, settings: Settings, out: Path) -> Judged | None:
    """Read a finished measurement, write `head.jsonl` and `base.jsonl` under `out`, and judge head against base."""
    from regress_action import formats, records

    measured = formats.read_measurement(folder)
    (out / "head.jsonl").write_bytes(records.encode(measured.head))
    if measured.base is None:
        _told(f"Measured {len(measured.head.runs)} runs of {len(measured.head.series)} series: {out / 'head.jsonl'}")
        return None
    (out / "base.jsonl").write_bytes(records.encode(measured.base))
    from regress_action.pipeline.judging import judge_reports

    return judge_reports([measured.base], [measured.head], settings)


def options_of(settings: Settings, order: Order, folder: Path) -> list[str]:
    """Return the measurer's command line, without the interpreter."""
    named: dict[str, Any] = {
        "--out": folder,
        "--suite": settings.suite,
        "--results": settings.results or None,
        "--setup": settings.setup or None,
        "--budget-minutes": settings.budget_minutes,
        "--timeout": settings.timeout,
        "--job-timeout": order.job_timeout_s,
        "--retries": settings.retries or None,
    }
    named |= {"--base": settings.base, "--pairs": settings.runs} if settings.base else {"--runs": settings.runs}
    options = [part for name, value in named.items() if value is not None for part in (name, str(value))]
    options += [part for path in settings.carry for part in ("--carry", path)]
    options += [part for name in order.select for part in ("--select", name)]
    options += order.isolation.options()
    if order.adaptive and settings.base:
        decide = [
            sys.executable,
            "-m",
            "regress_action",
            "decide",
            "--pairs",
            str(settings.runs),
            *order.decide_options,
        ]
        for name, value in (("--thresholds", settings.thresholds), ("--config", settings.config)):
            if value and Path(value).exists():
                decide += [name, str(Path(value).resolve())]
        options += ["--decide", shlex.join(decide)]
    return [*options, "--", *order.command]


def _measure(options: list[str]) -> None:
    """Run the measurer and render its events until it ends; interrupts are its to handle."""
    reader, writer = os.pipe()
    line = [sys.executable, "-m", "regress_action.measure", "--events", str(writer), *options]
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with subprocess.Popen(  # noqa: S603 - our own module
            line,
            pass_fds=(writer,),
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=_default_interrupt,  # noqa: PLW1509 - single-threaded here
        ) as measurer:
            os.close(writer)
            _follow(reader)
            complaint = measurer.stderr.read() if measurer.stderr else ""
    finally:
        signal.signal(signal.SIGINT, previous)
    _check(measurer.returncode, complaint.strip())


def _default_interrupt() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _follow(reader: int) -> None:
    from rich.console import Console

    from regress_action.report import progress

    with os.fdopen(reader, encoding="utf-8") as lines:
        progress.follow(_events(lines), Console(stderr=True, highlight=False))


def _events(lines: Iterator[str] | Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - a text stream
    for line in lines:
        yield json.loads(line)


def _check(status: int, complaint: str) -> None:
    """Turn the measurer's exit status into our own error; what it printed is the explanation."""
    what, _, rest = complaint.partition("\n")
    if status == ExitCode.OK:
        if complaint:
            _told(complaint)
        return
    if status in {_INTERRUPTED, -signal.SIGINT}:
        raise KeyboardInterrupt
    kind = {ExitCode.USAGE: UsageError, ExitCode.INCOMPLETE: IncompleteError}.get(
        ExitCode(status) if status in set(ExitCode) else ExitCode.INFRASTRUCTURE, InfrastructureError
    )
    raise kind(
        what.removeprefix("regress-action: ") or f"The measurer ended with status {status}.", meaning=rest.strip()
    )


def _told(sentence: str) -> None:
    print(sentence, file=sys.stderr)  # noqa: T201 - progress belongs on standard error
