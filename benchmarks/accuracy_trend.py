"""How well changes along a history are found: change points and trends, beside other rules on the same series.

    python benchmarks/accuracy_trend.py [--data DIR] [--quick] [--json OUT]

`--data` is a folder with `hosted_fib.json` (and `cpython_changes_*`); without it only drawn series are used. See
`history_noise` for what the series are. A change point counts as found within five runs of its place (the margin
of the Turing Change Point Dataset), each at most once. Peers that are not installed are left out:
`pip install apache-otava` adds Otava.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

import change_point_peers as peers
import history_noise as noise
import trend_rules

from regress_action.analysis import change_points

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from history_noise import Floats

US = "regress-action"
MARGIN = 5
SEED = 20_26

Row = dict[str, Any]


def rows(data: Path | None, quick: bool) -> list[Row]:  # noqa: FBT001 - the signature of every accuracy table
    """Return one row per table, data set and method; ratios and rates are plain numbers."""
    return [*_change_points(data, quick=quick), *_attributed(data), *_trends(data, quick=quick)]


def ours(series: Sequence[Floats]) -> list[list[int]]:
    """Find change points with the program's defaults."""
    return [[point.index for point in found] for found in change_points.find_all(series)]


def _change_points(data: Path | None, *, quick: bool) -> Iterator[Row]:
    methods = {US: ours, **peers.available()}
    if data:
        held_out = noise.held_out(noise.hosted(data))
        quiet = noise.shuffled(held_out, 2 if quick else 10, SEED)
        noisy = noise.shuffled(held_out, 1 if quick else 5, SEED + 1)
        yield from _cells("hosted, held out", methods, quiet, noisy, (1.1, 1.2, 1.5))
        real = [stretch.values for stretch in held_out]
        for name, method in methods.items():
            rate = _false_alarms(method(real), real)
            yield {
                "table": "change points",
                "data": "hosted in real order",
                "method": name,
                "alarms per 100 runs": rate,
            }
    quiet, noisy = noise.dedicated(100 if quick else 500, SEED), noise.dedicated(40 if quick else 200, SEED + 1)
    yield from _cells("dedicated, drawn", methods, quiet, noisy, (1.05, 1.1, 1.2))


def _cells(
    name: str, methods: dict[str, Any], quiet: list[Floats], noisy: list[Floats], ratios: Sequence[float]
) -> Iterator[Row]:
    cases = {ratio: noise.stepped(noisy, ratio, SEED) for ratio in ratios}
    for method, find in methods.items():
        row: Row = {"table": "change points", "data": name, "method": method}
        for ratio, (series, truth) in cases.items():
            row |= {f"×{ratio} {measure}": value for measure, value in _score(find(series), truth).items()}
        yield row | {
            "false per 100 runs": _false_alarms(find(quiet), quiet),
            "steps per ratio": sum(map(len, truth)),
            "quiet runs": sum(map(len, quiet)),
        }


def _false_alarms(found: list[list[int]], series: Sequence[Floats]) -> float:
    return 100 * sum(map(len, found)) / sum(map(len, series))


def _score(found: list[list[int]], truth: list[list[int]]) -> dict[str, float]:
    hits = sum(_hits(indices, places) for indices, places in zip(found, truth, strict=True))
    precision = hits / max(1, sum(map(len, found)))
    recall = hits / max(1, sum(map(len, truth)))
    return {"F1": 2 * precision * recall / max(1e-9, precision + recall), "P": precision, "R": recall}


def _hits(found: list[int], truth: list[int]) -> int:
    left = list(found)
    hits = 0
    for place in truth:
        near = [index for index in left if abs(index - place) <= MARGIN]
        if near:
            left.remove(min(near, key=lambda index: abs(index - place)))
            hits += 1
    return hits


