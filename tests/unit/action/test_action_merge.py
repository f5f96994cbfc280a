"""The shards of a matrix become one report, or the reason why not."""

from pathlib import Path

import pytest

from regress_action.action.merge import join
from regress_action.model import records
from regress_action.model.errors import IncompleteError, InputError
from regress_action.model.measurements import Benchmark, Metric, Report, Run, Series


def report(name: str, shard: str = "") -> Report:
    """Return a report of one benchmark over three runs, from a shard."""
    series = Series(Benchmark(name), Metric("time", "s"), (1.0, 1.1, 0.9), (5, 5, 5), (0.1, 0.1, 0.1))
    runs = tuple(Run(session=name, pair=pair) for pair in (1, 2, 3))
    return Report((series,), runs, commit="c" * 40, provenance=(("shard", shard),) if shard else ())


def left(folder: Path, head: Report, base: Report | None = None) -> Path:
    """Return a folder as a leg of a matrix leaves it."""
    folder.mkdir()
    (folder / "head.jsonl").write_bytes(records.encode(head))
    if base:
        (folder / "base.jsonl").write_bytes(records.encode(base))
    return folder


def test_shards_become_one_head_and_one_base(tmp_path: Path) -> None:
    """Every benchmark of every shard is in the merged report, on both sides."""
    shards = [left(tmp_path / name, report(name, f"{n}/2"), report(name)) for n, name in enumerate("ab", 1)]
    head, base = join(shards)
    assert base is not None
    assert [row.benchmark.name for row in head.series] == [row.benchmark.name for row in base.series] == ["a", "b"]


def test_a_missing_shard_is_no_pass(tmp_path: Path) -> None:
    """A job of the matrix that failed leaves a hole, and the verdict has to say so."""
    shards = [left(tmp_path / name, report(name, f"{n}/4")) for n, name in ((1, "a"), (3, "c"))]
    with pytest.raises(IncompleteError, match="Of 4 shards, 2 are missing: 2, 4"):
        join(shards)


def test_a_base_in_some_shards_only_is_refused(tmp_path: Path) -> None:
    """Otherwise half of the benchmarks would silently lose their comparison."""
    shards = [left(tmp_path / "a", report("a"), report("a")), left(tmp_path / "b", report("b"))]
    with pytest.raises(InputError, match="2 shards hold a head but 1 a base"):
        join(shards)


def test_shards_without_numbers_are_taken_as_they_are(tmp_path: Path) -> None:
    """A leg may have any name; only k/n promises that there are n."""
    assert join([left(tmp_path / "a", report("a", "linux"))])[1] is None
