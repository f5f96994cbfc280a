"""All stacks of base and head merged into one tree, for a flame graph."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from regress_action.model.stacks import FunctionKey, StackNode

if TYPE_CHECKING:
    from regress_action.advice.profile_difference import PairedProfiles

LEAST_SHARE = 0.001
DEEPEST = 120
ROOT = FunctionKey("all")


@dataclass(slots=True)
class _Node:
    line: int = 0
    costs: list[float] = field(default_factory=lambda: [0.0, 0.0])
    children: dict[FunctionKey, _Node] = field(default_factory=dict)


def stack_tree(profiles: PairedProfiles) -> StackNode:
    """Return the tree, without what takes less than a thousandth on both sides and beyond a depth of 120."""
    root = _Node()
    for side, runs in enumerate((profiles.base, profiles.head)):
        for run in runs:
            for stack, cost in run.items():
                node = root
                node.costs[side] += cost / profiles.pairs
                for frame in stack[:DEEPEST]:
                    node = node.children.setdefault(frame.key, _Node(frame.line))
                    node.costs[side] += cost / profiles.pairs
    return _finished(ROOT, root, (LEAST_SHARE * root.costs[0], LEAST_SHARE * root.costs[1]))


def _finished(key: FunctionKey, node: _Node, least: tuple[float, float]) -> StackNode:
    children = (
        _finished(name, child, least)
        for name, child in node.children.items()
        if child.costs[0] > least[0] or child.costs[1] > least[1]
    )
    ordered = tuple(sorted(children, key=lambda child: (child.key.path, child.key.function)))
    return StackNode(key, node.costs[0], node.costs[1], node.line, ordered)
