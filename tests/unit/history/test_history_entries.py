"""Reports go in at the end, and come back by window."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Unpack

import pytest

from regress_action.history import Event, EventKind, History, Selection, SeriesPattern, open_history
from regress_action.history.entries import RecordEntry
from regress_action.history.store import FolderStore
from regress_action.model.errors import HistoryError, InputError
from regress_action.model.measurements import Benchmark, Environment, Metric, Report, Run, Series
from regress_action.model.records import SCHEMA, encode, path_of
from typed_fields import ReportFields

NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)
TIME = Metric("time", "s")


def report(day: int, **changes: Unpack[ReportFields]) -> Report:
    """A report made `day` days before NOW."""
    made = Report(
        series=(
            Series(Benchmark("parse", "io"), TIME, (1.0 + day, 1.1)),
            Series(Benchmark("render", "web"), Metric("peak_memory", "B"), (5.0, 6.0)),
        ),
        runs=(Run(), Run()),
        suite="unit",
        commit=f"{abs(day):04x}" * 10,
        branch="main",
        created=(NOW - timedelta(days=day)).isoformat(),
        provenance=(("event", "push"), ("run_id", str(day)), ("attempt", "1")),
    )
    return replace(made, **changes)


@pytest.fixture
def history(tmp_path: Path) -> History:
    """An empty history in a folder, in the present of NOW."""
    return History(FolderStore(tmp_path / "history"), clock=lambda: NOW)


def days(reports: tuple[Report, ...]) -> list[int]:
    """Which reports these are, by the day in their commit."""
    return [int((stored.commit or "")[:4], 16) for stored in reports]


def test_an_empty_history_is_fine(history: History) -> None:
    """Nothing recorded yet is no error, and makes no folder."""
    assert history.load() == ()
    assert history.entries() == ()
    assert history.events() == ()
    assert not Path(history.where).exists()


def test_appended_reports_are_loaded_oldest_first(history: History) -> None:
    """Reports come back complete, in the order of time, whatever the order in which they came."""
    for day in (3, 90, 1):
        path = history.append(report(day))
        assert (Path(history.where) / path).is_file()
    assert history.load() == (report(90), report(3), report(1))


def test_machines_and_suites_share_one_order_of_time(history: History) -> None:
    """The newest few are the newest of all folders of a month, whichever folder comes first by name."""
    places: list[ReportFields] = [
        {"suite": suite, "environment": Environment(cpu=cpu)} for suite in ("a", "z") for cpu in ("x", "y")
    ]
    for day in range(12):
        history.append(report(day, **places[day % 4]))
    assert days(history.load(Selection(last=6))) == [5, 4, 3, 2, 1, 0]
    assert list(history.entries()) == sorted(history.entries())


def test_the_same_report_twice_is_one_record(history: History) -> None:
    """A job that is not sure whether it stored its report may store it again."""
    assert history.append(report(1)) == history.append(report(1))
    assert len(history.load()) == 1


def test_the_same_commit_measured_again_is_another_record(history: History) -> None:
    """A re-run is new evidence, even within the same second."""
    history.append(report(1))
    history.append(report(1, provenance=(("event", "push"), ("run_id", "1"), ("attempt", "2"))))
    history.append(report(1, series=()))
    assert len(history.load()) == 3


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(suite="unit"), [400, 40, 3, 2, 1]),
        (Selection(suite="Unit Other"), [5]),
        (Selection(suite="none"), []),
        (Selection(last=2), [2, 1]),
        (Selection(last=2, branch="topic"), [4]),
        (Selection(branch="main", last=1), [1]),
        (Selection(benchmark="par*", last=1), [1]),
        (Selection(service="io", until=NOW - timedelta(days=10)), [400, 40]),
        (Selection(metric="peak*", since=NOW - timedelta(days=2)), [2, 1]),
        (Selection(benchmark="nothing"), []),
        (Selection(environment=Environment(cpu="z80").fingerprint), [6]),
        (Selection(environment=Environment(cpu="z80").fingerprint[:5]), [6]),
        (Selection(commits=frozenset({"0028" * 10, "0002000"})), [40, 2]),
        (Selection(commits=frozenset({"0" * 40})), []),
        (Selection(since=NOW - timedelta(days=40), until=NOW - timedelta(days=3), suite="unit"), [40, 3]),
    ],
)
def test_a_selection_narrows(history: History, selection: Selection, expected: list[int]) -> None:
    """Suite, pattern, service, metric, environment, branch, commits, time and number narrow alone and together."""
    for day in (1, 2, 3, 40, 400):
        history.append(report(day))
    history.append(report(4, branch="topic", suite="other"))
    history.append(report(5, suite="Unit Other"))
    history.append(report(6, environment=Environment(cpu="z80"), suite="other"))
    assert days(history.load(selection)) == expected


def test_a_selection_narrows_the_series_too(history: History) -> None:
    """Who asks for one metric gets no other."""
    history.append(report(1))
    (loaded,) = history.load(Selection(metric="time"))
    assert [series.metric.name for series in loaded.series] == ["time"]


@pytest.mark.parametrize("event", ["pull_request", "pull_request_target", "merge_group", "made_up"])
def test_records_of_untrusted_events_are_ignored(history: History, event: str) -> None:
    """A pull request that got a record in is still never a reference."""
    history.append(report(1, provenance=(("event", event),)))
    assert history.load() == ()
    assert len(history.load(Selection(untrusted=True))) == 1


def test_a_report_from_the_future_gets_the_present_time(history: History) -> None:
    """A report from next year is stored now, and says so."""
    history.append(report(-300))
    (stored,) = history.load()
    assert stored.created == NOW.isoformat()
    assert "future" in stored.warnings[0]


def test_a_record_from_the_future_does_not_hide_the_present(history: History) -> None:
    """What a writer with a wrong clock left is left out, unless the time is asked for."""
    future = report(-300)
    path = Path(history.where) / path_of(future)
    path.parent.mkdir(parents=True)
    path.write_bytes(encode(future))
    history.append(report(2))
    assert days(history.load(Selection(last=1))) == [2]
    assert len(history.load(Selection(until=NOW + timedelta(days=999)))) == 2


def test_a_clock_that_is_set_back_hides_nothing(history: History, caplog: pytest.LogCaptureFixture) -> None:
    """Where every record is of the future, it is the clock of the reader that is wrong; one warning says so."""
    history.extend([report(day) for day in range(40)])
    back = replace(history, clock=lambda: NOW - timedelta(days=9999))
    assert days(back.load(Selection(last=3))) == [2, 1, 0]
    assert days(back.load()) == list(range(39, -1, -1))
    assert [record.message.partition(",")[0] for record in caplog.records] == [
        "all records are dated in the future"
    ] * 2


def test_a_report_without_a_time_gets_the_present(history: History) -> None:
    """Formats that know no time can be stored."""
    history.append(report(1, created=None))
    assert history.load()[0].created == NOW.isoformat()


def test_noise_is_not_stored_and_exact_counts_are(history: History) -> None:
    """Six digits of a time are kept, two of the pooled spread, and all of a count."""
    noisy = Series(Benchmark("a"), TIME, (0.123456789123, 0.12345678, math.nan), (3, 3, 0), (0.003, 0.004, math.nan))
    exact = Series(Benchmark("a"), Metric("instructions", "count", exact=True), (123456789123.0, 1.0, 2.0))
    history.append(report(1, series=(noisy, exact), runs=(Run(), Run(), Run())))
    (stored,) = history.load()
    assert repr(stored.series[0].values) == "(0.123457, 0.123457, nan)"
    assert repr(stored.series[0].spreads) == "(0.0035, 0.0035, nan)"
    assert stored.series[1] == exact


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        ((1.234567, 1.245678, 1.256789), (1.2346, 1.2457, 1.2568)),  # 1 % apart: digits to a hundredth of that
        ((1.234567, 1.234568, 1.234569), (1.23457, 1.23457, 1.23457)),  # six digits, whatever the runs say
        ((1.234567, 9.876543, 5.555555), (1.235, 9.877, 5.556)),  # four digits, whatever the runs say
        ((123456.7, 234567.8, 345678.9), (123500.0, 234600.0, 345700.0)),
        ((1.2345678, 1.3456789), (1.23457, 1.34568)),  # two runs say nothing about how far runs lie apart
        ((0.0, 1.2345678, 2.3456789), (0.0, 1.23457, 2.34568)),
        ((1.2345678,) * 3, (1.23457,) * 3),
    ],
)
def test_digits_below_the_noise_of_the_runs_are_not_stored(
    history: History, values: tuple[float, ...], kept: tuple[float, ...]
) -> None:
    """A value is kept to a thirtieth of the runs' deviation at least; that is four to six significant digits."""
    noisy = Series(Benchmark("a"), TIME, values, (3,) * len(values), (0.0012345,) * len(values))
    history.append(report(1, series=(noisy,), runs=(Run(),) * len(values)))
    (stored,) = history.load()
    assert stored.series[0].values == kept
    assert all(spread > 0 for spread in stored.series[0].spreads)
    history.append(report(1, series=(noisy,), runs=(Run(),) * len(values)))
    assert len(history.load()) == 1


