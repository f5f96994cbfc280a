"""From the event to the plan, over every real payload and the cases that GitHub gives no example of."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regress_action.github.event import MEASURES_FOREIGN_CODE_WITH_SECRETS, Plan, Stage, decide

REAL = json.loads(Path(__file__, "../../../data/github/events.json").resolve().read_text())["events"]
ENVIRON = {
    "GITHUB_SHA": "5" * 40,
    "GITHUB_REF": "refs/heads/main",
    "GITHUB_REF_NAME": "main",
    "GITHUB_RUN_ID": "77",
    "GITHUB_RUN_ATTEMPT": "2",
    "GITHUB_ACTOR": "octo",
}
EXPECTED: dict[tuple[str, str | None], Stage] = {
    ("merge_group", "checks_requested"): Stage.DETECT,
    ("workflow_dispatch", None): Stage.BASELINE,
    ("repository_dispatch", "on-demand-test"): Stage.BASELINE,
    ("release", "published"): Stage.TREND,
    ("release", "created"): Stage.TREND,
    ("release", "prereleased"): Stage.TREND,
    ("release", "released"): Stage.TREND,
    ("release", "deleted"): Stage.NONE,
    ("release", "edited"): Stage.NONE,
    ("create", None): Stage.TREND,
    ("workflow_run", "requested"): Stage.NONE,
    ("workflow_run", "completed"): Stage.PUBLISH,
}
PAYLOADS = [
    pytest.param(name, payload, id=f"{name}-{payload.get('action')}-{index}")
    for name, payloads in REAL.items()
    for index, payload in enumerate(payloads)
]


def example(event: str, action: str | None = None, **changes: Any) -> Any:
    """Return a real payload with some fields changed; `__` goes a level down."""
    payload = copy.deepcopy(next(payload for payload in REAL[event] if action in {None, payload.get("action")}))
    for path, value in changes.items():
        node = payload
        *parents, last = path.split("__")
        for key in parents:
            node = node[key]
        node[last] = value
    return payload


def plan_of(event: str, payload: Any, **rest: Any) -> Plan:
    """Decide as on a runner."""
    return decide(event, payload, ENVIRON, **rest)


@pytest.mark.parametrize(("name", "payload"), PAYLOADS)
def test_every_real_payload_is_understood(name: str, payload: Any) -> None:
    """Each payload GitHub publishes leads to the stage of its event and action."""
    plan = plan_of(name, payload)

    if name == "push":
        deleted, tag = payload["deleted"], payload["ref"].startswith("refs/tags/")
        expected = Stage.NONE if deleted else Stage.TREND if tag else Stage.BASELINE
    elif name == "pull_request":
        expected = Stage.NONE if payload["action"] == "closed" else Stage.DETECT
    else:
        expected = EXPECTED.get((name, payload.get("action")), Stage.NONE)
    assert plan.mode is expected
    assert plan.repository == payload["repository"]["full_name"]
    assert str(plan).startswith(f"Mode {plan.mode}: ")


def test_a_pull_request_is_judged_on_its_head_and_not_on_the_merge_commit() -> None:
    """The head sha is the pull request's own, whatever GITHUB_SHA says; history stays untouched."""
    payload = example("pull_request", "synchronize")

    plan = plan_of("pull_request", payload)

    assert plan.head_sha == payload["pull_request"]["head"]["sha"] != ENVIRON["GITHUB_SHA"]
    assert plan.base_sha == payload["pull_request"]["base"]["sha"]
    assert (plan.pull_request, plan.may_comment, plan.may_write_history) == (payload["number"], True, False)


@pytest.mark.parametrize("head", ["outsider/Hello-GithubData", None], ids=["fork", "deleted-fork"])
def test_a_fork_may_neither_comment_nor_write_history(head: str | None) -> None:
    """Another head repository, or one that is gone, makes a fork; that the base itself is a fork does not."""
    payload = example("pull_request", "opened")
    payload["pull_request"]["head"]["repo"] = {"full_name": head} if head else None

    plan = plan_of("pull_request", payload)

    assert (plan.mode, plan.is_fork, plan.may_comment, plan.may_write_history) == (Stage.DETECT, True, False, False)
    assert "can only read" in plan.why


def test_a_repository_that_is_itself_a_fork_is_trusted() -> None:
    """`repo.fork` says where the repository came from, not where the pull request comes from."""
    payload = example("pull_request", "opened", pull_request__head__repo__fork=True)

    assert not plan_of("pull_request", payload).is_fork


