"""The files that decide what counts as a regression, read once: the thresholds file and the waivers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from regress_action.settings.thresholds import Thresholds, load

if TYPE_CHECKING:
    from pathlib import Path

    from regress_action.history import Waiver
    from regress_action.settings.model import Settings


@dataclass(frozen=True, slots=True)
class GateFiles:
    """The thresholds and the waivers in force today."""

    thresholds: Thresholds
    waivers: tuple[Waiver, ...] = ()


def read_gate_files(settings: Settings, root: Path) -> GateFiles:
    """Read the files that the settings name, relative to `root`.

    Raises:
        SettingsError: one of them is wrong, or the thresholds file is absent.
    """
    thresholds = load(root / settings.thresholds) if settings.thresholds else Thresholds()
    return GateFiles(thresholds, _waivers(root / settings.waivers))


def _waivers(path: Path) -> tuple[Waiver, ...]:
    if not path.is_file():
        return ()
    from regress_action import history  # most repositories have no waivers, and do not pay for the import

    today = datetime.now(UTC).date()
    return history.in_force(history.parse_waivers(path.read_text(encoding="utf-8"), str(path), today), today)
