"""Everything, from the GITHUB_* environment: what the container runs."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from regress_action.action import announcing, stages
from regress_action.action.hiding import hidden_settings
from regress_action.action.job import Job
from regress_action.github import events
from regress_action.github.plan import Stage
from regress_action.github.workflow_commands import Log
from regress_action.model.comparisons import Outcome
from regress_action.model.errors import ExitCode, IncompleteError, InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from regress_action.action.judging import Judged
    from regress_action.action.stages import Finished
    from regress_action.github.client import Client

_STAGES: dict[Stage, Callable[[Job], Finished]] = {Stage.BASELINE: stages.baseline, Stage.DETECT: stages.detect}


def run(payload: Mapping[str, Any], environ: Mapping[str, str], root: Path) -> ExitCode:
    """Do what the event asks for and return how the step should end.

    The exit code tells the verdict; that GitHub could not be told is a notice, never a failure.
    """
    log = Log(sys.stdout)
    settings = hidden_settings(environ, root, log)
    plan = events.decide(
        environ.get("GITHUB_EVENT_NAME", ""),
        payload,
        environ,
        wanted=settings.mode,
        history_branch=settings.history_branch,
    )
    log.say(str(plan))
    if plan.mode is Stage.NONE:
        return ExitCode.OK
    if plan.mode is Stage.REFUSE:
        raise UsageError(plan.why)
    job = Job(settings=settings, plan=plan, root=root, environ=environ)
    if settings.shard and plan.mode in _STAGES:
        log.say(stages.shard(job))
        return ExitCode.OK
    with ExitStack() as stack:
        client = _connected(job, stack)
        if plan.mode is Stage.COMMAND:
            return _obey(job, client, log)
        if plan.mode is Stage.TREND:
            from regress_action.action import watching

            return watching.report(job, client, log)
        if plan.mode is Stage.PUBLISH and client is not None:
            from regress_action.github import pulls

            job = replace(job, plan=pulls.resolve(client, plan))
        return _judge(job, client, log, stack)


def _judge(job: Job, client: Client | None, log: Log, stack: ExitStack) -> ExitCode:
    """Judge within a check run that is open meanwhile, and say what came of it."""
    from regress_action.github import acceptance, alarms, checks, speaking

    preferences = announcing.preferences_of(job)
    check = stack.enter_context(checks.opened(client, job.plan, preferences))
    try:
        finished = _stage(job, client)
    except (IncompleteError, InputError) as error:
        announcing.write_outputs(job, None, None, otherwise=Outcome.INCOMPLETE)
        if check is not None:
            check.finish("failure", error.what, str(error))
        raise
    if finished.remark:
        log.say(finished.remark)
    judged = finished.judged
    if judged is None:
        announcing.write_outputs(job, None, None)
        if check is not None:
            check.finish("neutral", "No verdict yet", finished.remark)
        return ExitCode.OK
    judged = announcing.located(job, judged)
    announcing.write_files(job, judged)
    accepted = acceptance.of(client, job.plan, preferences)
    spoken = speaking.speak(
        job.plan,
        judged.judgement,
        announcing.texts_of(job, judged, finished.references),
        preferences,
        runner=speaking.Runner(log=log, environ=job.environ),
        client=client,
        check=check,
        accepted=accepted,
    )
    announcing.write_outputs(job, judged, spoken)
    announcing.notify(job, spoken, log)
    _show(judged)
    everything_accepted = judged.exit_code is ExitCode.REGRESSION and not alarms.alarming(judged.judgement, accepted)
    return ExitCode.OK if everything_accepted else judged.exit_code


def _stage(job: Job, client: Client | None) -> Finished:
    if job.plan.mode is not Stage.PUBLISH:
        return _STAGES[job.plan.mode](job)
    if client is None:
        raise UsageError("mode: publish needs a token.", remedy="Give the step  github-token: ${{ github.token }}")
    return stages.publish(job, client)


def _connected(job: Job, stack: ExitStack) -> Client | None:
    from regress_action.github.client import connect

    token = job.settings.github_token.get_secret_value()
    if not token or "GITHUB_REPOSITORY" not in job.environ:
        return None
    return stack.enter_context(connect(token, job.environ, actor=job.plan.actor))


def _obey(job: Job, client: Client | None, log: Log) -> ExitCode:
    from regress_action.action import explaining
    from regress_action.github import commands

    if client is None:
        raise UsageError(
            "Commands in comments need a token.", remedy="Give the step  github-token: ${{ github.token }}"
        )
    commands.obey(
        client,
        job.plan,
        workflow=job.environ.get("REGRESS_WORKFLOW", "performance.yml"),
        explain=lambda benchmark: explaining.answer(
            client, job.plan.pull_request, announcing.preferences_of(job), benchmark
        ),
    )
    for sentence in client.access.notices:
        log.notice(sentence, title="Not everything could be done")
    return ExitCode.OK


def _show(judged: Judged) -> None:
    from regress_action.action import output

    output.show(judged, verbose=False)
