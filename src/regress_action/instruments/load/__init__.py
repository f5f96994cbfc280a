"""Load tests: a scenario of users or arrivals, run against a function or an address, and its result."""

from regress_action.instruments.load.result import LoadResult
from regress_action.instruments.load.runner import LoadTestRunner
from regress_action.instruments.load.scenario import Scenario, Shape

__all__ = ["LoadResult", "LoadTestRunner", "Scenario", "Shape"]
