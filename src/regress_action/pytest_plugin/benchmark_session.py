"""What becomes of the benchmarks of a session: tables, JSON, saved runs, comparisons with them, and plots.

Everything follows the options and the hooks of pytest-benchmark. `config._benchmarksession` is this object, as there.
"""

from __future__ import annotations

import json
import sys
import warnings
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pytest

from regress_action.pytest_plugin import call_profile, options, records, saved_runs, tables

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from regress_action.pytest_plugin.benchmark_record import BenchmarkRecord

_NUMBERS = (*(name for name in tables.COLUMNS if name != "outliers"), "q1", "q3", "ld15iqr", "hd15iqr")
_UNTIMED = "regress_action_benchmarks_untimed"
_DISABLED = (
    "Benchmarks are automatically disabled because xdist plugin is active. Each was called once and not timed, because "
    "workers slow one another; leave out -n to time them."
)
_MISSING_COMPARISON = "--benchmark-compare-fail requires valid --benchmark-compare."


class PytestBenchmarkWarning(pytest.PytestWarning):
    """Something about the benchmarks of a session that is no error."""


class Messages:
    """Messages to people, on the error output, which carries no results."""

    def __init__(self, config: pytest.Config) -> None:
        self._capture = config.pluginmanager.get_plugin("capturemanager")
        self._verbose = config.option.benchmark_verbose
        self._quiet = config.option.benchmark_quiet and not self._verbose

    def info(self, text: str) -> None:
        """Say something, unless the session is quiet."""
        if not self._quiet:
            self._write(text)

    def debug(self, text: str) -> None:
        """Say something with `--benchmark-verbose`."""
        if self._verbose:
            self._write(text)

    def warning(self, text: str) -> None:
        """Warn, by the means of Python, and in the output with `--benchmark-verbose`."""
        if self._verbose:
            self._write(f"{'-' * 79}\n WARNING: {text}\n{'-' * 79}")
        warnings.warn(PytestBenchmarkWarning(text), stacklevel=2)

    def error(self, text: str) -> None:
        """Say what is wrong."""
        self._write(text)

    def _write(self, text: str) -> None:
        if self._capture is None:
            sys.stderr.write(f"{text}\n")
            return
        with self._capture.global_and_fixture_disabled():
            sys.stderr.write(f"{text}\n")


