"""One job of CI: its event, its settings and rules, read once, and where its measurement and its history are.

Also here: what `plan` decided, handed to the steps after it as an output of the step.

Between the two runs the suite, as the same user: it can rewrite every file of the workspace and of the runner, but not
an output that the runner has already read. So settings, thresholds and waivers are read once, by `plan`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import zlib
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from regress_action import formats
from regress_action.action.base_files import files_of_base
from regress_action.action.judge import JudgingRules, rules_of
from regress_action.action.merge import SHARD, join, sides
from regress_action.github.event import Stage, decide
from regress_action.history import Waiver
from regress_action.model.errors import IncompleteError, InfrastructureError, InputError, SettingsError, UsageError
from regress_action.model.files import read_optional, write_replace
from regress_action.model.measurements import Aliases
from regress_action.model.records import slug
from regress_action.settings import Settings, secrets
from regress_action.settings.gate import BudgetEntry, GateFiles, Thresholds, TradeOffEntry, read_gate_files
from regress_action.settings.sources import FolderFiles, given_values, read_config, validated
from regress_action.settings.trust import TrustedSettings, settings_of_change

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regress_action.github.event import Plan
    from regress_action.github.runner import StepLog
    from regress_action.history import History
    from regress_action.model.measurements import Report


PLAN_VARIABLE: Final = "REGRESS_PLANNED"
_SECRETS: Final = {"github_token", "notify_urls"}
LARGEST_PLAN: Final = 100_000  # a variable of a process has 131 072 bytes on Linux
_UNPACKED: Final = 4_000_000
MOST_EVENT_BYTES: Final = 64_000_000
"""GitHub sends no event of more than 25 MB."""

FOLDER = Path(".regress")
PLAN = FOLDER / "plan"
PLANNED = FOLDER / "planned"
"""The encoded plan, for the questions of the measurer; the judge takes it from the output of the plan step."""

MEASUREMENT = FOLDER / "measurement"
CONFIRMATION = FOLDER / "confirmation"
HISTORY = FOLDER / "history"
_NEED_PAYLOAD = frozenset({"pull_request", "pull_request_target", "merge_group", "workflow_run", "issue_comment"})
_ABOUT_A_CHANGE = frozenset(
    {"push", "pull_request", "pull_request_target", "merge_group", "issue_comment", "workflow_run", "release"}
)


def encode_plan(trusted: TrustedSettings, environ: Mapping[str, str]) -> str:
    """Return the settings without secrets, the gate and the digest of the event as one line of text.

    Raises:
        SettingsError: thresholds and waivers are too large to be handed over.
    """
    content = {
        "settings": trusted.settings.model_dump(mode="json", by_alias=True, exclude=_SECRETS, exclude_defaults=True),
        "ratios": trusted.files.thresholds.ratios,
        "service_ratios": trusted.files.thresholds.service_ratios,
        "budgets": [asdict(budget) for budget in trusted.files.thresholds.budgets],
        "quorums": trusted.files.thresholds.quorums,
        "trade_offs": [asdict(entry) for entry in trusted.files.thresholds.trade_offs],
        "waivers": [waiver.model_dump(mode="json") for waiver in trusted.files.waivers],
        "aliases": [trusted.files.aliases.renamed, trusted.files.aliases.removed],
        "notes": trusted.notes,
        "event": _digest(environ),
    }
    text = base64.b64encode(zlib.compress(json.dumps(content).encode(), 9)).decode()
    if len(text) > LARGEST_PLAN:
        raise SettingsError(
            "The thresholds file and the waivers are too large.",
            meaning=f"Packed they take {len(text):,} bytes; {LARGEST_PLAN:,} can be handed from step to step.",
            remedy="Split the benchmarks into several suites with a thresholds file each.",
        )
    return text


def decode_plan(text: str, secrets: Mapping[str, object], environ: Mapping[str, str]) -> TrustedSettings:
    """Return what `encode` was given; `secrets` are the inputs that it leaves out.

    Raises:
        InputError: it is not what `plan` wrote, or the file of the event is no longer the one that `plan` read.
    """
    try:
        unpacked = zlib.decompressobj().decompress(base64.b64decode(text, validate=True), _UNPACKED)
        content: dict[str, Any] = json.loads(unpacked)
        event = content["event"]
        names = {name.replace("_", "-") for name in _SECRETS}
        inputs = {name: value for name, value in secrets.items() if name in names}
        trusted = TrustedSettings(
            Settings.model_validate({**content["settings"], **inputs}),
            GateFiles(
                Thresholds(
                    tuple((service, ratio) for service, ratio in content["ratios"]),
                    tuple((service, ratio) for service, ratio in content["service_ratios"]),
                    tuple(BudgetEntry(**budget) for budget in content["budgets"]),
                    tuple((service, quorum) for service, quorum in content["quorums"]),
                    tuple(TradeOffEntry(**entry) for entry in content["trade_offs"]),
                ),
                tuple(Waiver.model_validate(waiver) for waiver in content["waivers"]),
                Aliases(
                    tuple((str(old), str(new)) for old, new in content["aliases"][0]),
                    tuple(str(name) for name in content["aliases"][1]),
                ),
            ),
            tuple(content["notes"]),
        )
    except (ValueError, KeyError, TypeError, zlib.error) as error:
        raise InputError(f"{PLAN_VARIABLE} is not what the plan step wrote.") from error
    if event != _digest(environ):
        raise InputError(
            "The file of the event has changed since the plan step.",
            meaning="Something that ran in between rewrote it, so it does not say what is judged.",
            remedy="Look at what the suite writes outside of the workspace.",
        )
    return trusted


def _digest(environ: Mapping[str, str]) -> str:
    path = Path(environ.get("GITHUB_EVENT_PATH") or "absent")
    content = read_optional(path, MOST_EVENT_BYTES)
    return "" if content is None else hashlib.sha256(content).hexdigest()


def read_event(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the event's payload; without an event, or for one that needs none, an absent file is an empty one.

    Raises:
        InputError: it is not JSON, or absent where the event is about a change that only the payload names.
    """
    path = environ.get("GITHUB_EVENT_PATH", "")
    name = environ.get("GITHUB_EVENT_NAME", "")
    if name in _ABOUT_A_CHANGE and not (path and Path(path).exists()):
        raise InputError(
            f"The event {name} comes without its payload.",
            meaning="GITHUB_EVENT_PATH names no file, so the commits and branches of the event are unknown.",
            remedy="Let GITHUB_EVENT_PATH name the JSON of the event, as GitHub does; outside of a workflow, use "
            "`regress-action run --base REF` or `compare`.",
        )
    try:
        payload = json.loads((path and read_optional(Path(path), MOST_EVENT_BYTES)) or b"{}")
    except (ValueError, RecursionError) as error:
        raise InputError(f"The event in {path} cannot be read: {error}.") from error
    return payload if isinstance(payload, dict) else {}


