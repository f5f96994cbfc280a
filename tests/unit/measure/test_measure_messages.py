"""Texts that are read and written: decisions, exit statuses, log lines, the machine."""

from __future__ import annotations

import pytest

from regress_action.measure.machine import memory_class, runner_class
from regress_action.measure.pairs_loop import Decision, DecisionFailedError, parse_decision
from regress_action.measure.reporting import clock, line_of, seconds
from regress_action.measure.run_executor import failure_of_status

GIB = 2**30


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"continue": true, "select": null, "why": "w"}', Decision(True, None, "w")),  # noqa: FBT003 - the field
        ('chatter {"x"}\n{"continue": false, "select": ["a"]}\n', Decision(False, ("a",), "no reason given")),  # noqa: FBT003 - the field
        ('{"continue": true, "rounds": 0.25}', Decision(True, None, "no reason given", rounds=0.25)),  # noqa: FBT003 - the field
        ('{"continue": true}\n[1]\nbye', Decision(True, None, "no reason given")),  # noqa: FBT003 - the field
    ],
)
def test_last_json_object_is_the_decision(text: str, expected: Decision) -> None:
    """Whatever else a program prints, its last JSON object counts."""
    assert parse_decision(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "yes", "{}", '{"continue": "no"}', '{"continue": true, "select": [1]}', '{"continue": true, "rounds": 0}'],
)
def test_malformed_decision_is_refused(text: str) -> None:
    """An answer in another form is no answer."""
    with pytest.raises(DecisionFailedError):
        parse_decision(text)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0, None),
        (1, "exited with status 1"),
        (127, "exited with status 127: the shell found no such command, or may not run it"),
        (-11, "was killed by SIGSEGV"),
        (-9, "was killed by SIGKILL, as the kernel does when memory runs out"),
        (-40, "was killed by signal 40"),
        (139, "exited with status 139, with which a shell reports: killed by SIGSEGV"),
        (255, "exited with status 255"),
    ],
)
def test_exit_status_is_described(status: int, words: str | None) -> None:
    """The text states what happened besides the number."""
    assert failure_of_status(status) == words


@pytest.mark.parametrize(
    ("size", "name"),
    [
        (15.6 * GIB, "16 GiB"),
        (7.7 * GIB, "8 GiB"),
        (23.4 * GIB, "24 GiB"),
        (0.95 * GIB, "1 GiB"),
        (1.4 * GIB, "1.5 GiB"),
    ],
)
def test_memory_is_rounded_to_a_usual_size(size: float, name: str) -> None:
    """Memory that the firmware reserves does not make it another machine."""
    assert memory_class(int(size)) == name


@pytest.mark.parametrize(
    ("variables", "name"),
    [
        ({}, "local"),
        (
            {"RUNNER_ENVIRONMENT": "github-hosted", "ImageOS": "ubuntu24", "ImageVersion": "2026.1"},
            "github-hosted ubuntu24",
        ),
        ({"RUNNER_ENVIRONMENT": "self-hosted"}, "self-hosted"),
    ],
)
def test_runner_class_leaves_out_the_image_version(variables: dict[str, str], name: str) -> None:
    """The image's version changes every week, and the machine does not."""
    assert runner_class(variables) == name


def test_run_is_one_log_line() -> None:
    """It states the pair, the side, the time, and the time left."""
    place = {"pair": 3, "pairs": 10, "unit": "pair", "side": "head", "warmup": False}
    event = place | {"event": "run-finished", "wall_s": 1.8249}
    assert line_of(event | {"failure": None, "remaining_s": 40.2}) == "pair 3/10 · head · 1.82 s · about 0:40 left"
    assert line_of(event | {"failure": "broke", "remaining_s": 0.4}) == "pair 3/10 · head · broke"
    assert line_of(event | {"event": "run-started"}) is None


@pytest.mark.parametrize(("amount", "text"), [(0.0314, "31 ms"), (1.0, "1.00 s"), (59.99, "59.99 s"), (125.4, "2:05")])
def test_time_is_printed_in_a_readable_unit(amount: float, text: str) -> None:
    """Three digits or so, in the unit a person would use."""
    assert seconds(amount) == text
    assert clock(3723) == "1:02:03"
