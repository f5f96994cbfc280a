"""Say what a judgement asks for, in every place where somebody looks; quietly where there is nothing to say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regress_action.github import acceptance, alarms, comments, issues, reviews, summary
from regress_action.github.annotations import annotate
from regress_action.github.issues import Change, Kind
from regress_action.github.plan import Stage
from regress_action.github.speech import Speech
from regress_action.model.comparisons import Outcome, Severity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from regress_action.github.alarms import Acceptance
    from regress_action.github.annotations import Annotation
    from regress_action.github.checks import Check
    from regress_action.github.client import Client
    from regress_action.github.plan import Plan
    from regress_action.github.preferences import Preferences, Texts
    from regress_action.github.workflow_commands import Log
    from regress_action.model.comparisons import Judgement

CHECK_BYTES = 60_000
WORTH_A_COMMENT = frozenset({Outcome.WARN, Outcome.FAIL, Outcome.INCOMPLETE})
FORK = (
    "This pull request comes from a fork, so its token can only read: the report is in the job summary. "
    "A second workflow with `mode: publish` on workflow_run brings it to the pull request."
)


@dataclass(frozen=True, slots=True)
class Spoken:
    """What was said where. `changes` are what people may want to be notified of; `degraded` what could not be said."""

    check_run_url: str | None = None
    comment_url: str | None = None
    changes: tuple[Change, ...] = ()
    degraded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """The machine we run on: its log, and the environment that names the file of the job summary."""

    log: Log
    environ: Mapping[str, str]


def speak(  # noqa: PLR0913 - what is said, and to whom
    plan: Plan,
    judgement: Judgement,
    texts: Texts,
    preferences: Preferences,
    *,
    runner: Runner,
    client: Client | None = None,
    check: Check | None = None,
    accepted: Sequence[Acceptance] = (),
) -> Spoken:
    """Write summary, annotations, check run, comment, labels, review requests and issues; never fail for any of them.

    `check` comes from `checks.opened`. Whatever could not be said is one notice in the log, and in `degraded`.
    """
    speech = Speech(plan=plan, judgement=judgement, texts=texts, preferences=preferences, accepted=tuple(accepted))
    remarks = annotate(speech.alarms, speech.texts)
    runner.log.annotate(remarks)
    summary.append(runner.environ, speech.texts.summary)
    if plan.read_only:
        spoken = Spoken(degraded=(FORK,))
    elif client is None:
        spoken = Spoken()
    else:
        spoken = _to_github(client, speech, check, remarks[: speech.preferences.max_annotations])
    for sentence in spoken.degraded:
        runner.log.notice(sentence, title="Not everything could be said")
    return spoken


def _to_github(client: Client, speech: Speech, check: Check | None, remarks: Sequence[Annotation]) -> Spoken:
    """Use the API; the verdict first, the issues, which are the most requests, last."""
    if check is not None:
        _finish(check, speech, remarks)
    sticky = None
    if speech.plan.pull_request is not None and speech.plan.may_comment:
        sticky = _comment(client, speech, speech.plan.pull_request)
        reviews.update(client, speech.plan, speech.plan.pull_request, speech.severity, speech.preferences)
    changes = _changed(sticky, speech)
    if _may_file(speech):
        changes += issues.Book(client, speech).update()
    return Spoken(
        check_run_url=check.url if check else None,
        comment_url=sticky.url if sticky else None,
        changes=changes,
        degraded=tuple(client.access.notices),
    )


def _finish(check: Check, speech: Speech, remarks: Sequence[Annotation]) -> None:
    lines = [line for line in (remark.for_check_run() for remark in remarks) if line is not None]
    conclusion = alarms.conclusion(speech.judgement, speech.preferences, speech.accepted)
    check.finish(conclusion, speech.title, speech.remembered(CHECK_BYTES), lines)


def _comment(client: Client, speech: Speech, number: int) -> comments.Sticky | None:
    """Comment when something changed for sure; a comment that exists is always brought up to date."""
    wish, found = speech.preferences.comment, speech.judgement.summary
    if wish == "never":
        return None
    state = {
        "suite": speech.preferences.suite_name,
        "severity": speech.severity.value,
        "head": speech.plan.head_sha,
        **acceptance.remembered(speech.judgement, speech.accepted),
    }
    create = wish == "always" or found.verdict in WORTH_A_COMMENT or found.improvements > 0
    return client.access.attempt(
        comments.NEEDS,
        "the comment",
        lambda: comments.stick(client, number, state, speech.remembered, create=create),
    )


def _changed(sticky: comments.Sticky | None, speech: Speech) -> tuple[Change, ...]:
    """Compare with what the comment said before; a new comment about an alarm is a change, too."""
    if sticky is None or speech.plan.is_draft:
        return ()
    severity = speech.severity
    if sticky.before.get("severity", Severity.NONE.value) == severity.value:
        return ()
    kind: Kind = "recovered" if severity is Severity.NONE else "regraded" if sticky.before else "opened"
    return (Change(kind, severity, f"#{speech.plan.pull_request}: {speech.texts.headline}", sticky.url),)


def _may_file(speech: Speech) -> bool:
    """Issues are about the default branch, where what is slow has been merged; its history is what a trend follows."""
    plan = speech.plan
    if plan.mode is Stage.TREND:
        return speech.preferences.issues and plan.pull_request is None and not plan.is_fork
    return speech.preferences.issues and plan.on_default_branch and plan.mode is Stage.BASELINE
