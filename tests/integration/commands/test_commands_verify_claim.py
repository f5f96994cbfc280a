"""`verify-claim` on a real repository whose benchmark writes counts: proven, receipt, check, replay."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from integration.measure.measure_repository import VARIABLES, Repository

if TYPE_CHECKING:
    from pathlib import Path

SUITE = """\
import json, sys
count = int(open("cost").read())
json.dump({"parse": {"instructions": {"value": count}}}, open(sys.argv[1], "w"))
"""


def verify_claim(repository: Repository, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command in the repository."""
    line = [sys.executable, "-m", "regress_action", "verify-claim", *words]
    return subprocess.run(
        line, cwd=repository.folder, env=VARIABLES, capture_output=True, text=True, check=False, timeout=110
    )


def test_a_claim_is_measured_checked_and_replayed(tmp_path: Path) -> None:
    """A claim that holds is proven; its receipt can be checked and measured again, and fails after a change."""
    repository = Repository(tmp_path / "project")
    repository.folder.mkdir()
    repository.git("init", "--quiet", "--initial-branch=main")
    base = repository.commit(suite_dot_py=SUITE, cost="1000")
    head = repository.commit(cost="600")
    suite = ("--", sys.executable, "-I", "-S", "suite.py", "{out}")
    proven = verify_claim(repository, "30 % fewer instructions", "--base", base, "--pairs", "5", *suite)
    assert proven.returncode == 0, proven.stderr
    assert proven.stdout.startswith("Proven: 30 % fewer instructions\nRead as: instructions of the head at most 0.7 ×")
    receipt = repository.folder / ".regress/claim.json"
    content = json.loads(receipt.read_text())
    assert (content["base"], content["head"], content["verdict"]) == (base, head, "proven")
    assert [(pair["base"], pair["head"]) for pair in content["evidence"][0]["pairs"]] == [(1000, 600)] * 5

    assert verify_claim(repository, "--receipt", str(receipt)).returncode == 0
    repository.commit(cost="2000")  # a replay measures the receipt's commits, whatever is on disk
    replayed = verify_claim(repository, "--receipt", str(receipt), "--replay", "--write", "again.json", "--json", "-")
    assert json.loads(replayed.stdout)["verdict"] == "proven"
    assert "another than that of the receipt" not in replayed.stderr
    assert (repository.folder / "again.json").exists()

    receipt.write_bytes(receipt.read_bytes().replace(b"600", b"500", 1))
    changed = verify_claim(repository, "--receipt", str(receipt))
    assert changed.returncode == 2
    assert "its digest does not fit its content" in changed.stderr


def test_a_call_without_a_base_or_a_number_is_one_clear_error(tmp_path: Path) -> None:
    """What is missing is said, with an example."""
    repository = Repository(tmp_path)
    for words in (("1.3x faster",), ("much faster", "--base", "HEAD"), ("--base", "HEAD")):
        ended = verify_claim(repository, *words)
        assert ended.returncode == 2
        assert "1.3x faster" in ended.stderr
        assert "Traceback" not in ended.stderr
