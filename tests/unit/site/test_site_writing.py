"""The site on disk."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from regress_action.analysis import Policy
from regress_action.model.errors import InfrastructureError
from regress_action.site.build import PLOTLY, build, from_reports
from regress_action.site.inputs import Page
from unit.site.site_reports import history

if TYPE_CHECKING:
    from regress_action.model.measurements import Report

ASSETS = Path(__file__).parents[3] / "src/regress_action/site/assets"


def write(folder: Path, reports: list[Report]) -> None:
    """Write a site of reports."""
    build([from_reports(reports)], folder, Policy(), Page())


def data(folder: Path, name: str) -> object:
    """Return what a data file hands to the page."""
    match = re.fullmatch(r'regress\.receive\("([^"]+)",(.*)\);\n', (folder / f"data/{name}.js").read_text(), re.DOTALL)
    assert match
    assert match[1] == name
    return json.loads(match[2])


def test_every_data_file_hands_one_json_value_to_the_page(tmp_path: Path) -> None:
    """Nothing in it is code, whatever a benchmark is called."""
    write(tmp_path, history({'");alert(1);("': [1.0] * 6}))

    for file in (tmp_path / "data").iterdir():
        data(tmp_path, file.stem)


def test_data_files_that_are_no_longer_needed_are_removed(tmp_path: Path) -> None:
    """A smaller history leaves no shard of the larger one, and files of others stay."""
    write(tmp_path, history({f"b{n}": [1.0] for n in range(60)}))
    (tmp_path / "CNAME").write_text("example.org")
    write(tmp_path, history({"a": [1.0]}))

    assert sorted(path.name for path in (tmp_path / "data").glob("series-*")) == ["series-0.js"]
    assert (tmp_path / "CNAME").exists()


def test_a_file_with_the_same_content_is_not_written_again(tmp_path: Path) -> None:
    """Plotly is copied once, so a branch of pages does not grow by it."""
    reports = history({"a": [1.0]})
    write(tmp_path, reports)
    before = (tmp_path / PLOTLY).stat().st_mtime_ns
    write(tmp_path, reports)

    assert (tmp_path / PLOTLY).stat().st_mtime_ns == before


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """One clear error instead of a half written page."""
    (tmp_path / "file").write_text("")

    with pytest.raises(InfrastructureError, match="could not be written"):
        write(tmp_path / "file", history({"a": [1.0]}))


def test_the_page_for_twenty_benchmarks_stays_small(tmp_path: Path) -> None:
    """At most 100 kB of data for a hundred reports."""
    write(tmp_path, history({f"b{n}": [1.0 + 0.01 * (n * day % 7) for day in range(100)] for n in range(20)}))

    assert sum(path.stat().st_size for path in (tmp_path / "data").iterdir()) <= 100_000


def test_scripts_make_no_markup_of_text() -> None:
    """Names reach the page as text: no script assigns HTML, evaluates text or opens a connection."""
    for script in ASSETS.glob("*.js"):
        if script.name != PLOTLY:
            text = script.read_text()
            assert not re.search(
                r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|fetch\(|XMLHttp", text
            )