def test_a_draft_is_judged_as_a_draft() -> None:
    """Drafts are measured; that they are drafts is known to whoever asks for reviews."""
    plan = plan_of("pull_request", example("pull_request", "converted_to_draft"))

    assert (plan.mode, plan.is_draft) == (Stage.DETECT, True)


def test_a_merge_group_is_compared_with_the_base_of_its_queue() -> None:
    """The merge queue names both commits; there is no pull request to comment on."""
    plan = plan_of("merge_group", example("merge_group"))

    assert plan.head_sha == "2ffea6db159f6b6c47a24e778fb9ef40cf6b1c7d"
    assert plan.base_sha == "380387fbc80638b734a49e1be1c4dfec1c01b33c"
    assert (plan.base_ref, plan.pull_request, plan.may_comment) == ("main", None, False)


def test_the_default_branch_writes_history_and_other_branches_are_judged_against_it() -> None:
    """Only a push to the default branch becomes the baseline of others."""
    main = plan_of("push", example("push", ref="refs/heads/master", deleted=False, after="1" * 40))
    other = plan_of("push", example("push", ref="refs/heads/x", deleted=False, after="1" * 40))

    assert (main.mode, main.may_write_history, main.on_default_branch) == (Stage.BASELINE, True, True)
    assert (other.mode, other.may_write_history, other.base_ref) == (Stage.DETECT, False, "master")


def test_our_own_records_are_not_judged() -> None:
    """A push to the history branch, by a token that starts workflows, does nothing."""
    payload = example("push", ref="refs/heads/regress-data", deleted=False, after="1" * 40)

    assert plan_of("push", payload).mode is Stage.NONE
    assert plan_of("push", payload, history_branch="other").mode is Stage.DETECT


def test_a_schedule_without_any_commit_in_its_payload_is_a_trend() -> None:
    """The sha comes from the environment; there is nothing else to know."""
    plan = plan_of("schedule", {"schedule": "0 4 * * *"})

    assert (plan.mode, plan.head_sha, plan.default_branch) == (Stage.TREND, "5" * 40, "main")
    assert plan.on_default_branch


def test_a_dispatch_on_another_branch_never_writes_history() -> None:
    """Started by hand on the default branch it is a baseline, elsewhere a comparison."""
    plan = plan_of("workflow_dispatch", example("workflow_dispatch", ref="refs/heads/topic"))

    assert (plan.mode, plan.head_ref, plan.may_write_history) == (Stage.DETECT, "topic", False)


@pytest.mark.parametrize("event", sorted(MEASURES_FOREIGN_CODE_WITH_SECRETS))
def test_measuring_is_refused_where_a_pull_request_would_get_the_secrets(event: str) -> None:
    """The dangerous events measure nothing, whatever the workflow asks for."""
    payload = example("pull_request", "opened") | {"workflow_run": {"id": 1}, "comment": {"body": "/regress run"}}

    refused = plan_of(event, payload, wanted="detect")

    assert refused.mode is Stage.REFUSE
    assert "mode: publish" in refused.why


def test_publishing_takes_the_run_and_the_head_from_the_event() -> None:
    """The pull request itself is never read from the event's list, which is empty for forks."""
    payload = example(
        "workflow_run", "completed", workflow_run__event="pull_request", workflow_run__conclusion="failure"
    )
    payload["workflow_run"]["head_repository"]["full_name"] = "outsider/octo-repo"

    plan = plan_of("workflow_run", payload)

    assert (plan.mode, plan.is_fork, plan.may_comment) == (Stage.PUBLISH, True, True)
    assert plan.measured_run_id == payload["workflow_run"]["id"]
    assert plan.head_sha == payload["workflow_run"]["head_sha"]
    assert plan.pull_request is None


@pytest.mark.parametrize("conclusion", ["skipped", "cancelled"])
def test_a_run_that_measured_nothing_is_not_published(conclusion: str) -> None:
    """A skipped or cancelled run left no artifact."""
    payload = example("workflow_run", "completed", workflow_run__conclusion=conclusion)

    assert plan_of("workflow_run", payload).mode is Stage.NONE


def test_publishing_without_a_measuring_run_is_refused() -> None:
    """`mode: publish` on another event has nothing to read and says so."""
    plan = plan_of("push", example("push"), wanted="publish")

    assert (plan.mode, "workflow_run" in plan.why) == (Stage.REFUSE, True)


