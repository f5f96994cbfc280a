"""What `regress-action history` prints."""

import json
import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from regress_action.action.judge import load_rules
from regress_action.commands import options
from regress_action.commands.detect import detect
from regress_action.commands.history import audit, listing, records
from regress_action.commands.history_accept import AcceptanceScope, accept_level
from regress_action.commands.record import record
from regress_action.history import open_history
from regress_action.model.errors import UsageError
from regress_action.model.measurements import Benchmark, Metric, Report, Run, Series


def test_what_verify_printed_proves_the_next_time_that_nothing_went(tmp_path: Path) -> None:
    """On a folder the printed list stands for the commits; a file without one is refused."""
    where = os.fspath(tmp_path / "history")
    series = Series(Benchmark("parse"), Metric("time", "s"), (1.0,))
    history = open_history(where, environ={})
    for commit in ("4f2a" * 10, "beef" * 10):
        path = history.append(Report((series,), (Run(),), commit=commit, created=datetime.now(UTC).isoformat()))
    first = audit(where, None)
    assert first.holds
    assert "The history holds: 2 records, 0 pruned." in first.lines
    proof = tmp_path / "proof.txt"
    proof.write_text("\n".join(first.lines))
    assert audit(where, os.fspath(proof)).holds
    (tmp_path / "history" / path).unlink()
    assert audit(where, None).holds
    second = audit(where, os.fspath(proof))
    assert not second.holds
    assert any(path in line and "is missing" in line for line in second.lines)
    proof.write_text("something else")
    with pytest.raises(UsageError, match="no record"):
        audit(where, os.fspath(proof))


def test_an_exchanged_record_contradicts_an_earlier_proof(tmp_path: Path) -> None:
    """The proof holds full digests: a valid record that shares the digits in the name is found."""
    where = os.fspath(tmp_path / "history")
    series = Series(Benchmark("parse"), Metric("time", "s"), (1.0,))
    path = open_history(where, environ={}).append(Report((series,), (Run(),), created="2025-01-01T00:00:00Z"))
    lines = audit(where, None).lines
    assert any(line.startswith(f"  {path}  ") and len(line.rpartition("sha256 ")[2]) == 64 for line in lines)
    proof = tmp_path / "proof.txt"
    digest = next(line.rpartition(" ")[2] for line in lines if path in line)
    proof.write_text("\n".join(lines).replace(digest, digest[:12] + "0" * 52))
    second = audit(where, os.fspath(proof))
    assert not second.holds
    assert any("another content than at an earlier proof" in line for line in second.lines)


def test_a_proof_of_an_earlier_version_holds_paths_alone(tmp_path: Path) -> None:
    """Lines without a digest prove that the records are still there."""
    where = os.fspath(tmp_path / "history")
    series = Series(Benchmark("parse"), Metric("time", "s"), (1.0,))
    path = open_history(where, environ={}).append(Report((series,), (Run(),), created="2025-01-01T00:00:00Z"))
    proof = tmp_path / "proof.txt"
    proof.write_text(f"  {path}  run local.1\n  {path.replace('2025', '2024')}  run local.1\n")
    assert [line for line in audit(where, os.fspath(proof)).lines if "is missing" in line]


@pytest.mark.parametrize("anchor", ["4f2a", "HEAD", "a" * 39])
def test_a_short_hash_is_no_anchor(tmp_path: Path, anchor: str) -> None:
    """The first digits of a hash prove nothing."""
    (tmp_path / "history").mkdir()
    with pytest.raises(UsageError, match="no full hash"):
        audit(os.fspath(tmp_path / "history"), anchor)


def test_a_history_or_a_suite_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    """An empty answer would look like an empty history."""
    with pytest.raises(UsageError, match="There is no history at"):
        audit(os.fspath(tmp_path / "nosuch"), None)
    with pytest.raises(UsageError, match="There is no history at"):
        list(listing(os.fspath(tmp_path / "nosuch"), {}))
    where = os.fspath(tmp_path / "history")
    series = Series(Benchmark("parse"), Metric("time", "s"), (1.0,))
    open_history(where, environ={}).append(Report((series,), (Run(),), suite="unit", created="2025-01-01T00:00:00Z"))
    with pytest.raises(UsageError, match="matches --suite nosuch") as caught:
        list(listing(where, {"suite": "nosuch"}))
    assert "unit" in caught.value.remedy
    header, line = listing(where, {"suite": "unit"})
    assert header.split() == ["time", "(UTC)", "commit", "suite", "environment", "digest"]
    assert list(records(where, line.split()[-1], {}))
    assert next(iter(records(where, line.split()[-1], {}))) == list(listing(where, {}, paths=True))[1].split()[-1]


