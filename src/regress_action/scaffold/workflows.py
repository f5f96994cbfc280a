"""The workflows that a repository has: jobs of other benchmark tools, named, and translated where that is possible."""

from __future__ import annotations

import json
import posixpath
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from regress_action.model.errors import SettingsError
from regress_action.model.yaml_text import parse_yaml
from regress_action.scaffold.repository import Project, entering, is_writable, shell_word

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from regress_action.scaffold.repository import Repository

_TOOLS = {
    "github-action-benchmark": "github-action-benchmark",
    "CodSpeedHQ/action": "CodSpeed",
    "bencherdev/bencher": "Bencher",
    "nyrkio/change-detection": "Nyrkiö",
}
ASV = re.compile(r"\basv\s+(?:--?[\w-]+(?:[ =][^\s-]\S*)?\s+)*(run|continuous)\b([^\n|&;]*)")
"""A line that measures with airspeed velocity: its subcommand, and the words that follow."""

_MOST = 100
_FOLDER = ".github/workflows"
_EXPRESSION = "${{"
_CODSPEED = "--codspeed --codspeed-mode=walltime --codspeed-warmup-time=0.1 --codspeed-max-time=0.3"
_INSTALLS = re.compile(r"setup|install|toolchain", re.IGNORECASE)
_PYTHON = re.compile(r"(?:^|[\s;&|(])(?:python3?|pip3?|pytest|poetry|pdm|hatch|tox|nox|uv pip)\b")
_SELF_PREPARED = re.compile(r"\b(?:uv run|uvx|pipx run)\b")
"""A command that installs what it needs itself."""

_SHOWS = re.compile(r"\s*echo\b[^>|&;]*")
"""A line that only prints something for the log of the job."""

_COMPOUND = re.compile(r"^\s*(?:if|for|while|case|function)\b|<<|GITHUB_(?:OUTPUT|ENV|PATH)", re.MULTILINE)
_OF_THE_MACHINE = re.compile(
    r"(?:sudo|apt|apt-get|apk|dnf|yum|brew|snap|choco)\s|git config --(?:global|system)\b|npm \w+ (?:-g|--global)\b"
)
"""A command that changes the machine or the home folder: a step of the workflow, and no part of a suite's setup."""

_FOR_THE_USER = re.compile(r"\b(?:uv tool|pipx) install (?:--?[\w-]+ )*")
_UNCACHED = re.compile(r"[\w.-]+\.outputs\.cache-hit *!= *'true'")
_INSTALLING_ACTIONS = (
    ("py-actions/py-dependency-install", "pip install -r {path}"),
    ("snok/install-poetry", "pip install poetry"),
    ("abatilo/actions-poetry", "pip install poetry"),
    ("pdm-project/setup-pdm", "pip install pdm"),
    ("pypa/hatch", "pip install hatch"),
)
"""Actions that install with pip, and the script that does the same in the environment of a tree."""

_BENCHER_FLAGS = frozenset(
    {"--err", "--quiet", "--dry-run", "--build-time", "--allow-failure", "--start-point-reset", "--thresholds-reset"}
    | {"--start-point-clone-thresholds"}
)
"""Options of `bencher run` without a value (bencher.dev/docs/explanation/bencher-run)."""


@dataclass(frozen=True, slots=True)
class WorkflowStep:
    """One step of a job: an action with its inputs, or a script, with the folder and the variables of the script."""

    name: str
    uses: str
    script: str
    inputs: dict[str, str]
    folder: str
    env: dict[str, str]


def other_tools(repository: Repository) -> Iterator[tuple[str, str]]:
    """Yield (workflow, tool) for every workflow that uses another benchmark tool."""
    for path, text in workflows(repository):
        for action, tool in _TOOLS.items():
            if re.search(rf"uses:\s*['\"]?[\w./-]*{re.escape(action)}", text, re.IGNORECASE):
                yield path, tool
        if ASV.search(text):
            yield path, "asv"


def translated(repository: Repository) -> list[Project]:
    """Return the ways in which jobs of other tools measure the project, as far as nothing of them needs an expression.

    Steps before the one that measures become the setup, and actions that install something become steps of the
    workflow. What Python installs goes into an environment of the tree, because base and head must not share one.
    """
    return [
        project
        for path, text in workflows(repository)
        if any(action.lower() in text.lower() for action in (*_TOOLS, "bencher run"))
        for job, steps in jobs_of(path, text)
        if (project := _translated_job(path, job, steps))
    ]