def _attributed(data: Path | None) -> Iterator[Row]:
    """Look for the CPython changes that were attributed by hand, in the history of their benchmark.

    Only recall can be told: what else changed in these years was not labelled. A change is found when a change
    point in its direction lies between the two commits of its label, or within two measured commits of them.
    """
    if not data:
        return
    commits = json.loads(gzip.decompress((data / "cpython_changes_raw.json.gz").read_bytes()))["commits"]
    labels = json.loads((data / "cpython_changes_labels.json").read_text())["labels"]
    every = sorted(commits, key=lambda commit: (commits[commit]["date"], commits[commit]["time"]))
    master = [commit for commit in every if commits[commit]["branch"] == "master"]
    orders = {"the default branch alone": master, "with commits of four other branches between": every}
    for (which, order), (method, find) in itertools.product(orders.items(), {US: ours, **peers.available()}.items()):
        found = {name: _named(order, commits, name, find) for name in {label["benchmark"] for label in labels}}
        seen = sum(_is_found(label, order, found[label["benchmark"]]) for label in labels)
        yield {
            "table": "change points",
            "data": f"CPython, attributed by hand, {which}",
            "method": method,
            "found": seen,
            "of": len(labels),
            "reported": sum(map(len, found.values())),
        }


def _named(order: list[str], commits: dict[str, Any], name: str, find: Any) -> list[tuple[int, float]]:  # noqa: ANN401 - JSON, and a method
    known = [position for position, commit in enumerate(order) if name in commits[commit]["values"]]
    values = np.array(
        [np.median([np.median(process) for process in commits[order[position]]["values"][name]]) for position in known]
    )
    indices = find([values])[0]
    edges = [0, *indices, len(values)]
    return [
        (known[at], float(np.median(values[at:after]) / np.median(values[before:at])))
        for before, at, after in zip(edges, edges[1:], edges[2:], strict=False)
    ]


def _is_found(label: dict[str, Any], order: list[str], found: list[tuple[int, float]]) -> bool:
    base, head = order.index(label["base"]), order.index(label["head"])
    slower = label["dir"] == "slower"
    return any(base - 2 < position <= head + 2 and (ratio > 1) == slower for position, ratio in found)


def _trends(data: Path | None, *, quick: bool) -> Iterator[Row]:
    windows = {"dedicated, drawn": noise.dedicated(200 if quick else 2000, SEED, trend_rules.RUNS)}
    if data:
        windows["hosted"] = trend_rules.hosted_windows(noise.hosted(data), 200 if quick else 2000, SEED)
    for (name, quiet), (method, rule) in itertools.product(windows.items(), trend_rules.RULES.items()):
        row: Row = {"table": "trend of 20 runs", "data": name, "method": method}
        for case, change in trend_rules.CASES.items():
            called = Counter(rule(values * change(number)) for number, values in enumerate(quiet))
            row[f"{case}: degrading"] = called["degrading"] / len(quiet)
        yield row | {"20 % step: step": called["step"] / len(quiet), "windows": len(quiet)}


def main() -> None:
    """Print the tables, and write them as JSON where asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, metavar="DIR")
    parser.add_argument("--quick", action="store_true", help="fewer series: half a minute at most")
    parser.add_argument("--json", type=Path, metavar="OUT")
    wanted = parser.parse_args()
    found = rows(wanted.data, wanted.quick)
    if wanted.json:
        wanted.json.write_text(json.dumps(found, indent=1, ensure_ascii=False))
    for (table, data), group in itertools.groupby(found, key=lambda row: (row["table"], row["data"])):
        print(f"\n{table} · {data}")
        print_table([{key: value for key, value in row.items() if key not in ("table", "data")} for row in group])


def print_table(table: list[Row]) -> None:
    """Print rows that share their keys, in columns."""
    header = list(table[0])
    lines = [header, *([_spelled(key, row[key]) for key in header] for row in table)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    for line in lines:
        first, *rest = zip(line, widths, strict=True)
        print("  " + first[0].ljust(first[1]) + "".join(f"  {cell:>{width}}" for cell, width in rest))


def _spelled(key: str, value: object) -> str:
    if isinstance(value, float):
        return f"{value:.1%}" if ":" in key else f"{value:.3f}"
    return str(value)


if __name__ == "__main__":
    main()
