"""Attacks that a pull request can make, through the real steps of the action, by a user who is not root.

Every attack succeeded once on a version of the action: `REGRESS_ATTACKED=FOLDER` runs them against the tree in FOLDER.
"""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from e2e.attacks import attack_programs as programs
from e2e.e2e_repository import COSTS, REPOSITORY, TOKEN
from integration.history.smart_http import bare_repository, serving

if TYPE_CHECKING:
    from pathlib import Path

    from e2e.attacks.attack_runner import Job, Runner

pytestmark = [pytest.mark.timeout(900), pytest.mark.usefixtures("engine")]
COMMAND = "/usr/bin/python3 -P suite.py {out} && (/usr/bin/python3 -P attack.py || true)"
SLOWER = f"COSTS = {COSTS | {'parse': 0.03}!r}\n"
OTHER_SECRET = "the-token-of-the-history"  # noqa: S105 - of a fake forge
BOTH_ENGINES = pytest.mark.parametrize("engine_name", ["docker", "venv"])
MARK = '<!-- regress-action:accepted {"benchmark":"*","by":"octo","reason":"fine"} -->'


def attack(runner: Runner, *parts: str, files: dict[str, str] | None = None, **inputs: str) -> Job:
    """Open a pull request that is slower and whose suite runs a program; return what became of its job."""
    base = runner.git("rev-parse", "HEAD")
    paths = {"loot": runner.loot, "workspace": runner.workspace, "action": runner.action, "tools": runner.tools}
    head = runner.commit({"attack.py": programs.program(*parts, **paths), "costs.py": SLOWER, **(files or {})})
    given = {"command": COMMAND, "runs": "5", "baseline": "none", "engine": "docker", **inputs}
    return runner.run("pull_request", runner.pull_request(head, base), given)


def verdict(job: Job) -> tuple[bool, str]:
    """Return whether the job failed, and the verdict that it put out."""
    return job.failed, job.outputs["verdict"]


@BOTH_ENGINES
def test_the_suite_sees_no_secret(runner: Runner, engine_name: str) -> None:
    """Neither in its own environment nor in that of any process that runs beside it."""
    runner.environ |= {"REGRESS_HISTORY_TOKEN": OTHER_SECRET, "DEPLOY_KEY": OTHER_SECRET, "NPM_TOKEN": OTHER_SECRET}
    job = attack(runner, programs.ENVIRONMENT, engine=engine_name)
    own = (runner.loot / "environment").read_text()
    assert OTHER_SECRET not in own
    assert TOKEN not in runner.stolen
    assert verdict(job) == (True, "fail")


@BOTH_ENGINES
def test_a_process_that_outlives_the_suite_sees_no_token(runner: Runner, engine_name: str) -> None:
    """A daemon of the suite is ended, or the job is not judged in its presence."""
    job = attack(runner, programs.DAEMON, engine=engine_name)
    assert TOKEN not in runner.stolen
    assert job.failed


def test_a_rewritten_measurer_sees_no_token(runner: Runner) -> None:
    """The suite can write the files that start its next run, and leave its namespace: what it starts is ended, too."""
    job = attack(runner, programs.DAEMON, programs.REWRITE_MEASURER, engine="venv")
    assert "exec_shim.py" in (runner.loot / "escaped").read_text()
    assert TOKEN not in runner.stolen
    assert job.failed
    assert job.outputs["verdict"] != "pass"


@BOTH_ENGINES
def test_a_suite_that_kills_the_measurer_sees_no_token(runner: Runner, engine_name: str) -> None:
    """With nobody left to end its daemon, the step that has the token does not start in that job."""
    job = attack(runner, programs.DAEMON, programs.KILL_MEASURER, engine=engine_name)
    assert TOKEN not in runner.stolen
    assert job.failed
    assert job.outputs["verdict"] != "pass"


@BOTH_ENGINES
def test_git_configuration_of_the_suite_runs_nothing(runner: Runner, engine_name: str) -> None:
    """The judge reads commits and history; nothing that the checkout's configuration names is started for that."""
    runner.environ["REGRESS_HISTORY_TOKEN"] = TOKEN
    job = attack(runner, programs.GIT_CONFIGURATION, baseline="branch", engine=engine_name)
    assert TOKEN not in runner.stolen
    assert job.failed


