"""From stacks of both sides and a diff to the changed line: what explains a difference, and what does not."""

from __future__ import annotations

import random
import textwrap
from dataclasses import replace

import pytest

from regress_action.advice.cause_analysis import explain
from regress_action.advice.changed_lines import ChangedFile, Hunk, changes_code, parse
from regress_action.advice.profile_difference import change_of
from regress_action.advice.profile_files import ProfiledTarget, ProfileRun
from regress_action.model.profiles import (
    CallProfile,
    Cause,
    CostMode,
    Evidence,
    FunctionCalls,
    FunctionKey,
    Stack,
    StackFrame,
    StackProfile,
)

SOURCE = textwrap.dedent(
    """\
    LIMIT = 100


    @cached
    def query(key):
        return slow(key, LIMIT)


    def load(keys):
        rows = []
        for key in keys:
            rows.append(query(key))
        return rows


    def report(keys):
        rows = load(keys)
        return len(rows)
    """
)


def frames(*places: str) -> Stack:
    """Return a stack of `function:line` in app.py."""
    return tuple(StackFrame(name, "app.py", int(line)) for name, _, line in (place.partition(":") for place in places))


REPORT_ITSELF, LOAD_ITSELF = frames("report:18"), frames("report:17", "load:12")
QUERY = frames("report:17", "load:12", "query:6")


def target(
    base: dict[Stack, float], head: dict[Stack, float], calls: tuple[dict[str, int], dict[str, int]] | None = None
) -> ProfiledTarget:
    """Return five pairs with a noise of 1 %."""
    noise = random.Random(7)  # noqa: S311 - a fixed seed
    runs = [
        ProfileRun(
            side,
            pair,
            {CostMode.CPU: StackProfile(CostMode.CPU, {stack: c * noise.gauss(1, 0.01) for stack, c in costs.items()})},
        )
        for pair in range(1, 6)
        for side, costs in (("base", base), ("head", head))
    ]
    for side, counts in zip(("base", "head"), calls or (), strict=False):
        functions = {FunctionKey(name, "app.py"): FunctionCalls(count) for name, count in counts.items()}
        runs.append(ProfileRun(side, 1, {}, CallProfile(functions)))
    return ProfiledTarget((), tuple(runs))


def changed(line: int, added: str, removed: str = "old") -> ChangedFile:
    """Return a file in which one line was replaced, or only removed above `line` where nothing was added."""
    return ChangedFile(
        "app.py", "app.py", (Hunk(line, line if added else line - 1, (removed,), (added,) * bool(added)),)
    )


def explained(profiled: ProfiledTarget, *files: ChangedFile, source: str = SOURCE) -> Cause:
    """Return the cause; the source of the head is that of every file."""
    cause = explain(profiled, files, lambda _: source)
    assert cause is not None
    return cause


def place(cause: Cause) -> tuple[int, Evidence] | None:
    """Return line and evidence of the culprit."""
    return (cause.culprit.location.line, cause.culprit.evidence) if cause.culprit else None


def test_a_changed_line_that_takes_the_time_is_named_with_its_share() -> None:
    """The line is executed while the additional time passes."""
    cause = explained(
        target({QUERY: 1.0, LOAD_ITSELF: 0.2}, {QUERY: 2.0, LOAD_ITSELF: 0.2}),
        changed(6, "    return slow(key, LIMIT)"),
    )
    assert place(cause) == (6, Evidence.EXECUTED)
    assert cause.culprit is not None
    assert cause.culprit.share == pytest.approx(1.0, abs=0.05)
    assert cause.culprit.share_low is not None
    assert 0.9 < cause.culprit.share_low <= cause.culprit.share
    assert cause.functions[0].key.function == "query"


def test_a_removed_decorator_counts_for_its_function() -> None:
    """Where a cache was removed nothing was added; the function that takes the time is named."""
    source = SOURCE.replace("@cached\n", "")
    stacks = {frames("report:16", "load:11", "query:5"): 1.0}
    profiled = target(stacks, {stack: 9 * cost for stack, cost in stacks.items()})
    cause = explained(profiled, changed(4, "", "@cached"), source=source)
    assert place(cause) == (4, Evidence.ENCLOSING)
    assert cause.culprit is not None
    assert cause.culprit.text == "def query(key):"


def test_a_value_outside_of_functions_is_connected_by_its_name() -> None:
    """A constant takes no time; the function that uses it does."""
    cause = explained(target({QUERY: 1.0}, {QUERY: 3.0}), changed(1, "LIMIT = 100"))
    assert place(cause) == (1, Evidence.DEFINES)


def test_an_edit_of_a_hot_line_that_changed_nothing_is_not_named() -> None:
    """The inert change lies in the hottest function, the other one where the time was added."""
    inert, guilty = changed(12, "        rows.append(query(key))"), changed(18, "    return len(rows)")
    cause = explained(target({QUERY: 5.0, REPORT_ITSELF: 0.1}, {QUERY: 5.0, REPORT_ITSELF: 1.5}), inert, guilty)
    assert place(cause) == (18, Evidence.EXECUTED)


def test_a_caller_that_calls_more_often_is_named_and_not_the_function_called() -> None:
    """Both lines were changed; the inner one takes as long as before each time."""
    files = changed(12, "        rows.append(query(key))"), changed(6, "    return slow(key, LIMIT)")
    counts = {"query": 10, "load": 1, "report": 1}, {"query": 30, "load": 1, "report": 1}
    cause = explained(target({QUERY: 1.0}, {QUERY: 3.0}, counts), *files)
    assert place(cause) == (12, Evidence.EXECUTED)


