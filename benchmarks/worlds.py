"""What the verdict promises, checked in worlds whose truth is known: false alarms, coverage, wrong "unchanged", power.

    python benchmarks/worlds.py [--quick] [--only SECTION] [--world TEXT] [--trials N] [--json OUT] [--before FILE]

Every trial goes through `analysis.compare`, as a user's runs do. `--before` takes what an earlier `--json` wrote and
prints its figures beside the new ones. `withheld` is how often nothing is decided about identical code: an analysis
that decides nothing is not calibrated. The Monte-Carlo error of a rate p over n trials is √(p(1-p)/n).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulated.tables import Rates

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

SECTIONS = ("paired", "stored", "power", "suites", "counts", "series")


def main(arguments: list[str] | None = None) -> int:
    """Print one table per section and return 0 when every rate is inside its bound, else 1."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", choices=SECTIONS, help="this section (may be repeated)")
    parser.add_argument("--quick", action="store_true", help="few trials and wide bounds: a smoke test, no evidence")
    parser.add_argument("--world", action="append", help="of pairs and stored runs, worlds whose name has this in it")
    parser.add_argument("--trials", type=int, help="trials per world (400, or 40 with --quick)")
    parser.add_argument("--json", type=Path, help="write the rates to this file")
    parser.add_argument("--before", type=Path, help="rates that an earlier --json wrote, to print beside these")
    options = parser.parse_args(arguments)
    from simulated import noise

    trials = options.trials or (40 if options.quick else 400)
    for worlds in (noise.PAIRED, noise.STORED) if options.world else ():
        for name in [name for name in worlds if not any(text in name for text in options.world)]:
            del worlds[name]
    before = json.loads(options.before.read_text()) if options.before else {}
    rates: dict[str, Rates] = {}
    outside: list[str] = []
    for section in options.only or SECTIONS:
        started = time.perf_counter()
        module = import_module(f"simulated.{section}")
        for table in module.tables(trials):
            print(table.text(before.get(table.name, {})), flush=True)
            rates[table.name] = table.rates
            outside += [f"{table.name}: {world}: {question}" for world, question in table.outside(trials)]
        print(f"  ({section}: {time.perf_counter() - started:.0f} s)", file=sys.stderr)
    if options.json:
        options.json.write_text(json.dumps(rates, indent=1))
    print("\nOutside of their bounds:" if outside else "\nEvery rate is inside its bound.", *outside, sep="\n  ")
    return 1 if outside else 0


if __name__ == "__main__":
    sys.exit(main())
