"""YAML that a pull request may have written: one mapping, of bounded size also after its aliases are replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from regress_action.model.errors import SettingsError

if TYPE_CHECKING:
    import yaml

_MOST_VALUES: Final = 100_000


def parse_yaml(content: bytes, name: str) -> dict[str, Any]:
    """Return the mapping in the YAML text; `name` stands in the error.

    Raises:
        SettingsError: it is no YAML, no mapping, or holds more than 100 000 values once its aliases are replaced.
    """
    import yaml  # a command without a file of settings does not pay for it

    try:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(content.decode("utf-8-sig"))
        try:
            node = loader.get_single_node()
            _bound(node, name)
            parsed = None if node is None else loader.construct_document(node)
        finally:
            loader.dispose()
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise SettingsError(
            f"{name} is not YAML: {' '.join(str(error).split())}",
            remedy="Correct that line; an editor that knows YAML marks it.",
        ) from error
    if parsed is None:
        return {}
    if not isinstance(parsed, dict):
        raise SettingsError(f"{name} holds a {type(parsed).__name__}, not a mapping of names to values.")
    return {str(key): value for key, value in parsed.items()}


def _bound(root: yaml.Node | None, name: str) -> None:
    """Refuse a document whose aliases make it larger than anybody would write: ten lines can hold billions of values.

    Raises:
        SettingsError: it holds too many values, or an alias refers to what it is a part of.
    """
    import yaml

    sizes: dict[int, int | None] = {}  # None while the node is counted

    def size(node: yaml.Node) -> int:
        if isinstance(node, yaml.ScalarNode):
            return 1
        if id(node) not in sizes:
            sizes[id(node)] = None
            mapping = isinstance(node, yaml.MappingNode)
            parts = [part for pair in node.value for part in pair] if mapping else node.value
            sizes[id(node)] = 1 + sum(map(size, parts))
        counted = sizes[id(node)]
        if counted is None or counted > _MOST_VALUES:
            raise SettingsError(
                f"{name} repeats itself by aliases: it {'has no end' if counted is None else 'is too large'}.",
                meaning=f"At most {_MOST_VALUES:,} values are read from a file of settings.",
                remedy="Write the values out, without * and <<.",
            )
        return counted

    if root is not None:
        size(root)
