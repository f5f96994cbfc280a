"""The workflows that a repository has: jobs of other benchmark tools, which the new workflow may replace."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regress_action.scaffold.repository import Repository

_TOOLS = {
    "benchmark-action/github-action-benchmark": "github-action-benchmark",
    "CodSpeedHQ/action": "CodSpeed",
    "bencherdev/bencher": "Bencher",
    "nyrkio/change-detection": "Nyrkiö",
}
_MOST = 100


def other_tools(repository: Repository) -> Iterator[tuple[str, str]]:
    """Yield (workflow, tool) for every workflow that uses another benchmark tool."""
    folder = repository.root / ".github" / "workflows"
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir())[:_MOST]:
        if path.suffix not in (".yml", ".yaml"):
            continue
        text = repository.text(f".github/workflows/{path.name}")
        for action, tool in _TOOLS.items():
            if re.search(rf"uses:\s*['\"]?{re.escape(action)}", text, re.IGNORECASE):
                yield f".github/workflows/{path.name}", tool
        if re.search(r"\basv (?:run|continuous)\b", text):
            yield f".github/workflows/{path.name}", "asv"
