"""Names that a shell would take for more than a name: real shells get the commands that `init` writes."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from regress_action.commands import init_mends
from regress_action.model.yaml_text import parse_yaml
from regress_action.scaffold import Repository, Suite, drafts, other_tools, recognise
from regress_action.scaffold.repository import yaml_scalar

if TYPE_CHECKING:
    from pathlib import Path

    from regress_action.scaffold.repository import Project

FOLDERS = ['it\'s "a" $(touch pwned)', "a;touch pwned&`touch pwned`", "-x"]
SHELLS = [shell for shell in ("sh", "bash", "dash") if shutil.which(shell)]
PYTEST = "def test_a(benchmark):\n    benchmark(sum, [1])\n"
PROGRAMS = ["go", "cargo", "npm", "npx", "node", "java", "mvn", "gradle", "dotnet", "cmake", "python", "uv", "bun"]
RECORDER = """#!/bin/sh
printf '%s\n' "$PWD" "$@" >> '{log}'
"""


def files_of(kind: str, name: str) -> dict[str, str]:
    """Return the files of a project whose benchmarks lie in a folder of this name, or are called so."""
    jmh = "<project><artifactId>jmh-core</artifactId></project>"
    return {
        "go": {f"{name}/go.mod": "module m\n", f"{name}/{name}/a_test.go": "func BenchmarkA(b *testing.B) {}\n"},
        "go tests": {f"{name}/go.mod": "module m\n", f"{name}/a_test.go": "func TestA(t *testing.T) {}\n"},
        "maven": {f"{name}/pom.xml": jmh},
        "module": {f"{name}/pom.xml": jmh, "pom.xml": f"<modules><module>{name}</module></modules>"},
        "gradle": {f"{name}/build.gradle": "plugins { id 'me.champeau.jmh' }\n"},
        "dotnet": {f"{name}/a.csproj": '<PackageReference Include="BenchmarkDotNet" />'},
        "cmake": {
            "CMakeLists.txt": "",
            f"{name}/CMakeLists.txt": "project(p)\nadd_executable(bench_a a.cc)\n",
            f"{name}/a.cc": '#include "benchmark/benchmark.h"\n',
        },
        "vitest": {
            f"{name}/package.json": json.dumps({"devDependencies": {"vitest": "^3"}}),
            f"{name}/a.bench.ts": "",
            f"{name}/package-lock.json": "{}",
        },
        "script": {f"{name}/package.json": json.dumps({"scripts": {"bench": "node a.js", f"bench:{name}": "x"}})},
        "script name": {"package.json": json.dumps({"scripts": {f"bench:{name}": "node a.js"}})},
        "entry": {"package.json": json.dumps({"main": f"./{name}"}), name: ""},
        "yarn": {
            "package.json": json.dumps({"scripts": {"bench": "x"}}),
            "yarn.lock": "",
            ".yarnrc.yml": f"yarnPath: {name.replace(' ', '')}\n",
        },
        "criterion": {
            f"{name}/Cargo.toml": f"[package]\nname = {json.dumps(name)}\n",
            f"{name}/benches/{name}.rs": "use criterion;\n",
        },
        "package": {
            "Cargo.toml": f"[workspace]\nmembers = [{json.dumps(name)}]\n",
            f"{name}/Cargo.toml": f"[package]\nname = {json.dumps(name)}\n",
            f"{name}/benches/a.rs": "use criterion;\n",
        },
        "binary": {"Cargo.toml": f"[package]\nname = {json.dumps(name)}\n", "src/main.rs": "", "Cargo.lock": ""},
        "pytest": {
            "pyproject.toml": f'[project]\nname = "p"\n[dependency-groups]\n"{"g"}" = ["pytest-benchmark"]\n',
            f"{name}/test_{name}.py": PYTEST,
            f"{name}/requirements.txt": "pytest\n",
        },
        "groups": {
            "pyproject.toml": "[project]\nname = 'p'\n[dependency-groups]\n"
            f"{json.dumps(name)} = ['pytest-benchmark']\n"
            f"[project.optional-dependencies]\n{json.dumps(name)} = ['pytest']\n",
            "test_a.py": PYTEST,
        },
        "locked": {
            "pyproject.toml": "[project]\nname = 'p'\n[dependency-groups]\n"
            f"{json.dumps(name)} = ['pytest-benchmark']\n",
            "test_a.py": PYTEST,
            "uv.lock": "",
        },
        "below": {f"{name}/pyproject.toml": "[project]\nname = 'p'\n", f"{name}/test_a.py": PYTEST},
        "tests": {"pyproject.toml": "[project]\nname='p'\n[tool.pytest.ini_options]\n"
                  f"testpaths = [{json.dumps(name.replace(' ', ''))}]\n",
                  f"{name.replace(' ', '')}/test_a.py": "def test_a(): pass\n"},
        "pyperf": {
            "setup.py": "",
            f"{name}/bench_{name}.py": "import pyperf\nif __name__ == '__main__':\n    pyperf.Runner()\n",
        },
        "asv": {f"{name}/asv.conf.json": "{}", "setup.py": "", f"{name}/benchmarks/a.py": "def time_a(): pass\n"},
        "first script": {"setup.py": "", f"{name}/benchmark.py": "print(1)\n"},
    }[kind]  # fmt: skip


KINDS = """go, go tests, maven, module, gradle, dotnet, cmake, vitest, script, script name, entry, yarn, criterion,
package, binary, pytest, groups, locked, below, tests, pyperf, asv, first script"""


def ways(root: Path, kind: str, name: str) -> list[Project]:
    """Write a repository and return the ways that are recognised in it, their parts as well."""
    for path, text in files_of(kind, name).items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    found = [way for way in recognise(root) if way.command]
    parts = [init_mends.part_of(way, Repository(root)) for way in found]
    return [*found, *(part[0] for part in parts if part)]


def stand_ins(root: Path, log: Path) -> dict[str, str]:
    """Put programs that only note their arguments where the commands look for tools; return the variables."""
    places = [root / ".tools" / program for program in PROGRAMS]
    environments = [root, *(path for path in root.rglob("*") if path.is_dir() and ".tools" not in path.parts)]
    places += [folder / ".venv/bin" / program for folder in environments for program in ("python", "uv")]
    for place in places:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(RECORDER.format(log=log))
        place.chmod(0o755)
    return {**os.environ, "PATH": f"{root / '.tools'}:{os.environ['PATH']}"}


@pytest.mark.parametrize("kind", KINDS.replace("\n", " ").split(", "))
def test_no_name_is_more_than_a_name_to_a_shell(tmp_path: Path, kind: str) -> None:
    """Every way runs its tools in folders and with arguments that are those of the repository, and nothing else."""
    for at, name in enumerate(FOLDERS):
        root, log = tmp_path / str(at), tmp_path / f"{at}.log"
        root.mkdir()
        found = ways(root, kind, name)
        assert found, (kind, name)
        variables = stand_ins(root, log)
        log.write_text("")
        for shell in SHELLS:
            for line in {line for way in found for line in (way.setup, way.command) if line and "git" not in line}:
                ran = subprocess.run(
                    [shell, "-c", line.replace("{out}", "/dev/null")],
                    cwd=root, env=variables, capture_output=True, text=True, check=False, timeout=20,
                )  # fmt: skip
                built = "./build/" in line or "./target/" in line  # a program that no stand-in makes
                assert built or not re.search("syntax error|not found|No such file", ran.stderr), (line, ran.stderr)
        assert not list(tmp_path.rglob("pwned")), found
        said = {name, json.dumps(name)[1:-1], shlex.quote(name), name.replace(" ", "")}
        assert kind in {"binary", "yarn"} or any(words in log.read_text() for words in said), found


@pytest.mark.parametrize("name", ["a, b: {c}", "a #b", "-x", "a\nrun: b", "${{ github.token }}", "{out}"])
def test_no_name_is_more_than_a_name_in_yaml(tmp_path: Path, name: str) -> None:
    """Names that YAML would read are quoted, and what no line can hold is passed over."""
    found = ways(tmp_path, "go", name)
    for way in found:
        for draft in drafts([Suite("default", way)], branch="main", action="a/b@v1"):
            parse_yaml(draft.text.encode(), str(draft.path))
    assert bool(found) is (name in {"a, b: {c}", "a #b", "-x"})


def test_a_name_in_a_manifest_ends_no_comment(tmp_path: Path) -> None:
    """The reason stands in a comment of regress.yml, and a package may be called as it likes."""
    (tmp_path / "package.json").write_text(json.dumps({"name": "a\ncommand: b", "main": "a.js"}))
    (tmp_path / "a.js").write_text("")
    config = drafts([Suite("default", recognise(tmp_path)[0])], branch="main", action="a/b@v1")[1].text
    assert "\ncommand: b" not in config


def written(root: Path, **choices: Any) -> str:
    """Return the files that `init` would write for a repository of pytest benchmarks, one after the other."""
    (root / "test_a.py").write_text(PYTEST)
    choices = {"branch": "main", "action": "a/b@v1"} | choices
    return "".join(draft.text for draft in drafts([Suite("default", recognise(root)[0])], **choices))


def test_a_version_in_a_manifest_is_no_step(tmp_path: Path) -> None:
    """The comment beside `setup-python` quotes what the manifest says, in one line."""
    version = ">=3.11\\n      - run: evil"
    (tmp_path / "pyproject.toml").write_text(f'[project]\nname = "p"\nrequires-python = "{version}"\n')
    assert "   # requires-python >=3.11       - run: evil of pyproject.toml\n" in written(tmp_path)


def test_a_name_of_another_workflow_is_no_part_of_the_new_one(tmp_path: Path) -> None:
    """A file whose name breaks the line, or hides how it reads, is passed over."""
    folder = tmp_path / ".github/workflows"
    folder.mkdir(parents=True)
    for name in ("a\non: push\n#.yml", "\u202ea.yml", "b.yml"):
        (folder / name).write_text("uses: benchmark-action/github-action-benchmark@v1\n")
    assert [path for path, _ in other_tools(Repository(tmp_path))] == [".github/workflows/b.yml"]


@pytest.mark.parametrize(("branch", "pattern"), [("a]#b", r"a\]#b"), ("c++", r"c\+\+"), ("on", "on"), ("1.0", "1.0")])
def test_a_branch_is_a_text_that_matches_itself(tmp_path: Path, branch: str, pattern: str) -> None:
    """The filter of a workflow has special characters of its own, and YAML has, too."""
    text = written(tmp_path, branch=branch).partition("# yaml-language-server")[0]
    assert parse_yaml(text.encode(), "workflow")["True"]["push"]["branches"] == [pattern]


@pytest.mark.parametrize("name", ["true", "null", "1.0", "-", ".inf", "2024-01-01", "\N{SNAIL}", "a\u202eb", "\x85"])
def test_a_scalar_is_the_same_text_again(name: str) -> None:
    """What YAML would read as a number, a truth value or nothing is quoted; what nobody would see is escaped."""
    scalar = yaml_scalar(name)
    assert scalar.isprintable()
    assert parse_yaml(f"a: {scalar}".encode(), "file") == {"a": name}


def test_nesting_without_end_is_no_manifest(deep_folder: Path) -> None:
    """Neither a file nor a tree of folders that is nested deeper than Python's stack ends `init`."""
    for name, text in (("package.json", "[" * 100_000), ("pyproject.toml", f"a = {'[' * 100_000}")):
        (deep_folder / name).write_text(text)
    assert "command: " in written(deep_folder)
