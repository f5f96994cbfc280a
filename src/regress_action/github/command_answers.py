"""The answers to commands in comments: who may give one, what is done for it, and the one reply in the thread.

Nothing is measured and no code is checked out here. `run`, `bisect` and `verify` start another workflow, with the
rights that one has. Nothing is stored here either: `acceptance` reads the comment of the person itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from github import GithubException

from regress_action.github import comment, issue_text, workflow_runs
from regress_action.github.comment_commands import LIMIT, CommentCommand, parse, unfit
from regress_action.github.idempotency import read
from regress_action.github.workflow_runs import WorkflowRequest
from regress_action.model import escaping

if TYPE_CHECKING:
    from collections.abc import Callable

    from github.Issue import Issue

    from regress_action.github.client import Client
    from regress_action.github.event import Plan

NEEDS = "pull-requests: write"
NEEDS_OF_ISSUES = "issues: write"
SEEN, REFUSED = "eyes", "-1"
ANY = "*"
_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
HELP = """I know these commands, from people with write access:

- `/regress run` measures this pull request again
- `/regress accept <benchmark> <reason>` accepts a change; `*` is any part of a name, backticks hold one with spaces
- `/regress explain` says why the last verdict is what it is; `/regress explain <benchmark>` says it of one
- `/regress bisect` finds the commit that made it slower, also on an issue of mine; `/regress bisect <benchmark>` of one
- `/regress verify "1.3x faster"` measures a claim about this pull request and posts the receipt; a benchmark may \
follow"""
EXPLANATION = """I find no verdict about this pull request yet. How one comes about: base and head are measured in \
turns on one machine, each time in a fresh process. One process gives one value, so what is compared is processes, not \
iterations. A change is a regression when it is larger than its threshold, when it is unlikely to be chance after \
correcting for the number of benchmarks, and when measuring again confirms it. Everything else is *unchanged* or \
*inconclusive*, and the report says how small a change could have been seen."""


class CommandRefusedError(Exception):
    """A command that is not carried out; its text is one line about why."""


@dataclass(frozen=True, slots=True)
class CommandWorkflows:
    """The file names of the workflows that commands start."""

    measure: str = "performance.yml"
    bisect: str = "bisect.yml"
    verify: str = "verify-claim.yml"


@dataclass(frozen=True, slots=True)
class CommitPair:
    """The commits that a command is about, and the benchmark and metric where the thread names them."""

    good: str
    bad: str
    about: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class CommandAnswers:
    """Does what comments ask for.

    `explain` says why the last verdict is what it is, about one benchmark or all; None where it knows of none.
    `misread` says why a claim is not understood; None where it is.
    """

    client: Client
    workflows: CommandWorkflows = field(default_factory=CommandWorkflows)
    explain: Callable[[str | None], str | None] | None = None
    misread: Callable[[str], str | None] | None = None

    def carry_out(self, plan: Plan) -> CommentCommand | None:
        """Do what the comment of the plan asks for, and answer once.

        None when nobody with write access asked for anything, or when it was answered before.
        """
        command = parse(plan.comment)
        if command is None or plan.issue is None:
            return None
        issue = self.client.repository.get_issue(plan.issue)
        if not self.client.may_write(plan.actor):
            self._turn_away(plan, issue)
            return None
        key = {"answer": plan.comment_id}
        if self._is_answered(plan, issue, key):
            return None
        try:
            answer, reaction = self._do(plan, issue, command), SEEN
        except CommandRefusedError as refusal:
            answer, reaction = str(refusal), REFUSED
        self._react(plan, issue, reaction)
        self._reply(plan, issue, key, answer)
        return command

    def _is_answered(self, plan: Plan, issue: Issue, key: dict[str, Any]) -> bool:
        """Whether a comment of ours answers this one already, as where the job of the command is run again."""

        def find() -> bool:
            ours = comment.find_ours(self.client, issue, comment.EVENT, lambda content: content == key)
            return ours is not None

        return bool(self.client.permissions.attempt(_needs(plan), "the comments", lambda: read(self.client, find)))

    def _do(self, plan: Plan, issue: Issue, command: CommentCommand) -> str:
        """Return the answer to a command of somebody with write access."""
        if command.kind == "refused":
            raise CommandRefusedError(command.reason)
        if command.kind == "help":
            return HELP
        if command.kind == "bisect":
            return self._bisect(plan, issue, command)
        if plan.pull_request is None:
            raise CommandRefusedError(f"`/regress {command.kind}` is for pull requests; this is an issue.")
        match command.kind:
            case "run":
                return workflow_runs.start_again(self.client, plan.pull_request, self.workflows.measure)
            case "accept":
                return self._accept(plan, plan.pull_request, command)
            case "verify":
                return self._verify(plan, plan.pull_request, command)
        return (self.explain(command.benchmark) if self.explain else None) or EXPLANATION

    def _accept(self, plan: Plan, number: int, command: CommentCommand) -> str:
        again = workflow_runs.start_again(self.client, number, self.workflows.measure)
        who, what = escaping.markdown(plan.actor), escaping.code_span(command.benchmark or "")
        return f"{who} accepts {what}: {escaping.markdown(command.reason)}\n\n{again}"

    def _bisect(self, plan: Plan, issue: Issue, command: CommentCommand) -> str:
        """Start the search for the first bad commit of a pull request, or of the regression of an issue of ours."""
        commits = self._pull_request(plan.pull_request) if plan.pull_request else self._regression(issue)
        name, metric = commits.about or (ANY, "")
        if command.benchmark is not None:
            name, metric = command.benchmark, ""
        elif why := unfit(name, LIMIT):
            raise CommandRefusedError(f"The name of the benchmark {why}, so it cannot be passed on.")
        inputs = {
            "good": commits.good,
            "bad": commits.bad,
            "benchmark": name,
            "metric": metric if unfit(metric or ANY, LIMIT) is None else "",
        }
        what = "what changed most" if name == ANY else escaping.code_span(name)
        where = self._start(plan, self.workflows.bisect, "Bisect", inputs)
        between = f"Searching from {commits.good} to {commits.bad}"
        return f"{between} for the commit that changed {what}, in {where}. The answer will stand here."

    def _verify(self, plan: Plan, number: int, command: CommentCommand) -> str:
        """Start measuring what a comment claims about a pull request."""
        if self.misread and (why := self.misread(command.claim)):
            raise CommandRefusedError(escaping.markdown(why))
        commits = self._pull_request(number)
        name = command.benchmark or ANY
        inputs = {"claim": command.claim, "base": commits.good, "head": commits.bad, "benchmark": name}
        where = self._start(plan, self.workflows.verify, "Verify", inputs)
        claim = escaping.code_span(command.claim)
        return f"Measuring {claim}: {commits.bad} against {commits.good}, in {where}. The receipt will stand here."

    def _start(self, plan: Plan, workflow: str, verb: str, inputs: dict[str, str]) -> str:
        about = {"issue": str(plan.issue), "comment": str(plan.comment_id or 0)}
        subject = f"{verb} for #{plan.issue}"
        request = WorkflowRequest(workflow, plan.default_branch, subject, plan.comment_id or 0, inputs | about)
        try:
            where = workflow_runs.start(self.client, request)
        except LookupError as error:
            raise CommandRefusedError(str(error)) from error
        if where is None:
            raise CommandRefusedError("The workflow could not be started; the log of this command says why.")
        return where

    def _pull_request(self, number: int | None) -> CommitPair:
        """Return the commits of a pull request of this repository: where it left its base, and its head.

        Raises:
            CommandRefusedError: it is closed, or its head is in a fork.
        """
        pull = read(self.client, lambda: self.client.repository.get_pull(number or 0).complete())
        if pull.state != "open":
            raise CommandRefusedError("This pull request is closed.")
        if pull.head.repo is None or pull.head.repo.full_name != pull.base.repo.full_name:
            raise CommandRefusedError(
                "This pull request comes from a fork, whose code is not run with the rights of this repository."
            )
        head = pull.head.sha
        compared = read(self.client, lambda: self.client.repository.compare(pull.base.sha, head).merge_base_commit.sha)
        return CommitPair(compared, head)

    def _regression(self, issue: Issue) -> CommitPair:
        """Return the commits between which the regression of an issue of ours came.

        Raises:
            CommandRefusedError: it is not ours, is closed, or does not know them.
        """
        body, author, status = read(self.client, lambda: (issue.body, issue.user, issue.state))
        state = issue_text.state_of(body) if self.client.wrote(author) else None
        if state is None:
            raise CommandRefusedError("This issue is not about a regression that I reported, so I know no commits.")
        if status != "open":
            raise CommandRefusedError("This issue is closed: the regression is over, or was muted.")
        good, bad = state.origin.base, state.origin.head
        if not (good and bad and _SHA.fullmatch(good) and _SHA.fullmatch(bad)):
            raise CommandRefusedError("This issue does not know the last good commit; name one to `bisect` yourself.")
        return CommitPair(good, bad, state.about)

    def _turn_away(self, plan: Plan, issue: Issue) -> None:
        """Say that somebody may give no commands: in the log, and to a person once in each thread."""
        who = escaping.plain(plan.actor)
        self.client.permissions.note(f"{who} has no write access; the command was not carried out.")
        if not plan.actor.endswith("[bot]"):
            words = "Commands are for people with write access; this one was not carried out."
            self._reply(plan, issue, {"refused": plan.actor}, words)

    def _react(self, plan: Plan, issue: Issue, reaction: str) -> None:
        """React to the comment; where it was deleted meanwhile there is nothing to react to."""
        try:
            read(self.client, lambda: issue.get_comment(plan.comment_id or 0).create_reaction(reaction))
        except GithubException as error:
            self.client.permissions.note(f"The comment got no reaction: GitHub answered {error.status}.")

    def _reply(self, plan: Plan, issue: Issue, key: dict[str, Any], text: str) -> None:
        self.client.permissions.attempt(
            _needs(plan), "the answer", lambda: comment.comment_once(self.client, issue, key, text)
        )


def _needs(plan: Plan) -> str:
    return NEEDS_OF_ISSUES if plan.pull_request is None else NEEDS
