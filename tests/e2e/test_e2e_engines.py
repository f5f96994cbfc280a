"""The action starts wherever a job can run."""

from __future__ import annotations

import pytest
from e2e_world import World

WORKFLOW = """
on: [push, pull_request]
jobs:
  regress:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v6
        with: {fetch-depth: 0, persist-credentials: false}
      - uses: octo/regress-action@v1
        id: regress
        with:
          command: python3 -I -c 'import sys; sys.path.insert(0, "."); import suite' {out}
          runs: 6
          engine: %s
      - if: always()
        run: |
          echo "output verdict=${{ steps.regress.outputs.verdict }}"
          echo "output severity=${{ steps.regress.outputs.severity }}"
          echo "output regressions=${{ steps.regress.outputs.regressions }}"
          echo "output report=${{ steps.regress.outputs.report }}"
          ls -la .regress
"""


@pytest.mark.parametrize("engine", ["docker", "venv"])
def test_a_pull_request_is_measured_and_judged(world: World, engine: str) -> None:
    """Either engine measures base and head in turn and judges them."""
    world.push()
    world.costs("Slower", parse=0.030)
    ran = world.pull_event(WORKFLOW % engine, number=1)
    assert f"(engine: {engine})" in ran.log
    assert ran.status == 1
    assert ran.told["verdict"] == "fail"
    assert ran.told["severity"] == "critical"
    assert ran.told["regressions"] == "1"
