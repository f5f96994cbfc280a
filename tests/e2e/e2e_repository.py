"""A small repository for whole workflows: a user's repository, a forge that serves it, and a runner."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fake_github import FakeGitHub
    from integration.history.smart_http import Backend

ROOT = Path(__file__).parents[2]
PARTS = ("action.yml", "install", "bin", "src", "Dockerfile", ".dockerignore", "requirements.lock")
STUBS = Path(__file__).parent / "stubs"
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
"""The number of this process of pytest. Tests that look at all processes of the machine run beside those of another."""

TOKEN = f"ghs_the_token_of_the_job_{WORKER}"  # of a fake forge
UNPRIVILEGED_UID = 1501 + 10 * int(WORKER)
REPOSITORY = "octo/widgets"
HISTORY = "regress-data"

# Times that come from a table and a little noise: what is tested here is the action, not the machine it runs on.
SUITE = '''\
"""A suite in pytest-benchmark's format."""
import json, random, sys
sys.path.insert(0, "."); from costs import COSTS

def rounds(cost):
    level = cost * random.gauss(1, 0.01)
    return [level * random.gauss(1, 0.005) for _ in range(5)]

def entry(name, cost):
    data = rounds(cost)
    mean = sum(data) / len(data)
    stats = {"data": data, "min": min(data), "max": max(data), "mean": mean, "median": sorted(data)[2], "rounds": 5,
             "stddev": 0.005 * mean, "iterations": 1, "ops": 1 / mean, "total": sum(data)}
    place = f"benchmarks/test_{name}.py::{name}"
    return {"name": name, "fullname": place, "group": None, "params": None, "stats": stats}

report = {"version": "5.1.0", "datetime": "2026-01-01T00:00:00+00:00", "machine_info": {}, "commit_info": {},
          "benchmarks": [entry(name, cost) for name, cost in COSTS.items() if name in (sys.argv[2:] or COSTS)]}
