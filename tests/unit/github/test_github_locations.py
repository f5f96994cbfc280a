"""Benchmarks are found where they are defined, in six languages, and nowhere else."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from regress_action.github.locations import MAX_FILE_BYTES, Sources, find, located
from regress_action.model.comparisons import (
    Comparison,
    Judgement,
    Mode,
    Outcome,
    Severity,
    Side,
    Subject,
    Summary,
    Verdict,
)
from regress_action.model.measurements import Benchmark, Location, Metric

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    "tests/bench_cache.py": """\
import pytest

class TestCache:
    def test_get(self, benchmark):
        benchmark(lambda: 1)

async def test_evict(benchmark): ...
""",
    "tests/bench_other.py": "class TestOther:\n    def test_get(self, benchmark): ...\n",
    "benchmarks/asv.py": "class Suite:\n    def time_keys(self): ...\n    def peakmem_keys(self): ...\n",
    "go/parse_test.go": "package parse\n\nfunc BenchmarkParse(b *testing.B) {\n}\n\nfunc helper() {}\n",
    "rust/benches/fib.rs": """\
use criterion::*;
fn bench(c: &mut Criterion) {
    c.bench_function("fib 20", |b| b.iter(|| fib(20)));
    let mut group = c.benchmark_group("sort");
    group.bench_with_input(BenchmarkId::new("quick", 100), &100, |b, n| b.iter(|| n));
}
#[bench]
fn nightly(b: &mut Bencher) {}
#[divan::bench(args = [1])]
pub fn hop() {}
fn quick() {}
""",
    "cpp/bm.cc": """\
#include <benchmark/benchmark.h>
static void BM_Copy(benchmark::State& state) {
}
BENCHMARK(BM_Copy)->Range(8, 64);
BENCHMARK_F(Pool, Alloc)(benchmark::State& st) {}
TEST_CASE("x") { BENCHMARK("catch sort") { return 1; }; }
""",
    "js/sort.bench.ts": "describe('sort', () => {\n  bench('quick sort', () => {})\n  it(\"renders\", () => {})\n})\n",
    "js/old.js": "suite.add('RegExp#test', function () {})\n",
    "java/src/Codec.java": """\
package com.acme;
public class Codec {
    @Benchmark
    @OutputTimeUnit(TimeUnit.NANOSECONDS)
    public void encode(Blackhole hole) {
    }
    public void decode() {
    }
}
""",
    "benchmarks/telco.py": "runner.bench_func('telco', f)\nrunner.timeit(\n    name=\"sort a list\", stmt='x')\n",
    "cpp/long.cpp": """\
static void BM_LongNameOfABenchmark(
    benchmark::State& state) {
}
auto BM_lambda = [](benchmark::State& state) {};
""",
    "rust/benches/long.rs": 'c.bench_function(\n    "a rather long name",\n    |b| b.iter(f),\n);\n',
    "js/long.bench.js": """\
bench(
  'what prettier wraps',
  f,
)
bench("it's quoted", f)
add({ name: 'object', fn })
""",
    "java/src/Short.java": """\
class Short {
    @Benchmark public int inline() { return 1; }
    @Benchmark
    @Fork(1)
    int bare() { return helper(1); }
}
""",
    "kotlin/Enc.kt": "open class Enc {\n  @Benchmark\n  fun hasten(): Int {\n  }\n}\n",
    "node_modules/x/bench.js": "bench('hidden', () => {})\n",
    ".git/bench.js": "bench('hidden', () => {})\n",
}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with benchmarks in six languages."""
    root = tmp_path_factory.mktemp("workspace")
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("tests/bench_cache.py::TestCache::test_get[10-a]", "tests/bench_cache.py:4"),
        ("TestOther::test_get", "tests/bench_other.py:2"),
        ("test_evict", "tests/bench_cache.py:7"),
        ("asv.Suite.time_keys", "benchmarks/asv.py:2"),
        ("BenchmarkParse-8", "go/parse_test.go:3"),
        ("example.com/parse.BenchmarkParse/big-16", "go/parse_test.go:3"),
        ("fib 20", "rust/benches/fib.rs:3"),
        ("sort/quick/100", "rust/benches/fib.rs:5"),
        ("tests::nightly", "rust/benches/fib.rs:8"),
        ("fib::hop", "rust/benches/fib.rs:10"),
        ("BM_Copy/8/threads:4", "cpp/bm.cc:2"),
        ("BM_Copy<int>/64", "cpp/bm.cc:2"),
        ("Pool/Alloc", "cpp/bm.cc:5"),
        ("catch sort", "cpp/bm.cc:6"),
        ("sort.bench.ts > sort > quick sort", "js/sort.bench.ts:2"),
        ("renders", "js/sort.bench.ts:3"),
        ("RegExp#test", "js/old.js:1"),
        ("com.acme.Codec.encode", "java/src/Codec.java:5"),
        ("telco", "benchmarks/telco.py:1"),
        ("sort a list", "benchmarks/telco.py:2"),
        ("BM_LongNameOfABenchmark/8", "cpp/long.cpp:1"),
        ("BM_lambda", "cpp/long.cpp:4"),
        ("a rather long name", "rust/benches/long.rs:1"),
        ("what prettier wraps", "js/long.bench.js:1"),
        ("it's quoted", "js/long.bench.js:5"),
        ("object", "js/long.bench.js:6"),
        ("com.acme.Short.inline", "java/src/Short.java:2"),
        ("com.acme.Short.bare", "java/src/Short.java:5"),
        ("kt.Enc.hasten", "kotlin/Enc.kt:3"),
    ],
)
def test_a_benchmark_is_found_on_its_line(workspace: Path, name: str, place: str) -> None:
    """The line is that of the definition, whatever parameters and suffixes the tool appends to the name."""
    path, line = place.split(":")

    assert find(workspace, Benchmark(name)) == Location(path, int(line))


