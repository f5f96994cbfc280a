"""`init` recognises projects and writes files that the program itself can read."""

from pathlib import Path

import pytest
import yaml

from regress_action.commands.init import initialise
from regress_action.scaffold import drafts, recognise
from regress_action.settings import Settings, load, thresholds


@pytest.mark.parametrize(
    ("mark", "content", "kind"),
    [
        ("pyproject.toml", "", "pytest"),
        ("requirements.txt", "", "pytest"),
        ("Cargo.toml", "", "cargo"),
        ("go.mod", "module x", "go"),
        ("package.json", '{"devDependencies": {"vitest": "4"}}', "node"),
        ("package.json", "not json", "node"),
        ("CMakeLists.txt", "", "cmake"),
        ("README", "", "command"),
    ],
)
def test_every_kind_gets_readable_files(tmp_path: Path, mark: str, content: str, kind: str) -> None:
    """Each kind of project is recognised by its mark, and what is written for it is valid."""
    (tmp_path / mark).write_text(content)
    project = recognise(tmp_path)
    assert project.kind == kind
    list(initialise(tmp_path, suite="my suite", branch="trunk", action="o/a@v1"))
    settings = load({}, root=tmp_path)
    assert (settings.command, settings.setup) == (project.command, project.setup)
    assert settings.suite == "my suite"
    content = yaml.safe_load((tmp_path / settings.thresholds).read_text())
    assert thresholds.parse(content, settings.thresholds).ratios == (("default", 1.2),)
    workflow = yaml.safe_load((tmp_path / ".github/workflows/performance.yml").read_text())
    step = workflow["jobs"]["regress"]["steps"][-1]
    assert step["uses"] == "o/a@v1"
    assert set(step["with"]) <= set(Settings.inputs())


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """A file that exists is kept as it is, and init says so."""
    (tmp_path / "regress.yml").write_text("runs: 3\n")
    lines = list(initialise(tmp_path, suite="x", branch="main", action="o/a@v1"))
    assert (tmp_path / "regress.yml").read_text() == "runs: 3\n"
    assert "kept   regress.yml: it was there already" in lines


def test_an_asv_project_keeps_its_asv(tmp_path: Path) -> None:
    """Where asv is set up, its results folder is what is read."""
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "asv.conf.json").touch()
    texts = {
        draft.path.name: draft.text for draft in drafts(recognise(tmp_path), suite="s", branch="b", action="o/a@v1")
    }
    assert "results: .asv/results" in texts["regress.yml"]
