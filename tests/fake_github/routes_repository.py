"""The repository itself: pull requests, people, comparisons, workflow runs and artifacts."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from fake_github import shapes
from fake_github.data import WorkflowRun
from fake_github.routing import Answer, Call, RefusedError, page, route, visible
from fake_github.schema import DESCRIPTION
from fake_github.shapes import REPO

if TYPE_CHECKING:
    from fake_github.data import Artifact, GithubData, Issue

Json = Any
MAX_INPUTS = 65535


@route("GET /user", "metadata:read")
def me(_: GithubData, call: Call) -> Answer:
    """Say who the token is; an installation's token may not ask."""
    if call.login.endswith("[bot]"):
        raise RefusedError(403, "Resource not accessible by integration")
    example = DESCRIPTION.example("GET", "/user", 200)
    return Answer(200, example | shapes.user(call.login))


@route(f"GET {REPO}", "metadata:read")
def repository(data: GithubData, _: Call) -> Answer:
    """Read the repository."""
    return Answer(200, shapes.repository(data))


@route(f"GET {REPO}/pulls", "pull-requests:read")
def pulls(data: GithubData, call: Call) -> Answer:
    """List pull requests; `head` is `owner:branch`."""
    matching = [
        issue
        for issue in reversed(data.issues)
        if issue.pull
        and call.query.get("state", "open") in {issue.state, "all"}
        and call.query.get("head", _head(issue)) == _head(issue)
        and call.query.get("base", issue.pull.base_ref) == issue.pull.base_ref
    ]
    return page(call, [shapes.pull(data, issue, simple=True) for issue in matching])


@route(f"GET {REPO}/pulls/{{pull_number}}", "pull-requests:read")
def pull(data: GithubData, call: Call) -> Answer:
    """Read a pull request."""
    return Answer(200, shapes.pull(data, _pull(data, call)))


@route(f"GET {REPO}/commits/{{commit_sha}}/pulls", "pull-requests:read")
def pulls_of_commit(data: GithubData, call: Call) -> Answer:
    """List the pull requests that a commit is the head or the merge of."""
    sha = call.values["commit_sha"]
    matching = [
        issue for issue in data.issues if issue.pull and sha in {issue.pull.head_sha, issue.pull.merge_commit_sha}
    ]
    return page(call, [shapes.pull(data, issue, simple=True) for issue in matching])


@route(f"POST {REPO}/pulls/{{pull_number}}/requested_reviewers", "pull-requests:write")
def request_review(data: GithubData, call: Call) -> Answer:
    """Ask people and teams for a review; one unknown login refuses all."""
    issue = _pull(data, call)
    assert issue.pull is not None
    people, teams = call.body.get("reviewers", []), call.body.get("team_reviewers", [])
    if issue.user in people:
        raise RefusedError(422, "Review cannot be requested from pull request author.")
    if any(login not in data.collaborators for login in people) or any(slug not in data.teams for slug in teams):
        raise RefusedError(
            422, "Reviews may only be requested from collaborators. One or more of the users or teams is not one."
        )
    issue.pull.reviewers += [login for login in people if login not in issue.pull.reviewers]
    issue.pull.team_reviewers += [slug for slug in teams if slug not in issue.pull.team_reviewers]
    return Answer(201, shapes.pull(data, issue, simple=True))


@route(f"GET {REPO}/pulls/{{pull_number}}/requested_reviewers", "pull-requests:read")
def reviewers(data: GithubData, call: Call) -> Answer:
    """List who was asked."""
    asked = _pull(data, call).pull
    assert asked is not None
    people = [shapes.user(login) for login in asked.reviewers]
    return Answer(200, {"users": people, "teams": [shapes.team(slug) for slug in asked.team_reviewers]})


@route(f"GET {REPO}/collaborators/{{username}}/permission", "metadata:read")
def permission(data: GithubData, call: Call) -> Answer:
    """Return the permission of a login; everybody may read a public repository."""
    login = call.values["username"]
    level = data.collaborators.get(login, "read")
    return Answer(200, {"permission": level, "role_name": level, "user": None})


@route(f"GET {REPO}/compare/{{basehead}}", "contents:read")
def compare(data: GithubData, call: Call) -> Answer:
    """List the commits between two."""
    base, head = call.values["basehead"].split("...")
    example = DESCRIPTION.example("GET", f"{REPO}/compare/{{basehead}}", 200)
    commit = example["commits"][0]
    shas = data.comparisons.get(f"{base}...{head}", [head])
    return Answer(
        200,
        example
        | {
            "base_commit": commit | {"sha": base},
            "merge_base_commit": commit | {"sha": base},
            "status": "ahead",
            "ahead_by": len(shas),
            "behind_by": 0,
            "total_commits": len(shas),
            "commits": [commit | {"sha": sha} for sha in shas],
            "files": [],
        },
    )


@route(f"GET {REPO}/contents/{{path}}", "contents:read")
def contents(data: GithubData, call: Call) -> Answer:
    """Serve a file of a commit."""
    path, ref = call.values["path"], call.query.get("ref", "")
    if (content := data.files.get((ref, path))) is None:
        raise RefusedError(404, "Not Found")
    encoded = base64.encodebytes(content).decode()
    address = f"https://api.github.com/repos/{data.repository}/contents/{path}"
    links = {"self": address, "git": None, "html": None}
    return Answer(
        200,
        {
            "type": "file",
            "encoding": "base64",
            "size": len(content),
            "name": path,
            "path": path,
            "content": encoded,
            "sha": "f" * 40,
            "url": address,
            "git_url": None,
            "html_url": None,
            "download_url": None,
            "_links": links,
        },
    )


