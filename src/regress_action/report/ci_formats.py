"""A judgement in the formats of CI systems: JUnit XML, SARIF, GitLab's Code Quality and metrics reports.

Names and reasons come from results files that a pull request can write, so all of them pass through `escaping` before
the writer of the format encodes them. What the readers ask for beyond the formats is held here as well: GitLab keeps
the first of equal names and fingerprints, and GitHub refuses a result without a line in a file.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote
from xml.etree import ElementTree as ET

from regress_action.model.comparisons import Severity, Verdict
from regress_action.model.escaping import NAME_LIMIT, plain
from regress_action.report import notes, phrases, reasons, text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from regress_action.model.comparisons import Comparison, Graded, Judgement, ServiceComparison
    from regress_action.model.measurements import Location

_SARIF_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_GAPS: Final = frozenset({Verdict.FAILED, Verdict.MISSING})
_UNDECIDED: Final = frozenset({Verdict.INCONCLUSIVE, Verdict.INCOMPARABLE, Verdict.UNSTABLE_BASELINE})
_RULES: Final = {
    "regression": "A benchmark became worse than its baseline by at least its threshold.",
    "suspected-regression": "A benchmark looks worse, and too few runs show it.",
    "over-budget": "A benchmark lies beyond its absolute limit.",
    "not-measured": "A benchmark of the baseline failed, was skipped or is missing.",
    "allowed-regression": "A benchmark became worse, and a trade-off of the thresholds file allows it.",
}
_HELP: Final = (
    "The report of the run has the interval, the number of runs and how to go on. "
    "`regress-action explain` says how the verdict came about."
)
_SARIF_LEVELS: Final = {Severity.CRITICAL: "error", Severity.MODERATE: "warning"}
_NO_PLACE: Final = ("regress.yml", 1)
"""Where a benchmark without a place in the sources is shown."""
_QUALITY_SEVERITIES: Final = {Severity.CRITICAL: "critical", Severity.MODERATE: "major", Severity.MINOR: "minor"}


def junit(judgement: Judgement, suite: str = "default") -> bytes:
    """Return JUnit XML with a test case per comparison.

    What alarms or is over budget is a failure, what failed or is missing an error, and what could not be decided or was
    removed on purpose is skipped.
    """
    root = ET.Element("testsuites")
    cases = [_case(row) for row in judgement.comparisons]
    cases += [_service_case(service) for service in judgement.services]
    cases += map(_removed_case, judgement.removed)
    _tell_apart(cases)
    counts = {
        "tests": len(cases),
        "failures": sum(case.find("failure") is not None for case in cases),
        "errors": sum(case.find("error") is not None for case in cases),
        "skipped": sum(case.find("skipped") is not None for case in cases),
    }
    attributes = {key: str(number) for key, number in counts.items()}
    element = ET.SubElement(root, "testsuite", {"name": f"regress-action {plain(suite, NAME_LIMIT)}", **attributes})
    element.extend(cases)
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _case(row: Comparison) -> ET.Element:
    """Return one test case; its time is the head's median where that is one."""
    attributes = {"classname": plain(row.benchmark.service or row.metric.name, NAME_LIMIT), "name": _name(row)}
    if row.metric.unit == "s" and row.head.median is not None and math.isfinite(row.head.median):
        attributes["time"] = f"{row.head.median:.9g}"
    case = ET.Element("testcase", attributes)
    if row.alarms or row.is_over_budget:
        kind, outcome = "failure", row.severity.value if row.alarms else "over-budget"
    elif row.verdict in _GAPS:
        kind, outcome = "error", row.state
    elif row.verdict in _UNDECIDED or row.is_suspected:
        ET.SubElement(case, "skipped", {"message": _message(row)})
        return case
    else:
        if row.is_traded:
            ET.SubElement(case, "system-out").text = _description(row)
        return case
    # GitLab shows the text and Jenkins both, so the text says everything.
    ET.SubElement(case, kind, {"type": outcome, "message": _message(row)}).text = _description(row)
    return case


def _service_case(service: ServiceComparison) -> ET.Element:
    """Return the test case of a service as a whole, which its benchmarks decide together."""
    case = ET.Element("testcase", {"classname": plain(service.service or "suite", NAME_LIMIT), "name": "as a whole"})
    message = phrases.as_text(phrases.service_change(service))
    if service.alarms:
        failure = ET.SubElement(case, "failure", {"type": service.severity.value, "message": message})
        failure.text = _service_description(service)
    elif service.is_suspected:
        ET.SubElement(case, "skipped", {"message": message})
    return case


def _removed_case(name: str) -> ET.Element:
    case = ET.Element("testcase", {"classname": "removed", "name": plain(name, NAME_LIMIT) or "(unnamed)"})
    ET.SubElement(case, "skipped", {"message": notes.removed_on_purpose([name])})
    return case


