"""What is no whole record is refused with the line, the meaning and the way out."""

import math
from dataclasses import replace

import orjson
import pytest

from regress_action.model.errors import InputError
from regress_action.model.measurements import Benchmark, Direction, Metric, Report, Run, Series
from regress_action.model.records import LARGEST, SCHEMA, decode, encode, path_of

REPORT = Report(
    series=(
        Series(Benchmark("parse"), Metric("time", "s"), (0.5, math.nan), (3, 0), (0.1, math.nan)),
        Series(Benchmark("render", "web"), Metric("rate", "1/s", Direction.HIGHER), (7.0, 8.0)),
    ),
    runs=(Run("a", 0), Run(failure="exit status 1")),
    commit="4f2a" * 10,
    created="2025-01-31T12:00:00Z",
)


def edited(line: int, **changes: object) -> bytes:
    """The record with fields of one line replaced; `...` removes a field."""
    lines = [orjson.loads(line) for line in encode(REPORT).splitlines()]
    lines[line] = {key: value for key, value in (lines[line] | changes).items() if value is not ...}
    return b"".join(orjson.dumps(line) + b"\n" for line in lines)


def test_unedited_record_is_read() -> None:
    """The cases below fail for their edit alone."""
    assert repr(REPORT) == repr(decode(edited(0), "here"))


def test_a_record_cut_anywhere_is_refused() -> None:
    """No prefix of a record passes for a record, not even one that ends with a line."""
    record = encode(REPORT)
    for size in range(len(record)):
        with pytest.raises(InputError):
            decode(record[:size], "here")


@pytest.mark.parametrize(
    ("data", "line", "words"),
    [
        (b"", 1, "empty"),
        (b"not json\n", 1, "no JSON"),
        (b"[1]\n", 1, "no JSON object"),
        (b'{"benchmarks": []}\n', 1, "not written by regress-action"),
        (b'{"schema": true}\n', 1, "not written by regress-action"),
        (edited(0, schema=SCHEMA + 1), 1, "Upgrade"),
        (edited(0, kind="event"), 1, "'event'"),
        (edited(0, series=1), 1, "announces 1 lines, and 2 follow"),
        (edited(0, colour="red"), 1, "unknown field 'colour'"),
        (edited(0, suite=""), 1, "`suite`"),
        (edited(0, commit=5), 1, "`commit` is 5"),
        (edited(0, created="yesterday"), 1, "'yesterday'"),
        (edited(0, created="2025-01-31T12:00:00"), 1, "UTC"),
        (edited(0, runs={}), 1, "`runs`"),
        (edited(0, runs=[1, 2]), 1, "`runs`"),
        (edited(0, runs=[{"pair": True}, {}]), 1, "`pair`"),
        (edited(0, environment={"cores": "two"}), 1, "`cores`"),
        (edited(0, environment={"colour": "red"}), 1, "`colour`"),
        (edited(0, failures=[{"benchmark": "x"}]), 1, "`failures`"),
        (edited(0, warnings=[None]), 1, "`warnings`"),
        (edited(0, provenance={"run_id": 7}), 1, "`provenance`"),
        (edited(0, conditions=[7]), 1, "`conditions`"),
        (edited(0, conditions=[{"colour": "red"}]), 1, "`colour`"),
        (edited(0, conditions=[{"steal": "much"}]), 1, "`steal`"),
        (edited(0, conditions=[{"typical_s": 0.0}]), 1, "no time that anything takes"),
        (edited(0, saved_s=-1.0), 1, "no time that anything takes"),
        (edited(0, saved_s=1e300), 1, "no time that anything takes"),
        (edited(0, planned_pairs=0), 1, "a plan has 1 to 1000 pairs"),
        (edited(0, planned_pairs=1001), 1, "a plan has 1 to 1000 pairs"),
        (edited(1, benchmark=""), 2, "`benchmark`"),
        (edited(1, benchmark="render", metric="rate"), 3, "a second time"),
        (edited(1, metric=["time"]), 2, "`metric`"),
        (edited(1, unit=...), 2, "`unit`"),
        (edited(1, direction="sideways"), 2, "'sideways'"),
        (edited(1, exact=1), 2, "`exact`"),
        (edited(1, values=[0.5]), 2, "each of the 2 runs"),
        (edited(1, values=[0.5, "0.6"]), 2, "no number"),
        (edited(1, values=[0.5, True]), 2, "no number"),
        (edited(1, rounds=[1, -1]), 2, "`rounds`"),
        (edited(1, spreads=[1, 2, 3]), 2, "`spreads`"),
        (edited(1, spreads=[]), 2, "`spreads`"),
        (edited(1, spreads=1), 2, "`spreads`"),
        (edited(1, decimals=-1), 2, "`decimals`"),
        (edited(1, decimals=23), 2, "`decimals`"),
        (edited(1, decimals=1.0), 2, "`decimals`"),
        (edited(1, decimals=1, values=[0.5, 1]), 2, "no number"),
        (edited(1, dropped=-1), 2, "`dropped`"),
        (edited(1, location=["a.py", 0]), 2, "`location`"),
        (edited(1, location=["a.py", True]), 2, "`location`"),
        (edited(1, parameters=[["n"]]), 2, "`parameters`"),
        (edited(1, parameters=[["n", 1]]), 2, "`parameters`"),
        (edited(2, series=1), 3, "unknown field 'series'"),
    ],
)
def test_a_flawed_record_is_refused_by_line(data: bytes, line: int, words: str) -> None:
    """The message names the file, the line and the flaw, and says what to do."""
    with pytest.raises(InputError) as caught:
        decode(data, "old.jsonl")
    assert caught.value.what.startswith(f"old.jsonl, line {line}: ")
    assert words in str(caught.value)
    assert caught.value.remedy


