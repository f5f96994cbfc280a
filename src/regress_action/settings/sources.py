"""Where settings come from, weakest first: defaults, `regress.yml`, action inputs or options.

Also here: where the files of the settings are read from: a folder of this machine, or anything else with a `read`.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, Protocol

from pydantic import ValidationError

from regress_action.model.errors import InputError, SettingsError
from regress_action.model.files import read_optional
from regress_action.model.yaml_text import parse_yaml
from regress_action.settings.model import Override, Settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


LARGEST_FILE: Final = 1_000_000
"""Bytes of a settings, thresholds or waivers file at most."""


class SettingsFiles(Protocol):
    """A place that holds files by their relative path."""

    def read(self, path: str) -> bytes | None:
        """Return the content of a file, None where there is none.

        Raises:
            SettingsError: it cannot be read, or is too large.
        """


@dataclass(frozen=True, slots=True)
class FolderFiles:
    """The files of a folder.

    `confined` is for a checkout that others wrote: only files below `root` are read, and no link is followed. Without
    it a person names files of their own, wherever they are.
    """

    root: Path
    confined: bool = False

    def read(self, path: str) -> bytes | None:
        """Return the content of a file, None where there is none.

        Raises:
            SettingsError: it cannot be read, or is too large.
        """
        full = self.root / path
        try:
            if self.confined:
                full.relative_to(self.root)
                return read_optional(full, LARGEST_FILE, below=self.root)
            return read_optional(full.resolve(), LARGEST_FILE)
        except InputError as error:
            raise SettingsError(error.what, meaning=error.meaning, remedy=error.remedy) from error
        except (ValueError, RuntimeError) as error:  # outside of the root, or links in a circle
            raise SettingsError(
                f"{path} cannot be read: it is not a file below {self.root}.",
                remedy="Give a path inside the repository.",
            ) from error
        except (NotADirectoryError, IsADirectoryError) as error:
            raise SettingsError(f"{full} cannot be read: {error.strerror}.", remedy="Check the path.") from error


def read_yaml(files: SettingsFiles, path: str, *, required: bool = False) -> dict[str, Any]:
    """Read a YAML mapping; an empty file is an empty mapping, and so is an absent one unless it is required.

    Raises:
        SettingsError: the file is absent although required, too large, no YAML, or no mapping.
    """
    content = files.read(path)
    if content is None:
        if required:
            raise SettingsError(
                f"{path} cannot be read: there is no such file.",
                remedy="Check the path; it is relative to the folder you are in.",
            )
        return {}
    return parse_yaml(content, path)


DEFAULT_CONFIG: str = Settings.model_fields["config"].default


def load(given: Mapping[str, object], *, root: Path) -> Settings:
    """Merge the config file below `root` with what was given; empty values count as not given.

    Raises:
        SettingsError: naming the setting, its value and where it came from.
    """
    named = given_values(given)
    return validated(read_config(named, FolderFiles(root)), named)


def given_values(given: Mapping[str, object]) -> dict[str, object]:
    """Return the inputs or options that were set: a runner passes every input, unset ones as empty text."""
    return {key: value for key, value in given.items() if value not in ("", None, ())}


def read_config(named: Mapping[str, object], files: SettingsFiles, default: str = DEFAULT_CONFIG) -> dict[str, Any]:
    """Return the content of the config file that `named` names, which must exist; else of `default` where it exists.

    Raises:
        SettingsError: it cannot be read.
    """
    content = read_yaml(files, str(named.get("config", default)), required="config" in named)
    settings = {key.replace("_", "-"): value for key, value in content.items()}
    settings.pop("github-token", None)
    return settings


def validated(from_file: Mapping[str, object], named: Mapping[str, object]) -> Settings:
    """Return the settings of the file with `named` over them.

    Raises:
        SettingsError: naming the setting, its value and where it came from.
    """
    if not from_file and not named:
        return Settings.model_construct()  # defaults are not validated either way
    try:
        return Settings.model_validate({**from_file, **named})
    except ValidationError as error:
        raise _explained(error, str(named.get("config", DEFAULT_CONFIG)), from_file, named) from error


def _explained(
    error: ValidationError, config: str, from_file: Mapping[str, object], named: Mapping[str, object]
) -> SettingsError:
    lines = []
    for problem in error.errors(include_url=False, include_input=False, include_context=False):
        path = [str(part) for part in problem["loc"]]
        where = "" if not path or path[0] in named or path[0] not in from_file else f" (in {config})"
        message = _unknown(path) if problem["type"] == "extra_forbidden" else problem["msg"]
        lines.append(f"{'.'.join(path)}{where}: {message}")
    return SettingsError(
        f"A setting is wrong: {'; '.join(lines).rstrip('.?')}{'?' if lines[-1].endswith('?') else '.'}",
        remedy="docs/reference/settings.md lists every setting and its values.",
    )


_IN_THRESHOLDS: Final = ("regression_threshold", "service_threshold", "trade_offs")
"""Keys of the thresholds file that are looked for in regress.yml as well."""


def _unknown(path: list[str]) -> str:
    """Return what is said of a setting that does not exist, with the nearest one that does."""
    names = _names(Settings if len(path) == 1 else Override)
    wanted = path[-1].replace("_", "-")
    near = get_close_matches(wanted, [*names, *(name.replace("_", "-") for name in _IN_THRESHOLDS)], n=1)
    if not near:
        return "there is no such setting"
    if near[0] in names:
        return f"there is no such setting; did you mean {near[0]}?"
    key = near[0].replace("-", "_")
    return f"there is no such setting; {key} stands in the thresholds file, below the name of a service"


def _names(model: type[Settings | Override]) -> list[str]:
    return [name.replace("_", "-") for name in model.model_fields]
