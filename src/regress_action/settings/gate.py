"""The files that decide what counts as a regression, read once: the thresholds file, the waivers and the aliases."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from regress_action.model.aliases import Aliases
from regress_action.model.errors import SettingsError
from regress_action.settings.aliases import read_aliases
from regress_action.settings.files import read_yaml
from regress_action.settings.thresholds import Thresholds, parse

if TYPE_CHECKING:
    from regress_action.history import Waiver
    from regress_action.settings.files import SettingsFiles
    from regress_action.settings.model import Settings


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
    return parse(read_yaml(files, name, required=True), name) if name else Thresholds()


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
