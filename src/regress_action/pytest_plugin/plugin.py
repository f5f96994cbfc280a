"""The hooks of the plugin: its options and markers. Everything else is imported when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from regress_action.pytest_plugin import fixtures, markers, options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from regress_action.pytest_plugin.benchmark_fixture import BenchmarkFixture
    from regress_action.pytest_plugin.benchmark_record import BenchmarkRecord
    from regress_action.pytest_plugin.benchmark_session import BenchmarkSession


@pytest.hookimpl(trylast=True)
def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Add our options, and those of pytest-benchmark where nobody else does."""
    options.add_own(parser)
    if not options.peer_in_use(pluginmanager):
        options.add_benchmark(parser)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Make the hooks of pytest-benchmark known where that package is not in use: a conftest that has them must load."""
    if not options.peer_in_use(pluginmanager):
        pluginmanager.add_hookspecs(_BenchmarkHooks)


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers, and the parts that were asked for."""
    for description in markers.DESCRIPTIONS:
        config.addinivalue_line("markers", description)
    manager = config.pluginmanager
    manager.register(fixtures, "regress-fixtures")
    if not options.peer_in_use(manager):
        manager.register(_BenchmarkAnswers(), "regress-benchmark-answers")
        manager.register(_BenchmarkFixtures(), "regress-benchmark")
        if config.option.benchmark_only and not options.enabled(config) and not hasattr(config, "workerinput"):
            raise pytest.UsageError(
                "Can't have both --benchmark-only and --benchmark-disable options, which -n of pytest-xdist implies.\n"
                "Leave out one of them."
            )
    orders = _orders()
    if orders is not None:
        from regress_action.pytest_plugin.measuring import MeasuringProcess

        manager.register(MeasuringProcess(config, orders), "regress-measuring-process")
        return
    request = options.request_of(config)
    if request.measures or request.leak_check:
        _refuse_parallel(config)
    if not options.peer_in_use(manager):
        from regress_action.pytest_plugin.benchmark_session import BenchmarkSession

        session = BenchmarkSession(config)
        config._benchmarksession = session  # type: ignore[attr-defined] # noqa: SLF001 - the name that suites know
        manager.register(session, "regress-benchmark-session")
    if request.measures and request.leak_check:
        raise pytest.UsageError(
            "A session either measures or looks for leaks, because tests that are repeated are not timed.\n"
            "Run it twice: once with --leak-check, once with the other options."
        )
    if request.measures:
        from regress_action.pytest_plugin.session import PerformanceSession

        manager.register(PerformanceSession(config, request), "regress-performance")
    if request.leak_check:
        from regress_action.pytest_plugin.leak_check import LeakCheck

        manager.register(LeakCheck(request), "regress-leak-check")


