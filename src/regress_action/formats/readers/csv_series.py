"""A CSV series (Otava, Hunter, our own export): a row per commit, a column per benchmark; a report for each row."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from regress_action.formats.importers.csv_series import read_csv

if TYPE_CHECKING:
    from regress_action.formats.document import Document
    from regress_action.model.measurements import Report

TITLE = "CSV series"
WRITTEN_BY = "your own script: time,commit,branch,BENCHMARK… with a row for every commit"
_HEADER = re.compile(r"(?:[^\n,;\t]+[,;\t])*time[,;\t]")


def sniff(document: Document) -> bool:
    """Whether the file is text whose first row names a column `time` and others."""
    if document.json is not None or document.xml is not None:
        return False
    first = next((line for line in document.lines if line.strip() and not line.startswith("#")), "")
    return bool(_HEADER.match(first)) and "=" not in first


def read(document: Document) -> tuple[Report, ...]:
    """Return a report for every row."""
    return read_csv(document.text, str(document.path))
