"""What git says, in words that help."""

import os
from pathlib import Path

import pytest

from regress_action.history.git_repository import GitFailedError, PrivateRepository, explain


@pytest.mark.parametrize(
    ("output", "meaning"),
    [
        ("fatal: sha1 file 'objects/pack/tmp_pack_x' write error. Out of diskspace", "The disk is full"),
        ("error: unable to write file: No space left on device", "The disk is full"),
        ("git fast-import was ended by SIGXFSZ", "The disk is full"),
        ("remote: error: GH013: Repository rule violations found", "A rule of the repository"),
        ("fatal: Authentication failed for 'x'", "may not read or write"),
        ("fatal: the remote end hung up unexpectedly", "could not be reached"),
        ("remote: Repository not found.", "does not exist"),
        ("fatal: something new", "The branch is as it was before"),
    ],
)
def test_a_failure_of_git_is_explained(output: str, meaning: str) -> None:
    """Its own words stay in the message, with what they mean and what to do."""
    error = explain(GitFailedError(output), "branch:x")
    assert output in error.what
    assert meaning in error.meaning
    assert error.remedy


def test_a_git_that_was_killed_says_by_what(tmp_path: Path) -> None:
    """A signal leaves no words of git's own."""
    fake = tmp_path / "git"
    fake.write_text("#!/bin/sh\nkill -9 $$\n")
    fake.chmod(0o755)
    environ = {"PATH": os.pathsep.join([os.fspath(tmp_path), os.defpath])}
    with pytest.raises(GitFailedError, match="git status was ended by SIGKILL"):
        PrivateRepository(tmp_path, environ).run("status")
