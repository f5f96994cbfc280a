"""Suites that time themselves: whole runs in turn, beside runs of one benchmark after the other by `{select}`.

Both sides are the same code. A tool that is not installed here is not measured.
"""

from __future__ import annotations

import math
import shutil
import statistics
import subprocess
import time
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


@dataclass(frozen=True)
class Tool:
    """A suite of a tool: its files, how its program is built beside the repository, and the command.

    In the command, `{modules}` is the folder of packages in which the program `needs` is installed.
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
    Tool("cargo (libtest)", "cargo", RUST, ("sum", "sort", "text"), "cargo",
         "RUSTC_BOOTSTRAP=1 cargo bench --quiet --offline --bench works -- {select} > {out}"),
    Tool("vitest", "vitest", VITEST, ("sum", "sort", "json"), "vitest",
         "ln -sfn {modules} node_modules && vitest bench --run {select} --outputJson={out}"),
)  # fmt: skip


def spreads(tool: Tool, folder: Path, measure: Callable[..., Path], journal: Journal, rounds: int) -> dict[str, Any]:
    """Return the median spread of a benchmark's pair in each way; two pairs of each way are measured in turn.

    What the second way takes of the first one's noise counts only in the same time, which is longer with more runs.
    """
    program = shutil.which(tool.needs)
    if not program:
        return {"tool": tool.name, "measured": "no", "pairs": 0}
    command = tool.command.replace("{modules}", str(Path(program).resolve().parents[1]))
    if tool.build:
        built = folder / ".git" / "program"
        if subprocess.run([*tool.build, str(built)], cwd=folder, check=False, capture_output=True).returncode:
            return {"tool": tool.name, "measured": "no", "pairs": 0}
        command = command.replace("{program}", str(built))
    select = [word for name in tool.names for word in ("--select", name)]
    ways = {"run": ("run", []), "selected": ("benchmark", [*select, "--select-style", tool.style])}
    ratios: dict[str, dict[str, list[float]]] = {way: {} for way in ways}
    seconds = dict.fromkeys(ways, 0.0)
    for number in range(rounds):
        for way, (interleave, more) in ways.items():

            def trial(interleave: str = interleave, more: list[str] = more) -> dict[str, Any]:
                began = time.monotonic()
                measured = measure(folder, interleave, 2, command, more)
                return {"seconds": time.monotonic() - began, "ratios": log_ratios(measured)}

            outcome = journal.once(f"tool {tool.name} {way} {number}", trial) or {"seconds": 0.0, "ratios": {}}
            seconds[way] += outcome["seconds"]
            for name, values in outcome["ratios"].items():
                ratios[way].setdefault(name, []).extend(values)
    by_way = {
        way: [statistics.stdev(values) for values in of.values() if len(values) > 1] for way, of in ratios.items()
    }
    if not all(by_way.values()):
        return {"tool": tool.name, "measured": "no", "pairs": 0}
    whole, selected = (statistics.median(by_way[way]) for way in ways)
    pairs = [max(map(len, ratios[way].values())) for way in ways]
    whole_s, selected_s = (seconds[way] / number for way, number in zip(ways, pairs, strict=True))
    gain = whole / selected * math.sqrt(whole_s / selected_s)
    return {
        "tool": tool.name, "measured": "yes", "benchmarks": len(by_way["run"]), "pairs": min(pairs),
        "run by run": whole, "benchmark by benchmark": selected,
        "seconds of a pair": f"{whole_s:.1f} / {selected_s:.1f}",
        "less noise in the same time": f"{gain:.1f} times",
    }  # fmt: skip


def log_ratios(measured: Path) -> dict[str, list[float]]:
    """Return the log ratios of the pairs of a measurement, by benchmark."""
    read = formats.read_measurement(measured)
    sides = [{} if report is None else _times(report) for report in (read.base, read.head)]
    return {
        name: [math.log(sides[1][name][pair] / value) for pair, value in base.items() if pair in sides[1].get(name, {})]
        for name, base in sides[0].items()
    }


def _times(report: Any) -> dict[str, dict[int, float]]:  # noqa: ANN401 - a Report
    return {
        series.benchmark.name: {
            run.pair: value for run, value in zip(report.runs, series.values, strict=True) if not math.isnan(value)
        }
        for series in report.series
        if series.metric.name == "time"
    }
