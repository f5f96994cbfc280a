"""Bad input at the command line: one clear message, the documented exit code, and no traceback."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


def regress(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program in `folder` as a user does."""
    command = [sys.executable, "-m", "regress_action", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def results(*values: float, name: str = "sort") -> str:
    """Return a hyperfine 1.x file with one benchmark."""
    middle = sorted(values)[len(values) // 2] if values else 0
    row = {
        "command": name,
        "times": list(values),
        "mean": middle,
        "median": middle,
        "stddev": 0.001,
        "min": 1,
        "max": 1,
    }
    return json.dumps({"results": [row | {"user": 0.1, "system": 0.1, "exit_codes": [0] * len(values)}]})


GOOD = results(0.101, 0.102, 0.103)

FILES = {
    "absent": (None, 2, "bad.json"),
    "empty": ("", 2, "empty"),
    "no benchmarks": ('{"results": []}', 2, "bad.json"),
    "half a file": (GOOD[: len(GOOD) // 2], 2, "bad.json"),
    "nothing known": ('{"hello": "world"}', 2, "format"),
    "not a number anywhere": (results(0.1).replace("0.1", "NaN"), 2, "bad.json"),
    "negative times": (results(-0.1, -0.2), 2, "negative"),
    "nothing in common": (results(0.1, name="another"), 3, "no benchmark in common"),
}


@pytest.mark.parametrize("case", FILES)
def test_a_wrong_file_is_one_message(tmp_path: Path, case: str) -> None:
    """Every kind of wrong result file ends with its exit code and a message that names the file or the fault."""
    content, code, said = FILES[case]
    (tmp_path / "good.json").write_text(GOOD)
    if content is not None:
        (tmp_path / "bad.json").write_text(content)
    ended = regress(tmp_path, "compare", "--baseline", "good.json", "--head", "bad.json")
    assert (ended.returncode, "Traceback" in ended.stderr) == (code, False), ended.stderr
    assert said in ended.stderr
    assert ended.stderr.startswith("regress-action: ")


def test_units_that_disagree_are_not_compared(tmp_path: Path) -> None:
    """Seconds on one side and bytes on the other give no ratio, and the comparison is not a pass."""
    (tmp_path / "a.json").write_text(pyperf("second", 0.1))
    (tmp_path / "b.json").write_text(pyperf("byte", 100))
    ended = regress(tmp_path, "compare", "--baseline", "a.json", "--head", "b.json", "--json", "-")
    assert ended.returncode == 3, ended.stderr + ended.stdout


def pyperf(unit: str, value: float) -> str:
    """Return a pyperf file with one benchmark in `unit`."""
    runs = [{"values": [value, value * 1.01, value * 0.99], "metadata": {"date": "2026-01-01 00:00:00"}}]
    return json.dumps({"version": "1.0", "metadata": {"name": "copy", "unit": unit}, "benchmarks": [{"runs": runs}]})


def test_a_wrong_thresholds_file_is_one_message(tmp_path: Path) -> None:
    """A typing error in the thresholds file is told with service and key, before anything is judged."""
    (tmp_path / "good.json").write_text(GOOD)
    (tmp_path / "t.yml").write_text("cache: {regression_threshold: 0.9}\n")
    ended = regress(tmp_path, "compare", "--baseline", "good.json", "--head", "good.json", "--thresholds", "t.yml")
    assert ended.returncode == 2
    assert "cache.regression_threshold" in ended.stderr


def test_an_unwritable_output_is_infrastructure(tmp_path: Path) -> None:
    """The judgement is shown even when the copy that was asked for cannot be written; that is exit code 4."""
    for name in "ab":
        (tmp_path / f"{name}.json").write_text(GOOD)
    (tmp_path / "file").touch()
    ended = regress(tmp_path, "compare", "--baseline", "a.json", "--head", "b.json", "--json", "file/out.json")
    assert ended.returncode == 4
    assert "could not be written" in ended.stderr


def test_a_closed_pipe_is_no_fault(tmp_path: Path) -> None:
    """`regress-action … | head -1` prints one line and no traceback."""
    for name in "ab":
        (tmp_path / f"{name}.json").write_text(GOOD)
    line = f"{sys.executable} -m regress_action compare --baseline a.json --head b.json --json - | head -1"
    ended = subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.stdout.strip() == "{"
    assert "Traceback" not in ended.stderr
