"""What a release changed, in a real repository with tags and a history of its commits."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from regress_action.action.release_report import of_release
from regress_action.analysis import BudgetRule, Limit, Policy
from regress_action.model.errors import IncompleteError, UsageError
from regress_action.report import release
from unit.site.site_reports import report

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from regress_action.model.measurements import Report

COMMITS = 60
TAGS = {19: "v1.0", 39: "v1.1", 59: "v1.2"}
BUDGET = Policy(limits=(Limit(budgets=(BudgetRule("a_s", "a", 1.25, "s"),)),))


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of sixty commits and three releases."""
    folder = tmp_path_factory.mktemp("released")
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", folder], check=True)
    stream = "".join(
        f"commit refs/heads/main\ncommitter a <a@localhost> {1_700_000_000 + number} +0000\ndata 1\nx\n"
        + (f"reset refs/tags/{TAGS[number]}\nfrom refs/heads/main\n" if number in TAGS else "")
        for number in range(COMMITS)
    )
    subprocess.run(["git", "-C", folder, "fast-import", "--quiet"], input=stream.encode(), check=True)
    return folder


def reports(repository: Path, names: str = "") -> list[Report]:
    """Measure every commit: `a` is a fifth slower from the fiftieth on, `b` faster, `c` as ever."""
    done = subprocess.run(
        ["git", "-C", repository, "rev-list", "--reverse", "main"], check=True, capture_output=True, text=True
    )
    random, results = np.random.default_rng(1), []
    for number, commit in enumerate(done.stdout.split()):
        levels = {"a": 1.2 if number >= 50 else 1.0, "b": 0.7 if number >= 45 else 1.0, "c": 1.0}
        values = {f"{name}{names}": [level * random.normal(1, 0.005)] for name, level in levels.items()}
        results.append(replace(report(number, values), commit=commit))
    return results


def content(repository: Path, tag: str = "v1.2", names: str = "") -> dict[str, Any]:
    """Return the report of a release."""
    return of_release(reports(repository, names), tag, BUDGET, root=repository, environ=os.environ)


def test_a_release_names_what_got_slower_and_faster_and_by_which_commit(repository: Path) -> None:
    """Against the release before, with the author, and the mean against every release."""
    made = content(repository)

    by_name = {entry["name"]: entry for entry in made["series"]}
    assert [entry["change"] for entry in made["series"]] == ["slower", "faster", "unchanged"]
    assert [step["release"] for step in made["against"]] == ["v1.1", "v1.0"]
    (change,) = by_name["a"]["against"][0]["changes"]
    assert (change["commit"], change["author"]) == (reports(repository)[50].commit, "ada")
    assert by_name["a"]["against"][0]["ratio"] == pytest.approx(1.2, rel=0.02)
    assert by_name["a"]["budget"]["used"] == pytest.approx(0.96, abs=0.01)


def test_a_release_is_compared_at_its_own_commit(repository: Path) -> None:
    """What came later does not count."""
    made = content(repository, "v1.1")

    assert [step["release"] for step in made["against"]] == ["v1.0"]
    assert {entry["change"] for entry in made["series"]} == {"unchanged"}


def test_the_pages_say_the_same(repository: Path) -> None:
    """Terminal, Markdown and HTML name the series, the change and the budget."""
    made = content(repository)

    for page in (release.text(made), release.markdown(made), release.page(made)):
        assert "v1.2 against v1.1: 1 slower, 1 faster of 3 series" in page.replace("\\", "")
        assert "+20 %" in page.replace("\u00a0", " ")
        assert "96 %" in page.replace("\\", "")


def test_hostile_names_stay_text(repository: Path) -> None:
    """Neither HTML nor Markdown executes a name."""
    made = content(repository, names="<script>alert(1)</script>|`x")

    assert "<script" not in release.page(made)
    assert "<script" not in release.markdown(made)


def test_the_first_release_and_an_unknown_tag_are_refused(repository: Path) -> None:
    """The first has nothing to be compared with, the second is no tag."""
    with pytest.raises(IncompleteError, match=r"No release before v1\.0 was measured"):
        content(repository, "v1.0")
    with pytest.raises(UsageError, match=r"no tag 'v9'"):
        content(repository, "v9")
