"""channels: what each recall channel is worth and costs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from app.commands import options as o
from app.commands.learning import Ranked, ReleaseId
from app.offline.channel_report import draw
from app.offline.channel_run import report_channels
from app.offline.labelled import JudgedBy
from app.offline.recipe import Recipe


def register(app: typer.Typer) -> None:
    app.command("channels")(channels_command)


def channels_command(
    queries: Annotated[Path | None, typer.Option(help="Queries, with --qrels.")] = None,
    qrels: Annotated[Path | None, typer.Option(help="TREC qrels, with --queries.")] = None,
    rank: Ranked = True,
    release: ReleaseId = None,
    sample: Annotated[
        int, typer.Option(min=1, help="So many queries at most, the same each time.")
    ] = 1000,
    plot: Annotated[Path | None, typer.Option(help="Draw it, SVG; needs duolu[report].")] = None,
    recipe: Annotated[Path, typer.Option(help="Says what a click is worth.")] = Path(
        "models/lambdarank/recipe.toml"
    ),
    data: o.Data = o.DATA,
    models: o.Models = o.MODELS,
    config: o.Config = o.CONFIG,
    overrides: o.Override = None,
    as_json: o.Json = False,
) -> None:
    """Say of each channel what only it finds, what is lost without it, its time, and what to set.

    By judgements (--queries with --qrels), or else by the impression log and clicks.
    """
    report = report_channels(
        o.workplace(data, models, config, overrides), JudgedBy(None, queries, qrels),
        Recipe.load(recipe), now_ms=int(time.time() * 1e3), rank=rank, release=release,
        sample=sample, progress=o.progress(),
    )  # fmt: skip
    if plot is not None:
        draw(report, plot)
    o.show(report.to_json(), as_json, report.lines())
