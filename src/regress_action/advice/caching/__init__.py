"""How large a cache should be, from the keys that were requested of it: pure computation on arrays."""

from regress_action.advice.caching.analysis import CacheAnalysis, analyse
from regress_action.advice.caching.key_trace import KeyTrace

__all__ = ["CacheAnalysis", "KeyTrace", "analyse"]
