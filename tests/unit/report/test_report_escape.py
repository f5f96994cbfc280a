"""Whatever somebody names a benchmark, a reader sees it and nothing happens."""

from __future__ import annotations

import re
import unicodedata
from html.parser import HTMLParser

import cmarkgfm
import pytest
from cmarkgfm.cmark import Options
from hypothesis import given
from hypothesis import strategies as st

from judgements import HOSTILE, foreign
from regress_action.model import escaping

INVISIBLE = {"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"}
LIVE = re.compile(r"(?<!\w)@\w|#\d|\bGH-\d|https?://|www\.\w", re.IGNORECASE)


class Page(HTMLParser):
    """The tags of a rendered page, and the text inside and outside of code."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.code, self.prose, self._depth = "", "", 0
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: D102 - HTMLParser's
        self.tags.append(tag)
        self._depth += tag in {"code", "pre"}
        assert not [name for name, _ in attrs if name.startswith("on")]

    def handle_endtag(self, tag: str) -> None:  # noqa: D102 - HTMLParser's
        self._depth -= tag in {"code", "pre"}

    def handle_comment(self, data: str) -> None:  # noqa: D102 - HTMLParser's
        raise AssertionError(data)

    def handle_data(self, data: str) -> None:  # noqa: D102 - HTMLParser's
        if self._depth:
            self.code += data
        else:
            self.prose += data


def rendered(markdown: str) -> Page:
    """Render Markdown in GitHub's dialect, raw HTML included, as a page would hold it before sanitising."""
    return Page(cmarkgfm.github_flavored_markdown_to_html(markdown, options=Options.CMARK_OPT_UNSAFE))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("std::vector", "std::vector"),
        ("::error::boom", "∷error::boom"),
        ("a\n::error::boom", "a ∷error::boom"),
        ("##[error]boom", "# #[error]boom"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]8;;http://evil\x07link\x1b]8;;\x07", "link"),
        ("\u202egnp.exe", "gnp.exe"),
        ("tab\tand\x00nul", "tab andnul"),
        ("café ☕ 日本", "café ☕ 日本"),
    ],
)
def test_plain_shows_what_was_there_without_its_effect(text: str, expected: str) -> None:
    """Names keep their letters and lose what a terminal or the runner would obey."""
    assert expected == escaping.plain(text)


@given(foreign, st.integers(0, 300))
def test_plain_is_one_visible_line_within_its_limit(text: str, limit: int) -> None:
    """No control, format or unencodable character remains, and nothing starts a workflow command."""
    plain = escaping.plain(text, limit)
    assert len(plain) <= limit
    assert not [character for character in plain if unicodedata.category(character) in INVISIBLE]
    assert not re.search(r"(^|\s)::|##\[", plain)
    plain.encode()


@given(foreign)
def test_code_in_a_table_is_one_cell_of_inert_text(text: str) -> None:
    """A name stays in its cell, whole, and adds no element."""
    page = rendered(f"| a | b |\n|---|---|\n| {escaping.code_span(text)} | end |\n")
    assert page.tags == ["table", "thead", "tr", "th", "th", "tbody", "tr", "td", "code", "td"]
    assert (escaping.plain(text, escaping.NAME_LIMIT) or "(empty)") == page.code.replace("\u200b", "")
    assert page.prose.split() == ["a", "b", "end"]


@given(foreign)
@pytest.mark.parametrize("frame", ["{}", "- {}", "| a |\n|---|\n| {} |", "before\n{}\nafter", "> {}", "## x {}"])
def test_running_text_adds_no_markup_anywhere(frame: str, text: str) -> None:
    """At every place of a page, foreign text brings no element but code, no mention, reference or link."""
    page = rendered(frame.format(escaping.markdown(text)))
    expected = rendered(frame.format("word"))
    assert [tag for tag in expected.tags if tag != "p"] == [tag for tag in page.tags if tag not in {"p", "code"}]
    assert not LIVE.search(page.prose)


@given(foreign)
def test_running_text_keeps_its_words(text: str) -> None:
    """What a reader sees is the plain text, up to backticks that became code and separators of no width."""
    page = rendered(f"x {escaping.markdown(text)}")
    dropped = str.maketrans("", "", " `\n\u200b")
    assert sorted(f"x{escaping.plain(text) or '–'}".translate(dropped)) == sorted(
        (page.prose + page.code).translate(dropped)
    )


@given(foreign)
def test_a_code_block_cannot_be_left(text: str) -> None:
    """However many backticks a command holds, its fence is longer."""
    page = rendered(f"{escaping.code_block(text, 'sh')}\n\nafter")
    assert page.tags == ["pre", "code", "p"]
    assert page.prose.strip() == "after"


@given(foreign)
def test_annotation_drops_characters_that_github_refuses(text: str) -> None:
    """No character above U+FFFF is left, and the byte limit holds."""
    made = escaping.annotation(text, 300)
    assert all(character <= "\uffff" for character in made)
    assert len(made.encode()) <= 300


@given(foreign)
def test_workflow_commands_hold_one_line(text: str) -> None:
    """Data and properties can neither end a command nor start another."""
    assert "\n" not in escaping.workflow_data(text)
    assert "\r" not in escaping.workflow_data(text)
    assert not set(":,\r\n") & set(escaping.workflow_property(text))


def test_workflow_data_encodes_what_the_runner_decodes() -> None:
    """Per cent signs and line breaks reach the annotation as they were."""
    assert escaping.workflow_data("50% slower\nsecond line") == "50%25 slower%0Asecond line"
    assert escaping.workflow_property("a:b,c") == "a%3Ab%2Cc"


@given(foreign)
def test_html_text_adds_no_element(text: str) -> None:
    """In an element or an attribute, foreign text is text."""
    page = Page(f'<i title="{escaping.html(text)}">{escaping.html(text)}</i>')
    assert page.tags == ["i"]
    assert escaping.plain(text) == page.prose


@given(st.text(), st.integers(0, 50))
def test_cutting_by_bytes_never_splits_a_character(text: str, limit: int) -> None:
    """The beginning fits the limit and stays decodable."""
    text = text.encode(errors="replace").decode()
    cut = escaping.cut_bytes(text, limit)
    assert len(cut.encode()) <= limit
    assert text.startswith(cut.removesuffix("…"))


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "https://a.b/) [x](y", "https://a.b/<x>", 'https://a.b/"x', None, ""]
)
def test_links_go_to_plain_web_addresses_only(url: str | None) -> None:
    """Any other address leaves the words without a link."""
    assert escaping.link("words", url) == "words"


def test_a_link_keeps_its_address() -> None:
    """A web address is used as it is."""
    assert (
        escaping.link("run", "https://github.com/o/r/actions/runs/1?x=y#z")
        == "[run](https://github.com/o/r/actions/runs/1?x=y#z)"
    )


def test_escaped_hostile_name_stays_readable() -> None:
    """Of every hostile name with letters, the letters still reach the reader."""
    for text in HOSTILE:
        letters = "".join(re.findall(r"[a-z]{4,}", escaping._ANSI.sub("", text)))[:20]
        assert letters in "".join(re.findall(r"[a-z]{4,}", escaping.plain(text, 20_000)))
