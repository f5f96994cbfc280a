"""What advice promises, checked on planted causes, simulated histories and data whose truth is known.

    python benchmarks/advice.py [--only SECTION] [--quick] [--json OUT]

Every section is a module of `benchmarks/diagnosis` with a function `figures(*, quick)`: it prints what it did, and
returns one figure for every promise, with its floor and what was reached.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diagnosis.figures import Figure

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

SECTIONS = ("causes", "subroutines", "bisect", "reachability", "cache", "usl", "resources", "noise")


def main(arguments: list[str] | None = None) -> int:
    """Print one table per section and return 0 when every promise is kept, else 1."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", choices=SECTIONS, help="this section (may be repeated)")
    parser.add_argument("--quick", action="store_true", help="a smoke test of every section, no evidence")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args(arguments)
    figures: dict[str, list[Figure]] = {}
    for section in options.only or SECTIONS:
        print(f"{section}", flush=True)
        started = time.perf_counter()
        figures[section] = import_module(f"diagnosis.{section}").figures(quick=options.quick)
        for figure in figures[section]:
            print(f"  {figure.line}", flush=True)
        print(f"  ({time.perf_counter() - started:.0f} s)\n", flush=True)
    missed = [figure for section in figures.values() for figure in section if not figure.holds]
    if options.json:
        content = {name: [asdict(figure) for figure in section] for name, section in figures.items()}
        options.json.write_text(json.dumps(content, indent=1))
    print(f"{len(missed)} floors were missed." if missed else "Every floor was reached.")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
