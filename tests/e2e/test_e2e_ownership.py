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
from e2e_workflows import SUITE_COMMAND
from e2e_world import COSTS, SUITE, checked, download

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.timeout(300)
SOMEBODY = 1501


@pytest.fixture
def ground() -> Iterator[Path]:
    """A folder that everybody may enter: the action as a runner downloads it, and a workspace with two commits."""
    folder = Path(tempfile.mkdtemp(prefix="regress-e2e-"))
    folder.chmod(0o755)
    download(folder / "action")
    workspace = folder / "workspace"
    checked("git", "init", "--quiet", "--initial-branch", "main", workspace)
    (workspace / "suite.py").write_text(SUITE)
    for costs in (COSTS, COSTS | {"parse": 0.030}):
        (workspace / "costs.py").write_text(f"COSTS = {costs!r}\n")
        checked("git", "add", "--all", cwd=workspace)
        checked("git", "-c", "user.name=x", "-c", "user.email=x@x", "commit", "--quiet", "-m", "x", cwd=workspace)
    yield folder
    shutil.rmtree(folder)


def somebody() -> list[str]:
    """Return the words that make a command that of somebody who is not root but may use Docker."""
    if os.geteuid():
        return []
    group = str(Path("/var/run/docker.sock").stat().st_gid)
    return ["setpriv", "--reuid", str(SOMEBODY), "--regid", str(SOMEBODY), "--groups", group]


def test_a_runner_that_is_not_root_owns_what_is_left(ground: Path) -> None:
    """All three steps work without root, and every file they leave belongs to the runner's user."""
    workspace, base = ground / "workspace", checked("git", "rev-parse", "HEAD~1", cwd=ground / "workspace")
    sides = {
        name: {"sha": sha, "ref": name, "repo": {"full_name": "o/r"}}
        for name, sha in (("head", checked("git", "rev-parse", "HEAD", cwd=workspace)), ("base", base))
    }
    (ground / "event.json").write_text(json.dumps({"number": 1, "pull_request": {"number": 1, **sides}}))
    if not os.geteuid():
        checked("chown", "-R", f"{SOMEBODY}:{SOMEBODY}", ground)
    owner = ground.stat().st_uid
    told = {
        "HOME": str(ground),
        "RUNNER_TEMP": str(ground / "temp"),
        "GITHUB_WORKSPACE": str(workspace),
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_EVENT_PATH": str(ground / "event.json"),
        "GITHUB_OUTPUT": str(ground / "output"),
        "GITHUB_STEP_SUMMARY": str(ground / "summary"),
        "GITHUB_REPOSITORY": "o/r",
        "REGRESS_ENGINE": "docker",
    }
    inputs = json.dumps({"command": SUITE_COMMAND, "runs": "5", "baseline": "none"})
    launch = str(ground / "action/bin/launch")
    path = "/usr/local/bin:/usr/bin:/bin"

    def step(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*somebody(), "bash", *words],
            cwd=workspace,
            env={"PATH": path, **told, **more},
            capture_output=True,
            text=True,
            check=False,
        )

    planned = step(launch, "plan", "--launch", f"bash {launch}", REGRESS_INPUTS=inputs)
    assert planned.returncode == 0, planned.stderr
    measured = step(str(ground / "action/bin/measure"))
    assert measured.returncode == 0, measured.stderr
    judged = step(launch, "ci", REGRESS_INPUTS=inputs)
    assert judged.returncode == 1, judged.stdout + judged.stderr
    assert "verdict" in (ground / "output").read_text()
    assert not [path for path in ground.rglob("*") if path.lstat().st_uid != owner]
