"""What the process under load uses while the load is measured."""

from __future__ import annotations

import contextlib

import psutil

from regress_action.model.errors import UsageError


class ProcessUse:
    """CPU time and memory of one process and its children, between the first look and the last.

    Raises:
        UsageError: there is no such process.
    """

    def __init__(self, pid: int) -> None:
        try:
            self._process = psutil.Process(pid)
        except psutil.Error as error:
            raise UsageError(f"There is no process {pid}.", remedy="Give the id of the process under load.") from error
        self._first_cpu_s: float | None = None
        self._last_cpu_s = 0.0
        self._peak_bytes = 0

    def look(self) -> None:
        """Read the counters once."""
        cpu, memory = 0.0, 0
        with contextlib.suppress(psutil.Error):
            for process in (self._process, *self._process.children(recursive=True)):
                with contextlib.suppress(psutil.Error):
                    times = process.cpu_times()
                    cpu += times.user + times.system
                    memory += process.memory_info().rss
        if memory:
            self._first_cpu_s = cpu if self._first_cpu_s is None else self._first_cpu_s
            self._last_cpu_s = max(self._last_cpu_s, cpu)
            self._peak_bytes = max(self._peak_bytes, memory)

    def used(self) -> dict[str, float]:
        """Return the CPU seconds and the most resident bytes, nothing where the process was never seen."""
        if self._first_cpu_s is None:
            return {}
        return {"cpu_time": self._last_cpu_s - self._first_cpu_s, "peak_memory": float(self._peak_bytes)}
