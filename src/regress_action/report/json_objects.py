"""The shapes of the JSON that `compare` and `trend` write, from which their JSON Schemas are generated.

Later releases may add keys and never change the meaning of one. Numbers that JSON cannot hold are null. The same
shapes check what is read back, which anybody may have edited: text is cut, lists and numbers are bounded.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, NotRequired

from pydantic import AfterValidator, Field, Strict
from typing_extensions import TypedDict

from regress_action.model.comparisons import BudgetState, Doubt, Mode, Outcome, Severity, TradeOffState, Verdict
from regress_action.model.measurements import Direction

SCHEMA: Final = 1
LONGEST_LIST: Final = 100_000
LONGEST_TEXT: Final = 20_000

Text = Annotated[str, Strict(), AfterValidator(lambda text: text[:LONGEST_TEXT])]
Number = Annotated[float, Strict(), Field(allow_inf_nan=False)]
Count = Annotated[int, Strict(), Field(ge=0, lt=2**53)]
Flag = Annotated[bool, Strict()]


class SideObject(TypedDict):
    """One side of a comparison."""

    runs: Annotated[Count, Field(description="Independent runs, the unit of evidence.")]
    median: Annotated[Number | None, Field(description="Median of the runs, in the metric's unit.")]


class NoiseObject(TypedDict):
    """How far neighbouring runs of a history longer than the baseline lie apart."""

    spread: Annotated[Number, Field(description="Standard deviation of the logarithm of one run.")]
    runs: Annotated[Count, Field(description="The runs that showed it.")]


class PairNoiseObject(TypedDict):
    """Two standard deviations of the logarithm of one pair's ratio; their squares add up."""

    between: Annotated[Number, Field(description="Between processes of the same code; only more pairs average it out.")]
    within: Annotated[Number, Field(description="From the rounds in them; more or longer rounds average it out.")]


class BudgetObject(TypedDict):
    """An absolute limit in the metric's unit, and where the interval of the head lies."""

    key: Annotated[Text, Field(description="The key of the thresholds file, such as cache_get_ms.")]
    limit: Number | None
    low: Number | None
    high: Number | None
    state: BudgetState


class LocationObject(TypedDict):
    """Where a benchmark is defined: a path within the repository and a line from 1."""

    path: Text
    line: Count


class EnvironmentObject(TypedDict):
    """The machine that a side was measured on."""

    runner: Text
    os: Text
    cpu: Text
    cores: Count
    memory: Text
    runtime: Text
    toolchain: Annotated[
        NotRequired[Text], Field(description="What the suite runs in or is compiled with; absent where unknown.")
    ]


class SubjectObject(TypedDict):
    """What stood on one side."""

    commit: Text | None
    branch: Text | None
    label: Text | None
    environment: Annotated[EnvironmentObject | None, Field(description="Null when unknown.")]


class MachineObject(TypedDict):
    """How the machines behaved, null where that was not recorded. It explains verdicts and never makes one."""

    probe_ratio: Annotated[
        NotRequired[Number | None],
        Field(description="Time of a fixed piece of work on the head's machine over that on the baseline's."),
    ]
    probe_swing: Annotated[
        NotRequired[Number | None],
        Field(description="Its slowest time over its fastest while the head was measured."),
    ]
    steal: Annotated[
        NotRequired[Number | None],
        Field(description="Share of the CPU time wanted that the hypervisor gave to other machines."),
    ]
    doubts: Annotated[
        NotRequired[list[Doubt]],
        Field(max_length=LONGEST_LIST, description="What of this is out of the ordinary."),
    ]


class SummaryObject(TypedDict):
    """The verdict over the suite, and the counts behind it."""

    verdict: Outcome
    regressions: Annotated[Count, Field(description="All that are worse: proven, suspected, or below the threshold.")]
    suspected: Annotated[NotRequired[Count], Field(description="How many of these would alarm, were they proven.")]
    improvements: Count
    inconclusive: Count
    missing: Count
    geomean_ratio: Annotated[Number | None, Field(description="Geometric mean of the ratios of times.")]
    environment_shift: Annotated[
        Number | None, Field(description="The ratio by which everything moved at once, null if nothing did.")
    ]


class CauseObject(TypedDict):
    """What profiles of both sides say about a regression."""

    paragraph: Annotated[Text, Field(description="What got slower, by how much, where, and what was ruled out.")]
    location: Annotated[LocationObject | None, Field(description="The changed line that explains most of it.")]
    function: Text | None
    share: Annotated[Number | None, Field(description="The part of the difference that the line explains.")]
    flame_graph: Annotated[Text | None, Field(description="The file with the flame graph of the difference.")]


