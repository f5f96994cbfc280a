"""How throughput depends on concurrency, and which concurrency is best: pure computation on arrays."""

from regress_action.advice.scalability.analysis import ScalabilityAnalysis, analyse
from regress_action.advice.scalability.laws import LoadLevels

__all__ = ["LoadLevels", "ScalabilityAnalysis", "analyse"]
