"""A runner that is not root: the action works for it, and leaves nothing that it could not remove."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2e.e2e_repository import COSTS, SUITE, UNPRIVILEGED_UID, checked, download
from e2e.e2e_workflows import SUITE_COMMAND

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that everybody may enter: the action as a runner downloads it, and a workspace with two commits."""
    created = Path(tempfile.mkdtemp(prefix="regress-e2e-"))
    created.chmod(0o755)
    download(created / "action")
    workspace = created / "workspace"
    checked("git", "init", "--quiet", "--initial-branch", "main", workspace)
    (workspace / "suite.py").write_text(SUITE)
    for costs in (COSTS, COSTS | {"parse": 0.030}):
        (workspace / "costs.py").write_text(f"COSTS = {costs!r}\n")
        checked("git", "add", "--all", cwd=workspace)
        checked("git", "-c", "user.name=x", "-c", "user.email=x@x", "commit", "--quiet", "-m", "x", cwd=workspace)
    yield created
    shutil.rmtree(created)


def unprivileged() -> list[str]:
    """Return the words that make a command that of somebody who is not root but may use Docker."""
    if os.geteuid():
        return []
    group = str(Path("/var/run/docker.sock").stat().st_gid)
    return ["setpriv", "--reuid", str(UNPRIVILEGED_UID), "--regid", str(UNPRIVILEGED_UID), "--groups", group]


def test_a_runner_that_is_not_root_owns_what_is_left(folder: Path) -> None:
    """All three steps work without root, and every file they leave belongs to the runner's user."""
    workspace, base = folder / "workspace", checked("git", "rev-parse", "HEAD~1", cwd=folder / "workspace")
    sides = {
        name: {"sha": sha, "ref": name, "repo": {"full_name": "o/r"}}
        for name, sha in (("head", checked("git", "rev-parse", "HEAD", cwd=workspace)), ("base", base))
    }
    (folder / "event.json").write_text(json.dumps({"number": 1, "pull_request": {"number": 1, **sides}}))
    if not os.geteuid():
        checked("chown", "-R", f"{UNPRIVILEGED_UID}:{UNPRIVILEGED_UID}", folder)
    owner = folder.stat().st_uid
    variables = {
        "HOME": str(folder),
        "RUNNER_TEMP": str(folder / "temp"),
        "GITHUB_WORKSPACE": str(workspace),
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_EVENT_PATH": str(folder / "event.json"),
        "GITHUB_OUTPUT": str(folder / "output"),
        "GITHUB_STEP_SUMMARY": str(folder / "summary"),
        "GITHUB_REPOSITORY": "o/r",
        "REGRESS_ENGINE": "docker",
    }
    inputs = json.dumps({"command": SUITE_COMMAND, "runs": "5", "baseline": "none"})
    launch = str(folder / "action/bin/launch")
    path = "/usr/local/bin:/usr/bin:/bin"

    def step(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*unprivileged(), "bash", *words],
            cwd=workspace,
            env={"PATH": path, **variables, **more},
            capture_output=True,
            text=True,
            check=False,
        )

    planned = step(launch, "plan", "--launch", f"bash {launch}", REGRESS_INPUTS=inputs)
    assert planned.returncode == 0, planned.stderr
    measured = step(str(folder / "action/bin/measure"))
    assert measured.returncode == 0, measured.stderr
    judged = step(launch, "ci", REGRESS_INPUTS=inputs)
    assert judged.returncode == 1, judged.stdout + judged.stderr
    assert "verdict" in (folder / "output").read_text()
    assert not [path for path in folder.rglob("*") if path.lstat().st_uid != owner]
