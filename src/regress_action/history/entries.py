"""What the path of a record says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Final

_PATH: Final = re.compile(
    r"runs/(?P<suite>[a-z0-9._~-]+)/(?P<environment>[0-9a-f]{12})/(?P<year>\d{4})/(?P<month>\d\d)/"
    r"(?P<time>(?P=year)(?P=month)\d\dT\d{6}Z)-(?P<commit>[0-9a-f]{7,12})-(?P<run>[a-z0-9._~-]+)\.(?P<attempt>[a-z0-9_~-]+)"
    r"-(?P<digest>[0-9a-f]{12})\.jsonl"
)


@dataclass(frozen=True, slots=True, order=True)
class RecordEntry:
    """A record by its path alone; sorts by time.

    `suite` is in its form for paths, `commit` the first twelve digits, or zeros where no commit was known.
    """

    time: datetime
    path: str
    suite: str
    environment: str
    commit: str
    run: str
    attempt: str
    digest: str

    @classmethod
    def parse(cls, path: str) -> RecordEntry | None:
        """Read `path`, or return None where it is no path of a record."""
        match = _PATH.fullmatch(path)
        if match is None:
            return None
        try:
            time = datetime.fromisoformat(match["time"])
        except ValueError:
            return None
        return cls(
            time,
            path,
            match["suite"],
            match["environment"],
            match["commit"],
            match["run"],
            match["attempt"],
            match["digest"],
        )

    @property
    def name(self) -> str:
        """The name of the file."""
        return PurePosixPath(self.path).name


def by_time(path: str) -> tuple[str, str]:
    """Return what orders paths as `RecordEntry` does, without reading them: a name begins with its time."""
    return path[path.rfind("/") + 1 :][:16], path
