"""Suites that time themselves: whole runs in turn, runs of one benchmark after the other by `{select}`, and lockstep.

Both sides are the same code. A tool that is not installed here is not measured.
"""

from __future__ import annotations

import json
import math
import shutil
import statistics
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regress_action import formats

if TYPE_CHECKING:
    from collections.abc import Callable

    from lockstep_journal import Journal

GO = {
    "go.mod": "module bench\n\ngo 1.18\n",
    "bench_test.go": """package bench

import (
    "encoding/json"
    "sort"
    "testing"
)

var sink int

func BenchmarkSum(b *testing.B) {
    for i := 0; i < b.N; i++ {
        for j := 0; j < 1000; j++ {
            sink += j
        }
    }
}

func BenchmarkSort(b *testing.B) {
    for i := 0; i < b.N; i++ {
        x := make([]int, 500)
        for j := range x {
            x[j] = j * 7919 % 500
        }
        sort.Ints(x)
    }
}

func BenchmarkJSON(b *testing.B) {
    for i := 0; i < b.N; i++ {
        json.Marshal(map[string]int{"a": i})
    }
}
""",
}
GOOGLE = """#include <benchmark/benchmark.h>
#include <algorithm>
#include <string>
#include <vector>

static void Sum(benchmark::State& state) {
  for (auto _ : state) {
    long total = 0;
    for (int i = 0; i < state.range(0); ++i) benchmark::DoNotOptimize(total += i * i);
  }
}
BENCHMARK(Sum)->DenseRange(500, 2000, 500);

static void Sort(benchmark::State& state) {
  for (auto _ : state) {
    std::vector<int> x(state.range(0));
    for (size_t i = 0; i < x.size(); ++i) x[i] = i * 7919 % x.size();
    std::sort(x.begin(), x.end());
    benchmark::DoNotOptimize(x[0]);
  }
}
BENCHMARK(Sort)->DenseRange(500, 2000, 500);

static void Text(benchmark::State& state) {
  for (auto _ : state) {
    std::string text;
    for (int i = 0; i < state.range(0); ++i) text += std::to_string(i);
    benchmark::DoNotOptimize(text.size());
  }
}
BENCHMARK(Text)->DenseRange(500, 2000, 500);
BENCHMARK_MAIN();
"""
RUST = {
    "Cargo.toml": """[package]
name = "bench"
version = "0.1.0"
edition = "2021"

[[bench]]
name = "works"
""",
    "src/lib.rs": "",
    "benches/works.rs": """#![feature(test)]
extern crate test;
use test::{black_box, Bencher};

#[bench]
fn sum(b: &mut Bencher) {
    b.iter(|| (0..1000u64).fold(0, |total, i| black_box(total + i * i)))
}

#[bench]
fn sort(b: &mut Bencher) {
    b.iter(|| {
        let mut x: Vec<u64> = (0..500).map(|i| i * 7919 % 500).collect();
        x.sort();
        x
    })
}

#[bench]
fn text(b: &mut Bencher) {
    b.iter(|| (0..300).map(|i| i.to_string()).collect::<String>())
}
""",
}
VITEST = {
    "package.json": '{"type": "module"}',
    "works.bench.js": """import { bench } from "vitest"
const options = { time: 100 }
bench("sum", () => { let t = 0; for (let i = 0; i < 1000; i++) t += i * i; return t }, options)
bench("sort", () => Array.from({ length: 500 }, (_, i) => i * 7919 % 500).sort((a, b) => a - b), options)
bench("json", () => JSON.stringify(Array.from({ length: 100 }, (_, i) => ({ i }))), options)
""",
}


CATCH = """#if __has_include(<catch2/catch.hpp>)
#define CATCH_CONFIG_MAIN
#define CATCH_CONFIG_ENABLE_BENCHMARKING
#include <catch2/catch.hpp>
#else
#include <catch2/catch_all.hpp>
#endif
#include <algorithm>

TEST_CASE("works") {
  BENCHMARK("sum") { long t = 0; for (volatile int i = 0; i < 1000; i = i + 1) t += i; return t; };
  BENCHMARK("sort") {
    std::vector<int> x(500);
    for (size_t i = 0; i < x.size(); ++i) x[i] = i * 7919 % 500;
    std::sort(x.begin(), x.end());
    return x[0];
  };
  BENCHMARK("text") { std::string s; for (int i = 0; i < 300; ++i) s += std::to_string(i); return s; };
}
"""
PYPERF = """import pyperf

def text(): return "".join(map(str, range(300)))

def sort(): return sorted(i * 7919 % 500 for i in range(500))

runner = pyperf.Runner()
runner.bench_func("sum", sum, range(3000))
runner.bench_func("sort", sort)
runner.bench_func("text", text)
"""


