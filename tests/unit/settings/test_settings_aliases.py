"""Names over time: what is renamed goes on, what was removed on purpose is not missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from regress_action.action.job import decode_plan, encode_plan
from regress_action.action.judge import JudgingRules, judge_against_history, judge_reports, rules_of
from regress_action.advice.renames import probable_renamings
from regress_action.history import History
from regress_action.history.store import FolderStore
from regress_action.model.errors import SettingsError
from regress_action.model.measurements import Aliases, Benchmark, Metric, Report, Run, Series
from regress_action.settings import Settings
from regress_action.settings.gate import GateFiles, Thresholds, read_aliases
from regress_action.settings.sources import FolderFiles
from regress_action.settings.trust import TrustedSettings, settings_of_change

if TYPE_CHECKING:
    from pathlib import Path

TIME = Metric("time", "s")


def report(*names: str, level: float = 0.01, version: str | None = None) -> Report:
    """Return ten runs of benchmarks with these names."""
    values = tuple(level * (1 + 0.001 * (number % 3)) for number in range(10))
    series = tuple(Series(Benchmark(name, version=version), TIME, values) for name in names)
    return Report(
        series, tuple(Run("s", pair) for pair in range(1, 11)), created="2026-01-01T00:00:00Z", commit="a" * 40
    )


def rules(aliases: Aliases) -> JudgingRules:
    """Return rules with nothing but aliases."""
    return rules_of(Settings(), GateFiles(Thresholds(), (), aliases))


def written(folder: Path, text: str) -> Aliases:
    """Write the file and read it."""
    folder.mkdir(exist_ok=True)
    (folder / "regress-aliases.yml").write_text(text)
    return read_aliases(FolderFiles(folder))


def test_names_that_changed_twice_lead_to_the_newest(tmp_path: Path) -> None:
    """And an absent file renames nothing."""
    text = "aliases:\n  - {old: a, new: b}\n  - {old: b, new: c}\nremoved:\n  - {benchmark: d, reason: gone}\n"

    assert written(tmp_path, text) == Aliases((("a", "c"), ("b", "c")), ("d",))
    assert read_aliases(FolderFiles(tmp_path / "absent")) == Aliases()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("aliases: [{old: a, new: b}, {old: b, new: a}]", "in a circle"),
        ("aliases: [{old: a, new: b}, {old: a, new: c}]", "two new names"),
        ("aliases: [{from: a, to: b}]", "cannot be read"),
    ],
)
def test_a_file_that_is_wrong_is_an_error(tmp_path: Path, text: str, said: str) -> None:
    """Nobody could say which name counts."""
    with pytest.raises(SettingsError, match=said):
        written(tmp_path, text)


def test_a_renamed_benchmark_is_compared_with_its_old_self() -> None:
    """A regression across the renaming is found, in pairs and against the history."""
    aliased = rules(Aliases((("old", "new"),)))
    before, after = report("old"), report("new", level=0.03)

    for judged in (judge_reports([before], [after], aliased), judge_against_history([before] * 3, [after], aliased)):
        assert [(row.benchmark.name, row.verdict) for row in judged.judgement.comparisons] == [("new", "regression")]


def test_an_old_name_that_is_still_there_is_another_benchmark() -> None:
    """A copy is no renaming, so nothing is merged."""
    both = report("old", "new")

    assert Aliases((("old", "new"),)).applied(both) is both


def test_what_was_removed_on_purpose_is_not_missing() -> None:
    """What vanished without a word is; and a name on the list that is there again is compared."""
    before, after = report("kept", "gone", "lost"), report("kept")

    made = judge_reports([before], [after], rules(Aliases(removed=("gone", "kept")))).judgement

    verdicts = {row.benchmark.name: row.verdict.value for row in made.comparisons}
    assert verdicts == {"kept": "unchanged", "lost": "missing"}
    assert made.removed == ("gone",)


def test_the_history_is_read_under_the_newest_names_and_stays_as_it_was(tmp_path: Path) -> None:
    """Records are never rewritten."""
    store = FolderStore(tmp_path)
    History(store).append(report("old"))

    [renamed] = History(store, aliases=Aliases((("old", "new"),))).load()
    [stored] = History(store).load()

    assert [row.benchmark.name for row in (*renamed.series, *stored.series)] == ["new", "old"]


def test_a_change_may_rename_and_may_not_remove(tmp_path: Path) -> None:
    """What it renames is compared at once and said; a removal takes effect after the merge."""
    base, head = tmp_path / "base", tmp_path / "head"
    written(base, "aliases: [{old: a, new: b}]")
    written(head, "aliases: [{old: a, new: x}, {old: c, new: d}]\nremoved: [{benchmark: slow}]")

    trusted = settings_of_change({}, FolderFiles(head), FolderFiles(base))

    assert trusted.files.aliases == Aliases((("a", "b"), ("c", "d")), ())
    assert trusted.notes[0].startswith("This pull request renames c to d")
    assert "removes benchmarks" in trusted.notes[1]


def test_a_change_cannot_rename_a_benchmark_into_an_exception(tmp_path: Path) -> None:
    """The base ignores what begins with legacy; a new name that does is not taken over before the merge."""
    base, head = tmp_path / "base", tmp_path / "head"
    written(base, "aliases: []")
    written(head, "aliases: [{old: c, new: legacy_c}, {old: e, new: f}]")
    (base / "regress.yml").write_text("benchmarks: [{match: 'legacy*', ignore: true}]\n")

    trusted = settings_of_change({}, FolderFiles(head), FolderFiles(base))

    assert trusted.files.aliases == Aliases((("e", "f"),), ())
    assert any("treat otherwise" in note for note in trusted.notes)


def test_a_change_cannot_rename_a_benchmark_away_from_its_budget(tmp_path: Path) -> None:
    """A budget finds its benchmark by name; a new name that it does not find is not taken over before the merge."""
    base, head = tmp_path / "base", tmp_path / "head"
    written(base, "aliases: []")
    written(head, "aliases: [{old: test_cache_get, new: test_fetch}, {old: test_cache_set, new: test_store}]")
    (base / "thresholds.yml").write_text("cache: {cache_get_ms: 5}\n")
    (base / "regress.yml").write_text("thresholds: thresholds.yml\n")

    trusted = settings_of_change({}, FolderFiles(head), FolderFiles(base))

    assert trusted.files.aliases == Aliases((("test_cache_set", "test_store"),), ())
    assert any("budgets" in note for note in trusted.notes)


def test_plan_hands_the_aliases_to_the_steps_after_it() -> None:
    """The suite that runs in between cannot change them."""
    aliases = Aliases((("a", "b"),), ("c",))
    trusted = TrustedSettings(Settings(), GateFiles(Thresholds(), (), aliases))

    assert decode_plan(encode_plan(trusted, {}), {}, {}).files.aliases == aliases


def test_plan_hands_the_thresholds_of_services_to_the_steps_after_it() -> None:
    """Those of their benchmarks and those of the whole."""
    thresholds = Thresholds((("cache", 1.3),), (("default", 1.05),))
    trusted = TrustedSettings(Settings(), GateFiles(thresholds))

    assert decode_plan(encode_plan(trusted, {}), {}, {}).files.thresholds == thresholds


def test_a_probable_renaming_is_proposed_by_body_or_by_name_and_level() -> None:
    """A name far off at another level is not."""
    before = [*report("t.py::test_get", "t.py::test_other").series, *report("t.py::test_a", version="v1").series]
    after = [
        *report("t.py::test_lookup_get").series,
        *report("zzz", version="v1").series,
        *report("t.py::test_others", level=5.0).series,
    ]

    pairs = probable_renamings(before, after)

    assert [(pair.old, pair.new) for pair in pairs] == [
        ("t.py::test_a", "zzz"),
        ("t.py::test_get", "t.py::test_lookup_get"),
    ]
    assert pairs[0].line == '- {old: "t.py::test_a", new: "zzz"}'


def test_a_verdict_names_the_line_for_a_probable_renaming() -> None:
    """The benchmark stays missing until a person says so."""
    judged = judge_reports([report("test_get", "k")], [report("test_gets", "k")], rules(Aliases()))

    assert any('- {old: "test_get", new: "test_gets"}' in str(note) for note in judged.judgement.notes)
    assert "missing" in {row.verdict.value for row in judged.judgement.comparisons}
