"""The check run: opened when the job begins, completed with the verdict or without one, one for each commit."""

from __future__ import annotations

import re
import signal
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from github import GithubException
from requests import RequestException

from regress_action.github.comment import shared_suite
from regress_action.github.idempotency import TRIES, is_uncertain, make_once, read, repeat
from regress_action.model import escaping

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType

    from github.CheckRun import CheckRun
    from github.CheckRunAnnotation import CheckRunAnnotation

    from regress_action.github.client import Client
    from regress_action.github.event import Plan
    from regress_action.github.preferences import Preferences

NEEDS = "checks: write"
BATCH = 50
OUTPUT_BYTES = 65_535
TITLE_BYTES = 255
UNPROCESSABLE = 422
_FIGURE = re.compile(r"\d[\d.]*\s?[×%]")
JUDGING = {"title": "Judging", "summary": "The measurements are being compared."}


@dataclass(frozen=True, slots=True)
class CheckRunKey:
    """What identifies a check run of ours: its commit, its name, and the job that writes it.

    `owner` is kept as GitHub's `external_id`; it names no attempt, so a job that is run again finds what it made. For
    `publish` it is the measuring run, which a run of its own publishes each time.
    """

    client: Client
    plan: Plan
    name: str

    @property
    def run(self) -> str:
        """The workflow run that was measured, as the beginning of `owner`."""
        measured = self.plan.measured_run_id
        return f"{self.name}/{self.plan.run_id}/" if measured is None else f"{self.name}/published-{measured}/"

    @property
    def owner(self) -> str:
        """The job that writes it."""
        return self.run + (self.plan.job if self.plan.measured_run_id is None else "")

    def find(self, after: int = 0) -> CheckRun | None:
        """Return the newest of ours; with `after`, only one that is newer than the one with that id.

        Raises:
            UsageError: another job of the same workflow run judges a suite of the same name.
        """
        commit = self.client.repository.get_commit(self.plan.head_sha or "")
        runs = list(commit.get_check_runs(check_name=self.name, filter="all"))
        mine = [run for run in runs if run.external_id == self.owner]
        if not mine and any((run.external_id or "").startswith(self.run) for run in runs):
            raise shared_suite(f"the check run “{self.name}”")
        return max((run for run in mine if run.id > after), key=lambda run: run.id, default=None)

    def create(self) -> CheckRun:
        """Create one that is in progress."""
        return self.client.repository.create_check_run(
            name=self.name,
            head_sha=self.plan.head_sha or "",
            status="in_progress",
            started_at=datetime.now(UTC),
            details_url=self.plan.run_url,
            external_id=self.owner,
            output=dict(JUDGING),
        )


@dataclass
class Check:
    """A check run of ours, and whether it has its conclusion."""

    client: Client
    run: CheckRun
    key: CheckRunKey
    finished: bool = False

    @property
    def url(self) -> str:
        """The page of the check run."""
        return self.run.html_url

    def finish(
        self, conclusion: str, title: str, summary: str, annotations: Sequence[dict[str, Any]] = (), state: str = ""
    ) -> None:
        """Send the annotations, at most 50 with each request, and the conclusion with the last of them.

        `state` are marks, which go into a field of their own that shows nothing. Where GitHub does not take it, that is
        a notice and no error.
        """
        output = {
            "title": escaping.cut_bytes(title, TITLE_BYTES),
            "summary": escaping.cut_bytes(summary, OUTPUT_BYTES),
            "text": state,
        }
        self.client.permissions.attempt(
            NEEDS, "the verdict of the check run", lambda: self._finish(conclusion, output, annotations)
        )

    def abandon(self, reason: str) -> None:
        """Say that there is no verdict; a required check stays unfulfilled, a person sees why."""
        self.finish("cancelled", "No verdict", reason)

    def _finish(self, conclusion: str, output: dict[str, Any], annotations: Sequence[dict[str, Any]]) -> None:
        """Complete the check run, or a new one where this one shows something that no longer holds.

        Annotations can be added and never taken off, and GitHub may hold a conclusion to be final.
        """
        waiting = self._missing(annotations)
        if waiting is not None:
            self._send_all(conclusion, output, waiting)
        if waiting is None or self.run.conclusion != conclusion:
            self._supersede()
            self._send_all(conclusion, output, annotations)
        self.finished = True

    def _missing(self, annotations: Sequence[dict[str, Any]]) -> list[dict[str, Any]] | None:
        """Return the annotations that an earlier attempt has not made; None where it made one that no longer holds."""
        waiting = list(annotations)
        if self.run.output.annotations_count:
            for annotation in read(self.client, lambda: list(self.run.get_annotations())):
                same = next((wanted for wanted in waiting if _is_same(annotation, wanted)), None)
                if same is None:
                    return None
                waiting.remove(same)
        return waiting

    def _send_all(self, conclusion: str, output: dict[str, Any], annotations: Sequence[dict[str, Any]]) -> None:
        waiting = list(annotations)
        while len(waiting) > BATCH:
            self._append(output, waiting[:BATCH], {})
            waiting = waiting[BATCH:]
        done = {"status": "completed", "conclusion": conclusion, "completed_at": datetime.now(UTC)}
        self._append(output, waiting, done)

    def _supersede(self) -> None:
        """Use a new check run from now on; people see the newest of a name, and the older one links to it."""
        old = self.run
        self.run = make_once(self.client, lambda: self.key.find(after=old.id), self.key.create)
        left = {"title": "Superseded", "summary": f"This commit was judged again: {self.run.html_url}"}
        ended = partial(old.edit, status="completed", conclusion="neutral", output=left)
        self.client.permissions.attempt(NEEDS, "the older check run", lambda: repeat(self.client, ended))

    def _append(self, output: dict[str, Any], batch: list[dict[str, Any]], done: dict[str, Any]) -> None:
        """Send one batch; where GitHub refuses it, its halves, down to the one that is wrong."""
        try:
            self._send(output | ({"annotations": batch} if batch else {}), done, len(batch))
        except GithubException as error:
            if error.status != UNPROCESSABLE or not batch:
                raise
            self._append_halves(output, batch, done)

    def _append_halves(self, output: dict[str, Any], batch: list[dict[str, Any]], done: dict[str, Any]) -> None:
        middle = len(batch) // 2
        if middle:
            self._append(output, batch[:middle], {})
            self._append(output, batch[middle:], done)
            return
        self.client.permissions.note("GitHub refused an annotation; it is in the job summary.")
        if done:
            self._send(output, done, 0)

    def _send(self, output: dict[str, Any], done: dict[str, Any], count: int) -> None:
        """Edit until the check run shows the batch, and, at the end, the conclusion.

        GitHub appends annotations, so a request whose answer was lost is not simply repeated: the check run tells how
        many it has.
        """
        before = self.run.output.annotations_count or 0
        for _ in range(TRIES):
            try:
                self.run.edit(output=output, **done)
            except (GithubException, RequestException) as error:
                if not is_uncertain(error):
                    raise
                self.client.wait(1)
                self.run = read(self.client, self._fresh)
                arrived = (self.run.output.annotations_count or 0) >= before + count
                if arrived and (not done or self.run.conclusion == done["conclusion"]):
                    return
            else:
                return
        self.run.edit(output=output, **done)

    def _fresh(self) -> CheckRun:
        run = self.client.repository.get_check_run(self.run.id)
        run.update()
        return run


