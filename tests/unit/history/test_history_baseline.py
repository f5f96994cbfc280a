"""A regression is recorded, and is no reference until somebody accepts it or it has lasted."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Unpack

import pytest

from regress_action.history import (
    Event,
    History,
    Selection,
    SeriesPattern,
    accept,
    persisting,
    quarantine,
    quarantine_events,
    reference_window,
    references,
    time_after,
)
from regress_action.history.events import decode_event, encode_event
from regress_action.history.store import FolderStore
from regress_action.model.errors import InputError
from regress_action.model.measurements import Benchmark, Environment, Metric, Report, Run, Series
from typed_fields import ReportFields

START = datetime(2025, 1, 1, tzinfo=UTC)
SLOW = SeriesPattern("parse", "time", 1.5)


def report(day: int, **changes: Unpack[ReportFields]) -> Report:
    """A report of two benchmarks, made on the given day."""
    made = Report(
        series=tuple(Series(Benchmark(name), Metric("time", "s"), (float(day),)) for name in ("parse", "render")),
        runs=(Run(),),
        commit=f"{day:04x}" * 10,
        created=(START + timedelta(days=day)).isoformat(),
        provenance=(("run_id", str(day)), ("attempt", "1")),
    )
    return replace(made, **changes)


def held(day: int, *marks: SeriesPattern) -> Event:
    """The event of the record of that day."""
    return quarantine(
        report(day), marks or (SLOW,), at=START + timedelta(days=day, hours=1), who="ci", why="1.5 times slower"
    )


def accepted(day: int, commit_day: int | None, pattern: str = "parse") -> Event:
    """Somebody's acceptance on that day, of the level at a commit."""
    commit = None if commit_day is None else report(commit_day).commit
    return accept(commit, [SeriesPattern(pattern)], at=START + timedelta(days=day, hours=2), who="ada", why="worth it")


def reference_days(reports: list[Report], events: list[Event], benchmark: str = "parse") -> list[int]:
    """The days whose value of the benchmark is a reference."""
    return [
        int(series.values[0])
        for stored in references(reports, events)
        for series in stored.series
        if series.benchmark.name == benchmark
    ]


def test_without_events_everything_is_a_reference() -> None:
    """Nobody has to do anything while nothing regresses."""
    reports = [report(day) for day in range(3)]
    assert references(reports, []) == tuple(reports)


def test_a_held_series_is_left_out_and_the_others_stay() -> None:
    """Only what regressed is held back; a record with nothing left is dropped."""
    reports = [report(day) for day in range(4)]
    assert reference_days(reports, [held(2), held(3)]) == [0, 1]
    assert reference_days(reports, [held(2), held(3)], "render") == [0, 1, 2, 3]
    single = replace(report(1), series=report(1).series[:1])
    assert references([single], [held(1)]) == ()


def test_a_series_that_recovers_is_a_reference_again() -> None:
    """A regression that was fixed leaves no trace in the baseline."""
    assert reference_days([report(day) for day in range(5)], [held(2), held(3)]) == [0, 1, 4]


def test_acceptance_starts_the_series_anew() -> None:
    """From the accepted level on the old values are gone, and the held ones of the same stretch are in."""
    reports = [report(day) for day in range(6)]
    events = [held(2), held(3), accepted(3, 3)]
    assert reference_days(reports, events) == [2, 3, 4, 5]
    assert reference_days(reports, events, "render") == [0, 1, 2, 3, 4, 5]


def test_a_pattern_accepts_many_and_a_name_with_brackets_is_a_name() -> None:
    """`*` accepts all; `test_add[1-2]` is the parametrised test of that name."""
    reports = [report(day) for day in range(4)]
    assert reference_days(reports, [held(2), held(3), accepted(3, 2, "*")]) == [2, 3]
    series = (replace(report(0).series[0], benchmark=Benchmark("test_add[1-2]")),)
    named = [replace(stored, series=series) for stored in reports]
    kept = references(named, [held(3, SeriesPattern("test_add[1-2]", "time"))])
    assert len(kept) == 3