def test_a_record_is_shown_by_a_branch_or_a_tag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What names a commit for git names its records."""
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@localhost"]
    subprocess.run([*git, "init", "-q", "-b", "main"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "a"], check=True)
    subprocess.run([*git, "tag", "v1"], check=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    series = Series(Benchmark("parse"), Metric("time", "s"), (1.0,))
    where = os.fspath(tmp_path / "history")
    path = open_history(where, environ={}).append(
        Report((series,), (Run(),), commit=commit, created="2025-01-01T00:00:00Z")
    )
    monkeypatch.chdir(tmp_path)
    for revision in ("HEAD", "main", "v1", "v1^0", commit):
        assert path in list(records(where, revision, {}))
    with pytest.raises(UsageError, match="no record of 'v2'"):
        list(records(where, "v2", {}))


def write(folder: Path, name: str, parse: float) -> str:
    """A results file in Bencher Metric Format."""
    content = {"parse": {"latency": {"value": parse}}, "render": {"latency": {"value": 50 + parse % 3}}}
    (folder / name).write_text(json.dumps(content))
    return os.fspath(folder / name)


def test_a_recorded_slowdown_is_no_baseline_before_it_is_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next run is compared with the fast records; accepting changes that, and taking it back changes it again."""
    monkeypatch.chdir(tmp_path)
    rules = load_rules(options.settings_of(), tmp_path)
    for number in range(8):
        list(record([write(tmp_path, "fast.json", 100 + number % 3)], "h", commit=f"{number:07}"))
    lines = list(record([write(tmp_path, "slow.json", 650)], "h", commit="abcdef0"))
    assert any("is no baseline yet" in line and "history accept parse" in line for line in lines)
    slow = [write(tmp_path, "next.json", 655)]
    assert detect(slow, "h", rules).exit_code == 1
    accepted = list(accept_level("h", AcceptanceScope(benchmark="parse", reason="The new parser checks more.")))
    expected = "  parse (time): compared with 1 record from now on, the oldest of commit abcdef0 (before: 8)"
    assert expected in accepted
    assert detect(slow, "h", rules).exit_code == 0
    list(accept_level("h", AcceptanceScope(benchmark="parse", reason="It was a mistake.", undo=True)))
    assert detect(slow, "h", rules).exit_code == 1


def scope(benchmark: str, commit: str | None = None) -> AcceptanceScope:
    """What an acceptance with a reason is about."""
    return AcceptanceScope(benchmark=benchmark, commit=commit, reason="Because.")


@pytest.mark.parametrize(
    ("refused", "words"),
    [
        (scope("nosuch"), "no series that matches 'nosuch"),
        (
            scope("cache_gte"),
            "Did you mean: bench/test_cache.py::test_cache_get?",
        ),
        (
            scope("cache_get*", commit="zzzz"),
            "no record of the commit that matches 'zzzz'",
        ),
    ],
)
def test_an_acceptance_that_matches_nothing_is_refused(tmp_path: Path, refused: AcceptanceScope, words: str) -> None:
    """Nothing is stored, and the nearest names are listed; a short name is enough."""
    where = os.fspath(tmp_path / "history")
    series = Series(Benchmark("bench/test_cache.py::test_cache_get"), Metric("time", "s"), (1.0,))
    history = open_history(where, environ={})
    history.append(Report((series,), (Run(),), commit="4f2a" * 10, created="2025-01-01T00:00:00Z"))
    with pytest.raises(UsageError) as caught:
        list(accept_level(where, refused))
    assert words in str(caught.value)
    assert history.events() == ()
    assert list(accept_level(where, scope("cache_get*")))
