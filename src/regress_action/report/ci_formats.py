"""A judgement in the formats of CI systems: JUnit XML, SARIF, GitLab's Code Quality and metrics reports.

Names and reasons come from results files that a pull request can write, so all of them pass through `escaping` before
the writer of the format encodes them.
"""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote
from xml.etree import ElementTree as ET

from regress_action.model.comparisons import Severity, Verdict
from regress_action.model.escaping import NAME_LIMIT, plain
from regress_action.report import phrases, reasons, text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from regress_action.model.comparisons import Comparison, Judgement
    from regress_action.model.measurements import Location

_SARIF_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_GAPS: Final = frozenset({Verdict.FAILED, Verdict.MISSING})
_UNDECIDED: Final = frozenset({Verdict.INCONCLUSIVE, Verdict.INCOMPARABLE, Verdict.UNSTABLE_BASELINE})
_RULES: Final = {
    "regression": "A benchmark became worse than its baseline by at least its threshold.",
    "suspected-regression": "A benchmark looks worse, and too few runs show it.",
    "over-budget": "A benchmark lies beyond its absolute limit.",
    "not-measured": "A benchmark of the baseline failed or is missing.",
}
_SARIF_LEVELS: Final = {Severity.CRITICAL: "error", Severity.MODERATE: "warning"}
_QUALITY_SEVERITIES: Final = {Severity.CRITICAL: "critical", Severity.MODERATE: "major", Severity.MINOR: "minor"}


def junit(judgement: Judgement, suite: str = "default") -> bytes:
    """Return JUnit XML with a test case per comparison.

    What alarms or is over budget is a failure, what failed or is missing an error, and what could not be decided is
    skipped.
    """
    root = ET.Element("testsuites")
    cases = [_case(row) for row in judgement.comparisons]
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
        kind, outcome = "error", row.verdict.value
    elif row.verdict in _UNDECIDED or row.is_suspected:
        ET.SubElement(case, "skipped", {"message": _message(row)})
        return case
    else:
        return case
    ET.SubElement(case, kind, {"type": outcome, "message": _message(row)}).text = _reason(row)
    return case


def sarif(judgement: Judgement) -> bytes:
    """Return SARIF 2.1.0 with a result for everything that alarms, is suspected, over budget or not measured."""
    rules = [{"id": rule, "shortDescription": {"text": words}} for rule, words in _RULES.items()]
    results = [
        {
            "ruleId": rule,
            "ruleIndex": list(_RULES).index(rule),
            "level": _SARIF_LEVELS.get(row.severity, "error" if rule == "over-budget" else "note"),
            "message": {"text": f"{_message(row)}. {_reason(row)}"},
            "locations": [_sarif_location(row)],
            "partialFingerprints": {"regressAction/v1": _fingerprint(row, rule)},
        }
        for row, rule in _problems(judgement)
    ]
    driver = {"name": "regress-action", "rules": rules}
    log = {"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": results}]}
    return _json(log)


def _sarif_location(row: Comparison) -> dict[str, Any]:
    location: dict[str, Any] = {"logicalLocations": [{"fullyQualifiedName": _name(row), "kind": "function"}]}
    if (place := _place(row.benchmark.location)) is not None:
        path, line = place
        artifact = {"uri": quote(path), "uriBaseId": "%SRCROOT%"}
        location["physicalLocation"] = {"artifactLocation": artifact, "region": {"startLine": line}}
    return location


def code_quality(judgement: Judgement, *, elsewhere: str = "regress.yml") -> bytes:
    """Return GitLab's Code Quality report; what has no place in the sources is put at the first line of `elsewhere`."""
    entries = []
    for row, rule in _problems(judgement):
        path, line = _place(row.benchmark.location) or (elsewhere, 1)
        entries.append(
            {
                "description": f"{_message(row)}. {_reason(row)}",
                "check_name": f"regress-action/{rule}",
                "fingerprint": _fingerprint(row, rule),
                "severity": _QUALITY_SEVERITIES.get(row.severity, "major" if rule == "over-budget" else "info"),
                "location": {"path": path, "lines": {"begin": line}},
            }
        )
    return _json(entries)


