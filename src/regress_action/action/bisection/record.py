"""What a bisection keeps on disk: a JSON Lines file that grows by a line for each measurement, so that it can resume.

The first line says what is searched; its digest names the file, so another question never reads these answers. Each
line after it is a measurement of a commit or the reason why it was skipped.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from regress_action.model import escaping
from regress_action.model.errors import InputError
from regress_action.model.files import read_optional, write_replace

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SCHEMA = 1
_LARGEST = 32 * 1024 * 1024
_DIGITS = 16


@dataclass(frozen=True, slots=True)
class MeasuredPairs:
    """The pairs of one commit, measured in one go: log ratios to the good commit, and how long all of it took.

    `benchmark` and `metric` are what the ratios are of, `run_s` the mean time of a run and `overhead_s` the time
    besides runs, most of which is the build.
    """

    commit: str
    benchmark: str
    metric: str
    ratios: tuple[float, ...]
    exact: bool = False
    run_s: float = 0.0
    overhead_s: float = 0.0


@dataclass(frozen=True, slots=True)
class SkippedCommit:
    """A commit that could not be measured, and why."""

    commit: str
    reason: str


Entry = MeasuredPairs | SkippedCommit


@dataclass(slots=True)
class BisectionRecord:
    """The file of one bisection and its entries, oldest first."""

    path: Path
    question: Mapping[str, Any]
    entries: list[Entry] = field(default_factory=list)

    @classmethod
    def open(cls, folder: Path, question: Mapping[str, Any]) -> BisectionRecord:
        """Return the record of this question below `folder`, with the entries of an earlier, unfinished bisection.

        Raises:
            InputError: the file cannot be read.
        """
        digest = hashlib.sha256(_line({"schema": SCHEMA, **question})).hexdigest()[:_DIGITS]
        record = cls(folder / f"{digest}.jsonl", question)
        content = read_optional(record.path, _LARGEST) or b""
        record.entries = [entry for line in content.splitlines()[1:] if (entry := _entry(line))]
        return record

    def add(self, entry: Entry) -> None:
        """Add an entry and write the file anew beside the old one, which it then replaces.

        Raises:
            InfrastructureError: the disk is full or cannot be written.
        """
        self.entries.append(entry)
        lines = [_line({"schema": SCHEMA, **self.question}), *(_line(_fields(entry)) for entry in self.entries)]
        write_replace(self.path, b"".join(lines))

    def forget(self) -> None:
        """Leave out what was measured before."""
        self.entries.clear()


def _line(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True, ensure_ascii=True).encode() + b"\n"


def _fields(entry: Entry) -> dict[str, Any]:
    if isinstance(entry, SkippedCommit):
        return {"commit": entry.commit, "skipped": entry.reason}
    return {
        "commit": entry.commit,
        "benchmark": entry.benchmark,
        "metric": entry.metric,
        "ratios": list(entry.ratios),
        "exact": entry.exact,
        "run_s": round(entry.run_s, 6),
        "overhead_s": round(entry.overhead_s, 6),
    }


def _entry(line: bytes) -> Entry | None:
    """Return the entry of a line, None for one that was damaged: it is measured again."""
    try:
        content = json.loads(line)
        commit = str(content["commit"])
        if "skipped" in content:
            return SkippedCommit(commit, escaping.plain(content["skipped"]))
        ratios = tuple(float(ratio) for ratio in content["ratios"])
        if not ratios or not all(map(math.isfinite, ratios)):
            return None
        return MeasuredPairs(
            commit,
            str(content["benchmark"]),
            str(content["metric"]),
            ratios,
            content.get("exact") is True,
            float(content.get("run_s", 0.0)),
            float(content.get("overhead_s", 0.0)),
        )
    except (ValueError, KeyError, TypeError, InputError):
        return None