def test_a_changed_record_is_refused(history: History) -> None:
    """The name holds a digest of the content: an edit in place is noticed on the next read."""
    path = Path(history.where) / history.append(report(1))
    path.write_bytes(path.read_bytes().replace(b"main", b"mine"))
    with pytest.raises(HistoryError, match="not what its name says"):
        history.load()


def test_a_newer_record_is_refused_with_a_remedy(history: History) -> None:
    """A record of a newer version is not silently left out of a baseline."""
    data = encode(report(1)).replace(b'"schema":%d' % SCHEMA, b'"schema":%d' % (SCHEMA + 1))
    path = Path(history.where) / path_of(report(1), data)
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    with pytest.raises(InputError, match="Upgrade"):
        history.load()


def test_foreign_files_are_not_records(history: History) -> None:
    """What no record's name has is left alone."""
    folder = (Path(history.where) / history.append(report(1))).parent
    (folder / "notes.txt").write_text("hello")
    (folder / "20250101T000000Z-x.jsonl").write_text("{}")
    (folder.parent / "13").mkdir()
    (folder.parent / "13" / "20251301T000000Z-000000000000-local.1-0123456789ab.jsonl").write_text("{}")
    assert days(history.load()) == [1]


def test_an_entry_is_read_from_its_path(history: History) -> None:
    """Who wrote which commit when is known without opening a record."""
    history.append(report(1))
    (entry,) = history.entries()
    assert (entry.time, entry.suite, entry.run, entry.attempt) == (NOW - timedelta(days=1), "unit", "1", "1")
    assert entry == RecordEntry.parse(entry.path)


