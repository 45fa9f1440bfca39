"""What every route of one service shares, made once by the factory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, cast

from starlette.requests import Request

from app.bootstrap import Engine
from app.online.admission import Admission
from app.online.door import Door
from app.online.telemetry import Metrics
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
    metrics: Metrics = field(default_factory=Metrics)
    background: list[Background] = field(default_factory=list)  # lives as long as the service

    def describe(self) -> None:
        """Put what serves now on the metrics page."""
        serving = self.engine.serving
        if serving is not None:
            self.metrics.view(serving.snapshot)
            self.metrics.serving(
                serving.snapshot.documents.live_count,
                snapshot_id=serving.snapshot.id,
                tables_id=serving.tables.id,
                release_id=serving.release_id,
            )
        self.metrics.releases(self.engine.attempts.problems, self.engine.shelf.scored_by())


def service_of(request: Request) -> Service:
    """Return the service that answers this request."""
    return cast(Service, request.app.state.service)
