"""Nights of a repository: what lasts in its history becomes an issue, is followed, closed, and opened again."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fake_github import FakeGitHub
from regress_action.commands import ci
from regress_action.github import hidden_comment
from regress_action.history import SeriesPattern, accept, open_history
from regress_action.model.errors import RegressError, SettingsError
from regress_action.model.measurements import Benchmark, Environment, Metric, Report, Run, Series

if TYPE_CHECKING:
    from collections.abc import Iterator

START = datetime(2026, 1, 1, tzinfo=UTC)
MACHINE = Environment(cpu="EPYC 7763", cores=4, os="ubuntu-24.04")
REPOSITORY = "octo/widgets"


def check(name: str, text: str) -> None:
    """Compare with the golden file, or write it when UPDATE_GOLDEN is set."""
    path = Path(__file__).parents[2] / "golden" / "github" / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text


def sha(number: int) -> str:
    """Return the commit that was measured as the n-th."""
    return f"{number:040x}"


@dataclass
class Nights:
    """A repository whose history grows by day and is followed by night."""

    folder: Path
    github: FakeGitHub
    measured: int = 0

    def days(self, number: int, level: float, *, name: str = "cache.get") -> None:
        """Measure a commit a day at a level; another benchmark stays as it is."""
        history = open_history(str(self.folder / ".regress/history"), repository=self.folder, environ={})
        for _ in range(number):
            noise = [1 + 0.03 * (self.measured * step % 1 - 0.5) for step in (0.618, 0.414)]  # the same everywhere
            levels = {name: level * noise[0], "api.list": 0.02 * noise[1]}
            metric = Metric("time", "s")
            history.append(
                Report(
                    series=tuple(Series(Benchmark(name), metric, (at,)) for name, at in levels.items()),
                    runs=(Run("night"),),
                    environment=MACHINE,
                    commit=sha(self.measured),
                    branch="main",
                    created=(START + timedelta(days=self.measured)).strftime("%Y-%m-%dT%H:%M:%SZ"),
                )
            )
            self.measured += 1

    def follow(self, event: str = "schedule", payload: dict[str, Any] | None = None, **inputs: str) -> int:
        """Do what the action does by night; return how the step ends."""
        runner = self.folder.parent
        (runner / "summary.md").write_text("")
        (runner / "output").write_text("")
        repository = {"full_name": REPOSITORY, "default_branch": "main"}
        environ = {
            "GITHUB_EVENT_NAME": event,
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_API_URL": self.github.url,
            "GITHUB_OUTPUT": str(runner / "output"),
            "GITHUB_STEP_SUMMARY": str(runner / "summary.md"),
            "GITHUB_RUN_ID": str(70 + self.measured),
            "GITHUB_REF_NAME": "main",
            "GITHUB_SHA": sha(self.measured - 1),
            "REGRESS_INPUTS": json.dumps({"baseline": "folder", "github-token": "ghs_token", **inputs}),
        }
        return int(ci.run({"repository": repository, **(payload or {})}, environ, self.folder))

    @property
    def issues(self) -> list[Any]:
        """The issues, oldest first."""
        return [issue for issue in self.github.data.issues if issue.pull is None]

    def announced(self) -> list[str]:
        """What the comments announced, oldest first."""
        events = [hidden_comment.read("event", comment.body) for comment in self.github.data.comments]
        return [next(iter(event)) for event in events if event]

    def said(self, name: str) -> str:
        """The job summary or the outputs of the last night."""
        return (self.folder.parent / name).read_text()


@pytest.fixture
def nights(tmp_path: Path) -> Iterator[Nights]:
    """A repository with thirty quiet days behind it."""
    with FakeGitHub() as github:
        nights = Nights(tmp_path / "widgets", github)
        nights.folder.mkdir()
        nights.days(30, 0.01)
        yield nights
        assert github.violations == []


def test_quiet_nights_write_nothing(nights: Nights) -> None:
    """Nothing moves: a summary, a verdict, and not one write."""
    assert nights.follow() == 0
    assert nights.github.writes == []
    assert "Nothing moves" in nights.said("summary.md")
    assert "\npass\n" in nights.said("output")


def test_a_lasting_step_lives_as_one_issue(nights: Nights, capsys: pytest.CaptureFixture[str]) -> None:
    """Too new, opened, silent, worse, mended, closed, back: one issue, each change announced once."""
    nights.days(5, 0.017)
    assert nights.follow() == 0
    assert nights.issues == []
    nights.days(7, 0.017)
    nights.github.data.comparisons = {}
    assert nights.follow() == 0
    [issue] = nights.issues
    assert issue.title.startswith("Performance: cache.get is ")
    assert "**Moderate**" in issue.body
    assert f"First seen at {sha(30)}; the last good one is {sha(29)}" in issue.body
    assert "xychart" in issue.body
    assert "| How sure | p\u00a0&lt;\u00a00.0001, confirmed |" in issue.body
    assert "updated with every look at the trend" in issue.body
    assert "::warning title=Moderate performance regression::" in capsys.readouterr().out
    assert "| **moderate** | `cache.get` |" in nights.said("summary.md")
    assert "\nwarn\n" in nights.said("output")
    check("trend-issue.md", f"# {issue.title}\n\n{issue.body}\n")
    check("trend-summary.md", nights.said("summary.md"))

    writes = len(nights.github.writes)
    nights.follow()
    assert len(nights.github.writes) == writes, "a night without a new commit repeats nothing"
    nights.days(2, 0.017)
    nights.follow()
    assert nights.announced() == []

    nights.days(12, 0.03)
    assert nights.follow() == 1, "critical is what fails"
    assert nights.announced() == ["regraded"]
    nights.days(2, 0.01)
    nights.follow()
    assert issue.state == "open", "two good days prove nothing"
    nights.days(20, 0.01)
    assert nights.follow() == 0
    assert (issue.state, issue.state_reason) == ("closed", "completed")
    assert f"Recovered in {sha(nights.measured - 1)}" in nights.github.data.comments[-1].body
    nights.days(12, 0.017)
    nights.follow()
    assert (issue.state, len(nights.issues)) == ("open", 1)
    assert nights.announced() == ["regraded", "recovered", "relapsed"]


def test_what_was_accepted_in_the_history_closes_its_issue(nights: Nights) -> None:
    """With the next night, without a new commit, and until it gets worse than what was accepted."""
    nights.days(12, 0.03)
    assert nights.follow() == 1
    [issue] = nights.issues
    history = open_history(str(nights.folder / ".regress/history"), repository=nights.folder, environ={})
    pattern, at = SeriesPattern("cache.*"), START + timedelta(days=nights.measured)
    event = accept(None, [pattern], at=at, who="octo", why="exact now", suite="default")
    history.extend([], events=[event], message="Accept cache.*")

    assert nights.follow() == 0

    assert (issue.state, issue.state_reason) == ("closed", "completed")
    assert "Accepted by octo as the new level (exact now): `cache.get` is at 3." in nights.github.data.comments[-1].body
    writes = len(nights.github.writes)
    assert nights.follow() == 0
    assert len(nights.github.writes) == writes
    nights.days(12, 0.07)
    assert nights.follow() == 1
    assert issue.state == "open"


def test_a_release_tells_of_creep(nights: Nights) -> None:
    """Five steps too small for any push: one issue, minor, that names the range; `issues: false` is obeyed."""
    for level in (0.0107, 0.01145, 0.01225, 0.0131):
        nights.days(16, level)
    release = {"action": "published", "release": {"tag_name": "v2"}}
    nights.follow("release", release, issues="false")
    assert nights.issues == []
    nights.follow("release", release)
    [issue] = nights.issues
    assert "**Minor**" in issue.body
    assert "slower since its best level" in issue.body


def test_a_trend_on_a_pull_request_files_nothing(nights: Nights) -> None:
    """Asked for by `mode`: it is about the default branch, and no business of whoever opened the pull request."""
    nights.days(12, 0.03)
    pull = {"number": 3, "head": {"sha": sha(1)}, "base": {"ref": "main"}, "labels": []}
    nights.github.data.add_pull(head_sha=sha(1))
    nights.follow("pull_request", {"action": "opened", "pull_request": pull}, mode="trend")
    assert nights.issues == []


def test_without_the_permission_the_summary_still_tells(nights: Nights, capsys: pytest.CaptureFixture[str]) -> None:
    """The line that is missing is named once, and the step ends as the verdict says."""
    nights.github.data.permissions["issues"] = "none"
    nights.days(12, 0.017)
    assert nights.follow() == 0
    assert capsys.readouterr().out.count("issues: write") == 1
    assert "moderate" in nights.said("summary.md")


def test_the_dashboard_is_written_where_the_input_asks_for_one(nights: Nights) -> None:
    """The output names its folder, which an upload or a Pages deployment takes."""
    assert nights.follow(dashboard="public/site") == 0

    assert "\npublic/site\n" in nights.said("output")
    assert (nights.folder / "public/site/index.html").exists()
    assert "cache.get" in (nights.folder / "public/site/data/index.js").read_text()


@pytest.mark.parametrize("folder", ["../elsewhere", "/etc/site", ".git/hooks"])
def test_the_dashboard_stays_in_the_workspace(nights: Nights, folder: str) -> None:
    """A setting cannot write into other folders, or into the repository's own."""
    with pytest.raises(SettingsError, match="no folder of the workspace"):
        nights.follow(dashboard=folder)


def test_the_dashboard_follows_no_link(nights: Nights) -> None:
    """A link that a checkout brings along leads nowhere."""
    (nights.folder.parent / "elsewhere").mkdir()
    (nights.folder / "site").symlink_to(nights.folder.parent / "elsewhere")

    with pytest.raises(RegressError):
        nights.follow(dashboard="site")

    assert not list((nights.folder.parent / "elsewhere").iterdir())


def test_the_dashboard_is_published_on_a_branch(nights: Nights) -> None:
    """`branch:NAME` leaves no folder: the site is the one commit of that branch."""
    bare = nights.folder.parent / "bare.git"
    subprocess.run(["git", "init", "--quiet", "--bare", bare], check=True)

    assert nights.follow(dashboard=f"branch:gh-pages@{bare}") == 0

    names = subprocess.run(["git", "-C", bare, "ls-tree", "--name-only", "gh-pages"], check=True, capture_output=True)
    assert b"index.html" in names.stdout.split()
    assert "site" not in nights.said("output")
