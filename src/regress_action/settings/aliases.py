"""The file of names, in the repository where it is reviewed: `regress-aliases.yml`.

    aliases:
      - old: benchmarks/test_cache.py::test_get
        new: benchmarks/test_cache.py::test_lookup
    removed:
      - benchmark: benchmarks/test_cache.py::test_legacy
        reason: The legacy cache is gone.

Most repositories have no such file, so the validators are built when one is read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from regress_action.model.aliases import Aliases
from regress_action.model.errors import SettingsError

if TYPE_CHECKING:
    from regress_action.settings.files import SettingsFiles

FILE: Final = "regress-aliases.yml"


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


class AliasesFile(BaseModel):
    """The names of a repository's benchmarks over time."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    aliases: tuple[Renaming, ...] = ()
    removed: tuple[Removal, ...] = ()


def read_aliases(files: SettingsFiles) -> Aliases:
    """Read `regress-aliases.yml`; an absent file renames nothing.

    Raises:
        SettingsError: the file is wrong: unknown keys, two new names for an old one, or names in a circle.
    """
    from regress_action.settings.files import read_yaml

    content = read_yaml(files, FILE)
    if not content:
        return Aliases()
    try:
        parsed = AliasesFile.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        raise SettingsError(
            f"{FILE} cannot be read: {'.'.join(map(str, first['loc']))}: {first['msg']}.",
            meaning="No alias is applied while the file is wrong, because nobody could say which.",
            remedy="Each entry of `aliases` has `old` and `new`, each of `removed` has `benchmark`.",
        ) from error
    return Aliases(_resolved(parsed.aliases), tuple(removal.benchmark for removal in parsed.removed))


def _resolved(entries: tuple[Renaming, ...]) -> tuple[tuple[str, str], ...]:
    """Return each old name with its newest one: a → b and b → c mean a → c."""
    direct: dict[str, str] = {}
    for entry in entries:
        if direct.setdefault(entry.old, entry.new) != entry.new:
            raise SettingsError(f"{FILE} gives {entry.old} two new names: {direct[entry.old]} and {entry.new}.")
    resolved = []
    for old, following in direct.items():
        name, passed = following, {old}
        while name in direct:
            if name in passed:
                raise SettingsError(f"{FILE} renames {old} in a circle.", remedy="Remove one of the entries.")
            passed.add(name)
            name = direct[name]
        resolved.append((old, name))
    return tuple(resolved)
