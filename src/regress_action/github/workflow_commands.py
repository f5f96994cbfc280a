"""What the runner reads on standard output; it needs no permission, so it works for forks as well."""

from __future__ import annotations

import secrets as randomness
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TextIO

from regress_action.model import escaping

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from regress_action.github.annotations import Annotation

MESSAGE_LINES = 20
SHOWN_PER_LEVEL = 10
COMMANDS: dict[str, Literal["error", "warning", "notice"]] = {
    "failure": "error",
    "warning": "warning",
    "notice": "notice",
}


@dataclass(frozen=True, slots=True)
class Log:
    """The log of the step. Everything that is not a command of ours is printed so that it cannot become one."""

    out: TextIO

    def say(self, sentence: str) -> None:
        """Print a line of our own, whatever it quotes."""
        self._write(escaping.plain(sentence))

    def notice(self, message: str, **properties: str | int) -> None:
        """Annotate the run with a notice; properties are `title`, `file` and `line`."""
        self._command("notice", message, properties)

    def warning(self, message: str, **properties: str | int) -> None:
        """Annotate the run with a warning."""
        self._command("warning", message, properties)

    def error(self, message: str, **properties: str | int) -> None:
        """Annotate the run with an error."""
        self._command("error", message, properties)

    def mask(self, secrets: Iterable[str]) -> None:
        """Keep secrets out of the log; each line of them, as the runner masks lines."""
        for line in (line for secret in secrets for line in secret.splitlines()):
            if line.strip():
                self._write(f"::add-mask::{line.replace('%', '%25')}")

    @contextmanager
    def group(self, title: str) -> Iterator[None]:
        """Fold what is printed meanwhile."""
        self._write(f"::group::{escaping.workflow_data(title)}")
        try:
            yield
        finally:
            self._write("::endgroup::")

    def foreign(self, text: str) -> None:
        """Print text of others; none of it is obeyed."""
        token = randomness.token_hex(16)
        self._write(f"::stop-commands::{token}")
        self._write(text)
        self._write(f"::{token}::")

    def annotate(self, annotations: Iterable[Annotation]) -> None:
        """Print annotations, the first ten of each level: GitHub shows no more of a step."""
        shown: dict[str, int] = {}
        for each in annotations:
            command = COMMANDS[each.level]
            shown[command] = shown.get(command, 0) + 1
            if shown[command] > SHOWN_PER_LEVEL:
                continue
            properties: dict[str, str | int] = {"title": each.title}
            if each.location is not None:
                properties |= {"file": each.location.path, "line": max(1, each.location.line)}
            self._command(command, each.message, properties)

    def _command(self, name: str, message: str, properties: dict[str, str | int]) -> None:
        given = ",".join(f"{key}={escaping.workflow_property(str(value))}" for key, value in properties.items())
        data = escaping.workflow_data("\n".join(message.splitlines()[:MESSAGE_LINES]))
        self._write(f"::{name} {given}::{data}" if given else f"::{name}::{data}")

    def _write(self, line: str) -> None:
        self.out.write(line + "\n")
        self.out.flush()
