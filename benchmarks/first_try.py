"""What `init` and a first measurement make of repositories that nobody adapted: found, configured, measured.

`make bench-first-try ARGS="REPOSITORY… [--json]"`. Each repository is cloned into a sandbox folder. There, `init` runs
with its trial, then `run --base HEAD~5` with three pairs. The repository itself is not touched. Its code is executed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

BACK, PAIRS = 5, 3
START = "from regress_action.cli import main; main()"
SECRET = re.compile(r"TOKEN|SECRET|PASSWORD|KEY|CREDENTIAL", re.IGNORECASE)


@dataclass(frozen=True)
class Attempt:
    """What became of one repository; `change` is what a person had to change, empty where nothing."""

    repository: str
    kind: str
    configured: bool
    refused: str
    measured: bool
    benchmarks: int
    minutes: float
    change: str


def program(folder: Path, *words: str, limit_s: float) -> tuple[int | None, str]:
    """Run this program in `folder`; return its exit status, None after `limit_s` seconds, and what it printed."""
    environ = {name: value for name, value in os.environ.items() if not SECRET.search(name) and name != "PYTHONPATH"}
    temporary = folder.parent / "tmp"
    temporary.mkdir(exist_ok=True)
    environ |= {"TMPDIR": str(temporary), "XDG_CACHE_HOME": str(folder.parent / "cache"), "COLUMNS": "200"}
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    for variable, name in (("PIP_CACHE_DIR", "pip"), ("UV_CACHE_DIR", "uv"), ("GOCACHE", "go-build")):
        environ[variable] = str(cache / name)
    log = folder.parent / f"{words[0]}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", START, *words],
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status: int | None = process.wait(limit_s)
        except subprocess.TimeoutExpired:
            status = None
            process.send_signal(signal.SIGINT)  # a measurement ends its suite and tells what it has
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(30)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    return status, log.read_text(errors="replace")


def attempt(repository: str, limit_s: float, logs: Path | None) -> Attempt:
    """Clone one repository, and try it."""
    began = time.monotonic()
    name = Path(repository).parent.name if Path(repository).name in (".git", "repo") else Path(repository).name
    with tempfile.TemporaryDirectory(prefix="first-try-", ignore_cleanup_errors=True) as sandbox:
        folder = Path(sandbox) / "project"
        subprocess.run(["git", "clone", "--quiet", repository, str(folder)], check=True)
        status, printed = program(folder, "init", "--action", "acme/regress-action@v1", limit_s=limit_s)
        config = folder / "regress.yml"
        written = config.read_text() if config.is_file() else ""
        found = re.search(r"^Found ([\w+#. -]+):", printed, re.MULTILINE)
        tried = re.findall(r"^Tried it: ([\w+#. -]+) was measured", printed, re.MULTILINE)
        missing = None if tried else re.search(r"^Missing(?: here)?: (.*)", printed, re.MULTILINE)
        kind = tried[0] if tried else found[1] if found else "nothing"
        if "init: first" in printed or "# This is a first benchmark" in written:
            kind += " (a first benchmark)"
        said, benchmarks, measured = "", 0, False
        if status == 0 and written and not missing:
            base = f"HEAD~{min(BACK, depth(folder) - 1)}"
            words = ["run", "--base", base, "--pairs", str(PAIRS), "--budget-minutes", f"{limit_s / 60 / 2:g}"]
            words += ["--json", str(folder.parent / "verdict.json")]
            status, said = program(folder, *words, limit_s=limit_s)
            benchmarks, measured = understood(folder.parent / "verdict.json")
        if logs:
            logs.mkdir(parents=True, exist_ok=True)
            (logs / f"{name}.txt").write_text(f"{printed}\n{written}\n{said}")
    last = [line.strip() for line in (said or printed).splitlines() if line.strip()][-3:]
    change = "" if measured or missing else f"exit {status}: {' / '.join(last)}"[:400]
    minutes = (time.monotonic() - began) / 60
    refused = missing[1] if missing else ""
    return Attempt(name, kind, bool(written) and not missing, refused, measured, benchmarks, round(minutes, 1), change)


def depth(folder: Path) -> int:
    """Return the number of commits along the first parents."""
    words = ["git", "-C", str(folder), "rev-list", "--count", "--first-parent", "HEAD"]
    return int(subprocess.run(words, check=True, capture_output=True, text=True).stdout)


def understood(file: Path) -> tuple[int, bool]:
    """Return how many benchmarks were compared on both sides, and whether there is at least one."""
    if not file.is_file():
        return 0, False
    rows = json.loads(file.read_text())["comparisons"]
    both = {row["benchmark"] for row in rows if row["ratio"] is not None}
    return len(both), bool(both)


def table(attempts: list[Attempt]) -> str:
    """Return the table for people, and the shares below it."""
    lines = [
        f"{'repository':38} {'found':34} {'configured':10} {'measured':8} {'benchmarks':>10} {'minutes':>7}  change"
    ]
    for row in attempts:
        configured = "yes" if row.configured else "refused" if row.refused else "no"
        measured = "yes" if row.measured else "no"
        head = f"{row.repository:38.38} {row.kind:34.34} {configured:10} {measured:8}"
        lines.append(f"{head} {row.benchmarks:10} {row.minutes:7.1f}  {row.refused or row.change}")
    count = len(attempts)
    measured_count = sum(row.measured for row in attempts)
    settled = sum(row.configured or bool(row.refused) for row in attempts)
    lines.append(f"{measured_count} of {count} measured without an edit, {settled} configured or refused with a reason")
    return "\n".join(lines)


def main() -> None:
    """Try every repository of the command line, and print the table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("repositories", nargs="+", metavar="REPOSITORY", help="a folder or a git directory")
    parser.add_argument(
        "--limit", type=float, default=600.0, metavar="SECONDS", help="of init, and of run; default 600"
    )
    parser.add_argument("--logs", type=Path, metavar="DIR", help="keep what was printed and written")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    attempts = [attempt(repository, options.limit, options.logs) for repository in options.repositories]
    if options.json:
        print(json.dumps({"schema": 1, "attempts": [asdict(row) for row in attempts]}, indent=1))
    else:
        print(table(attempts))


if __name__ == "__main__":
    main()
