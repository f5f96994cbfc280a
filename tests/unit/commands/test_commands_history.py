"""What `regress-action history` prints."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from regress_action.commands.history import audit
from regress_action.history import open_history
from regress_action.model.errors import UsageError
from regress_action.model.measurements import Benchmark, Metric, Report, Run, Series


def test_what_verify_printed_proves_the_next_time_that_nothing_went(tmp_path: Path) -> None:
    """On a folder the printed list stands for the commits; a file without one is refused."""
    where = os.fspath(tmp_path / "history")
    series = Series(Benchmark("parse"), Metric("time", "s"), (1.0,))
    history = open_history(where, environ={})
    for commit in ("4f2a" * 10, "beef" * 10):
        path = history.append(Report((series,), (Run(),), commit=commit, created=datetime.now(UTC).isoformat()))
    first = audit(where, None)
    assert first.holds
    assert "The history holds: 2 records, 0 pruned." in first.lines
    proof = tmp_path / "proof.txt"
    proof.write_text("\n".join(first.lines))
    assert audit(where, os.fspath(proof)).holds
    (tmp_path / "history" / path).unlink()
    assert audit(where, None).holds
    second = audit(where, os.fspath(proof))
    assert not second.holds
    assert any(path in line and "is missing" in line for line in second.lines)
    proof.write_text("something else")
    with pytest.raises(UsageError, match="no record"):
        audit(where, os.fspath(proof))
