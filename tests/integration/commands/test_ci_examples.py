"""The pipelines of examples/ci do what docs/how-to/other-ci.md says, with the variables that each system documents.

What installs programs is left out: the environment of the tests stands where it would.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

EXAMPLES = Path(__file__).parents[3] / "examples/ci"
INSTALLS = re.compile(r"\bpip install\b|\bapt-get\b")
SETUP = f"ln -s {sys.prefix} .venv"
"""In place of the virtualenv that the examples make on each side."""

BENCHMARK = '''
import random
import pytest
from search import COST

class Clock:
    """A timer that shows what the project says it costs, and a little noise."""
    now = 0.0
    def __call__(self):
        Clock.now += COST * random.uniform(0.99, 1.01)
        return Clock.now

@pytest.mark.benchmark(timer=Clock())
def test_search(benchmark):
    benchmark.pedantic(str, rounds=5)
'''


@dataclass(frozen=True, slots=True)
class Project:
    """An origin, and commits by name: main went on after the request left it, and the request is three times slower."""

    origin: Path
    commits: Mapping[str, str]


def git(folder: Path, *words: str) -> str:
    """Run git as somebody and return what it printed."""
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A repository with a request, and the merge that GitLab makes of it."""
    folder = tmp_path_factory.mktemp("origin")
    commits = {}

    def commit(name: str, files: Mapping[str, str]) -> None:
        for path, text in files.items():
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_text(text)
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "--message", name)
        commits[name] = git(folder, "rev-parse", "HEAD")

    git(folder, "init", "--quiet", "--initial-branch=main")
    settings = "runs: 5\nadaptive: false\n"
    commit("fork", {"search.py": "COST = 1.0\n", "benchmarks/test_search.py": BENCHMARK, "regress.yml": settings})
    git(folder, "checkout", "--quiet", "-b", "topic")
    commit("topic", {"search.py": "COST = 3.0\n"})
    git(folder, "checkout", "--quiet", "main")
    commit("newer", {"notes.txt": "main went on\n"})
    git(folder, "checkout", "--quiet", "-b", "merge")
    git(folder, "merge", "--quiet", "--no-ff", "--message", "merge", "topic")
    commits["merge"] = git(folder, "rev-parse", "HEAD")
    git(folder, "checkout", "--quiet", "--detach", "main")
    return Project(folder, commits)


def check_out(project: Project, folder: Path, ref: str, *options: str) -> Path:
    """Clone as the system does, with a detached head, and return the workspace."""
    git(project.origin, "clone", "--quiet", "--no-checkout", *options, f"file://{project.origin}", str(folder))
    git(folder, "checkout", "--quiet", "--detach", project.commits[ref])
    return folder


def run_lines(
    workspace: Path, lines: Sequence[str], variables: Mapping[str, str], words: Sequence[str] = ("bash", "-e", "-c")
) -> tuple[int, str]:
    """Run each line in a shell of its own until one fails; return the last exit code and what was printed."""
    home = workspace.parent / "home"
    home.mkdir(exist_ok=True)
    program = workspace / ".regress/program"
    program.parent.mkdir(exist_ok=True)
    if not program.exists():
        program.symlink_to(sys.prefix)
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "CI", "GITHUB_", "GIT_"))
    }
    path = os.pathsep.join((str(workspace.parent / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]))
    # The suite needs one plugin; loading the others of this environment would take most of the time.
    lean = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "-p pytest_benchmark.plugin -p no:cacheprovider"}
    environ = {**inherited, **lean, "CI": "true", "HOME": str(home), "PATH": path, **variables}
    printed = ""
    for line in lines:
        done = subprocess.run(
            [*words, line], cwd=workspace, env=environ, capture_output=True, text=True, check=False, timeout=300
        )
        printed += done.stdout + done.stderr
        if done.returncode:
            return done.returncode, printed
    return 0, printed


