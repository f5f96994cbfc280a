"""Run every benchmark of a pytest suite in a process of its own, and collect what the tracing plugin saw.

    python driver.py OUT COMMAND

COMMAND is the JSON list of its words in hexadecimal digits, so that the measurer finds no {out} in it. The driver
stands in the place of the suite's command, in the suite's folder and environment. OUT gets one JSON object:
{"schema": 1, "problem": null | "sentence", "benchmarks": {name: trace}}. It needs the standard library only.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

PLUGIN = "regress_tracing"
_MOST_BENCHMARKS = 2000


def main(arguments: list[str]) -> int:
    """Trace the suite; a problem is written too, since what is not known counts as reachable."""
    out, command = Path(arguments[0]), json.loads(bytes.fromhex(arguments[1]))
    content: dict[str, object] = {"schema": 1, "problem": None, "benchmarks": {}}
    try:
        content["benchmarks"] = trace_all(command)
    except RuntimeError as error:
        content["problem"] = str(error)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(content), encoding="utf-8")
    return 0


def trace_all(command: list[str]) -> dict[str, dict[str, object]]:
    """Return the trace of every benchmark by its name.

    Raises:
        RuntimeError: the suite could not be listed; the message says why.
    """
    with tempfile.TemporaryDirectory(prefix="regress-trace-") as scratch:
        listed = _run(command, Path(scratch), None)
        if listed is None or not listed["items"]:
            raise RuntimeError("the tests could not be listed: pytest did not load the plugin, or found no test")
        names = [str(name) for name in listed["items"]]
        if len(names) > _MOST_BENCHMARKS:
            raise RuntimeError(f"there are more than {_MOST_BENCHMARKS:,} tests")
        traces: dict[str, dict[str, object]] = {}
        for name in names:
            began = time.monotonic()
            trace = _run(command, Path(scratch), name)
            if trace is not None:
                traces[name] = {**trace, "items": [], "elapsed_s": round(time.monotonic() - began, 3)}
        return traces


def _run(command: list[str], scratch: Path, item: str | None) -> dict[str, Any] | None:
    """Run the suite's command with one test, or with none; return what the plugin wrote, None where it did not."""
    trace = scratch / "trace.json"
    trace.unlink(missing_ok=True)
    variables = dict(os.environ)
    paths = [str(Path(__file__).resolve().parent), variables.get("PYTHONPATH", "")]
    variables["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    variables["PYTEST_ADDOPTS"] = f"{variables.get('PYTEST_ADDOPTS', '')} -p {PLUGIN}".strip()
    variables["REGRESS_TRACE_ROOT"] = _top()
    variables["REGRESS_TRACE_OUT"] = str(trace)
    variables.pop("REGRESS_TRACE_ITEM", None)
    if item is not None:
        variables["REGRESS_TRACE_ITEM"] = item
    words = [word.replace("{out}", str(scratch / "result.json")).replace("{select}", "") for word in command]
    line = ["bash", "-c", words[0]] if len(words) == 1 else [word for word in words if word]
    subprocess.run(  # noqa: S603 - the suite's own command
        line, env=variables, stdout=sys.stderr, stdin=subprocess.DEVNULL, check=False
    )
    try:
        content: dict[str, Any] = json.loads(trace.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content


def _top() -> str:
    """Return the top of the tree in which this runs."""
    shown = subprocess.run(
        ["git", "rev-parse", "--show-toplevel"],  # noqa: S607 - the user's own git
        capture_output=True,
        text=True,
        check=False,
    )
    return shown.stdout.strip() or str(Path.cwd())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
