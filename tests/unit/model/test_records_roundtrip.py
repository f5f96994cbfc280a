"""Records come back exactly as they were written."""

import math
import string
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeVar

from hypothesis import given
from hypothesis import strategies as st

from regress_action.model.measurements import (
    Benchmark,
    Conditions,
    Direction,
    Environment,
    Failure,
    Location,
    Metric,
    Noise,
    Report,
    Run,
    Series,
)
from regress_action.model.records import decode, encode, path_of

T = TypeVar("T")

text = st.text(min_size=1, max_size=20)  # any valid Unicode, control characters and right-to-left marks included
optional_text = st.none() | text
value = st.floats(allow_infinity=False) | st.decimals(-9999, 9999, places=4).map(float) | st.sampled_from([0.0, -0.0])
benchmarks = st.builds(
    Benchmark,
    text,
    optional_text,
    st.lists(st.tuples(text, st.text(max_size=5)), max_size=3).map(tuple),
    st.none() | st.builds(Location, text, st.integers(1, 10_000)),
    optional_text,
)
metrics = st.builds(Metric, text, text, st.sampled_from(Direction), st.booleans(), st.booleans())
environments = st.builds(Environment, text, text, text, st.integers(0, 4096), text, text, text | st.just("unknown"))
runs = st.builds(
    Run, optional_text, st.none() | st.integers(0, 99), optional_text, st.none() | st.floats(0, 1e6), optional_text
)
seconds = st.none() | st.floats(1e-6, 1e3)
conditions = st.builds(
    Conditions, optional_text, seconds, seconds, seconds, st.none() | st.floats(0, 1), st.none() | st.floats(0, 1)
)


@st.composite
def reports(draw: st.DrawFn) -> Report:
    """Any report, with as many values, rounds and spreads as runs."""
    its_runs = tuple(draw(st.lists(runs, max_size=4)))

    def per_run(values: st.SearchStrategy[T]) -> st.SearchStrategy[tuple[T, ...]]:
        return st.lists(values, min_size=len(its_runs), max_size=len(its_runs)).map(tuple)

    series = st.builds(
        Series,
        benchmarks,
        metrics,
        per_run(value),
        st.just(()) | per_run(st.integers(0, 1000)),
        st.just(()) | per_run(st.floats(0, 1e9) | st.just(math.nan)),
        st.integers(0, 50),
        st.none() | st.builds(Noise, st.floats(0, 10), st.integers(1, 1000)),
    )
    return Report(
        series=tuple(draw(st.lists(series, max_size=4, unique_by=lambda series: series.key))),
        runs=its_runs,
        suite=draw(text),
        commit=draw(optional_text),
        branch=draw(optional_text),
        created=draw(st.none() | st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat)),
        environment=draw(environments),
        failures=tuple(draw(st.lists(st.builds(Failure, text, text), max_size=2))),
        source=draw(text),
        origin=draw(optional_text),
        warnings=tuple(draw(st.lists(text, max_size=2))),
        provenance=tuple(draw(st.dictionaries(text, text, max_size=4)).items()),
        conditions=tuple(draw(st.lists(conditions, max_size=2))),
        saved_s=draw(seconds),
        planned_pairs=draw(st.none() | st.integers(1, 1000)),
    )


@given(reports())
def test_every_report_survives_being_written_and_read(report: Report) -> None:
    """Decoding what was encoded gives the same report, NaN in the same places."""
    assert repr(report) == repr(decode(encode(report), "here"))


@given(reports())
def test_equal_reports_have_equal_bytes(report: Report) -> None:
    """Writing down what was read gives the bytes that were read."""
    assert encode(report) == encode(decode(encode(report), "here"))


@given(text, text)
def test_the_path_is_safe_for_any_suite_and_tells_suites_apart(first: str, other: str) -> None:
    """A suite's name cannot leave its folder, and two suites never share one."""
    report = Report((), (), created="2025-01-31T12:00:00Z")
    path, second = path_of(replace(report, suite=first)), path_of(replace(report, suite=other))
    assert set(path.parts[1]) <= set(string.ascii_lowercase + string.digits + "._-~")
    assert path.parts[1] not in {"", ".", ".."}
    assert (path.parts[1] == second.parts[1]) == (first == other)


def test_the_path_names_time_commit_run_and_content() -> None:
    """Whoever lists the folder sees when, of which commit and by which run a record was made."""
    report = Report(
        (),
        (),
        suite="unit",
        commit="4f2a" * 10,
        created="2025-01-31T13:00:00+01:00",
        provenance=(("run_id", "77"), ("attempt", "2")),
    )
    path = path_of(report)
    assert path.parts[:2] == ("runs", "unit")
    assert path.parts[2:5] == (Environment().fingerprint, "2025", "01")
    assert path.name.startswith("20250131T120000Z-4f2a4f2a4f2a-77.2-")
    assert path != path_of(replace(report, source="other"))
    assert path == path_of(report, encode(report))


def test_short_decimals_are_written_as_whole_numbers() -> None:
    """Times of a few digits share one power of ten, and numbers that do not are written as they are."""
    series = Series(Benchmark("a"), Metric("time", "s"), (0.000123, math.nan), (), (0.00001, 0.0))
    line = encode(Report((series,), (Run(), Run()))).splitlines()[1]
    assert b'"decimals":6,"values":[123,null],"spreads":[10,0]' in line
    near = replace(series, values=(1.23, 1.2), spreads=(0.01, 0.01))
    line = encode(Report((near,), (Run(), Run()))).splitlines()[1]
    assert b'"decimals":2,"values":[123,-3],"spreads":[1]' in line
    third = replace(series, values=(1 / 3, -0.0))
    assert b'"values":[0.3333333333333333,-0.0]' in encode(Report((third,), (Run(), Run()))).splitlines()[1]


def test_records_share_equal_descriptions() -> None:
    """The reports of a history are compared at a glance: equal benchmarks and metrics of two records are one object."""
    series = Series(Benchmark("parse", location=Location("a.py", 3)), Metric("time", "s"), (0.5,))
    (first,), (other,) = (decode(encode(Report((series,), (Run(),), commit=c)), c).series for c in ("old", "new"))
    assert first.benchmark is other.benchmark
    assert first.metric is other.metric