def without_installs(lines: Sequence[str]) -> list[str]:
    """Return the lines that do not install; at least one does."""
    kept = [line for line in lines if not INSTALLS.search(line)]
    assert len(kept) < len(lines)
    assert "~" not in "".join(lines), "what the suite of one request writes into the home folder stays for the next"
    return kept


def loaded(name: str) -> Any:
    """Return a pipeline as its system reads it."""
    return yaml.safe_load((EXAMPLES / name).read_text(encoding="utf-8"))


def check_page(workspace: Path, paths: Sequence[str]) -> None:
    """Check that what the pipeline uploads is there after a step that failed, and names the benchmark."""
    for path in paths:
        assert "test_search" in (workspace / path).read_text(encoding="utf-8"), path


def gitlab_job(name: str) -> tuple[dict[str, Any], list[str], dict[str, str]]:
    """Return a job of the pipeline with what it extends, its lines, and its variables as the runner expands them."""
    pipeline = loaded("gitlab-ci.yml")
    job = pipeline[pipeline[name]["extends"]] | pipeline[name]
    return job, without_installs([*job["before_script"], *job["script"]]), {**job["variables"], "SETUP": SETUP}


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("ref", "variables", "base"),
    [
        ("topic", {"CI_MERGE_REQUEST_DIFF_BASE_SHA": "fork"}, "fork"),
        ("merge", {"CI_MERGE_REQUEST_TARGET_BRANCH_SHA": "newer", "CI_MERGE_REQUEST_DIFF_BASE_SHA": "fork"}, "newer"),
    ],
    ids=["detached", "merged result"],
)
def test_gitlab_judges_a_merge_request(
    project: Project, tmp_path: Path, ref: str, variables: dict[str, str], base: str
) -> None:
    """The job fails with the regression, and every report that it uploads is there."""
    workspace = check_out(project, tmp_path / "workspace", ref)
    job, lines, own = gitlab_job("performance")
    of_system = {
        "GITLAB_CI": "true",
        "CI_PROJECT_DIR": str(workspace),
        "CI_PIPELINE_SOURCE": "merge_request_event",
        "CI_MERGE_REQUEST_IID": "7",
        "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "topic",
        "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
        **{name: project.commits[value] for name, value in variables.items()},
    }
    (workspace / ".cache").mkdir()
    (workspace / ".cache/wheel").write_bytes(b"cached")

    status, printed = run_lines(workspace, lines, own | of_system)

    assert f"GitLab CI: topic into main, measured against {project.commits[base][:12]}." in printed
    assert status == 1, printed
    reports = job["artifacts"]["reports"]
    assert job["artifacts"]["when"] == "always"
    check_page(workspace, [*job["artifacts"]["paths"], reports["junit"], reports["metrics"]])
    [problem] = json.loads((workspace / reports["codequality"]).read_text())
    assert problem["severity"] == "critical"
    assert "uncommitted" not in printed


@pytest.mark.timeout(300)
def test_gitlab_keeps_a_history_of_the_default_branch(project: Project, tmp_path: Path) -> None:
    """The second job pushes its branch to where the project was cloned from."""
    workspace = check_out(project, tmp_path / "workspace", "newer")
    _, lines, own = gitlab_job("performance-history")
    (workspace / ".cache").mkdir()
    (workspace / ".cache/wheel").write_bytes(b"cached")
    of_system = {"GITLAB_CI": "true", "CI_COMMIT_BRANCH": "main", "CI_DEFAULT_BRANCH": "main"}

    status, printed = run_lines(workspace, lines, own | of_system)

    assert status == 0, printed
    records = [
        name for name in git(project.origin, "ls-tree", "-r", "--name-only", "regress-data").split() if "runs/" in name
    ]
    assert len(records) == 1
    assert project.commits["newer"][:12] in records[0]


