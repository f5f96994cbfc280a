"""The commits of a branch as the audit trail they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from regress_action.history.store import Step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regress_action.history.git import Git

_COMMIT: Final = "\x1e"
_FIELD: Final = "\x1f"


def steps_of(git: Git, tip: str | None) -> Iterator[Step]:
    """Yield what each commit up to `tip` did, oldest first; merges are compared with each of their parents."""
    if tip is None:
        return
    form = f"{_COMMIT}%H{_FIELD}%an <%ae>{_FIELD}%cI{_FIELD}%B{_FIELD}"
    printed = git.run(
        *("log", "--reverse", "--topo-order", "--root", "-m", "--raw", "--no-abbrev", "--no-renames", "-r", "-z"),
        f"--format={form}",
        tip,
    )
    for entry in printed.decode("utf-8", "surrogateescape").split(_COMMIT)[1:]:
        identity, who, when, why, raw = entry.split(_FIELD, 4)
        added: dict[str, str] = {}
        changed: dict[str, str] = {}
        removed: dict[str, str] = {}
        fields = iter(raw.strip("\0\n").split("\0"))
        for facts in fields:
            if facts.startswith(":"):
                _, _, old, new, status = facts.split(" ")
                path = next(fields)
                match status[0]:
                    case "A":
                        added[path] = new
                    case "D":
                        removed[path] = old
                    case _:
                        changed[path] = new
        yield Step(identity, who, when, why.strip(), added, changed, removed)
