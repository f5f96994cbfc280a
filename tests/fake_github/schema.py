"""GitHub's own description of its API, as a judge over every request and answer of the fake."""

from __future__ import annotations

import copy
import functools
import gzip
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema_rs

Json = Any


@dataclass(frozen=True)
class Operation:
    """One method of one path: the template, the values in the path, and the description's entry."""

    method: str
    template: str
    values: dict[str, str]
    entry: dict[str, Json]

    @property
    def name(self) -> str:
        """As in the documentation: `PATCH /repos/{owner}/{repo}/issues/{issue_number}`."""
        return f"{self.method} {self.template}"


class Schema:
    """Find the operation of a request, and say what is wrong with its parameters, body or answer."""

    def __init__(self) -> None:
        packed = Path(__file__).with_name("openapi.json.gz").read_bytes()
        self.document = _as_json_schema(json.loads(gzip.decompress(packed)))
        self._patterns = [
            (re.compile("^" + re.sub(r"\\{(\w+)\\}", _group, re.escape(template)) + "$"), template)
            for template in sorted(self.document["paths"], key=lambda template: template.count("{"))
        ]

    def operation(self, method: str, path: str) -> Operation | None:
        """Return the described operation, the most literal template first; None when GitHub has none."""
        for pattern, template in self._patterns:
            matched = pattern.match(path)
            entry = self.document["paths"][template].get(method.lower())
            if matched and entry:
                return Operation(method, template, matched.groupdict(), entry)
        return None

    def request_errors(self, operation: Operation, query: dict[str, str], body: Json) -> list[str]:
        """Say what GitHub's description has against a request: unknown or wrong parameters, a wrong body."""
        errors = self._query_errors(operation, query)
        wanted = operation.entry.get("requestBody")
        if wanted is None:
            return errors + ([f"{operation.name} takes no body"] if body else [])
        schema = self._resolve(wanted)["content"]["application/json"]["schema"]
        known_keys = self._known_keys(schema)
        if known_keys and isinstance(body, dict):
            errors += [f"unknown key {key!r} in the body" for key in body if key not in known_keys]
        if body is not None or self._resolve(wanted).get("required"):
            errors += self._validate(schema, body)
        return errors

    def response_errors(self, operation: Operation, status: int, body: Json) -> list[str]:
        """Say what GitHub's description has against an answer: a status it does not know, a wrong body."""
        answers = operation.entry["responses"]
        answer = answers.get(str(status))
        if answer is None:
            return [] if status >= 400 else [f"{operation.name} never answers {status}"]
        content = self._resolve(answer).get("content", {}).get("application/json")
        return self._validate(content["schema"], body) if content and "schema" in content else []

    def example(self, method: str, template: str, status: int) -> Json:
        """Return a fresh copy of the description's example of an answer, the shape the fake fills in."""
        return copy.deepcopy(self._example(method, template, status))

    @functools.cache  # noqa: B019 - one schema lives as long as the process
    def _example(self, method: str, template: str, status: int) -> Json:
        answer = self._resolve(self.document["paths"][template][method.lower()]["responses"][str(status)])
        (example,) = answer["content"]["application/json"]["examples"].values()
        return self._resolve(example)["value"]

    def _query_errors(self, operation: Operation, query: dict[str, str]) -> list[str]:
        parameters = [self._resolve(parameter) for parameter in operation.entry.get("parameters", [])]
        in_query = [parameter for parameter in parameters if parameter["in"] == "query"]
        allowed = {parameter["name"]: parameter["schema"] for parameter in in_query}
        errors = [f"unknown parameter {name!r}" for name in query if name not in allowed]
        for name, text in query.items():
            if name in allowed:
                value = int(text) if text.isdigit() and allowed[name].get("type") == "integer" else text
                errors += [f"parameter {name}: {error}" for error in self._validate(allowed[name], value)]
        return errors

    def _known_keys(self, schema: dict[str, Json]) -> set[str]:
        schema = self._resolve(schema)
        keys = set(schema.get("properties", {}))
        for part in ("oneOf", "anyOf", "allOf"):
            for part_schema in schema.get(part, []):
                keys |= self._known_keys(part_schema)
        return keys

    def _resolve(self, node: dict[str, Json]) -> dict[str, Json]:
        while "$ref" in node:
            _, _, kind, name = node["$ref"].split("/")
            node = self.document["components"][kind][name]
        return node

    def _validate(self, schema: dict[str, Json], value: Json) -> list[str]:
        validator = self._validator(json.dumps(schema, sort_keys=True))
        return [
            f"{'/'.join(map(str, error.instance_path))}: {error.message[:300]}"
            for error in validator.iter_errors(value)
        ]

    @functools.cache  # noqa: B019 - one schema lives as long as the process
    def _validator(self, schema: str) -> jsonschema_rs.Draft7Validator:
        document = {"components": self.document["components"], "allOf": [json.loads(schema)]}
        return jsonschema_rs.Draft7Validator(document, validate_formats=True)


def _group(matched: re.Match[str]) -> str:
    """A path parameter; a comparison and a ref may hold slashes."""
    name = matched.group(1)
    return f"(?P<{name}>.+)" if name in {"basehead", "ref"} else f"(?P<{name}>[^/]+)"


def _as_json_schema(node: Json) -> Json:
    """OpenAPI 3.0 says `nullable` where JSON Schema says `null`."""
    if isinstance(node, list):
        return [_as_json_schema(item) for item in node]
    if not isinstance(node, dict):
        return node
    made = {key: value if key == "value" else _as_json_schema(value) for key, value in node.items()}
    if made.get("nullable") is True:
        del made["nullable"]
        return {"anyOf": [made, {"type": "null"}]}
    return made


DESCRIPTION = Schema()
