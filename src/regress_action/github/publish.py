"""Publish a judgement: job summary, annotations, check run, comment, labels, review requests and issues.

Where nothing happened, nothing is written that notifies anybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regress_action.github import acceptance, alarms, comment, issues, labels
from regress_action.github.event import Stage
from regress_action.github.issues import AlertChange, ChangeKind
from regress_action.github.locations import annotate
from regress_action.github.publication import Publication
from regress_action.github.runner import append_summary
from regress_action.model.comparisons import Outcome, Severity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from regress_action.github.alarms import Acceptance
    from regress_action.github.check_run import Check
    from regress_action.github.client import Client
    from regress_action.github.event import Plan
    from regress_action.github.locations import Annotation
    from regress_action.github.preferences import Preferences, Texts
    from regress_action.github.runner import StepLog
    from regress_action.model.comparisons import Judgement

CHECK_BYTES = 60_000
COMMENTED = frozenset({Outcome.WARN, Outcome.FAIL, Outcome.INCOMPLETE})
FORK = (
    "This pull request comes from a fork, so its token can only read: the report is in the job summary. "
    "A second workflow with `mode: publish` on workflow_run brings it to the pull request."
)


@dataclass(frozen=True, slots=True)
class PublishResult:
    """What was published where.

    `changes` are what people may want to be notified of; `degraded` are sentences about what could not be published.
    """

    check_run_url: str | None = None
    comment_url: str | None = None
    changes: tuple[AlertChange, ...] = ()
    degraded: tuple[str, ...] = ()


def publish(  # noqa: PLR0913 - what is published, how, and where
    plan: Plan,
    judgement: Judgement,
    texts: Texts,
    preferences: Preferences,
    *,
    log: StepLog,
    environ: Mapping[str, str],
    client: Client | None = None,
    check: Check | None = None,
    accepted: Sequence[Acceptance] = (),
) -> PublishResult:
    """Write summary, annotations, check run, comment, labels, review requests and issues; never fail for any of them.

    `environ` names the file of the job summary. `check` comes from `check_run.opened`. Whatever could not be published
    is one notice in the log, and in `degraded`.
    """
    publication = Publication(
        plan=plan, judgement=judgement, texts=texts, preferences=preferences, accepted=tuple(accepted)
    )
    annotations = annotate(publication.alarms, publication.texts)
    log.annotate(annotations)
    append_summary(environ, publication.texts.summary)
    if plan.read_only:
        result = PublishResult(degraded=(FORK,))
    elif client is None:
        result = PublishResult()
    else:
        result = _to_github(client, publication, check, annotations[: preferences.max_annotations])
    for sentence in result.degraded:
        log.notice(sentence, title="Not everything could be published")
    return result


def _to_github(
    client: Client, publication: Publication, check: Check | None, annotations: Sequence[Annotation]
) -> PublishResult:
    """Use the API; the verdict first, the issues, which are the most requests, last."""
    if check is not None:
        _complete(check, publication, annotations)
    sticky = None
    plan, preferences = publication.plan, publication.preferences
    if plan.pull_request is not None and plan.may_comment:
        sticky = _comment(client, publication, plan.pull_request)
        labels.update_review_requests(client, plan, plan.pull_request, publication.severity, preferences)
    changes = _changes(sticky, publication)
    if _may_open_issues(publication):
        changes += issues.IssueSync(client, publication).update()
    return PublishResult(
        check_run_url=check.url if check else None,
        comment_url=sticky.url if sticky else None,
        changes=changes,
        degraded=tuple(client.permissions.notices),
    )


def _complete(check: Check, publication: Publication, annotations: Sequence[Annotation]) -> None:
    lines = [line for line in (annotation.for_check_run() for annotation in annotations) if line is not None]
    conclusion = alarms.conclusion(publication.judgement, publication.preferences, publication.accepted)
    marks = [acceptance.mark(publication.judgement, publication.plan.pull_request), publication.state]
    state = "\n".join(mark for mark in marks if mark)
    check.finish(conclusion, publication.title, publication.comment(CHECK_BYTES), lines, state)


def _comment(client: Client, publication: Publication, number: int) -> comment.StickyComment | None:
    """Comment when something changed for sure; a comment that exists is always brought up to date."""
    policy, summary = publication.preferences.comment, publication.judgement.summary
    if policy == "never":
        return None
    state = {
        "suite": publication.preferences.suite_name,
        "severity": publication.severity.value,
        "head": publication.plan.head_sha,
        "run": publication.plan.run_id,
        "job": publication.plan.job,
        **acceptance.pointer(publication.accepted),
    }
    create = policy == "always" or summary.verdict in COMMENTED or summary.improvements > 0
    return client.permissions.attempt(
        comment.NEEDS,
        "the comment",
        lambda: comment.update_sticky(client, number, state, publication.comment_with_state, create=create),
    )


def _changes(sticky: comment.StickyComment | None, publication: Publication) -> tuple[AlertChange, ...]:
    """Compare with the state that the comment had before; a new comment about an alarm is a change, too."""
    if sticky is None or publication.plan.is_draft:
        return ()
    severity = publication.severity
    if sticky.before.get("severity", Severity.NONE.value) == severity.value:
        return ()
    kind: ChangeKind = "recovered" if severity is Severity.NONE else "regraded" if sticky.before else "opened"
    sentence = f"#{publication.plan.pull_request}: {publication.texts.headline}"
    return (AlertChange(kind, severity, sentence, sticky.url),)


def _may_open_issues(publication: Publication) -> bool:
    """Issues are about the default branch, where what is slow has been merged; its history is what a trend follows."""
    plan = publication.plan
    if plan.mode is Stage.TREND:
        return publication.preferences.issues and plan.pull_request is None and not plan.is_fork
    return publication.preferences.issues and plan.on_default_branch and plan.mode is Stage.BASELINE
