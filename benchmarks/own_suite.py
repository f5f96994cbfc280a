"""The suite by which this repository guards itself: what users wait for, as whole processes.

Run by `.github/workflows/performance.yml`; writes hyperfine's format to the path it is given.
"""

import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 5
BENCHMARKS = 100
FILES = 20


def samples(folder: Path) -> None:
    """Write FILES runs of BENCHMARKS benchmarks for each of two sides, the same in every run of this suite."""
    chance = random.Random(1)  # noqa: S311 - made-up times
    for side in ("base", "head"):
        for number in range(FILES):
            results = [
                entry(f"benchmark {index}", [(index + 1) * chance.gauss(1, 0.02) for _ in range(10)])
                for index in range(BENCHMARKS)
            ]
            (folder / f"{side}-{number:02}.json").write_text(json.dumps({"results": results}))


def entry(name: str, times: list[float]) -> dict[str, object]:
    """Return one result as hyperfine writes it."""
    return {"command": name, "mean": statistics.mean(times), "median": statistics.median(times), "times": times}


def timed(*words: str) -> dict[str, object]:
    """Start the program with `words` ROUNDS times, after one start that warms the file cache."""
    times = []
    for _ in range(ROUNDS + 1):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "regress_action", *words], check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - began)
    return entry(words[0], times[1:])


def main() -> None:
    """Measure, and leave the results where the first argument says."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        samples(folder)
        sides = ["--baseline", str(folder / "base-*.json"), "--head", str(folder / "head-*.json")]
        results = [timed("--help"), timed("compare", *sides, "--fail-on", "none")]
    Path(sys.argv[1]).write_text(json.dumps({"results": results}))


if __name__ == "__main__":
    main()
