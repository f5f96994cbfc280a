"""The files and programs that README and docs print are valid, and every command and option that they name exists."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import jsonschema_rs
import pytest
import yaml

from regress_action.cli import root

ROOT = Path(__file__).parents[3]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
BLOCK = re.compile(r"^```(yaml|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INCLUDED = "--8<--"
CALL = re.compile(r"`regress-action ([a-z][^`\n]*)`|^(?:\$ | {4})regress-action ([a-z].*)$", re.MULTILINE)
SCHEMAS = {
    "aliases": "aliases",
    "removed": "aliases",
    "waivers": "waivers",
    "interleave": "regress",
    "suite": "regress",
    "cache": "thresholds",
}
"""The schema of a printed file, by a key that it has."""


def blocks(language: str) -> list[Any]:
    """Return the blocks of a language that a page holds itself, each as a parameter of a test."""
    found = []
    for path in DOCUMENTS:
        texts = [text for kind, text in BLOCK.findall(path.read_text(encoding="utf-8")) if kind == language]
        own = [text for text in texts if INCLUDED not in text]
        found += [pytest.param(text, id=f"{path.name}-{number}") for number, text in enumerate(own, 1)]
    return found


def steps(content: Any) -> list[dict[str, Any]]:
    """Return the steps of a workflow, or of a part of one."""
    if isinstance(content, list):
        return content
    return [step for job in content["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("text", blocks("yaml"))
def test_a_printed_file_is_valid(text: str) -> None:
    """A file of ours fits its schema; a workflow gives our action inputs that it has."""
    content = yaml.safe_load(text)
    if isinstance(content, dict) and "jobs" not in content:
        [name] = {schema for key, schema in SCHEMAS.items() if key in content}
        schema = json.loads((ROOT / f"docs/schemas/{name}.schema.json").read_text())
        readable = json.loads(json.dumps(content, default=str))
        jsonschema_rs.validator_for(schema).validate(readable)
        return
    for step in steps(content):
        if ours := re.match(r"OWNER/regress-action(/\w+)?@", step.get("uses", "")):
            inputs = yaml.safe_load((ROOT / (ours[1] or "").strip("/") / "action.yml").read_text()).get("inputs", {})
            assert set(step.get("with", {})) <= set(inputs)


@pytest.mark.parametrize("text", [block for block in blocks("python") if not str(block.id).startswith("api")])
def test_a_printed_program_runs(text: str, tmp_path: Path) -> None:
    """In an empty folder; test_api_examples.py runs those of the page about the API."""
    program = tmp_path / "program.py"
    program.write_text(text)
    done = subprocess.run([sys.executable, program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def unknown(line: str) -> list[str]:
    """Return the command, or the options, of a call that do not exist; what stands after `--` is another program's."""
    words, command = line.partition(" -- ")[0].split(), click.Command("none")
    group: click.Command = root
    while isinstance(group, click.Group) and words and not words[0].startswith(("-", "…")):
        found = group.get_command(click.Context(group), words[0].rstrip(".,;:"))
        if found is None:
            return [words[0]]
        group, words = found, words[1:]
    command = group
    named = {word.partition("=")[0].rstrip(".,;:)'\"") for word in words if re.match(r"--\w", word)}
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    return sorted(named - known - {"--help"})


def calls(text: str) -> list[str]:
    """Return what a text calls the program with."""
    return ["".join(groups) for groups in CALL.findall(text)]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_and_option_of_a_page_exists(path: Path) -> None:
    """Also where a page names a command without running it."""
    wrong = {line: names for line in calls(path.read_text(encoding="utf-8")) if (names := unknown(line))}
    assert wrong == {}


def test_every_command_and_option_of_a_message_exists() -> None:
    """A remedy that names an option that is not there sends people nowhere."""
    texts = {
        (path.name, node.value)
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "regress-action " in node.value
    }
    named = re.compile(r"(?:`| {2}|: )regress-action ([a-z][^`\n]*)")
    found = [(name, line) for name, text in texts for line in named.findall(text)]
    assert len(found) > 20
    assert [(name, line, unknown(line)) for name, line in found if unknown(line)] == []
