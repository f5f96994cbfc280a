"""The questions of docs/history.md, asked with DuckDB over the history of the demo.

DuckDB is among the tools of the project; where it is not installed, these tests are skipped with a word about it.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    Ask = Callable[[str], list[tuple[Any, ...]]]

duckdb = pytest.importorskip("duckdb", reason="DuckDB is not installed: the SQL of docs/history.md was not run.")

ROOT = Path(__file__).parents[3]
QUESTIONS = re.findall(r"```sql\n(.*?)```", (ROOT / "docs/history.md").read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the year of the demo as `runs.jsonl`, under two names."""
    folder = tmp_path_factory.mktemp("questions")
    subprocess.run([sys.executable, ROOT / "examples/demo_history.py", folder / "history"], check=True, cwd=ROOT)
    command = [sys.executable, "-m", "regress_action", "history", "export", "--history", "history"]
    subprocess.run([*command, "--format", "jsonl", "--out", "runs.jsonl"], check=True, cwd=folder)
    for name in ("orders.jsonl", "search.jsonl"):
        (folder / name).symlink_to("runs.jsonl")
    return folder


@pytest.fixture
def ask(exported: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Ask in the folder of the export, and return the rows."""
    monkeypatch.chdir(exported)
    return lambda question: duckdb.connect().execute(question).fetchall()


def test_the_median_by_month_shows_the_slowdown_that_was_accepted(ask: Ask) -> None:
    """A cache lookup of 3.1 ms became 30 % slower."""
    rows = ask(QUESTIONS[0])

    assert len(rows) in {12, 13}
    assert rows[0][2] == pytest.approx(3.1, rel=0.05)
    assert rows[-1][2] == pytest.approx(4.0, rel=0.1)


def test_the_largest_changes_of_the_year_are_those_that_were_planted(ask: Ask) -> None:
    """The regression, the accepted slowdown and the drift of the demo."""
    rows = ask(QUESTIONS[1])

    assert len(rows) == 5
    assert {benchmark.rpartition("::")[2] for benchmark, *_ in rows} >= {
        "test_simple_operation",
        "test_cache_get",
        "test_database_query",
    }
    assert rows[0][2] == pytest.approx(42, abs=3)


def test_histories_of_several_repositories_are_joined(ask: Ask) -> None:
    """By the names of their files, as the sentence below the questions says."""
    source = "read_json(['orders.jsonl', 'search.jsonl'], filename = true)"
    assert source in (ROOT / "docs/history.md").read_text(encoding="utf-8")

    rows = ask(f"SELECT filename, count(*) FROM {source} GROUP BY ALL ORDER BY ALL")  # noqa: S608 - our own words

    assert [name for name, _ in rows] == ["orders.jsonl", "search.jsonl"]
    assert rows[0][1] == rows[1][1] > 0


def test_duckdb_makes_parquet_of_an_export(ask: Ask) -> None:
    """Without pyarrow; every row comes back."""
    ask(QUESTIONS[2])

    assert ask("SELECT count(*) FROM 'runs.parquet'") == ask("SELECT count(*) FROM 'runs.jsonl'")
