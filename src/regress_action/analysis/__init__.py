"""The analysis: reports in, comparisons out. Arrays and values only: no input or output, no clock."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from regress_action.analysis.code_layout import layout_bounds as layout_bounds
    from regress_action.analysis.comparison import compare as compare
    from regress_action.analysis.confirmation import confirm as confirm
    from regress_action.analysis.confirmation import suspects as suspects
    from regress_action.analysis.controls import with_controls as with_controls
    from regress_action.analysis.noise import noise_between as noise_between
    from regress_action.analysis.policy import BudgetRule as BudgetRule
    from regress_action.analysis.policy import LayoutBound as LayoutBound
    from regress_action.analysis.policy import Limit as Limit
    from regress_action.analysis.policy import Policy as Policy
    from regress_action.analysis.policy import SamplingPlan as SamplingPlan
    from regress_action.analysis.policy import SessionSpread as SessionSpread
    from regress_action.analysis.policy import TradeOffRule as TradeOffRule
    from regress_action.analysis.policy import WaiverRule as WaiverRule
    from regress_action.analysis.sequential import InterimAnalysis as InterimAnalysis
    from regress_action.analysis.sequential import analyse_interim as analyse_interim
    from regress_action.model.measurements import Noise as Noise

_MODULES = {
    "compare": "comparison",
    "layout_bounds": "code_layout",
    "confirm": "confirmation",
    "suspects": "confirmation",
    "with_controls": "controls",
    "noise_between": "noise",
    "Noise": "noise",
    "InterimAnalysis": "sequential",
    "analyse_interim": "sequential",
    **dict.fromkeys(
        ("BudgetRule", "LayoutBound", "Limit", "SamplingPlan", "Policy", "SessionSpread", "TradeOffRule", "WaiverRule"),
        "policy",
    ),
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a module attribute can be anything
    """Import what is asked for and nothing else, so that a command pays only for what it uses (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
