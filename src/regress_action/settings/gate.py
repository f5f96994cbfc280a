"""The files that decide what counts as a regression, read once: the thresholds file, the waivers and the aliases.

The thresholds file holds, per service, a regression threshold and absolute budgets whose unit is in the key's suffix:

    cache: {cache_get_ms: 5, throughput_ops_per_sec: 1000, regression_threshold: 1.15, service_threshold: 1.05}

and when several slight regressions of a service are one alarm, and which regression is allowed for which improvement:

    cache:
      quorum: 0.6
      trade_offs:
        - memory +10 % allowed if time -5 %

`regress-aliases.yml` holds names over time:

    aliases:
      - old: benchmarks/test_cache.py::test_get
        new: benchmarks/test_cache.py::test_lookup
    removed:
      - benchmark: benchmarks/test_cache.py::test_legacy
        reason: The legacy cache is gone.

Most repositories have no file of names, so its validators are built when one is read.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from regress_action.model.errors import SettingsError
from regress_action.model.measurements import Aliases
from regress_action.settings.sources import read_yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regress_action.history import Waiver
    from regress_action.settings.model import Settings
    from regress_action.settings.sources import SettingsFiles


THRESHOLD_KEY = "regression_threshold"
SERVICE_KEY = "service_threshold"
QUORUM_KEY = "quorum"
TRADE_OFFS_KEY = "trade_offs"
_SIMILAR = 0.8
_MOST_TRADE_OFFS = 100
_LONGEST_TRADE_OFF = 300
TRADE_OFF = (
    r"^ *([^ ]+) +([+−-] ?[0-9]+(?:[.][0-9]+)?) ?% +(?:allowed +)?"
    r"if +(service +)?([^ ]+) +([+−-] ?[0-9]+(?:[.][0-9]+)?) ?% *$"
)
_OTHER_SPELLINGS = {
    **dict.fromkeys(("quorum", "quorums", "service_quorum"), QUORUM_KEY),
    **dict.fromkeys(("trade_off", "trade_offs", "tradeoff", "tradeoffs"), TRADE_OFFS_KEY),
}
_LIKE = "memory +10 % allowed if time -5 %"

_SUFFIXES = {
    "_ops_per_sec": (1.0, "1/s"),
    "_per_second": (1.0, "1/s"),
    "_per_sec": (1.0, "1/s"),
    "_percent": (0.01, "ratio"),
    "_bytes": (1.0, "B"),
    "_count": (1.0, "count"),
    "_kb": (1e3, "B"),
    "_mb": (1e6, "B"),
    "_gb": (1e9, "B"),
    "_kib": (2.0**10, "B"),
    "_mib": (2.0**20, "B"),
    "_gib": (2.0**30, "B"),
    "_ns": (1e-9, "s"),
    "_us": (1e-6, "s"),
    "_ms": (1e-3, "s"),
    "_s": (1.0, "s"),
}
"""Suffix of a key → (factor to the base unit, base unit), longest first where one ends with another."""


@dataclass(frozen=True, slots=True)
class BudgetEntry:
    """An absolute limit: `name` is the key without its unit, `limit` is in the base unit `unit`."""

    service: str
    key: str
    name: str
    limit: float
    unit: str


@dataclass(frozen=True, slots=True)
class TradeOffEntry:
    """A regression that is allowed for an improvement: `rule` as written, and factors of values (1.1 is 10 % more).

    `of_service` says that the improvement is that of the service as a whole.
    """

    service: str
    benchmark: str
    rule: str
    metric: str
    factor: float
    other: str
    needed: float
    of_service: bool


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The whole file: per service a regression threshold, one for the service as a whole, and a quorum; every budget.

    A quorum is a number of benchmarks (2 or more) or a share of them (at most 1).
    """

    ratios: tuple[tuple[str, float], ...] = ()
    service_ratios: tuple[tuple[str, float], ...] = ()
    budgets: tuple[BudgetEntry, ...] = ()
    quorums: tuple[tuple[str, float], ...] = ()
    trade_offs: tuple[TradeOffEntry, ...] = ()


def parse_thresholds(content: Mapping[str, object], path: str) -> Thresholds:
    """Check the content of the thresholds file `path`.

    Raises:
        SettingsError: naming the service, the key and what is expected instead.
    """
    ratios: dict[str, list[tuple[str, float]]] = {THRESHOLD_KEY: [], SERVICE_KEY: []}
    budgets: list[BudgetEntry] = []
    quorums: list[tuple[str, float]] = []
    trade_offs: list[TradeOffEntry] = []
    for service, keys in content.items():
        if not isinstance(keys, dict):
            raise SettingsError(
                f"{path}: service {service!r} holds {keys!r}, not keys and numbers.",
                remedy=f"Write it like  {service}: {{some_operation_ms: 100, {THRESHOLD_KEY}: 1.2}}",
            )
        for key, value in keys.items():
            where = f"{path}: {service}.{key}"
            if str(key) == TRADE_OFFS_KEY:
                trade_offs += _trade_offs(str(service), value, where)
                continue
            _check_spelling(str(key), where)
            number = _number(value, where)
            if str(key) in ratios:
                ratios[str(key)].append((service, _ratio(number, where)))
            elif str(key) == QUORUM_KEY:
                quorums.append((service, _quorum(number, where)))
            else:
                budgets.append(_budget(service, str(key), number))
    return Thresholds(
        tuple(ratios[THRESHOLD_KEY]), tuple(ratios[SERVICE_KEY]), tuple(budgets), tuple(quorums), tuple(trade_offs)
    )


