"""Our own reports, as `record`, `run` and `merge` write them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from regress_action.formats.naming import clean
from regress_action.model import records

if TYPE_CHECKING:
    from regress_action.formats.document import Document
    from regress_action.model.measurements import Report

TITLE = "regress-action report"
WRITTEN_BY = "regress-action run -- COMMAND (.regress/head.jsonl)"


def sniff(document: Document) -> bool:
    """Whether the first line is the header of a report."""
    header = document.first_line
    return isinstance(header, dict) and header.get("kind") == "report" and "schema" in header


def read(document: Document) -> tuple[Report, ...]:
    """Return the report in the file."""
    report = records.decode(document.data, str(document.path))
    return (dataclasses.replace(report, origin=clean(str(document.path))),)
