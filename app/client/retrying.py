"""When to call again: the service is busy and says so, or the connection was lost.

Every call may be sent twice: writes carry a key of their own, by which the service knows them.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.client.errors import Busy, CallFailed, TimedOut, Unreachable


@dataclass(frozen=True, slots=True)
class Retries:
    """How often and how long. `most` = 0 never calls again."""

    most: int = 3  # after the first attempt
    first_s: float = 0.2  # doubled with each further attempt
    longest_s: float = 10.0  # a service that asks for more gets no further call

    def wait_s(self, attempt: int, error: CallFailed, drawn: float) -> float | None:
        """Return how long to wait after attempt 0, 1, …; None: give up.

        `drawn` from [0, 1) spreads the callers: up to half as long again as was asked for, so that
        they do not come back all at once.
        """
        if attempt >= self.most or isinstance(error, TimedOut):
            return None
        if not isinstance(error, Busy | Unreachable):
            return None
        asked_s = error.retry_after_s or 0.0 if isinstance(error, Busy) else 0.0
        if asked_s > self.longest_s:
            return None
        wait_s = max(asked_s, self.first_s * 2.0**attempt) * (1 + drawn / 2)
        return min(wait_s, self.longest_s)


USUAL = Retries()
