"""How many pairs are measured: the count, the budget, a decision; and which benchmarks."""

from __future__ import annotations

import json
import shlex
import sys
from typing import TYPE_CHECKING

import pytest

from integration.measure.measure_repository import Measurer, Repository, python
from regress_action.measure.schedule import looks

if TYPE_CHECKING:
    from pathlib import Path


def _pairs(runs: list[dict[str, object]]) -> int:
    assert len(runs) % 2 == 0
    return len(runs) // 2


def test_default_is_ten_pairs_or_five_runs(measure: Measurer) -> None:
    """Ten pairs with a base, five runs without."""
    assert _pairs(measure("--base", "HEAD~1", "--", "true").runs) == 10
    assert len(measure("--overwrite", "--", "true").runs) == 5


def test_budget_ends_after_a_complete_pair(measure: Measurer) -> None:
    """No pair is begun that would end after the budget, none is cut in half, and it says so."""
    measured = measure("--base", "HEAD~1", "--budget-minutes", "0.02", "--", "sleep 0.2")
    assert measured.status == 0
    assert 1 <= _pairs(measured.runs) <= 3
    assert measured.document["stopped"]["word"] == "budget"
    assert "fewer than the 5 a verdict needs: the budget is used up" in measured.stdout


def test_warm_up_runs_are_not_kept(measure: Measurer, tmp_path: Path) -> None:
    """A warm-up runs each side before the first pair and leaves no run."""
    measured = measure(
        "--base", "HEAD~1", "--pairs", "1", "--warmup", "2", "--", f"echo $REGRESS_SIDE >> {tmp_path}/ran"
    )
    assert (tmp_path / "ran").read_text().split() == ["base", "head", "base", "head", "base", "head"]
    assert len(measured.runs) == 2


def _decider(folder: Path, answer: dict[str, object]) -> str:
    """Return a command that notes how many runs it was shown, and answers."""
    code = "import json, sys; open(sys.argv[1], 'a').write(str(len(json.load(open(sys.argv[3]))['runs'])) + ' ')"
    return python(
        f"{code}; print('a line that is no decision'); print(sys.argv[2])", str(folder / "shown"), json.dumps(answer)
    )


def test_decision_ends_the_measurement(measure: Measurer, tmp_path: Path) -> None:
    """After the fifth pair the deciding program may end it."""
    decide = _decider(tmp_path, {"continue": False, "select": None, "why": "all is clear"})
    measured = measure("--base", "HEAD~1", "--decide", decide, "--", "sleep 0.05")
    assert measured.status == 0
    assert _pairs(measured.runs) == 5
    stopped = measured.document["stopped"]
    assert (stopped["word"], stopped["why"]) == ("decided", "stopped early: all is clear")
    assert stopped["saved_s"] == pytest.approx(sum(run["wall_s"] for run in measured.runs), abs=0.01)
    assert (tmp_path / "shown").read_text() == "10 "


