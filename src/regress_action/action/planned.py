"""What `plan` decided, handed to the steps after it as an output of the step.

Between the two runs the suite, as the same user: it can rewrite every file of the workspace and of the runner, but not
an output that the runner has already read. So settings, thresholds and waivers are read once, by `plan`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from regress_action.history import Waiver
from regress_action.model.aliases import Aliases
from regress_action.model.errors import InputError, SettingsError
from regress_action.model.files import read_optional
from regress_action.settings import Settings
from regress_action.settings.gate import GateFiles
from regress_action.settings.thresholds import BudgetEntry, Thresholds
from regress_action.settings.trust import TrustedSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE: Final = "REGRESS_PLANNED"
_SECRETS: Final = {"github_token", "notify_urls"}
LARGEST: Final = 100_000  # a variable of a process has 131 072 bytes on Linux
_UNPACKED: Final = 4_000_000
MOST_EVENT_BYTES: Final = 64_000_000
"""GitHub sends no event of more than 25 MB."""


def encode(trusted: TrustedSettings, environ: Mapping[str, str]) -> str:
    """Return the settings without secrets, the gate and the digest of the event as one line of text.

    Raises:
        SettingsError: thresholds and waivers are too large to be handed over.
    """
    content = {
        "settings": trusted.settings.model_dump(mode="json", by_alias=True, exclude=_SECRETS, exclude_defaults=True),
        "ratios": trusted.files.thresholds.ratios,
        "service_ratios": trusted.files.thresholds.service_ratios,
        "budgets": [asdict(budget) for budget in trusted.files.thresholds.budgets],
        "waivers": [waiver.model_dump(mode="json") for waiver in trusted.files.waivers],
        "aliases": [trusted.files.aliases.renamed, trusted.files.aliases.removed],
        "notes": trusted.notes,
        "event": _digest(environ),
    }
    text = base64.b64encode(zlib.compress(json.dumps(content).encode(), 9)).decode()
    if len(text) > LARGEST:
        raise SettingsError(
            "The thresholds file and the waivers are too large.",
            meaning=f"Packed they take {len(text):,} bytes; {LARGEST:,} can be handed from step to step.",
            remedy="Split the benchmarks into several suites with a thresholds file each.",
        )
    return text


def decode(text: str, secrets: Mapping[str, object], environ: Mapping[str, str]) -> TrustedSettings:
    """Return what `encode` was given; `secrets` are the inputs that it leaves out.

    Raises:
        InputError: it is not what `plan` wrote, or the file of the event is no longer the one that `plan` read.
    """
    try:
        unpacked = zlib.decompressobj().decompress(base64.b64decode(text, validate=True), _UNPACKED)
        content: dict[str, Any] = json.loads(unpacked)
        event = content["event"]
        names = {name.replace("_", "-") for name in _SECRETS}
        inputs = {name: value for name, value in secrets.items() if name in names}
        trusted = TrustedSettings(
            Settings.model_validate({**content["settings"], **inputs}),
            GateFiles(
                Thresholds(
                    tuple((service, ratio) for service, ratio in content["ratios"]),
                    tuple((service, ratio) for service, ratio in content["service_ratios"]),
                    tuple(BudgetEntry(**budget) for budget in content["budgets"]),
                ),
                tuple(Waiver.model_validate(waiver) for waiver in content["waivers"]),
                Aliases(
                    tuple((str(old), str(new)) for old, new in content["aliases"][0]),
                    tuple(str(name) for name in content["aliases"][1]),
                ),
            ),
            tuple(content["notes"]),
        )
    except (ValueError, KeyError, TypeError, zlib.error) as error:
        raise InputError(f"{VARIABLE} is not what the plan step wrote.") from error
    if event != _digest(environ):
        raise InputError(
            "The file of the event has changed since the plan step.",
            meaning="Something that ran in between rewrote it, so it does not say what is judged.",
            remedy="Look at what the suite writes outside of the workspace.",
        )
    return trusted


def _digest(environ: Mapping[str, str]) -> str:
    path = Path(environ.get("GITHUB_EVENT_PATH") or "absent")
    content = read_optional(path, MOST_EVENT_BYTES)
    return "" if content is None else hashlib.sha256(content).hexdigest()