class BenchmarkSession:
    """The benchmarks of this session and what was asked to be done with them."""

    def __init__(self, config: pytest.Config) -> None:
        option = config.option
        self.config = config
        self.messages = self.logger = Messages(config)
        self.machine_id = saved_runs.machine_id()
        self.skip = option.benchmark_skip and not option.benchmark_only
        self.only = option.benchmark_only
        self.disabled = not options.enabled(config)
        self.options = options.timing_of(config).described
        self.columns = option.benchmark_columns or tables.COLUMNS
        self.sort, self.group_by = option.benchmark_sort, option.benchmark_group_by
        self.histogram: str | None = option.benchmark_histogram
        self.compare_fail: Sequence[saved_runs.RegressionCheck] = option.benchmark_compare_fail or ()
        self.regressions: list[str] = []
        self.groups: list[tuple[str | None, list[dict[str, Any]]]] = []
        folder = config.invocation_params.dir / option.benchmark_storage
        self.storage = saved_runs.SavedRuns(folder.resolve(), self.messages.warning)
        self.compared = self._load(option.benchmark_compare)
        self._untimed = False

    @property
    def benchmarks(self) -> list[BenchmarkRecord]:
        """What was measured so far in this process."""
        return records.records_of_fixtures(self.config)

    @cached_property
    def _machine_info(self) -> dict[str, Any]:
        return self.get_machine_info()

    def get_machine_info(self) -> dict[str, Any]:
        """Return what a file says of the machine, after the hooks."""
        hook = self.config.hook
        info: dict[str, Any] = hook.pytest_benchmark_generate_machine_info(config=self.config)
        hook.pytest_benchmark_update_machine_info(config=self.config, machine_info=info)
        return info

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:  # noqa: ANN401 - a worker of pytest-xdist, which may be absent
        """Note whether a worker of pytest-xdist had benchmarks, which it ran once each."""
        self._untimed |= bool(getattr(node, "workeroutput", {}).get(_UNTIMED))

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Save and compare, unless a session that measures isolated tests has further benchmarks and does it."""
        if hasattr(self.config, "workeroutput"):
            option = self.config.option
            asked = not (option.benchmark_disable or option.benchmark_skip)
            self.config.workeroutput[_UNTIMED] = asked and records.uses_fixtures(self.config)
        if not self.config.pluginmanager.has_plugin("regress-performance"):
            self.finish(session, self.benchmarks)

    def finish(self, session: pytest.Session, benchmarks: Sequence[BenchmarkRecord]) -> None:
        """Write what was asked for; a statistic beyond its limit ends the session with 1."""
        if session.config.option.collectonly or hasattr(self.config, "workerinput"):
            return
        self._save(benchmarks)
        rows = list(self._rows(benchmarks))
        if rows:
            hook = self.config.hook.pytest_benchmark_group_stats
            try:
                self.groups = list(hook(config=self.config, benchmarks=rows, group_by=self.group_by))
            except pytest.UsageError as error:
                self.messages.error(f"ERROR: {error}")
                session.exitstatus = pytest.ExitCode.USAGE_ERROR
        if self.compare_fail and not self.compared and not session.exitstatus:
            session.exitstatus = pytest.ExitCode.USAGE_ERROR
        elif self.regressions and not session.exitstatus:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the tables, unless a session that judges prints its own, and what has regressed."""
        if self._untimed:
            self.messages.error(_DISABLED)
        if self.groups:
            quiet = self.config.option.benchmark_quiet and not self.config.option.benchmark_verbose
            measuring = self.config.pluginmanager.has_plugin("regress-performance")
            terminalreporter.ensure_newline()
            for line in self._lines(shown=not (quiet or measuring)):
                terminalreporter.write_line(line)
        if self.compare_fail and not self.compared and not self.config.option.collectonly:
            self.messages.error(f"ERROR: {_MISSING_COMPARISON}")
        if self.regressions:
            self.messages.error("Performance has regressed:\n" + "\n".join(f"\t{line}" for line in self.regressions))

    def _load(self, selector: str | None) -> dict[Path, dict[str, dict[str, Any]]]:
        """Return the saved runs to compare with: their benchmarks by name."""
        if selector is None or hasattr(self.config, "workerinput"):
            return {}
        from regress_action.model.errors import RegressError

        try:
            contents = self.storage.load(selector or None)
        except RegressError as error:
            raise pytest.UsageError(str(error)) from error
        if not contents:
            missing = f" match {selector!r}." if selector else ". Can't load the previous benchmark."
            self.messages.warning(f"Can't compare. No benchmark files in {str(self.storage)!r}{missing}")
        for path, content in contents:
            self.config.hook.pytest_benchmark_compare_machine_info(
                config=self.config,
                benchmarksession=self,
                machine_info=self._machine_info,
                compared_benchmark=content,
            )
            self.messages.info(f"Comparing against benchmarks from: {path}")
        return {path: dict(_measured(content["benchmarks"])) for path, content in contents}

    def _save(self, benchmarks: Sequence[BenchmarkRecord]) -> None:
        option, hook = self.config.option, self.config.hook
        name = option.benchmark_save or (option.benchmark_autosave and saved_runs.automatic_name(self.config.rootpath))
        if not (name or option.benchmark_json):
            return
        if not benchmarks:
            if not self.disabled:
                self.messages.warning("Not saving anything, no benchmarks have been run!")
            return
        commit_info = hook.pytest_benchmark_generate_commit_info(config=self.config)
        hook.pytest_benchmark_update_commit_info(config=self.config, commit_info=commit_info)

        def content(*, data: bool) -> dict[str, Any]:
            made: dict[str, Any] = hook.pytest_benchmark_generate_json(
                config=self.config,
                benchmarks=benchmarks,
                include_data=data,
                machine_info=self._machine_info,
                commit_info=commit_info,
            )
            hook.pytest_benchmark_update_json(config=self.config, benchmarks=benchmarks, output_json=made)
            return made

        if option.benchmark_json:
            from regress_action.model.files import write_replace

            path = self.config.invocation_params.dir / option.benchmark_json
            write_replace(path, json.dumps(content(data=True), indent=4, default=str).encode())
            self.messages.info(f"Wrote benchmark data in: {option.benchmark_json}")
        if name:
            path = self.storage.save(content(data=option.benchmark_save_data), name)
            self.messages.info(f"Saved benchmark data in: {path}")

    def _rows(self, benchmarks: Iterable[BenchmarkRecord]) -> Iterator[dict[str, Any]]:
        """Yield a row for every benchmark, after those of the same name in the saved runs."""
        for benchmark in benchmarks:
            if not benchmark:
                continue
            now = benchmark.as_dict(include_data=False, flat=True) | {"path": None, "source": None}
            for path, saved in self.compared.items():
                if now["fullname"] not in saved:
                    continue
                source = "/".join(path.with_suffix("").parts).removeprefix(f"{self.machine_id}/")
                before = {**now, **saved[now["fullname"]], "path": str(path), "source": source}
                before.pop("cprofile", None)
                now["source"] = "NOW"
                name = tables.row_name(before, self.config.option.benchmark_name)
                failures = (check.failure(now, before) for check in self.compare_fail)
                self.regressions += [f"{name} - {failure}" for failure in failures if failure]
                yield before
            yield now

    def _lines(self, *, shown: bool) -> Iterator[str]:
        hook, wanted = self.config.hook, tables.options_of(self.config)
        for group, rows in self.groups:
            scales = [
                hook.pytest_benchmark_scale_unit(
                    config=self.config,
                    unit=unit,
                    benchmarks=rows,
                    best=_extreme(rows, min),
                    worst=_extreme(rows, max),
                    sort=self.sort,
                )
                for unit in ("seconds", "operations")
            ]
            if shown:
                yield ""
                yield from tables.table_lines(group, rows, wanted, seconds=scales[0], operations=scales[1])
            if self.histogram:
                self._plot(group, rows, *scales[0])
        if shown:
            yield from ("", *tables.LEGEND)
            lines = list(call_profile.table_lines([row for _, rows in self.groups for row in rows]))
            if lines:
                yield " cProfile (time in s) ".center(79, "-")
                yield from lines

    def _plot(self, group: str | None, rows: Sequence[dict[str, Any]], prefix: str, factor: float) -> None:
        from regress_action.model.files import write_replace
        from regress_action.pytest_plugin import box_plot

        named = [{**row, "name": tables.row_name(row, self.config.option.benchmark_name)} for row in rows]
        title = f"Speed of {group}" if group else "Speed"
        path = self.config.invocation_params.dir / box_plot.file_name(str(self.histogram), group)
        write_replace(path, box_plot.render(title, named, f"{prefix}s", factor).encode())
        self.messages.info(f"Generated histogram: {path}")


def _measured(entries: Iterable[Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the statistics of every benchmark of a saved run that has all of a table, by its full name."""
    for entry in entries:
        stats = entry.get("stats") if isinstance(entry, dict) else None
        if isinstance(stats, dict) and isinstance(stats.get("mean"), int | float):
            ops = 1 / stats["mean"] if stats["mean"] else 0.0
            full = {"ops": ops, **{name: value for name, value in stats.items() if name != "data"}}
            if "outliers" in full and all(isinstance(full.get(name), int | float) for name in _NUMBERS):
                yield str(entry.get("fullname")), full


def _extreme(rows: Sequence[dict[str, Any]], choose: Any) -> dict[str, float]:  # noqa: ANN401 - min or max
    """Return the best or the worst value of every column; more operations are better."""
    other = max if choose is min else min
    return {
        name: (other if name == "ops" else choose)(row[name] for row in rows)
        for name in ("min", "max", "mean", "median", "iqr", "stddev", "ops")
    }
