"""The dashboard in CI: the history of the default branch as a static site, in the folder that `dashboard` names."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from regress_action.model.errors import SettingsError

if TYPE_CHECKING:
    from regress_action.action.job import Job

REPORTS = 1000
"""The newest reports of the default branch that the dashboard shows."""


def write_dashboard(job: Job) -> str | None:
    """Write the site where `dashboard` asks for one and there is a history; return its folder as the setting has it.

    Raises:
        SettingsError: the folder lies outside of the workspace, or in `.git`.
        InfrastructureError: it cannot be written.
    """
    from regress_action.history import Selection
    from regress_action.site.build import build, from_reports, releases_of
    from regress_action.site.writing import Page

    history = job.history()
    if not job.settings.dashboard or history is None:
        return None
    folder = PurePosixPath(job.settings.dashboard)
    if folder.is_absolute() or not folder.parts or {"..", ".git"} & set(folder.parts):
        raise SettingsError(
            f"dashboard: {job.settings.dashboard!r:.200} is no folder of the workspace.",
            remedy="Name a folder like  dashboard: site",
        )
    reports = history.load(Selection(branch=job.plan.default_branch, last=REPORTS))
    if not reports:
        return None
    address = f"{job.plan.server_url}/{job.plan.repository}"
    page = Page(
        title=job.plan.repository or "Performance",
        repository=address if address.startswith("https://") and job.plan.repository else None,
        waivers=job.rules.waivers,
        releases=releases_of(job.root, job.environ),
    )
    build([from_reports(reports, history.events())], job.root / folder, job.rules.policy, page, below=job.root)
    return folder.as_posix()
