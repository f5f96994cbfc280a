"""A claim in a person's words, read as a bound on a ratio."""

from __future__ import annotations

import re

from regress_action.model import escaping
from regress_action.model.claims import Claim
from regress_action.model.errors import UsageError

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
    if claim is None:
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
