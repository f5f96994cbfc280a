"""The workflows of `init --bisect`: one that finds the commit of a regression, and one that reads commands."""

from __future__ import annotations

from pathlib import PurePosixPath

BISECT = PurePosixPath(".github/workflows/bisect.yml")
COMMANDS = PurePosixPath(".github/workflows/performance-commands.yml")

OUTPUTS = """\
    outputs:
      severity: ${{ steps.judge.outputs.severity }}
"""
JOB = """
  bisect:                  # after a confirmed regression on the default branch: which commit of the push was it?
    needs: regress
    if: >-
      ${{ !cancelled() && github.event_name == 'push' &&
      contains(fromJSON('["moderate", "critical"]'), needs.regress.outputs.severity) }}
    permissions:
      contents: read
      issues: write          # post the commit on the issue
      pull-requests: write   # bisect.yml also answers on pull requests
    uses: ./.github/workflows/bisect.yml
    with:
      good: ${{ github.event.before }}
      bad: ${{ github.sha }}
"""
_INPUTS = """\
      good: {description: Full commit without the change, required: true, type: string}
      bad: {description: Full commit with it, required: true, type: string}
      benchmark: {description: Benchmark, default: "*", type: string}
      metric: {description: Metric of the benchmark, default: "", type: string}
      issue: {description: Issue or pull request that gets the answer, default: "", type: string}
      comment: {description: Number of the comment that asked, default: "", type: string}
"""
_BISECT = """\
# Finds the commit that made a benchmark slower. Written by `regress-action init --bisect`; yours to change.
#
# The job `bisect` of performance.yml calls it after a confirmed regression, with the first and the last commit of the
# push. `/regress bisect` in a comment starts it, and so can you by hand. The first job runs the code of every commit
# that it measures, as regress.yml says, and has no token that can write. The second has one, checks nothing out, and
# reads the answer as data.
name: bisect
# By this name the run of a comment is found again.
run-name: "Bisect for #${{ inputs.issue }}, comment ${{ inputs.comment }}"

on:
  workflow_call:
    inputs:
INPUTS  workflow_dispatch:
    inputs:
INPUTS
permissions: {}

jobs:
  bisect:
    runs-on: ubuntu-latest
    timeout-minutes: 120
    permissions:
      contents: read
    steps:
      - uses: actions/checkout@v6
        with:
          fetch-depth: 0
          persist-credentials: false   # the suite shall not find a token in .git/config
TOOLCHAIN      - uses: INSTALL
      - name: Bisect
        env:
          GOOD: ${{ inputs.good }}
          BAD: ${{ inputs.bad }}
          BENCHMARK: ${{ inputs.benchmark }}
          METRIC: ${{ inputs.metric }}
        # Exit code 3 is an answer too: no commit is sure enough.
        run: |
          regress-action bisect "$GOOD..$BAD" "-k$BENCHMARK" \\
            ${METRIC:+"--metric=$METRIC"} --budget-minutes 90 --json bisect.json || test $? -eq 3
      - uses: actions/upload-artifact@v7
        with:
          name: bisect
          path: bisect.json

  post:
    needs: bisect
    runs-on: ubuntu-latest
    timeout-minutes: 10
    permissions:
      contents: read
      issues: write          # one comment on the issue about the regression
      pull-requests: write   # or on the pull request that asked
    steps:
      - uses: INSTALL
      - uses: actions/download-artifact@v8
        with:
          name: bisect
          path: answer           # in a folder of its own, where no settings are read from
      - run: >-
          regress-action post-bisect answer/bisect.json "--suite=$SUITE"
          ${ISSUE:+"--issue=$ISSUE"}
        env:
          GITHUB_TOKEN: ${{ github.token }}
          ISSUE: ${{ inputs.issue }}
          SUITE: SUITE_NAME
"""
_COMMANDS = """\
# Answers /regress in comments of people with write access: run, accept, explain, bisect. Written by
# `regress-action init --bisect`; yours to change. Nothing is checked out and nothing is measured here.
name: performance commands

on:
  issue_comment: # zizmor: ignore[dangerous-triggers] no code of a pull request is checked out or run
    types: [created]

permissions: {}

concurrency:             # one command after the other
  group: performance-commands-${{ github.event.issue.number }}
  cancel-in-progress: false

jobs:
  command:
    if: startsWith(github.event.comment.body, '/regress')
    runs-on: ubuntu-latest
    timeout-minutes: 10
    permissions:
      actions: write         # start the other workflows
      checks: read           # explain what the check run says
      contents: read
      issues: write          # answer on issues
      pull-requests: write   # answer on pull requests
    steps:
      - uses: ACTION
        with:
          github-token: ${{ github.token }}
        env:
          REGRESS_WORKFLOW: performance.yml
          REGRESS_BISECT_WORKFLOW: bisect.yml
"""


def with_bisection(workflow: str) -> str:
    """Return the measuring workflow with a job that calls the bisection, and with the output that decides about it."""
    steps = "    steps:\n"
    head, _, tail = workflow.partition(steps)
    marked, last = tail.rsplit("      - uses: ", 1)
    return f"{head}{OUTPUTS}{steps}{marked}      - id: judge\n        uses: {last}{JOB}"


def bisection(toolchain: str, suite: str, action: str) -> str:
    """Return the workflow that bisects; `toolchain` are the steps that install a language, `suite` a YAML scalar."""
    name, at, version = action.partition("@")
    install = f"{name.rstrip('/')}/install{at}{version}"
    text = _BISECT.replace("INPUTS", _INPUTS)  # GitHub has no other way to give two triggers the same ones
    return text.replace("TOOLCHAIN", toolchain).replace("SUITE_NAME", suite).replace("INSTALL", install)


def commands(action: str) -> str:
    """Return the workflow that answers comments."""
    return _COMMANDS.replace("ACTION", action)
