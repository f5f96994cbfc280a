"""A judgement survives the way through JSON, and nothing else passes for one."""

from __future__ import annotations

import copy
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from judgements import EXAMPLES, judgements
from regress_action.model.comparisons import Machine, TradeOff, TradeOffState, Verdict
from regress_action.model.errors import InputError
from regress_action.model.measurements import Metric
from regress_action.report import structured
from regress_action.report.structured import as_judgement

if TYPE_CHECKING:
    from regress_action.model.comparisons import Judgement

WRITTEN = structured.as_object(EXAMPLES["everything"], suite="services")


_TRADED = TradeOff("\ud800", 1.2, Metric("time", "s"), 0.9, TradeOffState.HOLDS)
LONE_SURROGATE = replace(
    EXAMPLES["everything"],
    comparisons=(
        replace(EXAMPLES["everything"].comparisons[0], verdict=Verdict.REGRESSION, confirmed=None, trade_off=_TRADED),
    ),
)


@settings(max_examples=50)
@given(judgements(max_size=5))
@example(LONE_SURROGATE)
def test_any_judgement_survives_the_way_through_json(made: Judgement) -> None:
    """Writing, reading and writing again changes nothing."""
    written = structured.as_object(made)
    assert structured.as_object(as_judgement(written)) == written


def test_an_ordinary_judgement_comes_back_equal() -> None:
    """Every field has its place."""
    assert as_judgement(WRITTEN) == EXAMPLES["everything"]


def paths(content: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the way to every value."""
    children = (
        content.items() if isinstance(content, dict) else enumerate(content[:2]) if isinstance(content, list) else ()
    )
    return [path, *(below for key, child in children for below in paths(child, (*path, key)))]


anything: st.SearchStrategy[Any] = st.sampled_from(
    [None, [], {}, "x", -1, 1.5, True, float("nan"), float("inf"), 10**400, "\ud800"]
)


@given(st.sampled_from(paths(WRITTEN)[1:]), anything)
def test_an_edited_file_is_refused_or_harmless(path: tuple[Any, ...], value: object) -> None:
    """A wrong value in any field is an error of ours, never a crash and never a number that is none."""
    content: Any = copy.deepcopy(WRITTEN)
    place = content
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with suppress(InputError):
        structured.as_object(as_judgement(content))


@pytest.mark.parametrize("content", [None, [], {}, {"schema": 2}, {"schema": 1}, "text"])
def test_json_without_a_judgement_is_refused(content: object) -> None:
    """The message names what is wrong."""
    with pytest.raises(InputError):
        as_judgement(content)


def test_a_judgement_of_an_older_version_is_read() -> None:
    """Keys that were added later are no reason to refuse what was written before."""
    added = {"machine", "minutes_saved", "elsewhere"}
    content = {key: value for key, value in WRITTEN.items() if key not in added}
    assert as_judgement(content) == replace(EXAMPLES["everything"], machine=Machine(), minutes_saved=None)


def test_a_missing_field_is_named() -> None:
    """Somebody who edited the file finds the place."""
    content = {key: value for key, value in WRITTEN.items() if key != "mode"}
    with pytest.raises(InputError, match="'mode' is not present"):
        as_judgement(content)
