"""How many pairs: the count, the budget, a decision from outside; and which benchmarks."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

import pytest
from measure_ground import Measurer, python

if TYPE_CHECKING:
    from pathlib import Path


def _pairs(runs: list[dict[str, object]]) -> int:
    assert len(runs) % 2 == 0
    return len(runs) // 2


def test_the_default_is_ten_pairs_or_five_runs(measure: Measurer) -> None:
    """Ten pairs with a base, five runs without."""
    assert _pairs(measure("--base", "HEAD~1", "--", "true").runs) == 10
    assert len(measure("--overwrite", "--", "true").runs) == 5


def test_the_budget_stops_after_a_whole_pair(measure: Measurer) -> None:
    """No pair is begun that would end after the budget, none is cut in half, and it says so."""
    done = measure("--base", "HEAD~1", "--budget-minutes", "0.02", "--", "sleep 0.2")
    assert done.status == 0
    assert 1 <= _pairs(done.runs) <= 3
    assert done.document["stopped"]["word"] == "budget"
    assert "fewer than the 5 a verdict needs: the budget is used up" in done.stdout


def test_warm_ups_are_thrown_away(measure: Measurer, tmp_path: Path) -> None:
    """A warm-up runs each side before the first pair and leaves no run."""
    done = measure("--base", "HEAD~1", "--pairs", "1", "--warmup", "2", "--", f"echo $REGRESS_SIDE >> {tmp_path}/ran")
    assert (tmp_path / "ran").read_text().split() == ["base", "head", "base", "head", "base", "head"]
    assert len(done.runs) == 2


def _decider(folder: Path, answer: dict[str, object]) -> str:
    """Return a command that notes how many runs it was shown, and answers."""
    code = "import json, sys; open(sys.argv[1], 'a').write(str(len(json.load(open(sys.argv[3]))['runs'])) + ' ')"
    return python(f"{code}; print('thinking'); print(sys.argv[2])", str(folder / "looks"), json.dumps(answer))


def test_a_decision_ends_the_measurement(measure: Measurer, tmp_path: Path) -> None:
    """After the fifth pair somebody may say that it is enough."""
    decide = _decider(tmp_path, {"continue": False, "select": None, "why": "all is clear"})
    done = measure("--base", "HEAD~1", "--decide", decide, "--", "sleep 0.05")
    assert done.status == 0
    assert _pairs(done.runs) == 5
    stopped = done.document["stopped"]
    assert (stopped["word"], stopped["why"]) == ("decided", "stopped early: all is clear")
    assert stopped["saved_s"] == pytest.approx(sum(run["wall_s"] for run in done.runs), abs=0.01)
    assert (tmp_path / "looks").read_text() == "10 "


def test_narrowing_saves_time_as_well(measure: Measurer, tmp_path: Path) -> None:
    """All pairs were measured, three of them without what was decided: what that spared is told in seconds."""
    decide = _decider(tmp_path, {"continue": True, "select": ["b"], "why": "a is clear"})
    done = measure("--base", "HEAD~1", "--pairs", "8", "--decide", decide, "--", 'test -n "{select}" || sleep 0.2')
    stopped = done.document["stopped"]
    assert stopped["word"] == "complete"
    assert stopped["saved_s"] == pytest.approx(6 * 0.2, rel=0.3)


def test_a_suite_that_cannot_be_narrowed_saves_nothing_by_it(measure: Measurer, tmp_path: Path) -> None:
    """Its first runs were slower for a reason of their own, and all pairs were measured whole."""
    decide = _decider(tmp_path, {"continue": True, "select": ["b"], "why": "a is clear"})
    slow_at_first = 'test "$REGRESS_PAIR" -gt 5 || sleep 0.2'
    done = measure("--base", "HEAD~1", "--pairs", "8", "--decide", decide, "--", slow_at_first)
    assert done.runs[-1]["selection"] == ["b"]
    assert done.document["stopped"]["saved_s"] is None


def test_nothing_is_saved_where_nobody_decides(measure: Measurer) -> None:
    """A plan that was measured to its end, or that the budget ended, spared nothing."""
    whole = measure("--base", "HEAD~1", "--pairs", "2", "--", "true")
    cut = measure("--overwrite", "--base", "HEAD~1", "--budget-minutes", "0.01", "--", "sleep 0.2")
    assert [done.document["stopped"]["saved_s"] for done in (whole, cut)] == [None, None]


def test_the_machine_is_probed_before_and_after(measure: Measurer) -> None:
    """A fixed piece of work is timed before the first and after the last run; a quick suite is not held up between."""
    probe = measure("--base", "HEAD~1", "--pairs", "3", "--", "true").document["probe"]
    assert [look["after_pair"] for look in probe["looks"]] == [0, 3]
    assert all(0 < look["median_s"] < 1 and look["spread"] >= 0 for look in probe["looks"])


def test_a_decision_narrows_what_is_measured(measure: Measurer, tmp_path: Path) -> None:
    """Later pairs run what was selected, it is asked again after every further pair, and each run says what it ran."""
    decide = _decider(tmp_path, {"continue": True, "select": ["b", "c d"], "why": "a is clear"})
    done = measure("--base", "HEAD~1", "--pairs", "8", "--decide", decide, "--", "echo {select} > {out}")
    assert (tmp_path / "looks").read_text() == "10 12 14 "
    assert done.results() == ["\n"] * 5 + ["b c d\n"] * 3
    assert done.runs[0]["selection"] is None
    assert done.runs[-1]["selection"] == ["b", "c d"]


@pytest.mark.parametrize("decide", ["false", "echo nonsense", "no-such-program", """echo '{"continue": 1}'"""])
def test_a_failing_decision_changes_nothing(measure: Measurer, decide: str) -> None:
    """It is a warning, and the plan stays as it was."""
    done = measure("--base", "HEAD~1", "--pairs", "6", "--decide", decide, "--", "true")
    assert done.status == 0
    assert _pairs(done.runs) == 6
    assert "could not be asked" in done.document["warnings"][0]


def test_a_selection_reaches_the_suite(measure: Measurer) -> None:
    """--select fills {select} in the runner's own style, and $REGRESS_SELECT line by line."""
    words = ["--select", "t.py::test_a[1]", "--select", "t.py::test_b", "--select-style", "pytest"]
    done = measure("--runs", "1", *words, "--", 'echo {select} > {out}; echo "$REGRESS_SELECT" >> {out}')
    assert done.results() == ["-k test_a[1] or test_b\nt.py::test_a[1]\nt.py::test_b\n"]


def test_too_few_pairs_are_measured_with_a_warning(measure: Measurer) -> None:
    """Fewer than five pairs prove little, which is said and kept."""
    done = measure("--base", "HEAD~1", "--pairs", "2", "--", "true")
    assert done.document["warnings"] == ["2 pairs are planned, fewer than the 5 a verdict needs"]


def test_decide_is_a_command_line(measure: Measurer, tmp_path: Path) -> None:
    """The decision's words are split as a shell would, and the path of the measurement comes last."""
    script = tmp_path / "with space.sh"
    script.write_text('echo "$1 $2" > "$0.seen"; echo \'{"continue": false}\'\n')
    measure("--base", "HEAD~1", "--decide", f"sh {shlex.quote(str(script))} x", "--", "true")
    seen = (tmp_path / "with space.sh.seen").read_text().strip()
    assert seen == f"x {measure.out / 'measurement.json'}"
