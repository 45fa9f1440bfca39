"""What every route of one service shares, made once by the factory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

from starlette.requests import Request

from app.bootstrap import Engine
from app.online.limits import Admission
from app.online.telemetry import Metrics
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class Service:
    engine: Engine
    settings: Settings
    key: str | None  # None: administration is open, and the host is loopback
    admission: Admission
    metrics: Metrics = field(default_factory=Metrics)

    def describe(self) -> None:
        """Put what serves now on the metrics page."""
        serving = self.engine.serving
        if serving is not None:
            self.metrics.serving(
                len(serving.snapshot),
                snapshot_id=serving.snapshot.id,
                tables_id=serving.tables.id,
                release_id=serving.release_id,
            )


def service_of(request: Request) -> Service:
    """Return the service that answers this request."""
    return cast(Service, request.app.state.service)
