"""What goes wrong on demand."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from fake_github.routing import Answer, RefusedError

PRIMARY = "API rate limit exceeded for installation."
SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."


@dataclass
class Fault:
    """Make the next `times` matching requests go wrong, after letting `skip` pass.

    kind              what the caller sees
    502-before        502; the write did not happen
    502-after         502; the write did happen
    403-secondary     403 of the secondary rate limit with Retry-After
    403-secondary-bare  the same without the header
    403-primary       403 because the hour's requests are used up; the reset is far away
    429               a bare 429, no Retry-After
    422               a validation error
    422-after         a validation error because somebody else was faster: what was asked for exists
    slow              the right answer, `delay_s` late
    truncated         the right answer, cut in the middle; the write did happen
    dropped           the connection closes without an answer; the write did happen
    """

    kind: str
    method: str = ".*"
    path: str = ".*"
    times: int = 1
    skip: int = 0
    delay_s: float = 0.2
    retry_after_s: int = 0
    hits: int = field(default=0, init=False)

    def strikes(self, method: str, path: str) -> bool:
        """Whether this request is hit; counts down."""
        if not (re.fullmatch(self.method, method) and re.search(self.path, path)) or self.hits >= self.times:
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.hits += 1
        return True

    def spoil(self, answer: Answer) -> Answer:
        """Return the answer instead of the right one, where the fault strikes after the work was done."""
        match self.kind:
            case "502-after":
                return Answer(502, {"message": "Server Error"})
            case "422-after":
                return RefusedError(
                    422, "Validation Failed", resource="Any", code="already_exists", field="name"
                ).answer
        return answer

    @property
    def refusal(self) -> Answer | None:
        """The answer instead of doing anything; None when the request is served."""
        refusals = {
            "502-before": Answer(502, {"message": "Server Error"}),
            "403-secondary": Answer(403, {"message": SECONDARY}, {"Retry-After": str(self.retry_after_s)}),
            "403-secondary-bare": Answer(403, {"message": SECONDARY}),
            "403-primary": Answer(403, {"message": PRIMARY}, {"X-RateLimit-Reset": "4102444800"}),
            "429": Answer(429, {"message": "Too many requests"}),
            "422": RefusedError(422, "Validation Failed", resource="Any", code="invalid", field="any").answer,
        }
        return refusals.get(self.kind)
