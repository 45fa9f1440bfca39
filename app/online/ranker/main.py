"""The ranker's factory: an engine and settings in, an ASGI application out."""

from __future__ import annotations

from fastapi import FastAPI

from app.bootstrap import Engine
from app.online import application
from app.online.following import RANKER_READS_EVERY_S
from app.online.ranker import routes
from app.settings import Settings

DESCRIPTION = "Scores candidates that a gateway recalled. Search goes on without it, unranked."


def create_app(engine: Engine, settings: Settings, key: str | None) -> FastAPI:
    """Wire one ranker. `key` guards everything but health; None leaves it open."""
    patience_ms = min(settings.rank.timeout_ms, settings.service.timeout_ms)
    return application.create(
        engine, settings, key, [routes.router], "ranker", "Duolu ranker", DESCRIPTION,
        patience_ms, ["/v1/rank"], RANKER_READS_EVERY_S,
    )  # fmt: skip
