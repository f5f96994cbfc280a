"""What CI systems read is well formed, says what the judgement says, and holds hostile names as text."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import jsonschema_rs
import pytest
from hypothesis import given, settings

from judgements import EXAMPLES, judgement, judgements, regression, row
from regress_action.model.comparisons import Outcome, Severity, Verdict
from regress_action.model.measurements import Benchmark, Location
from regress_action.report import ci_formats

if TYPE_CHECKING:
    from regress_action.model.comparisons import Judgement

EVERYTHING = EXAMPLES["everything"]
HOSTILE = 'a]]>"<b>&\n::error::x\x1b[31m\\{}\u202e\ufffe'
NAMES = (
    HOSTILE,
    "naïve 日本語 🎉",
    "line\nbreak\r\nand\ttab",
    "<script>alert(1)</script>",
    "x" * 10_000,
    "x" * 5_000 + "y" + "x" * 4_999,  # the same as the one before where the middle is cut out
    "",
    "\x00\x01\x1f\x7f\x85\u2028",
    'it\'s "quoted"\\',
    "test#1 # no comment",
    "[a link](https://example.org)",
    "{0} {1}",
    "\ud800",
    'a,b="c"}',
    "\\n",
)
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
_MESSAGE = {
    "type": "object",
    "required": ["text"],
    "additionalProperties": False,
    "properties": {"text": {**_TEXT, "not": {"pattern": r"\]\("}}},
}
_RULE = {
    "type": "object",
    "required": ["id", "shortDescription", "fullDescription", "help"],
    "additionalProperties": False,
    "properties": {"id": _TEXT, "shortDescription": _MESSAGE, "fullDescription": _MESSAGE, "help": _MESSAGE},
}
_SARIF_LOCATION = {
    "type": "object",
    "required": ["physicalLocation", "logicalLocations"],
    "additionalProperties": False,
    "properties": {
        "physicalLocation": {
            "type": "object",
            "required": ["artifactLocation", "region"],
            "additionalProperties": False,
            "properties": {
                "artifactLocation": {
                    "type": "object",
                    "required": ["uri"],
                    "additionalProperties": False,
                    "properties": {
                        "uri": {"type": "string", "format": "uri-reference", "pattern": r"^(?!/|\.\./)"},
                        "uriBaseId": {"const": "%SRCROOT%"},
                    },
                },
                "region": {
                    "type": "object",
                    "required": ["startLine"],
                    "additionalProperties": False,
                    "properties": {"startLine": _LINE},
                },
            },
        },
        "logicalLocations": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "properties": {"fullyQualifiedName": {"type": "string"}, "kind": {"type": "string"}},
            },
        },
    },
}
_NOTIFICATION = {
    "type": "object",
    "required": ["message"],
    "additionalProperties": False,
    "properties": {"message": _MESSAGE, "level": {"enum": ["none", "note", "warning", "error"]}},
}
_INVOCATION = {
    "type": "object",
    "required": ["executionSuccessful"],
    "additionalProperties": False,
    "properties": {
        "executionSuccessful": {"type": "boolean"},
        "toolExecutionNotifications": {"type": "array", "items": _NOTIFICATION},
    },
}
SARIF = {
    "type": "object",
    "required": ["version", "runs"],
    "additionalProperties": False,
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["tool", "results"],
                "additionalProperties": False,
                "properties": {
                    "tool": {
                        "type": "object",
                        "required": ["driver"],
                        "additionalProperties": False,
                        "properties": {
                            "driver": {
                                "type": "object",
                                "required": ["name", "rules"],
                                "additionalProperties": False,
                                "properties": {
                                    "name": _TEXT,
                                    "rules": {"type": "array", "uniqueItems": True, "items": _RULE},
                                },
                            }
                        },
                    },
                    "invocations": {"type": "array", "items": _INVOCATION},
                    "results": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["message", "ruleId", "ruleIndex", "level", "locations"],
                            "additionalProperties": False,
                            "properties": {
                                "ruleId": _TEXT,
                                "ruleIndex": {"type": "integer", "minimum": 0, "maximum": 4},
                                "level": {"enum": ["none", "note", "warning", "error"]},
                                "message": _MESSAGE,
                                "locations": {"type": "array", "minItems": 1, "items": _SARIF_LOCATION},
                                "partialFingerprints": {
                                    "type": "object",
                                    "additionalProperties": {"type": "string"},
                                },
                            },
                        },
                    },
                },
            },
        },
    },
}
"""What SARIF 2.1.0 allows of the properties that are written, and what GitHub's code scanning asks for besides."""
_SUITE = (
    {"name", "tests", "failures", "errors"},
    {"skipped", "time", "timestamp", "hostname", "id", "package", "file"},
)
_OUTCOME: tuple[set[str], set[str]] = (set(), {"type", "message"})
JUNIT = {
    "testsuites": (set(), {"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": (*_SUITE, {"testcase", "properties", "system-out", "system-err"}),
    "testcase": ({"name"}, {"classname", "time", "group"}, {"failure", "error", "skipped", "system-out", "system-err"}),
    "failure": (*_OUTCOME, set()),
    "error": (*_OUTCOME, set()),
    "skipped": (*_OUTCOME, set()),
    "system-out": (set(), set(), set()),
}
"""Of each element that Jenkins' schema knows: the attributes it must have, those it may have, and what it may hold."""
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


def check_junit(document: bytes) -> None:
    """Check elements and attributes, that counts are true, and that no two cases have one name, as GitLab asks."""
    root = ET.fromstring(document)  # noqa: S314 - our own document
    assert root.tag == "testsuites"
    for element in root.iter():
        required, optional, children = JUNIT[element.tag]
        assert required <= element.attrib.keys() <= required | optional
        assert {child.tag for child in element} <= children
    for suite in root:
        cases = list(suite.iter("testcase"))
        assert int(suite.attrib["tests"]) == len(cases)
        for kind, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(suite.attrib[kind]) == len(list(suite.iter(tag)))
        names = [(case.attrib["classname"], case.attrib["name"]) for case in cases]
        assert len(names) == len(set(names))


def check_metrics_report(document: bytes) -> None:
    """Read the lines as GitLab does: what follows a `#` is a comment, and the rest are words as in a shell."""
    for line in document.decode().splitlines():
        if words := shlex.split(re.sub(r"#.*$", "", line)):
            name, value = words
            assert name
            float(value)


def check_code_quality(document: bytes) -> None:
    """Check what GitLab documents, and that it can tell all entries apart."""
    entries = json.loads(document)
    jsonschema_rs.Draft202012Validator(CODE_QUALITY).validate(entries)
    assert len({entry["fingerprint"] for entry in entries}) == len(entries)


def check_all(made: Judgement, *, distinct: bool = True) -> None:
    """Parse every format by the rules of its reader; entries can be told apart where their benchmarks can."""
    check_junit(ci_formats.junit(made))
    jsonschema_rs.Draft202012Validator(SARIF).validate(json.loads(ci_formats.sarif(made)))
    if distinct:
        check_code_quality(ci_formats.code_quality(made))
    check_openmetrics(ci_formats.openmetrics(made))
    check_metrics_report(ci_formats.openmetrics(made))


def test_junit_counts_failures_errors_and_skipped_cases() -> None:
    """An alarm fails, a gap is an error, what is undecided or suspected is skipped, the rest passes."""
    [suite] = ET.fromstring(ci_formats.junit(EVERYTHING, "services"))  # noqa: S314 - our own document
    counts = [int(suite.attrib[key]) for key in ("tests", "failures", "errors", "skipped")]
    assert counts == [len(EVERYTHING.comparisons), 3, 2, 4]
    [critical] = [case for case in suite if case.attrib["name"] == "cache.evict"]
    assert critical[0].attrib == {"type": "critical", "message": "cache.evict is 3.1× slower (at least 3.0×)"}
    assert (critical[0].text or "").startswith("cache.evict is 3.1× slower (at least 3.0×). Every one of 10 pairs")
    assert critical.attrib["time"] == "0.0038622"


def test_what_is_only_suspected_is_no_error() -> None:
    """It fails no gate, and code scanning fails where there is an error."""
    suspected = judgement(Outcome.WARN, regression("cache.evict", 3.1, Severity.CRITICAL, confirmed=False))
    [result] = json.loads(ci_formats.sarif(suspected))["runs"][0]["results"]
    [entry] = json.loads(ci_formats.code_quality(suspected))

    assert (result["ruleId"], result["level"]) == ("suspected-regression", "warning")
    assert entry["severity"] == "major"


def test_sarif_points_at_the_source() -> None:
    """A regression stands at its benchmark, with a level by its severity and a stable fingerprint."""
    results = json.loads(ci_formats.sarif(EVERYTHING))["runs"][0]["results"]
    first = results[0]
    assert (first["ruleId"], first["level"]) == ("regression", "error")
    place = first["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("benchmarks/test_cache.py", 42)
    traded = json.loads(ci_formats.sarif(EXAMPLES["traded"]))["runs"][0]["results"]
    assert {result["ruleId"] for result in (*results, *traded)} == set(ci_formats._RULES)
    again = json.loads(ci_formats.sarif(EVERYTHING))["runs"][0]["results"][0]
    assert again["partialFingerprints"] == first["partialFingerprints"]


def test_what_has_no_place_is_put_into_the_settings_file() -> None:
    """GitLab and GitHub refuse an entry without a path."""
    results = json.loads(ci_formats.sarif(EVERYTHING))["runs"][0]["results"]
    uris = {result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for result in results}
    assert uris == {"benchmarks/test_cache.py", "regress.yml"}
    entries = json.loads(ci_formats.code_quality(EVERYTHING))
    assert [entry["severity"] for entry in entries[:2]] == ["critical", "major"]
    assert {entry["location"]["path"] for entry in entries} == {"benchmarks/test_cache.py", "regress.yml"}


def test_what_was_removed_on_purpose_is_said_and_is_no_problem() -> None:
    """A skipped case, a notification and a number of its own; Code Quality holds problems only."""
    made = replace(judgement(Outcome.PASS, row("b")), removed=("gone#1", "old"))
    check_all(made)
    [suite] = ET.fromstring(ci_formats.junit(made))  # noqa: S314 - our own document
    case = next(case for case in suite.iter("testcase") if case.attrib["name"] == "gone#1")
    assert (
        case[0].attrib["message"].startswith("1 benchmark was removed on purpose, as regress-aliases.yml says: gone#1")
    )
    [run] = json.loads(ci_formats.sarif(made))["runs"]
    assert run["results"] == json.loads(ci_formats.code_quality(made)) == []
    assert "gone#1, old" in run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"]
    assert 'regress_removed{benchmark="gone\uff031"} 1.0\n' in ci_formats.openmetrics(made).decode()


def test_openmetrics_has_a_sample_per_known_number() -> None:
    """What is not a number is left out, and an alarm is 1."""
    made = judgement(Outcome.FAIL, regression("a", 3.0, Severity.CRITICAL), row("b", ratio=None))
    document = ci_formats.openmetrics(made).decode()
    assert document.count("\nregress_ratio{") == 1
    assert 'regress_alarm{benchmark="a",metric="time",unit="s",service="cache"} 1.0\n' in document
    check_openmetrics(document.encode())


def test_a_number_keeps_its_labels_when_the_verdict_changes() -> None:
    """GitLab shows what changed between two pipelines, and finds a number of the other by its name and labels."""
    before = ci_formats.openmetrics(judgement(Outcome.PASS, row("a")))
    after = ci_formats.openmetrics(judgement(Outcome.FAIL, regression("a", 3.0, Severity.CRITICAL)))
    assert check_openmetrics(before) == check_openmetrics(after)


def test_a_service_that_alarms_as_a_whole_stands_in_every_format() -> None:
    """No benchmark of it alarms alone, and still the run warns."""
    made = EXAMPLES["service"]
    [suite] = ET.fromstring(ci_formats.junit(made))  # noqa: S314 - our own document
    [failed] = [case for case in suite if case.find("failure") is not None]
    assert failed.attrib == {"classname": "cache", "name": "as a whole"}
    [result] = json.loads(ci_formats.sarif(made))["runs"][0]["results"]
    assert result["message"]["text"].startswith("service cache is 13 % slower as a whole")
    [entry] = json.loads(ci_formats.code_quality(made))
    assert (entry["severity"], entry["check_name"]) == ("minor", "regress-action/regression")
    assert b'regress_service_alarm{service="cache"} 1.0\n' in ci_formats.openmetrics(made)
    check_all(made)


@pytest.mark.parametrize("made", [judgement(Outcome.PASS), judgement(Outcome.INCOMPLETE)], ids=["pass", "incomplete"])
def test_a_judgement_without_comparisons_is_read(made: Judgement) -> None:
    """Nothing was measured: every document is there and holds nothing."""
    check_all(made)
    assert json.loads(ci_formats.code_quality(made)) == []
    assert check_openmetrics(ci_formats.openmetrics(made)) == []


def test_no_name_that_a_tool_may_write_breaks_a_format() -> None:
    """Other scripts, breaks, markup, control characters, 10 000 characters, quotes, comments, links and surrogates."""
    proven = regression("a", 3.0, Severity.CRITICAL)
    placed = [replace(proven, benchmark=Benchmark(name, name, (), Location(name, 1)), reason=name) for name in NAMES]
    missing = [
        replace(row("a", Verdict.MISSING, None), benchmark=Benchmark(name, None, (), None), reason=name)
        for name in NAMES
    ]
    made = judgement(Outcome.FAIL, *placed, *missing)
    check_all(made)
    assert len(json.loads(ci_formats.code_quality(made))) == 2 * len(NAMES)
    [suite] = ET.fromstring(ci_formats.junit(made))  # noqa: S314 - our own document
    assert (suite.attrib["failures"], suite.attrib["errors"]) == (str(len(NAMES)), str(len(NAMES)))


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
    keys = [(each.benchmark.service, each.benchmark.name, each.metric.name) for each in made.comparisons]
    check_all(made, distinct=len(keys) == len(set(keys)))


def test_allowed_regression_is_said_with_both_numbers() -> None:
    """It fails nothing, and stands in every format with the improvement that it is allowed for."""
    made = EXAMPLES["traded"]
    document = ET.fromstring(ci_formats.junit(made))  # noqa: S314 - our own document
    cases = {case.attrib["name"]: case for case in document.iter("testcase")}
    allowed = cases["cache.holds (peak_memory)"]
    assert [child.tag for child in allowed] == ["system-out"]
    assert "8 % larger" in (allowed[0].text or "")
    assert "its time is 12 % faster" in (allowed[0].text or "")
    assert [child.tag for child in cases["cache.not-proven (peak_memory)"]] == ["failure"]
    results = json.loads(ci_formats.sarif(made))["runs"][0]["results"]
    assert {result["level"] for result in results if result["ruleId"] == "allowed-regression"} == {"note"}
    entries = json.loads(ci_formats.code_quality(made))
    assert {entry["severity"] for entry in entries if "allowed" in entry["check_name"]} == {"info"}
    lines = ci_formats.openmetrics(made).decode().splitlines()
    assert sum(line.startswith("regress_allowed{") and line.endswith(" 1.0") for line in lines) == 2
