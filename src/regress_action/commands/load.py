"""`regress-action load`: a load test of a function or an address."""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING, Any

import click

from regress_action.commands import options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.instruments.load import LoadResult, LoadTestRunner, Scenario
    from regress_action.instruments.load.recorder import SecondStats
    from regress_action.model.measurements import Report

SHAPES = ("linear", "steps", "soak", "spike")


@click.command(name="load")
@click.argument("target", metavar="TARGET")
@click.option("--users", type=click.IntRange(1), default=1, show_default=True, help="Users who wait for their answers.")
@click.option("--rate", type=click.FloatRange(0, min_open=True), help="Arrivals a second, whatever the answers do.")
@click.option("--duration", default="10s", show_default=True, help="Time that is measured, for each run.")
@click.option("--ramp-up", default="0s", show_default=True, help="Time in which the load grows to its full size.")
@click.option("--warmup", default="0s", show_default=True, help="Time at full load that is not measured.")
@click.option("--shape", type=click.Choice(SHAPES), default="linear", show_default=True, help="How the load grows.")
@click.option("--steps", type=click.IntRange(1), default=5, show_default=True, help="Steps of the shape steps.")
@click.option("--think", default="0s", show_default=True, help="Time that a user waits between two requests.")
@click.option("--timeout", default="30s", show_default=True, help="Time after which a request is an error.")
@click.option("--in-flight", type=click.IntRange(1), default=1000, show_default=True, help="Open requests at most.")
@click.option("--poisson", is_flag=True, help="Random arrivals instead of evenly spaced ones.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of random arrivals.")
@click.option("--runs", type=click.IntRange(1, 1000), default=1, show_default=True, help="Runs, one after another.")
@click.option("--see", type=click.FloatRange(1, min_open=True), help="Choose the duration to see this change: 1.1.")
@click.option("--abort", multiple=True, metavar="RULE", help="End the load early: 'errors>10%' or 'p99>2s'.")
@click.option("--serve", metavar="COMMAND", help="Start this server anew for every run.")
@click.option("--pid", type=click.IntRange(1), help="Watch the CPU time and memory of this process.")
@click.option("--name", metavar="NAME", help="Name of the benchmark; default: the target.")
@click.option("--service", metavar="NAME", help="Service whose thresholds apply.")
@click.option("--suite", metavar="NAME", default="load", show_default=True, help="Name of the suite.")
@click.option("--json", "json_out", metavar="FILE", help="Write the result as JSON; - is standard output.")
@click.option("--out", metavar="FILE", help="Write a report, for record, detect and compare.")
@click.option("--history", "where", metavar="WHERE", help="Judge against a history, and add the result if it passes.")
@click.option("--thresholds", metavar="FILE", help="YAML file of thresholds and budgets per service.")
@click.option("--fail-on", type=click.Choice(options.SEVERITIES), help="Lowest severity that exits with 1.")
@click.option("--quiet", "-q", is_flag=True, help="Print no progress.")
def command(
    *,
    target: str,
    json_out: str | None,
    out: str | None,
    where: str | None,
    thresholds: str | None,
    fail_on: str | None,
    quiet: bool,
    runs: int,
    see: float | None,
    abort: tuple[str, ...],
    serve: str | None,
    pid: int | None,
    name: str | None,
    service: str | None,
    suite: str,
    **shape: Any,  # noqa: ANN401 - the options of the scenario, passed on
) -> None:
    """Put a load on TARGET, a function like module:coroutine or an address, and measure its answers.

    \b
      regress-action load shop:checkout --users 200 --ramp-up 10s --duration 60s
      regress-action load http://127.0.0.1:8000/x --rate 500 --duration 30s --json -

    With --rate, latencies count from when a request was due, so that a stalled target is not flattered.
    """
    from regress_action.instruments.load import LoadTestRunner
    from regress_action.instruments.load.abort_rules import abort_rule
    from regress_action.instruments.load.result import stacked

    runner = LoadTestRunner(
        target,
        _scenario(**shape),
        abort=[abort_rule(rule) for rule in abort],
        process=pid,
        progress=None if quiet else _print_second,
    )
    results = _results(runner, runs, see, serve)
    report = stacked(results, name, service=service, suite=suite)
    _write(results, report, json_out, out)
    if json_out != "-":
        click.echo("\n".join(line for result in results for line in lines(result)))
    if where:
        _judge(report, where, thresholds, fail_on, silent=json_out == "-")
    if not any(result.requests - result.failed for result in results):
        raise click.exceptions.Exit(3)


