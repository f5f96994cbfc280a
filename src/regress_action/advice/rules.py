"""The rules: each looks at the regressions of a judgement and says nothing, or one sentence per thing it sees."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from typing import TYPE_CHECKING

from regress_action.advice.bounds import Bound, bound_of, evidence, explained
from regress_action.model.comparisons import Doubt, Mode, Outcome, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from regress_action.model.comparisons import Comparison, Judgement

    Rows = Mapping[str, Mapping[str, Comparison]]
    Rule = Callable[[Judgement, Rows], Iterator[str]]


_TIMES = ("time", "latency", "latency_p50")
_ALIKE = math.log(1.15)
_STEEPER = 0.5
_FEW = 3
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


def recommend(judgement: Judgement, *, limit: int = 5) -> tuple[str, ...]:
    """Return at most `limit` sentences, the most specific first; none when nothing regressed or is undecided."""
    rows: dict[str, dict[str, Comparison]] = defaultdict(dict)
    for comparison in judgement.comparisons:
        rows[comparison.benchmark.name][comparison.metric.name] = comparison
    sentences = dict.fromkeys(sentence for rule in _RULES for sentence in rule(judgement, rows))
    return tuple(sentences)[:limit]


def causes(judgement: Judgement) -> tuple[str, ...]:
    """Return what profiles and the monitor say about the regressions, none where neither says anything."""
    return tuple(dict.fromkeys([*_causes(judgement, {}), *_resources(judgement, {})]))


def elsewhere(judgement: Judgement) -> str | None:
    """Return the sentence that suggests another machine, None where the verdict does not hang on this one.

    It does where the suite moved as one, or where something is undecided, or proven by no pair, on a doubtful machine.
    """
    if judgement.summary.verdict is Outcome.PASS:
        return None
    reasons = list(_doubtful(judgement)) if _hangs_on_the_machine(judgement) else []
    if judgement.summary.environment_shift is not None:
        reasons.insert(0, "the whole suite moved together")
    if not reasons:
        return None
    return f"Measure again on another runner before you act on this: {' and '.join(reasons)}."


def _hangs_on_the_machine(judgement: Judgement) -> bool:
    apart = judgement.mode is not Mode.PAIRED
    return judgement.summary.inconclusive > 0 or (apart and not all(row.is_confirmed for row in _worse(judgement)))


def _doubtful(judgement: Judgement) -> Iterator[str]:
    machine = judgement.machine
    if Doubt.FOREIGN in machine.doubts and any(row.verdict is Verdict.INCOMPARABLE for row in judgement.comparisons):
        yield "the baseline has no run from this kind of machine"
    if Doubt.SPEED in machine.doubts:
        yield f"this machine is {'slower' if (machine.probe_ratio or 1) > 1 else 'faster'} than those of the baseline"
    if Doubt.SWING in machine.doubts:
        yield "its speed varies"
    if Doubt.STEAL in machine.doubts:
        yield "other machines on its host take CPU time from it"


def _causes(judgement: Judgement, rows: Rows) -> Iterator[str]:
    """What profiles of both sides say."""
    del rows
    for row in _worse(judgement):
        if row.cause is not None:
            yield row.cause.paragraph


def _resources(judgement: Judgement, rows: Rows) -> Iterator[str]:
    """What the monitor of the runs saw; a slowdown that was profiled and a tight limit stand beside each other."""
    del rows
    if any(row.metric.name in _TIMES for row in _worse(judgement)):
        yield from (note.paragraph for note in judgement.resources)


def _complexity(judgement: Judgement, rows: Rows) -> Iterator[str]:
    """A ratio that grows with a size is the mark of an algorithm of a higher order."""
    del rows
    families: dict[tuple[str, str], list[tuple[float, Comparison]]] = defaultdict(list)
    for row in _worse(judgement):
        if (size := _size(row.benchmark.name)) is not None and row.metric.name in _TIMES:
            families[_NUMBER.sub("N", row.benchmark.name), row.metric.name].append((size, row))
    for (group, _), members in families.items():
        members.sort(key=lambda member: member[0])
        (small, first), (large, last) = members[0], members[-1]
        if small < large and first.ratio and last.ratio:
            slope = math.log(last.ratio / first.ratio) / math.log(large / small) if small > 0 else 0.0
            if slope >= _STEEPER:
                yield (
                    f"{group} is {first.ratio:.2g}× slower at {small:g} and {last.ratio:.2g}× at {large:g}: "
                    f"the cost grows faster than before, by about N^{slope:.1g} more. Look for a loop inside a loop, "
                    "or a search through a list."
                )


def _waiting(judgement: Judgement, rows: Rows) -> Iterator[str]:
    """Wall time without CPU time is waiting; both together is work. The monitor knows more where it watched."""
    if judgement.resources:
        return
    for row in _worse(judgement):
        cpu = rows[row.benchmark.name].get("cpu_time")
        bound = bound_of(row, cpu) if row.metric.name in _TIMES and cpu is not None else None
        if bound is None or cpu is None or row.cause is not None:
            continue
        share = explained(row, cpu)
        part = "" if share is None or bound is Bound.WAITING else f", which is {100 * share:.0f} % of the added time"
        seen = f"Evidence: {evidence(row)}, {evidence(cpu)}{part}."
        yield f"{row.benchmark.name} {_BOUND[bound]} {seen}"


_BOUND = {
    Bound.WAITING: "takes longer but computes no more: it waits. Look at I/O, locks and connection pools.",
    Bound.COMPUTING: "takes longer and computes more: profile both commits and compare the hottest functions.",
    Bound.BOTH: "takes longer and computes more, but most of the added time is waiting: look at I/O, locks and "
    "connection pools first.",
}


def _memory(judgement: Judgement, rows: Rows) -> Iterator[str]:
    """More memory at the same speed is kept; more memory and more time is often copied."""
    for row in _worse(judgement):
        if row.metric.unit != "B":
            continue
        seen = f"Evidence: {evidence(row)}"
        time = next((rows[row.benchmark.name][metric] for metric in _TIMES if metric in rows[row.benchmark.name]), None)
        if time is not None and time.verdict is Verdict.REGRESSION:
            cause = "needs more memory and more time: look for copies and data read as a whole."
            yield f"{row.benchmark.name} {cause} {seen}, {evidence(time)}."
        else:
            cause = "needs more memory at the same speed: look for references that are kept."
            yield f"{row.benchmark.name} {cause} {seen}."


def _common_cause(judgement: Judgement, rows: Rows) -> Iterator[str]:
    """Benchmarks of one service that slowed down alike probably share what slowed them down."""
    del rows
    services: dict[tuple[str, str], list[Comparison]] = defaultdict(list)
    for row in _worse(judgement):
        if row.benchmark.service and row.ratio:
            services[row.benchmark.service, row.metric.name].append(row)
    for (service, metric), members in services.items():
        logs = [math.log(row.ratio) for row in members if row.ratio]
        if len(members) >= _FEW and max(logs) - min(logs) <= _ALIKE:
            yield (
                f"{len(members)} benchmarks of {service} moved alike in {metric}: look for one cause that they share, "
                "such as set-up, serialisation or logging."
            )


def _undecided(judgement: Judgement, rows: Rows) -> Iterator[str]:
    """Say how many more runs would decide what could not be decided."""
    del rows
    needed = [
        row.runs_needed for row in judgement.comparisons if row.verdict is Verdict.INCONCLUSIVE and row.runs_needed
    ]
    if needed and len(needed) * 2 > len(judgement.comparisons):
        what = "pairs" if judgement.mode is Mode.PAIRED else "runs"
        yield (
            f"Most comparisons are undecided: {sorted(needed)[len(needed) // 2]} {what} would decide the typical one. "
            "Give it more, lengthen its rounds, or use a quieter machine."
        )


def _range(judgement: Judgement, rows: Rows) -> Iterator[str]:
    """Name the commits between which it happened."""
    del rows
    base, head = judgement.baseline.commit, judgement.head.commit
    if base and head and base != head and any(True for _ in _worse(judgement)):
        yield f"It came with the commits shown by: git log --oneline {base[:12]}..{head[:12]}"


def _worse(judgement: Judgement) -> Iterator[Comparison]:
    for row in judgement.comparisons:
        if row.is_proven_regression:
            yield row


def _size(name: str) -> float | None:
    """Return the only number of a benchmark's parameters, which is then taken for a size."""
    _, bracket, parameters = name.partition("[")
    numbers = _NUMBER.findall(parameters) if bracket else []
    return float(numbers[0]) if len(numbers) == 1 else None


_RULES: Sequence[Rule] = (_causes, _resources, _complexity, _waiting, _memory, _common_cause, _range, _undecided)
