"""Names out of result files become safe and stay distinct."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regress_action.formats.naming import LONGEST_NAME, clean

_ANY = st.text(st.characters(), max_size=700)


@pytest.mark.parametrize("name", ["plain", "naïve 日本 [a/b]", "x" * LONGEST_NAME])
def test_a_decent_name_stays_as_it_is(name: str) -> None:
    """Printable names of decent length are an identity as they are."""
    assert clean(name) == name


@given(_ANY)
def test_every_name_becomes_printable_and_short(name: str) -> None:
    """Whatever stands in a file can be printed, written as UTF-8 and fits."""
    cleaned = clean(name)

    assert cleaned.isprintable()
    assert 0 < len(cleaned) <= LONGEST_NAME
    cleaned.encode()


@given(_ANY, _ANY)
def test_different_names_stay_different(name: str, other: str) -> None:
    """Cleaning never makes one benchmark out of two."""
    assert (clean(name) == clean(other)) == (name == other)


def test_long_names_with_the_same_beginning_stay_different() -> None:
    """What was cut off still tells names apart."""
    assert clean("x" * 600 + "a") != clean("x" * 600 + "b")


def test_text_direction_and_escape_sequences_are_removed() -> None:
    """A name cannot colour a terminal or read as another one."""
    assert clean("\x1b[31mred\u202ename").startswith("[31mredname~")