def test_an_oversized_record_is_refused_unread() -> None:
    """A file beyond any real record is not parsed."""
    with pytest.raises(InputError, match="bytes"):
        decode(b" " * (LARGEST + 1), "here")


def test_schema_0_is_upgraded() -> None:
    """Old records are migrated in memory: count of runs, names of fields and the flag for the direction."""
    old = (
        b'{"schema":0,"suite":"unit","commit":"abc","env":{"cpu":"z80","cores":1},"runs":2,"lines":2}\n'
        b'{"name":"parse","metric":"time","unit":"s","values":[1,null]}\n'
        b'{"name":"render","metric":"rate","unit":"1/s","higher_is_better":true,"values":[1.5,2]}\n'
    )
    report = decode(old, "old.jsonl")
    assert (report.suite, report.commit, report.environment.cpu, len(report.runs)) == ("unit", "abc", "z80", 2)
    assert [series.metric.direction for series in report.series] == [Direction.LOWER, Direction.HIGHER]
    assert report.series[1].values == (1.5, 2.0)
    assert decode(encode(report), "new").suite == "unit"


def test_schema_1_is_upgraded() -> None:
    """Whole numbers were written as they are, and a spread for each run."""
    old = (
        b'{"schema":1,"kind":"report","series":2,"suite":"unit","environment":{},"runs":[{},{},{}],"source":"x"}\n'
        b'{"benchmark":"a","metric":"time","unit":"s","direction":"lower","decimals":2,"values":[null,123,120],'
        b'"spreads":[null,3,4]}\n'
        b'{"benchmark":"b","metric":"time","unit":"s","direction":"lower","values":[0.333,2,null]}\n'
    )
    report = decode(old, "old.jsonl")
    first, second = report.series
    assert repr((first.values, first.spreads)) == "((nan, 1.23, 1.2), (nan, 0.03, 0.04))"
    assert repr(second.values) == "(0.333, 2.0, nan)"
    assert (report.conditions, report.saved_s) == ((), None)


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (replace(REPORT, series=(replace(REPORT.series[0], values=(math.inf, 1.0)),)), "infinite"),
        (replace(REPORT, suite="\ud800"), "Unicode"),
        (replace(REPORT, provenance=(("run_id", "1"), ("run_id", "2"))), "twice"),
    ],
)
def test_unreadable_report_is_not_written(report: Report, words: str) -> None:
    """Encoding refuses what would not come back."""
    with pytest.raises(InputError, match=words):
        encode(report)


@pytest.mark.parametrize("created", [None, "yesterday"])
def test_a_report_without_a_time_has_no_path(created: str | None) -> None:
    """Records are kept in the order of time, so the time must be known."""
    with pytest.raises(InputError, match="made"):
        path_of(replace(REPORT, created=created))
