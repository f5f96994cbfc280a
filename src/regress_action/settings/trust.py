"""Which settings a change may bring along, and which come from its base.

A pull request must not decide how it is judged. The commit under test says how its suite is run. Everything else comes
from the inputs of the workflow or from `regress.yml` of the base commit, and so do the thresholds file and the waivers.
What differs in the head is reported, and takes effect after the merge.

Names are the exception: what a change renames is compared under its new name at once, and said. Every benchmark of the
base still has to be there under one name or another; what is removed on purpose comes from the base.

`gate-from: head` takes thresholds, budgets, waivers and the thresholds of overrides from the head. It counts as an
input or in the base only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from regress_action.model import escaping
from regress_action.model.errors import SettingsError
from regress_action.model.measurements import Aliases, is_called, matches
from regress_action.settings.gate import (
    ALIASES_FILE,
    GateFiles,
    Thresholds,
    read_aliases,
    read_gate_files,
    read_thresholds,
    read_waivers,
)
from regress_action.settings.model import Settings
from regress_action.settings.sources import DEFAULT_CONFIG, read_config, validated

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from regress_action.history import Waiver
    from regress_action.settings.sources import SettingsFiles

FROM_HEAD: Final = frozenset(
    {"command", "results", "setup", "carry", "suite-image", "timeout", "retries", "shard", "profile-command"}
)
"""How the suite is run. Whoever changes the code that runs may change these."""

GATE: Final = frozenset({"thresholds", "waivers", "benchmarks"})
"""What counts as a regression: from the base, or with `gate-from: head` from the head."""

_EFFECT: Final = "The values of its base count; the change takes effect after the merge."
_LONGEST: Final = 80
_MOST_NAMED: Final = 10


@dataclass(frozen=True, slots=True)
class TrustedSettings:
    """The settings and files that count for a change, and a sentence for each setting that it tries to change."""

    settings: Settings
    files: GateFiles
    notes: tuple[str, ...] = ()


def settings_of_change(named: Mapping[str, object], head: SettingsFiles, base: SettingsFiles) -> TrustedSettings:
    """Return what counts for a change from `base` to `head`; `named` are the inputs of the workflow, which win.

    Raises:
        SettingsError: an input or the head's `regress.yml` is wrong, or a file of the gate cannot be read.
    """
    in_head = read_config(named, head)
    head_files = read_gate_files(validated(in_head, named), head)  # a mistake shows in the change that makes it
    in_base = _readable(named, base)
    from_head = {key: value for key, value in in_head.items() if key in FROM_HEAD}
    from_base = {key: value for key, value in in_base.items() if key not in FROM_HEAD}
    gate_from_head = validated(from_base, named).gate_from == "head"
    notes = _setting_changes(in_head, in_base, named, gate_from_head=gate_from_head)
    if gate_from_head:
        settings = validated({**_with_gate_of(in_head, from_base), **from_head}, named)
        return TrustedSettings(settings, head_files, tuple(notes))
    settings = validated({**from_base, **from_head}, named)
    files, problems = _readable_files(settings, base)
    excusing = (
        *(waiver.benchmark for waiver in files.waivers),
        *(entry.match for entry in settings.benchmarks),
        *(entry.benchmark for entry in files.thresholds.trade_offs),
    )
    files, renamed = _with_renamings(files, head_files.aliases, excusing)
    return TrustedSettings(settings, files, (*notes, *problems, *renamed, *_file_changes(settings, head, base)))


def _with_renamings(files: GateFiles, head: Aliases, excusing: Sequence[str]) -> tuple[GateFiles, list[str]]:
    """Return the base's files with the names that the head adds, and sentences about what the head changes there.

    `excusing` are the patterns of waivers, overrides and trade-offs. A new name that one of them or a budget treats
    otherwise than the old name is not taken over: a change could otherwise move what it makes slower under an
    exception.
    """

    def is_same(old: str, new: str) -> bool:
        return all(matches(old, pattern) == matches(new, pattern) for pattern in excusing) and all(
            is_called(old, budget.name, budget.service) == is_called(new, budget.name, budget.service)
            for budget in files.thresholds.budgets
        )

    before = dict(files.aliases.renamed)
    asked = [(old, new) for old, new in head.renamed if old not in before]
    added = tuple(pair for pair in asked if is_same(*pair))
    notes = [
        f"This pull request renames {escaping.plain(old, _LONGEST)} to {escaping.plain(new, _LONGEST)}; "
        "the two are compared as one benchmark."
        for old, new in added[:_MOST_NAMED]
    ]
    if len(added) > _MOST_NAMED:
        notes.append(f"It renames {len(added) - _MOST_NAMED} more.")
    if len(added) < len(asked):
        notes.append(
            f"This pull request changes its own gate: {ALIASES_FILE} renames benchmarks to names that waivers, budgets "
            f"or settings treat otherwise. {_EFFECT}"
        )
    if set(head.removed) - set(files.aliases.removed):
        notes.append(f"This pull request changes its own gate: {ALIASES_FILE} removes benchmarks. {_EFFECT}")
    return replace(files, aliases=Aliases((*files.aliases.renamed, *added), files.aliases.removed)), notes


def _readable_files(settings: Settings, base: SettingsFiles) -> tuple[GateFiles, list[str]]:
    """Return the base's files, and a sentence for each that cannot be used, so that a change can add or repair it."""
    thresholds = Thresholds()
    waivers: tuple[Waiver, ...] = ()
    problems = []
    try:
        if settings.thresholds and base.read(settings.thresholds) is None:
            problems.append(f"The base has no {escaping.plain(settings.thresholds)}, so the default thresholds count.")
        elif settings.thresholds:
            thresholds = read_thresholds(settings, base)
    except SettingsError as error:
        problems.append(f"The thresholds of the base cannot be used: {error.what}")
    try:
        waivers = read_waivers(settings, base)
    except SettingsError as error:
        problems.append(f"The waivers of the base cannot be used: {error.what}")
    try:
        aliases = read_aliases(base)
    except SettingsError as error:
        problems.append(f"The aliases of the base cannot be used: {error.what}")
        aliases = Aliases()
    return GateFiles(thresholds, waivers, aliases), problems


