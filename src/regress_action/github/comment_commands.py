"""`/regress run`, `/regress accept <benchmark> <reason>`, `/regress explain`: commands in a comment.

Only people with write access may give them. Nothing is measured here: `run` starts the pull request's own workflow
again, with the rights that workflow has. Nothing is stored here either: `acceptance` reads the comment itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from regress_action.github import comment
from regress_action.github.idempotency import read
from regress_action.github.permissions import may_write
from regress_action.model import escaping

if TYPE_CHECKING:
    from collections.abc import Callable

    from github.Issue import Issue
    from github.WorkflowRun import WorkflowRun

    from regress_action.github.client import Client
    from regress_action.github.event import Plan

NEEDS = "pull-requests: write"
LIMIT = 500
_COMMAND = re.compile(r"\s*/regress(?!\S)(?:[ \t]+(?P<verb>\w+))?[ \t]*(?P<rest>[^\r\n]*)")
_BENCHMARK = re.compile(r"""(?:`(?P<ticks>[^`]+)`|"(?P<quotes>[^"]+)"|(?P<word>\S+))\s*(?P<reason>.*)""")
HELP = """I know these commands, from people with write access:

- `/regress run` measures this pull request again
- `/regress accept <benchmark> <reason>` accepts a change; `*` is any part of a name, backticks hold one with spaces
- `/regress explain` says why the last verdict is what it is; `/regress explain <benchmark>` says it of one"""
EXPLANATION = """I find no verdict about this pull request yet. How one comes about: base and head are measured in \
turns on one machine, each time in a fresh process. One process gives one value, so what is compared is processes, not \
iterations. A change is a regression when it is larger than its threshold, when it is unlikely to be chance after \
correcting for the number of benchmarks, and when measuring again confirms it. Everything else is *unchanged* or \
*inconclusive*, and the report says how small a change could have been seen."""


@dataclass(frozen=True, slots=True)
class CommentCommand:
    """What somebody asked for; `help` when it was not understood."""

    kind: Literal["run", "accept", "explain", "help"]
    benchmark: str | None = None
    reason: str = ""


def parse(body: str | None) -> CommentCommand | None:
    """Read the first line of a comment; None when it is no command."""
    match = _COMMAND.match(body or "")
    if match is None:
        return None
    rest = match["rest"].strip()[: 2 * LIMIT]
    named = _BENCHMARK.match(rest)
    benchmark = (named["ticks"] or named["quotes"] or named["word"])[:LIMIT] if named else None
    match match["verb"]:
        case "run":
            return CommentCommand("run")
        case "explain":
            return CommentCommand("explain", benchmark)
        case "accept" if named and named["reason"].strip():
            return CommentCommand("accept", benchmark, named["reason"].strip()[:LIMIT])
        case _:
            return CommentCommand("help")


def carry_out(
    client: Client, plan: Plan, *, workflow: str, explain: Callable[[str | None], str | None] | None = None
) -> CommentCommand | None:
    """Do what the comment of the plan asks for, and answer once; None when nobody with write access asked for anything.

    `workflow` is the file name of the workflow that `run` starts again. `explain` says why the last verdict is what it
    is, about one benchmark or all; None where it knows of none.
    """
    command, number = parse(plan.comment), plan.pull_request
    if command is None or number is None:
        return None
    if not may_write(client, plan.actor):
        client.permissions.note(f"{escaping.plain(plan.actor)} has no write access; the command was not carried out.")
        return None
    issue = client.repository.get_issue(number)
    match command.kind:
        case "run":
            answer = _run(client, number, workflow)
        case "accept":
            answer = _accept(client, plan, command, workflow)
        case "explain":
            answer = (explain(command.benchmark) if explain else None) or EXPLANATION
        case "help":
            answer = HELP
    client.permissions.attempt(NEEDS, "the answer", lambda: _answer(client, issue, plan, answer))
    return command


def _answer(client: Client, issue: Issue, plan: Plan, answer: str) -> None:
    comment.comment_once(client, issue, {"answer": plan.comment_id}, answer)


def _accept(client: Client, plan: Plan, command: CommentCommand, workflow: str) -> str:
    again = _run(client, plan.pull_request or 0, workflow)
    who, what = escaping.markdown(plan.actor), escaping.code_span(command.benchmark or "")
    return f"{who} accepts {what}: {escaping.markdown(command.reason)}\n\n{again}"


def _run(client: Client, number: int, workflow: str) -> str:
    """Start the newest run of the workflow for the head again, and return a sentence about it."""
    started = client.permissions.attempt("actions: write", "measuring again", lambda: _again(client, number, workflow))
    if started is None:
        return "Measuring again could not be started; the log of this command says why."
    return started


def _again(client: Client, number: int, workflow: str) -> str:
    head = read(client, lambda: client.repository.get_pull(number).head.sha)
    runs = client.repository.get_workflow_runs(head_sha=head, event="pull_request")
    newest: WorkflowRun | None = read(client, lambda: next((run for run in runs if _is(run, workflow)), None))
    name = escaping.code_span(workflow)
    if newest is None:
        return f"No run of {name} for {head} was found, so there is nothing to repeat."
    if newest.status != "completed":
        return f"It is being measured already, in [this run]({newest.html_url})."
    newest.rerun()
    return f"Measuring again, in [this run]({newest.html_url})."


def _is(run: WorkflowRun, workflow: str) -> bool:
    return run.path.split("@")[0].rsplit("/", 1)[-1] == workflow
