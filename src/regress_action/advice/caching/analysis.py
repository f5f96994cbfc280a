"""Everything that a trace says about a cache, as one value and as the object of `cache --json`."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from regress_action.advice.caching.key_trace import count_reloads, count_stampedes, expiry_use, sampled_keys
from regress_action.advice.caching.miss_ratio import EXACT, WORTH, MissRatioCurve, miss_ratio_curve
from regress_action.advice.caching.policies import POLICIES, SIMULATED, policy_miss_ratios

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.advice.caching.key_trace import ExpiryUse, KeyTrace, ReloadCount, StampedeCount

_SCHEMA = 1
_DRAWN = 200
_SHORT = 0.5
_MANY = 0.05
_DOUBLINGS = (-2, -1, 0, 1, 2)


@dataclass(frozen=True, slots=True)
class CacheAnalysis:
    """What a trace says: the curve, the size at its knee, and at sizes of interest what each policy misses.

    `current` is the size that the cache has, `observed` the miss ratio that was recorded. `policies` has for every
    policy the miss ratios at `sizes`.
    """

    curve: MissRatioCurve
    recommended: int
    worth: float
    sizes: tuple[int, ...]
    policies: dict[str, list[float]]
    current: int | None
    observed: float | None
    expiry: ExpiryUse | None
    stampedes: StampedeCount | None
    reloads: ReloadCount | None

    @property
    def is_short(self) -> bool:
        """Whether first requests are most of the misses that are left; a longer trace would have fewer of them."""
        left = float(self.curve.at([self.recommended])[0])
        return left > _MANY and self.curve.first_request_ratio > _SHORT * left

    def as_dict(self) -> dict[str, Any]:
        """Return the analysis for a program; ratios are shares of the requests, sizes are entries."""
        curve = self.curve
        drawn = curve.sizes()
        drawn = drawn[np.unique(np.linspace(0, len(drawn) - 1, _DRAWN).astype(np.int64))]
        steps = sorted({max(1, round(self.recommended * 2.0**power)) for power in _DOUBLINGS})
        return {
            "schema": _SCHEMA,
            "requests": curve.requests,
            "keys": curve.unique,
            "exact": curve.exact,
            "recorded_share": curve.rate,
            "observed_miss_ratio": self.observed,
            "first_request_ratio": curve.first_request_ratio,
            "short": self.is_short,
            "largest": curve.largest,
            "current": self._at(self.current) if self.current else None,
            "recommended": {**self._at(self.recommended), "worth": self.worth},
            "steps": [self._at(step) for step in steps if step <= 2 * curve.largest],
            "sizes": [self._at(size) for size in self.sizes],
            "policies": [
                {"policy": name, "miss_ratios": ratios, "bound": index == len(POLICIES) - 1}
                for index, (name, ratios) in enumerate(self.policies.items())
            ],
            "expiry": _expiry(self.expiry),
            "reloads": None if self.reloads is None else asdict(self.reloads),
            "stampedes": None if self.stampedes is None else asdict(self.stampedes),
            "curve": [
                {"size": int(size), "miss_ratio": float(ratio)}
                for size, ratio in zip(drawn, curve.at(drawn), strict=True)
            ],
        }

    def _at(self, size: int) -> dict[str, Any]:
        here, double = (float(ratio) for ratio in self.curve.at([size, 2 * size]))
        return {"size": size, "miss_ratio": here, "doubling_saves": here - double}


def analyse(
    trace: KeyTrace,
    *,
    current: int | None = None,
    sizes: Sequence[int] = (),
    worth: float = WORTH,
    load_s: float | None = None,
    ttl_s: float | None = None,
    exact_up_to: int = EXACT,
) -> CacheAnalysis:
    """Return what a trace of at least one request says.

    `sizes` are compared by policy, besides the recommended and the current one. `ttl_s` counts where the trace has
    none, `load_s` where it does not say what loading a value takes. `worth` is what doubling has to save.

    Raises:
        ValueError: the trace is empty.
    """
    curve = miss_ratio_curve(trace.keys, exact_up_to=exact_up_to, rate=trace.rate)
    recommended = curve.knee(worth)
    wanted = tuple(sorted({*sizes, recommended, *([current] if current else [])}))
    share = min(1.0, SIMULATED / len(trace))
    part = trace.at(sampled_keys(trace.keys, share)) if share < 1 else trace
    scale = share * trace.rate
    policies = policy_miss_ratios(part.keys, wanted, scale=scale)
    if share < 1 and policies["LRU"]:
        policies = _anchored(policies, [float(ratio) for ratio in curve.at(list(wanted))])
    return CacheAnalysis(
        curve=curve,
        recommended=recommended,
        worth=worth,
        sizes=wanted,
        policies=policies,
        current=current,
        observed=None if trace.hits is None else float(1 - trace.hits.mean()),
        expiry=_expiry_of(part, ttl_s, current or recommended, scale),
        stampedes=count_stampedes(trace, load_s=load_s),
        reloads=count_reloads(trace, ttl_s=ttl_s),
    )


def _anchored(policies: dict[str, list[float]], lru: Sequence[float]) -> dict[str, list[float]]:
    """Return the simulated ratios of a sample, moved by what LRU misses in the whole trace more than in the sample."""
    moves = [exact - sampled for exact, sampled in zip(lru, policies["LRU"], strict=True)]
    return {
        name: [min(1.0, max(0.0, ratio + move)) for ratio, move in zip(ratios, moves, strict=True)]
        for name, ratios in policies.items()
    }


def _expiry_of(trace: KeyTrace, ttl_s: float | None, size: int, scale: float) -> ExpiryUse | None:
    if trace.times_s is None or (trace.ttl_s is None and ttl_s is None):
        return None
    lives = trace.ttl_s if trace.ttl_s is not None else np.full(len(trace), math.inf)
    if ttl_s is not None:
        lives = np.where(np.isfinite(lives), lives, ttl_s)
    return expiry_use(trace.keys, trace.times_s, lives, size, scale=scale)


def _expiry(use: ExpiryUse | None) -> dict[str, Any] | None:
    if use is None:
        return None
    return {
        "ttl_s": use.ttl_s,
        "size": use.size,
        "miss_ratio": use.misses,
        "expired_ratio": use.expired,
        "unused_share": use.unused,
        "expired_values_share": use.expired_values,
        "never_used_share": use.never_used,
        "by_factor": [
            {"factor": factor if math.isfinite(factor) else None, "miss_ratio": ratio}
            for factor, ratio in use.by_factor.items()
        ],
        "reuse_s": None if use.reuse_s is None else dict(zip(("p50", "p90", "p99"), use.reuse_s, strict=True)),
    }
