"""Attacks of a suite on the steps after it, through the real steps of action.yml with the engine `venv`."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from integration.action.action_steps import ROOT, Runner, StepRun, prepared_virtualenv
from integration.action.action_workspace import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

    from integration.action.action_workspace import Workspace

TOKEN = "ghs_tokenofthejob"  # noqa: S105 - what the attacks look for


@pytest.fixture
def runner(workspace: Workspace, tmp_path: Path) -> Runner:
    """Return a runner with a copy of the action, a virtualenv for it, and a pull request that is three times slower."""
    action = tmp_path / "action"
    for name in ("action.yml", "Dockerfile", "requirements.lock"):
        action.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, action)
    for name in ("bin", "src"):
        shutil.copytree(ROOT / name, action / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "temp").mkdir()
    prepared_virtualenv(tmp_path / "temp")
    base, head = workspace.commit(0.01), workspace.commit(0.03)
    event = tmp_path / "event.json"
    event.write_text(json.dumps(workspace.pull_request(head, base)))
    environ = {
        "PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}",  # noqa: PTH120 - a text for a variable
        "HOME": str(tmp_path),
        "RUNNER_TEMP": str(tmp_path / "temp"),
        "RUNNER_OS": "Linux",
        "GITHUB_ACTIONS": "true",
        "GITHUB_WORKSPACE": str(workspace.folder),
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_EVENT_PATH": str(event),
        "GITHUB_REPOSITORY": REPOSITORY,
        "GITHUB_API_URL": workspace.github.url,
        "GITHUB_RUN_ID": "7",
    }
    inputs = {
        "command": f"{sys.executable} suite.py {{out}}",
        "baseline": "folder",
        "runs": "6",
        "engine": "venv",
        "github-token": TOKEN,
    }
    return Runner(workspace.folder, action, environ, inputs)


def after_the_suite(runner: Runner, attack: str) -> dict[str, StepRun]:
    """Run the job with a suite that does this as well."""
    suite = runner.workspace / "suite.py"
    names = f"ACTION, HOME, WORKSPACE = {str(runner.action)!r}, {runner.environ['HOME']!r}, {str(runner.workspace)!r}\n"
    suite.write_text(f"{suite.read_text()}\nimport os, pathlib, subprocess\n{names}{attack}\n")
    runner.inputs["base"] = "none"
    return runner.run()


def test_the_steps_judge_a_pull_request(runner: Runner) -> None:
    """Without an attack the real steps measure, verify and fail a slower pull request."""
    steps = runner.run()
    log = "".join(step.log for step in steps.values())
    assert steps["verify"].outcome == "success", log
    assert steps["judge"].outcome == "failure", log
    assert steps["judge"].outputs["verdict"] == "fail", log


@pytest.mark.parametrize(
    ("attack", "reason"),
    [
        (
            "open(ACTION + '/bin/launch', 'w').write('env > ' + HOME + '/stolen')",
            "Files of the action",
        ),
        ("open(ACTION + '/src/regress_action/__init__.py', 'a').write('pass')", "Files of the action"),
        ("open(ACTION + '/src/json.py', 'w').write('')", "Files of the action"),
        ("open(HOME + '/commands/GITHUB_ENV', 'a').write('HTTPS_PROXY=http://127.0.0.1:1\\n')", "Variables of the job"),
        ("open(HOME + '/commands/GITHUB_ENV', 'a').write('SSL_CERT_FILE=/tmp/x\\n')", "Variables of the job"),
        ("open(HOME + '/commands/GITHUB_ENV', 'a').write('DOCKER_HOST=tcp://127.0.0.1:1\\n')", "Variables of the job"),
    ],
    ids=["launch", "module", "shadow", "proxy", "certificates", "docker"],
)
def test_no_token_where_the_suite_changed_what_the_judge_relies_on(runner: Runner, attack: str, reason: str) -> None:
    """The judge is not started, the step says why, and the token reaches nothing."""
    steps = after_the_suite(runner, attack)
    assert steps["verify"].outcome == "failure", steps["measure"].log
    assert reason in steps["verify"].log
    assert steps["judge"].outcome == "skipped"
    assert not (runner.workspace.parent / "stolen").exists()


def test_shell_code_in_the_environment_of_later_steps_is_not_run(runner: Runner) -> None:
    """BASH_ENV and functions from the runner's environment file are ignored where the token is."""
    attack = """
evil = pathlib.Path(HOME, "evil.sh")
evil.write_text("env > " + HOME + "/stolen-$$")
with open(HOME + "/commands/GITHUB_ENV", "a") as file:
    file.write(f"BASH_ENV={evil}\\nENV={evil}\\nBASH_FUNC_exec%%=() {{ env > {HOME}/stolen-function; }}\\n")
folder = pathlib.Path(HOME, "path"); folder.mkdir(exist_ok=True)
for name in ("bash", "env", "docker", "python3", "grep", "sha256sum", "find"):
    (folder / name).write_text("#!/bin/bash\\nenv > " + HOME + "/stolen-" + name + "\\n"); (folder / name).chmod(0o755)
open(HOME + "/commands/GITHUB_PATH", "a").write(str(folder) + "\\n")
"""
    steps = after_the_suite(runner, attack)
    assert steps["judge"].outputs.get("verdict"), steps["judge"].log + steps["verify"].log
    stolen = [path for path in runner.workspace.parent.glob("stolen*") if TOKEN in path.read_text()]
    assert stolen == []