def _service_description(service: ServiceComparison) -> str:
    return f"{phrases.as_text(phrases.service_change(service))}: {phrases.service_evidence(service)}."


def _tell_apart(cases: list[ET.Element]) -> None:
    """Number the names of cases that are equal, as long names that were cut may be."""
    seen: Counter[tuple[str, str]] = Counter()
    for case in cases:
        key = case.attrib["classname"], case.attrib["name"]
        seen[key] += 1
        if seen[key] > 1:
            case.attrib["name"] += f" ({seen[key]})"


def sarif(judgement: Judgement) -> bytes:
    """Return SARIF 2.1.0 with a result for everything that alarms, is suspected, over budget or not measured."""
    rules = [
        {
            "id": rule,
            "shortDescription": {"text": rule.replace("-", " ").capitalize()},
            "fullDescription": {"text": words},
            "help": {"text": _HELP},
        }
        for rule, words in _RULES.items()
    ]
    results = [
        {
            "ruleId": problem.rule,
            "ruleIndex": list(_RULES).index(problem.rule),
            "level": _SARIF_LEVELS.get(problem.severity, "error" if problem.rule == "over-budget" else "note"),
            "message": {"text": problem.description},
            "locations": [_sarif_location(problem)],
            "partialFingerprints": {"regressAction/v1": problem.fingerprint},
        }
        for problem in _problems(judgement)
    ]
    driver = {"name": "regress-action", "rules": rules}
    run: dict[str, Any] = {"tool": {"driver": driver}, "results": results}
    if judgement.removed:  # no result: nothing is wrong with it
        note = {"level": "note", "message": {"text": notes.removed_on_purpose(judgement.removed)}}
        run["invocations"] = [{"executionSuccessful": True, "toolExecutionNotifications": [note]}]
    return _json({"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]})


def _sarif_location(problem: _Problem) -> dict[str, Any]:
    path, line = problem.place
    artifact = {"uri": quote(path), "uriBaseId": "%SRCROOT%"}
    return {
        "physicalLocation": {"artifactLocation": artifact, "region": {"startLine": line}},
        "logicalLocations": [{"fullyQualifiedName": problem.name, "kind": "function"}],
    }


def code_quality(judgement: Judgement) -> bytes:
    """Return GitLab's Code Quality report."""
    entries = [
        {
            "description": problem.description,
            "check_name": f"regress-action/{problem.rule}",
            "fingerprint": problem.fingerprint,
            "severity": _QUALITY_SEVERITIES.get(problem.severity, "major" if problem.rule == "over-budget" else "info"),
            "location": {"path": problem.place[0], "lines": {"begin": problem.place[1]}},
        }
        for problem in _problems(judgement)
    ]
    return _json(entries)


def openmetrics(judgement: Judgement) -> bytes:
    """Return the judgement as OpenMetrics text, which GitLab's metrics report reads as well.

    Labels say which benchmark and metric a number belongs to, and nothing that changes from run to run: GitLab and
    Prometheus follow a number by its labels.
    """
    families: Mapping[str, tuple[str, Callable[[Comparison], float | None]]] = {
        "regress_ratio": ("Badness ratio of head to baseline; 1.25 is 25 % worse.", lambda row: row.ratio),
        "regress_ratio_low": ("Lower end of the 95 % interval of the ratio.", lambda row: row.ratio_low),
        "regress_ratio_high": ("Upper end of the 95 % interval of the ratio.", lambda row: row.ratio_high),
        "regress_baseline": ("Median of the baseline in the unit of its label.", lambda row: row.baseline.median),
        "regress_head": ("Median of the head in the unit of its label.", lambda row: row.head.median),
        "regress_alarm": ("1 where a regression alarms, else 0.", lambda row: float(row.alarms)),
        "regress_over_budget": ("1 where the head is over its budget, else 0.", lambda row: float(row.is_over_budget)),
        "regress_allowed": ("1 where a trade-off allows a regression, else 0.", lambda row: float(row.is_traded)),
        "regress_not_measured": (
            "1 where a benchmark failed, was skipped or is missing, else 0.",
            lambda row: float(row.verdict in _GAPS),
        ),
        "regress_skipped": ("1 where the suite itself skipped it, else 0.", lambda row: float(row.skipped)),
    }
    rows = {_labels(row): row for row in reversed(judgement.comparisons)}  # of two with equal labels the worse one
    lines = []
    for name, (words, value_of) in families.items():
        lines += [f"# TYPE {name} gauge", f"# HELP {name} {words}"]
        for labels in reversed(rows):
            value = value_of(rows[labels])
            lines += [f"{name}{labels} {value!r}"] if value is not None and math.isfinite(value) else []
    services = {f'{{service="{_label(service.service or "")}"}}': service for service in judgement.services}
    for name, words in (
        ("regress_service_ratio", "Badness ratio of the benchmarks of a service as a whole."),
        ("regress_service_alarm", "1 where a service alarms as a whole, else 0."),
    ):
        lines += [f"# TYPE {name} gauge", f"# HELP {name} {words}"]
        for labels, service in services.items():
            lines.append(f"{name}{labels} {service.ratio if name.endswith('ratio') else float(service.alarms)!r}")
    if judgement.removed:
        lines += ["# TYPE regress_removed gauge", "# HELP regress_removed 1 where a benchmark was removed on purpose."]
        lines += [
            f'regress_removed{{benchmark="{name}"}} 1.0' for name in dict.fromkeys(map(_label, judgement.removed))
        ]
    return "\n".join([*lines, "# EOF", ""]).encode()


def _labels(row: Comparison) -> str:
    named = {
        "benchmark": row.benchmark.name,
        "metric": row.metric.name,
        "unit": row.metric.unit,
        "service": row.benchmark.service or "",
    }
    return "{" + ",".join(f'{key}="{_label(value)}"' for key, value in named.items()) + "}"


def _label(value: str) -> str:
    """Return the value of a label; GitLab takes what follows a `#` for a comment, also between quotes."""
    return plain(value, NAME_LIMIT).replace("#", "\uff03").replace("\\", "\\\\").replace('"', '\\"')


@dataclass(frozen=True, slots=True)
class _Problem:
    """What somebody must look at: the rule that is broken, by what, and where that stands."""

    rule: str
    severity: Severity
    name: str
    description: str
    place: tuple[str, int]
    fingerprint: str


def _problems(judgement: Judgement) -> list[_Problem]:
    """Return what is wrong, worst first, and services as a whole last; one comparison may break two rules."""
    problems: list[_Problem] = []
    for row in judgement.comparisons:
        rules = ["over-budget"] if row.is_over_budget else []
        if row.reaches_threshold:
            rules.append("regression" if row.alarms else "suspected-regression")
        elif row.verdict in _GAPS:
            rules.append("not-measured")
        elif row.is_traded:
            rules.append("allowed-regression")
        for rule in rules:
            key = (rule, row.benchmark.service or "", row.benchmark.name, row.metric.name)
            severity, place = _severity(row, rule), _place(row.benchmark.location)
            problems.append(_Problem(rule, severity, _name(row), _description(row), place, _fingerprint(*key)))
    for service in judgement.services:
        if service.reaches_threshold:
            rule = "regression" if service.alarms else "suspected-regression"
            name, description = phrases.as_text(phrases.service_name(service)), _service_description(service)
            mark = _fingerprint(rule, service.service or "")
            problems.append(_Problem(rule, _severity(service, rule), name, description, _NO_PLACE, mark))
    return problems


def _severity(compared: Graded, rule: str) -> Severity:
    """Return how bad it is: what is only suspected is no error, which may fail a check of code scanning."""
    return min(compared.severity, Severity.MODERATE) if rule == "suspected-regression" else compared.severity


def _name(row: Comparison) -> str:
    return phrases.as_text(phrases.subject(row), NAME_LIMIT) or "(unnamed)"


def _message(row: Comparison) -> str:
    """Return one line that names the benchmark and what is the matter with it."""
    if row.is_over_budget and not row.alarms:
        return phrases.as_text(phrases.budget(row), NAME_LIMIT)
    if row.verdict in _GAPS or row.verdict in _UNDECIDED:
        return f"{_name(row)}: {row.state}"
    return text.finding(row)


def _description(row: Comparison) -> str:
    """Return what is the matter and why; a name makes no link of it, as SARIF's messages have them."""
    return f"{_message(row)}. {plain(reasons.sentence(row))}".strip().replace("](", "] (")


def _place(location: Location | None) -> tuple[str, int]:
    """Return path and line inside the repository, those of the settings for a path that leads out of it or is none."""
    if location is None:
        return _NO_PLACE
    path = PurePosixPath(plain(location.path, NAME_LIMIT))
    if not path.parts or path.is_absolute() or ".." in path.parts or ":" in path.parts[0] or "\\" in str(path):
        return _NO_PLACE
    return str(path), max(1, location.line)


def _fingerprint(*key: str) -> str:
    """Return 64 digits that stay the same while the same thing breaks the same rule."""
    return hashlib.sha256("\x1f".join(key).encode(errors="replace")).hexdigest()


def _json(content: object) -> bytes:
    return json.dumps(content, indent=2, ensure_ascii=False).encode(errors="replace") + b"\n"


WRITERS: Final[Mapping[str, Callable[[Judgement], bytes]]] = {
    "junit": junit,
    "sarif": sarif,
    "code-quality": code_quality,
    "openmetrics": openmetrics,
}
