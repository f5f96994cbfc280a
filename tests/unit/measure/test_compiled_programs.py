"""Which runs executed a program that was compiled in the tree they measure."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from regress_action.measure.compiled_programs import holds_compiled_program

TRUE = Path(shutil.which("true") or "/bin/true")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="programs are ELF or Mach-O files")


def _program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(TRUE.resolve(), path)
    return path


@pytest.mark.parametrize(
    "words", [("./build/prog", "100"), ("./build/prog 100 > {out}",), ("time build/prog | tail -1",), ("unfinished '",)]
)
def test_a_program_of_the_tree_is_recognised_by_the_words_of_the_command(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    """In an argument vector and in a line for the shell; a line that cannot be split names nothing."""
    _program(tmp_path / "build" / "prog")

    assert holds_compiled_program(tmp_path, tmp_path, words, ()) is ("prog" in words[0])


def test_a_program_that_a_script_started_is_recognised_by_the_samples(tmp_path: Path) -> None:
    """The words say `make bench`; a sample saw what that executed."""
    program = _program(tmp_path / "out" / "bench")

    assert holds_compiled_program(tmp_path, tmp_path, ("make bench",), {str(program), "/usr/bin/make"})
    assert not holds_compiled_program(tmp_path, tmp_path, ("make bench",), {"/usr/bin/make"})


@pytest.mark.parametrize("place", ["node_modules/.bin/esbuild", ".venv/bin/ruff", "tools/python3.13", "venv/bin/uv"])
def test_installed_tools_and_interpreters_are_no_builds_of_the_tree(tmp_path: Path, place: str) -> None:
    """They are the same files on both sides, whatever the change is."""
    _program(tmp_path / place)

    assert not holds_compiled_program(tmp_path, tmp_path, (place, "x"), {str(tmp_path / place)})


def test_scripts_and_programs_outside_of_the_tree_do_not_count(tmp_path: Path) -> None:
    """A text file, a file that may not be executed, a link that leads out, and names that are none."""
    tree = tmp_path / "tree"
    (_program(tree / "data")).chmod(0o644)
    script = tree / "run.sh"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    (tree / "link").symlink_to(_program(tmp_path / "elsewhere"))

    assert not holds_compiled_program(tree, tree, ("./run.sh", "data", "link", "a\0b", "x" * 5000), {str(TRUE), ""})
