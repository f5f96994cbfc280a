"""What CI systems read is well formed, says what the judgement says, and holds hostile names as text."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import jsonschema_rs
import pytest
from hypothesis import given, settings

from judgements import EXAMPLES, judgement, judgements, regression, row
from regress_action.model.comparisons import Outcome, Severity
from regress_action.model.measurements import Benchmark, Location
from regress_action.report import ci_formats

if TYPE_CHECKING:
    from regress_action.model.comparisons import Judgement

EVERYTHING = EXAMPLES["everything"]
HOSTILE = 'a]]>"<b>&\n::error::x\x1b[31m\\{}\u202e\ufffe'
_TEXT = {"type": "string", "minLength": 1}
_LINE = {"type": "integer", "minimum": 1}
CODE_QUALITY = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "severity", "location"],
        "properties": {
            "description": _TEXT,
            "check_name": _TEXT,
            "fingerprint": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "type": "object",
                "required": ["path", "lines"],
                "properties": {
                    "path": {"type": "string", "pattern": r"^(?!/|\.\./)"},
                    "lines": {"type": "object", "required": ["begin"], "properties": {"begin": _LINE}},
                },
            },
        },
    },
}
SARIF_RESULT = {
    "type": "object",
    "required": ["message", "ruleId", "ruleIndex", "level", "locations"],
    "properties": {
        "level": {"enum": ["none", "note", "warning", "error"]},
        "message": {"type": "object", "required": ["text"], "properties": {"text": _TEXT}},
        "ruleIndex": {"type": "integer", "minimum": 0, "maximum": 3},
        "locations": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["logicalLocations"],
                "properties": {
                    "physicalLocation": {
                        "properties": {
                            "artifactLocation": {"properties": {"uri": {"type": "string", "format": "uri-reference"}}},
                            "region": {"properties": {"startLine": _LINE}},
                        }
                    }
                },
            },
        },
    },
}
_SAMPLE = re.compile(
    r'(?P<name>[a-z_]+)\{(?P<labels>(?:[a-z]+="(?:[^"\\\n]|\\[\\n"])*",?)+)\} -?[0-9.]+(?:e[+-]?[0-9]+)?'
)


def hostile() -> Judgement:
    """Return a regression whose every name is hostile."""
    bad = regression(HOSTILE, 3.0, Severity.CRITICAL, reason=HOSTILE)
    benchmark = Benchmark(HOSTILE, HOSTILE, (), Location("../../etc/passwd", 1))
    return judgement(Outcome.FAIL, replace(bad, benchmark=benchmark))


def check_openmetrics(document: bytes) -> list[str]:
    """Return the samples after checking the order that OpenMetrics 1.0 asks for: TYPE, HELP, samples, EOF."""
    lines = document.decode().split("\n")
    assert lines[-2:] == ["# EOF", ""]
    name, samples = "", []
    for line in lines[:-2]:
        if line.startswith("# TYPE "):
            name = line.split()[2]
        elif line.startswith("# HELP "):
            assert line.split()[2] == name
        else:
            sample = _SAMPLE.fullmatch(line)
            assert sample is not None
            assert sample["name"] == name
            samples.append(line.rpartition(" ")[0])
    assert len(samples) == len(set(samples))
    return samples


def check_all(made: Judgement) -> None:
    """Parse every format by the rules of its reader."""
    ET.fromstring(ci_formats.junit(made))  # noqa: S314 - our own document
    log = json.loads(ci_formats.sarif(made))
    assert log["version"] == "2.1.0"
    for result in log["runs"][0]["results"]:
        jsonschema_rs.Draft202012Validator(SARIF_RESULT).validate(result)
    jsonschema_rs.Draft202012Validator(CODE_QUALITY).validate(json.loads(ci_formats.code_quality(made)))
    check_openmetrics(ci_formats.openmetrics(made))


def test_junit_counts_failures_errors_and_skipped_cases() -> None:
    """An alarm fails, a gap is an error, what is undecided or suspected is skipped, the rest passes."""
    [suite] = ET.fromstring(ci_formats.junit(EVERYTHING, "services"))  # noqa: S314 - our own document
    counts = [int(suite.attrib[key]) for key in ("tests", "failures", "errors", "skipped")]
    assert counts == [len(EVERYTHING.comparisons), 3, 2, 4]
    [critical] = [case for case in suite if case.attrib["name"] == "cache.evict"]
    assert critical[0].attrib == {"type": "critical", "message": "cache.evict is 3.1× slower (at least 3.0×)"}
    assert critical.attrib["time"] == "0.0038622"


def test_sarif_points_at_the_source() -> None:
    """A regression stands at its benchmark, with a level by its severity and a stable fingerprint."""
    results = json.loads(ci_formats.sarif(EVERYTHING))["runs"][0]["results"]
    first = results[0]
    assert (first["ruleId"], first["level"]) == ("regression", "error")
    place = first["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("benchmarks/test_cache.py", 42)
    assert {result["ruleId"] for result in results} == set(ci_formats._RULES)
    again = json.loads(ci_formats.sarif(EVERYTHING))["runs"][0]["results"][0]
    assert again["partialFingerprints"] == first["partialFingerprints"]


def test_code_quality_puts_what_has_no_place_into_the_settings_file() -> None:
    """GitLab refuses an entry without a path."""
    entries = json.loads(ci_formats.code_quality(EVERYTHING))
    assert [entry["severity"] for entry in entries[:2]] == ["critical", "major"]
    assert {entry["location"]["path"] for entry in entries} == {"benchmarks/test_cache.py", "regress.yml"}


def test_openmetrics_has_a_sample_per_known_number() -> None:
    """What is not a number is left out, and an alarm is 1."""
    made = judgement(Outcome.FAIL, regression("a", 3.0, Severity.CRITICAL), row("b", ratio=None))
    document = ci_formats.openmetrics(made).decode()
    assert document.count("\nregress_ratio{") == 1
    assert 'regress_alarm{benchmark="a",metric="time",unit="s",service="cache",verdict="regression"' in document
    assert 'severity="critical"} 1.0\n' in document
    check_openmetrics(document.encode())


@pytest.mark.parametrize("name", ci_formats.WRITERS)
def test_hostile_name_stays_text(name: str) -> None:
    """No name ends an element, an attribute, a string or a line, or leads out of the repository."""
    made = hostile()
    check_all(made)
    document = ci_formats.WRITERS[name](made).decode()
    assert not any(word in document for word in ("\x1b", "\u202e", "\ufffe", "/etc/passwd", "\n::error"))


@settings(max_examples=25)
@given(judgements(max_size=5))
def test_any_judgement_is_well_formed_in_every_format(made: Judgement) -> None:
    """Whatever stands in a judgement, its readers can read every format."""
    check_all(made)
