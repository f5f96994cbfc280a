"""Runs the steps of action.yml as a runner does: their shells, their variables, outputs kept in memory between them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[3]
EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
OUTPUT = re.compile(r"^([a-z-]+)=([^\n]*)$|^([a-z-]+)<<(\S+)\n(.*?)\n\4$", re.MULTILINE | re.DOTALL)


@dataclass
class StepRun:
    """How a step ended: `outcome` is success, failure or skipped."""

    outcome: str
    outputs: dict[str, str]
    log: str
    environ: dict[str, str] = field(default_factory=dict)


@dataclass
class Runner:
    """A job on a runner; `action` is the folder of the action, `environ` what the runner sets for every step."""

    workspace: Path
    action: Path
    environ: dict[str, str]
    inputs: dict[str, str]
    job_environ: dict[str, str] = field(default_factory=dict)
    steps: dict[str, StepRun] = field(default_factory=dict)

    def run(self) -> dict[str, StepRun]:
        """Run every step whose condition holds."""
        for step in yaml.safe_load((ROOT / "action.yml").read_text())["runs"]["steps"]:
            held = self._holds(step.get("if", "success()"))
            self.steps[step["id"]] = self._step(step) if held else StepRun("skipped", {}, "")
        return self.steps

    def _step(self, step: dict[str, Any]) -> StepRun:
        folder = self.workspace.parent / "commands"
        folder.mkdir(exist_ok=True)
        files = {name: folder / name for name in ("GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_PATH", "GITHUB_STEP_SUMMARY")}
        for file in files.values():
            file.write_text("")
        script = folder / "script.sh"
        script.write_text(step["run"])
        shell = "bash --noprofile --norc -eo pipefail {0}" if step["shell"] == "bash" else step["shell"]
        variables = {name: str(self._evaluated(value)) for name, value in step.get("env", {}).items()}
        environ = {**self.environ, **self.job_environ, **{name: str(file) for name, file in files.items()}}
        environ |= {"GITHUB_ACTION_PATH": str(self.action), **variables}
        done = subprocess.run(
            shell.replace("{0}", str(script)).split(),
            cwd=self.workspace,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        for line in files["GITHUB_ENV"].read_text().splitlines():
            name, _, value = line.partition("=")
            self.job_environ[name] = value
        for line in files["GITHUB_PATH"].read_text().splitlines():
            self.environ["PATH"] = f"{line}:{self.environ['PATH']}"
        outputs = {
            match[1] or match[3]: match[2] if match[1] else match[5]
            for match in OUTPUT.finditer(files["GITHUB_OUTPUT"].read_text())
        }
        return StepRun("failure" if done.returncode else "success", outputs, done.stdout, environ)

    def _evaluated(self, text: str) -> str:
        return EXPRESSION.sub(lambda match: self._value(match[1].strip()), str(text))

    def _value(self, expression: str) -> str:
        if expression == "toJSON(inputs)":
            return json.dumps(self.inputs)
        if expression == "toJSON(matrix)":
            return "null"
        if match := re.fullmatch(r"inputs\.([a-z-]+)", expression):
            return self.inputs.get(match[1], "")
        if match := re.fullmatch(r"steps\.([a-z-]+)\.outcome", expression):
            return self.steps[match[1]].outcome if match[1] in self.steps else ""
        match = re.fullmatch(r"steps\.([a-z-]+)\.outputs\.([a-z-]+)", expression)
        assert match, expression
        return self.steps[match[1]].outputs.get(match[2], "") if match[1] in self.steps else ""

    def _holds(self, condition: str) -> bool:
        """Evaluate the few forms of conditions that action.yml uses; without a status function, success is implied."""
        condition = condition.strip().removeprefix("${{").removesuffix("}}").strip()
        failed = any(step.outcome == "failure" for step in self.steps.values())
        terms = [term.strip() for term in condition.split("&&")]
        if "!cancelled()" in terms:
            terms.remove("!cancelled()")
        elif failed:
            return False
        return all(self._term(term) for term in terms if term != "success()")

    def _term(self, term: str) -> bool:
        match = re.fullmatch(r"(\S+) (==|!=) '(.*)'", term)
        assert match, term
        return (self._value(match[1]) == match[3]) is (match[2] == "==")


def prepared_virtualenv(cache: Path) -> None:
    """Make the virtualenv that bin/launch would install, with the packages that the tests run with."""
    digest = subprocess.run(
        ["sha256sum", ROOT / "requirements.lock"], capture_output=True, text=True, check=True
    ).stdout[:16]
    venv = cache / "regress-action" / f"{digest}-{sys.version_info[0]}.{sys.version_info[1]}"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    site = venv / f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    (site / "tests.pth").write_text(f"{packages}\n")
    (venv / "ready").touch()
    assert os.access(venv / "bin/python", os.X_OK)