def test_a_regression_after_the_acceptance_is_held_again() -> None:
    """Accepting one slowdown does not accept the next."""
    reports = [report(day) for day in range(6)]
    assert reference_days(reports, [held(2), accepted(2, 2), held(4), held(5)]) == [2, 3]


def test_decisions_of_clocks_that_differ_keep_their_order(tmp_path: Path) -> None:
    """What was accepted by a clock that is ten days fast does not accept what is found a day later."""
    history = History(FolderStore(tmp_path), clock=lambda: START + timedelta(days=9))
    history.extend([report(3)], events=[held(3), accepted(14, 3)])
    found = quarantine_events(history, report(5), [SLOW], at=START + timedelta(days=5), who="ci", window=20)
    history.append(report(5), events=found)
    assert reference_days([report(3), report(5)], list(history.events())) == [3]
    assert time_after(history.events(), START) > START + timedelta(days=14)


def test_an_event_at_the_end_of_time_is_read() -> None:
    """A time that no clock in UTC can hold is an error of ours; the last second of the calendar moves no decision."""
    last = replace(held(3), at="9999-12-31T23:59:59+00:00")
    assert time_after([last], START) == START
    path, data = encode_event(last)
    with pytest.raises(InputError):
        decode_event(data.replace(b"59+00:00", b"59-14:00"), path)


def test_an_acceptance_without_commit_is_about_what_follows_it() -> None:
    """A waiver merged on a day starts with the first report after it, and the held stretch before."""
    reports = [report(day) for day in range(5)]
    assert reference_days(reports, [held(2), held(3), accepted(3, None)]) == [2, 3, 4]


def test_an_acceptance_of_a_commit_that_is_not_recorded_changes_nothing() -> None:
    """A typing error does not empty the baseline."""
    assert reference_days([report(day) for day in range(3)], [accepted(1, 77)]) == [0, 1, 2]


def test_other_machines_and_reruns_are_not_held() -> None:
    """An event is about one record: not about another environment, nor another attempt."""
    other = report(2, environment=Environment(cpu="z80"))
    rerun = report(2, provenance=(("run_id", "2"), ("attempt", "2")))
    assert reference_days([other], [held(2)]) == [2]
    assert reference_days([report(2), rerun], [held(2)]) == [2]


def test_a_level_that_lasts_is_adopted() -> None:
    """After five reports in a row the new level is the normal one, without anybody's doing."""
    reports = [report(day) for day in range(7)]
    holds = [held(day) for day in range(2, 7)]
    now = START + timedelta(days=8)
    assert persisting(reports[:6], holds[:4], at=now) == ()
    (adopted,) = persisting(reports, holds, at=now)
    assert adopted.commit == report(2).commit
    assert reference_days(reports, [*holds, adopted]) == [2, 3, 4, 5, 6]
    assert persisting(reports, [*holds, adopted], at=now) == ()


def test_a_level_that_comes_and_goes_is_not_adopted() -> None:
    """Five regressions that are not in a row are five regressions."""
    reports = [report(day) for day in range(10)]
    assert persisting(reports, [held(day) for day in (1, 3, 5, 7, 9)], at=START) == ()


def test_a_window_comes_with_the_decisions_about_it(tmp_path: Path) -> None:
    """Decisions older than the window are not read; those about it are applied."""
    history = History(FolderStore(tmp_path), clock=lambda: START + timedelta(days=99))
    for day in range(6):
        history.append(report(day), events=[held(day)] if day in {1, 4} else [])
    (tmp_path / "events/2024/12").mkdir(parents=True)
    (tmp_path / "events/2024/12/x.jsonl").write_text("damaged, and nobody looks")
    window = reference_window(history, Selection(last=3))
    assert [(stored.commit or "")[:4] for stored in window if len(stored.series) == 2] == ["0003", "0005"]
    assert reference_window(history, Selection(suite="none")) == ()
    commits_of_base = [report(day).commit or "" for day in (2, 1, 0)]
    window = reference_window(history, Selection(last=2), commits_of_base)
    assert [((stored.commit or "")[:4], len(stored.series)) for stored in window] == [("0001", 1), ("0002", 2)]