@pytest.mark.parametrize(
    "name",
    ["test_get", "hidden", "decode", "helper", "nothing", "", "../../etc/passwd", "[", "\0", "x" * 10_000],
)
def test_what_is_ambiguous_or_not_there_has_no_line(workspace: Path, name: str) -> None:
    """Two places that fit equally well, foreign folders, plain functions and odd names: no location."""
    assert find(workspace, Benchmark(name)) is None


def test_a_judgement_gets_the_locations_it_lacks(workspace: Path) -> None:
    """Those that the results name stay; the sources are not even read when all are named."""
    named, lacking, unknown = (
        Comparison(
            Benchmark(name, location=location), Metric("time", "s"), Side(1, 1.0), Side(1, 1.0), 1.0, None, None, None,
            None, 1.2, None, Verdict.UNCHANGED, Severity.NONE, "",
        )
        for name, location in [("fib 20", Location("own.rs", 9)), ("test_evict", None), ("nowhere", None)]
    )  # fmt: skip
    judgement = Judgement(Mode.PAIRED, Summary(Outcome.PASS), (named, lacking, unknown), Subject(), Subject())

    locations = [row.benchmark.location for row in located(judgement, workspace).comparisons]

    assert locations == [Location("own.rs", 9), Location("tests/bench_cache.py", 7), None]
    only = replace(judgement, comparisons=(named,))
    assert located(only, workspace) is only


def test_links_out_of_the_workspace_and_huge_files_are_not_read(tmp_path: Path) -> None:
    """A link may lead anywhere and a file may be anything."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "bench_secret.py").write_text("def test_secret(): ...\n")
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(outside)
    (root / "bench_link.py").symlink_to(outside / "bench_secret.py")
    (root / "bench_huge.py").write_text("def test_huge(): ...\n" + "#" * MAX_FILE_BYTES)

    assert Sources.read(root).definitions == {}


def test_hostile_sources_cost_no_time(tmp_path: Path) -> None:
    """Lines made to slow regular expressions down are read in a moment."""
    (tmp_path / "a.java").write_text(("public " * 140 + "\n") * 500)
    (tmp_path / "a.cc").write_text(("template<" * 100 + "\n") * 500)
    (tmp_path / "a.rs").write_text(("pub " + "bench_function( " * 50 + "\n") * 500)
    started = time.perf_counter()

    Sources.read(tmp_path)

    assert time.perf_counter() - started < 5


@pytest.mark.timeout(20)
def test_pipes_devices_and_links_among_the_sources_are_left_out(tmp_path: Path) -> None:
    """A pipe named like a source is not waited for, and a linked folder is not entered."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "c.py").write_text("def test_c():\n")
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    os.mkfifo(workspace / "a.py")
    (workspace / "b.py").symlink_to("/dev/zero")
    (workspace / "linked").symlink_to(tmp_path / "elsewhere")
    (workspace / "d.py").write_text("def test_d():\n")
    assert list(Sources.read(workspace).definitions) == ["test_d"]


def test_folders_without_end_end_nothing(deep_folder: Path) -> None:
    """A checkout may hold more levels than Python's stack; what lies above them is found."""
    (deep_folder / "bench.py").write_text("def test_a(benchmark): ...\n")
    assert find(deep_folder, Benchmark("test_a")) == Location("bench.py", 1)
