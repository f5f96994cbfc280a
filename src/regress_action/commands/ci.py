"""`regress-action ci`: everything, from the GITHUB_* environment; this is what the container runs."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from regress_action.model.errors import ExitCode, IncompleteError, InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regress_action.action.job import Job
    from regress_action.action.stages import StageResult
    from regress_action.github.client import Client
    from regress_action.github.runner import StepLog

LAUNCH = "regress-action"


@click.command(name="ci")
@click.option("--launch", metavar="COMMAND", default=LAUNCH, help="How the runner starts this program.")
def command(*, launch: str) -> None:
    """Judge what was measured, store it in the history, and report to GitHub: what the action's container runs.

    Reads the action's inputs from REGRESS_INPUTS, the event from GITHUB_EVENT_NAME and GITHUB_EVENT_PATH, and what was
    measured from .regress/measurement in GITHUB_WORKSPACE.
    """
    from regress_action.action import job

    root = Path(os.environ.get("GITHUB_WORKSPACE") or Path.cwd())
    raise click.exceptions.Exit(run(job.read_event(os.environ), os.environ, root, launch))


def run(payload: Mapping[str, Any], environ: Mapping[str, str], root: Path, launch: str = LAUNCH) -> ExitCode:
    """Do what the event asks for and return how the step should end.

    The exit code gives the verdict. A failure to reach GitHub is a notice, never a failure of the step.
    """
    from regress_action.action import stages
    from regress_action.action.job import load_job
    from regress_action.github.event import Stage
    from regress_action.github.runner import StepLog

    log = StepLog(sys.stdout)
    job = replace(load_job(payload, environ, root, log), launch=launch)
    log.info(str(job.plan))
    for note in job.trusted.notes:
        log.warning(note, title="The gate of this change")
    if job.plan.mode is Stage.NONE:
        return ExitCode.OK
    if job.plan.mode is Stage.REFUSE:
        raise UsageError(job.plan.why)
    if job.settings.shard and job.plan.mode in {Stage.BASELINE, Stage.DETECT}:
        log.info(stages.shard(job))
        return ExitCode.OK
    with ExitStack() as stack:
        client = _connected(job, stack)
        if job.plan.mode is Stage.COMMAND:
            return _answer_comment(job, client, log)
        if job.plan.mode is Stage.TREND:
            from regress_action.action import trend

            return trend.report(job, client, log)
        if job.plan.mode is Stage.PUBLISH and client is not None:
            from regress_action.github.artifacts import with_pull_request

            job = replace(job, plan=with_pull_request(client, job.plan))
            if job.plan.mode is Stage.NONE:
                _notice(client, log, job.plan.why)
                return ExitCode.OK
        return _judge(job, client, log, stack)


def _judge(job: Job, client: Client | None, log: StepLog, stack: ExitStack) -> ExitCode:
    """Judge while a check run is open, and publish the result.

    Raises:
        IncompleteError: nothing was measured; outputs and check run say so before it is raised.
    """
    from regress_action.action import publish
    from regress_action.commands import output
    from regress_action.github import acceptance, alarms, check_run
    from regress_action.github import publish as github_publish
    from regress_action.model.comparisons import Outcome

    preferences = publish.preferences_of(job)
    check = stack.enter_context(check_run.opened(client, job.plan, preferences))
    try:
        result = _stage(job, client)
    except (IncompleteError, InputError) as error:
        publish.write_outputs(job, None, None, otherwise=Outcome.INCOMPLETE)
        if check is not None:
            check.finish("failure", error.what, str(error))
        raise
    if result.remark:
        log.info(result.remark)
    judged = result.judged
    if judged is None:
        publish.write_outputs(job, None, None)
        if check is not None:
            check.finish("neutral", "No verdict yet", result.remark)
        return ExitCode.OK
    judged = publish.explained(job, publish.located(job, publish.noted(job, judged)))
    publish.write_files(job, judged)
    accepted = acceptance.of(client, job.plan, preferences)
    published = github_publish.publish(
        job.plan,
        judged.judgement,
        publish.texts_of(job, judged, result.references),
        preferences,
        log=log,
        environ=job.environ,
        client=client,
        check=check,
        accepted=accepted,
    )
    publish.write_outputs(job, judged, published)
    publish.notify(job, published, log)
    output.show(judged, verbose=False)
    everything_accepted = judged.exit_code is ExitCode.REGRESSION and not alarms.alarming(judged.judgement, accepted)
    return ExitCode.OK if everything_accepted else judged.exit_code


def _stage(job: Job, client: Client | None) -> StageResult:
    from regress_action.action import stages
    from regress_action.github.event import Stage

    if job.plan.mode is Stage.BASELINE:
        return stages.baseline(job)
    if job.plan.mode is Stage.DETECT:
        return stages.detect(job)
    if client is None:
        raise UsageError("mode: publish needs a token.", remedy="Give the step  github-token: ${{ github.token }}")
    return stages.publish(job, client)


def _connected(job: Job, stack: ExitStack) -> Client | None:
    from regress_action.github.client import connect

    token = job.settings.github_token.get_secret_value()
    if not token or "GITHUB_REPOSITORY" not in job.environ:
        return None
    return stack.enter_context(connect(token, job.environ, actor=job.plan.actor))


def _answer_comment(job: Job, client: Client | None, log: StepLog) -> ExitCode:
    """Run the command of a comment on a pull request or an issue."""
    from regress_action.action import publish
    from regress_action.action.claims import misread
    from regress_action.github.command_answers import CommandAnswers, CommandWorkflows

    if client is None:
        raise UsageError(
            "Commands in comments need a token.", remedy="Give the step  github-token: ${{ github.token }}"
        )
    named = (
        ("measure", "REGRESS_WORKFLOW"),
        ("bisect", "REGRESS_BISECT_WORKFLOW"),
        ("verify", "REGRESS_VERIFY_WORKFLOW"),
    )
    CommandAnswers(
        client,
        CommandWorkflows(**{field: job.environ[name] for field, name in named if job.environ.get(name)}),
        explain=lambda benchmark: publish.answer_from_github(
            client, job.plan.pull_request, publish.preferences_of(job), benchmark
        ),
        misread=misread,
    ).carry_out(job.plan)
    _notice(client, log)
    return ExitCode.OK


def _notice(client: Client, log: StepLog, *sentences: str) -> None:
    """Print what could not be done."""
    for sentence in (*client.permissions.notices, *sentences):
        log.notice(sentence, title="Not everything could be done")
