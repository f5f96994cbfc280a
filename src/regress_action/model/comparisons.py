"""The result of an analysis: one comparison per benchmark × metric, and the judgement over all of them.

Also here: why a verdict is what it is, as a code and the numbers that the comparison itself does not hold.

Ratios are badness ratios everywhere: 1.25 means 25 % worse, whichever direction the metric has.

`analysis` makes these values and `report` words them, so a number is printed in one way and a sentence stands in one
place. Where a judgement was read back from JSON, only the sentence is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from regress_action.model.measurements import Benchmark, Environment, Location, Metric, Noise


class Mode(StrEnum):
    """The design of the comparison, strongest first."""

    PAIRED = "paired"
    HISTORY = "history"
    SINGLE = "single"


class Verdict(StrEnum):
    """What is known about one benchmark × metric."""

    REGRESSION = "regression"
    IMPROVEMENT = "improvement"
    UNCHANGED = "unchanged"
    INCONCLUSIVE = "inconclusive"
    NEW = "new"
    MISSING = "missing"
    FAILED = "failed"
    INCOMPARABLE = "incomparable"
    UNSTABLE_BASELINE = "unstable-baseline"


class Severity(StrEnum):
    """How bad a regression is, ordered from `none` to `critical`; `slight` is shown and never alarms."""

    NONE = "none"
    SLIGHT = "slight"
    MINOR = "minor"
    MODERATE = "moderate"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """Order from 0 (none) to 4 (critical)."""
        return _SEVERITY_RANKS[self.value]

    def __lt__(self, other: str) -> bool:
        return self.rank < Severity(other).rank

    def __le__(self, other: str) -> bool:
        return self.rank <= Severity(other).rank

    def __gt__(self, other: str) -> bool:
        return self.rank > Severity(other).rank

    def __ge__(self, other: str) -> bool:
        return self.rank >= Severity(other).rank


_SEVERITY_RANKS = {severity.value: rank for rank, severity in enumerate(Severity)}


class Outcome(StrEnum):
    """The verdict over a whole suite."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    WARN = "warn"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    INCOMPLETE = "incomplete"


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a comparison: how many runs, and their median in the metric's unit."""

    runs: int
    median: float | None


class BudgetState(StrEnum):
    """Where the interval of the head lies against an absolute limit."""

    WITHIN = "within"
    OVER = "over"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Budget:
    """An absolute limit in the metric's unit, and where the head's interval lies."""

    key: str
    limit: float
    low: float
    high: float
    state: BudgetState


@dataclass(frozen=True, slots=True)
class PairNoise:
    """Why pairs of the same two builds differ: two standard deviations of one pair's log ratio.

    `between` is what two processes of the same code differ by (memory layout, hash seed, the state of the machine when
    each began), which only more pairs average out; `within` is what more or longer rounds in each would average out.
    """

    between: float
    within: float


@dataclass(frozen=True, slots=True)
class CauseNote:
    """What profiles of both sides say about a regression: one paragraph, and the changed line where there is one.

    `share` is the part of the difference that the line explains, `flame_graph` the file with the graph, relative to the
    workspace. `paragraph` holds foreign names, and views have to escape it.
    """

    paragraph: str
    location: Location | None = None
    function: str | None = None
    share: float | None = None
    flame_graph: str | None = None


class Graded:
    """What a verdict, its severity and a second measurement mean together, for one benchmark or many."""

    __slots__ = ()
    verdict: Verdict
    severity: Severity
    confirmed: bool | None

    @property
    def is_proven_regression(self) -> bool:
        """Whether it is a regression of any size that is more than suspected.

        `confirmed` is False for what only one session on each side shows, and True once measured again.
        """
        return self.verdict is Verdict.REGRESSION and self.confirmed is not False

    @property
    def reaches_threshold(self) -> bool:
        """Whether it is a regression at or above its threshold, proven or only suspected."""
        return self.verdict is Verdict.REGRESSION and self.severity >= Severity.MINOR

    @property
    def alarms(self) -> bool:
        """Whether it is a proven regression at or above its threshold: what annotates, notifies and may fail a run."""
        return self.reaches_threshold and self.is_proven_regression

    @property
    def is_suspected(self) -> bool:
        """Whether it would alarm, but too few runs show it: it warns and is measured again, and fails no run."""
        return self.reaches_threshold and not self.is_proven_regression

    @property
    def is_confirmed(self) -> bool:
        """Whether it alarms and a second measurement showed it again: what opens an issue."""
        return self.alarms and self.confirmed is True


