"""`regress-action plan`: from the event and the settings to what the runner has to measure."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import click


@click.command(name="plan")
@click.option("--launch", metavar="COMMAND", default="regress-action", help="How the runner starts this program.")
def command(*, launch: str) -> None:
    """Write the measurer's command line to .regress/plan, and the outputs that say whether to measure."""
    from regress_action.action import plan
    from regress_action.action.job import encode_plan, load_job, read_event
    from regress_action.github.runner import StepLog

    root = Path(os.environ.get("GITHUB_WORKSPACE") or Path.cwd())
    log = StepLog(sys.stdout)
    job = load_job(read_event(os.environ), os.environ, root, log)
    request = replace(plan.plan(job, launch=launch), planned=encode_plan(job.trusted, os.environ))
    if removed := plan.clear(root, os.environ):
        log.warning(removed)
    if request.words:
        plan.vendor_psutil(root)
    plan.write_request(request, root, os.environ)
    log.info(request.why)
