"""What every route of one service shares, made once by the factory."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from typing import Protocol, cast

from starlette.requests import Request

from app.bootstrap import Engine
from app.online.admission import Admission
from app.online.door import Door
from app.online.incoming import Incoming
from app.online.metrics import Metrics
from app.settings import Settings


class Background(Protocol):
    """Work beside the requests, on threads of its own."""

    def start(self) -> None: ...

    def close(self) -> None:
        """End in order: it may take some seconds."""
        ...


@dataclass(frozen=True, slots=True)
class Service:
    engine: Engine
    settings: Settings
    key: str | None  # None: administration is open, and the host is loopback
    admission: Admission
    door: Door
    metrics: Metrics
    incoming: Incoming = field(default_factory=Incoming)
    background: list[Background] = field(default_factory=list)  # lives as long as the service

    def describe(self) -> None:
        """Put what serves now on the metrics page."""
        serving = self.engine.serving
        self.metrics.ready.set(serving is not None and self.engine.has_caught_up)
        if serving is not None:
            self.metrics.view(serving.snapshot)
            self.metrics.serving(
                serving.snapshot.documents.live_count,
                snapshot_id=serving.snapshot.id,
                tables_id=serving.tables.id,
                release_id=serving.release_id,
            )
        self.metrics.releases(self.engine.attempts.problems, self.engine.shelf.scored_by())

    def measure_disk(self) -> None:
        """Put the room that is left on the metrics page. May wait for the disk."""
        try:
            disk = shutil.disk_usage(self.engine.stores.data)
        except OSError:
            return  # nothing was written yet
        self.metrics.free_bytes.set(disk.free)
        self.metrics.disk_bytes.set(disk.total)

    def page(self, now_s: float) -> bytes:
        """Render the metrics as they are at `now_s` of the monotonic clock."""
        admission, remote = self.admission, self.engine.choosing.remote
        self.metrics.load(admission.in_flight, int(admission.limit), admission.shed)
        self.metrics.lags(now_s)
        self.metrics.breaker.set(remote is not None and remote.breaker.is_open)
        return self.metrics.page()


def service_of(request: Request) -> Service:
    """Return the service that answers this request."""
    return cast(Service, request.app.state.service)