class TradeOffState(StrEnum):
    """Whether a trade-off allows a regression, and what is in its way."""

    HOLDS = "holds"
    TOO_LARGE = "too-large"
    NOT_PROVEN = "not-proven"
    NOT_COMPARED = "not-compared"
    SUITE_MOVED = "suite-moved"


@dataclass(frozen=True, slots=True)
class TradeOff:
    """A rule of the thresholds file that is about a regression: what it allows, and the other metric it asks for.

    `rule` is as written. `ceiling` is the badness ratio allowed, `needed` the one that the other metric has to be at or
    below with its whole interval, and `ratio`, `ratio_low`, `ratio_high` what it is at (None where it was not
    compared). `of_service` says that the other metric is that of the service as a whole.
    """

    rule: str
    ceiling: float
    metric: Metric
    needed: float
    state: TradeOffState
    ratio: float | None = None
    ratio_low: float | None = None
    ratio_high: float | None = None
    of_service: bool = False


@dataclass(frozen=True, slots=True)
class ResourceNote:
    """What the monitor's figures say: `kind` is the value of a `Bottleneck` or a `LimitKind`, `paragraph` the words."""

    kind: str
    paragraph: str


@dataclass(frozen=True, slots=True)
class Comparison(Graded):
    """One benchmark × metric, baseline against head.

    `threshold` is the ratio from which a proven change alarms: that of its service, or what the noise allows where
    that is more; a smaller proven change is a regression too, but `slight`. `minimum_detectable_ratio` is the
    smallest ratio this comparison would have found with 80 % power. `runs_needed` is how many runs per side
    would decide an inconclusive one. `confirmed` is None until somebody measured again. `difference` is head
    minus baseline in the metric's unit, signed so that positive is worse, for metrics without a ratio. `reason` is a
    code with numbers, or the sentence itself where it was read back from JSON. `noise` is what a
    history longer than the baseline taught, where the comparison rests on it. `cause` is what profiles say about it,
    `pair_noise` how the noise of interleaved pairs divides, where the rounds of their runs are known.
    `unreachable` says that the benchmark executes nothing that the change touches, so that the change cannot cause it.
    `trade_off` is the rule of the thresholds file that is about this regression, whether it allows it or not. `skipped`
    says of a missing one that the suite itself left it out.
    """

    benchmark: Benchmark
    metric: Metric
    baseline: Side
    head: Side
    ratio: float | None
    ratio_low: float | None
    ratio_high: float | None
    p_value: float | None
    q_value: float | None
    threshold: float
    minimum_detectable_ratio: float | None
    verdict: Verdict
    severity: Severity
    reason: Reason | str
    confirmed: bool | None = None
    runs_needed: int | None = None
    difference: float | None = None
    budget: Budget | None = None
    noise: Noise | None = None
    cause: CauseNote | None = None
    pair_noise: PairNoise | None = None
    unreachable: bool = False
    trade_off: TradeOff | None = None
    skipped: bool = False

    @property
    def state(self) -> str:
        """The verdict in one word, in which what the suite skipped is not what is missing."""
        return "skipped" if self.skipped else self.verdict.value

    @property
    def is_traded(self) -> bool:
        """Whether it is a regression that would alarm, and a proven improvement of something else allows it."""
        return self.trade_off is not None and self.trade_off.state is TradeOffState.HOLDS

    @property
    def is_over_budget(self) -> bool:
        """Whether the head is proven to lie beyond its absolute limit."""
        return self.budget is not None and self.budget.state is BudgetState.OVER


@dataclass(frozen=True, slots=True)
class ServiceComparison(Graded):
    """The typical time of a service, baseline against head: many small changes that lean one way are one proven change.

    `service` is None for the benchmarks that belong to none. `ratio` is the geometric mean over the middle half of its
    `benchmarks`, with its 95 % interval. `runs` are the pairs, or the stored and new runs, that show it. `threshold` is
    the ratio from which it alarms. `leaning` of the benchmarks lean to the worse by themselves; where that are `quorum`
    or more (None: nobody set one), a proven regression alarms below its threshold as well.
    """

    service: str | None
    mode: Mode
    benchmarks: int
    runs: int
    ratio: float
    ratio_low: float
    ratio_high: float
    p_value: float
    threshold: float
    verdict: Verdict
    severity: Severity
    confirmed: bool | None = None
    leaning: int | None = None
    quorum: int | None = None

    @property
    def has_quorum(self) -> bool:
        """Whether as many benchmarks as were asked for lean to the worse."""
        return self.quorum is not None and self.leaning is not None and self.leaning >= self.quorum


