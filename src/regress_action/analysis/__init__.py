"""The verdict: reports in, a judgement out. Pure numpy, no input or output, no clock."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from regress_action.analysis.comparison import compare as compare
    from regress_action.analysis.confirmation import confirm as confirm
    from regress_action.analysis.confirmation import suspects as suspects
    from regress_action.analysis.evidence.neighbours import noise_between as noise_between
    from regress_action.analysis.rules.plan import Plan as Plan
    from regress_action.analysis.rules.policy import BudgetRule as BudgetRule
    from regress_action.analysis.rules.policy import Limit as Limit
    from regress_action.analysis.rules.policy import Policy as Policy
    from regress_action.analysis.rules.policy import Tau as Tau
    from regress_action.analysis.rules.policy import Waiver as Waiver
    from regress_action.analysis.sampling import Look as Look
    from regress_action.analysis.sampling import look as look
    from regress_action.model.measurements import Noise as Noise

_HOMES = {
    "compare": "comparison",
    "confirm": "confirmation",
    "suspects": "confirmation",
    "noise_between": "evidence.neighbours",
    "Noise": "evidence.neighbours",
    "Plan": "rules.plan",
    "Look": "sampling",
    "look": "sampling",
    **dict.fromkeys(("BudgetRule", "Limit", "Policy", "Tau", "Waiver"), "rules.policy"),
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a module attribute can be anything
    """Import what is asked for and nothing else, so that a command pays only for what it uses (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
