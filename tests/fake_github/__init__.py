"""A GitHub to talk to in tests: a stateful HTTP server on loopback that is held to GitHub's own OpenAPI description.

    with FakeGitHub() as github:
        github.data.add_pull(head_sha="…")
        … point PyGithub at github.url …
        assert not github.violations

Alone: `PYTHONPATH=tests python -m fake_github --port 8080 --state state.json`.
"""

from fake_github.data import GithubData
from fake_github.faults import Fault
from fake_github.server import FakeGitHub

__all__ = ["FakeGitHub", "Fault", "GithubData"]
