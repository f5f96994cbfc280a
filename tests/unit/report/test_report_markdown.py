"""The Markdown of comments, summaries and files: verdict first, worst first, within its bytes, inert."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from judgements import EXAMPLES, foreign, judgement, judgements, regression, row
from regress_action.model.comparisons import Judgement, Outcome, Severity
from regress_action.report import markdown
from regress_action.report.findings import Context
from unit.report.test_report_escape import LIVE, rendered

if TYPE_CHECKING:
    from collections.abc import Callable

    from regress_action.report.markdown import Audience

CONTEXT = Context(
    suite="services",
    repository_url="https://github.com/octo/services",
    run_url="https://github.com/octo/services/actions/runs/17",
    summary_url="https://github.com/octo/services/actions/runs/17#summary-3",
    report_url="https://github.com/octo/services/actions/runs/17/artifacts/3",
    dashboard_url="https://octo.github.io/services/",
    reproduce="regress-action run --base 3f1c9a7 -- pytest benchmarks --benchmark-json={out}",
    accept="add the label `perf-accepted`, or a waiver to `.regress/waivers.yml`.",
    waivers=("import.time may rise to +30 % until 2027-01-31 (octo/services#412): lazy imports come next.",),
    advice=("`cache.evict` spends 71 % of its time in `Cache._oldest`, `services/cache.py` line 88.",),
)
TAGS = {"h3", "p", "table", "thead", "tbody", "tr", "th", "td", "code", "br", "sub", "strong", "details", "summary"}
TAGS |= {"ul", "li", "blockquote", "a", "pre"}


@pytest.mark.parametrize("example", EXAMPLES)
def test_comment_matches_its_golden_file(example: str, golden: Callable[[str, str], None]) -> None:
    """Every kind of judgement as a pull request's comment, as a person looked at it."""
    golden(f"comment/{example}.md", markdown.render(EXAMPLES[example], audience="comment", context=CONTEXT))


@pytest.mark.parametrize("audience", ["summary", "file"])
def test_summaries_and_files_hold_every_row(audience: Audience, golden: Callable[[str, str], None]) -> None:
    """The long forms fold a table of what did not change."""
    page = markdown.render(EXAMPLES["everything"], audience=audience, context=CONTEXT)
    golden(f"{audience}/everything.md", page)
    assert all(comparison.benchmark.name in page for comparison in EXAMPLES["everything"].comparisons)


def test_page_without_context_has_no_links(golden: Callable[[str, str], None]) -> None:
    """A local file has no links, no commands and no suite."""
    golden("file/bare.md", markdown.render(EXAMPLES["one-regression"], audience="file"))


@pytest.mark.parametrize("audience", ["comment", "summary", "file"])
@pytest.mark.parametrize("example", ["pass", "inconclusive"])
def test_another_machine_is_suggested_in_every_form(audience: Audience, example: str) -> None:
    """Unfolded, once, whether the judgement has notes of its own or none."""
    page = markdown.render(EXAMPLES[example], audience=audience, context=Context(elsewhere="Measure it elsewhere."))
    (line,) = [line for line in page.splitlines() if "elsewhere" in line]
    assert line == "> - Measure it elsewhere."


@settings(max_examples=60, deadline=None)
@given(judgements(max_size=40), st.integers(0, 20_000), st.sampled_from(["comment", "summary", "file"]))
def test_no_page_exceeds_its_bytes(made: Judgement, limit: int, audience: Audience) -> None:
    """For any judgement and any limit, the page fits."""
    page = markdown.render(made, limit_bytes=limit, audience=audience, context=CONTEXT)
    assert len(page.encode()) <= limit


@settings(max_examples=60, deadline=None)
@given(judgements(), st.lists(foreign, max_size=2), foreign)
def test_hostile_text_is_inert_on_the_whole_page(made: Judgement, sentences: list[str], command: str) -> None:
    """Whatever the names, reasons, branches, waivers and commands say, the page holds our elements and no mention."""
    context = Context(
        suite=command, reproduce=command, accept=command, waivers=tuple(sentences), advice=tuple(sentences)
    )
    page = rendered(markdown.render(made, audience="summary", context=context))
    assert set(page.tags) <= TAGS
    assert page.tags.count("h3") == 1
    assert not LIVE.search(page.prose)


def test_a_cut_page_keeps_the_worst_and_counts_the_rest() -> None:
    """A thousand regressions become those that fit and a pointer to the others."""
    rows = [regression(f"benchmark_{index:04}", 3 - index / 1000, Severity.CRITICAL) for index in range(1000)]
    page = markdown.render(judgement(Outcome.FAIL, *rows), limit_bytes=10_000, context=CONTEXT)
    assert 9_000 < len(page.encode()) <= 10_000
    kept = page.count("| **critical** |")
    assert all(f"benchmark_{index:04}" in page for index in range(kept))
    assert f"**{1000 - kept} more** rows are not shown here; [the job summary]({CONTEXT.summary_url})" in page
    assert page.count("<details>") == page.count("</details>")


def test_hundred_unchanged_rows_are_one_line_in_a_comment() -> None:
    """A comment stays short when nothing happened."""
    rows = [row(f"benchmark_{index}") for index in range(100)]
    page = markdown.render(judgement(Outcome.PASS, *rows), audience="comment")
    assert "100 benchmarks unchanged." in page
    assert "benchmark_7" not in page
    assert len(page) < 600


def test_commits_link_into_the_repository() -> None:
    """A reader reaches both commits with one click."""
    page = markdown.render(EXAMPLES["one-regression"], context=CONTEXT)
    assert "](https://github.com/octo/services/commit/b8e2d4f6a1c3e5079b8d7f6e5c4b3a2918273645)" in page


def test_detail_matches_its_golden_file(golden: Callable[[str, str], None]) -> None:
    """An issue's page: the numbers, the reason, what the benchmark did before."""
    made = EXAMPLES["everything"]
    history = [(f"{index:07x}", 0.00123 + index % 3 / 1e5) for index in range(12)] + [("b8e2d4f", 0.00386)]
    golden("detail/regression.md", markdown.detail(made, made.comparisons[0], context=CONTEXT, history=history))
    golden("detail/bare.md", markdown.detail(made, made.comparisons[1]))


@settings(max_examples=60, deadline=None)
@given(
    judgements(max_size=3).filter(lambda made: made.comparisons),
    st.lists(st.tuples(foreign, st.floats())),
    st.integers(0, 3000),
)
def test_any_detail_is_inert_and_within_its_bytes(
    made: Judgement, history: list[tuple[str, float]], limit: int
) -> None:
    """An issue holds our elements and nothing else, whatever the benchmark is called."""
    context = Context(reproduce=made.comparisons[0].benchmark.name)
    page = markdown.detail(made, made.comparisons[0], context=context, history=history)
    assert set(rendered(page).tags) <= TAGS
    assert not LIVE.search(rendered(page).prose)
    short = markdown.detail(made, made.comparisons[0], context=context, history=history, limit_bytes=limit)
    assert len(short.encode()) <= limit