def read_inputs(environ: Mapping[str, str]) -> dict[str, object]:
    """Return the inputs of the action that were given; they are JSON in REGRESS_INPUTS.

    Raises:
        SettingsError: REGRESS_INPUTS is not JSON.
    """
    try:
        inputs = json.loads(environ.get("REGRESS_INPUTS") or "{}")
    except ValueError as error:
        raise SettingsError("REGRESS_INPUTS is not JSON.", remedy="It is `toJSON(inputs)` in action.yml.") from error
    return given_values(inputs) if isinstance(inputs, dict) else {}


def read_masked_settings(
    payload: Mapping[str, Any], environ: Mapping[str, str], root: Path, log: StepLog
) -> TrustedSettings:
    """Return the settings and the gate's files after the runner was asked to mask what is secret in them.

    The inputs are masked before they are read, because an error about them may quote them. Outside of a runner
    nothing is printed: a terminal would show the values that should be masked.

    Raises:
        SettingsError: a setting, the thresholds file or the waivers are wrong.
    """
    on_runner = environ.get("GITHUB_ACTIONS") == "true"
    masked = secrets.in_inputs(environ)
    if on_runner:
        log.mask(masked)
    trusted = _trusted_settings(payload, environ, root)
    if on_runner:
        log.mask(secret for secret in secrets.in_settings(trusted.settings) if secret not in masked)
    return trusted


def load_job(payload: Mapping[str, Any], environ: Mapping[str, str], root: Path, log: StepLog) -> Job:
    """Read the settings and the rules, and decide from the event what the job does.

    Raises:
        SettingsError: a setting, the thresholds file or the waivers are wrong.
    """
    _check_event(payload, environ)
    trusted = read_masked_settings(payload, environ, root, log)
    settings = trusted.settings
    plan = decide(
        environ.get("GITHUB_EVENT_NAME", ""),
        payload,
        environ,
        wanted=settings.mode,
        history_branch=settings.history_branch,
    )
    return Job(settings, plan, rules_of(settings, trusted.files), trusted, root, environ, log)


def _check_event(payload: Mapping[str, Any], environ: Mapping[str, str]) -> None:
    """Refuse to start without an event, or with one that lacks what it is about.

    Raises:
        UsageError: naming what is missing.
    """
    name = environ.get("GITHUB_EVENT_NAME", "")
    if not name:
        raise UsageError(
            "There is no event: GITHUB_EVENT_NAME is not set.",
            meaning="This command does what an event in GitHub Actions asks for.",
            remedy="Elsewhere, use  regress-action run --base ci  in a job, or --base REF: docs/how-to/other-ci.md",
        )
    if name in _NEED_PAYLOAD and not payload:
        raise UsageError(
            f"The event {name} has no payload.",
            meaning="Its payload names the commits; without it nobody knows what is judged.",
            remedy="Set GITHUB_EVENT_PATH to the file of the event.",
        )


