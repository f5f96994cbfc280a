"""One more report: what is kept of the others gives the same site as reading them all again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest

from regress_action.analysis import Policy
from regress_action.history import Selection, open_history
from regress_action.model.measurements import Aliases
from regress_action.site import build, cache
from regress_action.site.inputs import Page
from unit.site.site_reports import MACHINE, report

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from regress_action.history import History
    from regress_action.model.measurements import Report, Series

PAGE = Page(now=datetime(2026, 6, 1, tzinfo=UTC))


def made(number: int, *, version: str | None = None, more: bool = False) -> Report:
    """Return the report of one day with two runs of three benchmarks, one of which steps on the fortieth day."""
    random = np.random.default_rng(number)
    names = {"a": 1.0, "b": 1.0 if number < 40 else 1.5, "c": 2.0, **({"d": 1.0} if more else {})}
    values = {name: (level * random.normal(1, 0.01, 2)).tolist() for name, level in names.items()}
    return report(number, values, version=version)


def history_of(folder: Path, reports: list[Report]) -> History:
    """Return a history in a folder that holds the reports."""
    history = open_history("history", repository=folder, environ={})
    history.extend(reports)
    return history


def site(folder: Path, out: Path, *, last: int | None = None) -> dict[str, bytes]:
    """Write the site of the history in `folder`, and return its files but the cache."""
    source = build.from_history(str(folder / "history"), suite=None, branch="main", last=last, site=out)
    build.build([source], out, Policy(), PAGE)
    paths = [path for path in out.rglob("*") if path.is_file() and cache.FOLDER not in path.parts]
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in paths}


@pytest.mark.parametrize(
    ("change", "last"),
    [
        (lambda: made(60), None),
        (lambda: made(60), 60),
        (lambda: made(60, version="another body"), None),
        (lambda: made(60, more=True), None),
        (lambda: replace(made(60), environment=replace(MACHINE, cpu="another")), None),
        (lambda: replace(made(60), branch="topic"), None),
        (lambda: replace(made(59), created="2026-01-05T12:00:00Z"), None),
    ],
    ids=["one more", "one falls out", "new body", "new series", "new machine", "another branch", "late report"],
)
def test_a_site_that_grows_is_the_site_that_is_made_anew(
    tmp_path: Path, change: Callable[[], Report], last: int | None
) -> None:
    """Byte by byte, whatever the new report brings."""
    history = history_of(tmp_path, [made(number) for number in range(60)])
    site(tmp_path, tmp_path / "grown", last=last)
    history.append(change())

    assert site(tmp_path, tmp_path / "grown", last=last) == site(tmp_path, tmp_path / "anew", last=last)


def test_reports_that_are_kept_are_not_read_again(tmp_path: Path) -> None:
    """A record that was damaged since does not stop the next site; without the cache it does."""
    history = history_of(tmp_path, [made(number) for number in range(12)])
    kept = cache.read_tables(history, Selection(), "", cache.Kept())
    history.append(made(12))
    damaged = tmp_path / "history" / history.entries()[0].path
    damaged.write_bytes(b"damaged")

    grown = cache.read_tables(history, Selection(), "", kept)

    assert [len(table.columns) for table in grown.tables] == [13]


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04" + bytes(200)])
def test_a_damaged_cache_is_written_anew(tmp_path: Path, content: bytes) -> None:
    """It costs time and nothing else."""
    history_of(tmp_path, [made(number) for number in range(12)])
    expected = site(tmp_path, tmp_path / "out")
    (file,) = (tmp_path / "out" / cache.FOLDER).iterdir()
    file.write_bytes(content)

    assert site(tmp_path, tmp_path / "out") == expected
    assert len(file.read_bytes()) > len(content)


def test_the_cache_of_another_version_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its file has another name, and its key is checked besides."""
    ours = cache.TableCache.of(tmp_path, "history")
    ours.save(cache.Kept([], frozenset({"path"})))
    monkeypatch.setattr(cache, "_program", lambda: "another")
    other = cache.TableCache.of(tmp_path, "history")

    assert other.path != ours.path
    assert ours.load().left_out == {"path"}
    assert replace(other, path=ours.path).load() == cache.Kept()


def test_renames_are_the_same_with_and_without_the_cache(tmp_path: Path) -> None:
    """They are told by the names under which reports are stored."""
    aliases = Aliases(renamed=(("old", "a"),))
    old = [replace(made(number), series=_named(made(number), "old")) for number in range(8)]
    history = replace(history_of(tmp_path, old), aliases=aliases)
    kept = cache.TableCache.of(tmp_path / "out", "key")
    kept.save(cache.read_tables(history, Selection(), "", cache.Kept()))
    history.append(made(8))

    (grown,) = cache.read_tables(history, Selection(), "", kept.load()).tables
    (anew,) = cache.read_tables(history, Selection(), "", cache.Kept()).tables

    assert grown.renames == anew.renames == {"a": [("old", 8)]}
    assert np.isfinite(grown.medians).all()


def _named(report: Report, name: str) -> tuple[Series, ...]:
    """Return the series of a report, of which `a` has another name."""
    first, *others = report.series
    return (replace(first, benchmark=replace(first.benchmark, name=name)), *others)
