"""Follows the document log beside the requests, on a thread of its own."""

from __future__ import annotations

import logging
import threading
import time

from app.bootstrap import Engine
from app.online.metrics import Metrics

log = logging.getLogger(__name__)

PUBLISH_EVERY_S = 0.2  # changes show in groups, for each group costs some milliseconds
LOG = "documents"  # as metrics name it
RANKER_READS_EVERY_S = 0.05  # so that it has read what a gateway publishes 0.2 s after reading it


class LogFollower:
    """Reads what is new, lets searches see it, and says so on the metrics page."""

    def __init__(self, engine: Engine, metrics: Metrics, read_every_s: float) -> None:
        self._engine = engine
        self._read_every_s = read_every_s
        self._metrics = metrics
        self._is_ending = False
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
            wake.wait(self._read_every_s)
            wake.clear()
            try:
                if self._engine.read_log():
                    self._metrics.reached_end(LOG, time.monotonic())
                if time.monotonic() >= publish_at_s:
                    publish_at_s = time.monotonic() + PUBLISH_EVERY_S
                    self._publish()
            except Exception:
                log.exception("following the document log failed; what served goes on serving")

    def _publish(self) -> None:
        """Publish a view and count how long its oldest change waited."""
        accepted_ms = self._engine.publish_view()
        if accepted_ms is not None:
            self._metrics.visible_seconds.observe(max(time.time() - accepted_ms / 1e3, 0.0))
            self._metrics.view(self._engine.acquire().snapshot)
