"""Cut the webhook payloads of `@octokit/webhooks-examples` down to the events that start workflows.

Run `npm pack @octokit/webhooks-examples`, unpack it, and give this script the folder:

    python tests/data/github/prune_events.py package tests/data/github/events.json

Addresses, node ids and avatars go; every other field stays as GitHub sent it. The package is MIT licensed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

EVENTS = (
    "create",
    "deployment_status",
    "issue_comment",
    "issues",
    "merge_group",
    "pull_request",
    "pull_request_review",
    "push",
    "release",
    "repository_dispatch",
    "workflow_dispatch",
    "workflow_run",
)
NOISE = ("_url", "_links", "node_id", "gravatar_id", "permissions", "license", "reactions")


def main(package: Path, out: Path) -> None:
    """Write the pruned payloads of `package` to `out`."""
    manifest = json.loads((package / "package.json").read_text())
    every = json.loads((package / "api.github.com" / "index.json").read_text())
    events = {
        event["name"]: [_pruned(example) for example in event["examples"]] for event in every if event["name"] in EVENTS
    }
    source = {"source": f"{manifest['name']}@{manifest['version']}", "license": manifest["license"]}
    out.write_text(json.dumps(source | {"events": events}, indent=0, sort_keys=True, ensure_ascii=True) + "\n")
    sys.stdout.write(f"{sum(map(len, events.values()))} payloads, {out.stat().st_size} bytes\n")


def _pruned(node: Any) -> Any:
    if isinstance(node, list):
        return [_pruned(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {key: _pruned(value) for key, value in node.items() if not key.endswith(NOISE) and key != "url"}


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
