"""What a pull request brings along does not decide how it is judged: each attack runs through plan, measurer and ci."""

from __future__ import annotations

import io
import json
import os
from typing import TYPE_CHECKING

import pytest

from integration.action.action_workspace import REPOSITORY
from regress_action.action import job
from regress_action.github.runner import StepLog
from regress_action.model.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

    from integration.action.action_workspace import Workspace


def attacked(workspace: Workspace, files: dict[str, str], base: dict[str, str] | None = None) -> tuple[int, str, str]:
    """Open a pull request that is three times slower and brings these files; return status, verdict and log."""
    for name, text in (base or {}).items():
        (workspace.folder / name).write_text(text)
    start = workspace.commit(0.01)
    workspace.git("update-ref", "refs/remotes/origin/main", start)
    workspace.git("checkout", "--quiet", "-b", "feature")
    for name, text in files.items():
        (workspace.folder / name).write_text(text)
    head = workspace.commit(0.03)
    status, outputs, log = workspace.step("pull_request", workspace.pull_request(head, start), base="")
    return status, outputs["verdict"], log


@pytest.mark.parametrize(
    "files",
    [
        {"regress.yml": "fail-on: none\n"},
        {"regress.yml": "benchmarks: [{match: '*', ignore: true}]\n"},
        {"regress.yml": "base: HEAD\n"},
        {"regress.yml": "mode: trend\n"},
        {"thresholds.yml": "default: {regression_threshold: 90}\n", "regress.yml": "thresholds: thresholds.yml\n"},
        {
            "regress-waivers.yml": "waivers: [{benchmark: benchmarks/test_parse.py::test_parse, metric: time, "
            "ceiling: 9, reason: because of it, expires: 2026-12-24}]\n"
        },
    ],
    ids=lambda files: " ".join(files.values()).strip()[:30],
)
def test_a_pull_request_does_not_excuse_itself(workspace: Workspace, files: dict[str, str]) -> None:
    """It fails as it would without these files, and the log says what it tried."""
    status, verdict, log = attacked(workspace, files)
    assert (status, verdict) == (1, "fail")
    assert "This pull request changes its own gate" in log


def test_a_feature_branch_never_writes_the_history(workspace: Workspace) -> None:
    """`mode: baseline`, even as an input, stores nothing from another branch than the default one."""
    start = workspace.commit(0.01)
    workspace.git("update-ref", "refs/remotes/origin/main", start)
    workspace.git("checkout", "--quiet", "-b", "feature")
    head = workspace.commit(0.03)
    payload = {**workspace.pushed(head), "ref": "refs/heads/feature"}
    workspace.step("push", payload, mode="baseline", base="none")
    assert not list((workspace.folder / ".regress").glob("history/**/*.jsonl"))


def test_a_history_that_the_checkout_brings_is_not_believed(workspace: Workspace) -> None:
    """Records below .regress that git tracks were written by whoever wrote the commit."""
    head = workspace.commit(0.01)
    workspace.step("push", workspace.pushed(head))
    assert list((workspace.folder / ".regress").glob("history/**/*.jsonl"))
    workspace.git("checkout", "--quiet", "-b", "feature")
    workspace.git("add", "--force", ".regress/history")
    forged = workspace.commit(0.01)
    workspace.git("update-ref", "refs/remotes/origin/main", head)
    payload = workspace.pull_request(forged, head)
    _, _, log = workspace.step("pull_request", payload, base="none")
    assert "git tracks .regress/history" in log
    assert "There is no baseline yet" in log


@pytest.mark.parametrize("name", ["regress.yml", "thresholds.yml", "regress-waivers.yml"])
def test_a_pipe_in_place_of_a_settings_file_is_refused_at_once(workspace: Workspace, name: str) -> None:
    """Reading it would wait for a writer for ever, with the token in hand."""
    start = workspace.commit(0.01)
    os.mkfifo(workspace.folder / name)
    inputs = {"thresholds": "thresholds.yml"} if name == "thresholds.yml" else {}
    status, _, log = workspace.step("push", workspace.pushed(start), **inputs)
    assert status == 2
    assert f"{name} cannot be read" in log


def test_a_link_in_place_of_a_settings_file_is_refused(workspace: Workspace) -> None:
    """It could lead to a device without end, or to a file of another user."""
    start = workspace.commit(0.01)
    (workspace.folder / "regress.yml").symlink_to("/dev/zero")
    status, _, log = workspace.step("push", workspace.pushed(start))
    assert status == 2
    assert "regress.yml cannot be read" in log


