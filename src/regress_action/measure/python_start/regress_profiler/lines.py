"""How long each line of the functions takes in which lines were changed."""

from __future__ import annotations

import sys
import threading
import time

from .files import name_of, write_at_the_end_of_a_worker

TYPE_CHECKING = False  # importing typing would slow every process down
if TYPE_CHECKING:
    from typing import Any

    from .files import Files, PathNames

MOST_LINE_EVENTS = 8_000_000


class LineTimer:
    """Times the lines of some files; a sample shows an operator's time at the next call, this shows it where it is.

    Every event costs as much as a short line. What timing costs is measured at the start and taken off.
    """

    def __init__(self, files: Files, names: PathNames, changed: dict[str, list[int]]) -> None:
        self._files = files
        self._names = names
        self._changed = changed
        self._codes: dict[Any, Any] = {}
        self._left = MOST_LINE_EVENTS

    def start(self) -> None:
        """Time the lines of this thread, and of those that it starts."""
        self._codes = {}
        threading.settrace(self._trace)
        sys.settrace(self._trace)

    def start_in_child(self) -> None:
        """Begin anew in a forked process."""
        self._files.rename()
        self.start()
        write_at_the_end_of_a_worker(self)

    def _trace(self, frame: Any, event: str, _: Any) -> Any:
        """Return the tracer of a call's lines, None for files that are not asked for."""
        code = frame.f_code
        rows: Any = self._codes.get(code)
        if rows is None:
            rows = self._codes[code] = {} if self._is_changed(code) else False
        return self._tracer(rows) if rows is not False and event == "call" and self._left > 0 else None

    def _is_changed(self, code: Any) -> bool:
        """Whether a changed line lies in the function, or right above it where its decorators are."""
        numbers = self._changed.get(self._names(code.co_filename))
        if not numbers or code.co_name == "<module>":
            return False
        last = max((line or 0 for _, _, line in code.co_lines()), default=0) if hasattr(code, "co_lines") else 10**9
        return any(code.co_firstlineno - 1 <= number <= last for number in numbers)

    def _tracer(self, rows: dict[int, list[int]]) -> Any:
        clock = time.perf_counter_ns
        line, since = 0, clock()

        def trace(frame: Any, event: str, _: Any) -> Any:
            nonlocal line, since
            now = clock()
            if line:
                row = rows.get(line)
                if row is None:
                    row = rows[line] = [0, 0]
                row[0] += 1
                row[1] += now - since
            self._left -= 1
            if self._left <= 0:
                return None
            line = 0 if event == "return" else frame.f_lineno
            since = clock()
            return trace

        return trace

    def stop(self) -> None:
        """Write what was timed."""
        sys.settrace(None)
        threading.settrace(None)
        import json

        cost = self._cost_ns()
        functions = [
            [
                name_of(code),
                self._names(code.co_filename),
                [[line, count, max(0, spent - count * cost) * 1e-9] for line, (count, spent) in rows.items()],
            ]
            for code, rows in list(self._codes.items())
            if rows
        ]
        self._files.write("lines", "json", [json.dumps({"schema": 1, "lines": functions})])

    def _cost_ns(self) -> float:
        """Return what timing adds to the time of a line: what a line takes that does nothing."""
        clock, costs = time.perf_counter_ns, []
        for _ in range(200):
            began = clock()
            costs.append(clock() - began)
        return sorted(costs)[len(costs) // 2]


def changed_lines(text: str) -> dict[str, list[int]]:
    """Return the numbers of changed lines by path, from the text of REGRESS_PROFILE_LINES."""
    rows = (row.partition("\t") for row in text.split("\n") if row)
    return {path: [int(number) for number in numbers.split(",") if number.isdigit()] for path, _, numbers in rows}
