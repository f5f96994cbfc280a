"""The records as GitHub shows them: the description's own examples, with our values filled in."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

from fake_github.schema import DESCRIPTION

if TYPE_CHECKING:
    from fake_github.data import Artifact, CheckRun, Comment, Event, GithubData, Issue, Label, WorkflowRun

Json = Any
REPO = "/repos/{owner}/{repo}"


def localised(data: GithubData, base_url: str, node: Json) -> Json:
    """Point every address of an example at this server and this repository."""
    match node:
        case list():
            return [localised(data, base_url, item) for item in node]
        case dict():
            return {key: localised(data, base_url, value) for key, value in node.items()}
        case str() if node.startswith("https://api.github.com"):
            path = node.removeprefix("https://api.github.com").replace("octocat/Hello-GithubData", data.repository)
            return base_url + path.replace("github/hello-data", data.repository)
    return node


def user(login: str) -> dict[str, Json]:
    """A simple user; a name in brackets is an app's."""
    example: dict[str, Json] = DESCRIPTION.example("GET", f"{REPO}/issues/{{issue_number}}/comments", 200)[0]["user"]
    kind = "Bot" if login.endswith("[bot]") else "User"
    return example | {"login": login, "id": zlib.crc32(login.encode()), "type": kind}


def repository(data: GithubData, name: str | None = None) -> dict[str, Json]:
    """A repository; without a name ours."""
    name = name or data.repository
    example: dict[str, Json] = DESCRIPTION.example("GET", REPO, 200)
    example |= {"language": None, "default_branch": data.default_branch, "has_issues": data.issues_enabled}
    for key in ("template_repository", "source", "parent"):
        example.pop(key, None)
    return example | _repository_identity(data, name)


def _repository_identity(data: GithubData, name: str) -> dict[str, Json]:
    owner, short = name.split("/")
    return {
        "id": zlib.crc32(name.encode()),
        "name": short,
        "full_name": name,
        "owner": user(owner),
        "fork": name != data.repository,
        "url": f"https://api.github.com/repos/{name}",
        "html_url": f"https://github.com/{name}",
    }


def label(data: GithubData, name: str) -> dict[str, Json]:
    """A label of the repository, by name."""
    existing: Label | None = next((kept for kept in data.labels if kept.name.lower() == name.lower()), None)
    example: dict[str, Json] = DESCRIPTION.example("GET", f"{REPO}/labels/{{name}}", 200)
    return example | {
        "id": zlib.crc32(name.lower().encode()),
        "name": existing.name if existing else name,
        "color": existing.color if existing else "ededed",
        "description": (existing.description if existing else None) or "",
        "default": False,
        "url": f"https://api.github.com/repos/{data.repository}/labels/{name.replace(' ', '%20')}",
    }


def check_run(data: GithubData, run: CheckRun) -> dict[str, Json]:
    """A check run; annotations are only counted here."""
    example: dict[str, Json] = DESCRIPTION.example("GET", f"{REPO}/check-runs/{{check_run_id}}", 200)
    url = f"https://api.github.com/repos/{data.repository}/check-runs/{run.id}"
    slug = data.login.removesuffix("[bot]")
    example["app"] |= {"slug": slug, "name": slug}
    return example | {
        "id": run.id,
        "name": run.name,
        "head_sha": run.head_sha,
        "external_id": run.external_id,
        "status": run.status,
        "conclusion": run.conclusion,
        "started_at": run.started_at,
        "completed_at": run.completed_at,
        "details_url": run.details_url,
        "url": url,
        "html_url": f"https://github.com/{data.repository}/runs/{run.id}",
        "pull_requests": [],
        "output": {
            "title": run.title,
            "summary": run.summary,
            "text": run.text,
            "annotations_count": len(run.annotations),
            "annotations_url": f"{url}/annotations",
        },
    }


def issue(data: GithubData, record: Issue) -> dict[str, Json]:
    """An issue, also for a pull request, which then says so."""
    example: dict[str, Json] = DESCRIPTION.example("POST", f"{REPO}/issues", 201)
    url = f"https://api.github.com/repos/{data.repository}/issues/{record.number}"
    kind = "pull" if record.pull else "issues"
    shown: dict[str, Json] = example | {
        "id": 10_000 + record.number,
        "number": record.number,
        "title": record.title,
        "body": record.body,
        "user": user(record.user) if record.user else None,
        "state": record.state,
        "state_reason": record.state_reason,
        "labels": [label(data, name) for name in record.labels],
        "assignee": user(record.assignees[0]) if record.assignees else None,
        "assignees": [user(login) for login in record.assignees],
        "milestone": None,
        "locked": record.locked,
        "comments": sum(comment.issue == record.number for comment in data.comments),
        "created_at": record.created_at,
        "updated_at": record.updated_at,
        "closed_at": record.closed_at,
        "closed_by": None,
        "url": url,
        "comments_url": f"{url}/comments",
        "events_url": f"{url}/events",
        "labels_url": f"{url}/labels{{/name}}",
        "html_url": f"https://github.com/{data.repository}/{kind}/{record.number}",
        "repository_url": f"https://api.github.com/repos/{data.repository}",
    }
    shown.pop("pull_request", None)
    if record.pull:
        pull_url = f"https://api.github.com/repos/{data.repository}/pulls/{record.number}"
        shown["pull_request"] = dict.fromkeys(("url", "html_url", "diff_url", "patch_url"), pull_url)
    return shown


