"""Follows the document log beside the requests, on a thread of its own."""

from __future__ import annotations

import logging
import threading
import time

from app.bootstrap import Engine
from app.online.metrics import Metrics

log = logging.getLogger(__name__)

PUBLISH_EVERY_S = 0.3  # changes show in groups, for each group costs some milliseconds
LOG = "documents"  # as metrics name it
TURN_S = 0.0005  # of work that is done at a stretch, as long as Python itself lets threads run on
REST = 4.0  # × what a turn took: searches have the processor's better part meanwhile
RESTS_S = 0.2  # of one round, the longest: on a busy machine every rest takes longer than it should
RANKER_READS_EVERY_S = 0.05  # so that it has read what a gateway publishes 0.3 s after reading it


class LogFollower:
    """Reads what is new, lets searches see it, and says so on the metrics page."""

    def __init__(self, engine: Engine, metrics: Metrics, read_every_s: float) -> None:
        self._engine = engine
        self._read_every_s = read_every_s
        self._metrics = metrics
        self._is_ending = False
        self._rested_s = 0.0  # its processor time when it last gave way, or began
        self._hurries_at_s = 0.0  # on the monotonic clock: from then on it does not rest
        self._thread = threading.Thread(target=self._run, name="follow", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """End after the round that is under way."""
        self._is_ending = True
        self._engine.reader.wake.set()
        self._thread.join()

    def _run(self) -> None:
        wake, publish_at_s = self._engine.reader.wake, time.monotonic()
        while not self._is_ending:
            is_asked = wake.wait(self._read_every_s)
            wake.clear()
            self._hurries_at_s = 0.0 if is_asked else time.monotonic() + RESTS_S
            self._rested_s = time.thread_time()
            try:
                if self._engine.read_log(self._give_way):
                    self._metrics.reached_end(LOG, time.monotonic())
                if time.monotonic() >= publish_at_s:
                    publish_at_s = time.monotonic() + PUBLISH_EVERY_S
                    self._publish()
            except Exception:
                log.exception("following the document log failed; what served goes on serving")

    def _give_way(self) -> None:
        """Rest after each turn, unless somebody waits for what is being done."""
        worked_s = time.thread_time() - self._rested_s
        left_s = self._hurries_at_s - time.monotonic()
        if worked_s < TURN_S or left_s <= 0 or self._engine.reader.wake.is_set():
            return
        time.sleep(min(worked_s * REST, left_s))
        self._rested_s = time.thread_time()

    def _publish(self) -> None:
        """Publish a view and count how long its oldest change waited."""
        accepted_ms = self._engine.publish_view(self._give_way)
        if accepted_ms is not None:
            self._metrics.visible_seconds.observe(max(time.time() - accepted_ms / 1e3, 0.0))
            self._metrics.view(self._engine.acquire().snapshot)
