"""Claims about two commits: how they are read, measured, and written down so that others can check them.

* A claim in a person's words, read as a bound on a ratio.
* From a claim to its receipt, and from a receipt back to its verdict.
* A receipt: everything that a claim's verdict rests on, in one JSON file that fails when one byte of it is changed.

The file is canonical: the same content has one form only, so a check compares its bytes. `digest` is the SHA-256 of the
content without it. A digest is no signature: it shows damage and careless changes, while somebody who writes other runs
can write another digest. Measuring again (`--replay`) is what shows that.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from regress_action.action.measure import measure_pairs
from regress_action.analysis.bisection.observations import main_keys
from regress_action.measure.schedule import DEFAULT_PAIRS
from regress_action.model import escaping
from regress_action.model.changes import Claim, ClaimEvidence, ClaimPair, ClaimVerdict, verdict_over
from regress_action.model.comparisons import Mode
from regress_action.model.errors import IncompleteError, InputError, UsageError
from regress_action.model.measurements import Benchmark, Direction, Metric, Report, Run, Series

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from regress_action.action.measure import MeasurementSpec
    from regress_action.model.comparisons import Comparison
    from regress_action.settings import Settings


_NUMBER = r"(?P<number>\d+(?:\.\d+)?)"
_FACTOR_WORDS = {"twice": "2x", "double": "2x", "half": "0.5x", "triple": "3x"}
_SPEED = re.compile(rf"(?:{_NUMBER}\s*(?P<unit>x|times|%)\s*)?(?P<word>faster|slower|as fast|quicker)")
_AMOUNT = re.compile(
    rf"(?:{_NUMBER}\s*(?P<unit>x|times|%)\s*)?(?P<word>less|fewer|lower|smaller|more|higher|larger|the|as much)"
    r"\s+(?P<metric>[a-z_][\w .-]*?)"
)
_PLAIN = re.compile(rf"{_NUMBER}\s*(?P<unit>x)\s+(?:the\s+)?(?P<metric>[a-z_][\w .-]*?)")
_LIMIT = re.compile(r"(?:at most|no more than|not more than|up to|within)\s+(?P<rest>.*)")
_NO_WORSE = re.compile(rf"(?:no|not)\s+(?P<word>\w+)\s+(?P<metric>[a-z_][\w .-]*?)??\s*than\s+{_NUMBER}\s*%")
_NOT_THAN = re.compile(rf"(?:no|not)\s+(?P<word>faster|slower)\s+(?:than|by more than)\s+{_NUMBER}\s*%")
_METRICS = {
    "memory": "peak_memory",
    "ram": "peak_memory",
    "peak memory": "peak_memory",
    "cpu": "cpu_time",
    "cpu time": "cpu_time",
    "speed": "time",
    "latency": "latency",
    "time": "time",
}
_LESS = frozenset({"less", "fewer", "lower", "smaller"})
_EXAMPLES = '"1.3x faster", "30 % less memory", "no slower than 2 %", "at most 5 % more memory", "20 % more throughput"'


def parse_claim(text: str) -> Claim:
    """Return the claim that a text makes.

    "30 % faster" is read as a speed of 1.3 times the old one, so a time of at most 1 / 1.3. "no slower than 2 %" and
    "at most 2 % slower" are bounds from the other side.

    Raises:
        UsageError: it is not understood, or says nothing.
    """
    words = " ".join(text.lower().replace("×", "x").replace("percent", "%").replace("per cent", "%").split())
    words = re.sub(r"(?<=\d)\s+(?=[x%]|times\b)", "", words.removeprefix("it is ").removeprefix("uses ").rstrip("."))
    for word, factor in _FACTOR_WORDS.items():
        words = re.sub(rf"^{word}\b", factor, words)
    claim = _negated(text, words) or _limited(text, words) or _stated(text, words)
    if claim is None or not 0 < claim.bound < math.inf:
        raise UsageError(
            f"The claim {escaping.plain(text)!r} is not understood.",
            meaning="A claim names a number and what it is of.",
            remedy=f"Write it like {_EXAMPLES}.",
        )
    return claim


def misread(text: str) -> str | None:
    """Return in one line why a claim is not understood; None where it is."""
    try:
        parse_claim(text)
    except UsageError as error:
        return f"{error.what} {error.remedy}"
    return None


def _negated(text: str, words: str) -> Claim | None:
    """Return the claim of "no slower than 2 %" or "no more memory than 5 %"."""
    if match := _NOT_THAN.fullmatch(words):
        return _opposite(text, f"{match['number']}% {match['word']}")
    if match := _NO_WORSE.fullmatch(words):
        return _opposite(text, f"{match['number']}% {match['word']} {match['metric'] or ''}".strip())
    return None


def _limited(text: str, words: str) -> Claim | None:
    """Return the claim of "at most 5 % slower"."""
    match = _LIMIT.fullmatch(words)
    return _opposite(text, match["rest"]) if match else None


def _opposite(text: str, words: str) -> Claim | None:
    """Return the claim with its bound from the other side, which is what "at most 5 % more" is to "5 % more"."""
    claim = _stated(text, words)
    return claim and Claim(text, claim.metric, claim.bound, at_most=not claim.at_most)


def _stated(text: str, words: str) -> Claim | None:
    """Return the claim of "1.3x faster" or "30 % less memory"."""
    if match := _SPEED.fullmatch(words):
        return _speed(text, match)
    if (match := _AMOUNT.fullmatch(words) or _PLAIN.fullmatch(words)) and match["number"]:
        return _amount(text, match)
    return None


def _speed(text: str, match: re.Match[str]) -> Claim | None:
    if not match["number"]:
        return None
    number, slower = float(match["number"]), match["word"] == "slower"
    factor = 1 + number / 100 if match["unit"] == "%" else number
    if factor <= (0 if match["word"] == "as fast" else 1):
        return None
    return Claim(text, "time", factor if slower else 1 / factor, at_most=not slower)


def _amount(text: str, match: re.Match[str]) -> Claim | None:
    number, groups = float(match["number"]), match.groupdict()
    word, percent = groups.get("word") or "the", match["unit"] == "%"
    metric = _METRICS.get(match["metric"].strip(), match["metric"].strip().replace(" ", "_"))
    if word in _LESS:
        bound = 1 - number / 100 if percent else 1 / max(number, 1e-9)
        return Claim(text, metric, bound, at_most=True) if 0 < bound < 1 else None
    if word in ("the", "as much"):
        return None if percent or number <= 0 else Claim(text, metric, number, at_most=number < 1)
    bound = 1 + number / 100 if percent else number
    return Claim(text, metric, bound, at_most=False) if bound > 1 else None


SCHEMA = 1
LARGEST_RECEIPT = 32 * 1024 * 1024
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


def decode_receipt(data: bytes) -> ClaimReceipt:
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


_CLOSE = 1e-9


def verify(claim: Claim, settings: Settings, spec: MeasurementSpec, pattern: str, *, version: str) -> ClaimReceipt:
    """Measure `settings.base` against `spec.head` in pairs and return the receipt.

    Raises:
        UsageError: a reference does not exist, or nothing that was measured is what the claim is about.
        IncompleteError: a side gave no result.
        InfrastructureError: git, the disk or the machine failed.
    """
    measured = measure_pairs(settings, replace(spec, adaptive=False))
    base, head = measured.base, measured.head
    if base is None:
        raise IncompleteError("The base gave no result.", remedy="Name a commit at which the suite runs.")
    evidence = evidence_of(claim, _pairs_of(claim, base, head, pattern))
    return ClaimReceipt(
        claim,
        base=base.commit or "",
        head=head.commit or "",
        how={
            "command": list(spec.command),
            "setup": settings.setup,
            "results": settings.results,
            "carry": list(settings.carry),
            "benchmark": pattern,
            "pairs": settings.runs or DEFAULT_PAIRS,
        },
        machine=asdict(head.environment),
        measured=head.created or "",
        version=version,
        evidence=evidence,
        verdict=verdict_over(evidence),
    )


def evidence_of(claim: Claim, measured: Sequence[ClaimEvidence]) -> tuple[ClaimEvidence, ...]:
    """Return the evidence with ratios, intervals and verdicts of its pairs, by the rules of every judgement."""
    from regress_action import analysis

    base, head = (_report(measured, side) for side in ("base", "head"))
    judgement = analysis.compare([base], [head], mode=Mode.PAIRED)
    rows = {(row.benchmark.name, row.metric.name): row for row in judgement.comparisons}
    return tuple(_with_verdict(claim, entry, rows[entry.benchmark, entry.metric.name]) for entry in measured)


def check_receipt(receipt: ClaimReceipt) -> None:
    """Check that the verdict and every number of a receipt follow from its runs.

    Raises:
        InputError: one does not.
    """
    again = evidence_of(receipt.claim, receipt.evidence) if receipt.evidence else ()
    same = all(
        _is_close(getattr(then, name), getattr(now, name))
        for then, now in zip(receipt.evidence, again, strict=True)
        for name in ("ratio", "ratio_low", "ratio_high")
    )
    verdicts = [entry.verdict for entry in again] == [entry.verdict for entry in receipt.evidence]
    if not (again and same and verdicts and verdict_over(again) is receipt.verdict):
        raise InputError(
            "The receipt does not hold: its verdict does not follow from its runs.",
            meaning="The numbers were changed, or another version computes them differently.",
            remedy="Measure again: verify-claim --receipt FILE --replay",
        )


def _is_close(then: float | None, now: float | None) -> bool:
    if then is None or now is None:
        return then is now
    return math.isclose(then, now, rel_tol=_CLOSE)


def _pairs_of(claim: Claim, base: Report, head: Report, pattern: str) -> list[ClaimEvidence]:
    """Return the pairs of every benchmark that matches, without numbers yet."""
    both = {series.key for series in base.series}
    keys = main_keys([series for series in head.series if series.key in both], pattern, claim.metric)
    measured = [entry for key in keys if (entry := _entry(key, base, head)).pairs]
    if not measured:
        raise _nothing(claim, head, pattern)
    return measured


def _entry(key: tuple[str, str], base: Report, head: Report) -> ClaimEvidence:
    before, after = (next(series for series in report.series if series.key == key) for report in (base, head))
    values = [
        {
            run.pair: value
            for run, value in zip(report.runs, series.values, strict=True)
            if run.pair is not None and math.isfinite(value)
        }
        for report, series in ((base, before), (head, after))
    ]
    shared = sorted(values[0].keys() & values[1].keys())
    pairs = tuple(ClaimPair(pair, values[0][pair], values[1][pair]) for pair in shared)
    return ClaimEvidence(
        key[0], after.metric, pairs, None, None, None, Claim("", "", 1, at_most=True).verdict(None, None)
    )


def _nothing(claim: Claim, head: Report, pattern: str) -> UsageError:
    names = sorted({f"{series.benchmark.name} ({series.metric.name})" for series in head.series})
    return UsageError(
        f"Nothing that was measured on both sides is {escaping.plain(claim.metric)} of {escaping.plain(pattern)}.",
        meaning=f"The claim {escaping.plain(claim.text)!r} is about that metric.",
        remedy="Measured were: " + (", ".join(map(escaping.plain, names[:6])) or "no values"),
    )


def _report(measured: Sequence[ClaimEvidence], side: str) -> Report:
    """Return one side as a report in which each pair is a run of one session."""
    pairs = sorted({pair.pair for entry in measured for pair in entry.pairs})
    series = []
    for entry in measured:
        values = {pair.pair: pair.base if side == "base" else pair.head for pair in entry.pairs}
        row = tuple(values.get(pair, math.nan) for pair in pairs)
        series.append(Series(Benchmark(entry.benchmark), entry.metric, row, (1,) * len(row), (math.nan,) * len(row)))
    return Report(tuple(series), tuple(Run(session="claim", pair=pair) for pair in pairs))


def _with_verdict(claim: Claim, entry: ClaimEvidence, row: Comparison) -> ClaimEvidence:
    ratio, low, high = row.ratio, row.ratio_low, row.ratio_high
    if entry.metric.direction is Direction.HIGHER:
        ratio, low, high = (1 / value if value else None for value in (ratio, high, low))
    finite = [value if value is not None and math.isfinite(value) else None for value in (ratio, low, high)]
    verdict = claim.verdict(finite[1], finite[2])
    return replace(
        entry, ratio=finite[0], ratio_low=finite[1], ratio_high=finite[2], verdict=verdict, runs_needed=row.runs_needed
    )
