"""A checkout on a runner whose steps run `plan`, the measurer and `ci` in the order in which the action calls them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from fake_github import FakeGitHub

SUITE = """
import json, random, sys
level = float(sys.argv[2] if sys.argv[2:] else open("cost.txt").read()) * random.gauss(1, 0.005)
data = [level * random.gauss(1, 0.005) for _ in range(7)]
stats = dict(data=data, rounds=7, iterations=1, median=sorted(data)[3])
row = dict(group="parsing", name="test_parse", fullname="benchmarks/test_parse.py::test_parse", stats=stats, options={})
json.dump(dict(machine_info={}, commit_info={}, benchmarks=[row], version="5.1.0"), open(sys.argv[1], "w"))
"""
REPOSITORY = "octo/widgets"


@dataclass
class Workspace:
    """A checkout on a runner, and the GitHub that it belongs to."""

    folder: Path
    github: FakeGitHub
    environ: dict[str, str] = field(default_factory=dict)

    def git(self, *words: str) -> str:
        """Run git in the checkout."""
        identity = ("-c", "user.name=A user", "-c", "user.email=user@example.org")
        command = ["git", *identity, *words]
        return subprocess.run(command, cwd=self.folder, check=True, capture_output=True, text=True).stdout.strip()

    def commit(self, cost: float) -> str:
        """Commit a program whose benchmark takes `cost` seconds."""
        return self.commit_text(f"{cost}\n")

    def commit_text(self, cost: str) -> str:
        """Commit everything with what the suite reads from cost.txt."""
        (self.folder / "cost.txt").write_text(cost)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", f"Cost {cost.strip()}")
        return self.git("rev-parse", "HEAD")

    def step(self, event: str, payload: dict[str, Any], **inputs: str) -> tuple[int, dict[str, str], str]:
        """Do what the action does for an event; return exit status, outputs and log."""
        runner = self.folder.parent
        (runner / "event.json").write_text(json.dumps(payload))
        output = runner / "output"
        output.write_text("")
        inputs = {"command": f"{sys.executable} suite.py {{out}}", "baseline": "folder", "runs": "6", **inputs}
        environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")},
            "GITHUB_ACTIONS": "true",
            "GITHUB_WORKSPACE": str(self.folder),
            "GITHUB_EVENT_NAME": event,
            "GITHUB_EVENT_PATH": str(runner / "event.json"),
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_API_URL": self.github.url,
            "GITHUB_OUTPUT": str(output),
            "GITHUB_STEP_SUMMARY": str(runner / "summary.md"),
            "GITHUB_RUN_ID": "7",
            "REGRESS_INPUTS": json.dumps({"github-token": "ghs_token", **inputs}),
            **self.environ,
        }
        launch = f"--launch={sys.executable} -m regress_action"
        status, log = self._run(["-m", "regress_action", "plan", launch], environ)
        planned = self._outputs(output).get("planned", "")
        judging = {**environ, "REGRESS_PLANNED": planned}
        again = status == 0
        while again:
            if self._outputs(output).get("measure") == "true":
                words = (self.folder / ".regress/plan").read_bytes().decode().split("\0")[:-1]
                log += self._run(["-m", "regress_action.measure", *words], environ)[1]
            output.write_text("")
            status, printed = self._run(["-m", "regress_action", "ci", launch], judging)
            log += printed
            again = self._outputs(output).get("measure") == "true"
        return status, self._outputs(output), log

    def _run(self, words: list[str], environ: dict[str, str]) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, *words],
            cwd=self.folder,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout

    def _outputs(self, file: Path) -> dict[str, str]:
        lines = file.read_text().splitlines()
        outputs = {}
        for position, line in enumerate(lines):
            if "<<ghadelimiter_" in line:
                outputs[line.partition("<<")[0]] = lines[position + 1]
        return outputs

    def pull_request(self, head: str, base: str) -> dict[str, Any]:
        """Open a pull request and return the payload of its event."""
        pull = self.github.data.add_pull(head_sha=head, base_sha=base, head_repository=REPOSITORY, user="octo")
        side = {"repo": {"full_name": REPOSITORY}}
        return {
            "action": "opened",
            "number": pull.number,
            "pull_request": {
                "number": pull.number,
                "head": {"sha": head, "ref": "feature", **side},
                "base": {"sha": base, "ref": "main", **side},
                "user": {"login": "octo"},
                "labels": [],
            },
            "repository": {"full_name": REPOSITORY, "default_branch": "main"},
        }

    def pushed(self, commit: str) -> dict[str, Any]:
        """Return the payload of a push to main."""
        repository = {"full_name": REPOSITORY, "default_branch": "main"}
        return {"ref": "refs/heads/main", "before": "1" * 40, "after": commit, "repository": repository}
