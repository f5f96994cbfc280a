"""`bin/launch`: which image it takes. Docker is stood in for by a program that notes what it was asked."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]
DIGEST = "ghcr.io/owner/regress-action@sha256:" + "0123456789abcdef" * 4
DOCKER = """#!/bin/bash
echo "$*" >> "{log}"
case "$1" in
  version|build|info|context) exit 0 ;;
  pull) [[ -e {folder}/registry ]] ;;
  image) [[ "$*" == "image inspect --format"* ]] && echo sha256:id ;;
  run) exit 0 ;;
esac
"""


@pytest.fixture
def action(tmp_path: Path) -> Path:
    """A copy of the action in which a release may note its image, and a Docker client that notes its arguments."""
    folder = tmp_path / "action"
    for part in ("bin", "src/regress_action/measure"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    for part in ("Dockerfile", "requirements.lock", "action.yml"):
        shutil.copy(ROOT / part, folder / part)
    docker = tmp_path / "programs/docker"
    docker.parent.mkdir()
    docker.write_text(DOCKER.format(log=tmp_path / "log", folder=tmp_path))
    docker.chmod(0o755)
    return folder


def launched(action: Path, *words: str, **environ: str) -> tuple[list[str], str]:
    """Run launch; return what Docker was asked, and what was printed."""
    path = f"{action.parent}/programs:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", action / "bin/launch", *words],
        env={"PATH": path, "RUNNER_OS": "Linux", "REGRESS_ENGINE": "docker", **environ},
        cwd=action.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    log = action.parent / "log"
    return (log.read_text().splitlines() if log.exists() else []), done.stdout + done.stderr


def lock(action: Path, image: str = DIGEST) -> None:
    """Note an image as a release does."""
    key = launched(action, "--key")[1].split()[0]
    (action / "image.lock").write_text(f"{key} {image}")


def test_a_release_runs_the_image_that_its_commit_names(action: Path) -> None:
    """The digest is pulled, and nothing is built."""
    (action.parent / "registry").touch()
    lock(action)
    asked, _ = launched(action, "formats")
    assert f"pull --quiet {DIGEST}" in asked
    assert not [line for line in asked if line.startswith("build")]


@pytest.mark.parametrize("change", ["src", "lock", "form", "registry", "none"])
def test_other_content_is_built(action: Path, change: str) -> None:
    """A file that differs from the release, no lock, a lock without a digest, or a registry that does not answer."""
    (action.parent / "registry").touch()
    if change != "none":
        lock(action, "ghcr.io/owner/regress-action:v1" if change == "form" else DIGEST)
    if change == "src":
        (action / "src/regress_action/measure/__init__.py").write_text("# changed\n")
    elif change == "lock":
        (action / "requirements.lock").write_text("# changed\n")
    elif change == "registry":
        (action.parent / "registry").unlink()
    asked, _ = launched(action, "formats")
    assert [line for line in asked if line.startswith("build")]
    assert (f"pull --quiet {DIGEST}" in asked) is (change == "registry")


def test_an_image_that_was_asked_for_is_pulled_or_an_error(action: Path) -> None:
    """The input `image` wins; what cannot be pulled is not replaced by something else."""
    lock(action)
    asked, printed = launched(action, "formats", REGRESS_IMAGE=DIGEST)
    assert not [line for line in asked if line.startswith(("build", "run"))]
    assert f"The image {DIGEST} could not be pulled." in printed


@pytest.mark.parametrize(("place", "inside"), [("merged/etc/resolv.conf", False), ("/etc/resolv.conf", True)])
def test_the_files_of_other_containers_make_no_container_of_a_machine(action: Path, place: str, inside: bool) -> None:
    """A machine with containers (services of a job) sees their files as mounts; in a container they are in /etc."""
    identity = "0123456789abcdef" * 4
    mounted = action.parent / "containers" / identity / "resolv.conf"
    target = action.parent / place
    for file in (mounted, target):
        if not file.exists():
            file.parent.mkdir(parents=True)
            file.write_text("")
    script = f"mount --bind {mounted} {target} && exec bash {action}/bin/launch formats"
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "bash", "-c", script],
        env={
            "PATH": f"{action.parent}/programs:{os.environ['PATH']}",
            "RUNNER_OS": "Linux",
            "REGRESS_ENGINE": "docker",
        },
        cwd=action.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    asked = (action.parent / "log").read_text()
    assert (f"--volumes-from {identity}" in asked) is inside


def test_a_job_installs_the_command_of_this_very_version(tmp_path: Path) -> None:
    """The action `install` puts it on the PATH, from its own source and the locked packages."""
    step = yaml.safe_load((ROOT / "install/action.yml").read_text())["runs"]["steps"][0]
    folder, paths = tmp_path / "action", tmp_path / "paths"
    shutil.copytree(ROOT / "bin", folder / "bin")
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "install", folder / "install")
    shutil.copy(ROOT / "requirements.lock", folder)
    version = folder / "src/regress_action/__init__.py"
    version.write_text(re.sub(r'__version__ = "[^"]+"', '__version__ = "7.8.9"', version.read_text()))
    named = {"RUNNER_TEMP": str(tmp_path), "GITHUB_ACTION_PATH": f"{folder}/install", "GITHUB_PATH": str(paths)}
    environ = {name: value for name, value in os.environ.items() if name.startswith("PIP_") or name == "PATH"} | named
    subprocess.run(["bash", "-peo", "pipefail", "-c", step["run"]], env=environ, check=True, capture_output=True)
    command = Path(paths.read_text().strip()) / "regress-action"
    done = subprocess.run([command, "--version"], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert "7.8.9" in done.stdout
    assert [path.name[:8] for path in (tmp_path / "regress-action").iterdir()] == ["command-"]
