"""Old records are thinned by rule, and every removal is in the audit trail."""

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from regress_action.history import (
    ExportFormat,
    History,
    RetentionRule,
    Selection,
    SeriesPattern,
    accept,
    discard,
    find_records,
    list_entries,
    prune,
    verify,
)
from regress_action.history.store import FolderStore
from regress_action.model.errors import UsageError
from regress_action.model.measurements import Benchmark, Metric, Report, Run, Series
from regress_action.model.records import SCHEMA, encode

NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)


def report(day: int) -> Report:
    """A report made `day` days before NOW."""
    return Report(
        series=(Series(Benchmark("parse"), Metric("time", "s"), (1.0 + day,)),),
        runs=(Run(),),
        suite="unit",
        commit=f"{day:04x}" * 10,
        created=(NOW - timedelta(days=day)).isoformat(),
    )


@pytest.fixture(scope="module")
def four_hundred_days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a report on each of the last four hundred days."""
    folder = tmp_path_factory.mktemp("days")
    History(FolderStore(folder), clock=lambda: NOW).extend([report(day) for day in range(400)])
    return folder


@pytest.fixture
def history(tmp_path: Path, four_hundred_days: Path) -> History:
    """A history of four hundred days that the test may spoil."""
    shutil.copytree(four_hundred_days, tmp_path / "history")
    return History(FolderStore(tmp_path / "history"), clock=lambda: NOW)


def test_the_rule_keeps_days_then_weeks_then_months(history: History) -> None:
    """Ninety days stay complete, then one a week, then one a month; what remains still verifies."""
    removed = prune(history, RetentionRule(90, 200), who="ada")
    ages = [(NOW - entry.time).days for entry in history.entries()]
    assert [age for age in ages if age <= 90] == list(range(90, -1, -1))
    assert 15 <= sum(90 < age <= 200 for age in ages) <= 17
    assert 6 <= sum(age > 200 for age in ages) <= 8
    assert len(removed) == 400 - len(ages)
    assert verify(history).holds


def test_the_removal_says_who_which_and_why(history: History) -> None:
    """The event lists every removed record with the full digest of its content, the rule, and who applied it."""
    removed = prune(history, RetentionRule(), who="ada")
    (event,) = history.events()
    assert [path for path, _ in event.records] == [entry.path for entry in removed]
    assert [(digest[:12], len(digest)) for _, digest in event.records] == [(entry.digest, 64) for entry in removed]
    assert (event.who, event.why) == ("ada", "Thinned by rule: all for 90 days, weekly until 730 days, then monthly.")


def test_thinning_twice_removes_nothing_more(history: History) -> None:
    """The rule is stable: what it kept it keeps, and no empty event is written."""
    prune(history, RetentionRule(), who="ada")
    assert prune(history, RetentionRule(), who="ada") == ()
    assert len(history.events()) == 1


def test_a_clock_that_is_set_forward_thins_nothing_more(history: History) -> None:
    """Ages count from the newest record: ten years later by the clock, the same records stay."""
    prune(history, RetentionRule(), who="ada")
    assert prune(replace(history, clock=lambda: NOW + timedelta(days=3650)), RetentionRule(), who="ada") == ()


def test_a_dry_run_removes_nothing(history: History) -> None:
    """One may look before."""
    assert prune(history, RetentionRule(), who="ada", dry_run=True)
    assert len(history.entries()) == 400


def test_accepted_commits_stay(history: History) -> None:
    """The record with which an accepted level began is not thinned away."""
    history.extend([], events=[accept(report(301).commit, [SeriesPattern("parse")], at=NOW, who="ada", why="worth it")])
    prune(history, RetentionRule(), who="ada")
    assert any(entry.commit == report(301).commit[:12] for entry in history.entries())  # type: ignore[index]


def test_a_rule_that_contradicts_itself_is_refused() -> None:
    """Weeks cannot end before days do."""
    with pytest.raises(UsageError):
        RetentionRule(90, 30)


def test_a_damaged_record_can_be_discarded(history: History) -> None:
    """The way out of a damaged record: name it, say why, and the audit trail keeps it."""
    path = list_entries(history)[0].path
    (Path(history.where) / path).write_bytes(b"{")
    assert not verify(history).holds
    discard(history, [path], who="ada", why="damaged disk")
    assert verify(history).holds
    assert history.events()[0].why == "damaged disk"
    with pytest.raises(UsageError, match="no record"):
        discard(history, ["../../etc/passwd"], who="ada", why="x")


def test_verify_finds_each_contradiction_in_a_folder(history: History) -> None:
    """An edited line, a renamed file, a foreign file and a cut event are each named."""
    root = Path(history.where)
    first, second, third, *_ = (root / entry.path for entry in history.entries())
    first.write_bytes(first.read_bytes().replace(b"unit", b"Unit", 1))
    second.rename(second.with_name(second.name.replace("-local.1-", "-other.1-")))
    third.write_bytes(encode(report(5)).replace(b'"schema":%d' % SCHEMA, b'"schema":%d' % (SCHEMA + 1)))
    (root / "notes.txt").write_text("hello")
    (root / "events/2025/06").mkdir(parents=True)
    (root / "events/2025/06/20250601T120000Z-held-0123456789ab.jsonl").write_text("{}\n")
    result = verify(history)
    assert not result.holds
    problems = "\n".join(result.problems)
    assert len(result.problems) == 5
    for words in (
        "not what the name says",
        "which belongs to",
        f"has schema {SCHEMA + 1}",
        "notes.txt: this is no record",
        "-held-",
    ):
        assert words in problems


def test_a_folder_is_proved_against_what_an_earlier_proof_found(history: History) -> None:
    """What was pruned may be gone; what was deleted is missed, and what a pruning lists may not come back."""
    proof = {origin.path: origin.digest for origin in verify(history).origins}
    gone, *_ = prune(history, RetentionRule(), who="ada")
    result = verify(history, expected=proof)
    assert (result.problems, result.pruned) == ((), len(proof) - len(result.origins))
    deleted = history.entries()[-1].path
    (Path(history.where) / deleted).unlink()
    assert verify(history).holds
    assert verify(history, expected=proof).problems == (
        f"{deleted}: was there at an earlier proof and is missing, and no pruning lists it.",
    )
    history.append(report((NOW - gone.time).days))
    assert verify(history).problems == (f"{gone.path}: is there again, and a pruning lists it as removed.",)


def test_records_are_listed_from_their_paths_where_these_suffice(history: History) -> None:
    """Who lists a window does not open the records; who asks for their contents does."""
    assert [entry.commit[:4] for entry in list_entries(history, Selection(last=2))] == ["0001", "0000"]
    assert list_entries(history, Selection(benchmark="nothing", last=2)) == ()
    assert len(list_entries(history, Selection(benchmark="parse", last=2))) == 2


def test_a_record_is_shown_by_commit_path_name_or_digest(history: History) -> None:
    """Whatever the list printed can be asked for."""
    entry = list_entries(history)[-1]
    for which in (entry.path, entry.name, entry.digest, (report(0).commit or "")[:8], report(0).commit):
        ((shown, its_report),) = find_records(history, which or "")
        assert (shown, its_report.commit) == (entry, report(0).commit)
    with pytest.raises(UsageError, match="no record"):
        find_records(history, "abc")


def test_the_forms_of_export_are_named() -> None:
    """The command line offers these."""
    assert [form.value for form in ExportFormat] == ["jsonl", "csv", "columns", "parquet"]
