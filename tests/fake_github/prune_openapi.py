"""Cut GitHub's OpenAPI description down to the operations the fake serves.

Run `npm pack @octokit/openapi`, unpack it, and give this script the folder:

    python tests/fake_github/prune_openapi.py package tests/fake_github/openapi.json.gz

The package (MIT licence) is 385 MB unpacked; what stays is the schemas and one example per answer. Its name, version
and licence go into `info`, so that the file says where it came from.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import Any

REPO = "/repos/{owner}/{repo}"
OPERATIONS = {
    "/user": ["get"],
    REPO: ["get"],
    f"{REPO}/actions/artifacts": ["get"],
    f"{REPO}/actions/artifacts/{{artifact_id}}": ["get"],
    f"{REPO}/actions/artifacts/{{artifact_id}}/{{archive_format}}": ["get"],
    f"{REPO}/actions/runs": ["get"],
    f"{REPO}/actions/runs/{{run_id}}": ["get"],
    f"{REPO}/actions/runs/{{run_id}}/artifacts": ["get"],
    f"{REPO}/actions/runs/{{run_id}}/rerun": ["post"],
    f"{REPO}/actions/workflows/{{workflow_id}}/dispatches": ["post"],
    f"{REPO}/actions/workflows/{{workflow_id}}/runs": ["get"],
    f"{REPO}/check-runs": ["post"],
    f"{REPO}/check-runs/{{check_run_id}}": ["get", "patch"],
    f"{REPO}/check-runs/{{check_run_id}}/annotations": ["get"],
    f"{REPO}/collaborators/{{username}}/permission": ["get"],
    f"{REPO}/commits/{{ref}}/check-runs": ["get"],
    f"{REPO}/commits/{{commit_sha}}/pulls": ["get"],
    f"{REPO}/compare/{{basehead}}": ["get"],
    f"{REPO}/contents/{{path}}": ["get"],
    f"{REPO}/issues": ["get", "post"],
    f"{REPO}/issues/comments/{{comment_id}}": ["get", "patch", "delete"],
    f"{REPO}/issues/comments/{{comment_id}}/reactions": ["post"],
    f"{REPO}/issues/{{issue_number}}": ["get", "patch"],
    f"{REPO}/issues/{{issue_number}}/comments": ["get", "post"],
    f"{REPO}/issues/{{issue_number}}/events": ["get"],
    f"{REPO}/issues/{{issue_number}}/labels": ["get", "post"],
    f"{REPO}/issues/{{issue_number}}/labels/{{name}}": ["delete"],
    f"{REPO}/labels": ["post"],
    f"{REPO}/labels/{{name}}": ["get"],
    f"{REPO}/pulls": ["get"],
    f"{REPO}/pulls/{{pull_number}}": ["get"],
    f"{REPO}/pulls/{{pull_number}}/requested_reviewers": ["get", "post"],
}
PROSE = {"description", "summary", "externalDocs", "tags", "x-github", "title"}


def main(package: Path, out: Path) -> None:
    """Write the pruned description of `package` to `out`."""
    manifest = json.loads((package / "package.json").read_text())
    description = json.loads((package / "generated" / "api.github.com.json").read_text())
    paths = {
        path: {method: description["paths"][path][method] for method in methods} for path, methods in OPERATIONS.items()
    }
    for path in paths.values():
        for operation in path.values():
            _keep_one_example(operation)
    pruned: dict[str, Any] = {
        "openapi": description["openapi"],
        "info": {
            "source": f"{manifest['name']}@{manifest['version']}",
            "license": manifest["license"],
            "note": "cut down by prune_openapi.py",
        },
        "paths": _without_prose(paths),
        "components": {},
    }
    _add_components(pruned, description)
    text = json.dumps(pruned, separators=(",", ":"), sort_keys=True).encode()
    out.write_bytes(gzip.compress(text, 9, mtime=0))
    sys.stdout.write(f"{len(paths)} paths, {len(text)} bytes, {out.stat().st_size} packed\n")


def _keep_one_example(operation: dict[str, Any]) -> None:
    """Keep the first example of each JSON answer, and none of the requests."""
    for content in operation.get("requestBody", {}).get("content", {}).values():
        content.pop("examples", None)
    for answer in operation["responses"].values():
        for content in answer.get("content", {}).values():
            examples = content.get("examples", {})
            content["examples"] = dict(list(examples.items())[:1])


def _without_prose(node: Any, *, names: bool = False) -> Any:
    """Drop what only people read; `names` is true where the keys are property names, not keywords."""
    if isinstance(node, list):
        return [_without_prose(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: value
        if key in {"example", "examples", "value"} and not names
        else _without_prose(value, names=key in NAMED)
        for key, value in node.items()
        if names or key not in PROSE
    }


NAMED = {"properties", "schemas", "parameters", "responses", "headers", "examples"}


def _add_components(pruned: dict[str, Any], description: dict[str, Any]) -> None:
    """Add everything that is referred to, and what that refers to."""
    waiting = list(_references(pruned["paths"]))
    while waiting:
        _, _, kind, name = waiting.pop().split("/")
        home = pruned["components"].setdefault(kind, {})
        if name in home:
            continue
        part = description["components"][kind][name]
        home[name] = part if kind == "examples" else _without_prose(part)
        waiting += _references(home[name])


def _references(node: Any) -> list[str]:
    """Every `$ref` below a node."""
    if isinstance(node, list):
        return [ref for item in node for ref in _references(item)]
    if not isinstance(node, dict):
        return []
    own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
    return own + [ref for value in node.values() for ref in _references(value)]


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