def test_there_are_more_short_pairs_than_ten(measure: Measurer, tmp_path: Path) -> None:
    """Where nobody says how many; the plan is settled before anybody looks, and looked at in growing steps."""
    decide = _decider(tmp_path, {"continue": True, "select": None, "why": "nothing is clear"})
    measured = measure("--base", "HEAD~1", "--decide", decide, "--", "true")
    planned = measured.document["plan"]["pairs"]
    assert planned == _pairs(measured.runs) > 10
    assert f"measured all {planned} pairs" in measured.stdout
    assert [int(runs) // 2 for runs in (tmp_path / "shown").read_text().split()] == list(looks(planned)[:-1])


@pytest.mark.parametrize("words", [["--pairs", "11", "--decide", "false"], ["--budget-minutes", "1"]])
def test_a_number_that_was_asked_for_is_kept(measure: Measurer, words: list[str]) -> None:
    """And without looks nothing could end a longer plan early."""
    measured = measure("--base", "HEAD~1", *words, "--", "true")
    assert measured.document["plan"]["pairs"] == _pairs(measured.runs) == (11 if "--pairs" in words else 10)


def test_narrowed_runs_count_as_saved_time(measure: Measurer, tmp_path: Path) -> None:
    """All pairs were measured, three of them without what was decided: the saved seconds are recorded."""
    decide = _decider(tmp_path, {"continue": True, "select": ["b"], "why": "a is clear"})
    measured = measure("--base", "HEAD~1", "--pairs", "8", "--decide", decide, "--", 'test -n "{select}" || sleep 0.2')
    stopped = measured.document["stopped"]
    assert stopped["word"] == "complete"
    assert stopped["saved_s"] == pytest.approx(6 * 0.2, rel=0.3)


def test_suite_without_selection_saves_no_time(measure: Measurer, tmp_path: Path) -> None:
    """Its first runs were slower for a reason of their own, and all pairs were measured whole."""
    decide = _decider(tmp_path, {"continue": True, "select": ["b"], "why": "a is clear"})
    slow_at_first = 'test "$REGRESS_PAIR" -gt 5 || sleep 0.2'
    measured = measure("--base", "HEAD~1", "--pairs", "8", "--decide", decide, "--", slow_at_first)
    assert measured.runs[-1]["selection"] == ["b"]
    assert measured.document["stopped"]["saved_s"] is None


def test_without_decisions_no_time_is_saved(measure: Measurer) -> None:
    """A plan that was measured to its end, or that the budget ended, saved nothing."""
    complete = measure("--base", "HEAD~1", "--pairs", "2", "--", "true")
    cut = measure("--overwrite", "--base", "HEAD~1", "--budget-minutes", "0.01", "--", "sleep 0.2")
    assert [measured.document["stopped"]["saved_s"] for measured in (complete, cut)] == [None, None]


def test_machine_speed_is_read_before_and_after(measure: Measurer) -> None:
    """A fixed piece of work is timed before the first and after the last run; a quick suite is not held up between."""
    probe = measure("--base", "HEAD~1", "--pairs", "3", "--", "true").document["probe"]
    assert [reading["after_pair"] for reading in probe["looks"]] == [0, 3]
    assert all(0 < reading["median_s"] < 1 and reading["spread"] >= 0 for reading in probe["looks"])


def test_decision_narrows_the_selection(measure: Measurer, tmp_path: Path) -> None:
    """Later pairs run the selection, each interim analysis decides anew, and each run records what it ran."""
    decide = _decider(tmp_path, {"continue": True, "select": ["b", "c d"], "why": "a is clear"})
    measured = measure("--base", "HEAD~1", "--pairs", "8", "--decide", decide, "--", "echo {select} > {out}")
    assert (tmp_path / "shown").read_text() == "10 12 14 "
    assert measured.results() == ["\n"] * 5 + ["b c d\n"] * 3
    assert measured.runs[0]["selection"] is None
    assert measured.runs[-1]["selection"] == ["b", "c d"]


@pytest.mark.parametrize("decide", ["false", "echo nonsense", "no-such-program", """echo '{"continue": 1}'"""])
def test_failing_decision_leaves_the_plan(measure: Measurer, decide: str) -> None:
    """It is a warning, and the plan stays as it was."""
    measured = measure("--base", "HEAD~1", "--pairs", "6", "--decide", decide, "--", "true")
    assert measured.status == 0
    assert _pairs(measured.runs) == 6
    assert "gave no decision" in measured.document["warnings"][0]


def test_selection_is_passed_to_the_suite(measure: Measurer) -> None:
    """--select fills {select} in the runner's own style, and $REGRESS_SELECT line by line."""
    words = ["--select", "t.py::test_a[1]", "--select", "t.py::test_b", "--select-style", "pytest"]
    measured = measure("--runs", "1", *words, "--", 'echo {select} > {out}; echo "$REGRESS_SELECT" >> {out}')
    assert measured.results() == ["-k test_a[1] or test_b\nt.py::test_a[1]\nt.py::test_b\n"]


IDS = ["std::vector<int>", "a b", "x[0]", "not a", "a and b", "1,2", "it's", '"', "é", "a::b[c]::d", "-k", "{a}", "$H"]
LISTING_TEST = """
import os, pytest
@pytest.mark.parametrize("p", IDS, ids=IDS)
def test_a(p, request):
    with open(os.environ["REGRESS_OUT"], "a") as file:
        print(request.node.nodeid, file=file)
"""


@pytest.mark.parametrize("many", [False, True], ids=["few", "many"])
def test_pytest_runs_exactly_the_selected_tests(repository: Repository, measure: Measurer, many: bool) -> None:
    """Whatever the parameters hold, the selected tests run and no other; many are passed in a file."""
    ids = IDS + ["x" * 2000 + str(number) for number in range(20)] if many else IDS
    repository.commit(bench__test_ids_dot_py=LISTING_TEST.replace("IDS", repr(ids)))
    line = f"{sys.executable} -m pytest -q -p no:cacheprovider -o testpaths=bench {{select}}"
    names = measure("--runs", "1", "--results", "{out}", "--", line).results()[0].splitlines()
    chosen = names if many else names[::2]
    words = [word for name in chosen for word in ("--select", name)]
    style = ["--select-style", "pytest", "--results", "{out}"]
    selected = measure("--overwrite", "--runs", "1", *words, *style, "--", line)
    assert selected.status == 0, selected.stdout
    assert selected.results()[0].splitlines() == chosen
    assert (len(chosen), (selected.out / "runs/head-01.select").exists()) == (33 if many else 7, many)


def test_few_pairs_give_a_warning(measure: Measurer) -> None:
    """Fewer than five pairs prove little, which is reported and recorded."""
    measured = measure("--base", "HEAD~1", "--pairs", "2", "--", "true")
    assert measured.document["warnings"] == ["2 pairs are planned, fewer than the 5 a verdict needs"]


def test_decide_is_split_like_a_command_line(measure: Measurer, tmp_path: Path) -> None:
    """The decision's words are split as a shell would, and the path of the measurement comes last."""
    script = tmp_path / "with space.sh"
    script.write_text('echo "$1 $2" > "$0.seen"; echo \'{"continue": false}\'\n')
    measure("--base", "HEAD~1", "--decide", f"sh {shlex.quote(str(script))} x", "--", "true")
    seen = (tmp_path / "with space.sh.seen").read_text().strip()
    assert seen == f"x {measure.out / 'measurement.json'}"


@pytest.mark.parametrize("style", ["plain", "regex"])
def test_selection_that_is_too_long_for_a_command_is_the_whole_suite(measure: Measurer, style: str) -> None:
    """The kernel takes 128 KiB in one argument or variable: with more names, all benchmarks run."""
    names = [f"a benchmark with a long name, number {number:030}" for number in range(2500)]
    selected = [word for name in names for word in ("--select", name)]
    show = 'echo "$REGRESS_SELECT" {select} | wc -c > {out}'
    measured = measure("--runs", "1", "--select-style", style, *selected, "--", show)
    assert measured.status == 0, measured.stderr
    assert measured.results() == ["1\n"]
