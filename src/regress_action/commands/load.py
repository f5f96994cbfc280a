"""`regress-action load`: a load test of a function or an address.

Also here: load at several levels of `regress-action load --levels`: the runs, and what they say about concurrency.
"""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from regress_action.commands import options
from regress_action.model.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from regress_action.action.judge import Judged
    from regress_action.advice.scalability import ScalabilityAnalysis
    from regress_action.instruments.load import LoadResult, LoadTestRunner, Scenario
    from regress_action.instruments.load.locust_engine import LocustWorkers
    from regress_action.instruments.load.recorder import SecondStats
    from regress_action.instruments.load.servers import LoadPairs
    from regress_action.model.measurements import Report

    Load = Callable[[], LoadResult]


def level_counts(text: str, rate: float | None, see: float | None, against: str | None) -> list[int]:
    """Return the numbers of users of `--levels`.

    Raises:
        UsageError: one is not a whole number above zero, or another option asks for a different kind of load.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise UsageError(f"{text!r} are no levels of a load.", remedy="Give numbers of users, like 1,2,4,8,16.")
    if rate is not None or see is not None or against is not None:
        raise UsageError(
            "--levels are numbers of users of one target.", remedy="Leave out --rate, --see and --against."
        )
    return [int(part) for part in parts]


def level_results(
    runner: LoadTestRunner, load: Callable[[], LoadResult], levels: Sequence[int], runs: int
) -> list[LoadResult]:
    """Put the load on with each number of users; every second run goes through them backwards, against drift."""
    measured = []
    for number in range(runs):
        for users in levels if number % 2 == 0 else reversed(levels):
            runner.scenario = replace(runner.scenario, users=users)
            measured.append(load())
    return sorted(measured, key=lambda result: result.scenario.users)


def levels_content(measured: Sequence[LoadResult]) -> dict[str, Any]:
    """Return what `--json` writes, which `regress-action scalability` reads."""
    analysis = _analysis(measured)
    return {
        "schema": 1,
        "results": [result.as_dict() for result in measured],
        "scalability": analysis.as_dict() if analysis else None,
    }


def show_levels(measured: Sequence[LoadResult]) -> None:
    """Print what the levels say, where there was an answer at all."""
    from regress_action.commands import scalability

    if analysis := _analysis(measured):
        click.echo()
        scalability.deliver(analysis, None)


def _analysis(measured: Sequence[LoadResult]) -> ScalabilityAnalysis | None:
    from regress_action.advice.scalability import analyse
    from regress_action.instruments.load.level_files import levels_of

    rows = [(result.scenario.users, result.throughput, result.mean_s) for result in measured if result.throughput]
    failed = max(result.error_share for result in measured)
    return analyse(levels_of(rows, think_s=measured[0].scenario.think_s, failed=failed)) if rows else None


PAIRS = 8
ENGINES = ("built-in", "locust")
SHAPES = ("linear", "steps", "soak", "spike")


@click.command(name="load")
@click.argument("target", metavar="TARGET")
@click.option("--users", type=click.IntRange(1), default=1, show_default=True, help="Users who wait for their answers.")
@click.option("--levels", metavar="N,N…", help="Run with each of these numbers of users, and say which is best.")
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
@click.option("--runs", type=click.IntRange(1, 1000), help="Runs, one after another. Default: 1, with --against 8.")
@click.option("--see", type=click.FloatRange(1, min_open=True), help="Choose the duration to see this change: 1.1.")
@click.option("--abort", multiple=True, metavar="RULE", help="End it after 3 bad seconds: 'errors>10%', 'p99>2s'.")
@click.option("--engine", type=click.Choice(ENGINES), default="built-in", show_default=True, help="Who sends requests.")
@click.option("--workers", type=click.IntRange(1, 1000), default=1, show_default=True, help="Processes of Locust.")
@click.option("--listen", metavar="HOST:PORT", help="Wait there for Locust's workers, started on other machines.")
@click.option("--serve", metavar="COMMAND", help="Start this server anew for every run.")
@click.option("--against", metavar="COMMAND", help="Judge against this server (or its address), loaded in turn.")
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
    see: float | None,
    abort: tuple[str, ...],
    serve: str | None,
    pid: int | None,
    engine: str,
    workers: int,
    listen: str | None,
    levels: str | None,
    **given: Any,  # noqa: ANN401 - the options of the scenario and of what becomes of the result
) -> None:
    """Put a load on TARGET, a function like module:coroutine or an address, and measure its answers.

    \b
      regress-action load shop:checkout --users 200 --ramp-up 10s --duration 60s
      regress-action load http://127.0.0.1:8000/x --rate 500 --duration 30s --json -
      regress-action load http://127.0.0.1:8000/x --levels 1,2,4,8,16,32

    With --rate, latencies count from when a request was due, so that a stalled target is not flattered.
    """
    from regress_action.instruments.load import LoadTestRunner
    from regress_action.instruments.load.watching import abort_rule
    from regress_action.model.errors import UsageError

    asked = _Asked(**{name: given.pop(name) for name in _Asked.__slots__})
    if asked.against and asked.where:
        raise UsageError(
            "--against and --history each name what to judge against.",
            remedy="Give one of them; --out writes a report.",
        )
    counts = level_counts(levels, given["rate"], see, asked.against) if levels else ()
    runner = LoadTestRunner(
        target,
        _scenario(**given),
        abort=[abort_rule(rule) for rule in abort],
        process=pid,
        progress=None if asked.quiet or asked.against else _print_second,
        locust=_workers(engine, workers, listen),
    )
    load = _target(serve, runner)
    if see:
        _choose_duration(runner, load, see)
    if asked.against:
        _compared(runner, load, asked)
    else:
        _measured(runner, load, asked, counts)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What becomes of the results."""

    runs: int | None
    against: str | None
    name: str | None
    service: str | None
    suite: str
    json_out: str | None
    out: str | None
    where: str | None
    thresholds: str | None
    fail_on: str | None
    quiet: bool


