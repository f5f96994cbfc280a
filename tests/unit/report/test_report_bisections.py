"""The answer of a bisection in words and as JSON."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from regress_action.model.changes import BisectionResult, Ending, OtherChange, PackageChange, Suspect
from regress_action.model.errors import InputError
from regress_action.report import bisections

CULPRIT = Suspect("a" * 40, "Parse \x1b[31mtwice::error", "Ada", "2026-01-02", ("src/parse.py",), 0.99961, 1.05, 8)
OTHER = Suspect("b" * 40, "Add a test", "Bob", "2026-01-01", (), 0.0003, 1.001, 5)
FOUND = BisectionResult(
    good="c" * 40,
    bad="d" * 40,
    commits=64,
    ending=Ending.FOUND,
    target=0.99,
    suspects=(CULPRIT, OTHER),
    unchanged=0.00001,
    builds=6,
    pairs=49,
    ratio=1.051,
    ratio_low=1.044,
    ratio_high=1.058,
    benchmark="bench::parse",
    metric="time",
)


def shown(result: BisectionResult) -> str:
    """Return what a terminal of 120 columns shows."""
    console = Console(file=io.StringIO(), width=120, highlight=False)
    bisections.show(result, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_commit_comes_first_and_the_probability_is_never_rounded_up() -> None:
    """Commit, probability, ratio with its interval, files, and what to do next."""
    text = shown(FOUND)
    assert text.startswith("First bad commit: aaaaaaaaaa Parse twice")
    assert "Probability 99.9 %. bench::parse (time): +5.1 % (95 % interval +4.4 to +5.8 %)." in text
    assert "64 commits in cccccccccc..dddddddddd, 6 builds between them, 49 pairs measured." in text
    assert "Next: git show aaaaaaaaaa" in text
    assert "\x1b[31m" not in text
    assert "bbbbbbbbbb" not in text


def test_an_improvement_is_called_so() -> None:
    """A first commit that made it faster is no bad commit."""
    better = replace(FOUND, ratio=0.9, ratio_low=0.89, ratio_high=0.91)
    assert shown(better).startswith("First commit with the improvement: aaaaaaaaaa")
    assert bisections.markdown(better).startswith(f"**First commit with the improvement: {'a' * 40}** ")


@pytest.mark.parametrize(
    ("ending", "words"),
    [
        (Ending.NO_CHANGE, "No change found: bench::parse (time) at dddddddddd is +5.1 %"),
        (Ending.UNDECIDED, "Not decided whether bench::parse (time) changed"),
        (Ending.INDISTINGUISHABLE, "The change is in one of 1 commit that cannot be distinguished."),
        (Ending.BUDGET, "Not finished: the limit was reached before 99.0 %"),
    ],
)
def test_an_ending_without_a_commit_says_why_and_what_to_do(ending: Ending, words: str) -> None:
    """No commit is named, and the last line is a next step."""
    result = replace(FOUND, ending=ending)
    text = shown(result)
    assert text.startswith(words)
    assert "First bad commit" not in text
    assert text.splitlines()[-1].startswith("Next: ")
    assert bisections.as_object(result)["first_bad"] is None


def test_what_changed_as_well_is_said_and_can_be_searched() -> None:
    """At most five are named, the command names the clearest, and a foreign name stays inside its code."""
    others = (OtherChange("b `x`; rm -rf @octo", "time", 1.4), *(OtherChange(f"n{at}", "time", 1.2) for at in range(6)))
    result = replace(FOUND, others=others)
    text = bisections.markdown(result)
    assert "Changed between the same commits, and not bisected: `` b `x`; rm -rf" in text
    assert "(+40 %), `n0` (+20 %), `n1` (+20 %), `n2` (+20 %), `n3` (+20 %) and 2 more. To search for one" in text
    assert "regress-action bisect cccccccccc..dddddddddd -k 'b `x`; rm -rf " in text
    assert "Changed as well, and not bisected" in shown(result)
    assert bisections.from_object(bisections.as_object(result)).others == others
    assert "not bisected" not in bisections.markdown(FOUND)
    old = {name: value for name, value in bisections.as_object(FOUND).items() if name != "others"}
    assert bisections.from_object(old).others == ()


def test_packages_of_a_bump_are_listed_and_the_one_is_named() -> None:
    """A bump shows what it changed, and the package that made the change."""
    package = Suspect("e" * 40, "numpy 1.26.4 → 2.0.0", "", "", ("uv.lock",), 0.998, 1.05, 8)
    inner = replace(FOUND, suspects=(package,), builds=2)
    changes = (
        PackageChange("numpy", "1.26.4", "2.0.0"),
        PackageChange("new", None, "1"),
        PackageChange("old", "1", None),
    )
    text = shown(replace(FOUND, packages=changes, of_packages=inner))
    assert "numpy 1.26.4 → 2.0.0\n  new 1 (new)\n  old 1 → gone" in text
    assert "The package: numpy 1.26.4 → 2.0.0, probability 99.8 %, +5.1 % (2 builds of mixed lock files)." in text


def test_the_object_holds_what_programs_need() -> None:
    """The keys that others rely on; probabilities are rounded down and never 1."""
    content = bisections.as_object(replace(FOUND, suspects=(replace(CULPRIT, probability=1.0),)))
    assert content["schema"] == 1
    assert content["first_bad"] == "a" * 40
    assert content["probability"] == 0.9999
    assert (content["builds"], content["ratio"]) == (6, 1.051)
    assert [entry["commit"] for entry in content["candidates"]] == ["a" * 40]


def test_a_line_of_the_log_says_what_was_measured() -> None:
    """A step names the commit, its place, what it showed and what is most probable now; a skipped one its reason."""
    line = bisections.step_line("a" * 40, place=(3, 9), pairs=5, level=0.0488, skipped=None, best=("b" * 40, 0.5))
    assert line == "aaaaaaaaaa (3 of 9): +5.0 % over 5 pairs; most probable bbbbbbbbbb, 50.0 %"
    skipped = bisections.step_line("a" * 40, place=(3, 9), pairs=0, level=None, skipped="no build", best=None)
    assert skipped == "aaaaaaaaaa (3 of 9): skipped. no build"


def test_what_another_job_wrote_is_read_back() -> None:
    """The object of a result says in Markdown what the result does, packages included."""
    package = Suspect("e" * 40, "numpy 1.26.4 → 2.0.0", "", "", ("uv.lock",), 0.998, 1.05, 8)
    inner = replace(FOUND, suspects=(package,), builds=2)
    written = replace(FOUND, packages=(PackageChange("numpy", "1.26.4", "2.0.0"),), of_packages=inner)
    again = bisections.from_object(bisections.as_object(written))
    assert again.first_bad is not None
    assert again.first_bad.commit == "a" * 40
    assert again.of_packages is not None
    text = bisections.markdown(again)
    assert text == bisections.markdown(written).replace("99.9 %", "99.9 %")
    assert f"**First bad commit: {'a' * 40}** (probability 99.9 %)" in text
    assert "The package: `numpy 1.26.4 → 2.0.0` (probability 99.8 %)" in text


@pytest.mark.parametrize("ending", list(Ending))
def test_foreign_text_in_a_comment_does_nothing(ending: Ending) -> None:
    """Subjects, paths and names of benchmarks neither mention anybody nor start a list, a link or a mark."""
    evil = "@octo <!-- regress-action:event {} --> ](http://x) ``` #1"
    suspect = replace(CULPRIT, subject=evil, files=(evil,))
    text = bisections.markdown(replace(FOUND, suspects=(suspect,), benchmark=evil, metric=evil, ending=ending))
    assert "<!--" not in text
    assert not text.startswith("@")
    outside_code = "".join(part for at, part in enumerate(text.split("`")) if at % 2 == 0)
    assert "@octo" not in outside_code.replace("@\u200b", "")


@pytest.mark.parametrize(
    "content", [None, [], {}, {"schema": 2}, {"schema": 1, "good": "x"}, {"schema": 1, "good": "a" * 40, "bad": "../x"}]
)
def test_what_is_no_answer_is_refused(content: object) -> None:
    """An answer comes from a job that ran foreign code: any other form is one clear error."""
    with pytest.raises(InputError, match="no answer of a bisection"):
        bisections.from_object(content)
