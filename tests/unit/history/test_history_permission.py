"""Only events of the default branch write."""

import pytest

from regress_action.history import may_write


@pytest.mark.parametrize(
    ("event", "ref", "is_fork", "expected"),
    [
        ("push", "refs/heads/main", False, True),
        ("schedule", "refs/heads/main", False, True),
        ("workflow_dispatch", "refs/heads/main", False, True),
        ("repository_dispatch", "refs/heads/main", False, True),
        ("push", "refs/heads/main", True, False),
        ("push", "refs/heads/topic", False, False),
        ("push", "refs/tags/main", False, False),
        ("workflow_dispatch", "refs/heads/topic", False, False),
        ("pull_request", "refs/pull/1/merge", False, False),
        ("pull_request", "refs/heads/main", False, False),
        ("pull_request_target", "refs/heads/main", False, False),
        ("workflow_run", "refs/heads/main", False, False),
        ("issue_comment", "refs/heads/main", False, False),
        ("merge_group", "refs/heads/gh-readonly-queue/main/pr-1", False, False),
        ("", "refs/heads/main", False, False),
    ],
)
def test_who_may_write(event: str, ref: str, is_fork: bool, expected: bool) -> None:
    """A pull request, forked or not, never changes what it is compared with."""
    assert may_write(event, ref, "main", is_fork=is_fork) is expected


def test_an_unknown_default_branch_is_nobodys() -> None:
    """Where the default branch is not known, nothing is written."""
    assert not may_write("push", "refs/heads/", "", is_fork=False)
