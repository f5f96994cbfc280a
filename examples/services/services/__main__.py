"""`python -m services DOCUMENT...`: digest text files, and keep what was found under `.digest`."""

from __future__ import annotations

import json
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from services.agents import Message, digest
from services.artifacts import Artifacts
from services.cache import Cache
from services.database import Entry, Journal
from services.workflow import Workflow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.workflow import Results

AGENT = digest()


class Digester:
    """Digests documents, each text once, and keeps what it finds in `folder`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._artifacts = Artifacts(folder / "artifacts")
        self._journal = folder / "journal.sqlite"
        self._cache: Cache[str, Message] = Cache(capacity=128)
        self._entries: list[Entry] = []

    def digest_all(self, documents: Sequence[Path]) -> dict[Path, str]:
        """Digest every document and return by its path the name of the artifact that holds the digest."""
        workflow = Workflow()
        for path in documents:
            workflow.add(f"digest {path}", partial(self._digest, path))
            workflow.add(f"keep {path}", partial(self._keep, path), after=[f"digest {path}"])
        results = workflow.run()
        with Journal(self._journal) as journal:
            journal.record(self._entries)
        return {path: results[f"keep {path}"] for path in documents}

    def _digest(self, path: Path, _: Results) -> Message:
        started = time.perf_counter()
        text = path.read_text(encoding="utf-8", errors="replace")
        found = self._cache.get(text) or AGENT(Message(text))
        self._cache.set(text, found)
        self._entries.append(Entry("digest", str(path), time.perf_counter() - started))
        return found

    def _keep(self, path: Path, results: Results) -> str:
        notes = results[f"digest {path}"].notes
        kept = {name: notes[name] for name in ("keywords", "summary")}
        return self._artifacts.put(json.dumps(kept, ensure_ascii=False).encode())


if __name__ == "__main__":
    if not sys.argv[1:]:
        sys.exit("Which documents? Usage: python -m services DOCUMENT...")
    named = [Path(argument) for argument in dict.fromkeys(sys.argv[1:])]
    for document, artifact in Digester(Path(".digest")).digest_all(named).items():
        sys.stdout.write(f"{artifact[:12]}  {document}\n")
