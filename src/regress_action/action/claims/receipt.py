"""A receipt: everything that a claim's verdict rests on, in one JSON file that fails when one byte of it is changed.

The file is canonical: the same content has one form only, so a check compares its bytes. `digest` is the SHA-256 of the
content without it. A digest is no signature: it shows damage and careless changes, while somebody who writes other runs
can write another digest. Measuring again (`--replay`) is what shows that.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from regress_action.model.claims import Claim, ClaimEvidence, ClaimPair, ClaimVerdict
from regress_action.model.errors import InputError
from regress_action.model.measurements import Direction, Metric

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA = 1
LARGEST = 32 * 1024 * 1024
_MOST_PAIRS = 10_000


@dataclass(frozen=True, slots=True)
class ClaimReceipt:
    """A claim, how it was measured, and what came out.

    `how` has the command, setup, results, carried paths and benchmark pattern, `machine` the fields of the environment.
    """

    claim: Claim
    base: str
    head: str
    how: Mapping[str, Any]
    machine: Mapping[str, Any]
    measured: str
    version: str
    evidence: tuple[ClaimEvidence, ...]
    verdict: ClaimVerdict

    @property
    def digest(self) -> str:
        """The digest over everything else that the file holds."""
        return _digest(self._content())

    def encode(self) -> bytes:
        """Return the file's content."""
        content = self._content()
        return _canonical({**content, "digest": _digest(content)})

    def _content(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "claim": asdict(self.claim),
            "base": self.base,
            "head": self.head,
            "how": dict(self.how),
            "machine": dict(self.machine),
            "measured": self.measured,
            "version": self.version,
            "evidence": [_evidence_object(entry) for entry in self.evidence],
            "verdict": self.verdict.value,
        }


def decode(data: bytes) -> ClaimReceipt:
    """Return the receipt in a file.

    Raises:
        InputError: it is no receipt, or a byte of it was changed.
    """
    try:
        content = json.loads(data.decode())
        digest = content.pop("digest")
        genuine = digest == _digest(content) and _canonical({**content, "digest": digest}) == data
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError) as error:
        raise _refused("it is no receipt of a claim, or it was damaged") from error
    if not genuine:
        raise _refused("its digest does not fit its content: it was changed after it was written")
    if content.get("schema") != SCHEMA:
        raise _refused(f"this version reads schema {SCHEMA}, and it has another one")
    try:
        return _receipt(content)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _refused("a field is missing or of another type") from error


def _receipt(content: dict[str, Any]) -> ClaimReceipt:
    claim = content["claim"]
    return ClaimReceipt(
        Claim(str(claim["text"]), str(claim["metric"]), _number(claim["bound"]), claim["at_most"] is True),
        base=str(content["base"]),
        head=str(content["head"]),
        how=_how(content["how"]),
        machine=dict(content["machine"]),
        measured=str(content["measured"]),
        version=str(content["version"]),
        evidence=tuple(_evidence(entry) for entry in content["evidence"]),
        verdict=ClaimVerdict(content["verdict"]),
    )


def _how(content: dict[str, Any]) -> dict[str, Any]:
    """Return how it was measured, where every field is of its type: a replay runs it."""
    texts, lists = ("setup", "results", "benchmark"), ("command", "carry")
    right = all(isinstance(content[name], str) for name in texts) and all(
        isinstance(content[name], list) and all(isinstance(word, str) for word in content[name]) for name in lists
    )
    if not right or not content["command"] or type(content["pairs"]) is not int:
        raise ValueError("another type")
    return dict(content)


def _evidence_object(entry: ClaimEvidence) -> dict[str, Any]:
    content = asdict(entry)
    content["metric"]["direction"] = entry.metric.direction.value
    content["verdict"] = entry.verdict.value
    return content


def _evidence(content: dict[str, Any]) -> ClaimEvidence:
    metric, pairs = content["metric"], content["pairs"]
    if len(pairs) > _MOST_PAIRS:
        raise ValueError("too many pairs")
    return ClaimEvidence(
        benchmark=str(content["benchmark"]),
        metric=Metric(
            str(metric["name"]),
            str(metric["unit"]),
            Direction(metric["direction"]),
            metric["exact"] is True,
            metric["signed"] is True,
        ),
        pairs=tuple(ClaimPair(int(pair["pair"]), _number(pair["base"]), _number(pair["head"])) for pair in pairs),
        ratio=_optional(content["ratio"]),
        ratio_low=_optional(content["ratio_low"]),
        ratio_high=_optional(content["ratio_high"]),
        verdict=ClaimVerdict(content["verdict"]),
        runs_needed=content["runs_needed"] if isinstance(content["runs_needed"], int) else None,
    )


def _number(value: object) -> float:
    number = float(str(value))
    if not math.isfinite(number):
        raise ValueError("no finite number")
    return number


def _optional(value: object) -> float | None:
    return None if value is None else _number(value)


def _canonical(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True, indent=1, ensure_ascii=True, allow_nan=False).encode() + b"\n"


def _digest(content: Mapping[str, Any]) -> str:
    return "sha256:" + hashlib.sha256(_canonical(content)).hexdigest()


def _refused(why: str) -> InputError:
    return InputError(
        f"The receipt does not hold: {why}.",
        meaning="Nothing that it says counts.",
        remedy="Take the file as it was written, or measure the claim again.",
    )
