"""Which names a release moves: the major tag only ever goes forward."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / ".github/release-names"


def names(folder: Path, version: str, tags: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    """Run the script in a repository with these tags."""
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@x"]
    subprocess.run([*git, "init", "--quiet", folder], check=True)
    subprocess.run([*git, "commit", "--quiet", "--allow-empty", "--message", "x"], cwd=folder, check=True)
    for tag in tags:
        subprocess.run([*git, "tag", tag], cwd=folder, check=True)
    return subprocess.run(["bash", SCRIPT, version], cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("version", "tags", "moves"),
    [
        ("1.0.0", (), "v1"),
        ("1.10.0", ("v1.9.0", "v1"), "v1"),
        ("1.2.4", ("v1.2.3", "v1.3.0"), ""),
        ("1.9.0", ("v1.10.0",), ""),
        ("1.4.1", ("v1.4.0", "v2.0.0"), "v1"),
        ("2.0.0", ("v1.4.0",), "v2"),
        ("1.4.0", ("v1.9.9-rc.1", "v1.nightly", "v10.0.0"), "v1"),
    ],
)
def test_a_backport_does_not_move_the_major_tag_back(
    tmp_path: Path, version: str, tags: tuple[str, ...], moves: str
) -> None:
    """Only the newest release of a major version moves its names; other tags count for nothing."""
    done = names(tmp_path, version, tags)
    assert done.stdout == f"tag=v{version}\nmoves={moves}\n", done.stderr


@pytest.mark.parametrize("version", ["v1.2.3", "1.2", "1.02.3", "1.2.3-rc.1", "1.2.3\nmoves=v1", "", "$(touch x)"])
def test_what_is_no_version_is_refused(tmp_path: Path, version: str) -> None:
    """The input of the workflow becomes a tag and outputs of a step, so it is checked first."""
    done = names(tmp_path, version, ())
    assert (done.returncode, done.stdout) == (2, "")


def test_a_version_is_released_once(tmp_path: Path) -> None:
    """A tag that exists is never moved by a release of the same version."""
    done = names(tmp_path, "1.2.3", ("v1.2.3",))
    assert (done.returncode, done.stdout) == (2, "")
    assert "released already" in done.stderr
