"""The text of the files that `init` writes; every line that a newcomer may want to change explains itself."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from regress_action.scaffold.culprit_workflows import BISECT, COMMANDS, bisection, commands, with_bisection
from regress_action.scaffold.repository import yaml_scalar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.scaffold.repository import Project

WORKFLOW = PurePosixPath(".github/workflows/performance.yml")
CONFIG = PurePosixPath("regress.yml")
THRESHOLDS = PurePosixPath("thresholds.yml")

_WORKFLOW = """\
# Guards this repository's performance. Written by `regress-action init`; yours to change.
{replaced}name: performance

on:
  pull_request:            # measures base and head in turn on one machine, and judges the difference
  push:
    branches: [{branch_filter}]   # records a baseline, and confirms regressions that were merged
  schedule:
    - cron: "23 4 * * 1"   # once a week: drift, steps and creep along the history
  workflow_dispatch:

permissions: {{}}            # nothing by default; the job below asks for what it uses

concurrency:             # a newer push makes the older run of a pull request moot
  group: performance-${{{{ github.event.pull_request.number || github.sha }}}}
  cancel-in-progress: ${{{{ github.event_name == 'pull_request' }}}}

jobs:
  regress:
{matrix}    runs-on: ubuntu-latest
    timeout-minutes: 60
    permissions:
      contents: write        # push records to the branch regress-data (from {branch} only)
      checks: write          # the check run with annotations
      pull-requests: write   # one comment, kept up to date, only when there is something to say
      issues: write          # issues for confirmed regressions, closed on recovery
    steps:
      - uses: actions/checkout@v6
        with:
          fetch-depth: 0               # the base commit must be here to be measured
          persist-credentials: false   # the suite shall not find a token in .git/config
{toolchain}      - uses: {action}
        with:
          config: {config}
          github-token: ${{{{ github.token }}}}
"""

_MATRIX = """\
    strategy:              # one job a suite: history, check run, comment and issues of each are its own
      fail-fast: false
      matrix:
        config: [{configs}]
"""

_CONFIG = """\
{schema}# Settings of regress-action, written for this repository: {why}.
# `regress-action doctor` checks them on this machine.
{warning}suite: {suite}

# Prepares each of the two checked-out commits once, before anything is measured.{setup_source}
setup: {setup}

# Runs the suite once, in a fresh process. {{out}} is where this run's results go.{selects}{command_source}
command: {command}
{results}{carry}
# Pairs of base and head. Ten see a change of about 3 % on a hosted runner; unless their number stands here, there are
# up to forty while they take less than a minute and not everything is decided.
{runs}

# Stop measuring after this many minutes, with what there is.
budget-minutes: 30

# Lowest severity that fails the step: none, minor, moderate or critical.{fails_source}
fail-on: {fails}

thresholds: thresholds.yml
"""

_SELECTS = """ {select} is empty, or names the
# benchmarks to run: those that are not decided yet, and suspects that are measured again."""

_THRESHOLDS = """\
# A ratio of 1.2 means: 20 % worse than the baseline is a regression worth a warning. Per service, as many as you like:
#
#   cache: {cache_get_ms: 5, throughput_ops_per_sec: 1000, regression_threshold: 1.15}
#
# Keys other than regression_threshold are absolute budgets, with their unit in the key's suffix.
default: {regression_threshold: RATIO}
"""


@dataclass(frozen=True, slots=True)
class Draft:
    """A file to be written, and the sentence that tells what it is for."""

    path: PurePosixPath
    text: str
    purpose: str


@dataclass(frozen=True, slots=True)
class Suite:
    """One suite to be written: its name, the way it is measured, and the number of pairs where ten are too many."""

    name: str
    project: Project
    runs: int | None = None


def drafts(
    suites: Sequence[Suite],
    *,
    branch: str,
    action: str,
    replaced: Sequence[tuple[str, str]] = (),
    bisect: bool = False,
    submodules: bool = False,
) -> tuple[Draft, ...]:
    """Return the files for a project whose default branch is `branch`, using `action` in the workflow.

    The first suite is written into regress.yml, each other one into a file of its own. `replaced` are the workflows of
    other tools, as (path, tool), which the new one names. With `bisect` there are also a workflow that finds the commit
    of a regression of the first suite, which the measuring one calls where it is the only one, and one that reads
    commands in comments. With `submodules` the checkout brings them.
    """
    paths = [CONFIG, *(PurePosixPath(f"regress-{suite.name}.yml") for suite in suites[1:])]
    steps: dict[str, str] = {}  # one for each action: the first suite's
    for suite in suites:
        for step in _steps(suite.project.toolchain):
            steps.setdefault(step.partition("@")[0], _with_source(step, dict(suite.project.sources)))
    toolchain = "".join(f"      {line}\n" for step in steps.values() for line in step.splitlines())
    workflow = _WORKFLOW.format(
        branch=_one_line(branch),
        branch_filter=yaml_scalar(_SPECIAL_IN_FILTER.sub(r"\\\g<0>", branch)),
        toolchain=toolchain,
        action=action,
        replaced="".join(
            f"# {_one_line(path)} runs {tool} as well. Remove {tool} there when you trust this.\n"
            for path, tool in replaced
        ),
        matrix=_MATRIX.format(configs=", ".join(map(str, paths))) if len(suites) > 1 else "",
        config="${{ matrix.config }}" if len(suites) > 1 else CONFIG,
    )
    culprits: tuple[Draft, ...] = ()
    if bisect:
        workflow = with_bisection(workflow) if len(suites) == 1 else workflow
        name = yaml_scalar(suites[0].name)
        culprits = (
            Draft(BISECT, bisection(toolchain, name, action), "finds the commit of a regression and posts it"),
            Draft(COMMANDS, commands(action), "answers /regress in comments"),
        )
    configs = [
        Draft(path, _config(suite, action), f"says how the suite {suite.name} is prepared and run")
        for path, suite in zip(paths, suites, strict=True)
    ]
    made = (
        Draft(WORKFLOW, workflow, "runs the action on pull requests, pushes and once a week"),
        *configs,
        Draft(THRESHOLDS, _thresholds(suites[0].project, action), "says what counts as a regression"),
        *culprits,
    )
    if not submodules:
        return made
    return tuple(replace(draft, text=_CHECKOUT.sub(_WITH_SUBMODULES, draft.text)) for draft in made)