json.dump(report, open(sys.argv[1], "w"))
'''
COSTS = {"parse": 0.010, "render": 0.020, "store": 0.005, "search": 0.050}


def checked(*words: str | Path, cwd: Path | None = None) -> str:
    """Run a command that has to succeed and return what it printed."""
    return subprocess.run(list(map(str, words)), cwd=cwd, check=True, capture_output=True, text=True).stdout.strip()


def download(folder: Path) -> Path:
    """Return the action as a runner downloads it: without what a work tree has beside it, which is large."""
    folder.mkdir()
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / part, folder / part)
    dockerfile = folder / "Dockerfile"
    dockerfile.write_text(re.sub(r"(FROM [^@\n]+)@sha256:\w+", r"\1", dockerfile.read_text()))  # as .ci/engine has it
    return folder


@dataclass(frozen=True)
class Ran:
    """A finished workflow: its exit status, and its log without colours."""

    status: int
    log: str

    @property
    def commands(self) -> list[str]:
        """What the steps printed, without the runner's prefixes."""
        return re.findall(r"^\[[^\]]+\]\s+(?:\||⚙|❓|💬|🚧|❗)\s+(.*)$", self.log, re.MULTILINE)

    @cached_property
    def outputs(self) -> dict[str, str]:
        """What the last step of the workflow printed as `name=value` about the outputs."""
        return dict(re.findall(r"\| output ([a-z-]+)=(.*)$", self.log, re.MULTILINE))


@dataclass
class UserRepository:
    """The forge, the bare repository behind it, and a user's clone of it."""

    folder: Path
    action: Path
    github: FakeGitHub
    git_url: str
    backend: type[Backend]
    runs: int = 0
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def bare(self) -> Path:
        """The repository on the server."""
        return self.folder / "served" / f"{REPOSITORY}.git"

    @property
    def clone(self) -> Path:
        """The user's clone."""
        return self.folder / "widgets"

    @property
    def kept(self) -> Path:
        """Where a workflow may leave files, as $KEEP; stands for uploaded artifacts."""
        return self.folder / "kept"

    def git(self, *words: str) -> str:
        """Run git in the user's clone."""
        return checked("git", "-c", "user.name=A user", "-c", "user.email=user@example.org", *words, cwd=self.clone)

    def commit(self, message: str, files: Mapping[str, str]) -> str:
        """Write files, commit them, and return the commit."""
        for path, content in files.items():
            place = self.clone / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(content)
        self.git("add", "--all", "--force")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def costs(self, message: str = "Change what things cost", **changed: float) -> str:
        """Commit a program whose benchmarks take these seconds."""
        return self.commit(message, {"costs.py": f"COSTS = {COSTS | changed!r}\n"})

    def push(self) -> str:
        """Push what is checked out to main, as its owner does, and return the commit."""
        checked("git", "push", "--quiet", "--force", self.bare, "HEAD:refs/heads/main", cwd=self.clone)
        return self.git("rev-parse", "HEAD")

    def history(self) -> list[str]:
        """Return the paths of the records on the history branch."""
        listed = subprocess.run(
            ["git", "ls-tree", "-r", "--name-only", HISTORY], cwd=self.bare, capture_output=True, text=True, check=False
        )
        return [path for path in listed.stdout.splitlines() if path.startswith("runs/")]

    def push_event(self, workflow: str, *, commits: int = 1, **rest: Any) -> Ran:
        """Push what is checked out to main, of which so many commits are new, and run a workflow for that."""
        before, after = self.git("rev-parse", f"HEAD~{commits}"), self.push()
        payload = {"ref": "refs/heads/main", "before": before, "after": after, "repository": self._repository_payload()}
        return self.act("push", workflow, payload, **rest)

    def pull_event(self, workflow: str, *, fork: bool = False, **rest: Any) -> Ran:
        """Open a pull request of what is checked out and run a workflow for it, on its merge as GitHub does."""
        head, base = self.git("rev-parse", "HEAD"), checked("git", "rev-parse", "main", cwd=self.bare)
        self.git("fetch", "--quiet", str(self.bare), "main")
        self.git("checkout", "--quiet", "--detach", base)
        self.git("merge", "--quiet", "--no-ff", "--message", "Merge", head)
        owner, author = ("outsider/widgets", "outsider") if fork else (REPOSITORY, "octo")
        opened = self.github.data.add_pull(head_sha=head, base_sha=base, head_repository=owner, user=author)
        number = opened.number
        pull = {
            "number": number,
            "head": {"sha": head, "ref": "feature", "repo": {"full_name": owner}},
            "base": {"sha": base, "ref": "main", "repo": {"full_name": REPOSITORY}},
            "user": {"login": author},
            "labels": [],
            "draft": False,
        }
        payload = {
            "action": "synchronize",
            "number": number,
            "pull_request": pull,
            "repository": self._repository_payload(),
        }
        try:
            return self.act("pull_request", workflow, payload, **rest)
        finally:
            self.git("checkout", "--quiet", "--detach", head)

    def act(
        self,
        event: str,
        workflow: str,
        payload: Mapping[str, Any],
        *,
        options: Sequence[str] = (),
        token: str = TOKEN,
        platform: str = "-self-hosted",
        **environ: str,
    ) -> Ran:
        """Have a runner do what a workflow says about an event."""
        self.runs += 1
        event_file = self.folder / "event.json"
        event_file.write_text(json.dumps(payload))
        # In a file, for a runner keeps the token in no environment but that of the steps it is given to.
        secrets = self.folder / "secrets"
        secrets.write_text(f"GITHUB_TOKEN={token}\n")
        file = self.clone / ".github/workflows/performance.yml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(workflow)
        variables = {
            "GITHUB_API_URL": self.github.url,
            "GITHUB_SERVER_URL": self.git_url,
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_RUN_ID": str(1000 + self.runs),
            "GITHUB_ACTOR": "octo",
            "KEEP": str(self.kept),
            **self.environment,
            **environ,
        }
        words = [
            "act",
            event,
            *options,
            "--workflows",
            file,
            "--eventpath",
            event_file,
            "--rm",
            "--pull=false",
            "--no-cache-server",
        ]
        words += ["--platform", f"ubuntu-latest={platform}", "--secret-file", secrets]
        words += ["--action-cache-path", self.folder / "act"]
        words += [part for name, place in self._actions(workflow) for part in ("--local-repository", f"{name}={place}")]
        words += [part for name, value in variables.items() for part in ("--env", f"{name}={value}")]
        # A suite inherits the variables of pytest, and ours would be those of the process that runs this test.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        done = subprocess.run(
            list(map(str, words)),
            cwd=self.clone,
            env={**inherited, "XDG_CACHE_HOME": str(self.folder / "cache")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        file.unlink()
        plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", done.stdout)
        (self.folder / f"run-{self.runs:02}.log").write_text(plain)
        return Ran(done.returncode, plain)

    def _actions(self, workflow: str) -> list[tuple[str, Path]]:
        """Return where each action of a workflow lies: ours is this repository, those of GitHub are stood in for."""
        used = {owner + version for owner, version in re.findall(r"uses: ([^\s/]+/[^\s/@]+)\S*?(@\S+)", workflow)}
        named = {name: STUBS / name.partition("@")[0].rpartition("/")[2] for name in used}
        places = {name: self.action if place.name == "regress-action" else place for name, place in named.items()}
        return sorted((name, place) for name, place in places.items() if place.exists())

    def _repository_payload(self) -> dict[str, Any]:
        return {"full_name": REPOSITORY, "default_branch": "main", "private": False}


def create_repository(
    folder: Path, action: Path, github: FakeGitHub, git_url: str, backend: type[Backend]
) -> UserRepository:
    """Make a repository with one commit on main."""
    repository = UserRepository(folder, action, github, git_url, backend)
    checked("git", "init", "--quiet", "--initial-branch", "main", repository.clone)
    repository.commit("A program with a suite", {"suite.py": SUITE, ".gitignore": ".regress/\n__pycache__/\n"})
    repository.costs("What things cost")
    return repository


def engine_answers() -> bool:
    """Whether there is a Docker engine."""
    return (
        shutil.which("docker") is not None
        and subprocess.run(["docker", "version"], capture_output=True, check=False).returncode == 0
    )
