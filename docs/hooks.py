"""What `make docs` adds to the pages: the reference of the settings, and links out of the documentation folder."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, Any, get_args, get_origin

from mkdocs.structure.files import File

from regress_action.settings.model import Override, Settings

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page
    from pydantic import BaseModel

SETTINGS = "reference/settings.md"
LINK = re.compile(r"(?<=\]\()(?P<target>\.\./[^)#\s]*)(?P<anchor>#[^)\s]*)?(?=\))")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the page that is generated from the model of the settings."""
    files.append(File.generated(config, SETTINGS, content=settings_page()))
    return files


def on_page_markdown(markdown: str, /, *, page: Page, config: MkDocsConfig, **_: Any) -> str:  # noqa: ANN401 - mkdocs
    """Point links that leave the documentation folder at the repository."""

    def rewritten(match: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page.file.src_uri), match["target"]))
        if path.startswith("docs/"):
            return match[0]
        return f"{config.repo_url}/blob/main/{path}{match['anchor'] or ''}"

    return LINK.sub(rewritten, markdown)


def settings_page() -> str:
    """Return the page of every setting: name, type, default, whether it is an input of the action, and its meaning."""
    return "\n".join(
        [
            "# Settings of regress.yml",
            "",
            "Every setting may stand in `regress.yml`. An input may stand in the workflow as well, and wins there.",
            "This page is generated from `src/regress_action/settings/model.py`.",
            "",
            *_table(Settings),
            "",
            "## Overrides: `benchmarks`",
            "",
            "A list. Each entry changes the settings of the benchmarks that its pattern matches.",
            "",
            *_table(Override, inputs=False),
            "",
        ]
    )


def _table(model: type[BaseModel], *, inputs: bool = True) -> list[str]:
    """Return the rows of a model's fields as a Markdown table."""
    head = ["setting", "type", "default", *(["input"] if inputs else []), "meaning"]
    rows = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for name, field in model.model_fields.items():
        extra = field.json_schema_extra
        is_input = isinstance(extra, dict) and bool(extra.get("action_input"))
        cells = [
            f"`{name.replace('_', '-')}`",
            _type(field.annotation),
            "required" if field.is_required() else _default(field.default),
            *(["yes" if is_input else "no"] if inputs else []),
            (field.description or "").replace("|", "\\|"),
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def _type(annotation: Any) -> str:  # noqa: ANN401 - any annotation of a field
    """Return a field's type in words."""
    if get_origin(annotation) is tuple:
        return "list"
    choices = get_args(annotation)
    if choices and all(isinstance(choice, str) for choice in choices):
        return ", ".join(f"`{choice}`" for choice in choices)
    names = [_type(choice) for choice in choices if choice is not type(None)]
    if names:
        return " or ".join(names)
    if isinstance(annotation, type) and issubclass(annotation, str) and hasattr(annotation, "__members__"):
        return ", ".join(f"`{member.value}`" for member in annotation)  # type: ignore[attr-defined]
    return {
        "str": "text",
        "int": "whole number",
        "float": "number",
        "bool": "`true`, `false`",
        "SecretStr": "secret",
    }.get(getattr(annotation, "__name__", ""), "text")


def _default(value: object) -> str:
    """Return a default as it is written in YAML."""
    if value in ("", (), None) or "SecretStr" in type(value).__name__:
        return "–"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"
