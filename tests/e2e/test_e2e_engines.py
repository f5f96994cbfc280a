"""The action starts wherever a job can run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from e2e.e2e_workflows import measuring, workflow

if TYPE_CHECKING:
    from e2e.e2e_repository import UserRepository

pytestmark = pytest.mark.timeout(600)


@pytest.mark.parametrize("engine", ["docker", "venv"])
def test_a_pull_request_is_measured_and_judged(repository: UserRepository, engine: str) -> None:
    """Either engine measures base and head in turn and judges them."""
    repository.push()
    repository.costs("Slower", parse=0.030)
    ran = repository.pull_event(workflow(measuring(more=f"          engine: {engine}")))
    assert f"(engine: {engine})" in ran.log
    assert ran.status == 1
    assert (ran.outputs["verdict"], ran.outputs["severity"], ran.outputs["regressions"]) == ("fail", "critical", "1")
