"""What control groups (cgroup v1 and v2) allow a process tree, and how often a limit stopped it; Linux only."""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass, field
from pathlib import Path

_MOST_GROUPS = 16
_NO_LIMIT = 2**60  # version 1 writes the largest page-aligned number where there is none
_NS, _US = 1e-9, 1e-6


@dataclass(frozen=True, slots=True)
class _Counters:
    """What one group has counted since it was made."""

    throttled_s: float = 0.0
    throttled: int = 0
    periods: int = 0
    hits: int = 0


@dataclass(slots=True)
class ControlGroupLimits:
    """The limits of all groups that processes were seen in; counters are taken when a group is first seen."""

    _texts: set[str] = field(default_factory=set)
    _looks: dict[int | str, int] = field(default_factory=dict)
    _cpu: dict[Path, _Counters] = field(default_factory=dict)
    _memory: dict[Path, _Counters] = field(default_factory=dict)

    def note(self, pid: int | str) -> None:
        """Look up the groups of a process, and of all groups around them; `pid` may be `self`."""
        looks = self._looks[pid] = self._looks.get(pid, 0) + 1
        # A process may be moved while it runs, so that it is looked up again, ever more rarely.
        if looks & (looks - 1) or len(self._texts) >= _MOST_GROUPS:
            return
        text = _read(Path(f"/proc/{pid}/cgroup"))
        if not text or text in self._texts:
            return
        self._texts.add(text)
        for folder in _folders(text, "cpu"):
            self._cpu.setdefault(folder, _counted(folder))
        for folder in _folders(text, "memory"):
            self._memory.setdefault(folder, _counted(folder))

    @property
    def described(self) -> dict[str, float | int | None]:
        """The form in which measurement.json holds it: the tightest limits, and what was counted since the first look.

        `cpu_limit` is in CPUs. `memory_peak_bytes` is the most that the group with the tightest limit ever held.
        """
        throttled = max(
            (self._since(folder, before) for folder, before in self._cpu.items()), key=_throttled_s, default=_Counters()
        )
        hits = max((self._since(folder, before).hits for folder, before in self._memory.items()), default=0)
        limits = [limit for folder in self._cpu if (limit := _cpu_limit(folder)) is not None]
        held = [(limit, folder) for folder in self._memory if (limit := _memory_limit(folder)) is not None]
        tightest, group = min(held, default=(None, None))
        return {
            "throttled_s": round(throttled.throttled_s, 6),
            "throttled_periods": throttled.throttled,
            "periods": throttled.periods,
            "cpu_limit": round(min(limits), 3) if limits else None,
            "memory_limit_bytes": tightest,
            "memory_peak_bytes": _memory_peak(group) if group else None,
            "memory_limit_hits": hits,
        }

    @staticmethod
    def _since(folder: Path, before: _Counters) -> _Counters:
        now = _counted(folder)
        return _Counters(  # a group that is gone counts nothing
            max(0.0, now.throttled_s - before.throttled_s),
            max(0, now.throttled - before.throttled),
            max(0, now.periods - before.periods),
            max(0, now.hits - before.hits),
        )


def _throttled_s(counters: _Counters) -> float:
    return counters.throttled_s


def _folders(groups: str, controller: str) -> list[Path]:
    """Return the folder of a process's group for one controller, and those around it, innermost first.

    `groups` is the text of `/proc/<process>/cgroup`. A mount may show a part of the hierarchy only, as in a container.
    """
    wanted = _paths(groups)
    for root, point, kind in _mounts():
        path = wanted.get("" if kind is None else controller if controller in kind else None)
        if path is None or (kind is None and not (point / "cgroup.controllers").exists()):
            continue
        inner = path.removeprefix(root.rstrip("/")) if path.startswith(root.rstrip("/") or "/") else "/"
        if ".." in inner.split("/"):
            continue
        folder = point / inner.strip("/")
        folders = [above for above in (folder, *folder.parents) if above.is_relative_to(point)]
        if any((above / name).exists() for above in folders for name in _FILES[controller]):
            return folders
    return []


_FILES = {
    "cpu": ("cpu.max", "cpu.cfs_quota_us"),
    "memory": ("memory.max", "memory.limit_in_bytes"),
}


def _paths(groups: str) -> dict[str | None, str]:
    """Return the path of the group by controller; that of version 2 by the empty text."""
    paths: dict[str | None, str] = {}
    for line in groups.splitlines():
        _, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        for name in names.split(","):
            paths[name] = path
    return paths


def _mounts() -> list[tuple[str, Path, frozenset[str] | None]]:
    """Return the root and the folder of each mount of control groups, with its controllers, None for version 2."""
    mounts: list[tuple[str, Path, frozenset[str] | None]] = []
    for line in _read(Path("/proc/self/mountinfo")).splitlines():
        left, _, right = line.partition(" - ")
        words, kind = left.split(), right.split()
        if kind[:1] == ["cgroup2"]:
            mounts.append((words[3], Path(words[4]), None))
        elif kind[:1] == ["cgroup"]:
            mounts.append((words[3], Path(words[4]), frozenset(kind[2].split(","))))
    return mounts


def _counted(folder: Path) -> _Counters:
    stat = _table(folder / "cpu.stat")
    throttled_s = stat.get("throttled_usec", 0) * _US or stat.get("throttled_time", 0) * _NS
    events = _table(folder / "memory.events")
    failed = _number(folder / "memory.failcnt") or 0
    hits = int(events.get("max", 0) + events.get("oom", 0) + failed)
    return _Counters(throttled_s, int(stat.get("nr_throttled", 0)), int(stat.get("nr_periods", 0)), hits)


def _cpu_limit(folder: Path) -> float | None:
    quota, _, period = _read(folder / "cpu.max").strip().partition(" ")
    if not quota:
        quota, period = _read(folder / "cpu.cfs_quota_us").strip(), _read(folder / "cpu.cfs_period_us").strip()
    return int(quota) / int(period) if quota.isdigit() and period.isdigit() and int(period) else None


def _memory_limit(folder: Path) -> int | None:
    for name in _FILES["memory"]:
        limit = _number(folder / name)
        if limit is not None and limit < _NO_LIMIT:
            return limit
    return None


def _memory_peak(folder: Path) -> int | None:
    return _number(folder / "memory.peak") or _number(folder / "memory.max_usage_in_bytes")


def _table(path: Path) -> dict[str, float]:
    rows = (line.split() for line in _read(path).splitlines())
    return {row[0]: float(row[1]) for row in rows if len(row) == 2 and row[1].isdigit()}  # noqa: PLR2004 - name and number


def _number(path: Path) -> int | None:
    text = _read(path).strip()
    return int(text) if text.isdigit() and int(text) < math.inf else None


def _read(path: Path) -> str:
    with contextlib.suppress(OSError):
        return path.read_text(encoding="utf-8", errors="replace")
    return ""