def test_the_innermost_of_two_changed_lines_is_named_where_it_takes_longer_each_time() -> None:
    """The caller's line holds all of the time as well, and is not the cause."""
    files = changed(12, "        rows.append(query(key))"), changed(6, "    return slow(key, LIMIT)")
    counts = {"query": 10, "load": 1, "report": 1}
    cause = explained(target({QUERY: 1.0}, {QUERY: 3.0}, (counts, counts)), *files)
    assert place(cause) == (6, Evidence.EXECUTED)


def test_time_that_moved_is_no_regression() -> None:
    """What one function lost and another took over is said, and neither is the cause."""
    moved_from, moved_to = frames("report:17", "load:10"), frames("report:18")
    cause = explained(
        target({moved_from: 1.0, QUERY: 0.5}, {moved_to: 1.0, QUERY: 0.5}), changed(18, "    return len(rows)")
    )
    assert [(move.source.function, move.target.function) for move in cause.moved] == [("load", "report")]
    assert cause.culprit is None


def test_what_moved_is_taken_off_what_a_changed_line_explains() -> None:
    """A regression elsewhere in the same change is found beside time that moved."""
    base = {frames("report:17", "load:10"): 1.0, QUERY: 1.0}
    head = {frames("report:18"): 1.0, QUERY: 1.5}
    cause = explained(
        target(base, head), changed(18, "    return len(rows)"), changed(6, "    return slow(key, LIMIT)")
    )
    assert place(cause) == (6, Evidence.EXECUTED)


def test_without_a_difference_no_line_is_named() -> None:
    """The same costs on both sides, and a change in the hottest line."""
    cause = explained(target({QUERY: 1.0}, {QUERY: 1.0}), changed(6, "    return slow(key, LIMIT)"))
    assert cause.culprit is None


def test_comments_and_blank_lines_are_no_cause() -> None:
    """A change that changes no code is never named."""
    cause = explained(
        target({QUERY: 1.0}, {QUERY: 2.0}), changed(6, "    # slower now", "    # slow"), changed(5, "", "")
    )
    assert cause.culprit is None


def test_a_new_version_of_a_package_is_named_by_the_line_of_the_lock_file() -> None:
    """The time is spent in the package, and the line names it."""
    inside = (*frames("report:17"), StackFrame("clean", "<packages>/text_kit/core.py", 3))
    lock = ChangedFile("requirements.txt", "requirements.txt", (Hunk(1, 1, ("text-kit==1.0",), ("text-kit==1.1",)),))
    cause = explained(target({inside: 1.0}, {inside: 2.0}), lock)
    assert place(cause) == (1, Evidence.DEPENDENCY)


def test_lines_that_were_timed_divide_the_cost_of_their_function() -> None:
    """A sample shows an operator's time at the next call; the timed lines show it where it is."""
    skewed = frames("report:17", "load:13")
    profiled = target({skewed: 1.0}, {skewed: 3.0})
    shares = {"base": {12: (10.0, 0.1), 13: (1.0, 0.9)}, "head": {12: (10.0, 2.1), 13: (1.0, 0.9)}}
    timed = [ProfileRun(side, 1, {}, None, {FunctionKey("load", "app.py"): lines}) for side, lines in shares.items()]
    cause = explained(replace(profiled, runs=(*profiled.runs, *timed)), changed(12, "        rows.append(query(key))"))
    assert place(cause) == (12, Evidence.EXECUTED)


def test_an_interval_covers_the_mean_difference_of_pairs() -> None:
    """The interval is Student's: of 1, 2 and 3 its half width is 2.484."""
    change = change_of([1.0, 1.0, 1.0], [2.0, 3.0, 4.0])
    assert (change.difference, change.low, change.high) == pytest.approx((2.0, 2 - 2.484, 2 + 2.484), abs=0.001)


def test_a_diff_is_read_hunk_by_hunk() -> None:
    """Names with spaces and quotes, new and deleted files, and lines that look like headers."""
    diff = textwrap.dedent(
        """\
        diff --git a/a b.py b/a b.py
        --- a/a b.py\t
        +++ b/a b.py\t
        @@ -3 +3,2 @@ def f():
        --- a/not/a/header
        +++ b/not/a/header
        +second
        diff --git "a/\\303\\244.py" "b/\\303\\244.py"
        deleted file mode 100644
        --- "a/\\303\\244.py"
        +++ /dev/null
        @@ -1 +0,0 @@
        -gone
        """
    )
    first, second = parse(diff)
    assert (first.head_path, first.hunks) == (
        "a b.py",
        (Hunk(3, 3, ("-- a/not/a/header",), ("++ b/not/a/header", "second")),),
    )
    assert (second.base_path, second.head_path, second.hunks[0].removed) == ("ä.py", "", ("gone",))


@pytest.mark.parametrize(
    ("removed", "added", "differs"),
    [
        (("total = 0",), ("total = 0  # allowed",), False),
        (("# old",), ("# new",), False),
        (("total = 0",), ("total = 1  # allowed",), True),
        (("name = 'a  # b'",), ("name = 'a  # c'",), True),
        (("x = 1",), (), True),
    ],
)
def test_a_change_of_comments_changes_no_code(
    removed: tuple[str, ...], added: tuple[str, ...], *, differs: bool
) -> None:
    """A line whose comment alone was edited cannot be the cause; one with quotes in it may be."""
    assert changes_code(removed, added) == differs
