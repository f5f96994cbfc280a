"""Where settings come from, weakest first: defaults, `regress.yml`, action inputs or options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from regress_action.model.errors import SettingsError
from regress_action.settings.model import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_MAX_BYTES = 1_000_000


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML mapping; an empty file is an empty mapping.

    Raises:
        SettingsError: the file is absent, too large, no YAML, or no mapping.
    """
    import yaml  # a command without a file of settings does not pay for it

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise SettingsError(f"{path} is larger than 1 MB.", remedy="Give the path of a settings file.")
        content = yaml.load(path.read_text(encoding="utf-8-sig"), Loader=loader)  # noqa: S506 - a safe loader
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be read: {error.strerror or error}.",
            remedy="Check the path; it is relative to the folder you are in.",
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise SettingsError(f"{path} holds a {type(content).__name__}, not a mapping of names to values.")
    return {str(key): value for key, value in content.items()}


def load(given: Mapping[str, object], *, root: Path, explicit_config: bool = False) -> Settings:
    """Merge the config file under `root` with what was given; empty values count as not given.

    Raises:
        SettingsError: naming the setting, its value and where it came from.
    """
    named = {key: value for key, value in given.items() if value not in ("", None, ())}
    config = root / str(named.get("config", Settings.model_fields["config"].default))
    from_file = read_yaml(config) if config.exists() or explicit_config or "config" in named else {}
    from_file.pop("github-token", None)
    try:
        return Settings.model_validate({**from_file, **named})
    except ValidationError as error:
        raise _explained(error, config, from_file, named) from error


def _explained(
    error: ValidationError, config: Path, from_file: Mapping[str, object], named: Mapping[str, object]
) -> SettingsError:
    lines = []
    for problem in error.errors(include_url=False, include_input=False, include_context=False):
        key = ".".join(str(part) for part in problem["loc"])
        top = str(problem["loc"][0]) if problem["loc"] else ""
        where = "" if top in named or top not in from_file else f" (in {config.name})"
        lines.append(f"{key}{where}: {problem['msg']}")
    return SettingsError(
        "A setting is wrong: " + "; ".join(lines) + ".", remedy="The README lists every setting and its values."
    )
