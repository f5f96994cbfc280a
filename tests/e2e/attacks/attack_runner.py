"""A runner for the steps of action.yml: as another user than root, with the files and variables that GitHub's has."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from e2e.e2e_repository import PARTS, REPOSITORY, ROOT, TOKEN, UNPRIVILEGED_UID, checked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fake_github import FakeGitHub
    from integration.history.smart_http import Backend

ATTACKED = Path(os.environ.get("REGRESS_ATTACKED", ROOT))
"""The tree whose action is attacked: another one shows that an attack succeeded there."""

UID = UNPRIVILEGED_UID + (ATTACKED != ROOT)
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
BASH = "bash --noprofile --norc -eo pipefail {0}"
STEP_LIMIT_S = 240
_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
_TOKENS = re.compile(r"\s*('(?:[^']|'')*'|&&|\|\||==|!=|[!(),]|[A-Za-z_][\w.-]*)")


def download(folder: Path) -> Path:
    """Return the attacked action as a runner downloads it, on the base image that .ci/engine imports."""
    folder.mkdir()
    for part in (*PARTS, "image.lock"):
        if (ATTACKED / part).is_dir():
            shutil.copytree(ATTACKED / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        elif (ATTACKED / part).exists():
            shutil.copy(ATTACKED / part, folder / part)
    dockerfile = folder / "Dockerfile"
    dockerfile.write_text(re.sub(r"(FROM [^@\n]+)@sha256:\w+", r"\1", dockerfile.read_text()))
    return folder


def make_virtualenv(action: Path, temp: Path) -> None:
    """Let the action make the virtualenv of a job whose temporary folder is `temp`."""
    environ = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    environ |= {"PATH": SYSTEM_PATH, "HOME": str(temp), "RUNNER_TEMP": str(temp), "REGRESS_ENGINE": "venv"}
    words = ["bash", str(action / "bin/launch"), "--version"]
    subprocess.run(words, cwd=action, env=environ, check=True, capture_output=True)


def evaluate(expression: str, context: Mapping[str, Any]) -> Any:
    """Evaluate an expression of a workflow, as far as action.yml uses them; what is not there is the empty string."""

    def get(path: str) -> Any:
        value: Any = context
        for key in path.split("."):
            value = value.get(key, "") if isinstance(value, dict) else ""
        return value

    names: dict[str, Any] = {"get": get, "toJSON": json.dumps}
    names |= {name: lambda: False for name in ("cancelled", "failure")}
    names |= {"always": lambda: True, "success": lambda: context["success"]}
    words = {"&&": " and ", "||": " or ", "!": " not "}
    python = ""
    for match in _TOKENS.finditer(expression):
        token, rest = match[1], expression[match.end() :].lstrip()
        if token[0] == "'":
            python += repr(token[1:-1].replace("''", "'"))
        elif token[0].isalpha() and not rest.startswith("("):
            python += f"get({token!r})"
        else:
            python += words.get(token, token)
    return eval(python.strip(), {"__builtins__": {}}, names)  # noqa: S307 - of our own action.yml


def template(text: str, context: Mapping[str, Any]) -> str:
    """Fill in the expressions of a string."""
    return _EXPRESSION.sub(lambda match: str(evaluate(match[1], context)), text)


@dataclass
class Job:
    """What became of a job: its status, the outputs of the action, and the log of every step."""

    failed: bool = False
    outputs: dict[str, str] = field(default_factory=dict)
    logs: dict[str, str] = field(default_factory=dict)

    @property
    def log(self) -> str:
        """The whole log."""
        return "".join(self.logs.values())

    @property
    def commands(self) -> list[str]:
        """The workflow commands that the runner obeys: those outside of stop-commands."""
        obeyed, token = [], None
        for line in self.log.splitlines():
            if token is not None:
                token = None if line.strip() == f"::{token}::" else token
            elif line.startswith("::stop-commands::"):
                token = line.removeprefix("::stop-commands::").strip()
            elif re.match(r"::[\w-]+( [^:]*)?::", line):
                obeyed.append(line)
        return obeyed


@dataclass
class Runner:
    """One machine with the action, a workspace, a fake GitHub and a git server; `loot` is what an attack took.

    A job with the engine venv starts with a copy of `virtualenv`, as if an earlier step of it had used the action.
    """

    folder: Path
    github: FakeGitHub
    git_url: str
    backend: type[Backend]
    tools: Path
    virtualenv: Path
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def action(self) -> Path:
        """The action, owned by the runner's user as on GitHub's machines."""
        return self.folder / "action"

    @property
    def workspace(self) -> Path:
        """The checkout."""
        return self.folder / "work/widgets"

    @property
    def bare(self) -> Path:
        """The repository on the server."""
        return self.folder / "served" / f"{REPOSITORY}.git"

    @property
    def loot(self) -> Path:
        """Where an attack leaves what it took."""
        return self.folder / "loot"

    @property
    def stolen(self) -> str:
        """Everything that an attack took."""
        return "\n".join(path.read_text(errors="replace") for path in sorted(self.loot.rglob("*")) if path.is_file())

    def git(self, *words: str) -> str:
        """Run git in the workspace as its user."""
        identity = ("-c", "user.name=A user", "-c", "user.email=user@example.org", "-c", "safe.directory=*")
        return checked("git", *identity, *words, cwd=self.workspace)

    def branches(self) -> list[str]:
        """Return the references of the repository on the server."""
        return checked("git", "-c", "safe.directory=*", "for-each-ref", "--format=%(refname)", cwd=self.bare).split()

    def commit(self, files: Mapping[str, str], message: str = "Change") -> str:
        """Write files, commit them and return the commit."""
        for path, content in files.items():
            file = self.workspace / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
        self.git("add", "--all", "--force")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def push(self, branch: str = "main") -> str:
        """Push what is checked out, as its owner does."""
        self.git("push", "--quiet", "--force", str(self.bare), f"HEAD:refs/heads/{branch}")
        return self.git("rev-parse", "HEAD")

    def pull_request(self, head: str, base: str) -> dict[str, Any]:
        """Open a pull request from this repository; return its event."""
        data = self.github.data
        number = data.add_pull(head_sha=head, base_sha=base, head_repository=REPOSITORY, user="mallory").number
        repository = {"full_name": REPOSITORY, "default_branch": "main"}
        sides = {"head": (head, "feature"), "base": (base, "main")}
        refs = {side: {"sha": sha, "ref": ref, "repo": repository} for side, (sha, ref) in sides.items()}
        pull = {"number": number, "user": {"login": "mallory"}, "labels": [], "draft": False, **refs}
        return {"action": "synchronize", "number": number, "pull_request": pull, "repository": repository}

    def run(self, event: str, payload: Mapping[str, Any], inputs: Mapping[str, str]) -> Job:
        """Run the steps of action.yml for an event, each as a process of the runner's user."""
        document = yaml.safe_load((self.action / "action.yml").read_text())
        given = {name: str(entry.get("default", "")) for name, entry in document["inputs"].items()}
        given |= {"github-token": TOKEN, **inputs}
        context: dict[str, Any] = {"inputs": given, "steps": {}, "matrix": None, "success": True, "github": {}}
        shutil.rmtree(self.folder / "temp", ignore_errors=True)  # as a runner does before a job
        if given["engine"] == "venv":
            (self.folder / "temp").mkdir()
            checked("cp", "--archive", self.virtualenv, self.folder / "temp")
        (self.folder / "event.json").write_text(json.dumps(payload))
        checked("chown", "-R", f"{UID}:{UID}", self.folder)
        job = Job()
        variables: dict[str, str] = {}
        for number, step in enumerate(document["runs"]["steps"]):
            condition = str(step.get("if", "success()"))
            condition = match[1] if (match := _EXPRESSION.fullmatch(condition.strip())) else condition
            implicit = "" if re.search(r"\b(always|cancelled|success|failure)\(", condition) else "success() && "
            if not evaluate(f"{implicit}({condition})" if implicit else condition, context):
                continue
            name = step.get("id", f"step-{number}")
            status, log, outputs, changed = self._step(event, step, context, variables)
            variables |= changed
            job.logs[f"{number} {name}"] = log
            context["steps"][name] = {"outputs": outputs, "outcome": "failure" if status else "success"}
            context["success"] &= status == 0
        job.failed = not context["success"]
        job.outputs = {name: template(entry["value"], context) for name, entry in document["outputs"].items()}
        return job

    def _step(
        self, event: str, step: Mapping[str, Any], context: Mapping[str, Any], variables: Mapping[str, str]
    ) -> tuple[int, str, dict[str, str], dict[str, str]]:
        """Run one step; return its status, log and outputs, and the variables that it sets for later steps."""
        commands = self.folder / "temp/_runner_file_commands"
        commands.mkdir(parents=True, exist_ok=True)
        files = {}
        for name in ("ENV", "PATH", "OUTPUT", "STATE", "STEP_SUMMARY"):
            files[name] = commands / f"{name.lower()}_{uuid.uuid4()}"
            files[name].write_text("")
        script = self.folder / f"temp/{uuid.uuid4()}.sh"
        script.write_text(template(step["run"], context))
        checked("chown", "-R", f"{UID}:{UID}", self.folder / "temp")
        environ = {
            **self._variables(event),
            **variables,
            **{f"GITHUB_{name}": str(file) for name, file in files.items()},
            **{name: template(str(value), context) for name, value in step.get("env", {}).items()},
        }
        shell = BASH if step["shell"] == "bash" else step["shell"]
        log = self.folder / f"log-{uuid.uuid4()}"
        with log.open("wb") as output:
            status = subprocess.run(
                [*_as_user(), *(word.replace("{0}", str(script)) for word in shell.split())],
                cwd=self.workspace,
                env=environ,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                timeout=STEP_LIMIT_S,
                check=False,
            ).returncode
        text = log.read_text(errors="replace")
        return status, text, dict(_assignments(files["OUTPUT"])), dict(_assignments(files["ENV"]))

    def _variables(self, event: str) -> dict[str, str]:
        """Return what a runner of GitHub sets, and the job's own environment."""
        return {
            "PATH": SYSTEM_PATH,
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "CI": "true",
            "RUNNER_OS": "Linux",
            "RUNNER_ENVIRONMENT": "github-hosted",
            "RUNNER_ARCH": "X64",
            "RUNNER_TEMP": str(self.folder / "temp"),
            "RUNNER_TOOL_CACHE": str(self.tools),
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": str(self.action),
            "GITHUB_WORKSPACE": str(self.workspace),
            "GITHUB_EVENT_NAME": event,
            "GITHUB_EVENT_PATH": str(self.folder / "event.json"),
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_API_URL": self.github.url,
            "GITHUB_SERVER_URL": self.git_url,
            "GITHUB_RUN_ID": "1001",
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_JOB": "regress",
            "GITHUB_ACTOR": "mallory",
            "GITHUB_SHA": self.git("rev-parse", "HEAD"),
            "GITHUB_REF": "refs/heads/main",
            "LOOT": str(self.loot),
            **{name: value for name, value in os.environ.items() if name.startswith("PIP_")},
            **self.environ,
        }


def _as_user() -> list[str]:
    """Return the words that make a command that of the runner's user, who may use Docker as on GitHub's machines."""
    socket = Path("/var/run/docker.sock")
    groups = str(socket.stat().st_gid) if socket.exists() else str(UID)
    return ["setpriv", "--reuid", str(UID), "--regid", str(UID), "--groups", groups]


def _assignments(file: Path) -> Iterator[tuple[str, str]]:
    """Yield the `name=value` and `name<<delimiter` entries of a command file."""
    lines = iter(file.read_text(errors="replace").splitlines())
    for line in lines:
        name, mark, delimiter = line.partition("<<")
        if mark and "=" not in name:
            value = []
            for part in lines:
                if part == delimiter:
                    break
                value.append(part)
            yield name, "\n".join(value)
        elif "=" in line:
            name, _, text = line.partition("=")
            yield name, text
