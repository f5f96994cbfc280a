"""Which comments are commands, and what of a hostile one is left: a name, a claim, or a refusal in one line."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regress_action.github.comment_commands import CLAIM_LIMIT, LIMIT, CommentCommand, parse


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("/regress bisect", CommentCommand("bisect")),
        ("/regress bisect test_total[1000]", CommentCommand("bisect", "test_total[1000]")),
        ("\n\n   /regress bisect `a b`  \nthanks", CommentCommand("bisect", "a b")),
        ('/regress verify "1.3x faster"', CommentCommand("verify", claim="1.3x faster")),
        ("/regress verify “30 % faster” test_parse", CommentCommand("verify", "test_parse", claim="30 % faster")),
        ("/regress verify no slower than 2 %", CommentCommand("verify", claim="no slower than 2 %")),
        (
            '/regress verify "twice as fast" `a list`',
            CommentCommand("verify", "a list", claim="twice as fast"),
        ),
        ("/regress verify", CommentCommand("help")),
    ],
)
def test_a_benchmark_and_a_claim_are_read(text: str, command: CommentCommand) -> None:
    """Quotes and backticks hold what has spaces; the quotes that telephones make of straight ones do as well."""
    assert parse(text) == command


@pytest.mark.parametrize(
    "text",
    [
        "> /regress bisect",
        "```\n/regress bisect\n```",
        "~~~\n/regress bisect",
        "    /regress bisect",
        "\t/regress bisect",
        "`/regress bisect`",
        "- /regress bisect",
        "<!-- /regress bisect -->",
        "I would write\n/regress bisect",
        "/regre\u0455s bisect",  # a Cyrillic letter
        "\uff0fregress bisect",  # a wide slash
        "/regress\u200bbisect",
        "\u202e/regress bisect",
        "/Regress bisect",
        "//regress bisect",
        "/regress/bisect",
    ],
)
def test_what_is_quoted_shown_or_only_looks_like_it_is_no_command(text: str) -> None:
    """Quotes of others, code, lists, HTML comments, later lines and letters that look alike."""
    assert parse(text) is None


@pytest.mark.parametrize(
    "rest",
    [
        "bisect --base=--upload-pack=touch",
        "bisect -k",
        "bisect `--json=/etc/passwd`",
        "bisect a b",
        "bisect a\u2028b",
        "bisect a\x0b--base",
        "bisect a\u200bb",
        "bisect \ud800",
        "bisect " + "a" * (LIMIT + 1),
        'verify "--base=x faster"',
        "verify -1.3x faster",
        'verify "1.3x faster" --base=x',
        'verify "1.3x faster" a b',
        'verify "1.3x faster',
        'verify "1.3x\u2028faster"',
        'verify "' + "1" * (CLAIM_LIMIT + 1) + 'x faster"',
        "verify " + "1" * 65_000 + "x faster",
    ],
)
def test_options_and_what_cannot_be_seen_are_refused_in_one_line(rest: str) -> None:
    """A name that begins with a dash, with a separator of lines or too long is not passed on, shortened or not."""
    command = parse(f"/regress {rest}")
    assert command is not None
    assert command.kind == "refused"
    assert (command.benchmark, command.claim) == (None, "")
    assert command.reason
    assert "\n" not in command.reason


@pytest.mark.parametrize("verb", ["b\u0456sect", "bisect-all", "BISECT", "bisect;", "run&&bisect"])
def test_another_verb_is_answered_with_help(verb: str) -> None:
    """Nothing is guessed."""
    assert parse(f"/regress {verb}") == CommentCommand("help")


@pytest.mark.parametrize("filling", [" ", "\n", "`", '"', "“", "a", "/regress ", " \n", '"a" '])
def test_the_longest_comment_is_read_at_once(filling: str) -> None:
    """GitHub's limit is 65,536 characters; no pattern takes more than linear time over them."""
    long = (filling * 65_536)[:65_536]
    began = time.process_time()
    for start in ("", "/regress bisect ", "/regress verify ", "/regress accept ", "/regress explain "):
        parse((start + long)[:65_536])
    assert time.process_time() - began < 5


@given(st.text(max_size=300))
def test_whatever_is_read_can_be_an_argument(text: str) -> None:
    """Of any text, what `bisect` and `verify` read is one visible line that does not begin with a dash."""
    for verb in ("bisect", "verify"):
        command = parse(f"/regress {verb} {text}")
        assert command is not None
        for word in (command.benchmark, command.claim):
            assert not word or (word.isprintable() and not word.startswith("-") and len(word) <= LIMIT)