@pytest.mark.timeout(300)
def test_forgejo_and_gitea_judge_a_pull_request(project: Project, tmp_path: Path) -> None:
    """The step fails with the regression, and the page is uploaded in any case."""
    workspace = check_out(project, tmp_path / "workspace", "topic")
    job = loaded("forgejo.yml")["jobs"]["performance"]
    steps = job["steps"]
    lines = without_installs([step["run"] for step in steps if "run" in step])
    of_system = {
        "GITHUB_ACTIONS": "true",
        "FORGEJO_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_REF": "refs/pull/7/head",
        "GITHUB_HEAD_REF": "topic",
        "GITHUB_BASE_REF": "main",
        "GITHUB_SHA": project.commits["topic"],
        "GITHUB_WORKSPACE": str(workspace),
    }

    status, printed = run_lines(workspace, lines, {**job["env"], "SETUP": SETUP} | of_system)

    assert f"Forgejo or Gitea Actions: topic into main, measured against {project.commits['fork'][:12]}." in printed
    assert status == 1, printed
    upload = steps[-1]
    assert upload["if"] == "always()"
    check_page(workspace, [upload["with"]["path"]])


@pytest.mark.timeout(300)
def test_buildkite_judges_a_pull_request(project: Project, tmp_path: Path) -> None:
    """The target is fetched into a checkout that has only the request, and a failed step annotates the build."""
    workspace = check_out(project, tmp_path / "workspace", "topic", "--branch=topic", "--single-branch")
    [step] = loaded("buildkite.yml")["steps"]
    kept = without_installs(step["command"].replace("$$", "$").splitlines())
    agent = tmp_path / "bin/buildkite-agent"
    agent.parent.mkdir()
    agent.write_text('#!/bin/sh\necho "$@" > annotated.txt\ncat >> annotated.txt\n')
    agent.chmod(0o755)
    of_system = {
        "BUILDKITE": "true",
        "BUILDKITE_BRANCH": "topic",
        "BUILDKITE_PULL_REQUEST": "7",
        "BUILDKITE_PULL_REQUEST_BASE_BRANCH": "main",
        "BUILDKITE_PIPELINE_DEFAULT_BRANCH": "main",
    }

    status, printed = run_lines(workspace, ["\n".join(kept)], {**step["env"], "SETUP": SETUP} | of_system)

    assert f"Buildkite: topic into main, measured against {project.commits['fork'][:12]}." in printed
    assert status == 1, printed
    check_page(workspace, [*step["artifact_paths"], "annotated.txt"])
    assert (workspace / "annotated.txt").read_text().startswith("annotate --context performance\n")


@pytest.mark.timeout(300)
def test_jenkins_judges_a_change_request(project: Project, tmp_path: Path) -> None:
    """The workspace has an older main of an earlier build, and what is archived is there after a step that failed."""
    workspace = check_out(project, tmp_path / "workspace", "topic", "--branch=topic", "--single-branch")
    git(workspace, "update-ref", "refs/remotes/origin/main", project.commits["topic"])  # anything but main
    text = (EXAMPLES / "Jenkinsfile").read_text(encoding="utf-8")
    own = dict(re.findall(r"^ *([A-Z]+) = '(.*)'$", text, re.MULTILINE))
    lines = without_installs(re.findall(r"\bsh '(.*)'$", text, re.MULTILINE))
    of_system = {
        "JENKINS_URL": "https://ci.example.org/",
        "BRANCH_NAME": "PR-7",
        "CHANGE_ID": "7",
        "CHANGE_BRANCH": "topic",
        "CHANGE_TARGET": "main",
    }

    status, printed = run_lines(workspace, lines, {**own, "SETUP": SETUP} | of_system, words=("sh", "-xe", "-c"))

    assert f"Jenkins: topic into main, measured against {project.commits['fork'][:12]}." in printed
    assert status == 1, printed
    always = text.partition("always {")[2]
    check_page(workspace, re.findall(r"(?:testResults|artifacts): '(.*?)'", always))