def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a marked coroutine function to its end where it is not measured and no other plugin runs it."""
    import inspect

    if not inspect.iscoroutinefunction(pyfuncitem.obj) or markers.performance_test(pyfuncitem) is None:
        return None
    import asyncio

    names = pyfuncitem._fixtureinfo.argnames  # noqa: SLF001 - as pytest's own call of a test does
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


def _orders() -> dict[str, object] | None:
    import os

    if "REGRESS_PERFORMANCE_CHILD" not in os.environ:
        return None
    from regress_action.pytest_plugin.measuring import orders

    return orders()


def _refuse_parallel(config: pytest.Config) -> None:
    """Refuse to measure beside other tests: they would take the time that is measured."""
    if getattr(config.option, "numprocesses", None) or hasattr(config, "workerinput"):
        raise pytest.UsageError(
            "Performance tests cannot be measured by several workers at a time, because each would slow the others.\n"
            "Leave out -n (or give -n 0) for this session; isolated tests get processes of their own anyway."
        )


class _BenchmarkHooks:
    """The hooks of pytest-benchmark. Where several answer a question, the first answer counts."""

    def pytest_benchmark_update_machine_info(self, config: object, machine_info: object) -> None: ...
    def pytest_benchmark_update_commit_info(self, config: object, commit_info: object) -> None: ...
    def pytest_benchmark_update_json(self, config: object, benchmarks: object, output_json: object) -> None: ...
    @pytest.hookspec(firstresult=True)
    def pytest_benchmark_generate_machine_info(self, config: object) -> None: ...
    @pytest.hookspec(firstresult=True)
    def pytest_benchmark_generate_commit_info(self, config: object) -> None: ...
    @pytest.hookspec(firstresult=True)
    def pytest_benchmark_group_stats(self, config: object, benchmarks: object, group_by: object) -> None: ...
    @pytest.hookspec(firstresult=True)
    def pytest_benchmark_scale_unit(
        self, config: object, unit: object, benchmarks: object, best: object, worst: object, sort: object
    ) -> None: ...
    @pytest.hookspec(firstresult=True)
    def pytest_benchmark_generate_json(
        self, config: object, benchmarks: object, include_data: object, machine_info: object, commit_info: object
    ) -> None: ...
    def pytest_benchmark_compare_machine_info(
        self, config: object, benchmarksession: object, machine_info: object, compared_benchmark: object
    ) -> None: ...


class _BenchmarkAnswers:
    """What those hooks answer where the suite has no own answer."""

    @pytest.hookimpl(trylast=True)
    def pytest_benchmark_generate_machine_info(self) -> dict[str, Any]:
        """Describe the machine."""
        from regress_action.pytest_plugin import records

        return records.machine_info()

    @pytest.hookimpl(trylast=True)
    def pytest_benchmark_generate_commit_info(self, config: pytest.Config) -> dict[str, Any]:
        """Describe the commit that is checked out."""
        from regress_action.pytest_plugin import saved_runs

        return saved_runs.commit_info(config.rootpath)

    @pytest.hookimpl(trylast=True)
    def pytest_benchmark_group_stats(
        self, benchmarks: list[dict[str, Any]], group_by: str
    ) -> list[tuple[str | None, list[dict[str, Any]]]]:
        """Group the rows of the tables."""
        from regress_action.pytest_plugin import tables

        return tables.grouped(benchmarks, group_by)

    @pytest.hookimpl(trylast=True)
    def pytest_benchmark_scale_unit(
        self, config: pytest.Config, unit: str, benchmarks: list[dict[str, Any]], sort: str
    ) -> tuple[str, float]:
        """Choose the unit of a table."""
        from regress_action.pytest_plugin import tables

        chosen = config.option.benchmark_time_unit
        return tables.scale(unit, benchmarks, None if chosen == "auto" else chosen, sort)

    @pytest.hookimpl(trylast=True)
    def pytest_benchmark_generate_json(
        self,
        benchmarks: list[BenchmarkRecord],
        include_data: bool,  # noqa: FBT001 - a hook gets its arguments by name
        machine_info: dict[str, Any],
        commit_info: dict[str, Any],
    ) -> dict[str, Any]:
        """Make the content of a file, without benchmarks that failed."""
        from datetime import UTC, datetime

        from regress_action.pytest_plugin import records

        entries = [record.as_dict(include_data=include_data) for record in benchmarks if not record.has_error]
        return records.benchmark_file(entries, datetime.now(UTC), machine_info, commit_info)

    @pytest.hookimpl(trylast=True)
    def pytest_benchmark_compare_machine_info(
        self, benchmarksession: BenchmarkSession, machine_info: dict[str, Any], compared_benchmark: dict[str, Any]
    ) -> None:
        """Warn where a saved run is of another machine."""
        import json

        texts = (json.dumps(info, sort_keys=True) for info in (machine_info, compared_benchmark.get("machine_info")))
        now, then = texts
        if now != then:
            benchmarksession.messages.warning(
                f"Benchmark machine_info is different. Current: {now} VS saved: {then} "
                f"(location: {benchmarksession.storage.location})."
            )


class _BenchmarkFixtures:
    """The `benchmark` fixture and what belongs to it, registered only where no other package offers one."""

    @pytest.fixture
    def benchmark(self, request: pytest.FixtureRequest) -> Iterator[BenchmarkFixture]:
        """Measure a function: `benchmark(function, *args)`, or `benchmark.pedantic(…)`."""
        from dataclasses import replace

        from regress_action.pytest_plugin.benchmark_fixture import BenchmarkFixture

        node, config = request.node, request.config
        marker = markers.timing_mark(node)
        group = marker.kwargs.get("group") if marker else None
        timing, profiling = options.timing_of(config, marker), options.profiling_of(config, marker)
        if session := config.pluginmanager.get_plugin("regress-benchmark-session"):
            timing = replace(timing, log=session.messages.debug)
        fixture = BenchmarkFixture(node, timing, enabled=options.enabled(config), group=group, profiling=profiling)
        config.stash.setdefault(fixtures.USED, []).append(fixture)
        yield fixture
        fixture.close()

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Refuse a marker with an argument that is not known where a plain test is timed by it."""
        if item.config.option.codspeed or item.config.pluginmanager.has_plugin("regress-performance"):
            markers.timing_mark(item)

    @pytest.fixture
    def benchmark_weave(self, benchmark: BenchmarkFixture) -> Callable[..., None]:
        """Measure the next call of a function that the test itself does not call: `benchmark_weave("time.sleep")`."""
        return benchmark.weave

    @pytest.fixture
    def codspeed_benchmark(self, benchmark: BenchmarkFixture) -> BenchmarkFixture:
        """Give the same as `benchmark`, under the name that pytest-codspeed has for it."""
        return benchmark

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Select or skip the tests that are measured, as `--codspeed`, `--benchmark-only` and `-skip` say."""
        if config.option.codspeed:
            others = [item for item in items if markers.performance_test(item) is None]
            config.hook.pytest_deselected(items=others)
            items[:] = [item for item in items if item not in others]
        only, skip = config.option.benchmark_only, config.option.benchmark_skip
        if not (only or skip):
            return
        for item in items:
            measured = "benchmark" in getattr(item, "fixturenames", ()) or item.get_closest_marker("benchmark")
            if only and not measured:
                item.add_marker(pytest.mark.skip(reason="Skipping non-benchmark (--benchmark-only active)."))
            elif skip and not only and measured:
                item.add_marker(pytest.mark.skip(reason="Skipping benchmark (--benchmark-skip active)."))

    def pytest_report_header(self, config: pytest.Config) -> list[str]:
        """Say how functions are timed, where an option of the command line asks for something."""
        if not any(str(argument).startswith("--benchmark-") for argument in config.invocation_params.args):
            return []
        option, chosen = config.option, options.timing_of(config)
        named = {
            "timer": option.benchmark_timer,
            "disable_gc": chosen.disable_gc,
            "min_rounds": chosen.min_rounds,
            "min_time": f"{chosen.min_time:g}s",
            "max_time": f"{chosen.max_time:g}s",
            "calibration_precision": chosen.calibration_precision,
            "warmup": bool(chosen.warmup),
            "warmup_iterations": option.benchmark_warmup_iterations,
        }
        listed = " ".join(f"{name}={value}" for name, value in named.items())
        return [f"benchmark: regress-action (defaults: {listed})"]