def _measured(runner: LoadTestRunner, load: Load, asked: _Asked, counts: Sequence[int]) -> None:
    """Put the load on as often as asked, and deliver and judge the results; with `counts`, at several levels."""
    from regress_action.instruments.load.result import result_lines, together

    runs = asked.runs or 1
    results = level_results(runner, load, counts, runs) if counts else [load() for _ in range(runs)]
    report = together(results, asked.name, service=asked.service, suite=asked.suite)
    content: Any = results[0].as_dict() if len(results) == 1 else [result.as_dict() for result in results]
    _write(levels_content(results) if counts else content, report, asked)
    if asked.json_out != "-":
        click.echo("\n".join(line for result in results for line in result_lines(result)))
        if counts:
            show_levels(results)
    if asked.where:
        _judge(report, asked)
    if any(result.aborted for result in results) or not any(result.requests - result.failed for result in results):
        raise click.exceptions.Exit(3)


def _scenario(**shape: Any) -> Scenario:  # noqa: ANN401 - the options of the scenario
    from regress_action.instruments.load.scenario import Scenario, Shape, seconds

    times: dict[str, Any] = {f"{name}_s": seconds(shape.pop(name)) for name in _TIMES}
    return Scenario(shape=Shape(shape.pop("shape")), **times, **shape)


_TIMES = ("duration", "ramp_up", "warmup", "think", "timeout")


def _workers(engine: str, workers: int, listen: str | None) -> LocustWorkers | None:
    """Return Locust's workers where they put the load on; say how they are started where that is not done here."""
    import shlex

    from regress_action.instruments.load.locust_engine import LocustWorkers, worker_command
    from regress_action.model.errors import UsageError

    if engine != "locust":
        if workers > 1 or listen:
            raise UsageError("--workers and --listen are for Locust.", remedy="Add --engine locust, or leave them out.")
        return None
    if listen is None:
        return LocustWorkers(workers)
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isdecimal():
        raise UsageError(f"{listen!r} is no place to listen.", remedy="Write it like 0.0.0.0:5557.")
    start = shlex.join(["python", *worker_command("THIS-MACHINE", int(port))[1:]])
    click.echo(
        f"Waiting for {workers} workers. Start each on its machine, where the target can be imported:\n  {start}"
    )
    return LocustWorkers(workers, (host, int(port)))


def _target(serve: str | None, runner: LoadTestRunner) -> Load:
    """Return what puts the load on once, against a server that is started for it where there is a command."""
    from regress_action.instruments.load.servers import served
    from regress_action.model.errors import UsageError

    if not serve:
        return runner.run
    url = runner.target.url
    if url is None:
        raise UsageError("--serve needs an address as the target.", remedy="Name the address of the server.")

    def once() -> LoadResult:
        with served(serve, url) as pid:
            runner.watch(pid)
            return runner.run()

    return once