@dataclass(frozen=True, slots=True)
class Summary:
    """The verdict over the suite, and the counts behind it.

    `suspected` of the `regressions` would alarm, were they proven.
    """

    verdict: Outcome
    regressions: int = 0
    improvements: int = 0
    inconclusive: int = 0
    missing: int = 0
    geomean_ratio: float | None = None
    environment_shift: float | None = None
    suspected: int = 0


class Doubt(StrEnum):
    """Why a difference may be the machine's rather than the code's."""

    FOREIGN = "foreign"
    SPEED = "speed"
    SWING = "swing"
    STEAL = "steal"


@dataclass(frozen=True, slots=True)
class Machine:
    """How the machines behaved; None where nobody looked. It explains verdicts and never makes one.

    `probe_ratio` is how much longer a fixed piece of work took on the head's machine than on the baseline's,
    `probe_swing` how much its slowest time exceeded its fastest while the head was measured, both as ratios. `steal`
    is the share of the CPU time wanted that the hypervisor gave to other machines. `doubts` are what of all this is
    out of the ordinary.
    """

    probe_ratio: float | None = None
    probe_swing: float | None = None
    steal: float | None = None
    doubts: tuple[Doubt, ...] = ()


@dataclass(frozen=True, slots=True)
class Subject:
    """What stood on one side: the commit and the environment, as far as known."""

    commit: str | None = None
    branch: str | None = None
    label: str | None = None
    environment: Environment | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict and everything it rests on; `comparisons` come worst first, and so do `services` as a whole.

    `minutes_saved` is the time of measuring that an early decision spared, None where none was. `resources` says what
    the additional time of the head's runs is spent on, and which limit is too tight. `removed` are benchmarks of the
    baseline that were removed on purpose.
    """

    mode: Mode
    summary: Summary
    comparisons: tuple[Comparison, ...]
    baseline: Subject
    head: Subject
    notes: tuple[Note | str, ...] = ()
    machine: Machine = Machine()
    minutes_saved: float | None = None
    services: tuple[ServiceComparison, ...] = ()
    resources: tuple[ResourceNote, ...] = ()
    removed: tuple[str, ...] = ()


class ReasonCode(StrEnum):
    """What decided a verdict, and which fields of the reason belong to it."""

    PROVEN = "proven"  # design, `waiver` where one covers it, independent
    SUSPECTED = "suspected"  # design
    ONE_NEW_RUN = "one-new-run"  # design; a single new run is not far enough beyond all stored ones
    ALIKE_PAIRS = "alike-pairs"  # design; suspected, since neighbouring pairs of the suite seem alike
    DRIFTING_BASELINE = "drifting-baseline"  # design; the stored runs drift, or a suspected change may be their drift
    NOISE_EXCEEDED = "noise-exceeded"  # design; several new runs are suspected: stored ones exceed the learned noise
    CODE_LAYOUT = "code-layout"  # design, margin: what code layout alone can change; count: builds that showed it
    SLOW_PATH = "slow-path"  # design, count: runs of the head that are far slower than the rest
    RULED_OUT = "ruled-out"  # design, ruled_out, pairs_beyond, missed_share
    UNDECIDED = "undecided"  # design, margin, weak
    COARSE_CLOCK = "coarse-clock"  # design; its values are whole ticks that are wider than their noise
    MOVED_WITH_SUITE = "moved-with-suite"  # design; suspected, since everything moved together
    APART_FROM_SUITE = "apart-from-suite"  # design; it did not move, or less, while everything else did
    DIRECTION_UNKNOWN = "direction-unknown"  # design; it changed, and nobody knows whether for the better
    NEW = "new"
    MISSING = "missing"
    SKIPPED = "skipped"  # text: what the suite said; the verdict is missing
    FAILED = "failed"  # text: what the suite said
    COMMAND_FAILED = "command-failed"  # text: how every run of the head failed
    UNUSABLE_ROUNDS = "unusable-rounds"  # count
    BELOW_CLOCK = "below-clock"
    UNIT_CHANGED = "unit-changed"  # before, text
    DIRECTION_CHANGED = "direction-changed"  # before, text
    BODY_CHANGED = "body-changed"
    FAILED_ON_BASE = "failed-on-base"  # text: how it failed there, or every run of the base that was measured with it
    OTHER_MACHINE = "other-machine"  # text: the CPU model of the head
    UNSTABLE_BASELINE = "unstable-baseline"  # spread
    LEVEL_CHANGED = "level-changed"  # count: runs since then
    CONFIRMED = "confirmed"  # design of the second measurement, again
    NOT_REPEATED = "not-repeated"  # design of the second measurement, again
    NOTHING_SUSTAINED = "nothing-sustained"
    TOO_FEW_RUNS = "too-few-runs"
    DRIFTING = "drifting"  # count: runs followed; seen_again
    STEPPED = "stepped"  # before: since what, text: the commit of the step; seen_again
    CREPT = "crept"  # before: since what, text: the commit it began with, count: steps; seen_again


@dataclass(frozen=True, slots=True)
class WaiverApplied:
    """The accepted ratio that covers a regression, and the reason somebody wrote down."""

    ceiling: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason; `ReasonCode` says which fields a code uses.

    `design` is how this comparison was measured. `margin` is the smallest badness ratio called a change, `ruled_out`
    the one that is ruled out, and `pairs_beyond` how many pairs lay beyond it where counting them decided. `spread` is
    the standard deviation of log values. `weak` marks runs that cannot show how far runs of the same code lie apart.
    `missed_share` is the share of the head's runs below which a slower path that only these take may be missed.
    `independent` marks pairs that prove it only if neighbouring ones are not alike, which so few cannot show.
    `again` is the second measurement. `text` and `before` may be somebody else's words and are data.
    """

    code: ReasonCode
    design: Mode | None = None
    margin: float | None = None
    ruled_out: float | None = None
    pairs_beyond: int | None = None
    missed_share: float | None = None
    spread: float | None = None
    independent: bool = False
    count: int | None = None
    weak: bool = False
    seen_again: bool = True
    before: str = ""
    text: str = ""
    waiver: WaiverApplied | None = None
    again: Comparison | None = None