@contextmanager
def opened(client: Client | None, plan: Plan, preferences: Preferences) -> Iterator[Check | None]:
    """Open the check run on the judged commit; if the block leaves it unfinished, close it without a verdict.

    None without a client, without a commit, where the settings want none, or without the permission.

    Raises:
        UsageError: another job of the same workflow run judges a suite of the same name.
    """
    check = None
    if client is not None and plan.head_sha and preferences.check_run and not plan.read_only:
        check = client.permissions.attempt(NEEDS, "the check run", lambda: _open(client, plan, preferences))
    try:
        with _stoppable():
            yield check
    except BaseException as error:
        if check is not None and not check.finished:
            check.abandon(f"regress-action stopped before it had a verdict: {type(error).__name__}.")
        raise
    if check is not None and not check.finished:
        check.abandon("regress-action ended without a verdict. The log of the job says why.")


@contextmanager
def _stoppable() -> Iterator[None]:
    """Let a termination, as of a cancelled workflow, unwind the stack like any other end."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _stop(number: int, _: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


def _open(client: Client, plan: Plan, preferences: Preferences) -> Check:
    """Find the check run that this job has made before and open it again, or create it."""
    key = CheckRunKey(client, plan, preferences.check_name)
    existing = read(client, key.find)
    run = make_once(client, key.find, key.create) if existing is None else _reopened(key, existing)
    if run.app is not None and run.app.slug:
        client.login = f"{run.app.slug}[bot]"
    return Check(client, run, key)


def _reopened(key: CheckRunKey, run: CheckRun) -> CheckRun:
    """Show that it is judged again; in another one where GitHub refuses to change what was completed."""
    begun = partial(run.edit, status="in_progress", details_url=key.plan.run_url, output=dict(JUDGING))
    try:
        repeat(key.client, begun)
    except (GithubException, RequestException) as error:
        if isinstance(error, GithubException) and error.status == UNPROCESSABLE:
            return make_once(key.client, lambda: key.find(after=run.id), key.create)
        if not is_uncertain(error):
            raise
    return run


def _is_same(shown: CheckRunAnnotation, wanted: dict[str, Any]) -> bool:
    """Whether an annotation on GitHub is the wanted one: same subject, same place, same level.

    Its figures may differ, as they do whenever something is measured again; the report has the new ones.
    """
    theirs = (shown.path, shown.start_line, shown.end_line, shown.annotation_level, shown.title or "", shown.message)
    ours = [wanted.get(key, "") for key in ("path", "start_line", "end_line", "annotation_level", "title", "message")]
    return [*theirs[:-1], _subject(theirs[-1])] == [*ours[:-1], _subject(ours[-1])]


def _subject(message: str) -> str:
    """Return what a message is about: all that stands before its first figure."""
    return _FIGURE.split(message, maxsplit=1)[0]
