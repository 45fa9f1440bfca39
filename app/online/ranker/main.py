"""The ranker's factory: an engine and settings in, an ASGI application out."""

from __future__ import annotations

from fastapi import FastAPI

from app.bootstrap import Engine
from app.online import application
from app.online.following import RANKER_READS_EVERY_S
from app.online.ranker import routes
from app.online.ranker.calling import PATH, RankCalls
from app.settings import Settings

NAME = "ranker"
DESCRIPTION = "Scores candidates that a gateway recalled. Search goes on without it, unranked."


def create_app(engine: Engine, settings: Settings, key: str | None) -> FastAPI:
    """Wire one ranker. `key` guards everything but health; None leaves it open."""
    patience_ms = min(settings.rank.timeout_ms, settings.service.timeout_ms)
    app = application.create(
        engine, settings, key, [routes.router], NAME, "Duolu ranker", DESCRIPTION,
        patience_ms, [PATH], RANKER_READS_EVERY_S,
    )  # fmt: skip
    application.bypass(app, NAME, RankCalls)
    return app