def test_settings_that_the_suite_rewrites_do_not_count(workspace: Workspace) -> None:
    """The suite runs between plan and judge; the judge takes what plan read."""
    suite = (workspace.folder / "suite.py").read_text()
    config = str(workspace.folder / "regress.yml")
    (workspace.folder / "suite.py").write_text(f"{suite}\nopen({config!r}, 'w').write('fail-on: none')\n")
    start = workspace.commit(0.01)
    workspace.git("update-ref", "refs/remotes/origin/main", start)
    workspace.git("checkout", "--quiet", "-b", "feature")
    head = workspace.commit(0.03)
    status, _, _ = workspace.step("pull_request", workspace.pull_request(head, start), base="")
    assert status == 1


def test_an_event_that_the_suite_rewrites_is_noticed(workspace: Workspace) -> None:
    """The event says which pull request is judged, so a rewritten one is refused."""
    suite = (workspace.folder / "suite.py").read_text()
    event = str(workspace.folder.parent / "event.json")
    (workspace.folder / "suite.py").write_text(f"{suite}\nopen({event!r}, 'a').write(' ')\n")
    head = workspace.commit(0.01)
    status, _, log = workspace.step("push", workspace.pushed(head))
    assert status == 2
    assert "The file of the event has changed since the plan step." in log


def test_settings_of_a_base_that_is_not_checked_out_come_from_github(workspace: Workspace, tmp_path: Path) -> None:
    """A clone of depth 1 lacks the base; without GitHub and without the commit there is an error, not a guess."""
    (workspace.folder / "regress.yml").write_text("fail-on: none\n")
    head = workspace.commit(0.01)
    base = "b" * 40
    payload = workspace.pull_request(head, base)
    (tmp_path / "event.json").write_text(json.dumps(payload))
    environ = {
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
        "GITHUB_REPOSITORY": REPOSITORY,
        "GITHUB_API_URL": workspace.github.url,
    }
    with pytest.raises(SettingsError, match="base commit cannot be read"):
        job.load_job(payload, environ, workspace.folder, StepLog(io.StringIO()))
    workspace.github.data.files[base, "regress.yml"] = b"fail-on: minor\n"
    environ["REGRESS_INPUTS"] = json.dumps({"github-token": "ghs_token"})
    loaded = job.load_job(payload, environ, workspace.folder, StepLog(io.StringIO()))
    assert loaded.settings.fail_on == "minor"


TRADED = """
import json, random, sys
time, size = map(float, open("cost.txt").read().split())
noise = lambda level: level * random.gauss(1, 0.005)
measures = {"latency": {"value": noise(time * 1e9)}, "file-size": {"value": round(noise(size * 1e6))}}
json.dump({"parse": measures}, open(sys.argv[1], "w"))
"""
RULE = "default: {trade_offs: [file_size +80 % allowed if time -20 %]}\n"


@pytest.mark.parametrize(
    ("base", "head", "time", "verdict"),
    [(RULE, None, 0.5, "pass"), (RULE, None, 1.0, "fail"), (None, RULE, 0.5, "fail")],
    ids=["reviewed", "unproven", "of-the-change"],
)
def test_trade_off_counts_from_the_base(
    workspace: Workspace, base: str | None, head: str | None, time: float, verdict: str
) -> None:
    """A file that grew by half is allowed for half the time, where the base says so and the time is proven."""
    none = "default: {regression_threshold: 1.2}\n"
    (workspace.folder / "suite.py").write_text(TRADED)
    (workspace.folder / "regress.yml").write_text("thresholds: thresholds.yml\nfail-on: minor\n")
    (workspace.folder / "thresholds.yml").write_text(base or none)
    start = workspace.commit_text("1.0 1.0\n")
    workspace.git("update-ref", "refs/remotes/origin/main", start)
    workspace.git("checkout", "--quiet", "-b", "feature")
    (workspace.folder / "thresholds.yml").write_text(head or base or none)
    commit = workspace.commit_text(f"{time} 1.5\n")
    status, outputs, log = workspace.step("pull_request", workspace.pull_request(commit, start), base="")
    assert (status, outputs["verdict"]) == (int(verdict == "fail"), verdict), log
    assert ("thresholds.yml differs from its base" in log) is (head is not None)
    summary = (workspace.folder.parent / "summary.md").read_text()
    assert ("is allowed by the trade-off" in summary) is (verdict == "pass")
    assert "% larger" in summary
