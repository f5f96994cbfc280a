"""`/regress` in a comment, from the event to the answer: explain, run and accept, by people with write access."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fake_github.data import WorkflowRun
from integration.action.action_workspace import REPOSITORY

if TYPE_CHECKING:
    from integration.action.action_workspace import Workspace


def commented(workspace: Workspace, text: str, *, by: str = "octo", number: int = 1) -> tuple[int, list[str], str]:
    """Comment on a pull request; return how the step ended, what was answered, and the log."""
    data = workspace.github.data
    asked = data.add_comment(number, text, user=by)
    payload: dict[str, Any] = {
        "action": "created",
        "issue": {"number": number, "pull_request": {"url": "…"}},
        "comment": {"id": asked.id, "body": text, "user": {"login": by}},
        "repository": {"full_name": REPOSITORY, "default_branch": "main"},
        "sender": {"login": by},
    }
    before = {comment.id for comment in data.comments}
    status, _, log = workspace.step("issue_comment", payload, command="", **{"check-run": ""})
    return status, [comment.body for comment in data.comments if comment.id not in before], log


@pytest.fixture
def asked(workspace: Workspace) -> Workspace:
    """A pull request whose workflow has run and can be started again."""
    base, head = workspace.commit(0.01), workspace.commit(0.025)
    workspace.pull_request(head, base)
    workspace.environ["REGRESS_WORKFLOW"] = "build.yml"
    workspace.github.data.runs.append(WorkflowRun(500, head_sha=head))
    return workspace


def test_a_verdict_is_explained_where_it_was_given(workspace: Workspace) -> None:
    """From what the check run remembers: commits, numbers, reason, what could have been seen, how to repeat it."""
    base, head = workspace.commit(0.01), workspace.commit(0.025)
    assert workspace.step("pull_request", workspace.pull_request(head, base))[0] == 1
    status, [answer], log = commented(workspace, "/regress explain")
    assert status == 0, log
    assert "pairs of runs, measured in turns on one machine" in answer
    assert "| Change | 2.5× slower" in answer
    assert "| Alarms from | +20 % |" in answer
    assert "| Could have seen | anything above " in answer
    assert "regress-action run --base" in answer

    _, [other], _ = commented(workspace, "/regress explain nothing@everyone")
    assert "No comparison is called `nothing@everyone`" in other
    assert "- `benchmarks/test_parse.py::test_parse`" in other


def test_without_a_check_run_the_comment_remembers(workspace: Workspace) -> None:
    """Where `check-run: false`, the sticky comment holds the same."""
    base, head = workspace.commit(0.01), workspace.commit(0.025)
    workspace.step("pull_request", workspace.pull_request(head, base), **{"check-run": "false"})
    assert workspace.github.data.check_runs == []
    _, [answer], _ = commented(workspace, "/regress explain test_parse")
    assert "| Change | 2.5× slower" in answer

    [sticky, *_] = workspace.github.data.comments
    workspace.github.data.add_comment(1, sticky.body, user="mallory")
    sticky.body = sticky.body.replace('{"z":"', '{"z":"AAAA')
    _, [answer], _ = commented(workspace, "/regress explain")
    assert "I find no verdict" in answer, "neither a stranger's record nor a damaged one is believed"


def test_without_any_verdict_the_way_to_one_is_explained(asked: Workspace) -> None:
    """In general, since there is nothing in particular."""
    _, [answer], _ = commented(asked, "/regress explain")
    assert "I find no verdict about this pull request yet" in answer


def test_commands_measure_again_and_accept(asked: Workspace) -> None:
    """The measuring workflow starts again; what was accepted is green when it has run."""
    _, [answer], _ = commented(asked, "/regress run")
    assert "Measuring again, in [this run]" in answer
    [run] = asked.github.data.runs
    assert run.attempt == 2

    run.status = "completed"
    _, [answer], log = commented(asked, "/regress accept test_parse* the parser is exact now")
    assert "octo accepts `test_parse*`: the parser is exact now" in answer, log


@pytest.mark.parametrize("order", ["explain", "run", "accept * fine"])
def test_commands_without_write_access_do_nothing(asked: Workspace, order: str) -> None:
    """Who may write is asked of GitHub; the answer and the log say why nothing happened."""
    status, [answer], log = commented(asked, f"/regress {order}", by="stranger")
    assert status == 0
    assert answer.endswith("Commands are for people with write access; this one was not carried out.")
    assert "stranger has no write access; the command was not carried out." in log
    assert asked.github.data.runs[0].attempt == 1