def _scenario(**shape: Any) -> Scenario:  # noqa: ANN401 - the options of the scenario
    from regress_action.instruments.load.scenario import Scenario, Shape, seconds

    times: dict[str, Any] = {f"{name}_s": seconds(shape.pop(name)) for name in _TIMES}
    return Scenario(shape=Shape(shape.pop("shape")), **times, **shape)


_TIMES = ("duration", "ramp_up", "warmup", "think", "timeout")


def _results(runner: LoadTestRunner, runs: int, see: float | None, serve: str | None) -> list[LoadResult]:
    """Run the load; with `see`, after a pilot that decides how long; with `serve`, each time against a fresh server."""
    from dataclasses import replace

    from regress_action.instruments.load import planning
    from regress_action.instruments.load.served import served
    from regress_action.model.errors import UsageError

    def once() -> LoadResult:
        if not serve:
            return runner.run()
        if runner.target.url is None:
            raise UsageError("--serve needs an address as the target.", remedy="Name the address of the server.")
        with served(serve, runner.target.url) as pid:
            runner.watch(pid)
            return runner.run()

    if see:
        runner.scenario = replace(runner.scenario, duration_s=planning.PILOT_S)
        length = planning.duration_for(see, once().seconds)
        runner.scenario = replace(runner.scenario, duration_s=math.ceil(length))
        click.echo(f"Measuring {math.ceil(length)} s, to see a change of {see:g}×.", err=True)
    return [once() for _ in range(runs)]


def _write(results: Sequence[LoadResult], report: Report, json_out: str | None, out: str | None) -> None:
    import orjson

    from regress_action.commands import output
    from regress_action.model.records import encode

    if json_out:
        content: Any = results[0].as_dict() if len(results) == 1 else [result.as_dict() for result in results]
        output.write(json_out, orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    if out:
        output.write(out, encode(report))


def _judge(report: Report, where: str, thresholds: str | None, fail_on: str | None, *, silent: bool) -> None:
    """Judge the report against the history; add it there and go on, or leave with the exit code of the verdict."""
    from regress_action.commands import output
    from regress_action.instruments.detection import RegressionDetector
    from regress_action.instruments.storage import BenchmarkStorage

    storage = BenchmarkStorage(where)
    settings = options.settings_of(thresholds=thresholds, fail_on=fail_on)
    judged = RegressionDetector(storage, settings=settings).detect(report)
    if not silent:
        output.show(judged, verbose=False)
    if judged.exit_code:
        raise click.exceptions.Exit(judged.exit_code)
    storage.append(report, judged=judged)


def _print_second(second: SecondStats) -> None:
    from regress_action.report.numbers import quantity

    latency = "no answer" if math.isnan(second.p50_s) else f"p50 {quantity(second.p50_s, 's')}"
    with contextlib.suppress(BrokenPipeError):
        click.echo(
            f"{second.at_s:7.1f} s  {second.requests:7d} requests  {second.errors:5d} errors  "
            f"{second.in_flight:5d} open  {latency}",
            err=True,
        )


def lines(result: LoadResult) -> list[str]:
    """Return the result for a person."""
    from regress_action.report.numbers import quantity

    loop = f"{result.scenario.rate:g} arrivals/s" if result.scenario.rate else f"{result.scenario.users} users"
    said = [
        f"{result.target}: {loop} for {result.duration_s:.3g} s",
        f"  {result.requests} requests, {result.failed} errors, {quantity(result.throughput, '1/s')}",
    ]
    said += [f"  {count} × {name}" for name, count in result.errors.items()]
    heads = "response" if result.scenario.is_open else "latency"
    for title, rows in ((heads, result.response), ("service", result.service if result.scenario.is_open else {})):
        for name, row in rows.items():
            interval = f"[{quantity(row.low_s, 's')}, {quantity(row.high_s, 's')}]"
            said.append(f"  {title} {name:<6} {quantity(row.value_s, 's'):>10}  {interval}")
    return said + [f"  Note: {warning}" for warning in result.warnings()]