def comment(data: GithubData, record: Comment) -> dict[str, Json]:
    """A comment."""
    example: dict[str, Json] = DESCRIPTION.example("GET", f"{REPO}/issues/comments/{{comment_id}}", 200)
    return example | {
        "id": record.id,
        "body": record.body,
        "user": user(record.user) if record.user else None,
        "created_at": record.created_at,
        "updated_at": record.updated_at,
        "url": f"https://api.github.com/repos/{data.repository}/issues/comments/{record.id}",
        "issue_url": f"https://api.github.com/repos/{data.repository}/issues/{record.issue}",
        "html_url": f"https://github.com/{data.repository}/issues/{record.issue}#issuecomment-{record.id}",
    }


def event(data: GithubData, record: Event) -> dict[str, Json]:
    """Something that happened to an issue."""
    example: dict[str, Json] = DESCRIPTION.example("GET", f"{REPO}/issues/{{issue_number}}/events", 200)[0]
    shown: dict[str, Json] = example | {
        "id": record.id,
        "event": record.event,
        "actor": user(record.actor),
        "created_at": record.created_at,
        "url": f"https://api.github.com/repos/{data.repository}/issues/events/{record.id}",
    }
    shown.pop("label", None)
    if record.label:
        shown["label"] = {"name": record.label, "color": "ededed"}
    return shown


def pull(data: GithubData, record: Issue, *, simple: bool = False) -> dict[str, Json]:
    """A pull request, in full or as listings show it."""
    assert record.pull is not None
    example: dict[str, Json] = (
        DESCRIPTION.example("GET", f"{REPO}/pulls", 200)[0]
        if simple
        else DESCRIPTION.example("GET", f"{REPO}/pulls/{{pull_number}}", 200)
    )
    head, base = record.pull.head_repository, data.repository
    url = f"https://api.github.com/repos/{data.repository}/pulls/{record.number}"
    return example | {
        "id": 20_000 + record.number,
        "number": record.number,
        "title": record.title,
        "body": record.body,
        "state": record.state,
        "user": user(record.user) if record.user else None,
        "labels": [label(data, name) for name in record.labels],
        "draft": record.pull.draft,
        "merged_at": record.pull.merged_at,
        "merge_commit_sha": record.pull.merge_commit_sha,
        "requested_reviewers": [user(login) for login in record.pull.reviewers],
        "requested_teams": [team(slug) for slug in record.pull.team_reviewers],
        "assignee": None,
        "assignees": [],
        "milestone": None,
        "url": url,
        "issue_url": f"https://api.github.com/repos/{data.repository}/issues/{record.number}",
        "html_url": f"https://github.com/{data.repository}/pull/{record.number}",
        "head": _end(data, example["head"], head, record.pull.head_ref, record.pull.head_sha),
        "base": _end(data, example["base"], base, record.pull.base_ref, record.pull.base_sha),
    }


def _end(data: GithubData, example: dict[str, Json], name: str | None, ref: str, sha: str) -> dict[str, Json]:
    owner = (name or "ghost/gone").split("/")[0]
    shown = example["repo"] | _repository_identity(data, name) if name else None
    return example | {"label": f"{owner}:{ref}", "ref": ref, "sha": sha, "user": user(owner), "repo": shown}


def team(slug: str) -> dict[str, Json]:
    """A team by its slug."""
    reviewers = DESCRIPTION.example("GET", f"{REPO}/pulls/{{pull_number}}/requested_reviewers", 200)
    example: dict[str, Json] = reviewers["teams"][0]
    return example | {"slug": slug, "name": slug, "type": "organization", "organization_id": 1}


def run(data: GithubData, record: WorkflowRun) -> dict[str, Json]:
    """A run of a workflow."""
    example: dict[str, Json] = DESCRIPTION.example("GET", f"{REPO}/actions/runs/{{run_id}}", 200)
    return example | {
        "id": record.id,
        "event": record.event,
        "head_sha": record.head_sha,
        "head_branch": record.head_branch,
        "status": record.status,
        "conclusion": record.conclusion,
        "run_attempt": record.attempt,
        "path": f".github/workflows/{record.workflow}@{record.head_branch}",
        "display_title": record.title or "Update README.md",
        "head_repository": example["head_repository"] | _repository_identity(data, record.head_repository),
        "url": f"https://api.github.com/repos/{data.repository}/actions/runs/{record.id}",
        "artifacts_url": f"https://api.github.com/repos/{data.repository}/actions/runs/{record.id}/artifacts",
        "rerun_url": f"https://api.github.com/repos/{data.repository}/actions/runs/{record.id}/rerun",
        "html_url": f"https://github.com/{data.repository}/actions/runs/{record.id}",
    }


def artifact(data: GithubData, record: Artifact) -> dict[str, Json]:
    """An artifact and the run that made it."""
    example: dict[str, Json] = DESCRIPTION.example("GET", f"{REPO}/actions/artifacts/{{artifact_id}}", 200)
    made_by = next((run for run in data.runs if run.id == record.run_id), None)
    url = f"https://api.github.com/repos/{data.repository}/actions/artifacts/{record.id}"
    example["workflow_run"] |= {
        "id": record.run_id,
        "head_branch": made_by.head_branch if made_by else data.default_branch,
        "head_sha": made_by.head_sha if made_by else "0" * 40,
        "repository_id": zlib.crc32(data.repository.encode()),
        "head_repository_id": zlib.crc32((made_by.head_repository if made_by else data.repository).encode()),
    }
    size = record.claimed_size if record.claimed_size is not None else len(record.content) * 3 // 4
    return example | {
        "id": record.id,
        "name": record.name,
        "expired": record.expired,
        "size_in_bytes": size,
        "url": url,
        "archive_download_url": f"{url}/zip",
    }
