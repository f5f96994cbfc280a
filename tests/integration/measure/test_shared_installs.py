"""Environments that point at one tree: the base must not run the code of another tree in silence."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from regress_action.measure import shared_installs
from regress_action.measure.suite_command import SuiteCommand

if TYPE_CHECKING:
    from pathlib import Path

    from integration.measure.measure_repository import Measurer, Repository

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells which files are opened")
PROJECT = '[project]\nname = "shop"\nversion = "1"\n'
SHOW = "import shop; print(shop.WHO)"


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """Return the interpreter of an environment without any package."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "env"], check=True)
    return tmp_path / "env/bin/python"


@pytest.fixture
def shop(repository: Repository) -> Repository:
    """Return a repository whose package says `old` at HEAD~1 and `new` at HEAD, in the folder src."""
    for who in ("old", "new"):
        repository.commit(pyproject_dot_toml=PROJECT, src__shop_dot_py=f"WHO = {who!r}\n")
    return repository


def _install(environment: Path, origin: Path, *, editable: bool) -> None:
    """Write what an installer writes: the metadata, and a path to the tree or a copy of the module."""
    site = next(environment.parent.parent.glob("lib/python*/site-packages"))
    metadata = site / "shop-1.dist-info"
    metadata.mkdir()
    described = {"url": origin.as_uri(), "dir_info": {"editable": True} if editable else {}}
    (metadata / "direct_url.json").write_text(json.dumps(described))
    if editable:
        (site / "__editable__.shop-1.pth").write_text(f"{origin}/src\n")
        (metadata / "RECORD").write_text("__editable__.shop-1.pth,,\nshop-1.dist-info/RECORD,,\n")
    else:
        (site / "shop").mkdir()
        (site / "shop/__init__.py").write_text((origin / "src/shop.py").read_text())
        (metadata / "RECORD").write_text("shop/__init__.py,,\nshop-1.dist-info/RECORD,,\n")


@pytest.mark.parametrize("editable", [True, False], ids=["editable", "copied"])
def test_install_of_the_users_tree_is_refused(
    shop: Repository, measure: Measurer, environment: Path, editable: bool
) -> None:
    """Both sides would import the same code: exit code 2, with the package, its origin and the remedy."""
    _install(environment, shop.folder, editable=editable)
    measured = measure("--base", "HEAD~1", "--pairs", "1", "--", str(environment), "-c", SHOW)
    assert measured.status == 2, measured.stdout + measured.stderr
    assert "The base ran code that is not its own" in measured.stderr
    assert f"shop in the environment of {environment} comes from {shop.folder}" in measured.stderr
    assert "Let the setup make an environment in each tree" in measured.stderr


def test_script_of_the_environment_is_followed_to_its_interpreter(
    shop: Repository, measure: Measurer, environment: Path
) -> None:
    """A program on the command line whose first line names the interpreter, as pytest's does, is recognised."""
    _install(environment, shop.folder, editable=True)
    script = environment.with_name("pytest")
    script.write_text(f"#!{environment}\n{SHOW}\n")
    script.chmod(0o755)
    measured = measure("--base", "HEAD~1", "--pairs", "1", "--", f"cd . && {script} -q")
    assert measured.status == 2, measured.stdout + measured.stderr


@pytest.mark.usefixtures("shop")
def test_shared_environment_that_setup_installs_into_is_refused(measure: Measurer, environment: Path) -> None:
    """The setup of the head points the one environment at the head's tree, and the base runs that."""
    site = next(environment.parent.parent.glob("lib/python*/site-packages"))
    setup = f"echo $PWD/src > {site}/__editable__.shop-1.pth"
    measured = measure("--base", "HEAD~1", "--pairs", "1", "--setup", setup, "--", str(environment), "-c", SHOW)
    assert measured.status == 2, measured.stdout + measured.stderr
    assert "/head/src" in measured.stderr


def test_install_that_the_own_tree_precedes_is_measured(shop: Repository, measure: Measurer, environment: Path) -> None:
    """The same environment is no fault where each side imports its own tree first."""
    _install(environment, shop.folder, editable=True)
    code = f"import sys; sys.path.insert(0, 'src'); {SHOW}"
    measured = measure("--base", "HEAD~1", "--pairs", "1", "--", f'{environment} -c "{code}" > {{out}}')
    assert (measured.results("base"), measured.results()) == (["old\n"], ["new\n"]), measured.stderr


def test_answer_that_is_nested_without_end_is_none(tmp_path: Path) -> None:
    """What an interpreter of the suite prints is text of the suite."""
    answer = shared_installs._ANSWER + "[" * 200_000
    command = SuiteCommand((sys.executable, "-m", "pytest"))
    assert shared_installs.find_shared_installs(command, tmp_path, {}, [tmp_path], lambda _: answer) == []