def test_a_virtualenv_that_the_suite_changed_gets_no_token(runner: Runner) -> None:
    """The judge uses the virtualenv of the plan only where every file of it is the same."""
    attack = """
site = next(pathlib.Path(HOME, "temp/regress-action").glob("*/lib/python*/site-packages"))
(site / "evil.pth").write_text("import os; open('" + HOME + "/stolen', 'w').write(str(dict(os.environ)))")
"""
    steps = after_the_suite(runner, attack)
    assert steps["judge"].outcome == "failure"
    assert "The virtualenv of the plan step has changed." in steps["judge"].log
    assert not (runner.workspace.parent / "stolen").exists()


@pytest.mark.parametrize(
    ("note", "outcome", "reason"),
    [
        ('{"status": -9, "survivors": []}', "failure", "The measurer was killed."),
        ('{"status": 0, "survivors": ["daemon"]}', "failure", "Processes of the suite could not be ended."),
        (None, "failure", "The measurer left no note of its end."),
        ('{"status": 3, "survivors": []}', "failure", "The note of the end of the measurer is not its own."),
        ('{"status": 3, "survivors": [], "secret": "@OTHER@"}', "failure", "is not its own."),
        ('{"status": -9, "survivors": [], "secret": "@SECRET@"}', "failure", "The measurer was killed."),
        ('{"status": 3, "survivors": [], "secret": "@SECRET@"}', "failure", None),
        ('{"status": 0, "survivors": []}', "success", None),
    ],
)
def test_no_token_where_nobody_saw_the_suite_end(
    tmp_path: Path, note: str | None, outcome: str, reason: str | None
) -> None:
    """A killed measurer and processes that survived it stop the job; a measurement that failed is judged.

    A suite that kills the supervisor, too, could write the note itself, but it does not know the secret.
    """
    environ = {**os.environ, "GITHUB_ACTION_PATH": str(ROOT)}

    def verify(*words: str) -> subprocess.CompletedProcess[str]:
        command = ["bash", str(ROOT / "bin/verify"), *words]
        return subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)

    state, digest = verify("state").stdout.strip(), verify("secret").stdout.strip()
    secret = (tmp_path / ".regress/measure-secret").read_text()
    assert stat.S_IMODE((tmp_path / ".regress/measure-secret").stat().st_mode) == 0o600
    assert hashlib.sha256(secret.encode()).hexdigest() == digest
    if note:
        written = note.replace("@SECRET@", secret).replace("@OTHER@", "0" * 64)
        (tmp_path / ".regress/measure-ended.json").write_text(written)
    done = verify("check", state, outcome, digest)
    assert done.returncode == (4 if reason else 0), done.stderr
    assert (reason or "") in done.stderr


def test_a_process_that_the_suite_left_behind_is_found(tmp_path: Path) -> None:
    """A daemon outside of the measurer's sight could read the token, so the judge is not started beside it."""
    script = tmp_path / "job.sh"
    script.write_text(
        'state="$(bash bin/verify state)"; sleep 0.05\n'
        'bash -p -c "$(cat bin/verify)" verify check "$state" success && echo alone\n'
        "(setsid sleep 30 &); sleep 0.2\n"
        'bash -p -c "$(cat bin/verify)" verify check "$state" success || echo "refused $?"\n'
    )
    environ = {**os.environ, "GITHUB_ACTION_PATH": str(ROOT), "REGRESS_ALONE": "true"}
    namespace = ["unshare", "--map-root-user", "--pid", "--fork", "--mount-proc"]
    if subprocess.run([*namespace, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine makes no process namespaces")
    done = subprocess.run(
        [*namespace, "bash", str(script)], cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["alone", "refused", "4"], done.stderr
    assert "Processes of the suite are still running" in done.stderr
    assert "(sleep)" in done.stderr


def test_a_base_that_never_ran_is_no_pass(workspace: Workspace) -> None:
    """Where every run of the base fails, nothing was compared: the step ends with 3, not with a green check."""
    suite = (workspace.folder / "suite.py").read_text()
    (workspace.folder / "suite.py").write_text("raise SystemExit(1)")
    base = workspace.commit(0.01)
    (workspace.folder / "suite.py").write_text(suite)
    head = workspace.commit(0.03)
    status, outputs, log = workspace.step("pull_request", workspace.pull_request(head, base))
    assert (status, outputs["verdict"]) == (3, "incomplete"), log
