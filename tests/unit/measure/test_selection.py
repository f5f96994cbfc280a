"""How each runner is given the benchmarks to run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from _pytest.mark.expression import Expression
from hypothesis import given
from hypothesis import strategies as st

from regress_action.measure.suite_command import STYLES, Invocation, draws_layout, style_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

TEXT = st.text(st.characters(exclude_characters="\0\n", codec="utf-8"), min_size=1, max_size=12)
NAMES = st.lists(TEXT, min_size=1, max_size=5)
IDS = st.one_of(
    TEXT,
    st.sampled_from(["std::vector<int>", "a b", "x[0]", "not a", "a and b", "1,2", "it's", '"', "é", "a::b[c]::d"]),
)


@pytest.mark.parametrize(
    ("style", "names", "expected"),
    [
        ("pytest", ["bench/t.py::TestX::test_a[1-b]", "test_b"], ["-k", "test_a[1-b] or test_b"]),
        ("pytest", ["t.py::test_a[x y]", "t.py::test_a[z,w]"], ["-k", "test_a"]),
        ("pytest", ["t.py::test_sort[std::vector<int>]", "t.py::test_plain"], ["-k", "test_sort or test_plain"]),
        ("go", ["BenchmarkA/n=1-8", "BenchmarkB"], [r"-bench=^BenchmarkA$/^n=1(\-8)?$|^BenchmarkB$"]),
        ("go", ["example.com/x/y.BenchmarkA/n=1"], ["-bench=^BenchmarkA$/^n=1$"]),
        ("google", ["BM_a<int>/8", "b"], ["--benchmark_filter=^(BM_a<int>/8|b)$"]),
        ("cargo", ["sort/10", "sort/20"], ["^(sort/10|sort/20)$"]),
        ("cargo", ["bench_a", "m::bench_b"], ["--exact", "bench_a", "m::bench_b"]),
        ("asv", ["m.time_a(1)", "m.time_a(2)", "m.b"], ["--bench", r"^(m\.time_a|m\.b)($|[(])"]),
        ("vitest", ["a.bench.ts > group > sort (1)"], ["a.bench.ts", "-t", r"(^| )(sort\ \(1\))$"]),
        ("vitest", ["group > sort", "a.bench.ts > b"], ["-t", r"(^| )(sort|b)$"]),
        ("regex", ["BM_a<int>/8", "b"], ["^(BM_a<int>/8|b)$"]),
        ("plain", ["a b", "c"], ["a b", "c"]),
    ],
)
def test_selection_is_written_in_the_style_of_the_runner(style: str, names: list[str], expected: list[str]) -> None:
    """Each runner has its own way of naming benchmarks; where it cannot spell one, it gets more rather than fewer."""
    assert STYLES[style](names, Invocation(("pytest", "x", "--rootdir=."))) == expected


@given(NAMES)
def test_regex_matches_what_was_selected(names: list[str]) -> None:
    """Whatever is in a name, the expression finds it and takes it literally."""
    (expression,) = STYLES["regex"](names, Invocation())
    assert all(re.fullmatch(expression, name) for name in names)


@given(st.text("abc_", min_size=1), IDS)
def test_keyword_expression_matches_the_selected_test(function: str, parameter: str) -> None:
    """For every parameter -k gets an expression that pytest accepts and that matches the test's name."""
    name = f"test_{function}[{parameter}]"
    flag, expression = STYLES["pytest"]([f"bench/t.py::Test::{name}"], Invocation())
    assert flag == "-k"

    def matches(keyword: str, /, **_: str | int | bool | None) -> bool:
        return keyword.lower() in name.lower()

    assert Expression.compile(expression).evaluate(matches)


@given(st.lists(st.text("abc=1./-", min_size=1, max_size=6), min_size=1, max_size=3), st.sampled_from(["", "-8"]))
def test_go_pattern_matches_each_level(levels: list[str], processors: str) -> None:
    """Each level of a sub-benchmark matches its own pattern, with or without the number of processors."""
    name = "/".join(["BenchmarkA", *(level.replace("/", "") or "x" for level in levels)]) + processors
    (argument,) = STYLES["go"]([name], Invocation())
    patterns = argument.removeprefix("-bench=").split("/")
    bare = name.removesuffix(processors) if processors else name
    assert all(re.search(p, level) for p, level in zip(patterns, bare.split("/"), strict=True))


def test_node_ids_select_exactly(tmp_path: Path) -> None:
    """Without a path in the command, the node ids are the arguments; many of them go into a file."""
    (tmp_path / "t.py").touch()
    names = ["t.py::test_a[std::vector<int>]", "t.py::test_b[a b]"]
    command = ("python -m pytest -o testpaths=. {select} --benchmark-json={out}",)
    lists: list[list[str]] = []

    def write_list(names: Sequence[str]) -> Path:
        lists.append(list(names))
        return tmp_path / "list"

    assert STYLES["pytest"](names, Invocation(command, tmp_path, write_list)) == names
    many = [f"t.py::test_a[{number:0100}]" for number in range(500)]
    assert STYLES["pytest"](many, Invocation(command, tmp_path, write_list)) == [f"@{tmp_path}/list"]
    assert lists == [many]


@pytest.mark.parametrize("command", ["pytest . {select}", "cd x && pytest {select}", "pytest -c t.py {select}"])
def test_command_with_a_path_gets_keywords(tmp_path: Path, command: str) -> None:
    """A path in the command would run everything in it besides the node ids, so -k narrows it."""
    (tmp_path / "t.py").touch()
    assert STYLES["pytest"](["t.py::test_a"], Invocation((command,), tmp_path)) == ["-k", "test_a"]


@pytest.mark.parametrize(
    ("command", "style"),
    [
        ("uv run pytest benchmarks {select}", "pytest"),
        ("python -m pytest {select}", "pytest"),
        ("go test -run ^$ {select} ./...", "go"),
        ("cargo +nightly bench -- {select}", "cargo"),
        ("npx vitest bench {select}", "vitest"),
        ("cd b && python -m asv --config c run {select} -E e", "asv"),
        ("asv machine --yes", "plain"),
        ("./build/bench --benchmark_out={out} {select}", "google"),
        ("./run {select}", "plain"),
    ],
)
def test_style_is_that_of_the_commands_runner(command: str, style: str) -> None:
    """The runner is recognised by its name in the command."""
    assert style_of(command) == style


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["python3.12", "-W", "error", "-OO", "bench.py", "-S"], True),
        ([".venv/bin/python", "-m", "pytest", "-E"], True),
        (["PYTHONPATH=src:$PYTHONPATH A=1 pytest bench > log"], True),
        (["python", "-I", "bench.py"], False),
        (["python -X dev -W error -I bench.py"], False),
        (["PYTHONPATH=src A=1 python bench.py"], False),
        (["PYTHONPATH=${PYTHONPATH:+$PYTHONPATH:}src python bench.py"], True),
        (["pytest", "-rE", "bench"], True),
        (["python -BS -c pass"], False),
        (["./build/bench", "python"], False),
        (["python report.py | ./build/bench"], False),
        (["python 'half"], False),
        (["A=1"], False),
    ],
)
def test_command_that_is_a_python_program_draws_its_layout(words: list[str], expected: bool) -> None:
    """Only where nothing but Python with its variables and its sitecustomize runs."""
    assert draws_layout(words) is expected
