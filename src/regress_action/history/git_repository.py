"""Git as a program: the one place outside of `measure` that starts it.

Git executes what the configuration of a repository names: hooks, `core.fsmonitor`, filters, `core.sshCommand`, the
`uploadpack` of a remote. A benchmark suite can write the configuration of the checkout it runs in. So git never runs
inside a checkout: `private_repository` makes an empty bare repository of our own, which may read the objects of
another one. Git gets an environment of few variables, no password prompt, no lazy fetch, and only the protocols that
are named.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import signal
import stat
import subprocess
import tempfile
import time
import weakref
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from regress_action.model.errors import HistoryError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_TIMEOUT_S: Final = 300.0
_PREFIX: Final = "regress-history-"
_UNNAMED: Final = "regress-new-history-"  # until its lock is held
_OWNER: Final = "owner"
_LONGEST_MAKING_S: Final = 3600.0
_PASSED: Final = frozenset(  # what git and ssh need; everything else, tokens included, stays out
    {"PATH", "USER", "LOGNAME", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "SSH_AUTH_SOCK"}
    | {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"}
    | {"SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "GIT_DEFAULT_HASH"}
)
_OF_THE_USER: Final = frozenset(  # what the user of a laptop may have set for git, and nobody else
    {
        "HOME",
        "XDG_CONFIG_HOME",
        "GIT_SSH",
        "GIT_SSH_COMMAND",
        "GIT_ASKPASS",
        "SSH_ASKPASS",
        "GIT_CONFIG_GLOBAL",
        "GIT_CONFIG_SYSTEM",
    }
    | {"GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL", "EMAIL", "GIT_CONFIG_NOSYSTEM", "DISPLAY"}
)
_CLOSED: Final = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
_DEFAULTS: Final = {
    "gc.auto": "0",
    "maintenance.auto": "false",
    "protocol.version": "2",  # lets us ask for single objects
    "http.lowSpeedLimit": "100",  # bytes a second: a connection that is dead, not slow …
    "http.lowSpeedTime": "60",  # … for so many seconds
    "advice.detachedHead": "false",
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.commitGraph": "false",  # a file beside the objects that may name other parents than the commits do
    "fetch.recurseSubmodules": "false",
    "submodule.recurse": "false",
}


class GitFailedError(Exception):
    """Git ended with a failure; `output` is what it printed, without secrets."""

    def __init__(self, output: str) -> None:
        super().__init__(output)
        self.output = output

    @property
    def transient(self) -> bool:
        """Whether the network is to blame, so that trying again may help."""
        return bool(_NETWORK.search(self.output)) and not _FINAL.search(self.output)


class PrivateRepository:
    """Git in the repository at `folder`; `config` travels in the environment, where no log shows it.

    `protocols` are the only ways by which git may reach another repository. `closed` leaves the configuration of the
    user and of the machine out: always where a secret travels, because a suite may have written them.
    """

    def __init__(
        self,
        folder: Path,
        environ: Mapping[str, str],
        config: Mapping[str, str] | None = None,
        *,
        protocols: Iterable[str] = (),
        closed: bool = True,
    ) -> None:
        self.folder = folder
        self._environ = _environment(environ, _DEFAULTS | dict(config or {}), tuple(protocols), closed=closed)

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


def private_repository(
    owner: object,
    environ: Mapping[str, str],
    config: Mapping[str, str] | None = None,
    *,
    objects: Path | None = None,
    files: Mapping[str, bytes] | None = None,
    protocols: Iterable[str] = (),
    closed: bool = True,
) -> PrivateRepository:
    """Make a bare repository that nobody else writes to, and that goes when `owner` does.

    It reads the objects in the folder `objects` as its own, and holds `files` (path to content) besides.

    Raises:
        GitFailedError: git cannot make it.
        HistoryError: the disk for temporary files is full or cannot be written.
    """
    try:
        folder = _folder_of(owner)
        git = PrivateRepository(folder, environ, config, protocols=protocols, closed=closed)
        git.run("init", "--quiet", "--bare", "--template=")
        for name, content in (files or {}).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        if objects is not None:
            info = folder / "objects" / "info"
            info.mkdir(exist_ok=True)
            (info / "alternates").write_text(f"{objects}\n", encoding="utf-8")
    except OSError as error:
        raise HistoryError(
            f"A temporary repository could not be made: {error}.",
            meaning="Git needs one to read or write a history on a branch.",
            remedy="Let TMPDIR name a folder on a disk with free space that can be written.",
        ) from error
    return git


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Yield a temporary folder that is removed afterwards, or by a later process where this one is killed."""
    folder, lock = _locked_folder()
    try:
        yield folder
    finally:
        _remove(folder, lock)