def workflows(repository: Repository) -> Iterator[tuple[str, str]]:
    """Yield the path and the text of every workflow."""
    folder = repository.root / _FOLDER
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir())[:_MOST]:
        if path.suffix in (".yml", ".yaml") and is_writable(path.name):
            yield f"{_FOLDER}/{path.name}", repository.text(f"{_FOLDER}/{path.name}")


def jobs_of(path: str, text: str, *, conditional: bool = False) -> Iterator[tuple[str, list[WorkflowStep]]]:
    """Yield the name and the steps of each job; `conditional` includes the steps that run under a condition.

    A step that runs where a cache holds nothing has no other condition.
    """
    try:
        document = parse_yaml(text.encode(), path)
    except SettingsError:
        return
    for name, job in _mapping(document, "jobs").items():
        listed = job.get("steps") if isinstance(job, dict) else None
        place = _mapping(_mapping(_mapping(job, "defaults"), "run")).get("working-directory", "")
        steps = [step for step in listed if isinstance(step, dict)] if isinstance(listed, list) else []
        shared = {**_mapping(document, "env"), **_mapping(_mapping(job), "env")}
        yield (
            str(name),
            [
                _step(step, str(place), shared)
                for step in steps
                if conditional or "if" not in step or _UNCACHED.search(str(step["if"]))
            ],
        )


def _step(step: dict[str, Any], place: str, shared: dict[str, Any]) -> WorkflowStep:
    inputs = {str(key): str(value) for key, value in _mapping(step, "with").items()}
    script = re.sub(r"\\\n\s*", " ", str(step.get("run") or "")).strip()
    folder = posixpath.normpath(str(step.get("working-directory") or place or "."))
    env = {str(key): str(value) for key, value in {**shared, **_mapping(step, "env")}.items()}
    uses = str(step.get("uses") or "")
    for action, installs in _INSTALLING_ACTIONS:
        if uses.startswith((f"{action}@", f"{action}/")):
            uses, script = "", installs.format(path=shell_word(inputs.get("path") or "requirements.txt"))
    return WorkflowStep(str(step.get("name") or ""), uses, script, inputs, folder, env)


@dataclass(frozen=True, slots=True)
class ToolRun:
    """What a tool measures: the number of steps before it, the command, and the results otherwise named."""

    tool: str
    before: int
    command: str
    results: str
    folder: str


def _translated_job(path: str, job: str, steps: Sequence[WorkflowStep]) -> Project | None:
    """Return the way in which one job measures; None where it uses no other tool, or what it runs does not show."""
    for position, step in enumerate(steps):
        run = _measured_by(step, steps[:position])
        if run is None:
            continue
        before = steps[: run.before]
        scripts = [_in_folder(other) for other in before if _parts(other.script)[0]]
        hidden = any(_EXPRESSION in text or _COMPOUND.search(text) for text in (*scripts, run.command))
        hidden = hidden or any(other.uses.startswith("./") for other in before)
        uninstalled = _PYTHON.search(run.command) and not scripts and not _SELF_PREPARED.search(run.command)
        return None if hidden or uninstalled else _project(f"the job {job} of {path}", run, before, step)
    return None


def _measured_by(step: WorkflowStep, before: Sequence[WorkflowStep]) -> ToolRun | None:
    """Return what a step of another tool measures; None for other steps."""
    if re.search(r"github-action-benchmark@", step.uses, re.IGNORECASE):
        file = step.inputs.get("output-file-path", "").removeprefix("./")
        name = posixpath.basename(file)
        for at in range(len(before) - 1, -1, -1):
            if name and name in before[at].script:
                command, results = _with_out(_in_folder(before[at]), file, before[at].folder)
                return ToolRun("github-action-benchmark", at, command, results, before[at].folder)
    if re.match(r"CodSpeedHQ/action@", step.uses, re.IGNORECASE) and "run" in step.inputs:
        folder = step.inputs.get("working-directory", ".")
        line = _placed(folder, " ".join(step.inputs["run"].split()))
        if re.search(r"--codspeed(?=\s|$)", line):
            command = re.sub(r"--codspeed(?=\s|$)", _CODSPEED, line)
            results = posixpath.normpath(f"{folder}/.codspeed/results_*.json")
            return ToolRun("CodSpeed", len(before), command, results, folder)
        if " vitest bench" in line:
            return ToolRun("CodSpeed", len(before), f"{line} --outputJson={{out}}", "", folder)
    if re.search(r"\bbencher run\b", step.script):
        line, file = _of_bencher(step.script)
        if line:
            return ToolRun(
                "Bencher", len(before), *_with_out(_placed(step.folder, line), file, step.folder), step.folder
            )
    return None