_SPECIAL_IN_FILTER = re.compile(r"[*?+!\[\]\\]")
"""What stands for more than itself in a filter of branches, unless a backslash is before it."""

_CHECKOUT = re.compile(r"^( +)fetch-depth: 0.*\n", re.MULTILINE)
_WITH_SUBMODULES = r"\g<0>\1submodules: recursive\n"


def _steps(toolchain: Sequence[str]) -> list[str]:
    """Return the steps of a toolchain, each with the lines that belong to it."""
    steps: list[str] = []
    for line in toolchain:
        if line.startswith("- ") or not steps:
            steps.append(line)
        else:
            steps[-1] += f"\n{line}"
    return steps


def _with_source(step: str, sources: dict[str, str]) -> str:
    """Return a step that installs Python with where its version comes from, where that is known."""
    version = sources.get("python-version")
    return f"{step}   # {_one_line(version)}" if version and "setup-python@" in step else step


def _thresholds(project: Project, action: str) -> str:
    text = _schema_line(action, "thresholds") + _THRESHOLDS.replace("RATIO", f"{project.threshold or 1.2:g}")
    sources = dict(project.sources)
    source = sources.get("threshold") or f"alert-threshold, {sources.get('command')}"
    text += f"# From: {_one_line(source)}.\n" if project.threshold else ""
    services = [
        f"{yaml_scalar(name)}: {{regression_threshold: {ratio:g}}}\n" for name, ratio in project.service_thresholds
    ]
    return text + "".join(services)


def _config(suite: Suite, action: str) -> str:
    """Return the text of the settings of one suite."""
    project = suite.project
    sources = dict(project.sources)
    results = f"\n# What the suite writes.{_from(sources, 'results')}\nresults: {yaml_scalar(project.results)}\n"
    carried = ", ".join(map(yaml_scalar, project.carry))
    carry = (
        "\n# The head's benchmark files are laid over the base, so that both sides run the same benchmarks."
        f"{_from(sources, 'carry')}\ncarry: [{carried}]\n"
    )
    return _CONFIG.format(
        schema=_schema_line(action, "regress"),
        why=_one_line(project.why),
        warning=_warning(project),
        suite=yaml_scalar(suite.name),
        runs=f"runs: {suite.runs}" if suite.runs else "# runs: 20",
        setup=yaml_scalar(project.setup),
        setup_source=_from(sources, "setup"),
        command=yaml_scalar(project.command),
        command_source=_from(sources, "command"),
        selects=_SELECTS if "{select}" in project.command else "",
        results=results if project.results else "",
        carry=carry if project.carry else "",
        fails="minor" if project.fails else "critical",
        fails_source=f" From: {sources.get('fails') or 'fail-on-alert, ' + sources['command']}."
        if project.fails
        else "",
    )


def _from(sources: dict[str, str], field: str) -> str:
    """Return where a line comes from, as the end of its comment."""
    return f" From: {_one_line(sources[field])}." if field in sources else ""


def _one_line(text: str) -> str:
    """Return a text that may quote a manifest as what a comment can hold, nothing of it invisible."""
    return "".join(sign if sign.isprintable() else " " for sign in text)


def _warning(project: Project) -> str:
    """Return the comment about what a person has to add, or about a first benchmark that a better one may replace."""
    if project.missing:
        return f"# TO DO: {_one_line(project.missing)}\n"
    if project.first:
        return "# This is a first benchmark. Replace it when there is a better one.\n"
    return ""


def _schema_line(action: str, name: str) -> str:
    """Return the comment by which editors find the schema of a file, in the version that the workflow uses."""
    repository, _, version = action.partition("@")
    address = f"https://raw.githubusercontent.com/{repository}/{version or 'main'}/docs/schemas/{name}.schema.json"
    return f"# yaml-language-server: $schema={address}\n"
