"""The control group of the measurer, in the kernel of this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs cgroup v2")
PROGRAM = """
import json, os, subprocess, sys, time
from regress_action.measure.supervisor import ControlGroup
from regress_action.measure.process_tree import become_subreaper
from regress_action.measure.supervisor import _reap

become_subreaper()
group = ControlGroup.create()
if group is None:
    print(json.dumps(None))
    sys.exit()
with group.entered():
    subprocess.Popen(["sh", "-c", "setsid sleep 60 & setsid sleep 60 &"]).wait()
below = group.folder / "below"
below.mkdir()
(below / "cgroup.procs").write_text(str(group.members()[0]))
before = group.members()
left = group.end(_reap)
print(json.dumps([len(before), left, group.folder.exists(), [os.path.exists(f"/proc/{pid}") for pid in before]]))
"""


def test_everything_in_the_group_is_ended_and_the_group_is_removed() -> None:
    """Daemons in sessions of their own, and one that moved to a group below, are killed; this process is not."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environ, capture_output=True, text=True, check=True)
    if done.stdout == "null\n":  # a container whose control groups are read-only, and no sudo
        mount = next(line for line in Path("/proc/mounts").read_text().splitlines() if " cgroup2 " in line)
        assert " ro," in mount or os.geteuid()
    else:
        assert done.stdout == "[2, [], false, [false, false]]\n"
