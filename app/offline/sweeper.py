"""The sweeper: has deleted, within hours, what is left of people who asked to be forgotten.

Like a compaction it runs in a process of its own, at the lowest priority. Several at once take
turns, and all but the first find nothing to do.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from app.domain.errors import ServerError
from app.offline.forgetting import waiting
from app.offline.rounds import Rounds
from app.offline.workplace import Workplace

log = logging.getLogger(__name__)

LOOK_S = 30.0


class Sweeper:
    """Background work of one process. `command` is what sweeps once: duolu gc --forgotten."""

    def __init__(self, place: Workplace, command: Sequence[str], look_s: float = LOOK_S) -> None:
        self._place = place
        self._command = command
        self._rounds = Rounds("sweeper", self._look, look_s)

    def start(self) -> None:
        self._rounds.start()

    def close(self) -> None:
        """End soon; a sweep under way is ended, and finished by the next."""
        self._rounds.close()

    def _look(self) -> None:
        try:
            if self._is_due(int(time.time() * 1e3)):
                self._sweep()
        except ServerError as error:
            log.warning("nobody is forgotten meanwhile: %s", error)

    def _is_due(self, now_ms: int) -> bool:
        """Tell whether somebody asked so long ago that all processes have let go of them."""
        if not self._place.has_identities:
            return False
        patience_ms = self._place.settings.retention.deletion_begins_after_minutes * 60_000
        with self._place.identities() as identities:
            asked = [one.asked_ms for one in waiting(self._place, identities)]
        return bool(asked) and min(asked) <= now_ms - patience_ms

    def _sweep(self) -> None:
        code = self._rounds.run_to_end(self._command)
        if code:
            log.warning("a sweep ended with %d; it is tried again", code)
