"""A change is judged by the settings of its base, whatever its own regress.yml, thresholds and waivers say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from regress_action.model.errors import SettingsError
from regress_action.settings import Settings
from regress_action.settings.trust import FROM_HEAD, GATE, settings_of_change

if TYPE_CHECKING:
    from regress_action.settings.trust import TrustedSettings

TOMORROW = datetime.now(UTC).date() + timedelta(days=1)
WAIVER = f"waivers: [{{benchmark: slow_one, metric: time, ceiling: 9, reason: because of it, expires: {TOMORROW}}}]"


class Files(dict[str, str]):
    """The files of a commit."""

    def read(self, path: str) -> bytes | None:
        """Return the content of a file, None where there is none."""
        return self[path].encode() if path in self else None


def judged_by(head: dict[str, str], base: dict[str, str], **inputs: object) -> TrustedSettings:
    """Return what counts for a change between two commits with these files."""
    named = {name.replace("_", "-"): value for name, value in inputs.items()}
    return settings_of_change(named, Files(head), Files(base))


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("mode: baseline", "mode", "auto"),
        ("baseline: none", "baseline", "branch"),
        ("history-branch: regress-data@http://elsewhere.test/x", "history_branch", "regress-data"),
        ("history_branch: regress-data@http://elsewhere.test/x", "history_branch", "regress-data"),
        ("fail-on: none", "fail_on", "critical"),
        ("notify-urls: ['json://elsewhere.test']", "notify_urls", ()),
        ("benchmarks: [{match: '*', ignore: true}]", "benchmarks", ()),
        ("benchmarks: [{match: '*', threshold: 99}]", "benchmarks", ()),
        ("base: HEAD", "base", ""),
        ("runs: 1", "runs", None),
        ("suite: another", "suite", "default"),
        ("check-run: false", "check_run", True),
        ("gate-from: head", "gate_from", "base"),
    ],
)
def test_head_does_not_decide_how_it_is_judged(text: str, field: str, value: object) -> None:
    """The setting keeps the base's value, and the attempt is reported."""
    trusted = judged_by({"regress.yml": text}, {})
    assert getattr(trusted.settings, field) == value
    assert [note for note in trusted.notes if note.startswith("This pull request changes its own gate")]


def test_base_and_inputs_decide() -> None:
    """The base's file counts, and an input wins over it."""
    trusted = judged_by({"regress.yml": "fail-on: none"}, {"regress.yml": "fail-on: minor\nruns: 7"}, runs="12")
    assert (trusted.settings.fail_on, trusted.settings.runs) == ("minor", 12)
    [note] = trusted.notes
    assert note == (
        "This pull request changes its own gate: fail-on is none, and minor in its base. "
        "The values of its base count; the change takes effect after the merge."
    )


def test_what_the_base_leaves_open_is_not_set() -> None:
    """A setting without a default is called so."""
    [note] = judged_by({"regress.yml": "runs: 1"}, {}).notes
    assert note.startswith("This pull request changes its own gate: runs is 1, and not set in its base.")


def test_head_says_how_its_suite_is_run() -> None:
    """Whoever changes the code may change how it is called; that is no matter of trust and no note."""
    trusted = judged_by({"regress.yml": "command: new\nresults: x.json"}, {"regress.yml": "command: old"})
    assert (trusted.settings.command, trusted.settings.results) == ("new", "x.json")
    assert trusted.notes == ()


def test_thresholds_and_waivers_of_the_base_count() -> None:
    """What the head writes into these files takes effect after the merge."""
    base = {"regress.yml": "thresholds: t.yml", "t.yml": "default: {regression_threshold: 1.1}"}
    head = {**base, "t.yml": "default: {regression_threshold: 90}", "regress-waivers.yml": WAIVER}
    trusted = judged_by(head, base)
    assert trusted.files.thresholds.ratios == (("default", 1.1),)
    assert trusted.files.waivers == ()
    assert [note.partition(":")[2].split()[0] for note in trusted.notes] == ["t.yml", "regress-waivers.yml"]


@pytest.mark.parametrize("where", ["base", "input"])
def test_gate_from_head_takes_thresholds_and_waivers_and_nothing_else(where: str) -> None:
    """Where such changes are reviewed like code; mode, history, fail-on and ignores still come from the base."""
    gate = "gate-from: head\n" if where == "base" else ""
    base = {"regress.yml": f"{gate}thresholds: t.yml", "t.yml": "default: {regression_threshold: 1.1}"}
    head = {
        "regress.yml": "thresholds: t.yml\nfail-on: none\nhistory-branch: x\nmode: baseline\n"
        "benchmarks: [{match: a, threshold: 2}, {match: b, ignore: true}]",
        "t.yml": "default: {regression_threshold: 1.5}",
        "regress-waivers.yml": WAIVER,
    }
    trusted = judged_by(head, base, **({"gate-from": "head"} if where == "input" else {}))
    assert trusted.files.thresholds.ratios == (("default", 1.5),)
    assert [waiver.benchmark for waiver in trusted.files.waivers] == ["slow_one"]
    assert [(override.match, override.ignore) for override in trusted.settings.benchmarks] == [("a", False)]
    assert (trusted.settings.fail_on, trusted.settings.history_branch, trusted.settings.mode) == (
        "critical",
        "regress-data",
        "auto",
    )
    assert sum("changes its own gate" in note for note in trusted.notes) == 4 + (where == "base")  # it drops gate-from


def test_a_change_can_add_the_files() -> None:
    """The pull request that introduces the gate is judged by the defaults, and says so."""
    trusted = judged_by({"regress.yml": "thresholds: t.yml", "t.yml": "default: {}"}, {}, thresholds="t.yml")
    assert trusted.files.thresholds.ratios == ()
    assert "The base has no t.yml, so the default thresholds count." in trusted.notes


def test_a_change_can_repair_the_files() -> None:
    """What is wrong in the base is left out there, so that the commit that corrects it can pass."""
    base = {"regress.yml": "fail-on: always\nrnus: 3\nsuite: api\nthresholds: t.yml", "t.yml": "["}
    trusted = judged_by({"regress.yml": "fail-on: minor\nsuite: api\nthresholds: t.yml", "t.yml": "a: {}"}, base)
    assert (trusted.settings.fail_on, trusted.settings.suite) == ("critical", "api")
    assert any(note.startswith("The thresholds of the base cannot be used") for note in trusted.notes)


@pytest.mark.parametrize("head", [{"regress.yml": "rnus: 3"}, {"regress.yml": "thresholds: t.yml", "t.yml": "a: 5"}])
def test_a_mistake_shows_in_the_change_that_makes_it(head: dict[str, str]) -> None:
    """It would break the next push to the default branch."""
    with pytest.raises(SettingsError):
        judged_by(head, {})


def test_every_setting_is_of_one_kind() -> None:
    """What is not listed as the head's comes from the base: a new setting is trusted to nobody by default."""
    names = {name.replace("_", "-") for name in Settings.model_fields}
    kinds: list[Any] = [FROM_HEAD, GATE]
    assert all(kind <= names for kind in kinds)
    assert not FROM_HEAD & GATE
