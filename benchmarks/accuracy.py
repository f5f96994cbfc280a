"""How often the judge is wrong: false alarms and detections of every design, beside what its peers say.

    python benchmarks/accuracy.py [--data DIR] [--only SECTION] [--quick] [--json]

Everything goes through the program's public entry points. `--data` is a folder with the public measurements that
docs/statistics.md names; without it, numbers are drawn with the variances that were measured there. The peers come
with `pip install .[bench]`.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from verdicts.tables import Table

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

SECTIONS = {
    "paired": "verdicts.paired",
    "history": "verdicts.history",
    "known": "verdicts.known",
    "series": "verdicts.series",
}
"""Name → module with a function `tables(source, *, quick) -> list[Table]`."""


def main(arguments: list[str] | None = None) -> int:
    """Print the tables and return 0 when every target is met, else 1."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with the public measurements; drawn numbers without it")
    parser.add_argument("--only", action="append", choices=SECTIONS, help="print this section (may be repeated)")
    parser.add_argument("--quick", action="store_true", help="use a tenth of the numbers: a smoke test, no evidence")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)
    found = list(_tables(options))
    if options.json:
        print(json.dumps({"schema": 1, "tables": [table.as_object() for table in found]}, indent=1))
    targets = [target for table in found for target in table.targets]
    missed = [target for target in targets if not target.met]
    if not options.json:
        print(f"\n{len(targets) - len(missed)} of {len(targets)} targets met.")
    return 1 if missed else 0


def _tables(options: argparse.Namespace) -> list[Table]:
    from verdicts.sources import Real, Synthetic

    warnings.simplefilter("ignore")  # the peers divide by zero where we do not
    source = Real(options.data) if options.data else Synthetic()
    if not options.json:
        print(f"# Accuracy on {source.label}")
    found = []
    for section in options.only or SECTIONS:
        started = time.perf_counter()
        for made in import_module(SECTIONS[section]).tables(source, quick=options.quick):
            table = made if options.data or section == "series" else replace(made, targets=())
            found.append(table)
            if not options.json:
                print(table.text(), flush=True)
        print(f"  ({section}: {time.perf_counter() - started:.0f} s)", file=sys.stderr)
    return found


if __name__ == "__main__":
    sys.exit(main())