def _trusted_settings(payload: Mapping[str, Any], environ: Mapping[str, str], root: Path) -> TrustedSettings:
    """Return what `plan` handed over, else what the workspace says; for a change, what its base says."""
    named = read_inputs(environ)
    if text := environ.get(PLAN_VARIABLE):
        return decode_plan(text, named, environ)
    head = FolderFiles(root, confined=True)
    event = decide(environ.get("GITHUB_EVENT_NAME", ""), payload, environ)
    if event.mode is Stage.DETECT or (event.pull_request is not None and event.base_sha):
        token = str(named.get("github-token", ""))
        return settings_of_change(named, head, files_of_base(event, root, environ, token))
    settings = validated(read_config(named, head), named)
    return TrustedSettings(settings, read_gate_files(settings, head))


@dataclass(frozen=True, slots=True)
class Job:
    """What every stage works on; `root` is the workspace, `environ` the variables that the runner set.

    `trusted` is where settings and rules come from, and what the change tries to change about them. `launch` is how the
    runner starts this program again, to be asked for decisions while it measures.
    """

    settings: Settings
    plan: Plan
    rules: JudgingRules
    trusted: TrustedSettings
    root: Path
    environ: Mapping[str, str]
    step_log: StepLog
    launch: str = "regress-action"

    def write(self, path: Path, data: bytes) -> None:
        """Write a file of this job, whose `path` is relative to the workspace; links on the way are refused.

        Raises:
            InfrastructureError: the disk is full or cannot be written.
        """
        write_replace(self.root / FOLDER / ".gitignore", b"*\n", below=self.root)
        write_replace(self.root / path, data, below=self.root)

    def write_copy(self, path: Path, data: bytes) -> None:
        """Write a file that the verdict does not depend on: a failure is a warning."""
        try:
            self.write(path, data)
        except InfrastructureError as error:
            self.step_log.warning(f"{error.what} The verdict stands, but this copy is lost. {error.remedy}")

    @property
    def history_location(self) -> str | None:
        """The location of the history, as `open_history` takes it; None where there is none."""
        return {
            "branch": f"branch:{self.settings.history_branch}",
            "folder": os.fspath(self.root / HISTORY),
            "artifact": f"artifact:{HISTORY}",
            "none": None,
        }[self.settings.baseline]

    def history(self) -> History | None:
        """Open the history; nothing is read yet. Its git finds the token in its environment, never in a URL."""
        from regress_action.stores import connected_history

        if self.history_location is None:
            return None
        token = self.settings.github_token.get_secret_value()
        environ = {**self.environ, **({"GITHUB_TOKEN": token} if token else {})}
        return connected_history(
            self.history_location, repository=self.root, environ=environ, aliases=self.rules.aliases
        )

    def sides(self) -> tuple[Report, Report | None]:
        """Return what was measured: the head, and the base where it was measured too.

        Raises:
            IncompleteError: neither a measurement nor a results file is there.
        """
        if (self.root / MEASUREMENT / "measurement.json").exists():
            measured = formats.read_measurement(self.root / MEASUREMENT)
            return self._stamped(measured.head), measured.base
        if self.settings.command or not self.settings.results:
            raise IncompleteError(
                "Nothing was measured.",
                meaning="There is no measurement to judge, so this gate saw nothing; that is not a pass.",
                remedy="Look at the step that measures, or set `command` or `results`.",
            )
        if shards := self._shards():
            head, base = join(shards, slug(self.settings.suite))
            return self._stamped(head), base
        reports = formats.gather([os.fspath(self.root / self.settings.results)])
        return self._stamped(reports[0] if len(reports) == 1 else formats.stack(reports)), None

    def _shards(self) -> list[Path]:
        """Return the folders of the matrix's shards where `results` names such folders, else an empty list."""
        pattern = self.settings.results.rstrip("/")
        return (
            []
            if Path(pattern).is_absolute()
            else [head.parent for head in sorted(self.root.glob(f"{pattern}/{sides(slug(self.settings.suite))[0]}"))]
        )

    def _stamped(self, report: Report) -> Report:
        """Return the report with suite, commit, branch and provenance of this job; the event wins over the file."""
        plan = self.plan
        provenance = {
            "event": plan.event or "local",
            "run_id": str(plan.run_id),
            "attempt": str(plan.attempt),
            "actor": plan.actor,
            **({SHARD: self.settings.shard} if self.settings.shard else {}),
        }
        return replace(
            report,
            suite=self.settings.suite,
            commit=plan.head_sha or report.commit,
            branch=plan.head_ref or report.branch,
            created=report.created or datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            provenance=tuple({**dict(report.provenance), **provenance}.items()),
        )
