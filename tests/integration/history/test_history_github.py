"""A history on GitHub without a push: commits that GitHub signs, and artifacts."""

import io
import os
import subprocess
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from integration.history.github_http import TOKEN, GitHub
from integration.history.smart_http import Backend, bare_repository, serving
from regress_action.history import History, open_history
from regress_action.history.store import unpack
from regress_action.model.errors import HistoryError, SettingsError
from regress_action.model.measurements import Benchmark, Metric, Report, Run, Series
from regress_action.model.records import encode, path_of
from regress_action.stores import connected_history


def report(number: int) -> Report:
    """One of many reports that differ."""
    return Report(
        series=(Series(Benchmark("parse"), Metric("time", "s"), (1.0 + number,)),),
        runs=(Run(),),
        suite="unit",
        commit=f"{number:04x}" * 10,
        created=f"2025-01-{1 + number:02}T00:00:00Z",
        provenance=(("event", "push"), ("run_id", str(number))),
    )


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """The repository of acme/project."""
    return bare_repository(tmp_path / "acme" / "project")


@pytest.fixture
def served(bare: Path) -> Iterator[tuple[str, type[Backend]]]:
    """The URL of the server, and its handler."""
    with serving(bare.parents[1], GitHub, artifacts=[], archives={}, seen=[]) as handler:
        yield handler


@pytest.fixture
def environ(served: tuple[str, Any]) -> dict[str, str]:
    """The environment of a workflow whose commits are made through the API."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "GITHUB_SERVER_URL": served[0],
        "GITHUB_API_URL": f"{served[0]}/api/v3",
        "GITHUB_REPOSITORY": "acme/project",
        "GITHUB_TOKEN": TOKEN,
        "REGRESS_HISTORY_COMMITS": "api",
    }


def log(bare: Path, form: str) -> list[str]:
    """What the branch's commits say."""
    return subprocess.run(
        ["git", "-C", bare, "log", f"--format={form}", "regress-data"], check=True, capture_output=True, text=True
    ).stdout.split("\n")[:-1]


def test_github_makes_the_commits_on_request(bare: Path, environ: dict[str, str]) -> None:
    """The branch begins through the Git Data API, goes on through createCommitOnBranch, and reads as any other."""
    for number in (1, 2, 2, 3):
        connected_history("branch:regress-data", environ=environ).append(report(number))
    assert connected_history("branch:regress-data", environ=environ).load() == (report(1), report(2), report(3))
    assert log(bare, "%cn") == ["GitHub", "GitHub", "bot"]
    assert log(bare, "%s")[0] == "Record unit at 000300030003"


def test_a_commit_that_came_too_late_is_made_again(
    bare: Path, served: tuple[str, Any], environ: dict[str, str]
) -> None:
    """The API compares and swaps like a push; who lost the race looks again."""
    connected_history("branch:regress-data", environ=environ).append(report(1))
    rival = open_history(f"branch:regress-data@{bare}", environ={"PATH": os.environ["PATH"]})
    served[1].before_commit = lambda: rival.append(report(2))
    connected_history("branch:regress-data", environ=environ).append(report(3))
    assert len(log(bare, "%H")) == 3
    assert len(connected_history("branch:regress-data", environ=environ).load()) == 3


def test_an_answer_of_502_after_the_commit_does_not_write_twice(
    bare: Path, served: tuple[str, Any], environ: dict[str, str]
) -> None:
    """GitHub made the commit and answered that it failed: the next attempt finds the record."""
    connected_history("branch:regress-data", environ=environ).append(report(1))
    served[1].lost_answers = 1
    connected_history("branch:regress-data", environ=environ).append(report(2))
    assert served[1].lost_answers == 0
    assert len(log(bare, "%H")) == 2
    assert connected_history("branch:regress-data", environ=environ).load() == (report(1), report(2))


def test_a_token_without_rights_is_explained(served: tuple[str, Any], environ: dict[str, str]) -> None:
    """The message names the permission that is missing, and never the token."""
    served[1].refuse = 403
    with pytest.raises(HistoryError, match="contents: write") as caught:
        connected_history("branch:regress-data", environ=environ).append(report(1))
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    ("where", "change"),
    [("branch:x@/tmp", {}), ("branch:x", {"GITHUB_TOKEN": ""}), ("branch:x@https://example.org/a/b", {})],
)
def test_the_api_needs_github_and_a_token(environ: dict[str, str], where: str, change: dict[str, str]) -> None:
    """Elsewhere nobody could sign."""
    with pytest.raises(SettingsError, match="REGRESS_HISTORY_COMMITS"):
        connected_history(where, environ=environ | change)