@dataclass(frozen=True)
class Tool:
    """A suite of a tool: its files, how its program is built beside the repository, and the command.

    In the command, `{modules}` is the folder of packages in which the program `needs` is installed, and `{python}` the
    interpreter beside it.
    """

    name: str
    needs: str
    files: dict[str, str]
    names: tuple[str, ...]
    style: str
    command: str
    build: tuple[str, ...] = ()


SIZED = tuple(f"{name}/{size}" for name in ("Sum", "Sort", "Text") for size in (500, 1000, 1500, 2000))
TOOLS = (
    Tool("Go", "go", GO, ("BenchmarkSum", "BenchmarkSort", "BenchmarkJSON"), "go",
         "go test -run=- -bench=. {select} -benchtime=0.1s . > {out}"),
    Tool("Google Benchmark", "g++", {"b.cc": GOOGLE}, SIZED, "google",
         "{program} {select} --benchmark_min_time=0.05 --benchmark_out_format=json --benchmark_out={out}",
         ("g++", "-O2", "b.cc", "-lbenchmark", "-lpthread", "-o")),
    Tool("libtest", "rustc", RUST, ("sum", "sort", "text"), "cargo", "{program} --bench {select} > {out}",
         ("env", "RUSTC_BOOTSTRAP=1", "rustc", "--edition=2021", "-O", "--test", "benches/works.rs", "-o")),
    Tool("vitest", "vitest", VITEST, ("sum", "sort", "json"), "vitest",
         "ln -sfn {modules} node_modules && vitest bench --run {select} --outputJson={out}"),
    Tool("Catch2", "g++", {"c.cc": CATCH}, (), "plain",
         "{program} -r xml --benchmark-samples 20 --benchmark-warmup-time 20 > {out}", ("g++", "-O1", "c.cc", "-o")),
    Tool("pyperf", "pyperf", {"b.py": PYPERF}, (), "plain",
         "{python} b.py --quiet --processes 3 --values 5 --min-time 0.02 --copy-env -o {out}"),
)  # fmt: skip


def spreads(
    tool: Tool, folder: Path, measure: Callable[..., Path], journal: Journal, rounds: int
) -> list[dict[str, Any]]:
    """Return the median spread of a benchmark's pair in each way; two pairs of each way are measured in turn.

    What another way takes of the noise of whole runs counts only in the same time, which is longer with more runs.
    `middle` is the median log ratio of identical code in lockstep, with its standard error, and `time` how much longer
    than run by run a benchmark took there.
    """
    command = _command_of(tool, folder)
    if not command:
        return [{"tool": tool.name, "measured": "no", "pairs": 0}]
    select = [word for name in tool.names for word in ("--select", name)]
    ways: dict[str, tuple[str, list[str]]] = {"run": ("run", []), "lockstep": ("lockstep", [])}
    if select:
        ways["selected"] = ("benchmark", [*select, "--select-style", tool.style])
    outcomes: dict[str, list[dict[str, Any]]] = {way: [] for way in ways}
    for number in range(rounds):
        for way, (interleave, more) in ways.items():

            def trial(interleave: str = interleave, more: list[str] = more) -> dict[str, Any]:
                return _outcome(measure(folder, interleave, 2, command, more))

            if outcome := journal.once(f"tool {tool.name} {way} {number}", trial):
                outcomes[way].append(outcome)
    metrics = {metric for of_way in outcomes.values() for outcome in of_way for metric in outcome["times"]}
    return [_row(tool, metric, outcomes) for metric in sorted(metrics, reverse=True)]


