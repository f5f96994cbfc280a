"""An explanation says what was compared, the numbers, the reason, what could have been seen and what to do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import cmarkgfm
import orjson
import pytest
from cmarkgfm.cmark import Options
from hypothesis import given
from hypothesis import strategies as st

from judgements import EXAMPLES, HOSTILE, judgement, regression
from regress_action.action import publish
from regress_action.github import hidden_state
from regress_action.model.comparisons import Outcome, Severity
from regress_action.report import explanation

if TYPE_CHECKING:
    from collections.abc import Callable

COMMAND = "regress-action run --base 3f1c9a7 -- 'make bench'"


def explained(example: str, benchmark: str | None = None) -> str:
    """Explain an example after it was remembered in a text and recalled from it."""
    hidden = hidden_state.pack(lambda limit: publish.judgement_record(EXAMPLES[example], COMMAND, limit))
    answer = publish.answer_of(hidden_state.unpack(f"{hidden}\nbelow") or b"", benchmark)
    assert answer is not None
    return answer


@pytest.mark.parametrize("example", EXAMPLES)
def test_explanations_are_as_reviewed(example: str, golden: Callable[[str, str], None]) -> None:
    """The golden files were read by eye."""
    golden(f"explanation/{example}.md", explained(example))


def test_benchmark_is_selected_by_name_pattern_or_part() -> None:
    """The most exact way that finds something wins; one that is not there is answered with those that are."""
    for asked in ("io.read_artifact", "io.read_*", "read_art"):
        page = explained("everything", asked)
        assert re.findall(r"^\*\*(.+?)\*\*:", page, re.MULTILINE) == ["`io.read_artifact`"]
        assert "about 24 runs on each side would decide it" in page
        assert "anything above +20 %, with 80 % power" in page
    assert "No comparison is called `nothing`. The first of those that are:\n\n- `cache.evict`" in explained(
        "everything", "nothing"
    )


def test_unchanged_benchmark_is_explained() -> None:
    """A quiet verdict is explained, too: what could have been seen."""
    page = explained("pass", "cache.get")
    assert "**`cache.get`**: unchanged" in page
    assert "a change for the worse that matters is ruled out" in page
    assert COMMAND in page


def test_record_of_thousands_of_comparisons_is_cut_to_its_limit() -> None:
    """The worst first, in a bounded text; how many are left out is said."""
    rows = [regression(f"bench.n{number:04}", 3.0, Severity.CRITICAL, reason="slow " * 50) for number in range(3000)]
    hidden = hidden_state.pack(lambda limit: publish.judgement_record(judgement(Outcome.FAIL, *rows), None, limit))
    assert 4_000 < len(hidden) <= hidden_state.LIMIT_BYTES + 100
    page = publish.answer_of(hidden_state.unpack(hidden) or b"", None) or ""
    assert "bench.n0000" in page
    assert "did not fit into what I remember" in page
    assert len(page.encode()) <= publish.ANSWER_BYTES


@pytest.mark.parametrize("limit", [0, 50, 150, 400, 3_000])
def test_explanation_keeps_its_byte_limit(limit: int) -> None:
    """Whatever it is."""
    page = explanation.render(EXAMPLES["everything"], limit_bytes=limit, reproduce=COMMAND)
    assert len(page.encode()) <= limit


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: ascii(name[:20]))
def test_hostile_judgement_is_rendered_as_text(name: str) -> None:
    """Names, reasons, notes, the command and what was asked for come from strangers."""
    made = judgement(Outcome.FAIL, regression(name, 3.0, Severity.CRITICAL, reason=name), notes=(name,))
    page = explanation.render(made, name or "x", reproduce=name)
    html = cmarkgfm.github_flavored_markdown_to_html(page, options=Options.CMARK_OPT_UNSAFE)
    prose = re.sub(r"<(code|pre)\b.*?</\1>", "", html, flags=re.DOTALL)
    ours = "blockquote br code details h3 li p pre strong summary table tbody td th thead tr ul"
    assert set(re.findall(r"<(\w+)", html)) <= set(ours.split())
    assert not re.search(r"@\w|#\d|www\.", prose.replace("\u200b", " "))
    assert len(page) < 8_000


@given(
    st.binary(max_size=200)
    | st.sampled_from([b"[]", b"{}", b"null", b'{"judgement": {"schema": 1}}', b'{"judgement": 5}'])
)
def test_damaged_record_is_refused(data: bytes) -> None:
    """It is data of a text that people can edit."""
    assert publish.answer_of(data, None) is None


@given(st.text(max_size=300), st.text("AQgz=+/", max_size=40))
def test_damaged_marker_is_ignored(around: str, packed: str) -> None:
    """A marker that unpacks to too much is ignored as well."""
    assert hidden_state.unpack(around) is None
    assert hidden_state.unpack(f'{around}<!-- regress-action:judgement {{"z":"{packed}"}} -->') is None
    assert hidden_state.unpack(hidden_state.pack(lambda _: bytes(hidden_state.UNPACKED_BYTES + 1), limit=10**6)) is None


def test_numbers_of_a_forged_record_are_checked() -> None:
    """A record that is no judgement is none, however near."""
    content = orjson.loads(publish.judgement_record(EXAMPLES["pass"], None, 10**6))
    content["judgement"]["comparisons"][0]["ratio"] = "1e999"
    assert publish.answer_of(orjson.dumps(content), None) is None
    content["judgement"]["comparisons"] = []
    content["left_out"], content["reproduce"] = "many", 5
    assert publish.answer_of(orjson.dumps(content), None) is not None