def _readable(named: Mapping[str, object], base: SettingsFiles) -> dict[str, Any]:
    """Return the base's settings without those that are wrong, so that a change can repair them."""
    config = {"config": named["config"]} if "config" in named else {}
    try:
        content = read_config({}, base, str(named.get("config", DEFAULT_CONFIG)))
    except SettingsError:
        return {}
    try:
        Settings.model_validate({**content, **config})
    except ValidationError as error:
        wrong = {str(problem["loc"][0]).replace("_", "-") for problem in error.errors() if problem["loc"]}
        return {key: value for key, value in content.items() if key not in wrong}
    return content


def _with_gate_of(head: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    """Return the base's settings with the gate of the head, except that the head ignores no benchmark by itself."""

    def overrides(content: Mapping[str, Any], *, ignoring: bool) -> list[Any]:
        return [
            override
            for override in content.get("benchmarks") or ()
            if bool(isinstance(override, dict) and override.get("ignore")) is ignoring
        ]

    settings = {key: value for key, value in base.items() if key not in GATE}
    settings |= {key: value for key, value in head.items() if key in GATE}
    if merged := [*overrides(base, ignoring=True), *overrides(head, ignoring=False)]:
        settings["benchmarks"] = merged
    else:
        settings.pop("benchmarks", None)
    return settings


def _setting_changes(
    head: Mapping[str, Any], base: Mapping[str, Any], named: Mapping[str, object], *, gate_from_head: bool
) -> Iterator[str]:
    """Yield a sentence for each setting by which the head would change how it is judged."""
    defaults = Settings()
    for key in sorted((set(head) | set(base)) - FROM_HEAD - set(named)):
        default = getattr(defaults, key.replace("-", "_"), None)
        there, here = head.get(key, default), base.get(key, default)
        if there == here or (gate_from_head and key in GATE and key != "benchmarks"):
            continue
        if key == "notify-urls":
            yield f"This pull request changes its own gate: {key} differs. {_EFFECT}"
        elif gate_from_head and key == "benchmarks":
            ignored = [entry for entry in there or () if isinstance(entry, dict) and entry.get("ignore")]
            if any(entry not in (here or ()) for entry in ignored):
                yield f"This pull request changes its own gate: it ignores benchmarks. {_EFFECT}"
        else:
            difference = f"{key} is {_shown(there)}, and {_shown(here)} in its base"
            yield f"This pull request changes its own gate: {difference}. {_EFFECT}"


def _file_changes(settings: Settings, head: SettingsFiles, base: SettingsFiles) -> Iterator[str]:
    """Yield a sentence for each file of the gate that the head changes."""
    for name in filter(None, (settings.thresholds, settings.waivers)):
        try:
            changed = head.read(name) != base.read(name)
        except SettingsError:
            changed = True
        if changed:
            yield f"This pull request changes its own gate: {escaping.plain(name)} differs from its base. {_EFFECT}"


def _shown(value: object) -> str:
    return "not set" if value is None else escaping.plain(str(value) or "empty", _LONGEST)