def _number(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
        raise SettingsError(f"{where} is {value!r}.", remedy="Give a finite number that is not negative.")
    return float(value)


def _ratio(number: float, where: str) -> float:
    if number <= 1:
        raise SettingsError(
            f"{where} is {number:g}.",
            meaning="A threshold is a ratio to the baseline: 1.2 means 20 % worse.",
            remedy="Give a ratio above 1.",
        )
    return number


def _quorum(number: float, where: str) -> float:
    if number == 0 or (number > 1 and number != int(number)):
        raise SettingsError(
            f"{where} is {number:g}.",
            meaning="A quorum says how many benchmarks of the service have to lean to the worse.",
            remedy="Give a share up to 1 (0.6 is 60 % of them), or a whole number from 2.",
        )
    return number


def _trade_offs(service: str, value: object, where: str) -> list[TradeOffEntry]:
    """Return the trade-offs of a service: sentences, or mappings of `benchmark` and `allow`.

    Raises:
        SettingsError: naming the entry that cannot be read.
    """
    entries = [value] if isinstance(value, str | dict) else value
    if not isinstance(entries, list) or len(entries) > _MOST_TRADE_OFFS:
        what = f"holds {len(entries)} entries" if isinstance(entries, list) else f"is {value!r}"
        raise SettingsError(
            f"{where} {what}.", remedy=f"Give a list of at most {_MOST_TRADE_OFFS} lines like  - {_LIKE}"
        )
    return [_trade_off(service, entry, f"{where}[{number}]") for number, entry in enumerate(entries)]


def _trade_off(service: str, entry: object, where: str) -> TradeOffEntry:
    benchmark: object = "*"
    rule = entry
    if isinstance(entry, dict):
        rule, benchmark = entry.get("allow"), entry.get("benchmark", "*")
        if set(entry) - {"allow", "benchmark"} or not isinstance(benchmark, str) or not benchmark:
            raise _not_a_trade_off(entry, where)
    match = re.match(TRADE_OFF, rule) if isinstance(rule, str) and len(rule) <= _LONGEST_TRADE_OFF else None
    if match is None:
        raise _not_a_trade_off(rule, where)
    metric, factor, of_service, other, needed = match.groups()
    allowed, asked = _factor(factor, where), _factor(needed, where)
    if metric == other and not of_service:
        raise SettingsError(f"{where} trades {metric} for itself.", remedy=f"Name two metrics, like  {_LIKE}")
    if of_service and other != "time":
        raise SettingsError(
            f"{where} asks for {other} of the service as a whole.",
            meaning="Only times are compared for a service as a whole.",
            remedy="Write  if service time -5 %,  or leave out  service  to mean the same benchmark.",
        )
    return TradeOffEntry(service, str(benchmark), str(rule).strip(), metric, allowed, other, asked, bool(of_service))


def _factor(percent: str, where: str) -> float:
    """Return `+10` as 1.1, refusing what is no change or leaves nothing."""
    change = float(percent.replace(" ", "").replace("−", "-"))
    if change == 0 or change <= -100:  # noqa: PLR2004 - per cent
        raise SettingsError(f"{where} holds {change:+g} %.", remedy="Give a change that is not 0 and above -100 %.")
    return 1 + change / 100


def _not_a_trade_off(value: object, where: str) -> SettingsError:
    return SettingsError(
        f"{where} is {value!r}.",
        meaning="A trade-off names what may get worse, by how much, and what has to get better for it, by how much.",
        remedy=f"Write it like  {_LIKE},  or for some benchmarks only {{benchmark: PATTERN, allow: {_LIKE}}}",
    )


def _check_spelling(key: str, where: str) -> None:
    """Refuse a key that is almost one of ours: as a budget it would limit nothing, and the gate would be open.

    Raises:
        SettingsError: naming the right key.
    """
    plain = key.lower().replace("-", "_")
    if key in {THRESHOLD_KEY, SERVICE_KEY, QUORUM_KEY}:
        return
    likely = _OTHER_SPELLINGS.get(plain) or (SERVICE_KEY if plain.startswith("serv") else THRESHOLD_KEY)
    alike = SequenceMatcher(None, plain, likely).ratio() >= _SIMILAR
    if plain in _OTHER_SPELLINGS or plain.endswith("threshold") or alike:
        raise SettingsError(
            f"{where} is not known; did you mean {likely}?",
            meaning="It would be read as a budget that applies to nothing.",
            remedy=f"Write {likely}.",
        )


def _budget(service: str, key: str, number: float) -> BudgetEntry:
    for suffix, (factor, unit) in _SUFFIXES.items():
        if key.endswith(suffix) and len(key) > len(suffix):
            return BudgetEntry(service, key, key.removesuffix(suffix), number * factor, unit)
    return BudgetEntry(service, key, key, number, "count")


ALIASES_FILE: Final = "regress-aliases.yml"


class Renaming(BaseModel):
    """One benchmark that has a new name since a change; its history goes on under the new one."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    old: str = Field(min_length=1, max_length=1000)
    new: str = Field(min_length=1, max_length=1000)


class Removal(BaseModel):
    """Benchmarks that were removed on purpose; `benchmark` is a name, a short name or a shell pattern."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    benchmark: str = Field(min_length=1, max_length=1000)
    reason: str = Field("", max_length=1000)


class ProvenRenaming(BaseModel):
    """What one run in pairs showed: the interval of the new name at `head` to the old one at `base`, as a ratio.

    It is kept for people; no verdict depends on it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    old: str = Field(min_length=1, max_length=1000)
    new: str = Field(min_length=1, max_length=1000)
    base: str = Field("", max_length=64)
    head: str = Field("", max_length=64)
    pairs: int = Field(ge=1)
    low: float = Field(gt=0)
    high: float = Field(gt=0)


class AliasesFile(BaseModel):
    """The names of a repository's benchmarks over time."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    aliases: tuple[Renaming, ...] = ()
    removed: tuple[Removal, ...] = ()
    proven: tuple[ProvenRenaming, ...] = ()


def read_aliases(files: SettingsFiles) -> Aliases:
    """Read `regress-aliases.yml`; an absent file renames nothing.

    Raises:
        SettingsError: the file is wrong: unknown keys, two new names for an old one, or names in a circle.
    """
    parsed = _aliases_file(files)
    return Aliases(_resolved(parsed.aliases), tuple(removal.benchmark for removal in parsed.removed))


def read_proofs(files: SettingsFiles) -> tuple[ProvenRenaming, ...]:
    """Read what `regress-aliases.yml` says of renamings that were proven.

    Raises:
        SettingsError: the file is wrong.
    """
    return _aliases_file(files).proven


def _aliases_file(files: SettingsFiles) -> AliasesFile:
    from regress_action.settings.sources import read_yaml

    try:
        return AliasesFile.model_validate(read_yaml(files, ALIASES_FILE) or {})
    except ValidationError as error:
        first = error.errors()[0]
        raise SettingsError(
            f"{ALIASES_FILE} cannot be read: {'.'.join(map(str, first['loc']))}: {first['msg']}.",
            meaning="No alias is applied while the file is wrong, because nobody could say which.",
            remedy="Each entry of `aliases` has `old` and `new`, each of `removed` has `benchmark`.",
        ) from error


def _resolved(entries: tuple[Renaming, ...]) -> tuple[tuple[str, str], ...]:
    """Return each old name with its newest one: a → b and b → c mean a → c."""
    direct: dict[str, str] = {}
    for entry in entries:
        if direct.setdefault(entry.old, entry.new) != entry.new:
            raise SettingsError(f"{ALIASES_FILE} gives {entry.old} two new names: {direct[entry.old]} and {entry.new}.")
    resolved = []
    for old, following in direct.items():
        name, passed = following, {old}
        while name in direct:
            if name in passed:
                raise SettingsError(f"{ALIASES_FILE} renames {old} in a circle.", remedy="Remove one of the entries.")
            passed.add(name)
            name = direct[name]
        resolved.append((old, name))
    return tuple(resolved)


@dataclass(frozen=True, slots=True)
class GateFiles:
    """The thresholds, the waivers in force today, and the names of benchmarks over time."""

    thresholds: Thresholds
    waivers: tuple[Waiver, ...] = ()
    aliases: Aliases = field(default_factory=Aliases)


def read_gate_files(settings: Settings, files: SettingsFiles) -> GateFiles:
    """Read the files that the settings name.

    Raises:
        SettingsError: one of them is wrong, or the thresholds file is absent.
    """
    return GateFiles(read_thresholds(settings, files), read_waivers(settings, files), read_aliases(files))


def read_thresholds(settings: Settings, files: SettingsFiles) -> Thresholds:
    """Read the thresholds file where the settings name one.

    Raises:
        SettingsError: it is wrong or absent.
    """
    name = settings.thresholds
    return parse_thresholds(read_yaml(files, name, required=True), name) if name else Thresholds()


def read_waivers(settings: Settings, files: SettingsFiles) -> tuple[Waiver, ...]:
    """Read the waivers that are in force today; an absent file grants none.

    Raises:
        SettingsError: the file is wrong.
    """
    content = files.read(settings.waivers)
    if content is None:
        return ()
    from regress_action import history  # most repositories have no waivers, and do not pay for the import

    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SettingsError(f"{settings.waivers} is not UTF-8 text.") from error
    today = datetime.now(UTC).date()
    return history.in_force(history.parse_waivers(text, settings.waivers, today), today)