def test_a_link_in_place_of_a_log_overwrites_nothing(runner: Runner) -> None:
    """The measurer writes its files into its own folder only."""
    before = (runner.action / "bin/launch").read_bytes()
    attack(runner, programs.LINKED_LOGS)
    assert (runner.action / "bin/launch").read_bytes() == before


@BOTH_ENGINES
def test_devices_and_pipes_in_the_workspace_cost_no_memory_and_no_time(runner: Runner, engine_name: str) -> None:
    """Files that never end are refused: the job ends in time, and what it measured is judged or reported missing."""
    job = attack(
        runner, programs.PIPES, files={"thresholds.yml": "api: {regression_threshold: 1.2}\n"}, engine=engine_name
    )
    assert job.failed
    assert job.outputs["verdict"] != "pass"


@BOTH_ENGINES
def test_the_suite_commands_no_runner(runner: Runner, engine_name: str) -> None:
    """Commands in its output, and in that of the measurer, are text."""
    job = attack(runner, programs.COMMANDS, engine=engine_name)
    assert not [line for line in job.commands if "forged" in line or "set-output" in line or "add-mask::fail" in line]
    assert verdict(job) == (True, "fail")


@BOTH_ENGINES
def test_a_rewritten_action_is_not_started(runner: Runner, engine_name: str) -> None:
    """The suite can write the action's files; the step that has the token notices."""
    job = attack(runner, programs.REWRITE_ACTION, engine=engine_name)
    assert TOKEN not in runner.stolen
    assert job.failed
    assert job.outputs["verdict"] != "pass"


@BOTH_ENGINES
def test_files_of_the_step_set_no_environment_for_the_next(runner: Runner, engine_name: str) -> None:
    """What the suite writes into the runner's files neither runs nor replaces a program in the steps with the token."""
    attack(runner, programs.STEP_FILES, engine=engine_name)
    assert TOKEN not in runner.stolen


def test_a_poisoned_tool_cache_is_not_used_by_the_next_job(runner: Runner) -> None:
    """A machine that runs several jobs keeps a virtualenv between them, which a suite can write."""
    attack(runner, programs.POISON_TOOLS, engine="venv")
    (runner.loot / "tools").unlink(missing_ok=True)
    base = runner.git("rev-parse", "HEAD")
    event = runner.pull_request(runner.commit({"attack.py": ""}), base)
    inputs = {"command": COMMAND, "runs": "5", "baseline": "none", "engine": "venv"}
    runner.run("pull_request", event, inputs)
    assert TOKEN not in runner.stolen


def test_settings_of_a_change_send_no_token_elsewhere(runner: Runner, tmp_path: Path) -> None:
    """A history branch on another server, in regress.yml of the pull request, is not read and gets no token."""
    bare_repository(tmp_path / "served" / "mallory/history.git")
    runner.environ["REGRESS_HISTORY_TOKEN"] = OTHER_SECRET
    with serving(tmp_path / "served") as (url, backend):
        settings = f"history-branch: regress-data@{url}/mallory/history.git\nbase: none\n"
        attack(runner, files={"regress.yml": settings}, baseline="branch")
        seen = [header for header in backend.authorizations if header]
    assert seen == []


def test_settings_of_a_change_write_no_history(runner: Runner) -> None:
    """`mode: baseline` in regress.yml of a feature branch records nothing."""
    base = runner.git("rev-parse", "HEAD")
    head = runner.commit({"regress.yml": "mode: baseline\n", "attack.py": ""})
    runner.push("feature")
    payload = {
        "ref": "refs/heads/feature",
        "before": base,
        "after": head,
        "repository": {"full_name": REPOSITORY, "default_branch": "main"},
    }
    inputs = {"command": COMMAND, "runs": "5", "baseline": "branch", "engine": "docker"}
    for event, content in (("push", payload), ("pull_request", runner.pull_request(head, base))):
        runner.run(event, content, inputs)
    assert runner.branches() == [
        "refs/heads/feature",
        "refs/heads/main",
    ]


