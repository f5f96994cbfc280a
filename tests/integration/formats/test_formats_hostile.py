"""Files that somebody made to break a reader."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from regress_action.formats import read
from regress_action.model import records
from regress_action.model.errors import InputError

DATA = Path(__file__).parents[2] / "data" / "formats"
FILES = [path for path in sorted(DATA.rglob("*.json")) if path.name not in {"benchmarks.json", "machine.json"}]
_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=5)
_WEIRD = st.sampled_from([10**30, -1, 1e308, math.nan, "NaN", "\ud800", "\x1b[0m", "x" * 600, [[[]]], {"a": {}}])
_VALUES = (
    _SCALARS | _WEIRD | st.lists(_SCALARS, max_size=3) | st.dictionaries(st.text(max_size=3), _SCALARS, max_size=2)
)


def _places(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, child in children for place in _places(child, (*path, key)))]


def _changed(content: Any, place: tuple[Any, ...], value: object, *, remove: bool) -> Any:
    if not place:
        return value
    changed = copy.deepcopy(content)
    parent = changed
    for key in place[:-1]:
        parent = parent[key]
    if remove:
        del parent[place[-1]]
    else:
        parent[place[-1]] = value
    return changed


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parts[-2]}-{path.stem}")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_change_gives_a_sound_report_or_a_readable_error(path: Path, data: st.DataObject, tmp_path: Path) -> None:
    """Whatever is changed in a real file: never a traceback, never a report that cannot be written down."""
    content = json.loads(path.read_text())
    places = _places(content)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from(places))
        try:
            content = _changed(content, place, data.draw(_VALUES), remove=data.draw(st.booleans()))
        except (KeyError, IndexError, TypeError):  # an earlier change removed the place
            continue
    target = tmp_path / "results.json"
    target.write_text(json.dumps(content))

    try:
        reports = read(target)
    except InputError as error:
        assert str(error).isascii() or str(error).encode()  # noqa: PT017 - the property itself
        return
    for report in reports:
        assert {len(series.values) for series in report.series} <= {len(report.runs)}
        assert len({series.key for series in report.series}) == len(report.series)
        assert repr(records.decode(records.encode(report), "x")) == repr(report)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200))
@example(content=b'{"kind": "report", "schema": 1}\n')
@example(content=b"\xff\xfe\x00")
@example(content=b'{"benchmarks": [{"runs": []}], "version": "1.0"}')
def test_any_bytes_give_a_readable_error(content: bytes, tmp_path: Path) -> None:
    """Noise is refused with words."""
    target = tmp_path / "results.json"
    target.write_bytes(content)

    with pytest.raises(InputError):
        read(target)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parts[-2]}-{path.stem}")
def test_a_file_cut_anywhere_is_refused(path: Path, tmp_path: Path) -> None:
    """No prefix of a file passes for the whole."""
    content = path.read_bytes().rstrip()
    target = tmp_path / "results.json"
    for end in range(0, len(content), max(1, len(content) // 40)):
        target.write_bytes(content[:end])
        with pytest.raises(InputError):
            read(target)
