"""Where a record belongs: a path that names its suite, machine, time, commit, run and content."""

from __future__ import annotations

import hashlib
import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from regress_action.model.errors import InputError
from regress_action.model.records.fields import FlawError, utc
from regress_action.model.records.writing import encode

if TYPE_CHECKING:
    from regress_action.model.measurements import Report


def path_of(report: Report, data: bytes | None = None) -> PurePosixPath:
    """Return where the record of `report` belongs: `runs/<suite>/<environment>/<yyyy>/<mm>/<name>.jsonl`.

    The name is `<time>-<sha12>-<run_id>.<attempt>-<digest>`. The digest of the bytes (`data`, or what `encode` gives)
    makes the shards of one run, which share all the rest, different files, and the same report twice one file.

    Raises:
        InputError: the report does not say when it was made.
    """
    if report.created is None:
        raise InputError(
            f"The report of suite {report.suite!r} does not say when it was made.",
            meaning="Records are kept in the order of time.",
            remedy="Give it a time (`created`, ISO 8601 in UTC) before it is stored.",
        )
    try:
        created = utc(report.created)
    except FlawError as flaw:
        raise InputError(f"The report of suite {report.suite!r} {flaw}.", remedy=flaw.remedy) from None
    provenance = dict(report.provenance)
    digest = hashlib.sha256(encode(report) if data is None else data).hexdigest()[:12]
    commit = report.commit if report.commit and re.fullmatch(r"[0-9a-f]{7,64}", report.commit) else "0" * 12
    made_by = f"{slug(provenance.get('run_id', 'local'))}.{slug(provenance.get('attempt', '1'))}"
    return PurePosixPath(
        "runs",
        slug(report.suite),
        report.environment.fingerprint,
        f"{created:%Y}",
        f"{created:%m}",
        f"{created:%Y%m%dT%H%M%SZ}-{commit[:12]}-{made_by}-{digest}.jsonl",
    )


def slug(text: str) -> str:
    """Return a name that is safe in every file system; texts that differ get names that differ."""
    safe = re.sub(r"[^a-z0-9._]+", "-", text.lower()).strip("-.")[:60]
    if safe == text and not re.match(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", safe):  # Windows keeps these for devices
        return safe
    return f"{safe or 'x'}~{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"
