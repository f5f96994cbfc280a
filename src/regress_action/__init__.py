"""regress-action: find performance regressions, prove them, and stay silent when nothing happened.

What is listed below is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from regress_action.instruments.cache_recorder import CacheRecorder
    from regress_action.instruments.detection import RegressionDetector, compare
    from regress_action.instruments.leaks import LeakDetector
    from regress_action.instruments.load.runner import LoadTestRunner
    from regress_action.instruments.profiler import PerformanceProfiler
    from regress_action.instruments.storage import BenchmarkStorage

__version__ = "0.1.0"
__all__ = [
    "BenchmarkStorage",
    "CacheRecorder",
    "CacheWatch",
    "LeakDetector",
    "LoadTestRunner",
    "PerformanceProfiler",
    "RegressionDetector",
    "__version__",
    "compare",
]

_HOMES = {
    "BenchmarkStorage": "storage",
    "CacheRecorder": "cache_recorder",
    "CacheWatch": "cache_counters",
    "LeakDetector": "leaks",
    "LoadTestRunner": "load.runner",
    "PerformanceProfiler": "profiler",
    "RegressionDetector": "detection",
    "compare": "detection",
}


def __getattr__(name: str) -> object:
    """Import a class of the public API when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"regress_action.instruments.{_HOMES[name]}"), name)
