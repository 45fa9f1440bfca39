"""serve: the services."""

from __future__ import annotations

import os
import socket
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from app.bootstrap import Engine
from app.commands import options as o
from app.commands.lasting import lasting
from app.domain.errors import InvalidInput
from app.offline.indexer import Indexer
from app.offline.sweeper import Sweeper
from app.offline.workplace import Workplace
from app.online.access import refuse_open_host
from app.online.application import run, share_page
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
    page: Annotated[Path | None, typer.Option(hidden=True)] = None,
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
    if fd is None:
        _refuse_taken(host, port)
    typer.echo(f"{role} on http://{host}:{port}; Ctrl-C ends it", err=True)
    if workers > 1:
        raise typer.Exit(supervise(sys.argv[1:], host, port, workers))
    if role == Role.INDEXER:
        from app.online.indexer.main import create_app as create_indexer

        indexer, sweeper = _indexer(place, config, overrides), _sweeper(place, config, overrides)
        run(create_indexer((indexer, sweeper), lambda: indexer.status), host, port, key, fd)
        return
    with lasting():
        if role == Role.RANKER:
            from app.online.ranker.main import create_app as create
        else:
            from app.online.gateway.main import create_app as create
    engine = Engine(place.settings, data, models, key)
    engine.refresh()
    app = create(engine, place.settings, key)
    if page is not None:
        share_page(app, page)
    if role == Role.ALL:
        background = app.state.service.background
        background += [_indexer(place, config, overrides), _sweeper(place, config, overrides)]
    run(app, host, port, key, fd)


def _refuse_taken(host: str, port: int) -> None:
    """Raise InvalidInput at once where nobody may listen, and not after all was opened."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        raise InvalidInput(
            f"{host}:{port}: {error.strerror}; choose another: --port N, --host"
        ) from None


def _indexer(place: Workplace, config: Path, overrides: list[str] | None) -> Indexer:
    command = _command(place, config, overrides, "compact", "--gently")
    return Indexer(place.settings, place.data, command)


def _sweeper(place: Workplace, config: Path, overrides: list[str] | None) -> Sweeper:
    return Sweeper(place, _command(place, config, overrides, "gc", "--forgotten"))


def _command(place: Workplace, config: Path, overrides: list[str] | None, *what: str) -> list[str]:
    """Say a command to be run beside, told where things are as this one was."""
    where = ("--data", str(place.data), "--models", str(place.models), "--config", str(config))
    settings = [word for override in overrides or () for word in ("--set", override)]
    return [sys.executable, "-m", "app.cli", *what, *where, *settings]