EXPIRY = (datetime.now(UTC) + timedelta(90)).date()
FIELDS = f"benchmark: '*parse*', metric: '*', ceiling: 9, reason: It is fine like this., expires: {EXPIRY}"
WAIVER = f"waivers: [{{{FIELDS}}}]\n"


@pytest.mark.parametrize(
    "files",
    [
        {"regress.yml": "fail-on: none\n"},
        {"regress.yml": "benchmarks: [{match: '*', ignore: true}]\n"},
        {"regress.yml": "benchmarks: [{match: '*', threshold: 9.0}]\n"},
        {"regress-waivers.yml": WAIVER},
    ],
    ids=["fail-on", "ignore", "threshold", "waiver"],
)
def test_a_change_does_not_loosen_its_own_gate(runner: Runner, files: dict[str, str]) -> None:
    """What it changes about its gate is reported, and takes effect after the merge."""
    job = attack(runner, files=files)
    assert verdict(job) == (True, "fail")
    (run,) = runner.github.data.check_runs
    assert "takes effect after the merge" in f"{run.summary}{job.log}"


def test_a_history_in_the_checkout_is_not_believed(runner: Runner) -> None:
    """A baseline that git tracks below .regress came with the change."""
    inputs = {"command": COMMAND, "runs": "5", "baseline": "folder", "base": "none", "engine": "docker"}
    slow = runner.commit(
        {"costs.py": f"COSTS = { ({name: 10 * cost for name, cost in COSTS.items()})!r}\n", "attack.py": ""}
    )
    repository = {"full_name": REPOSITORY, "default_branch": "main"}
    push = {"ref": "refs/heads/main", "before": slow, "after": slow, "repository": repository}
    runner.run("push", push, inputs)
    history = runner.workspace / ".regress/history"
    files = {str(path.relative_to(runner.workspace)): path.read_text() for path in history.rglob("*") if path.is_file()}
    assert files
    job = attack(runner, files=files, baseline="folder", base="none")
    assert job.outputs["verdict"] != "pass"


@pytest.mark.parametrize(
    "suite", ["raise SystemExit(1)\n", "import json, sys; json.dump({'benchmarks': []}, open(sys.argv[1], 'w'))\n"]
)
def test_a_base_that_measured_nothing_is_no_pass(runner: Runner, suite: str) -> None:
    """With nothing to compare with, every row is new; that is incomplete, not fine."""
    suite_text = (runner.workspace / "suite.py").read_text()
    runner.commit({"suite.py": suite})
    job = attack(runner, files={"suite.py": suite_text})
    assert job.failed
    assert job.outputs["verdict"] == "incomplete"


def test_a_benchmark_named_like_a_mark_accepts_nothing(runner: Runner) -> None:
    """The second push of a pull request is judged like the first."""
    costs = f"COSTS = { ({MARK: 0.03, **COSTS})!r}\n"
    runner.commit({"costs.py": costs.replace("0.03", "0.01")})
    base = runner.git("rev-parse", "HEAD")
    inputs = {"command": COMMAND, "runs": "5", "baseline": "none", "engine": "docker"}
    event = runner.pull_request(runner.commit({"costs.py": costs, "attack.py": ""}), base)
    for message in ("First", "Second"):
        head = runner.commit({}, message)
        event["pull_request"]["head"]["sha"] = head
        job = runner.run("pull_request", event, inputs)
        assert verdict(job) == (True, "fail")
    assert not any("ccepted by" in comment.body for comment in runner.github.data.comments)


@BOTH_ENGINES
def test_every_file_left_behind_can_be_removed_by_its_owner(runner: Runner, engine_name: str) -> None:
    """Nothing of root's, nothing that cannot be written: the next checkout cleans the workspace."""
    attack(runner, engine=engine_name)
    left = [path for path in runner.workspace.rglob("*") if path.lstat().st_uid != runner.workspace.stat().st_uid]
    assert left == []
    assert all(path.stat().st_mode & stat.S_IWUSR for path in runner.workspace.rglob("*") if path.is_dir())
