"""The gateway's factory: an engine and settings in, an ASGI application out."""

from __future__ import annotations

from fastapi import FastAPI

from app.bootstrap import Engine
from app.online import application
from app.online.gateway import (
    behaviour,
    console,
    documents,
    events,
    explaining,
    routes,
    suggest,
    tracing,
    trending,
    users,
    writing,
)
from app.online.gateway.impressions import attach
from app.settings import Settings

DESCRIPTION = "Many recall channels at once, ranked by a model that learns from its own log."


def create_app(engine: Engine, settings: Settings, key: str | None) -> FastAPI:
    """Wire one gateway. `key` guards administration; None leaves it open."""
    patience_ms = settings.service.timeout_ms
    calls = (routes, suggest, trending, explaining, tracing, documents, events, users, console)
    routers = [module.router for module in calls]
    app = application.create(
        engine, settings, key, routers, "gateway", "Duolu", DESCRIPTION, patience_ms,
        ["/v1/search", "/v1/suggest"],
    )  # fmt: skip
    app.state.impressions = attach(app.state.service)
    app.state.tracing = tracing.attach(app.state.service)
    app.state.documents = writing.attach(app.state.service)
    app.state.behaviour = behaviour.attach(app.state.service)
    app.state.console = console.load()
    app.state.suggested = suggest.counter(app.state.service)
    users.follow(app.state.service, app.state.behaviour)
    return app
