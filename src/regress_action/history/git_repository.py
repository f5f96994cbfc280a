"""Git as a program: started without a shell, with a clean environment, and never asked for a password."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from regress_action.model.errors import HistoryError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_TIMEOUT_S: Final = 300.0
_INHERITED: Final = frozenset(  # a hook or an alias sets these for its own repository, not for ours
    {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES"}
    | {"GIT_NAMESPACE", "GIT_COMMON_DIR", "GIT_PREFIX", "GIT_SHALLOW_FILE", "GIT_TRACE", "GIT_CURL_VERBOSE"}
    | {"GIT_TRACE_CURL", "GIT_TRACE_PACKET"}  # … and these would print the token
)
_DEFAULTS: Final = {
    "gc.auto": "0",
    "maintenance.auto": "false",
    "protocol.version": "2",  # lets us ask for single objects
    "http.lowSpeedLimit": "100",  # bytes a second: a connection that is dead, not slow …
    "http.lowSpeedTime": "60",  # … for so many seconds
    "advice.detachedHead": "false",
    "core.hooksPath": os.devnull,
}


class GitFailedError(Exception):
    """Git ended with a failure; `output` is what it printed, without secrets."""

    def __init__(self, output: str) -> None:
        super().__init__(output)
        self.output = output

    @property
    def transient(self) -> bool:
        """Whether the network is to blame, so that trying again may help."""
        return bool(_NETWORK.search(self.output)) and not _ACCESS.search(self.output)


class GitRepository:
    """Git in the repository at `folder`; `config` travels in the environment, where no log shows it."""

    def __init__(self, folder: Path, environ: Mapping[str, str], config: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self._environ = _environment(environ, _DEFAULTS | dict(config or {}))

    def run(self, *arguments: str, feed: bytes = b"") -> bytes:
        """Run a git command, feed it `feed`, and return what it prints.

        Raises:
            GitFailedError: it failed, or did not end within five minutes.
            HistoryError: there is no git.
        """
        return self.run_with_stderr(*arguments, feed=feed)[0]

    def run_with_stderr(self, *arguments: str, feed: bytes = b"") -> tuple[bytes, str]:
        """Run a git command; return what it prints, and what it complains about."""
        try:
            process = subprocess.Popen(  # noqa: S603 - no shell, and no argument comes from results
                ["git", "-C", str(self.folder), *arguments],  # noqa: S607 - the git that the user has
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=self._environ,
                start_new_session=True,  # so that its helpers can be ended with it
            )
        except FileNotFoundError as error:
            raise HistoryError(
                "There is no git here.",
                meaning="A history on a branch is read and written with git.",
                remedy="Install git, or keep the history in a folder.",
            ) from error
        try:
            printed, complaint = process.communicate(feed, timeout=_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise GitFailedError(f"git {arguments[0]} timed out after {_TIMEOUT_S:.0f} s") from None
        finally:
            if process.poll() is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
        output = scrub(complaint.decode(errors="replace")).strip()
        if process.returncode < 0:
            output = f"{output}\ngit {arguments[0]} was ended by {signal.Signals(-process.returncode).name}".strip()
        if process.returncode:
            raise GitFailedError(
                "\n".join(filter(None, (output, scrub(printed[-2000:].decode(errors="replace")).strip())))
            )
        return printed, output


def scrub(text: str) -> str:
    """Take user names, passwords and tokens out of URLs and headers."""
    text = re.sub(r"(?<=://)[^/@\s]+@", "", text)
    return re.sub(r"(?i)(authorization:\s*)\S+(\s+\S+)?", r"\1***", text)


def explain(error: GitFailedError, where: str) -> HistoryError:
    """Say what git's failure means for the history at `where`, and what to do."""
    output = error.output.replace("\n", " ")[-600:]
    for pattern, meaning, remedy in _MEANINGS:
        if pattern.search(error.output):
            return HistoryError(f"{where}: git failed: {output}", meaning=meaning, remedy=remedy)
    return HistoryError(
        f"{where}: git failed: {output}",
        meaning="The branch is as it was before.",
        remedy="Try the same repository with git by hand; its words above are all we know.",
    )


def _environment(environ: Mapping[str, str], config: Mapping[str, str]) -> dict[str, str]:
    """Return the caller's environment without what points at other repositories, and with `config` added to its own."""
    ours = {name: value for name, value in environ.items() if name not in _INHERITED}
    first = int(count) if (count := ours.get("GIT_CONFIG_COUNT", "")).isdigit() else 0
    for number, (key, value) in enumerate(config.items(), first):
        ours[f"GIT_CONFIG_KEY_{number}"] = key
        ours[f"GIT_CONFIG_VALUE_{number}"] = value
    return {
        "PATH": os.defpath,
        "GIT_SSH_COMMAND": "ssh -oBatchMode=yes",
        **ours,
        "GIT_CONFIG_COUNT": str(first + len(config)),
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",  # we read what it says
    }


_ACCESS: Final = re.compile(
    r"(?i)authentication failed|could not read username|permission to .* denied|permission denied|access denied"
    r"|resource not accessible|bad credentials"
    r"|error: 40[13]"
)
_NETWORK: Final = re.compile(
    r"(?i)could not resolve|connection (refused|reset|timed out)|failed to connect|unable to access|early eof|hung up"
    r"|unexpected disconnect|rpc failed|timed out|error: 5\d\d|invalid index-pack output|transfer closed|empty reply"
)
_MEANINGS: Final = (
    (
        re.compile(r"GH006|GH013|(?i:protected branch|verified signature|pre-receive hook declined|rule violations)"),
        "A rule of the repository protects the branch, or demands signed commits.",
        "Exempt the branch from the rule, or set REGRESS_HISTORY_COMMITS=api: such commits are signed by GitHub.",
    ),
    (
        _ACCESS,
        "We may not read or write this repository.",
        "Give the job `permissions: contents: write`; for another repository, set REGRESS_HISTORY_TOKEN.",
    ),
    (
        re.compile(r"(?i)not found|does not appear to be a git repository|not a git repository|no such file"),
        "The repository does not exist, or this token may not see it.",
        "Check the name after `@`, or the remote `origin` of the checkout.",
    ),
    (
        _NETWORK,
        "The server could not be reached, and the branch is as it was before.",
        "Try again; the same report is never stored twice.",
    ),
    (
        re.compile(r"(?i)no space left|out of disk ?space|disk quota|file too large|SIGXFSZ"),
        "The disk is full, and the branch is as it was before.",
        "Free some space where temporary files go (TMPDIR).",
    ),
)
