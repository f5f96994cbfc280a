"""Check runs, with the limits that GitHub enforces beyond its description."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fake_github import shapes
from fake_github.data import CheckRun
from fake_github.routing import Answer, Call, RefusedError, page, route, visible
from fake_github.shapes import REPO

if TYPE_CHECKING:
    from fake_github.data import GithubData

Json = Any
MAX_BYTES = 65535
LAST_SHORT_CHARACTER = "\uffff"


@route(f"POST {REPO}/check-runs", "checks:write")
def create(data: GithubData, call: Call) -> Answer:
    """Create a check run; only apps may."""
    if not call.login.endswith("[bot]"):
        raise RefusedError(403, "You must authenticate via a GitHub App.")
    _check_output(call.body)
    run = CheckRun(data.next_id(), call.body["name"], call.body["head_sha"], hidden=data.lag)
    _fill(run, call.body)
    data.check_runs.append(run)
    return Answer(201, shapes.check_run(data, run))


@route(f"PATCH {REPO}/check-runs/{{check_run_id}}", "checks:write")
def update(data: GithubData, call: Call) -> Answer:
    """Change a check run; annotations are appended."""
    _check_output(call.body)
    run = _find(data, call)
    body = dict(call.body)
    if run.status == "completed" and data.completed_is_final:
        if data.completed_is_final == "refused" and {"status", "conclusion"} & body.keys():
            raise RefusedError(422, "A completed check run cannot be changed.")
        body = {key: value for key, value in body.items() if key not in {"status", "conclusion", "completed_at"}}
    _fill(run, body)
    return Answer(200, shapes.check_run(data, run))


@route(f"GET {REPO}/check-runs/{{check_run_id}}", "checks:read")
def read(data: GithubData, call: Call) -> Answer:
    """Read a check run."""
    return Answer(200, shapes.check_run(data, _find(data, call)))


@route(f"GET {REPO}/check-runs/{{check_run_id}}/annotations", "checks:read")
def list_annotations(data: GithubData, call: Call) -> Answer:
    """List annotations in the order in which they came."""
    blank = {"start_column": None, "end_column": None, "title": None, "raw_details": None, "blob_href": "https://x"}
    return page(call, [blank | annotation for annotation in _find(data, call).annotations])


@route(f"GET {REPO}/commits/{{ref}}/check-runs", "checks:read")
def of_commit(data: GithubData, call: Call) -> Answer:
    """List the check runs of a commit, the newest first; `filter=latest` keeps one for each name."""
    runs = visible([run for run in data.check_runs if run.head_sha == call.values["ref"]])
    wanted = [run for run in reversed(runs) if call.query.get("check_name", run.name) == run.name]
    if call.query.get("filter", "latest") == "latest":
        wanted = list({run.name: run for run in reversed(wanted)}.values())
    return page(call, [shapes.check_run(data, run) for run in wanted], "check_runs")


def _find(data: GithubData, call: Call) -> CheckRun:
    for run in data.check_runs:
        if str(run.id) == call.values["check_run_id"]:
            return run
    raise RefusedError(404, "Not Found")


def _fill(run: CheckRun, body: dict[str, Json]) -> None:
    for key in ("name", "status", "conclusion", "external_id", "details_url", "started_at", "completed_at"):
        if key in body:
            setattr(run, key, body[key])
    if "conclusion" in body:
        run.status = "completed"
    elif run.status != "completed":
        run.conclusion = run.completed_at = None
    output = body.get("output", {})
    for key in ("title", "summary", "text"):
        if key in output:
            setattr(run, key, output[key])
    run.annotations += output.get("annotations", [])


def _check_output(body: dict[str, Json]) -> None:
    """Refuse what GitHub refuses and its description does not mention."""
    if body.get("status") == "completed" and not body.get("conclusion"):
        raise RefusedError(422, "Invalid request. A completed run needs a conclusion.")
    output = body.get("output", {})
    for key in ("summary", "text"):
        if len(output.get(key, "").encode()) > MAX_BYTES:
            raise RefusedError(422, f"Only {MAX_BYTES} bytes are allowed; {key} is longer")
    if len(output.get("title", "")) > 255:
        raise RefusedError(422, "title is too long (maximum is 255 characters)")
    for annotation in output.get("annotations", []):
        _check_annotation(annotation)


def _check_annotation(annotation: dict[str, Json]) -> None:
    texts = [annotation["message"], annotation.get("title", ""), annotation.get("raw_details", ""), annotation["path"]]
    wrong = (
        not annotation["path"]
        or annotation["path"].startswith("/")
        or annotation["start_line"] < 1
        or annotation["end_line"] < annotation["start_line"]
        or not annotation["message"]
        or any(character > LAST_SHORT_CHARACTER or character == "\0" for text in texts for character in text)
        or len(annotation["message"].encode()) > 64 * 1024
        or len(annotation.get("title", "")) > 255
        or ("start_column" in annotation and annotation["start_line"] != annotation["end_line"])
    )
    if wrong:
        raise RefusedError(
            422, "Invalid request. Invalid annotations.", resource="CheckRun", code="invalid", field="annotations"
        )
