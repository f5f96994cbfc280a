"""A command whose exit status somebody else collected is a fault that is told, never an endless wait."""

import os
import subprocess

import pytest

from regress_action.measure.errors import BrokenGroundError
from regress_action.measure.process import _Reaper
from regress_action.measure.start import Root


def test_a_lost_exit_status_is_told() -> None:
    """Where no such process is left and no status came, waiting would never end."""
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    with pytest.raises(BrokenGroundError, match="somebody else collected"):
        _Reaper(Root(gone.pid, None, 0.0, -1)).check()


def test_a_living_command_is_waited_for() -> None:
    """As long as the process is there, nothing is wrong."""
    _Reaper(Root(os.getpid(), None, 0.0, -1)).check()
