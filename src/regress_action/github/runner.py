"""What the runner reads: workflow commands on standard output, the outputs of the step, and the job summary.

None of it needs a permission, so it works for forks as well.
"""

from __future__ import annotations

import secrets as randomness
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TextIO

from regress_action.model import escaping

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from regress_action.github.locations import Annotation

MESSAGE_LINES = 20
SHOWN_PER_LEVEL = 10
SUMMARY_BYTES = 1024 * 1024 - 4096
COMMANDS: dict[str, Literal["error", "warning", "notice"]] = {
    "failure": "error",
    "warning": "warning",
    "notice": "notice",
}


@dataclass(frozen=True, slots=True)
class StepLog:
    """The log of the step. Everything that is not a command of ours is printed so that it cannot become one."""

    out: TextIO

    def info(self, sentence: str) -> None:
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
        """Print text of others; the runner obeys nothing in it."""
        token = randomness.token_hex(16)
        self._write(f"::stop-commands::{token}")
        self._write(text)
        self._write(f"::{token}::")

    def annotate(self, annotations: Iterable[Annotation]) -> None:
        """Print annotations, the first ten of each level: GitHub shows no more of a step."""
        shown: dict[str, int] = {}
        for annotation in annotations:
            command = COMMANDS[annotation.level]
            shown[command] = shown.get(command, 0) + 1
            if shown[command] > SHOWN_PER_LEVEL:
                continue
            properties: dict[str, str | int] = {"title": annotation.title}
            if annotation.location is not None:
                properties |= {"file": annotation.location.path, "line": max(1, annotation.location.line)}
            self._command(command, annotation.message, properties)

    def _command(self, name: str, message: str, properties: dict[str, str | int]) -> None:
        given = ",".join(f"{key}={escaping.workflow_property(str(value))}" for key, value in properties.items())
        data = escaping.workflow_data("\n".join(message.splitlines()[:MESSAGE_LINES]))
        self._write(f"::{name} {given}::{data}" if given else f"::{name}::{data}")

    def _write(self, line: str) -> None:
        self.out.write(line + "\n")
        self.out.flush()


def write_outputs(environ: Mapping[str, str], values: Mapping[str, str | int | None]) -> None:
    """Append to the file `GITHUB_OUTPUT` names; nothing outside of Actions. None is the empty string.

    Each value stands between delimiters that nobody can guess, so no value can end early and set another output.
    """
    path = environ.get("GITHUB_OUTPUT")
    if not path:
        return
    with Path(path).open("a", encoding="utf-8", newline="\n") as file:
        for name, value in values.items():
            text = "" if value is None else str(value).encode(errors="replace").decode()
            delimiter = f"ghadelimiter_{randomness.token_hex(16)}"
            file.write(f"{name}<<{delimiter}\n{text}\n{delimiter}\n")


def append_summary(environ: Mapping[str, str], render: Callable[[int], str]) -> int:
    """Append to the file `GITHUB_STEP_SUMMARY` names, within what is left of its limit; return the bytes written.

    GitHub drops a summary above 1 MiB as a whole, so `render` is called with the number of bytes that are left.
    """
    path = environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return 0
    file = Path(path)
    used = file.stat().st_size if file.exists() else 0
    left = SUMMARY_BYTES - used - 1
    if left <= 0:
        return 0
    text = escaping.cut_bytes(render(left), left).encode(errors="replace") + b"\n"
    with file.open("ab") as target:
        return target.write(text)