@route(f"GET {REPO}/actions/runs", "actions:read")
def runs(data: GithubData, call: Call) -> Answer:
    """List workflow runs, the newest first."""
    matching = [
        run
        for run in reversed(data.runs)
        if call.query.get("head_sha", run.head_sha) == run.head_sha and call.query.get("event", run.event) == run.event
    ]
    return page(call, [shapes.run(data, run) for run in matching], "workflow_runs")


@route(f"GET {REPO}/actions/workflows/{{workflow_id}}/runs", "actions:read")
def runs_of_workflow(data: GithubData, call: Call) -> Answer:
    """List the runs of a workflow, the newest first."""
    name = _workflow(data, call)
    matching = [
        run
        for run in visible(list(reversed(data.runs)))
        if run.workflow == name and call.query.get("event", run.event) == run.event
    ]
    return page(call, [shapes.run(data, run) for run in matching], "workflow_runs")


@route(f"POST {REPO}/actions/workflows/{{workflow_id}}/dispatches", "actions:write")
def dispatch(data: GithubData, call: Call) -> Answer:
    """Start a workflow that has this trigger; the run is named as its file says."""
    name, inputs = _workflow(data, call), call.body.get("inputs", {})
    if len(str(inputs)) > MAX_INPUTS:
        raise RefusedError(422, "inputs are too large.")
    title = data.dispatchable[name].format_map(inputs)
    started = WorkflowRun(data.next_id(), "workflow_dispatch", status="queued", conclusion=None, workflow=name)
    started.title, started.inputs, started.head_branch = title, inputs, call.body["ref"]
    started.hidden = data.lag
    data.runs.append(started)
    if not call.body.get("return_run_details"):
        return Answer(204)
    address = f"https://api.github.com/repos/{data.repository}/actions/runs/{started.id}"
    page_of_run = f"https://github.com/{data.repository}/actions/runs/{started.id}"
    return Answer(200, {"workflow_run_id": started.id, "run_url": address, "html_url": page_of_run})


@route(f"GET {REPO}/actions/runs/{{run_id}}", "actions:read")
def run(data: GithubData, call: Call) -> Answer:
    """Read a workflow run."""
    return Answer(200, shapes.run(data, _run(data, call)))


@route(f"POST {REPO}/actions/runs/{{run_id}}/rerun", "actions:write")
def rerun(data: GithubData, call: Call) -> Answer:
    """Run a workflow again; one that still runs is refused."""
    again = _run(data, call)
    if again.status != "completed":
        raise RefusedError(403, "This workflow is already running")
    again.attempt += 1
    again.status, again.conclusion = "queued", None
    return Answer(201, {})


@route(f"GET {REPO}/actions/runs/{{run_id}}/artifacts", "actions:read")
def artifacts_of_run(data: GithubData, call: Call) -> Answer:
    """List what a run uploaded."""
    matching = [
        record
        for record in data.artifacts
        if str(record.run_id) == call.values["run_id"] and call.query.get("name", record.name) == record.name
    ]
    return page(call, [shapes.artifact(data, record) for record in matching], "artifacts")


@route(f"GET {REPO}/actions/artifacts", "actions:read")
def artifacts(data: GithubData, call: Call) -> Answer:
    """List every artifact, whoever made it, the newest first."""
    matching = [record for record in reversed(data.artifacts) if call.query.get("name", record.name) == record.name]
    return page(call, [shapes.artifact(data, record) for record in matching], "artifacts")


@route(f"GET {REPO}/actions/artifacts/{{artifact_id}}", "actions:read")
def artifact(data: GithubData, call: Call) -> Answer:
    """Read an artifact's entry."""
    return Answer(200, shapes.artifact(data, _artifact(data, call)))


@route(f"GET {REPO}/actions/artifacts/{{artifact_id}}/{{archive_format}}", "actions:read")
def download(data: GithubData, call: Call) -> Answer:
    """Point at the store that holds the archive."""
    artifact = _artifact(data, call)
    if artifact.expired:
        raise RefusedError(410, "Artifact has expired")
    return Answer(302, None, {"Location": f"https://api.github.com/_blob/{artifact.id}"})


def _workflow(data: GithubData, call: Call) -> str:
    name = call.values["workflow_id"]
    if name not in data.dispatchable:
        raise RefusedError(404, "Not Found")
    return name


def _artifact(data: GithubData, call: Call) -> Artifact:
    for record in data.artifacts:
        if str(record.id) == call.values["artifact_id"]:
            return record
    raise RefusedError(404, "Not Found")


def _run(data: GithubData, call: Call) -> WorkflowRun:
    for record in data.runs:
        if str(record.id) == call.values["run_id"]:
            return record
    raise RefusedError(404, "Not Found")


def _pull(data: GithubData, call: Call) -> Issue:
    issue = data.issue(int(call.values["pull_number"]))
    if issue is None or issue.pull is None:
        raise RefusedError(404, "Not Found")
    return issue


def _head(issue: Issue) -> str:
    assert issue.pull is not None
    return f"{(issue.pull.head_repository or 'ghost/gone').split('/')[0]}:{issue.pull.head_ref}"
