"""What the runner reads: workflow commands, outputs and the summary, which foreign text cannot steer."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regress_action.github.locations import Annotation
from regress_action.github.runner import SUMMARY_BYTES, StepLog, append_summary, write_outputs
from regress_action.model.measurements import Location

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = [
    "::error::x",
    "a\n::set-output name=x::y",
    "a\r\n::warning::x",
    "%0A::error::",
    "a,file=b",
    "::stop-commands::t",
]
texts = st.text() | st.sampled_from(HOSTILE) | st.builds("".join, st.lists(st.sampled_from(HOSTILE), max_size=3))


def decoded(text: str) -> str:
    """Undo the escapes of a value."""
    return text.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")


def obeyed(output: str) -> list[tuple[str, dict[str, str], str]]:
    """Read commands as the runner does: at the start of a line, properties split at commas, then decoded."""
    entries = []
    for line in output.split("\n"):
        match = re.match(r"^\s*::([a-z-]+)(?: ([^\r]*?))?::(.*)$", line.replace("\r", "\n"), re.DOTALL)
        if match:
            properties = dict(part.split("=", 1) for part in (match[2] or "").split(",") if "=" in part)
            inner = {key: decoded(value.replace("%3A", ":").replace("%2C", ",")) for key, value in properties.items()}
            entries.append((match[1], inner, decoded(match[3])))
    return entries


def logged(act: Any) -> str:
    """Return what is printed."""
    out = io.StringIO()
    act(StepLog(out))
    return out.getvalue()


def test_an_annotation_names_its_line() -> None:
    """Level, title, file, line and message arrive as they are."""
    annotation = Annotation("failure", "Critical: 100 %, really", "first\nsecond", Location("a/b.py", 7))

    (command,) = obeyed(logged(lambda log: log.annotate([annotation])))

    properties = {"title": "Critical: 100 %, really", "file": "a/b.py", "line": "7"}
    assert command == ("error", properties, "first\nsecond")


def test_ten_of_each_level_are_printed() -> None:
    """GitHub shows no more of one step, so the eleventh would only be noise."""
    many = [Annotation(level, str(number), "m", None) for number in range(15) for level in ("failure", "warning")]

    commands = obeyed(logged(lambda log: log.annotate(many)))

    assert [name for name, _, _ in commands] == ["error", "warning"] * 10
    assert commands[-1][1]["title"] == "9"


@given(title=texts, message=texts, path=texts)
def test_no_text_becomes_a_command_of_its_own(title: str, message: str, path: str) -> None:
    """Whatever stands in names and messages, exactly one command is obeyed and its properties are ours."""
    annotation = Annotation("warning", title, message, Location(path, 1))

    commands = obeyed(logged(lambda log: log.annotate([annotation])))

    assert [(name, sorted(properties)) for name, properties, _ in commands] == [("warning", ["file", "line", "title"])]


@given(texts)
def test_a_line_of_ours_holds_no_command_it_quotes(text: str) -> None:
    """Notices are one command, groups two, plain lines none."""
    assert [name for name, _, _ in obeyed(logged(lambda log: log.notice(text)))] == ["notice"]
    assert obeyed(logged(lambda log: log.info(text))) == []

    def grouped(log: StepLog) -> None:
        with log.group(text):
            log.info(text)

    assert [name for name, _, _ in obeyed(logged(grouped))] == ["group", "endgroup"]


@given(texts)
def test_foreign_output_is_printed_between_a_mark_it_cannot_guess(text: str) -> None:
    """Commands are stopped before it and start again after it."""
    lines = logged(lambda log: log.foreign(text)).split("\n")

    token = lines[0].removeprefix("::stop-commands::")
    assert re.fullmatch("[0-9a-f]{32}", token)
    assert lines.index(f"::{token}::") == len(lines) - 2


def test_a_group_ends_also_after_an_error() -> None:
    """An open group would swallow the rest of the log."""

    def failing(log: StepLog) -> None:
        with pytest.raises(ValueError, match="x"), log.group("title"):
            raise ValueError("x")

    assert logged(failing) == "::group::title\n::endgroup::\n"


def test_every_line_of_a_secret_is_masked() -> None:
    """The runner masks line by line; an empty line would mask everything."""
    assert logged(lambda log: log.mask(["one\n\ntwo%"])) == "::add-mask::one\n::add-mask::two%25\n"


def read(path: Path) -> dict[str, str]:
    """Read outputs as the runner does."""
    entries, lines = {}, iter(path.read_text().split("\n"))
    for line in lines:
        if not line:
            continue
        name, delimiter = line.split("<<")
        entries[name] = "\n".join(iter(lambda: next(lines), delimiter))
    return entries


@given(value=texts.filter(lambda text: "\r" not in text))
def test_an_output_cannot_set_another(value: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Values with line breaks and with delimiters of their own stay values."""
    path = tmp_path_factory.mktemp("outputs") / "file"
    attack = f"{value}\nghadelimiter_x\nverdict<<E\npass\nE"

    write_outputs({"GITHUB_OUTPUT": str(path)}, {"report": attack, "verdict": "fail", "nothing": None, "count": 3})

    expected = attack.encode(errors="replace").decode()
    assert read(path) == {"report": expected, "verdict": "fail", "nothing": "", "count": "3"}


def test_outside_of_actions_nothing_is_written() -> None:
    """No file is named: nothing happens."""
    write_outputs({}, {"a": "b"})
    assert append_summary({}, lambda limit: "x" * limit) == 0


def test_the_summary_never_exceeds_its_limit(tmp_path: Path) -> None:
    """What is left is what may be rendered; a renderer that overdoes it is cut at a character."""
    path = tmp_path / "summary.md"
    path.write_bytes(b"x" * (SUMMARY_BYTES - 1000))
    asked = []

    def render(limit: int) -> str:
        asked.append(limit)
        return "é" * 5000

    written = append_summary({"GITHUB_STEP_SUMMARY": str(path)}, render)

    assert asked == [999]
    assert written <= 1000
    assert path.stat().st_size <= SUMMARY_BYTES < 1024 * 1024
    assert path.read_text().endswith("…\n")
    assert append_summary({"GITHUB_STEP_SUMMARY": str(path)}, render) <= 1