def packed(*reports: Report, **others: bytes) -> bytes:
    """An archive of records, and of other files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for report in reports:
            archive.writestr(str(path_of(report)), encode(report))
        for name, data in others.items():
            archive.writestr(name, data)
    return out.getvalue()


def offer(handler: Any, number: int, archive: bytes, **changes: Any) -> None:
    """Let GitHub have an artifact, older than those it has."""
    run = {"id": number, "repository_id": 7, "head_repository_id": 7, "head_branch": "main"} | changes.pop("run", {})
    handler.archives[number] = archive
    handler.artifacts.append(
        {
            "id": number,
            "name": "regress-data",
            "expired": False,
            "size_in_bytes": len(archive),
            "workflow_run": run,
            "archive_download_url": f"/repos/acme/project/actions/artifacts/{number}/zip",
            **changes,
        }
    )


def opened(environ: dict[str, str], tmp_path: Path) -> History:
    """The history in the artifact."""
    return connected_history("artifact:regress-data", repository=tmp_path, environ=environ)


def test_no_artifact_yet_is_an_empty_history(environ: dict[str, str], tmp_path: Path) -> None:
    """The first run finds nothing, and leaves its record for the upload step."""
    history = opened(environ, tmp_path)
    assert history.load() == ()
    path = history.append(report(1))
    assert (tmp_path / ".regress/artifact/regress-data" / path).is_file()
    assert history.load() == (report(1),)


def test_the_newest_artifact_that_may_be_believed_is_read(
    served: tuple[str, Any], environ: dict[str, str], tmp_path: Path
) -> None:
    """A fork's, a branch's and an expired artifact of the same name are passed over."""
    offer(served[1], 1, packed(report(1)), run={"head_repository_id": 666})
    offer(served[1], 2, packed(report(2)), run={"head_branch": "topic"})
    offer(served[1], 3, packed(report(3)), expired=True)
    offer(served[1], 4, packed(report(4)), workflow_run=None)
    offer(served[1], 5, packed(report(5), report(6)))
    offer(served[1], 6, packed(report(7)))
    assert opened(environ, tmp_path).load() == (report(5), report(6))


def test_the_store_does_not_see_the_token(served: tuple[str, Any], environ: dict[str, str], tmp_path: Path) -> None:
    """GitHub's redirect leads to somebody else's server, which gets no credentials."""
    offer(served[1], 1, packed(report(1)))
    assert len(opened(environ, tmp_path).load()) == 1
    assert [secret for path, secret in served[1].seen if path.startswith("/store/")] == [None]
    assert any(secret and TOKEN in secret for path, secret in served[1].seen)


def test_old_records_go_along_with_the_new(served: tuple[str, Any], environ: dict[str, str], tmp_path: Path) -> None:
    """An artifact cannot be added to, so the next one holds all."""
    offer(served[1], 1, packed(report(1)))
    opened(environ, tmp_path).append(report(2))
    folder = open_history(".regress/artifact/regress-data", repository=tmp_path, environ={})
    assert folder.load() == (report(1), report(2))


def test_an_oversized_artifact_is_not_fetched(served: tuple[str, Any], environ: dict[str, str], tmp_path: Path) -> None:
    """What GitHub says is too large is left where it is."""
    offer(served[1], 1, packed(report(1)), size_in_bytes=10**9)
    with pytest.raises(HistoryError, match="1000000000 bytes"):
        opened(environ, tmp_path).load()
    assert not [path for path, _ in served[1].seen if path.startswith("/store/")]


def test_missing_rights_are_named(served: tuple[str, Any], environ: dict[str, str], tmp_path: Path) -> None:
    """Reading artifacts needs a permission of its own."""
    served[1].refuse = 403
    with pytest.raises(HistoryError, match="actions: read"):
        opened(environ, tmp_path).load()


def test_nothing_leaves_the_archive() -> None:
    """Names that lead out, or to no record, are left out."""
    hostile = packed(report(1), **{"../evil": b"x", "/runs/evil": b"x", "runs/../../evil": b"x", "notes.txt": b"x"})
    assert dict(unpack(hostile, "artifact:x")) == {str(path_of(report(1))): encode(report(1))}


@pytest.mark.parametrize("archive", [b"", b"PK\x03\x04 but no archive", b'{"schema":1}', packed(report(1))[:-30]])
def test_a_damaged_archive_is_refused(archive: bytes) -> None:
    """Half an artifact is none."""
    with pytest.raises(HistoryError, match="cannot be used"):
        dict(unpack(archive, "artifact:x"))


@pytest.mark.parametrize(
    ("where", "name", "folder"),
    [
        ("artifact:regress-data", "regress-data", ".regress/artifact/regress-data"),
        ("artifact:regress-data@out", "regress-data", "out"),
        ("artifact:.regress/history", "regress-history", ".regress/history"),
    ],
)
def test_an_artifact_has_a_name_and_a_folder(
    environ: dict[str, str], tmp_path: Path, where: str, name: str, folder: str
) -> None:
    """The workflow uploads the folder under the name."""
    history = connected_history(where, repository=tmp_path, environ=environ)
    history.append(report(1))
    assert history.where == f"artifact:{name}"
    assert (tmp_path / folder / "runs").is_dir()


@pytest.mark.parametrize("where", ["artifact:", "artifact:../x", "artifact:x@../y", "artifact:a b", "artifact:x@"])
def test_a_bad_name_is_refused(where: str) -> None:
    """A name that could lead elsewhere is none."""
    with pytest.raises(SettingsError):
        open_history(where, environ={})


def test_outside_a_workflow_there_are_no_artifacts(environ: dict[str, str], tmp_path: Path) -> None:
    """Without a repository or a token, the message says what to use instead."""
    with pytest.raises(SettingsError, match="GITHUB_REPOSITORY"):
        opened({}, tmp_path).load()
    with pytest.raises(HistoryError, match="could not be reached"):
        opened(environ | {"GITHUB_API_URL": "http://127.0.0.1:9/api/v3"}, tmp_path).load()


def test_an_upload_replaces_nothing(environ: dict[str, str], tmp_path: Path) -> None:
    """Records that wait for the upload stay when another is added."""
    history = opened(environ, tmp_path)
    history.append(report(1))
    history.append(replace(report(2), source="again"))
    assert len(list((tmp_path / ".regress/artifact").rglob("*.jsonl"))) == 2