def openmetrics(judgement: Judgement) -> bytes:
    """Return the judgement as OpenMetrics text, which GitLab's metrics report reads as well."""
    families: Mapping[str, tuple[str, Callable[[Comparison], float | None]]] = {
        "regress_ratio": ("Badness ratio of head to baseline; 1.25 is 25 % worse.", lambda row: row.ratio),
        "regress_ratio_low": ("Lower end of the 95 % interval of the ratio.", lambda row: row.ratio_low),
        "regress_ratio_high": ("Upper end of the 95 % interval of the ratio.", lambda row: row.ratio_high),
        "regress_baseline": ("Median of the baseline in the unit of its label.", lambda row: row.baseline.median),
        "regress_head": ("Median of the head in the unit of its label.", lambda row: row.head.median),
        "regress_alarm": ("1 where a regression alarms, else 0.", lambda row: float(row.alarms)),
    }
    rows = {_labels(row): row for row in reversed(judgement.comparisons)}  # of two with equal labels the worse one
    lines = []
    for name, (words, value_of) in families.items():
        lines += [f"# TYPE {name} gauge", f"# HELP {name} {words}"]
        for labels in reversed(rows):
            value = value_of(rows[labels])
            lines += [f"{name}{labels} {value!r}"] if value is not None and math.isfinite(value) else []
    return "\n".join([*lines, "# EOF", ""]).encode()


def _labels(row: Comparison) -> str:
    named = {
        "benchmark": row.benchmark.name,
        "metric": row.metric.name,
        "unit": row.metric.unit,
        "service": row.benchmark.service or "",
        "verdict": row.verdict.value,
        "severity": row.severity.value,
    }
    return "{" + ",".join(f'{key}="{_label(value)}"' for key, value in named.items()) + "}"


def _label(value: str) -> str:
    return plain(value, NAME_LIMIT).replace("\\", "\\\\").replace('"', '\\"')


def _problems(judgement: Judgement) -> list[tuple[Comparison, str]]:
    """Return what somebody must look at, worst first, with the rule it breaks; one comparison may break two."""
    problems: list[tuple[Comparison, str]] = []
    for row in judgement.comparisons:
        if row.is_over_budget:
            problems.append((row, "over-budget"))
        if row.reaches_threshold:
            problems.append((row, "regression" if row.alarms else "suspected-regression"))
        elif row.verdict in _GAPS:
            problems.append((row, "not-measured"))
    return problems


def _name(row: Comparison) -> str:
    return phrases.as_text(phrases.subject(row), NAME_LIMIT) or "(unnamed)"


def _message(row: Comparison) -> str:
    """Return one line that names the benchmark and what is the matter with it."""
    if row.is_over_budget and not row.alarms:
        return phrases.as_text(phrases.budget(row), NAME_LIMIT)
    if row.verdict in _GAPS or row.verdict in _UNDECIDED:
        return f"{_name(row)}: {row.verdict.value}"
    return text.finding(row)


def _reason(row: Comparison) -> str:
    return plain(reasons.sentence(row))


def _place(location: Location | None) -> tuple[str, int] | None:
    """Return path and line inside the repository, None for a path that leads out of it or is none."""
    if location is None:
        return None
    path = PurePosixPath(plain(location.path, NAME_LIMIT))
    if not path.parts or path.is_absolute() or ".." in path.parts or ":" in path.parts[0] or "\\" in str(path):
        return None
    return str(path), max(1, location.line)


def _fingerprint(row: Comparison, rule: str) -> str:
    """Return 64 digits that stay the same while the same metric of the same benchmark breaks the same rule."""
    key = f"{rule}\x1f{row.benchmark.name}\x1f{row.metric.name}"
    return hashlib.sha256(key.encode(errors="replace")).hexdigest()


def _json(content: object) -> bytes:
    return json.dumps(content, indent=2, ensure_ascii=False).encode(errors="replace") + b"\n"


WRITERS: Final[Mapping[str, Callable[[Judgement], bytes]]] = {
    "junit": junit,
    "sarif": sarif,
    "code-quality": code_quality,
    "openmetrics": openmetrics,
}
