"""Hostile names through every channel: they arrive as text, and nothing happens."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import cmarkgfm
import pytest
from cmarkgfm.cmark import Options

from fake_github import FakeGitHub
from integration.github.github_scenarios import Job, compared, connected, judged, pull, push, sha, words
from judgements import HOSTILE
from regress_action.github.command_answers import CommandAnswers, CommandWorkflows
from regress_action.github.event import Plan, Stage
from regress_action.github.preferences import Preferences
from regress_action.model.measurements import Metric

if TYPE_CHECKING:
    from pathlib import Path

    from regress_action.model.comparisons import Comparison

LIVE = re.compile(r"(?<!\w)@\w|#\d|\bGH-\d|www\.\w", re.IGNORECASE)
OURS = "https://github.com/octo/widgets"
COMMAND = re.compile(r"^::(\w[\w-]*)", re.MULTILINE)


class Page(HTMLParser):
    """The elements, links and prose of a rendered text."""

    def __init__(self, markdown: str) -> None:
        """Render in GitHub's dialect, raw HTML included, as it is before GitHub sanitises it."""
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.prose, self._code = "", 0
        self.feed(cmarkgfm.github_flavored_markdown_to_html(markdown, options=Options.CMARK_OPT_UNSAFE))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect."""
        self.tags.append(tag)
        self._code += tag in {"code", "pre"}
        self.links += [value or "" for name, value in attrs if name in {"href", "src"}]

    def handle_endtag(self, tag: str) -> None:
        """Collect."""
        self._code -= tag in {"code", "pre"}

    def handle_data(self, data: str) -> None:
        """Collect."""
        self.prose += "" if self._code else data


def texts_of(name: str, folder: Path) -> dict[str, str]:
    """Let a benchmark of that name regress everywhere; return every text by its channel."""
    texts: dict[str, str] = {}
    summary = folder / "summary.md"
    summary.unlink(missing_ok=True)

    def row(ratio: float) -> Comparison:
        tame = compared("tame", ratio)
        return replace(tame, benchmark=replace(tame.benchmark, name=name), reason=f"{name} is slow")

    with FakeGitHub() as github:
        github.data.add_pull(head_sha=sha(77))
        job = Job(summary=summary)
        with connected(github) as client:
            job.run(client, pull(github, 1), judged([row(2.5)], head=sha(77)), Preferences(suite=name or "x"))
        for number, ratio in ((5, 1.7), (6, 2.5), (7, 1.0)):
            with connected(github) as client:
                Job().run(client, push(number), judged([row(ratio)], head=sha(number)))
        (issue,) = [record for record in github.data.issues if record.pull is None]
        many = [replace(row(2.5), metric=Metric(f"{name} {number}", "s")) for number in range(6)]
        with connected(github) as client:
            Job().run(client, push(8), judged(many, head=sha(8)), texts=replace(words(judged(many)), advice=(name,)))
        accept = Plan(
            mode=Stage.COMMAND,
            why="",
            repository="octo/widgets",
            pull_request=1,
            issue=1,
            actor="octo",
            comment=f"/regress accept * {' '.join(name.split()) or 'x'}",
            comment_id=1,
        )
        with connected(github) as client:
            CommandAnswers(client, CommandWorkflows(name)).carry_out(accept)
        assert github.violations == []
        umbrella = github.data.issues[-1]
        texts = {f"comment {number}": comment.body for number, comment in enumerate(github.data.comments)}
        texts |= {"issue": issue.body, "title": issue.title, "log": job.out.getvalue()}
        texts |= {"umbrella": umbrella.body, "umbrella's title": umbrella.title}
        texts["job summary"] = summary.read_text()
        run = github.data.check_runs[0]
        texts |= {"summary": run.summary or "", "check": run.title or "", "message": run.annotations[0]["message"]}
    return texts


@pytest.fixture(scope="module")
def tame(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What is published about a benchmark with a harmless name."""
    return texts_of("word", tmp_path_factory.mktemp("tame"))


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: ascii(name[:20]))
def test_a_hostile_name_is_text_in_every_channel(name: str, tame: dict[str, str], tmp_path: Path) -> None:
    """The same elements as with a harmless name, no mention, no reference, no link of its own, one command each."""
    texts = texts_of(name, tmp_path)

    assert texts.keys() == tame.keys()
    for channel in texts.keys() - {"log", "title", "umbrella's title", "check", "message"}:
        page, expected = Page(texts[channel]), Page(tame[channel])
        extra = [tag for tag in page.tags if tag not in {"code", "p"}]
        assert extra == [tag for tag in expected.tags if tag not in {"code", "p"}], channel
        assert all(link.startswith(OURS) for link in page.links), channel
        assert not LIVE.search(page.prose.replace("\u200b", "\u200b ")), channel
    assert "##[" not in texts["log"]
    assert COMMAND.findall(texts["log"]) == COMMAND.findall(tame["log"])
    for channel in ("title", "umbrella's title", "check"):
        assert texts[channel].isprintable() or texts[channel].strip()
        assert "\n" not in texts[channel]


def test_the_texts_are_short_whatever_the_name(tame: dict[str, str], tmp_path: Path) -> None:
    """Ten thousand characters of a name do not push the rest away."""
    long = texts_of("x" * 10_240, tmp_path)

    assert all(len(long[channel]) < len(tame[channel]) + 4_000 for channel in tame)