def _folder_of(owner: object) -> Path:
    """Make a temporary folder that goes when `owner` does."""
    folder, lock = _locked_folder()
    weakref.finalize(owner, _remove, folder, lock)
    return folder


def _locked_folder() -> tuple[Path, int]:
    """Make a temporary folder and return it with its lock; remove those that killed processes left.

    The file `_OWNER` in it is locked for as long as this process lives, and before the folder has the name by which
    others look for it, so that nobody takes it for an abandoned one.
    """
    place = Path(tempfile.gettempdir())
    _remove_abandoned(place)
    unnamed = Path(tempfile.mkdtemp(prefix=_UNNAMED, dir=place))
    lock = os.open(unnamed / _OWNER, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    return unnamed.rename(unnamed.with_name(_PREFIX + unnamed.name.removeprefix(_UNNAMED))), lock


def _remove(folder: Path, lock: int) -> None:
    _remove_folder(folder)
    os.close(lock)


def _remove_folder(folder: Path) -> None:
    with suppress(RecursionError):  # a suite may have made more levels of folders in it than can be followed
        shutil.rmtree(folder, ignore_errors=True)


def _remove_abandoned(place: Path) -> None:
    """Remove the folders of this user in `place` whose processes ended without removing them."""
    with suppress(OSError), os.scandir(place) as entries:
        for entry in entries:
            if not entry.name.startswith((_PREFIX, _UNNAMED)):
                continue
            with suppress(OSError):
                state = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(state.st_mode) and state.st_uid == os.getuid() and _is_abandoned(entry, state):
                    _remove_folder(Path(entry.path))


def _is_abandoned(entry: os.DirEntry[str], state: os.stat_result) -> bool:
    """Whether no process holds the lock in a folder; one without a lock is being made, unless it is hours old.

    Raises:
        OSError: it went meanwhile, or holds something else there.
    """
    try:
        lock = os.open(Path(entry.path, _OWNER), os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return time.time() - state.st_mtime > _LONGEST_MAKING_S
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return entry.name.startswith(_PREFIX) or time.time() - state.st_mtime > _LONGEST_MAKING_S


def is_workflow(environ: Mapping[str, str]) -> bool:
    """Whether we run in a workflow, where the configuration of git belongs to nobody we trust."""
    return environ.get("GITHUB_ACTIONS") == "true"


def _environment(
    environ: Mapping[str, str], config: Mapping[str, str], protocols: tuple[str, ...], *, closed: bool
) -> dict[str, str]:
    """Return the few variables that git needs, and `config` after what the user's own environment configures."""
    passed = _PASSED if closed else _PASSED | _OF_THE_USER
    ours = {name: value for name, value in environ.items() if name in passed or name.startswith("LC_")}
    first = 0
    if not closed and (count := environ.get("GIT_CONFIG_COUNT", "")).isdigit():
        first = int(count)
        ours |= {
            name: value for name, value in environ.items() if name.startswith(("GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_"))
        }
    for number, (key, value) in enumerate(config.items(), first):
        ours[f"GIT_CONFIG_KEY_{number}"] = key
        ours[f"GIT_CONFIG_VALUE_{number}"] = value
    return {
        "PATH": os.defpath,
        "GIT_SSH_COMMAND": "ssh -oBatchMode=yes",
        **ours,
        **(_CLOSED if closed else {}),
        "GIT_CONFIG_COUNT": str(first + len(config)),
        "GIT_ALLOW_PROTOCOL": ":".join(protocols) or "none",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
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
_FINAL: Final = re.compile(rf"{_ACCESS.pattern}|error: (30[1278]|404)|redirect")
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
        re.compile(r"(?i)error: 30[1278]|redirect"),
        "The server answers from another address, and we follow no redirects, because the token is for this address.",
        "Write the address, or owner/name, as it is now.",
    ),
    (
        re.compile(r"(?i)transport '\w+' not allowed"),
        "Git may reach this repository in no such way.",
        "Name it by https, http or ssh; on a laptop, a path works too.",
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
