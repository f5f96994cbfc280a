"""Issues, comments, labels and events; pull requests are issues here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fake_github import shapes
from fake_github.data import Comment, Label
from fake_github.routing import Answer, Call, RefusedError, page, route, visible
from fake_github.shapes import REPO

if TYPE_CHECKING:
    from fake_github.data import GithubData, Issue

Json = Any
MAX_BODY = 65536
MAX_TITLE = 256
MAX_LABEL = 50
TALK = "issues|pull-requests"


@route(f"GET {REPO}/issues", "issues:read")
def listing(data: GithubData, call: Call) -> Answer:
    """List issues, pull requests among them, the newest first."""
    query = call.query
    labels = set(filter(None, query.get("labels", "").split(",")))
    matching = [
        issue
        for issue in reversed(visible(data.issues))
        if query.get("state", "open") in {issue.state, "all"}
        and labels <= set(issue.labels)
        and query.get("creator", issue.user) == issue.user
    ]
    return page(call, [shapes.issue(data, issue) for issue in matching])


@route(f"POST {REPO}/issues", "issues:write")
def create(data: GithubData, call: Call) -> Answer:
    """Open an issue; labels it does not know come into being."""
    if not data.issues_enabled:
        raise RefusedError(410, "Issues are disabled for this repo")
    _check_issue(data, call.body)
    labels = call.body.get("labels", [])
    issue = data.add_issue(
        call.body["title"],
        call.body.get("body") or "",
        call.login,
        labels=list(labels),
        assignees=list(call.body.get("assignees", [])),
        hidden=data.lag,
    )
    for name in labels:
        _ensure_label(data, name)
    return Answer(201, shapes.issue(data, issue))


@route(f"GET {REPO}/issues/{{issue_number}}", TALK + ":read")
def read(data: GithubData, call: Call) -> Answer:
    """Read an issue."""
    return Answer(200, shapes.issue(data, _issue(data, call)))


@route(f"PATCH {REPO}/issues/{{issue_number}}", TALK + ":write")
def update(data: GithubData, call: Call) -> Answer:
    """Change an issue, close it or open it again."""
    issue = _issue(data, call)
    _check_issue(data, {"title": issue.title} | call.body)
    for key in ("title", "body", "labels", "assignees"):
        if key in call.body:
            setattr(issue, key, call.body[key])
    state = call.body.get("state", issue.state)
    if state != issue.state:
        issue.state = state
        issue.closed_at = data.now() if state == "closed" else None
        default = "completed" if state == "closed" else "reopened"
        issue.state_reason = call.body.get("state_reason") or default
        data.record(issue.number, "closed" if state == "closed" else "reopened", call.login)
    issue.updated_at = data.now()
    return Answer(200, shapes.issue(data, issue))


@route(f"GET {REPO}/issues/{{issue_number}}/comments", TALK + ":read")
def comments(data: GithubData, call: Call) -> Answer:
    """List comments, the oldest first."""
    number = _issue(data, call).number
    matching = visible([comment for comment in data.comments if comment.issue == number])
    return page(call, [shapes.comment(data, comment) for comment in matching])


@route(f"POST {REPO}/issues/{{issue_number}}/comments", TALK + ":write")
def add_comment(data: GithubData, call: Call) -> Answer:
    """Comment on an issue or pull request."""
    issue = _issue(data, call)
    if issue.locked:
        raise RefusedError(403, "Unable to create comment because issue is locked.")
    _check_body(call.body["body"])
    now = data.now()
    comment = Comment(data.next_id(), issue.number, call.body["body"], call.login, now, now, hidden=data.lag)
    data.comments.append(comment)
    return Answer(201, shapes.comment(data, comment))


@route(f"GET {REPO}/issues/comments/{{comment_id}}", TALK + ":read")
def read_comment(data: GithubData, call: Call) -> Answer:
    """Read a comment."""
    return Answer(200, shapes.comment(data, _comment(data, call)))


@route(f"PATCH {REPO}/issues/comments/{{comment_id}}", TALK + ":write")
def edit_comment(data: GithubData, call: Call) -> Answer:
    """Change a comment."""
    comment = _comment(data, call)
    _check_body(call.body["body"])
    comment.body, comment.updated_at = call.body["body"], data.now()
    return Answer(200, shapes.comment(data, comment))


@route(f"DELETE {REPO}/issues/comments/{{comment_id}}", TALK + ":write")
def delete_comment(data: GithubData, call: Call) -> Answer:
    """Delete a comment."""
    data.comments.remove(_comment(data, call))
    return Answer(204)


@route(f"POST {REPO}/issues/comments/{{comment_id}}/reactions", TALK + ":write")
def react(data: GithubData, call: Call) -> Answer:
    """React to a comment; doing it twice changes nothing."""
    comment = _comment(data, call)
    again = call.body["content"] in comment.reactions
    if not again:
        comment.reactions.append(call.body["content"])
    shown = {"id": 1, "node_id": "x", "user": shapes.user(call.login), "created_at": data.now()}
    return Answer(200 if again else 201, shown | {"content": call.body["content"]})


@route(f"GET {REPO}/issues/{{issue_number}}/events", TALK + ":read")
def events(data: GithubData, call: Call) -> Answer:
    """List what happened to an issue, the oldest first."""
    number = _issue(data, call).number
    return page(call, [shapes.event(data, record) for record in data.events if record.issue == number])


@route(f"GET {REPO}/issues/{{issue_number}}/labels", TALK + ":read")
def labels_of(data: GithubData, call: Call) -> Answer:
    """List the labels of an issue."""
    return page(call, [shapes.label(data, name) for name in _issue(data, call).labels])


@route(f"POST {REPO}/issues/{{issue_number}}/labels", TALK + ":write")
def add_labels(data: GithubData, call: Call) -> Answer:
    """Set labels; those it does not know come into being."""
    issue = _issue(data, call)
    for name in call.body["labels"]:
        _ensure_label(data, name)
        data.add_label(issue, name, call.login)
    return Answer(200, [shapes.label(data, name) for name in issue.labels])


@route(f"DELETE {REPO}/issues/{{issue_number}}/labels/{{name}}", TALK + ":write")
def remove_label(data: GithubData, call: Call) -> Answer:
    """Take a label off."""
    issue = _issue(data, call)
    name = call.values["name"]
    if name not in issue.labels:
        raise RefusedError(404, "Label does not exist")
    issue.labels.remove(name)
    data.record(issue.number, "unlabeled", call.login, name)
    return Answer(200, [shapes.label(data, record) for record in issue.labels])


@route(f"GET {REPO}/labels/{{name}}", TALK + ":read")
def read_label(data: GithubData, call: Call) -> Answer:
    """Read a label of the repository."""
    if _known_label(data, call.values["name"]) is None:
        raise RefusedError(404, "Not Found")
    return Answer(200, shapes.label(data, call.values["name"]))


@route(f"POST {REPO}/labels", TALK + ":write")
def create_label(data: GithubData, call: Call) -> Answer:
    """Create a label; a second one of that name is refused."""
    name = call.body["name"]
    if _known_label(data, name):
        raise RefusedError(422, "Validation Failed", resource="Label", code="already_exists", field="name")
    if len(name) > MAX_LABEL or len(call.body.get("description") or "") > 100:
        raise RefusedError(422, "Validation Failed", resource="Label", code="invalid", field="name")
    data.labels.append(Label(name, call.body.get("color", "ededed"), call.body.get("description")))
    return Answer(201, shapes.label(data, name))


def _known_label(data: GithubData, name: str) -> Label | None:
    return next((label for label in data.labels if label.name.lower() == name.lower()), None)


def _ensure_label(data: GithubData, name: str) -> None:
    if _known_label(data, name) is None:
        data.labels.append(Label(name))


def _issue(data: GithubData, call: Call) -> Issue:
    issue = data.issue(int(call.values["issue_number"]))
    if issue is None:
        raise RefusedError(404, "Not Found")
    return issue


def _comment(data: GithubData, call: Call) -> Comment:
    for comment in data.comments:
        if str(comment.id) == call.values["comment_id"]:
            return comment
    raise RefusedError(404, "Not Found")


def _check_issue(data: GithubData, body: dict[str, Json]) -> None:
    if not body["title"].strip() or len(body["title"]) > MAX_TITLE:
        raise RefusedError(422, "Validation Failed", resource="Issue", code="custom", field="title")
    _check_body(body.get("body") or "x")
    for login in body.get("assignees", []):
        if login not in data.collaborators:
            raise RefusedError(
                422, "Validation Failed", resource="Issue", code="invalid", field="assignees", value=login
            )


def _check_body(text: str) -> None:
    if len(text) > MAX_BODY:
        raise RefusedError(422, "Validation Failed", resource="Issue", code="custom", message="body is too long")
    if not text.strip():
        raise RefusedError(422, "Validation Failed", resource="Issue", code="missing_field", field="body")
    if "\0" in text:
        raise RefusedError(
            422, "Validation Failed", resource="Issue", code="custom", message="body contains null bytes"
        )
