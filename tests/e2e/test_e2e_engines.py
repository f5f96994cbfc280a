"""The action starts wherever a job can run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from e2e_workflows import measuring, workflow

if TYPE_CHECKING:
    from e2e_world import GithubData

pytestmark = pytest.mark.timeout(600)


@pytest.mark.parametrize("engine", ["docker", "venv"])
def test_a_pull_request_is_measured_and_judged(world: GithubData, engine: str) -> None:
    """Either engine measures base and head in turn and judges them."""
    world.push()
    world.costs("Slower", parse=0.030)
    ran = world.pull_event(workflow(measuring(more=f"          engine: {engine}")))
    assert f"(engine: {engine})" in ran.log
    assert ran.status == 1
    assert (ran.told["verdict"], ran.told["severity"], ran.told["regressions"]) == ("fail", "critical", "1")
