"""Options that every command takes, and how it speaks."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import orjson
import typer

from app.offline.progress import Progress, progress_on
from app.offline.workplace import Workplace
from app.settings import Settings

Data: TypeAlias = Annotated[
    Path, typer.Option("--data", envvar="DUOLU_DATA", help="Snapshots, tables and logs.")
]
Models: TypeAlias = Annotated[
    Path, typer.Option("--models", envvar="DUOLU_MODELS", help="Recipes and releases.")
]
Config: TypeAlias = Annotated[
    Path, typer.Option("--config", envvar="DUOLU_CONFIG", help="The configuration file.")
]
Override: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--set", help="Override one setting: channels.geo.k=50. May be repeated."),
]
Json: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print the result as one JSON object.")
]

DATA, MODELS, CONFIG = Path("data"), Path("models"), Path("config/search.toml")


def workplace(data: Path, models: Path, config: Path, overrides: Sequence[str] | None) -> Workplace:
    if config == CONFIG and not config.exists():
        config = Path(__file__).parents[2] / CONFIG  # started from another folder
    return Workplace(Settings.load(config, overrides or ()), data, models)


def progress() -> Progress:
    """Bars on a terminal, plain lines elsewhere; always on standard error."""
    return progress_on(sys.stderr)


def say(text: str) -> None:
    typer.echo(text)


def show(result: Mapping[str, Any], as_json: bool, lines: Sequence[str]) -> None:
    """Print one JSON object, or the lines for a person."""
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(result, option=orjson.OPT_SERIALIZE_NUMPY) + b"\n")
        sys.stdout.flush()
    else:
        for line in lines:
            typer.echo(line)


def is_wide() -> bool:
    return os.isatty(1)
