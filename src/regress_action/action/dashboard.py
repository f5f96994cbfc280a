"""The dashboard in CI: the history of the default branch as a site, in a folder or on a branch."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from regress_action.model.errors import SettingsError

if TYPE_CHECKING:
    from regress_action.action.job import Job

REPORTS = 1000
"""The newest reports of the default branch that the dashboard shows."""


def write_dashboard(job: Job) -> str | None:
    """Write the site where `dashboard` asks for one and there is a history; return its folder as the setting has it.

    `branch:NAME` publishes the site on that branch and leaves no folder.

    Raises:
        SettingsError: the folder lies outside of the workspace, or in `.git`.
        InfrastructureError: it cannot be written.
    """
    from regress_action.site import pages_branch

    if not job.settings.dashboard:
        return None
    if not job.settings.dashboard.startswith(pages_branch.PREFIX):
        folder = _folder(job.settings.dashboard)
        return folder.as_posix() if _write(job, job.root / folder, below=job.root) else None
    with TemporaryDirectory(prefix="regress-site-") as made:  # of our own: nothing else gets published along
        if _write(job, Path(made) / "site", below=None):
            head = (job.plan.head_sha or "")[:12]
            pages_branch.publish(
                Path(made) / "site",
                job.settings.dashboard,
                repository=job.root,
                environ=job.environ,
                message=f"Publish the dashboard at {head}".removesuffix(" at "),
            )
    return None


def _folder(setting: str) -> PurePosixPath:
    """Return the folder that the setting names.

    Raises:
        SettingsError: it lies outside of the workspace, or in `.git`.
    """
    folder = PurePosixPath(setting)
    if folder.is_absolute() or not folder.parts or {"..", ".git"} & set(folder.parts):
        raise SettingsError(
            f"dashboard: {setting!r:.200} is no folder of the workspace.",
            remedy="Name a folder like  dashboard: site  or a branch like  dashboard: branch:gh-pages",
        )
    return folder


def _write(job: Job, folder: Path, *, below: Path | None) -> bool:
    """Write the site of the default branch; return whether there was anything to show."""
    from regress_action.history import Selection
    from regress_action.site.build import Source, build, releases_of
    from regress_action.site.cache import Kept, read_tables
    from regress_action.site.inputs import Page

    history = job.history()
    selection = Selection(branch=job.plan.default_branch, last=REPORTS)
    tables = read_tables(history, selection, "", Kept()).tables if history else ()
    if history is None or not tables:
        return False
    address = f"{job.plan.server_url}/{job.plan.repository}"
    page = Page(
        title=job.plan.repository or "Performance",
        repository=address if address.startswith("https://") and job.plan.repository else None,
        waivers=job.rules.waivers,
        releases=releases_of(job.root, job.environ),
    )
    build([Source(tables, history.events())], folder, job.rules.policy, page, below=below)
    return True