def _command_of(tool: Tool, folder: Path) -> str:
    """Return the command of a tool whose program is built, empty where that cannot be done here."""
    program = shutil.which(tool.needs)
    if not program:
        return ""
    command = tool.command.replace("{modules}", str(Path(program).resolve().parents[1]))
    command = command.replace("{python}", str(Path(program).with_name("python")))
    if tool.build:
        built = folder / ".git" / "program"
        if subprocess.run([*tool.build, str(built)], cwd=folder, check=False, capture_output=True).returncode:
            return ""
        command = command.replace("{program}", str(built))
    return command


def _outcome(measured: Path) -> dict[str, Any]:
    """Return how a measurement was done, the seconds of its runs, and the times of each side by metric and name."""
    document = json.loads((measured / "measurement.json").read_text())
    read = formats.read_measurement(measured)
    sides = [[] if report is None else _times(report) for report in (read.base, read.head)]
    times: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for (metric, name), base in dict(sides[0]).items():
        head = dict(sides[1]).get((metric, name), {})
        times.setdefault(metric, {})[name] = [(base[pair], head[pair]) for pair in base.keys() & head.keys()]
    return {
        "kind": document.get("interleave", {}).get("kind", "run"), "times": times,
        "seconds": sum(run["wall_s"] for run in document["runs"]),
    }  # fmt: skip


def _times(report: Any) -> list[tuple[tuple[str, str], dict[int, float]]]:  # noqa: ANN401 - a Report
    return [
        ((series.metric.name, series.benchmark.name), {
            run.pair: value for run, value in zip(report.runs, series.values, strict=True) if not math.isnan(value)
        })
        for series in report.series
        if series.metric.name in {"time", "cpu_time"}
    ]  # fmt: skip


def _row(tool: Tool, metric: str, outcomes: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    pairs: dict[str, dict[str, list[tuple[float, float]]]] = {way: {} for way in outcomes}
    for way, of_way in outcomes.items():
        for outcome in of_way:
            for name, times in outcome["times"].get(metric, {}).items():
                pairs[way].setdefault(name, []).extend(map(tuple, times))
    ratios = {
        way: {name: [math.log(head / base) for base, head in times] for name, times in of_way.items()}
        for way, of_way in pairs.items()
    }
    spread = {
        way: statistics.median(statistics.stdev(values) for values in of_way.values() if len(values) > 1)
        for way, of_way in ratios.items()
        if any(len(values) > 1 for values in of_way.values())
    }
    number = {way: max(map(len, of_way.values()), default=0) for way, of_way in ratios.items()}
    seconds = {way: sum(outcome["seconds"] for outcome in outcomes[way]) / (number[way] or 1) for way in outcomes}
    row = {
        "tool": tool.name, "metric": metric, "benchmarks": len(ratios["run"]), "pairs": number["run"],
        "run by run": spread.get("run", "-"), "benchmark by benchmark": spread.get("selected", "-"),
        "lockstep": spread.get("lockstep", "-"),
        "seconds of a pair": " / ".join(f"{seconds[way]:.1f}" if way in seconds else "-" for way in _WAYS),
    }  # fmt: skip
    kinds = {outcome["kind"] for outcome in outcomes["lockstep"]}
    if kinds != {"frozen"} or not {"run", "lockstep"} <= spread.keys():
        return row | {"lockstep": "refused" if kinds == {"run"} else f"{row['lockstep']} ({', '.join(sorted(kinds))})"}
    values = [value for of_name in ratios["lockstep"].values() for value in of_name]
    middle = statistics.median(values)
    deviation = statistics.median(abs(value - middle) for value in values)
    gain = spread["run"] / spread["lockstep"] * math.sqrt(seconds["run"] / seconds["lockstep"])
    levels = [
        math.log(_middle(pairs["lockstep"][name]) / _middle(times))
        for name, times in pairs["run"].items()
        if pairs["lockstep"].get(name)
    ]
    return row | {
        "less noise in the same time": f"{gain:.1f} times",
        "middle": f"{middle:+.2%} ± {_OF_MEDIAN * deviation / math.sqrt(len(values)):.2%}",
        "time": f"{math.exp(statistics.median(levels)) - 1:+.1%}",
    }


_OF_MEDIAN = 1.2533 * 1.4826  # the standard error of a median of normal values, by their median deviation from it
_WAYS = ("run", "selected", "lockstep")


def _middle(pairs: list[tuple[float, float]]) -> float:
    return statistics.median(value for pair in pairs for value in pair)