def _choose_duration(runner: LoadTestRunner, load: Load, see: float) -> None:
    """Set the duration by which a change of `see` can be seen, after a pilot."""
    from dataclasses import replace

    from regress_action.instruments.load.result import PILOT_S, duration_for

    runner.scenario = replace(runner.scenario, duration_s=PILOT_S)
    length = duration_for(see, load().seconds)
    runner.scenario = replace(runner.scenario, duration_s=math.ceil(length))
    click.echo(f"Measuring {math.ceil(length)} s, to see a change of {see:g}×.", err=True)


def _baseline(against: str, runner: LoadTestRunner) -> Load:
    """Return what puts the same load on the baseline: a server to start, or the address of one that runs."""
    from regress_action.instruments.load import LoadTestRunner
    from regress_action.model.errors import UsageError

    if against.startswith(("http://", "https://")):
        return LoadTestRunner(against, runner.scenario).run
    if runner.target.url is None:
        raise UsageError(
            "--against needs an address as the target.", remedy="Name the address at which both servers answer."
        )
    return _target(against, runner)


def _compared(runner: LoadTestRunner, load: Load, asked: _Asked) -> None:
    """Put the load on both sides in turn, judge the head against the baseline, and leave with the exit code.

    An alarm is measured again, and counts where it comes again.
    """
    from regress_action.instruments.detection import compare, confirmed
    from regress_action.report import structured

    baseline = _baseline(asked.against or "", runner)
    settings = options.settings_of(thresholds=asked.thresholds, fail_on=asked.fail_on)

    def measured() -> tuple[LoadPairs, Report, Judged]:
        pairs = _pairs(baseline, load, asked)
        before, after = pairs.reports(asked.name, service=asked.service, suite=asked.suite)
        return pairs, after, compare([before], [after], settings=settings)

    pairs, after, judged = measured()
    again: LoadPairs | None = None
    if any(row.alarms for row in judged.judgement.comparisons):
        if not asked.quiet:
            click.echo("An alarm counts when it comes again, so both sides are measured once more.", err=True)
        again, _, second = measured()
        judged = confirmed(judged, second, settings=settings)
    content = {
        "schema": 1,
        **pairs.as_dict(),
        "again": again.as_dict() if again else None,
        "comparison": structured.as_object(judged.judgement, suite=judged.suite),
    }
    _write(content, after, asked)
    if asked.json_out != "-":
        from regress_action.commands import output

        output.show(judged, verbose=True)
    raise click.exceptions.Exit(judged.exit_code)


def _pairs(baseline: Load, head: Load, asked: _Asked) -> LoadPairs:
    """Load both sides in turn, with a line for every run."""
    from regress_action.instruments.load.result import run_line
    from regress_action.instruments.load.servers import LoadPairs, in_turn

    sides: dict[str, list[LoadResult]] = {"baseline": [], "head": []}
    for side, result in in_turn(baseline, head, asked.runs or PAIRS):
        sides[side].append(result)
        if not asked.quiet:
            click.echo(run_line(side, len(sides[side]), result), err=True)
    return LoadPairs(tuple(sides["baseline"]), tuple(sides["head"]))


def _write(content: object, report: Report, asked: _Asked) -> None:
    import orjson

    from regress_action.commands import output
    from regress_action.model.records import encode

    if asked.json_out:
        written = orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        output.write(asked.json_out, written)
    if asked.out:
        output.write(asked.out, encode(report))


def _judge(report: Report, asked: _Asked) -> None:
    """Judge the report against the history; add it there and go on, or leave with the exit code of the verdict."""
    from regress_action.commands import output
    from regress_action.instruments.detection import RegressionDetector
    from regress_action.instruments.storage import BenchmarkStorage

    storage = BenchmarkStorage(asked.where or "")
    settings = options.settings_of(thresholds=asked.thresholds, fail_on=asked.fail_on)
    judged = RegressionDetector(storage, settings=settings).detect(report)
    if asked.json_out != "-":
        output.show(judged, verbose=False)
    if judged.exit_code:
        raise click.exceptions.Exit(judged.exit_code)
    storage.append(report, judged=judged)


def _print_second(second: SecondStats) -> None:
    from regress_action.instruments.load.result import second_line

    with contextlib.suppress(BrokenPipeError):
        click.echo(second_line(second), err=True)
