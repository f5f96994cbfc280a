"""A command whose exit status another process collected is a fault that is told, never an endless wait."""

import os
import subprocess

import pytest

from regress_action.measure.errors import EnvironmentFailedError
from regress_action.measure.process import Reaper
from regress_action.measure.spawn import StartedProcess


def test_lost_exit_status_is_an_error() -> None:
    """Where no such process is left and no status came, waiting would never end."""
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    with pytest.raises(EnvironmentFailedError, match="another process collected"):
        Reaper(StartedProcess(gone.pid, None, 0.0, -1)).check()


def test_running_command_is_waited_for() -> None:
    """As long as the process is there, nothing is wrong."""
    Reaper(StartedProcess(os.getpid(), None, 0.0, -1)).check()
