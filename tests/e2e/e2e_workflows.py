"""Workflows as a user would write them."""

SUITE_COMMAND = "python3 -P suite.py {out}"


def workflow(inputs: str = "", *, runs: int = 6, before: str = "", after: str = "", job: str = "") -> str:
    """Return a workflow of one job that uses the action; every part is indented YAML text."""
    return f"""
on: [push, pull_request, workflow_run, schedule, release]
jobs:
  regress:
    runs-on: ubuntu-latest
    {job}
    steps:
      - uses: actions/checkout@v6
        with: {{fetch-depth: 0, persist-credentials: false}}
{before}
      - uses: octo/regress-action@v1
        id: regress
        with:
          runs: {runs}
{inputs}
      - if: always()
        run: |
          echo "output verdict=${{{{ steps.regress.outputs.verdict }}}}"
          echo "output severity=${{{{ steps.regress.outputs.severity }}}}"
          echo "output regressions=${{{{ steps.regress.outputs.regressions }}}}"
          echo "output report=${{{{ steps.regress.outputs.report }}}}"
          echo "output check-run-url=${{{{ steps.regress.outputs.check-run-url }}}}"
          mkdir -p "$KEEP" && cp -R .regress/. "$KEEP"
{after}
"""


def measuring(command: str = SUITE_COMMAND, more: str = "") -> str:
    """Return the inputs of an action that measures."""
    return f"          command: {command}\n{more}"
