"""`init` recognises projects and writes files that the program itself can read."""

from pathlib import Path

import pytest
import yaml

from regress_action.commands.init import initialise
from regress_action.scaffold import recognise
from regress_action.settings import Settings, gate, load
from unit.scaffold.scaffold_repositories import FIXTURE, write


@pytest.mark.parametrize(
    ("mark", "content"),
    [
        ("pyproject.toml", "[project]\nname = 'x'"),
        ("requirements.txt", ""),
        ("Cargo.toml", ""),
        ("go.mod", "module x"),
        ("package.json", '{"devDependencies": {"vitest": "4"}}'),
        ("package.json", "not json"),
        ("CMakeLists.txt", ""),
        ("README", ""),
    ],
)
def test_every_kind_gets_readable_files(tmp_path: Path, mark: str, content: str) -> None:
    """Each kind of project is recognised by its mark, and what is written for it is valid."""
    (tmp_path / mark).write_text(content)
    project = recognise(tmp_path)[0]
    list(initialise(tmp_path, suite="my suite", branch="trunk", action="o/a@v1"))
    settings = load({}, root=tmp_path)
    assert (settings.command, settings.setup) == (project.command, project.setup)
    assert settings.suite == "my suite"
    limits = yaml.safe_load((tmp_path / settings.thresholds).read_text())
    assert gate.parse_thresholds(limits, settings.thresholds).ratios == (("default", 1.2),)
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


def test_bisection_is_offered_and_written(tmp_path: Path) -> None:
    """With --bisect the measuring workflow calls one that bisects, comments are read, each names the other."""
    (tmp_path / "go.mod").write_text("module x")
    offered = list(initialise(tmp_path / "offered", suite="s", branch="main", action="o/a@v1"))
    assert any("--bisect" in line for line in offered)
    list(initialise(tmp_path, suite='my "suite"', branch="main", action="o/a@v1", bisect=True))
    folder = tmp_path / ".github/workflows"
    measuring, bisecting, commands = (
        yaml.safe_load((folder / f"{name}.yml").read_text())
        for name in ("performance", "bisect", "performance-commands")
    )
    assert measuring["jobs"]["regress"]["steps"][-1]["id"] == "judge"
    assert measuring["jobs"]["regress"]["outputs"] == {"severity": "${{ steps.judge.outputs.severity }}"}
    call = measuring["jobs"]["bisect"]
    assert call["uses"] == "./.github/workflows/bisect.yml"
    triggers = bisecting[True]  # YAML 1.1 reads `on` as true
    assert triggers["workflow_call"] == triggers["workflow_dispatch"]
    assert set(call["with"]) <= set(triggers["workflow_call"]["inputs"])
    assert bisecting["run-name"] == "Bisect for #${{ inputs.issue }}, comment ${{ inputs.comment }}"
    assert bisecting["jobs"]["post"]["steps"][-1]["env"]["SUITE"] == 'my "suite"'
    assert "issues" not in bisecting["jobs"]["bisect"]["permissions"]
    assert bisecting["jobs"]["post"]["steps"][-2]["with"]["path"] == "answer"  # no settings beside what posts it
    assert any("setup-go" in step.get("uses", "") for step in bisecting["jobs"]["bisect"]["steps"])
    assert commands["jobs"]["command"]["steps"][0]["uses"] == "o/a@v1"
    assert commands["jobs"]["command"]["steps"][0]["env"]["REGRESS_BISECT_WORKFLOW"] == "bisect.yml"


def test_the_workflows_check_submodules_out_where_there_are_some(tmp_path: Path) -> None:
    """Without them neither side can be built; the workflow that bisects has a checkout of its own."""
    write(tmp_path, {"setup.py": "", "t/test_a.py": FIXTURE, ".gitmodules": ""})

    list(initialise(tmp_path, suite="s", branch="main", action="a/b@v1", bisect=True))

    workflows = sorted((tmp_path / ".github/workflows").iterdir())
    counts = {path.name: path.read_text().count("\n          submodules: recursive\n") for path in workflows}
    assert counts == {"performance.yml": 1, "bisect.yml": 1, "performance-commands.yml": 0}


def test_a_first_benchmark_is_marked_as_such(tmp_path: Path) -> None:
    """A person sees that a better one may replace it, and where each line comes from."""
    (tmp_path / "thing").mkdir()
    (tmp_path / "thing/__init__.py").touch()
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'thing'")

    lines = list(initialise(tmp_path, suite="s", branch="main", action="o/a@v1"))

    text = (tmp_path / "regress.yml").read_text()
    assert "# This is a first benchmark." in text
    assert "From: the package thing." in text
    assert lines[0] == "Found python: no benchmark was found, so the import of thing is measured as a first one."


def test_what_a_person_has_to_add_is_named(tmp_path: Path) -> None:
    """In the file, and at the end of what init prints."""
    (tmp_path / "go.mod").write_text("module x")

    lines = list(initialise(tmp_path, suite="s", branch="main", action="o/a@v1"))

    assert "# TO DO: Write a benchmark" in (tmp_path / "regress.yml").read_text()
    assert any(line.startswith("Missing: Write a benchmark") for line in lines)


def test_each_folder_with_benchmarks_becomes_a_suite_of_its_own(tmp_path: Path) -> None:
    """The workflow measures each file of settings in a job of its own, with the toolchains of all."""
    go = "package x\n\nfunc BenchmarkAdd(b *testing.B) {}\n"
    files = {"pyproject.toml": "", "bench/test_a.py": FIXTURE, "services/api/go.mod": "module x"}
    write(tmp_path, files | {"services/api/a_test.go": go, "services/web/go.mod": "module y"})
    write(tmp_path, {"services/web/b_test.go": go})
    lines = list(initialise(tmp_path, suite="main", branch="main", action="acme/regress-action@v1"))
    workflow = yaml.safe_load((tmp_path / ".github/workflows/performance.yml").read_text())["jobs"]["regress"]
    configs = workflow["strategy"]["matrix"]["config"]

    assert configs == ["regress.yml", "regress-api.yml", "regress-web.yml"]
    assert workflow["steps"][-1]["with"]["config"] == "${{ matrix.config }}"
    assert [step.get("uses", "").partition("@")[0] for step in workflow["steps"]] == [
        *("actions/checkout", "actions/setup-python", "actions/setup-go", "acme/regress-action")
    ]
    settings = [load({"config": config}, root=tmp_path) for config in configs]
    assert [each.suite for each in settings] == ["main", "api", "web"]
    assert settings[1].command.startswith("cd services/api && go test")
    assert "A suite of its own, web: services/web/go.mod has a package with benchmarks." in lines


def test_the_tests_of_a_project_without_a_benchmark_are_a_suite_only_after_a_trial(tmp_path: Path) -> None:
    """Which of them are slow shows when they run; and the version of Python says where it comes from."""
    files = {"pyproject.toml": "[project]\nname = 'x'\nrequires-python = '>=3.12'", "x/__init__.py": ""}
    write(tmp_path, files | {"tests/test_a.py": "def test(): pass"})

    list(initialise(tmp_path, suite="s", branch="main", action="o/a@v1"))

    assert not (tmp_path / "regress-tests.yml").exists()
    assert "From: pyproject.toml.\nsetup:" in (tmp_path / "regress.yml").read_text()
    workflow = (tmp_path / ".github/workflows/performance.yml").read_text()
    assert "{python-version: '3.13'}   # requires-python >=3.12 of pyproject.toml\n" in workflow
