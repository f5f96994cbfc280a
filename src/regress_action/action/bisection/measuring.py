"""Pairs of a commit against the good one, by the measurer of `run --base`."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING

from regress_action.action.bisection import variants
from regress_action.action.bisection.record import MeasuredPairs
from regress_action.action.measure import MeasurementSpec, measure_pairs
from regress_action.analysis.bisection import pairs as paired
from regress_action.measure.selection import style_of
from regress_action.model import escaping
from regress_action.model.errors import IncompleteError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from regress_action.formats.measurement import Measurement
    from regress_action.settings import Settings


@dataclass(frozen=True, slots=True)
class CommitMeasurer:
    """Measures commits against `good` in the folder `root`; `carry` takes its files from the commit `bad`."""

    settings: Settings
    spec: MeasurementSpec
    root: Path
    good: str
    bad: str
    pattern: str = "*"
    metric: str | None = None

    def __call__(self, commit: str, pairs: int, key: tuple[str, str] | None) -> MeasuredPairs:
        """Return the pairs of a commit.

        Raises:
            IncompleteError: it cannot be built, or the benchmark has no result in both commits.
            UsageError: the first measurement shows that no benchmark matches.
        """
        base, head = (self._carried(name) for name in (self.good, commit))
        settings = self.settings.model_copy(
            update={"base": base, "runs": pairs, "carry": (), "budget_minutes": None, "interleave": "run"}
        )
        select = (key[0],) if key and "{select}" in settings.command else ()
        spec = replace(self.spec, head=head, adaptive=False, select=select, select_style=style_of(settings.command))
        began = time.monotonic()
        measured = measure_pairs(settings, spec, quiet=True)
        return self._pairs(commit, measured, key, time.monotonic() - began)

    def _carried(self, commit: str) -> str:
        if not self.settings.carry or commit == self.bad:
            return commit
        return variants.with_paths_of(self.root, commit, self.bad, self.settings.carry)

    def _pairs(
        self, commit: str, measured: Measurement, key: tuple[str, str] | None, elapsed_s: float
    ) -> MeasuredPairs:
        base, head = measured.base, measured.head
        if base is None:
            raise IncompleteError("The good commit gave no result.", remedy="Name a commit at which the suite runs.")
        keys = paired.keys_of(base, head, key[0] if key else self.pattern, key[1] if key else self.metric)
        if key:
            keys = [key] if key in keys else []
        ratios = {name: values for name in keys if (values := paired.log_ratios(base, head, name))}
        if not ratios:
            raise self._nothing(measured, key)
        chosen = max(ratios, key=lambda name: paired.change_size(ratios[name]))
        times = [run.wall_s for report in (base, head) for run in report.runs if run.wall_s is not None]
        return MeasuredPairs(
            commit,
            *chosen,
            tuple(ratios[chosen]),
            exact=paired.is_exact(head, chosen),
            run_s=fmean(times) if times else 0.0,
            overhead_s=max(0.0, elapsed_s - sum(times)),
        )

    def _nothing(self, measured: Measurement, key: tuple[str, str] | None) -> IncompleteError | UsageError:
        if key is not None:
            return IncompleteError(f"The benchmark {escaping.plain(key[0])} ({key[1]}) has no result there.")
        names = sorted({escaping.plain(series.benchmark.name) for series in measured.head.series})
        wanted = escaping.plain(self.pattern) + (f" ({escaping.plain(self.metric)})" if self.metric else "")
        return UsageError(
            f"No benchmark that both commits have matches {wanted!r}.",
            meaning=f"The bad commit has {len(names)}.",
            remedy="Names are like: " + ", ".join(names[:5]) if names else "Look at what the suite printed.",
        )
