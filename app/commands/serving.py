"""serve: the services."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from app.bootstrap import Engine
from app.commands import options as o
from app.domain.errors import InvalidInput
from app.offline.indexer import Indexer
from app.offline.workplace import Workplace
from app.online.access import refuse_open_host
from app.online.application import run
from app.online.workers import supervise


class Role(StrEnum):
    ALL = "all"
    GATEWAY = "gateway"
    RANKER = "ranker"
    INDEXER = "indexer"


def register(app: typer.Typer) -> None:
    app.command("serve")(serve_command)


def serve_command(
    role: Annotated[Role, typer.Option(help="all ranks in the gateway's own process.")] = Role.ALL,
    host: Annotated[str, typer.Option(help="Any host but loopback needs DUOLU_KEY.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes.")] = 1,
    fd: Annotated[int | None, typer.Option(hidden=True)] = None,
    data: o.Data = o.DATA,
    models: o.Models = o.MODELS,
    config: o.Config = o.CONFIG,
    overrides: o.Override = None,
) -> None:
    """Serve searches (gateway), ranking (ranker), folding of changes (indexer), or all at once."""
    place = o.workplace(data, models, config, overrides)
    if role == Role.GATEWAY and place.settings.rank.url is None:
        raise InvalidInput(
            "--role gateway ranks by a service: set rank.url, e.g. "
            "--set rank.url=http://127.0.0.1:8001, or use --role all"
        )
    key = os.environ.get("DUOLU_KEY") or None
    refuse_open_host(host, key)
    typer.echo(f"{role} on http://{host}:{port}; Ctrl-C ends it", err=True)
    if workers > 1:
        raise typer.Exit(supervise(sys.argv[1:], host, port, workers))
    indexer = _indexer(place, config, overrides) if role in (Role.ALL, Role.INDEXER) else None
    if indexer is not None and role == Role.INDEXER:
        from app.online.indexer.main import create_app as create_indexer

        run(create_indexer(indexer, lambda: indexer.status), host, port, key, fd)
        return
    engine = Engine(place.settings, data, models, key)
    engine.refresh()
    if role == Role.RANKER:
        from app.online.ranker.main import create_app as create
    else:
        from app.online.gateway.main import create_app as create
    app = create(engine, place.settings, key)
    if indexer is not None:
        app.state.service.background.append(indexer)
    run(app, host, port, key, fd)


def _indexer(place: Workplace, config: Path, overrides: list[str] | None) -> Indexer:
    """Make the indexer; what it runs is told where things are as this command was."""
    where = ("--data", str(place.data), "--models", str(place.models), "--config", str(config))
    settings = [word for override in overrides or () for word in ("--set", override)]
    command = [sys.executable, "-m", "app.cli", "compact", "--gently", *where, *settings]
    return Indexer(place.settings, place.data, command)
