"""The sentence behind a verdict: what was measured, how sure it is, and what would have been seen."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from regress_action.model.comparisons import Mode, Reason, ReasonCode, Severity, Verdict
from regress_action.report import numbers, phrases
from regress_action.report.numbers import count

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from regress_action.model.comparisons import Comparison

UNREACHABLE = "Cannot be caused by this diff: it executes nothing that the diff changes."
_FIXED = {
    ReasonCode.NEW: "The baseline does not have it; it is compared from the next stored run on.",
    ReasonCode.MISSING: "The baseline measured it and the head did not: removed, renamed, or never reached.",
    ReasonCode.BELOW_CLOCK: "A time of zero or less: it is shorter than the clock's resolution. Put more work into a "
    "round.",
    ReasonCode.BODY_CHANGED: "It cannot be compared with its baseline: its body changed, so the older runs measured "
    "something else.",
    ReasonCode.NOTHING_SUSTAINED: "Nothing became worse for good.",
    ReasonCode.TOO_FEW_RUNS: "There are too few runs to follow.",
}


def sentence(row: Comparison) -> str:
    """Return the reason of a comparison in words; names and texts of others in it are not escaped."""
    words = _words(row)
    labelled = row.unreachable and not words.startswith(UNREACHABLE)  # what was read back has its label
    return f"{UNREACHABLE} {words}" if labelled else words


def _words(row: Comparison) -> str:
    reason = row.reason
    if isinstance(reason, str):
        return reason
    words = _FIXED[reason.code] if reason.code in _FIXED else _WORDS[reason.code](row, reason)
    traded = "" if reason.again is not None else phrases.trade_off(row)  # what was measured again says it itself
    return f"{words} {traded}".rstrip()


def interim_words(pairs: int, minimum: int, *, benchmarks: int, decided: int, given_up: int) -> str:
    """Return what is known after some pairs of a running measurement; see `analysis.InterimAnalysis`."""
    if not benchmarks:
        return "Nothing was measured in pairs so far."
    if pairs < minimum:
        return f"{pairs} of at least {minimum} pairs."
    some = f"{decided} of {benchmarks} benchmarks {'is' if decided == 1 else 'are'}"
    which = {0: "nothing is", benchmarks: "everything is"}.get(decided, some)
    noise = f", {given_up} too noisy for the pairs that are left" if given_up else ""
    return f"After {count(pairs, 'pair')} {which} decided{noise}."


def _proven(row: Comparison, reason: Reason) -> str:
    """Say by how much it is worse or better and how sure that is, and why a regression does not alarm."""
    tail = ""
    if row.severity is Severity.SLIGHT and reason.waiver is None and row.ratio is not None and not row.is_traded:
        tail = f"; below its threshold of {numbers.change(row.threshold)}, so it does not alarm"
    elif row.ratio is None and row.verdict is Verdict.REGRESSION:
        tail = f"; {_without_ratio(row)} there is no ratio, so it is minor: set a budget for an absolute limit"
    waived = ""
    if reason.waiver is not None:
        why = reason.waiver.reason or "no reason given"
        waived = f" Waived up to {numbers.change(reason.waiver.ceiling)}: {why}."
    assumed = " It is not proven if one side drifts and neighbouring pairs are alike." if reason.independent else ""
    return f"{_size(row)}, {_runs(row, reason)}; {numbers.certainty(row.q_value or 0.0)}{tail}.{assumed}{waived}"


def _without_ratio(row: Comparison) -> str:
    return "from zero" if row.baseline.median == 0 else "for such a metric"


def _only_suspected(row: Comparison, reason: Reason) -> str:
    """Return how every reason for a suspicion begins."""
    return f"Suspected only: {_size(row)}, {_runs(row, reason)}"


def _suspected(row: Comparison, reason: Reason) -> str:
    return (
        f"{_only_suspected(row, reason)}. So few runs cannot show how far runs of the same code "
        "lie apart. Measure again, best interleaved with the base."
    )


def _moved_with_suite(row: Comparison, reason: Reason) -> str:
    return f"{_only_suspected(row, reason)}, like the whole suite, which was measured apart."


def _apart_from_suite(row: Comparison, reason: Reason) -> str:
    return (
        f"It lies between {_between(row)}, {_runs(row, reason)}, while most other times moved together. Measure both "
        "sides in pairs to tell whether this one changed."
    )


def _one_new_run(row: Comparison, reason: Reason) -> str:
    return (
        f"{_only_suspected(row, reason)}. That is not far enough beyond what the stored "
        "runs did to exclude that it is one of their rare slow or fast ones. Measure again, best interleaved with the "
        "base."
    )


def _noise_exceeded(row: Comparison, reason: Reason) -> str:
    return (
        f"{_only_suspected(row, reason)}. The newest stored runs lie farther apart than the noise "
        "that was learned says, and held to that it is not proven. Measure again, best interleaved with the base."
    )


def _alike_pairs(row: Comparison, reason: Reason) -> str:
    return (
        f"{_only_suspected(row, reason)}. Neighbouring pairs of the suite seem alike, as if one "
        "side drifts, and then it is not proven. Measure more pairs."
    )


def _drifting_baseline(row: Comparison, reason: Reason) -> str:
    if row.verdict is Verdict.INCONCLUSIVE:
        return (
            f"It lies between {_between(row)}, {_runs(row, reason)}. The stored runs drift, and whether that goes on "
            "in the new ones is not known. Measure it interleaved with the base."
        )
    return (
        f"{_only_suspected(row, reason)}. The stored runs may drift, and held to where that leads "
        "it is not proven. Measure again, best interleaved with the base."
    )


def _code_layout(row: Comparison, reason: Reason) -> str:
    by = numbers.change(reason.margin)
    may_change = (
        f"may change it by up to {by}, as {count(reason.count, 'build')} in the history show"
        if reason.count
        else f"is assumed to change a time by up to {by}"
    )
    return (
        f"{_only_suspected(row, reason)}. Both sides are one build each of compiled code, whose "
        f"layout alone {may_change}. Compare several builds, or executed instructions."
    )


def _slow_path(row: Comparison, reason: Reason) -> str:
    odd, worse = ("took far longer", "slower") if phrases.is_speed(row.metric) else ("did far worse", "worse")
    return (
        f"{count(reason.count or 0, 'run')} of the head {odd} than the rest, and fewer or none of the base "
        f"did, {_runs(row, reason)}: neither unchanged nor {worse} throughout. Look for work that only some runs do."
    )


def _coarse_clock(row: Comparison, reason: Reason) -> str:
    return (
        f"It lies between {_between(row)}, {_runs(row, reason)}. Its values are whole ticks of a clock that is too "
        "coarse to show less, which no number of runs changes. Make its rounds longer."
    )


def _ruled_out(row: Comparison, reason: Reason) -> str:
    """Say which change is ruled out, and by what."""
    if row.ratio_low is None or row.ratio_high is None:
        return f"No change: the difference is {phrases.difference(row)}, {_runs(row, reason)}."
    limit = f"A change of {numbers.change(reason.ruled_out)} or more for the worse is ruled out"
    if reason.pairs_beyond is not None:
        few = "none" if reason.pairs_beyond == 0 else f"only {reason.pairs_beyond}"
        differ = "differs" if reason.pairs_beyond <= 1 else "differ"
        return f"{limit}: {few} of {row.baseline.runs} interleaved pairs {differ} so much.{_missed(reason)}"
    return f"{limit}: it lies between {_between(row)}, {_runs(row, reason)}.{_missed(reason)}"


def _missed(reason: Reason) -> str:
    """Say which slower path so few runs may have missed."""
    if reason.missed_share is None:
        return ""
    return f" Extra work that fewer than {math.ceil(100 * reason.missed_share)} % of its runs do may have been missed."


def _undecided(row: Comparison, reason: Reason) -> str:
    """Say what is open, what would have been found, and how many runs would decide it."""
    detectable = row.minimum_detectable_ratio
    if row.ratio_low is None or row.ratio_high is None or detectable is None:
        wanted = "too few" if reason.weak else "too noisy"
        return f"A metric without a ratio, {_runs(row, reason)}: {wanted} to tell. Give it more runs on either side."
    lies = f"It lies between {_between(row)}, {_runs(row, reason)}"
    if reason.weak and reason.design is Mode.SINGLE:
        return (
            f"{lies}; one session cannot show how far runs of the same code lie apart, so nothing smaller can be "
            "ruled out."
        )
    size = numbers.change(reason.margin)
    unit = "pairs" if reason.design is Mode.PAIRED else "runs per side"
    more = (
        f"no number of further runs would rule out {size}"
        if row.runs_needed is None
        else f"about {row.runs_needed} {unit} would rule out {size} if nothing changed"
    )
    if phrases.has_runs_needed(row):
        more = f"so many {unit} mostly rule out {size} where nothing changed, so measure again"
    if not math.isfinite(detectable) or detectable >= numbers.UNDETECTABLE:
        return f"{lies}: even a change of {numbers.factor(numbers.UNDETECTABLE)} could have been missed; {more}."
    return f"{lies}: a change of {numbers.change(detectable)} would have been found, and {more}."


def _direction_unknown(row: Comparison, reason: Reason) -> str:
    change = "" if row.ratio is None else f" by {numbers.change(row.ratio)}"
    return (
        f"It changed{change}, {_runs(row, reason)}; whether more of it is better is not known. Declare it under "
        "`benchmarks:` in regress.yml: `match`, `metric` and `direction: higher` or `lower`."
    )


def _skipped(row: Comparison, reason: Reason) -> str:
    del row
    return (
        f"The baseline measured it, and the head skips it: {reason.text.rstrip('.')}. A skipped benchmark is no pass."
    )


def _failed(row: Comparison, reason: Reason) -> str:
    del row
    return reason.text or "It failed."


def _command_failed(row: Comparison, reason: Reason) -> str:
    del row
    return f"Every run of the head failed: the run {(reason.text or 'failed').rstrip('.')}."


def _failed_on_base(row: Comparison, reason: Reason) -> str:
    del row
    return f"Not measured on the base. It failed there: {(reason.text or 'no value').rstrip('.')}."


def _unusable_rounds(row: Comparison, reason: Reason) -> str:
    del row
    return f"Its values cannot be used: {count(reason.count or 0, 'round')} gave no finite number."


def _definition_changed(row: Comparison, reason: Reason) -> str:
    del row
    if reason.code is ReasonCode.UNIT_CHANGED:
        change = f"its unit changed from {reason.before!r} to {reason.text!r}"
    else:
        change = f"its direction changed from {reason.before} is better to {reason.text} is better"
    return f"It cannot be compared with its baseline: {change}."


def _other_machine(row: Comparison, reason: Reason) -> str:
    del row
    return (
        f"No stored run comes from this kind of machine ({reason.text}); other machines differ by 10 % and more on the "
        "same code. Measure both sides on one machine."
    )


def _unstable(row: Comparison, reason: Reason) -> str:
    del row
    return (
        f"Stored runs of it differ by {(reason.spread or 0.0) * 100:.0f} % (robust), more than a baseline may. Measure "
        "it interleaved with the base, or make its rounds longer."
    )


def _level_changed(row: Comparison, reason: Reason) -> str:
    del row
    return (
        f"Its level changed {count(reason.count or 0, 'stored run')} ago; at least 5 runs of the new level are needed."
    )


def _repeated(row: Comparison, reason: Reason) -> str:
    """Say what a second measurement showed."""
    how = "interleaved with the base" if reason.design is Mode.PAIRED else "once more"
    again = sentence(reason.again) if reason.again is not None else ""
    if reason.code is ReasonCode.CONFIRMED:
        return f"Confirmed by measuring it {how}: {again}"
    looked = "worse" if row.ratio is None else phrases.comparative(row)
    return f"It looked {looked}, but that did not repeat when measured {how}: {again}"


def _sustained(row: Comparison, reason: Reason) -> str:
    """Say what became worse for good, since when, and whether later runs showed it again."""
    size, p_value = phrases.comparative(row), numbers.p_value(row.p_value) if row.p_value is not None else ""
    if reason.code is ReasonCode.DRIFTING:
        words = f"It degrades: {size} over the last {count(reason.count or 0, 'run')} ({p_value}), and goes on."
    elif reason.code is ReasonCode.STEPPED:
        words = f"{size} since {reason.before}, in one step at {_commit(reason.text)} ({p_value})."
    else:
        steps = f"in {reason.count} steps" if reason.count else "too slowly for any one commit to be named"
        words = f"{size} since {reason.before} ({_commit(reason.text)}), {steps}."
    return words if reason.seen_again else f"{words} Too few runs in a row show it to be sure."


_WORDS: Mapping[ReasonCode, Callable[[Comparison, Reason], str]] = {
    ReasonCode.PROVEN: _proven,
    ReasonCode.SUSPECTED: _suspected,
    ReasonCode.MOVED_WITH_SUITE: _moved_with_suite,
    ReasonCode.APART_FROM_SUITE: _apart_from_suite,
    ReasonCode.ONE_NEW_RUN: _one_new_run,
    ReasonCode.NOISE_EXCEEDED: _noise_exceeded,
    ReasonCode.ALIKE_PAIRS: _alike_pairs,
    ReasonCode.DRIFTING_BASELINE: _drifting_baseline,
    ReasonCode.CODE_LAYOUT: _code_layout,
    ReasonCode.SLOW_PATH: _slow_path,
    ReasonCode.COARSE_CLOCK: _coarse_clock,
    ReasonCode.RULED_OUT: _ruled_out,
    ReasonCode.UNDECIDED: _undecided,
    ReasonCode.DIRECTION_UNKNOWN: _direction_unknown,
    ReasonCode.SKIPPED: _skipped,
    ReasonCode.FAILED: _failed,
    ReasonCode.COMMAND_FAILED: _command_failed,
    ReasonCode.FAILED_ON_BASE: _failed_on_base,
    ReasonCode.UNUSABLE_ROUNDS: _unusable_rounds,
    ReasonCode.UNIT_CHANGED: _definition_changed,
    ReasonCode.DIRECTION_CHANGED: _definition_changed,
    ReasonCode.OTHER_MACHINE: _other_machine,
    ReasonCode.UNSTABLE_BASELINE: _unstable,
    ReasonCode.LEVEL_CHANGED: _level_changed,
    ReasonCode.CONFIRMED: _repeated,
    ReasonCode.NOT_REPEATED: _repeated,
    ReasonCode.DRIFTING: _sustained,
    ReasonCode.STEPPED: _sustained,
    ReasonCode.CREPT: _sustained,
}


def _size(row: Comparison) -> str:
    """Return `3.1× slower (95 % interval 2.9 to 3.3×)`."""
    ends = numbers.interval(row.ratio_low, row.ratio_high, like=row.ratio)
    return phrases.comparative(row) if row.ratio is None else f"{phrases.comparative(row)} (95 % interval {ends})"


def _between(row: Comparison) -> str:
    return numbers.interval(row.ratio_low, row.ratio_high, like=row.ratio).replace(" to ", " and ")


def _runs(row: Comparison, reason: Reason) -> str:
    """Return how often both sides were measured, and in which design."""
    if reason.design is Mode.PAIRED:
        return f"from {count(row.baseline.runs, 'interleaved pair')}"
    if reason.design is Mode.HISTORY:
        return f"{row.head.runs} against {count(row.baseline.runs, 'stored run')}"
    return "one session on each side"


def _commit(commit: str) -> str:
    return commit[:12] or "an unknown commit"
