"""What the action costs beside the suite: image size, start-up, the overhead of a step, a whole analysis.

`make bench-container` prints a table, `ARGS=--json` JSON. Needs Docker; builds the image where it is missing.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

LAUNCH = Path(__file__).resolve().parent.parent / "bin/launch"
BENCHMARKS, PAIRS, ROUNDS = 100, 10, 9
SHA = {"head": "a" * 40, "base": "b" * 40}


def seconds(*words: str | Path, **environ: str) -> float:
    """Return the median wall time of a process over ROUNDS starts, after one that warms the caches."""
    times = []
    for _ in range(ROUNDS + 1):
        began = time.perf_counter()
        done = subprocess.run(list(map(str, words)), check=False, env={**os.environ, **environ}, capture_output=True)
        times.append(time.perf_counter() - began)
        if done.returncode:
            raise SystemExit(f"{words} ended with {done.returncode}:\n{done.stdout.decode()}{done.stderr.decode()}")
    return statistics.median(times[1:])


def newest_image() -> str:
    """Build the image where it is missing, and return its name.

    Raises:
        SystemExit: no engine answers, or the image is missing and its base cannot be fetched.
    """
    key = subprocess.run([LAUNCH, "--key"], check=True, capture_output=True, text=True).stdout.strip()
    if subprocess.run(["docker", "version"], check=False, capture_output=True).returncode:
        raise SystemExit("No Docker engine answers. `bash .ci/engine FOLDER` starts one; as root, on Debian.")
    here = subprocess.run(["docker", "image", "inspect", f"regress-action:{key}"], check=False, capture_output=True)
    environ = {**os.environ, "REGRESS_ENGINE": "docker"}
    if (
        here.returncode
        and subprocess.run([LAUNCH, "--version"], check=False, capture_output=True, env=environ).returncode
    ):
        raise SystemExit(
            "The image cannot be built, because its base cannot be fetched from a registry. "
            "`bash .ci/engine FOLDER` makes base and image without one."
        )
    line = ["docker", "images", "--format", "{{.Repository}}:{{.Tag}}", "regress-action"]
    return subprocess.run(line, check=True, capture_output=True, text=True).stdout.split()[0]


def compressed_bytes(image: str) -> int:
    """Return the size of the gzipped archive of an image, which is about what a registry sends."""
    with subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE) as saving:
        packed = subprocess.run(["gzip"], stdin=saving.stdout, check=True, capture_output=True)
    return len(packed.stdout)


def results(chance: random.Random) -> str:
    """Return a results file in hyperfine's format: BENCHMARKS entries with a noise of one per cent."""
    times = {f"benchmark {number}": (number + 1) * chance.gauss(1, 0.01) for number in range(BENCHMARKS)}
    entries = [{"command": name, "mean": each, "median": each, "times": [each] * 3} for name, each in times.items()]
    return json.dumps({"results": entries})


def measured(folder: Path) -> None:
    """Leave what the measurer would: PAIRS pairs of results."""
    chance = random.Random(1)  # noqa: S311 - made-up times
    (folder / "runs").mkdir(parents=True)
    runs: list[dict[str, Any]] = []
    for pair in range(1, PAIRS + 1):
        for position, side in enumerate(SHA):
            result = f"runs/{side}-{pair:02}.json"
            (folder / result).write_text(results(chance))
            runs.append({"side": side, "pair": pair, "position": position, "wall_s": 1.0, "exit_status": 0})
            runs[-1] |= {"failure": None, "result": result, "started": "2026-01-01T00:00:00Z"}
    sides = {side: {"commit": sha, "branch": side, "dirty": False, "label": side} for side, sha in SHA.items()}
    machine = {"runner": "any", "os": "any", "cpu": "any", "cores": 2, "memory": "8 GiB", "runtime": "any"}
    index = {"schema": 1, "session": "s", "suite": "default", "created": "2026-01-01T00:00:00Z", "command": "suite"}
    index |= {"environment": machine, "sides": sides, "runs": runs, "monitor": {}}
    (folder / "measurement.json").write_text(json.dumps(index))


def runner(folder: Path) -> dict[str, str]:
    """Return the variables of a runner that works on a pull request in `folder`."""
    sides = {name: {"sha": sha, "ref": name, "repo": {"full_name": "o/r"}} for name, sha in SHA.items()}
    (folder / "event.json").write_text(json.dumps({"number": 1, "pull_request": {"number": 1, **sides}}))
    names = {"GITHUB_EVENT_PATH": "event.json", "GITHUB_OUTPUT": "output", "GITHUB_STEP_SUMMARY": "summary"}
    paths = {name: str(folder / file) for name, file in names.items()}
    inputs = json.dumps({"command": "suite", "baseline": "none"})
    fixed = {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_REPOSITORY": "o/r", "REGRESS_INPUTS": inputs}
    return {"GITHUB_WORKSPACE": str(folder), **paths, **fixed}


def measure(folder: Path) -> dict[str, float]:
    """Return every figure, in bytes and seconds."""
    image = newest_image()
    inside = ["docker", "run", "--rm", "--read-only", "--tmpfs", "/scratch"]
    job = runner(folder)
    figures = {
        "image, compressed (bytes)": compressed_bytes(image),
        "an empty container, for comparison (s)": seconds(*inside, "--entrypoint", "/bin/true", image),
        "the container's --version (s)": seconds(*inside, image, "--version"),
        "the step's --version, docker (s)": seconds(LAUNCH, "--version", REGRESS_ENGINE="docker"),
        "the step's --version, venv (s)": seconds(LAUNCH, "--version", REGRESS_ENGINE="venv"),
        "planning a pull request (s)": seconds(LAUNCH, "plan", **job, REGRESS_ENGINE="docker"),
    }
    measured(folder / ".regress/measurement")
    name = f"judging {BENCHMARKS} benchmarks x {PAIRS} pairs, docker (s)"
    return figures | {name: seconds(LAUNCH, "ci", **job, REGRESS_ENGINE="docker")}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="for machines")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        figures = measure(Path(name))
    if arguments.json:
        print(json.dumps(figures, indent=1))
        return
    for name, value in figures.items():
        print(f"{name:52} {value:15,.0f}" if "bytes" in name else f"{name:52} {value:15.3f}")


if __name__ == "__main__":
    main()