def _with_out(command: str, file: str, folder: str) -> tuple[str, str]:
    """Return a command that writes its results where `{out}` is, or the place where it writes them itself."""
    named = posixpath.relpath(file, folder) if file else ""
    for text in (file, named):
        if text and len(re.findall(rf"(?<![\w./-]){re.escape(text)}(?![\w./-])", command)) == 1:
            return re.sub(rf"(?<![\w./-]){re.escape(text)}(?![\w./-])", "{out}", command), ""
    return (command, file) if file else (f"{command} | tee {{out}}", "")


def _of_bencher(script: str) -> tuple[str, str]:
    """Return the command that `bencher run` starts, and the file that it reads; empty where they do not show."""
    try:
        words = shlex.split(re.split(r"\bbencher run\b", script, maxsplit=1)[1], comments=True)
    except ValueError:
        return "", ""
    file = ""
    while words and words[0].startswith("-") and words[0] != "--":
        option, _, value = words.pop(0).partition("=")
        if not value and option not in _BENCHER_FLAGS and words:
            value = words.pop(0)
        file = value if option == "--file" else file
    words = words[1:] if words[:1] == ["--"] else words
    return (words[0] if len(words) == 1 else shlex.join(words)), file


def _project(said: str, run: ToolRun, before: Sequence[WorkflowStep], step: WorkflowStep) -> Project:
    """Return the way that a job describes, with what it asks for; `said` names the job."""
    scripts = [_in_folder(other) for other in before if _parts(other.script)[0]]
    lines = (line for script in scripts for line in script.splitlines() if line.strip())
    setup = _FOR_THE_USER.sub("pip install ", " && ".join(line for line in lines if not _SHOWS.fullmatch(line)))
    command = " && ".join(line for line in run.command.splitlines() if line.strip())
    if _PYTHON.search(setup) and not _SELF_PREPARED.search(command):
        setup = setup.replace("uv pip install --system", "uv pip install")
        setup = f"python -m venv .venv && . .venv/bin/activate && {setup}"
        command = f". .venv/bin/activate && {command}"
    alert = re.fullmatch(r"(\d+(?:\.\d+)?)%", step.inputs.get("alert-threshold", ""))
    return Project(
        kind=run.tool,
        why=f"{said} measures with {run.tool}, and was translated",
        setup=setup,
        command=command,
        results=run.results,
        place=run.folder,
        toolchain=tuple(line for other in before for line in (*toolchain_of(other), *machine_steps(other))),
        sources=(("setup", said), ("command", said), *((("results", said),) if run.results else ())),
        threshold=float(alert[1]) / 100 if alert and float(alert[1]) > 100 else None,  # noqa: PLR2004 - percent
        fails=step.inputs.get("fail-on-alert", "").lower() == "true",
    )


def toolchain_of(step: WorkflowStep) -> Iterator[str]:
    """Yield the lines of a step that installs a toolchain."""
    if not _INSTALLS.search(step.uses) or _EXPRESSION in step.uses or step.uses.startswith("."):
        return
    yield f"- uses: {step.uses}"
    inputs = {key: value for key, value in step.inputs.items() if _EXPRESSION not in value}
    if inputs:
        yield f"  with: {{{', '.join(f'{key}: {json.dumps(value)}' for key, value in inputs.items())}}}"


def machine_steps(step: WorkflowStep) -> Iterator[str]:
    """Yield the steps of a workflow for what a script changes on the machine."""
    for command in _parts(step.script)[1]:
        if _EXPRESSION not in command:
            line = command if command.startswith(("sudo ", "git ", "npm ", "brew ")) else f"sudo {command}"
            yield f"- run: {json.dumps(line) if re.search(r': | #', line) else line}"


def _parts(script: str) -> tuple[list[str], list[str]]:
    """Return the lines of a script that concern the tree, and the commands that concern the machine."""
    own, machine = [], []
    for line in script.splitlines():
        commands = [command.strip() for command in line.split("&&")]
        changing = [command for command in commands if _OF_THE_MACHINE.match(command)]
        machine += changing
        kept = line if not changing else " && ".join(command for command in commands if command not in changing)
        own += [kept] if kept.strip() else []
    return own, machine


def _in_folder(step: WorkflowStep) -> str:
    return _placed(step.folder, "\n".join(_parts(step.script)[0]))


def _placed(folder: str, line: str) -> str:
    return line if folder == "." else f"({entering(folder)}{line})"


def _mapping(content: Any, name: str | None = None) -> dict[str, Any]:  # noqa: ANN401 - any YAML value
    value = content if name is None else content.get(name) if isinstance(content, dict) else None
    return value if isinstance(value, dict) else {}
