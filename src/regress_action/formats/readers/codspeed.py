"""Results of CodSpeed (`.codspeed/results_*.json`), of pytest-codspeed and its siblings in other languages.

The file keeps no rounds: the median, its count and the deviation are what there is. Times are nanoseconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from regress_action.formats.naming import clean
from regress_action.formats.report_builder import FileOrigin, ReportBuilder
from regress_action.formats.rounds import reported
from regress_action.formats.shape import mapping, optional_mapping, optional_text, text
from regress_action.formats.units import metric
from regress_action.model.measurements import Benchmark, Environment

if TYPE_CHECKING:
    from regress_action.formats.document import Document
    from regress_action.model.measurements import Report

TITLE = "CodSpeed"
WRITTEN_BY = "pytest --codspeed (without CodSpeed's runner); the files are .codspeed/results_*.json"
_TIME = metric("time", "s")
_NS = 1e-9


def sniff(document: Document) -> bool:
    """Whether the file names a tool of CodSpeed as its creator."""
    content = document.json
    creator = optional_mapping(content.get("creator")) if isinstance(content, dict) else {}
    return "codspeed" in (optional_text(creator.get("name")) or "")


def read(document: Document) -> tuple[Report, ...]:
    """Return the one run in the file."""
    content = mapping(document.json, "the file")
    builder = ReportBuilder()
    for where, item in builder.objects(content.get("benchmarks"), "benchmarks"):
        with builder.tolerant():
            entry = builder.benchmark(Benchmark(clean(text(item.get("uri") or item.get("name"), f"{where}.uri"))))
            stats = item.get("stats")
            if stats is None:
                entry.fail("It was run without measuring its time.")
            else:
                fields = mapping(stats, f"{where}.stats")
                middle = fields.get("median_ns", fields.get("mean_ns"))
                place = f"{where}.stats.median_ns"
                rounds, spread = fields.get("rounds"), fields.get("stdev_ns")
                entry.add(_TIME, reported(middle, place, rounds=rounds, spread=spread, factor=_NS))
    return (builder.report(document, TITLE, _origin(content)),)


def _origin(content: dict[str, Any]) -> FileOrigin:
    creator = optional_mapping(content.get("creator"))
    python = optional_mapping(optional_mapping(content.get("python")).get("sysconfig"))
    version = optional_text(python.get("py_version"))
    tool = " ".join(filter(None, (optional_text(creator.get("name")), optional_text(creator.get("version")))))
    return FileOrigin(
        environment=Environment(runtime=f"Python {version}") if version else Environment(),
        provenance=(("tool", tool),) if tool else (),
    )