class TradeOffObject(TypedDict):
    """A rule of the thresholds file that is about a regression: what it allows for which improvement."""

    rule: Annotated[Text, Field(description="As written.")]
    ceiling: Annotated[Number, Field(description="The badness ratio of this metric that it allows.")]
    metric: Annotated[Text, Field(description="The metric that has to be better.")]
    unit: Text
    direction: Direction
    of_service: Annotated[Flag, Field(description="True: the time of the whole service has to be better.")]
    needed: Annotated[Number, Field(description="The badness ratio that its whole interval has to be at or below.")]
    ratio: Annotated[Number | None, Field(description="Where it is; null where it was not compared.")]
    ratio_low: Number | None
    ratio_high: Number | None
    state: Annotated[TradeOffState, Field(description="holds: the regression is allowed, and its severity is slight.")]


class ResourceObject(TypedDict):
    """What the head's runs spend their additional time on, or a limit that is too tight for them."""

    kind: Annotated[Text, Field(description="Such as computing, disk, lock, sleep, throttled, page faults.")]
    paragraph: Annotated[Text, Field(description="The figures behind it, and what to do.")]


class ComparisonObject(TypedDict):
    """One benchmark × metric, baseline against head."""

    benchmark: Annotated[Text, Field(description="The identity under which both sides were matched.")]
    service: Annotated[Text | None, Field(description="The group whose thresholds apply.")]
    parameters: Annotated[dict[Text, Text], Field(description="For display.")]
    metric: Annotated[Text, Field(description="What was measured, such as time or peak_memory.")]
    unit: Annotated[Text, Field(description="Base unit: s, B, 1/s, B/s, count, ratio, or the producer's own.")]
    direction: Annotated[Direction, Field(description="Which way is better.")]
    exact: Annotated[Flag, Field(description="Whether the metric has no noise, such as an instruction count.")]
    signed: Annotated[Flag, Field(description="Whether the metric may be zero or negative and has no ratio.")]
    baseline: SideObject
    head: SideObject
    ratio: Annotated[
        Number | None, Field(description="Badness ratio: 1.25 is 25 % worse, whichever direction the metric has.")
    ]
    ratio_low: Annotated[Number | None, Field(description="Lower end of the 95 % interval of the ratio.")]
    ratio_high: Annotated[Number | None, Field(description="Upper end of the 95 % interval of the ratio.")]
    difference: Annotated[
        Number | None,
        Field(description="Head minus baseline in the metric's unit, positive is worse; for metrics without a ratio."),
    ]
    p_value: Annotated[Number | None, Field(description="Two-sided, on independent runs.")]
    q_value: Annotated[
        Number | None, Field(description="The p-value after Benjamini-Hochberg over all comparisons of the metric.")
    ]
    threshold: Annotated[Number | None, Field(description="The ratio from which a proven change alarms.")]
    minimum_detectable_ratio: Annotated[
        Number | None, Field(description="The smallest ratio this comparison would have found with 80 % power.")
    ]
    verdict: Verdict
    severity: Severity
    confirmed: Annotated[
        Flag | None,
        Field(description="True: a second measurement agreed; false: only suspected; null: measured once, and proven."),
    ]
    runs_needed: Annotated[
        Count | None, Field(description="Runs per side that would decide an inconclusive comparison.")
    ]
    noise: NotRequired[NoiseObject | None]
    pair_noise: Annotated[
        NotRequired[PairNoiseObject | None], Field(description="Null without pairs, or where rounds are unknown.")
    ]
    reason: Annotated[Text, Field(description="One sentence or two for people.")]
    budget: BudgetObject | None
    location: LocationObject | None
    cause: NotRequired[CauseObject | None]
    unreachable: Annotated[
        NotRequired[Flag],
        Field(description="True: it executes nothing that the diff changes, which cannot be its cause."),
    ]
    trade_off: Annotated[
        NotRequired[TradeOffObject | None],
        Field(description="Null where no trade-off is about it, or it does not alarm."),
    ]
    skipped: Annotated[
        NotRequired[Flag], Field(description="True: the verdict is missing because the suite itself skipped it.")
    ]


class ServiceObject(TypedDict):
    """The typical time of a service, baseline against head."""

    service: Annotated[Text | None, Field(description="Null for the benchmarks that belong to none.")]
    mode: Annotated[Mode, Field(description="How it was measured.")]
    benchmarks: Annotated[Count, Field(description="Benchmarks whose times were compared together.")]
    runs: Annotated[Count, Field(description="Pairs, or stored and new runs: the unit of evidence.")]
    ratio: Annotated[Number, Field(description="Geometric mean of the middle half of the ratios; 1.25 is 25 % worse.")]
    ratio_low: Annotated[Number, Field(description="Lower end of its 95 % interval.")]
    ratio_high: Annotated[Number, Field(description="Upper end of its 95 % interval.")]
    p_value: Annotated[Number, Field(description="Two-sided, on pairs or runs and not on benchmarks.")]
    threshold: Annotated[Number, Field(description="The ratio from which it alarms.")]
    verdict: Verdict
    severity: Severity
    confirmed: Annotated[Flag | None, Field(description="As for a comparison.")]
    leaning: Annotated[
        NotRequired[Count | None], Field(description="Benchmarks of it that lean to the worse by themselves.")
    ]
    quorum: Annotated[
        NotRequired[Count | None],
        Field(
            description="How many have to lean so for a proven regression to alarm below the threshold; null if unset."
        ),
    ]


