"""The hooks of the plugin: its options and markers. Everything else is imported when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from regress_action.pytest_plugin import fixtures, markers, options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from regress_action.pytest_plugin.benchmark_fixture import BenchmarkFixture

USED_FIXTURES: pytest.StashKey[list[BenchmarkFixture]] = pytest.StashKey()


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
        manager.register(_BenchmarkFixtures(), "regress-benchmark")
        options.refuse_comparison(config)
        if config.option.benchmark_only and config.option.benchmark_disable and not config.option.benchmark_enable:
            raise pytest.UsageError(
                "--benchmark-only and --benchmark-disable exclude each other. Leave out one of them."
            )
    orders = _orders()
    if orders is not None:
        from regress_action.pytest_plugin.measuring import MeasuringProcess

        manager.register(MeasuringProcess(config, orders), "regress-measuring-process")
        return
    request = options.request_of(config)
    if request.measures or request.leak_check:
        _refuse_parallel(config)
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
    """The hooks of pytest-benchmark; only the two that update what `--benchmark-json` writes are called."""

    def pytest_benchmark_update_machine_info(self, config: object, machine_info: object) -> None: ...
    def pytest_benchmark_update_json(self, config: object, benchmarks: object, output_json: object) -> None: ...
    def pytest_benchmark_generate_machine_info(self, config: object) -> None: ...
    def pytest_benchmark_generate_commit_info(self, config: object) -> None: ...
    def pytest_benchmark_update_commit_info(self, config: object, commit_info: object) -> None: ...
    def pytest_benchmark_group_stats(self, config: object, benchmarks: object, group_by: object) -> None: ...
    def pytest_benchmark_scale_unit(
        self, config: object, unit: object, benchmarks: object, best: object, worst: object, sort: object
    ) -> None: ...
    def pytest_benchmark_generate_json(
        self, config: object, benchmarks: object, include_data: object, machine_info: object, commit_info: object
    ) -> None: ...
    def pytest_benchmark_compare_machine_info(
        self, config: object, benchmarksession: object, machine_info: object, compared_benchmark: object
    ) -> None: ...


class _BenchmarkFixtures:
    """The `benchmark` fixture and what belongs to it, registered only where no other package offers one."""

    @pytest.fixture
    def benchmark(self, request: pytest.FixtureRequest) -> Iterator[BenchmarkFixture]:
        """Measure a function: `benchmark(function, *args)`, or `benchmark.pedantic(…)`."""
        from regress_action.pytest_plugin.benchmark_fixture import BenchmarkFixture

        node, config = request.node, request.config
        marker = node.get_closest_marker("benchmark")
        group = marker.kwargs.get("group") if marker else None
        fixture = BenchmarkFixture(node, options.timing_of(config, marker), enabled=_enabled(config), group=group)
        yield fixture
        fixture.close()
        config.stash.setdefault(USED_FIXTURES, []).append(fixture)

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
        """Name the options of pytest-benchmark that were given and do nothing here."""
        given = ", ".join(options.without_effect(config))
        keep = "--benchmark-report and regress-action record keep results"
        return [f"benchmark: {given} does nothing without pytest-benchmark; {keep}."] if given else []

    @pytest.hookimpl(tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print what the fixture measured, unless a session that judges prints it."""
        config = terminalreporter.config
        used = [fixture for fixture in config.stash.get(USED_FIXTURES, ()) if fixture.stats]
        asked = config.pluginmanager.has_plugin("regress-performance")
        if used and not asked and not config.option.benchmark_quiet:
            from regress_action.pytest_plugin import tables

            tables.show_fixture(used, terminalreporter)


def _enabled(config: pytest.Config) -> bool:
    """Whether functions are timed: not when disabled, and not beside other workers of pytest-xdist."""
    option = config.option
    if option.benchmark_enable:
        return True
    return not option.benchmark_disable and not hasattr(config, "workerinput")