@pytest.mark.parametrize(
    ("body", "on_pull", "action", "expected"),
    [
        ("/regress run", True, "created", Stage.COMMAND),
        ("please /regress run", True, "created", Stage.NONE),
        ("/regress bisect", False, "created", Stage.COMMAND),
        ("/regress run", True, "edited", Stage.NONE),
    ],
)
def test_commands_are_new_comments(body: str, on_pull: bool, action: str, expected: Stage) -> None:
    """A command starts the comment and is new; on an issue there is no pull request to speak of."""
    payload = example("issue_comment", comment__body=body, action=action)
    payload["issue"] |= {"pull_request": {}} if on_pull else {}

    plan = plan_of("issue_comment", payload)
    assert plan.mode is expected
    assert (plan.pull_request is not None) is on_pull
    assert plan.issue == payload["issue"]["number"]


def test_the_input_mode_wins_but_only_the_default_branch_writes_baselines() -> None:
    """`mode: baseline` on a pull request or on another branch measures, and may not write."""
    plan = plan_of("pull_request", example("pull_request", "opened"), wanted="baseline")
    pushed = plan_of("push", example("push", ref="refs/heads/9.x", deleted=False, after="1" * 40), wanted="baseline")

    assert (plan.mode, plan.may_write_history) == (Stage.BASELINE, False)
    assert (pushed.mode, pushed.may_write_history) == (Stage.BASELINE, False)
    assert "`mode`" in plan.why


def test_outside_github_nothing_is_assumed() -> None:
    """No event, no payload, no environment: a plan that does nothing."""
    plan = decide("", {}, {})

    assert (plan.mode, plan.run_id, plan.attempt) == (Stage.NONE, 0, 1)


SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
KEYS = st.sampled_from(
    ["action", "ref", "after", "deleted", "pull_request", "workflow_run", "repository", "head", "repo", "full_name"]
)
JSON = SCALARS | st.dictionaries(KEYS, SCALARS | st.dictionaries(KEYS, SCALARS, max_size=3), max_size=3)


@given(
    event=st.sampled_from([*REAL, "schedule", "pull_request_target"]),
    payload=st.dictionaries(KEYS, JSON),
)
def test_any_payload_gives_a_plan(event: str, payload: dict[str, Any]) -> None:
    """Whatever stands in the fields, there is a plan, and nothing strange may write history from a pull request."""
    plan = decide(event, payload, ENVIRON)

    assert isinstance(plan.mode, Stage)
    assert not (event.startswith("pull_request") and plan.may_write_history)


@pytest.mark.parametrize("action", ["opened", "synchronize", "labeled"])
def test_a_pull_request_says_since_when_its_head_is_known(action: str) -> None:
    """When it was opened, or what happened to it last: a push, say."""
    payload = example("pull_request", pull_request__created_at="2026-01-01T00:00:00Z", action=action)
    payload["pull_request"]["updated_at"] = "2026-02-02T00:00:00Z"
    expected = "2026-01-01T00:00:00Z" if action == "opened" else "2026-02-02T00:00:00Z"
    assert plan_of("pull_request", payload).since == expected


def test_a_published_run_says_since_when_its_head_is_known() -> None:
    """When the measuring run was created, which no repetition changes."""
    payload = example("workflow_run", "completed", workflow_run__created_at="2026-03-03T00:00:00Z")
    assert plan_of("workflow_run", payload).since == "2026-03-03T00:00:00Z"


def test_the_jobs_of_a_run_and_the_legs_of_a_matrix_are_distinguished() -> None:
    """By the job's name and the matrix, which are the same when it is run again."""

    def job(**environ: str) -> str:
        return decide("push", {"after": "a" * 40}, {**ENVIRON, **environ}).job

    assert job() == ""
    assert job(GITHUB_JOB="bench") == job(GITHUB_JOB="bench", REGRESS_MATRIX="null") == "bench"
    assert job(GITHUB_JOB="bench", GITHUB_RUN_ATTEMPT="3") == "bench"
    legs = [job(GITHUB_JOB="bench", REGRESS_MATRIX=matrix) for matrix in ('{"os": "linux"}', '{"os": "mac"}')]
    assert len({*legs, "bench", job(GITHUB_JOB="other", REGRESS_MATRIX='{"os": "mac"}')}) == 4
    assert len(job(GITHUB_JOB="x" * 10_000, REGRESS_MATRIX="y" * 10_000)) < 100