class JudgementObject(TypedDict):
    """What `regress-action compare --json` and `detect --json` write. Ignore keys that you do not know."""

    schema: Literal[1]
    suite: NotRequired[Text | None]
    mode: Annotated[Mode, Field(description="The design of the comparison, strongest first.")]
    summary: SummaryObject
    baseline: SubjectObject
    head: SubjectObject
    machine: NotRequired[MachineObject]
    minutes_saved: Annotated[
        NotRequired[Number | None],
        Field(description="Minutes of measuring that early decisions spared, null if none did."),
    ]
    notes: Annotated[
        list[Text], Field(max_length=LONGEST_LIST, description="Sentences about the comparison as a whole.")
    ]
    elsewhere: Annotated[
        NotRequired[Text | None],
        Field(description="The sentence that suggests to measure again on another machine, null if there is no need."),
    ]
    services: Annotated[
        NotRequired[list[ServiceObject]],
        Field(max_length=LONGEST_LIST, description="Each service as a whole, worst first."),
    ]
    resources: Annotated[
        NotRequired[list[ResourceObject]],
        Field(max_length=LONGEST_LIST, description="What the monitor of the runs shows; empty if nothing to say."),
    ]
    comparisons: Annotated[list[ComparisonObject], Field(max_length=LONGEST_LIST, description="Worst first.")]


class ChangePointObject(TypedDict):
    """Where the level of a series changed."""

    index: Annotated[Count, Field(description="The first run of the new level, from 0.")]
    commit: Text | None
    time: Text | None
    ratio: Annotated[
        Number | None, Field(description="Badness ratio of the new level to the old one; 1.3 is 30 % worse.")
    ]
    difference: Annotated[Number | None, Field(description="New level minus old level, in the metric's unit.")]
    p_value: Number | None
    settled: Annotated[Flag, Field(description="Whether enough runs followed to be sure.")]
    clear: NotRequired[
        Annotated[Flag, Field(description="Whether it is more than noise makes in the life of a history.")]
    ]


class SeriesObject(TypedDict):
    """One benchmark × metric of one environment, followed along time."""

    name: Text
    service: NotRequired[Text | None]
    metric: NotRequired[Text]
    unit: Text
    suite: NotRequired[Text | None]
    environment: NotRequired[Annotated[Text | None, Field(description="The fingerprint of the machine.")]]
    points: Annotated[Count, Field(description="Runs in the series.")]
    direction: Annotated[
        Literal["degrading", "improving", "stable", "step", "unknown"],
        Field(description="Where the last runs go; step: stable but for a change point among them."),
    ]
    correlation: Annotated[Number | None, Field(description="Spearman's, of badness and time; positive degrades.")]
    p_value: Number | None
    drift: Annotated[Number | None, Field(description="Change over the last runs; 0.1 is 10 % worse.")]
    recent: NotRequired[
        Annotated[list[Number], Field(description="The newest values in the unit.", max_length=LONGEST_LIST)]
    ]
    change_points: Annotated[list[ChangePointObject], Field(max_length=LONGEST_LIST)]


class DriftStepObject(TypedDict):
    """One change that contributed to a drift."""

    commit: Text | None
    ratio: Number


class DriftSinceObject(TypedDict):
    """How much worse a series became since a commit, and by which steps; ratios are badness ratios."""

    commit: Text | None
    time: Text | None
    ratio: Number
    ratio_low: Number
    ratio_high: Number
    unexplained: Annotated[Number, Field(description="What the steps do not explain, as a ratio.")]
    changes: Annotated[list[DriftStepObject], Field(max_length=LONGEST_LIST)]


class CumulativeDriftObject(TypedDict):
    """What crept into one series since the last release and since its best level."""

    name: Text
    metric: Text
    since_release: DriftSinceObject | None
    since_best: DriftSinceObject | None


class TrendAlertObject(TypedDict):
    """A series that is worse for good."""

    name: Text
    metric: Text
    severity: Severity
    ratio: Number | None
    threshold: Number | None
    reason: Text


class TrendObject(TypedDict):
    """What `regress-action trend --json` writes. Ignore keys that you do not know."""

    schema: Literal[1]
    series: Annotated[list[SeriesObject], Field(max_length=LONGEST_LIST)]
    creep: NotRequired[list[CumulativeDriftObject]]
    alerts: NotRequired[list[TrendAlertObject]]
