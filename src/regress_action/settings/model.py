"""The one model of every setting: its name, its type, its default and the sentence that explains it.

`action.yml`, the table in the README and this model are held together by a test. A field marked `INPUT` is an
input of the action; every field may stand in `regress.yml` under the same kebab-case name.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, WithJsonSchema

from regress_action.model.comparisons import Severity
from regress_action.model.measurements import MOST_PLANNED_PAIRS

INPUT: dict[str, Any] = {"action_input": True}


def _kebab(name: str) -> str:
    return name.replace("_", "-")


_CONFIG = ConfigDict(extra="forbid", frozen=True, alias_generator=_kebab, populate_by_name=True, defer_build=True)
"""Of every model here; the validators are built when something is validated first, because that takes time."""


def _lines(value: object) -> object:
    """Split a multi-line or comma-separated input into its items."""
    if isinstance(value, str):
        return tuple(item.strip() for item in value.replace(",", "\n").splitlines() if item.strip())
    return value


def _urls(value: object) -> object:
    """Split a multi-line input; URLs may hold commas."""
    return tuple(value.split()) if isinstance(value, str) else value


_LIST = WithJsonSchema({"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "string"}]})

Numbers = Annotated[tuple[Annotated[int, Field(ge=0, le=255)], ...], BeforeValidator(_lines)]
Items = Annotated[tuple[str, ...], BeforeValidator(_lines), _LIST]
Urls = Annotated[tuple[SecretStr, ...], BeforeValidator(_urls), _LIST]


class Override(BaseModel):
    """What differs for the benchmarks that match a pattern."""

    model_config = _CONFIG

    match: str = Field(description="Shell pattern over benchmark names.", min_length=1)
    metric: str = Field("*", description="Shell pattern over metric names.")
    threshold: float | None = Field(None, gt=1, description="Regression threshold as a ratio.")
    ignore: bool = Field(False, description="Leave these benchmarks out of every verdict.")
    service: str | None = Field(None, description="Put these benchmarks into a service.")
    direction: Literal["lower", "higher"] | None = Field(
        None, description="Which way is better, where the file does not say."
    )


class Settings(BaseModel):
    """Every setting, validated, frozen and secret-safe."""

    model_config = _CONFIG

    command: str = Field(
        "",
        description="Shell command that runs the suite on the runner. `{out}` is replaced by the path of this run's "
        "result file. Leave empty to analyse results an earlier step made.",
        json_schema_extra=INPUT,
    )
    results: str = Field(
        "", description="File or glob that the suite writes, in any known format.", json_schema_extra=INPUT
    )
    setup: str = Field(
        "",
        description="Shell command that prepares each checked-out side once, before measuring (install, build).",
        json_schema_extra=INPUT,
    )
    base: str = Field(
        "",
        description="Commit to measure interleaved with the head. Default: the merge base of the pull request; `none` "
        "measures the head alone.",
        json_schema_extra=INPUT,
    )
    carry: Items = Field(
        (),
        description="Paths of the head laid over the base, so that both sides run the same benchmarks; lock files in "
        "folders stay as they are.",
        json_schema_extra=INPUT,
    )
    runs: int | None = Field(
        None,
        ge=1,
        le=MOST_PLANNED_PAIRS,
        description="Interleaved pairs, or runs of one side. Ten where nothing is said, and up to 40 pairs while that "
        "takes less than a minute and not everything is decided.",
        json_schema_extra=INPUT,
    )
    budget_minutes: float | None = Field(
        None, gt=0, description="Stop measuring after whole pairs when this is used up.", json_schema_extra=INPUT
    )
    suite: str = Field(
        "default",
        min_length=1,
        max_length=100,
        description="Name of the suite; part of every key, so several live in one repository.",
        json_schema_extra=INPUT,
    )
    mode: Literal["auto", "baseline", "detect", "trend", "publish"] = Field(
        "auto", description="Stage to run; `auto` picks it from the event.", json_schema_extra=INPUT
    )
    thresholds: str = Field("", description="YAML file of thresholds and budgets per service.", json_schema_extra=INPUT)
    config: str = Field(
        "regress.yml", description="File with any of these settings; inputs win.", json_schema_extra=INPUT
    )
    baseline: Literal["branch", "artifact", "folder", "none"] = Field(
        "branch", description="Where baselines are kept.", json_schema_extra=INPUT
    )
    history_branch: str = Field(
        "regress-data", min_length=1, description="Branch of the history.", json_schema_extra=INPUT
    )
    fail_on: Severity = Field(
        Severity.CRITICAL,
        description="Lowest severity that fails the step; `none` never fails.",
        json_schema_extra=INPUT,
    )
    gate_from: Literal["base", "head"] = Field(
        "base",
        description="Commit whose thresholds, budgets and waivers count for a pull request; `head` where such changes "
        "are reviewed like code. Counts in the workflow and in the base only.",
        json_schema_extra=INPUT,
    )
    block_moderate: bool = Field(
        False,
        description="Let a moderate regression wait for a decision (check run `action_required`) instead of passing as "
        "`neutral`.",
        json_schema_extra=INPUT,
    )
    comment: Literal["on-change", "always", "never"] = Field(
        "on-change",
        description="Pull request comment: when there is something to say, always, or never.",
        json_schema_extra=INPUT,
    )
    check_run: bool = Field(True, description="Write a check run with annotations.", json_schema_extra=INPUT)
    issues: bool = Field(
        True,
        description="Open and close issues for confirmed regressions on the default branch.",
        json_schema_extra=INPUT,
    )
    dashboard: str = Field(
        "",
        description="Folder to write the dashboard to, or `branch:NAME` to publish it on a branch of its own.",
        json_schema_extra=INPUT,
    )
    notify_urls: Urls = Field(
        (), description="Apprise URLs notified when a severity or state changes, one a line.", json_schema_extra=INPUT
    )
    engine: Literal["auto", "docker", "venv"] = Field(
        "auto", description="Where the analysis runs.", json_schema_extra=INPUT
    )
    image: str = Field(
        "", description="Released image to pull instead of building the action's Dockerfile.", json_schema_extra=INPUT
    )
    suite_image: str = Field(
        "", description="Container image in which the suite itself runs, without a token.", json_schema_extra=INPUT
    )
    ok_status: Numbers = Field(
        (), description="Exit codes besides 0 with which a run of the suite is good.", json_schema_extra=INPUT
    )
    env_pass: Items = Field(
        (),
        description="Names of variables that the suite gets besides those that toolchains need; secrets must be named.",
        json_schema_extra=INPUT,
    )
    github_token: SecretStr = Field(SecretStr(""), description="Token for the API.", json_schema_extra=INPUT)
    shard: str = Field(
        "",
        description="Name of this leg of a matrix, like `1/4`: measure only, and leave the report for `merge`.",
        json_schema_extra=INPUT,
    )

    profile: Literal["never", "regressions"] = Field(
        "never",
        description="Profile both sides again after the timed runs of a pull request: `regressions`, or `never`.",
        json_schema_extra=INPUT,
    )

    profile_command: str = Field(
        "",
        description="Shell command that runs the suite with a profiler and writes collapsed stacks, speedscope's JSON "
        "or pprof's format into the folder `{profile}`. Default: the profiler for Python processes.",
    )
    adaptive: bool = Field(True, description="Stop early for benchmarks that are decided.")
    interleave: Literal["auto", "run", "benchmark", "lockstep", "parallel"] = Field(
        "auto",
        description="How base and head alternate: by whole runs, by benchmarks, in turns of milliseconds (`lockstep`), "
        "at the same time (`parallel`), or by the finest of these that the suite allows (`auto`).",
    )
    confirm: bool = Field(True, description="Measure suspects again before they are published.")
    timeout: float = Field(1800, gt=0, description="Seconds after which one run is stopped.")
    retries: int = Field(0, ge=0, le=10, description="Repetitions of a run that failed.")
    reviewers: Items = Field((), description="Users asked for a review of a moderate regression.")
    team_reviewers: Items = Field((), description="Teams asked for a review of a moderate regression.")
    accept_label: str = Field("performance-accepted", description="Label by which a maintainer accepts a regression.")
    waivers: str = Field("regress-waivers.yml", description="File of reviewed waivers.")
    benchmarks: tuple[Override, ...] = Field((), description="Overrides per benchmark pattern.")

    @classmethod
    def inputs(cls) -> dict[str, str]:
        """Return the action's inputs: kebab-case name → description."""
        return {
            _kebab(name): field.description or ""
            for name, field in cls.model_fields.items()
            if isinstance(field.json_schema_extra, dict) and field.json_schema_extra.get("action_input")
        }
