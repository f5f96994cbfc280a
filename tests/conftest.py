"""What holds for every test."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is no failure. What is drawn is the same in every run, since a bound on noise is exceeded by chance now
# and then; `tests/fuzz.py` draws anew.
settings.register_profile("steady", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")

# A shell ignores Ctrl-C for what it starts in the background, and what is ignored stays so in every process below; the
# tests of interrupts need it heard, however they were started.
for _number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.default_int_handler if _number is signal.SIGINT else signal.SIG_DFL)


DEEP = "import os, sys\nos.chdir(sys.argv[1])\nfor _ in range(1200): os.mkdir('a'); os.chdir('a')"


@pytest.fixture
def deep_folder(tmp_path: Path) -> Iterator[Path]:
    """Return a folder that holds more levels of folders than Python's stack; pytest could not remove it itself."""
    subprocess.run([sys.executable, "-c", DEEP, os.fspath(tmp_path)], check=True)
    yield tmp_path
    subprocess.run(["rm", "-rf", os.fspath(tmp_path / "a")], check=True)
