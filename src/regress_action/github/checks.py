"""The check run: opened when the work begins, finished with the verdict, never left hanging."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn

from github import GithubException
from requests import RequestException

from regress_action import escape
from regress_action.github.attempts import TRIES, is_uncertain, once, read

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType

    from github.CheckRun import CheckRun

    from regress_action.github.client import Client
    from regress_action.github.plan import Plan
    from regress_action.github.preferences import Preferences

NEEDS = "checks: write"
BATCH = 50
OUTPUT_BYTES = 65_535
TITLE_BYTES = 255
UNPROCESSABLE = 422


@dataclass
class Check:
    """A check run of ours, and whether it has its conclusion."""

    client: Client
    run: CheckRun
    finished: bool = False

    @property
    def url(self) -> str:
        """The page of the check run."""
        return self.run.html_url

    def finish(self, conclusion: str, title: str, summary: str, annotations: Sequence[dict[str, Any]] = ()) -> None:
        """Send the annotations, at most 50 with each request, and the conclusion with the last of them.

        Where GitHub does not take it, that is a notice and no error.
        """
        self.client.access.attempt(
            NEEDS, "the verdict of the check run", lambda: self._finish(conclusion, title, summary, annotations)
        )

    def abandon(self, reason: str) -> None:
        """Say that there is no verdict; a required check stays unfulfilled, a person sees why."""
        self.finish("cancelled", "No verdict", reason)

    def _finish(self, conclusion: str, title: str, summary: str, annotations: Sequence[dict[str, Any]]) -> None:
        """Finish, unless the same attempt has said just that before.

        GitHub appends annotations, so a request whose answer was lost is not simply repeated: the check run says
        how many it has. An annotation that GitHub refuses is left out without costing the others.
        """
        output = {
            "title": escape.cut_bytes(title, TITLE_BYTES),
            "summary": escape.cut_bytes(summary, OUTPUT_BYTES),
        }
        done = {"status": "completed", "conclusion": conclusion, "completed_at": datetime.now(UTC)}
        waiting = list(annotations)[self.run.output.annotations_count or 0 :]
        if not waiting and self._says(conclusion, output):
            self.finished = True
            return
        while len(waiting) > BATCH:
            self._append(output, waiting[:BATCH], {})
            waiting = waiting[BATCH:]
        self._append(output, waiting, done)
        self.finished = True

    def _says(self, conclusion: str, output: dict[str, Any]) -> bool:
        """Whether the same attempt has said just that before."""
        said = {"title": self.run.output.title, "summary": self.run.output.summary}
        return self.run.conclusion == conclusion and said == output

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
        self.client.access.note("GitHub refused an annotation; it is in the job summary.")
        if done:
            self._send(output, done, 0)

    def _send(self, output: dict[str, Any], done: dict[str, Any], count: int) -> None:
        """Edit until the check run shows the batch, and, at the end, the conclusion."""
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
                if arrived and (not done or self.run.status == "completed"):
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

    None where there is nobody to talk to, no commit, no wish for it, or no permission.
    """
    check = None
    if client is not None and plan.head_sha and preferences.check_run and not plan.read_only:
        check = client.access.attempt(NEEDS, "the check run", lambda: _open(client, plan, preferences))
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
    """Find the check run of this attempt, or create it."""
    head_sha = plan.head_sha or ""
    name = preferences.check_name
    key = f"{name}/{plan.run_id}.{plan.attempt}"
    commit = client.repository.get_commit(head_sha)

    def look() -> CheckRun | None:
        runs = commit.get_check_runs(check_name=name, filter="all")
        return next((run for run in runs if run.external_id == key), None)

    def make() -> CheckRun:
        return client.repository.create_check_run(
            name=name,
            head_sha=head_sha,
            status="in_progress",
            started_at=datetime.now(UTC),
            details_url=plan.run_url,
            external_id=key,
            output={"title": "Judging", "summary": "The measurements are being compared."},
        )

    run = once(client, look, make)
    if client.is_app and run.app.slug:
        client.login = f"{run.app.slug}[bot]"
    return Check(client, run)