def test_events_come_back_in_order(history: History) -> None:
    """Decisions are kept beside the records, and read from a day on."""
    early = Event(
        EventKind.HELD,
        "2025-01-31T12:00:00Z",
        "ci",
        "1.4 times slower",
        patterns=(SeriesPattern("parse", "time", 1.4),),
    )
    late = Event(EventKind.ACCEPTED, "2025-02-01T12:00:00Z", "ada", "worth it", commit="4f2a")
    receipt = history.extend([report(1)], events=[late, early])
    assert len(receipt.paths) == 3
    assert history.events() == (early, late)
    assert history.events(datetime(2025, 2, 1, tzinfo=UTC)) == (late,)


@pytest.mark.parametrize("line", ["", "{}", '{"schema":2}\n', '{"schema":1,"kind":"held"', '{"schema":1,"kind":"x"}\n'])
def test_a_flawed_event_is_refused(history: History, line: str) -> None:
    """An event that cannot be read is an error: a decision must not vanish."""
    folder = Path(history.where) / "events/2025/01"
    folder.mkdir(parents=True)
    (folder / "x.jsonl").write_text(line)
    with pytest.raises(InputError, match=r"x\.jsonl"):
        history.events()


def test_a_relative_folder_lies_in_the_repository(tmp_path: Path) -> None:
    """`.regress/history` is the repository's, wherever the command is called."""
    history = open_history(".regress/history", repository=tmp_path, environ={})
    history.append(report(1))
    assert list((tmp_path / ".regress/history/runs").rglob("*.jsonl"))
