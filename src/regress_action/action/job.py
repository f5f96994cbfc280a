"""One job of CI: its settings, its plan, and where its measurement and its history are."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from regress_action import formats
from regress_action.action.merging import SHARD, join
from regress_action.action.planning import FOLDER, HISTORY, MEASUREMENT
from regress_action.model.errors import IncompleteError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regress_action.github.plan import Plan
    from regress_action.history import History
    from regress_action.model.measurements import Report
    from regress_action.settings import Settings

CONFIRMATION = FOLDER / "confirmation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What every stage works on; `root` is the workspace, `environ` what the runner told."""

    settings: Settings
    plan: Plan
    root: Path
    environ: Mapping[str, str]

    @property
    def folder(self) -> Path:
        """Where reports and judgements of this job are left, ignored by git."""
        folder = self.root / FOLDER
        folder.mkdir(exist_ok=True)
        (folder / ".gitignore").write_text("*\n")
        return folder

    @property
    def where(self) -> str | None:
        """The history in the words of `open_history`; None where there is none."""
        return {
            "branch": f"branch:{self.settings.history_branch}",
            "folder": os.fspath(self.root / HISTORY),
            "artifact": f"artifact:{HISTORY}",
            "none": None,
        }[self.settings.baseline]

    def history(self) -> History | None:
        """Open the history; nothing is read yet. Its git finds the token in its environment, never in a URL."""
        from regress_action.history import open_history

        if self.where is None:
            return None
        token = self.settings.github_token.get_secret_value()
        environ = {**self.environ, **({"GITHUB_TOKEN": token} if token else {})}
        return open_history(self.where, repository=self.root, environ=environ)

    def sides(self) -> tuple[Report, Report | None]:
        """Return what was measured: the head, and the base where it was measured too.

        Raises:
            IncompleteError: neither a measurement nor a results file is there.
        """
        if (self.root / MEASUREMENT / "measurement.json").exists():
            measured = formats.read_measurement(self.root / MEASUREMENT)
            return self._stamped(measured.head), measured.base
        if self.settings.command or not self.settings.results:
            raise IncompleteError(
                "Nothing was measured.",
                meaning="There is no measurement to judge, so this gate saw nothing; that is not a pass.",
                remedy="Look at the step that measures, or set `command` or `results`.",
            )
        if shards := self._shards():
            head, base = join(shards)
            return self._stamped(head), base
        reports = formats.gather([os.fspath(self.root / self.settings.results)])
        return self._stamped(reports[0] if len(reports) == 1 else formats.stack(reports)), None

    def _shards(self) -> list[Path]:
        """Return the folders that the legs of a matrix left, where `results` names such."""
        pattern = self.settings.results.rstrip("/")
        return (
            []
            if Path(pattern).is_absolute()
            else [head.parent for head in sorted(self.root.glob(f"{pattern}/head.jsonl"))]
        )

    def _stamped(self, report: Report) -> Report:
        """Say on whose behalf the report was made; what the event knows of the commit wins over the file."""
        plan = self.plan
        provenance = {
            "event": plan.event or "local",
            "run_id": str(plan.run_id),
            "attempt": str(plan.attempt),
            "actor": plan.actor,
            **({SHARD: self.settings.shard} if self.settings.shard else {}),
        }
        return replace(
            report,
            suite=self.settings.suite,
            commit=plan.head_sha or report.commit,
            branch=plan.head_ref or report.branch,
            created=report.created or datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            provenance=tuple({**dict(report.provenance), **provenance}.items()),
        )
