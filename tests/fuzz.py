"""Change sample files in their structure and read them: a report or an `InputError` must come out, nothing else.

    python tests/fuzz.py --seconds 60 [--seed 1] [--samples DIR]

It prints how many inputs were read and refused, and ends with status 1 at the first other result, whose input it keeps.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import signal
import sys
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regress_action.formats import importers
from regress_action.formats.document import document_of
from regress_action.formats.registry import READERS, read_document
from regress_action.model import records
from regress_action.model.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from regress_action.model.measurements import Report

DATA = Path(__file__).parent / "data" / "formats"
LARGEST_SAMPLE = 12_000
_LONGEST_S = 60  # for one input, on a machine of many programs
_FORCED = 0.1
_ENCODED = 0.05
_ODD_VALUES: list[Any] = [
    None, True, False, 0, -1, 0.5, -0.0, 1e300, -1e300, 1e308, 5e-324, math.nan, math.inf, -math.inf,
    10**20, 10**309, -(10**309), "", "NaN", "1,234.5", "1e999", "0x10", ",", ".", "-", "\x1b[31m", "\ud800", "é" * 3,
    "x" * 600, "a\nb", "#2", [], [[]], {}, [None], {"": None}, {"value": None}, {"unit": []},
    [1, "2", None, -3, math.nan],
]  # fmt: skip
_ODD_WORDS = [
    "NaN", "+Inf", "-Inf", "-nan", "nan", ",", ".", "..", "1,234.5", "1,2,3", "1e400", "-1", "0", "9" * 400, "%", "/s",
    "ns/op", "ops/sec", "\t", " ", "", "\x00", "\x1b[0m", "\u202e", "#", ":", "FAILED", "Unit x better=higher", "ok",
    "Benchmark", "test ", "bench:", "±", "│", "├─", "Infinity", "null", "N/A", "<not supported>",
]  # fmt: skip


@dataclass
class Outcome:
    """What became of the inputs so far."""

    inputs: int = 0
    results: Counter[str] = field(default_factory=Counter)
    slowest_s: float = 0.0
    slowest: str = ""


class Fuzzer:
    """A stream of changed samples, the same for the same `seed` and samples."""

    def __init__(self, seed: int, samples: Sequence[Path]) -> None:
        self._random = random.Random(seed)  # noqa: S311 - no secret
        contents = [(path, path.read_bytes()) for path in samples]
        readable = [
            (path, data)
            for path, data in contents
            if path.parent.name == "importers" or result_of(path.name, data, None) == "read"
        ]
        self._parsed = [(path, data, _parsed(data)) for path, data in readable]
        self._keys = sorted({key for _, _, value in self._parsed for key in _keys(value)})

    def inputs(self) -> Iterator[tuple[str, bytes, str | None]]:
        """Yield the name of a sample, a change of it, and the reader to force on it or None."""
        while True:
            path, data, value = self._random.choice(self._parsed)
            changed = self._changed_json(value) if value is not None else self._changed_text(data)
            if self._random.random() < 0.1:
                changed = self._changed_bytes(changed)
            hint = self._random.choice(READERS) if self._random.random() < _FORCED else None
            yield f"{path.parent.name}/{path.name}", changed, hint

    def run(self, seconds: float, most: int | None = None) -> Outcome:
        """Read inputs for so long, or so many.

        Raises:
            UnexpectedResultError: Something else than a report or an `InputError` came out, or nothing for a minute.
        """
        before = signal.signal(signal.SIGALRM, _end_reading)
        try:
            return self._run(seconds, most)
        finally:
            signal.alarm(0)
            signal.signal(signal.SIGALRM, before)

    def _run(self, seconds: float, most: int | None) -> Outcome:
        outcome = Outcome()
        end = time.monotonic() + seconds
        for name, data, hint in self.inputs():
            if time.monotonic() > end or outcome.inputs == most:
                return outcome
            start = time.monotonic()
            signal.alarm(_LONGEST_S)
            outcome.results[result_of(name, data, hint, encode=self._random.random() < _ENCODED)] += 1
            if name.startswith("importers/"):
                outcome.results[import_result_of(data)] += 1
            outcome.inputs += 1
            if time.monotonic() - start > outcome.slowest_s:
                outcome.slowest_s, outcome.slowest = time.monotonic() - start, name
        raise AssertionError("the stream of inputs has no end")

    def _changed_json(self, value: Any) -> bytes:
        for _ in range(self._random.choice((1, 1, 2, 3, 6))):
            value = self._changed_value(value)
        try:
            return json.dumps(value, ensure_ascii=self._random.random() < 0.5).encode("utf-8", "surrogatepass")
        except RecursionError:
            return b"[]"

    def _changed_value(self, value: Any) -> Any:
        """Return `value` with one change somewhere inside; what is not changed is shared."""
        if not isinstance(value, dict | list) or not value or self._random.random() < 0.15:
            return self._replaced(value)
        if isinstance(value, dict):
            return self._changed_object(value)
        items = list(value)
        at = self._random.randrange(len(items))
        match self._random.randrange(8):
            case 0:
                del items[at]
            case 1:
                items.insert(at, items[self._random.randrange(len(items))])
            case 2:
                self._random.shuffle(items)
            case _:
                items[at] = self._changed_value(items[at])
        return items

    def _changed_object(self, value: dict[str, Any]) -> dict[str, Any]:
        items = dict(value)
        key = self._random.choice(list(items))
        match self._random.randrange(10):
            case 0:
                del items[key]
            case 1:
                items[self._random.choice(self._keys)] = items.pop(key)
            case 2:
                items[self._random.choice(self._keys)] = self._random.choice(_ODD_VALUES)
            case _:
                items[key] = self._changed_value(items[key])
        return items

    def _replaced(self, value: Any) -> Any:
        match self._random.randrange(5):
            case 0:
                return [value]
            case 1:
                return {self._random.choice(self._keys): value}
            case 2 if isinstance(value, float) or (isinstance(value, int) and abs(value) < 10**300):
                return value * self._random.choice((-1, 0, 1e10, 1e-10, 1e200))
            case 3 if isinstance(value, str):
                return value + self._random.choice(_ODD_WORDS)
            case _:
                return self._random.choice(_ODD_VALUES)

    def _changed_text(self, data: bytes) -> bytes:
        lines = data.decode("utf-8", "replace").split("\n")
        for _ in range(self._random.choice((1, 2, 3, 8))):
            at = self._random.randrange(len(lines))
            match self._random.randrange(7):
                case 0 if len(lines) > 1:
                    del lines[at]
                case 1:
                    lines.insert(at, self._random.choice(lines))
                case 2:
                    lines.insert(at, self._random.choice(_ODD_WORDS))
                case 3:
                    lines[at] = lines[at][: self._random.randrange(len(lines[at]) + 1)]
                case _:
                    lines[at] = self._changed_words(lines[at])
        return "\n".join(lines).encode("utf-8", "surrogatepass")

    def _changed_words(self, line: str) -> str:
        words = line.split(" ")
        at = self._random.randrange(len(words))
        if self._random.random() < 0.5:
            words[at] = self._random.choice(_ODD_WORDS)
        else:
            words.insert(at, self._random.choice(words))
        return " ".join(words)

    def _changed_bytes(self, data: bytes) -> bytes:
        at = self._random.randrange(len(data) + 1)
        match self._random.randrange(4):
            case 0:
                return data[:at]
            case 1:
                return data[:at] + bytes([self._random.randrange(256)]) + data[at + 1 :]
            case 2:
                return data[:at] + data[: self._random.randrange(len(data) + 1)]
            case _:
                return self._random.choice((b"\xef\xbb\xbf", b"\xff\xfe", b"\x1f\x8b", b"")) + data


class UnexpectedResultError(Exception):
    """Reading gave something else than a sound report or an `InputError`."""


def _end_reading(_number: int, _frame: object) -> None:
    raise TimeoutError(f"nothing after {_LONGEST_S} s")


def result_of(name: str, data: bytes, hint: str | None, *, encode: bool = True) -> str:
    """Return `read` or `refused`.

    Raises:
        UnexpectedResultError: Anything else came out.
    """
    try:
        reports = read_document(document_of(Path(name), data), hint)
    except InputError as error:
        if not error.remedy or not error.what.isprintable():
            raise UnexpectedResultError(f"an error without a remedy or that cannot be printed: {error!r}") from error
        return "refused"
    except Exception as error:
        raise UnexpectedResultError(f"{type(error).__name__}: {error}") from error
    for report in reports:
        _require_sound(report, encode=encode)
    return "read"


def import_result_of(data: bytes) -> str:
    """Return `imported` or `not imported`.

    Raises:
        UnexpectedResultError: Anything else came out.
    """
    text = data.decode("utf-8", "replace")
    try:
        if importers.is_perf(text):
            reports = importers.read_perf(text, "x")
        elif importers.is_data(text):
            reports = importers.read_data_js(text, "x")
        else:
            reports = importers.read_csv(text, "x")
    except InputError:
        return "not imported"
    except Exception as error:
        raise UnexpectedResultError(f"{type(error).__name__}: {error}") from error
    for report in reports:
        _require_sound(report, encode=True)
    return "imported"


def _require_sound(report: Report, *, encode: bool) -> None:
    if any(len(series.values) != len(report.runs) for series in report.series):
        raise UnexpectedResultError("a series does not have one value per run")
    if len({series.key for series in report.series}) != len(report.series):
        raise UnexpectedResultError("two series have one key")
    if encode:
        try:
            again = records.decode(records.encode(report), "x")
        except Exception as error:
            raise UnexpectedResultError(f"the report cannot be written: {error!r}") from error
        if repr(again) != repr(report):
            raise UnexpectedResultError("the report is another one when it was written and read again")


def samples(*folders: Path) -> list[Path]:
    """Return the sample files below `folders` that are small enough to change many of them."""
    files = (path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file())
    return [path for path in files if 0 < path.stat().st_size <= LARGEST_SAMPLE and path.suffix not in {".md", ".py"}]


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return None


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _keys(child)


def main() -> int:
    """Read changed samples for a while and print what became of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--inputs", type=int, default=None, help="stop after so many")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--samples", type=Path, action="append", default=[], help="a further folder of samples")
    arguments = parser.parse_args()
    fuzzer = Fuzzer(arguments.seed, samples(DATA, *arguments.samples))
    try:
        outcome = fuzzer.run(arguments.seconds, arguments.inputs)
    except UnexpectedResultError as error:
        sys.stdout.write(f"seed {arguments.seed}: {error}\n")
        traceback.print_exception(error)
        return 1
    results = ", ".join(f"{count:,} {result}" for result, count in sorted(outcome.results.items()))
    sys.stdout.write(f"seed {arguments.seed}: {outcome.inputs:,} inputs, {results}, no other result\n")
    sys.stdout.write(f"slowest: {outcome.slowest_s:.2f} s, a change of {outcome.slowest}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