class NoteCode(StrEnum):
    """What a reader must know about a comparison as a whole, and which numbers and names of the note belong to it."""

    SUITE_SHIFT = "suite-shift"  # numbers: the ratio
    LEARNED_NOISE = "learned-noise"  # numbers: comparisons, largest spread, its runs; names: its metric and benchmark
    OTHER_MACHINE = "other-machine"  # numbers: benchmarks; names: the CPU model of the head
    LEVEL_CHANGED = "level-changed"  # numbers: benchmarks
    CORRELATED_PAIRS = "correlated-pairs"  # numbers: the largest correlation, comparisons
    UNUSED_BUDGET = "unused-budget"  # names: key, service, and the name that nothing has
    UNUSED_TRADE_OFF = (
        "unused-trade-off"  # numbers: the ratio from which the metric alarms, if any; names: rule, service
    )
    UNUSED_QUORUM = "unused-quorum"  # names: service
    OTHER_SPEED = "other-speed"  # numbers: the ratio of the probe's times
    SAME_SPEED = "same-speed"  # numbers: the ratio of the probe's times
    SPEED_VARIES = "speed-varies"  # numbers: slowest over fastest probe, undecided comparisons
    CPU_STOLEN = "cpu-stolen"  # numbers: the share, undecided comparisons
    UNREACHABLE = "unreachable"  # numbers: benchmarks that the change cannot reach, all benchmarks
    CONTROL_FLOOR = "control-floor"  # numbers: controls that moved, the largest ratio, regressions within it
    FAILED_RUNS = "failed-runs"  # numbers: runs that failed, all, failed ones with values; names: side, how one failed
    ENVIRONMENT_DIFFERS = "environment-differs"  # names: the field, then its value at the baseline and at the head


@dataclass(frozen=True, slots=True)
class Note:
    """One note; `NoteCode` says what its numbers and names are. Names are data."""

    code: NoteCode
    numbers: tuple[float, ...] = ()
    names: tuple[str, ...] = ()
