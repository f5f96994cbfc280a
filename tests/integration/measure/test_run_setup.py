"""What `regress-action run` makes of `setup` and `carry` before it measures."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from integration.measure.measure_repository import VARIABLES, Repository

if TYPE_CHECKING:
    from pathlib import Path


def _run(repository: Repository, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "regress_action", "run", *words]
    return subprocess.run(
        argv, cwd=repository.folder, env=VARIABLES | variables, capture_output=True, text=True, check=False
    )


def test_carry_without_a_base_is_ignored_with_a_note(repository: Repository) -> None:
    """`init` writes `carry`, which needs a second side; without one the head is measured all the same."""
    (repository.folder / "regress.yml").write_text("carry: [bench]\n")
    ended = _run(repository, "--runs", "1", "--", "true")
    assert ended.returncode == 0, ended.stderr
    assert "carry is ignored: without --base there is no other side" in ended.stderr


def test_setup_runs_once_for_a_commit_until_fresh_is_asked_for(repository: Repository, tmp_path: Path) -> None:
    """The second call uses the trees of the first; `--fresh` and CI jobs set up again and keep nothing."""
    count, cache = tmp_path / "count", {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    words = ["--base", "HEAD~1", "--pairs", "1", "--setup", f"echo once >> {count}", "--", "true"]
    calls = [(words, cache), (words, cache), (["--fresh", *words], cache), (words, cache | {"CI": "true"})]
    counts = []
    for arguments, variables in calls:
        _run(repository, *arguments, **variables)
        counts.append(count.read_text().count("once"))
    assert counts == [2, 2, 4, 6]
