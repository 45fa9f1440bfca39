"""reindex, import-events: what goes in."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from app.commands import options as o
from app.offline.reindex import reindex
from app.offline.workflow import import_log, refresh_tables


def register(app: typer.Typer) -> None:
    app.command("reindex")(reindex_command)
    app.command("import-events")(import_events_command)


def reindex_command(
    sources: Annotated[
        list[str],
        typer.Argument(help="Catalogue files: .jsonl .jsonl.gz .csv .parquet, a directory, or -."),
    ],
    incremental: Annotated[
        bool, typer.Option("--incremental", help="Upsert instead of replacing the catalogue.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option(help="Processes that read and analyse; 0 = one a core.")
    ] = None,
    publish: Annotated[
        bool, typer.Option("--publish/--no-publish", help="Serve the snapshot at once.")
    ] = True,
    max_errors: Annotated[
        int | None, typer.Option(help="Bad rows tolerated before nothing is published.")
    ] = None,
    retrain_encoder: Annotated[
        bool,
        typer.Option(help="Learn analyzer and encoder anew; a model must then be trained again."),
    ] = False,
    data: o.Data = o.DATA,
    models: o.Models = o.MODELS,
    config: o.Config = o.CONFIG,
    overrides: o.Override = None,
    as_json: o.Json = False,
) -> None:
    """Turn a catalogue into a new snapshot and publish it.

    Bad rows go to an error file with line and reason; the old snapshot serves until the new one
    is whole.
    """
    place = o.workplace(data, models, config, overrides)
    now_ms = int(time.time() * 1e3)
    report = reindex(
        sources, place.settings, data, now_ms=now_ms, workers=workers, publish=publish,
        max_errors=max_errors, retrain_encoder=retrain_encoder, incremental=incremental,
        progress=o.progress(),
    )  # fmt: skip
    tables_id = refresh_tables(place, place.snapshot(), now_ms, o.progress()) if publish else None
    lines = [
        f"snapshot {report.snapshot_id}: {report.documents:,} documents"
        + (", published" if report.published else ", not published")
        + f" in {sum(report.seconds.values()):.1f} s"
    ]
    if report.errors:
        lines.append(
            f"{report.errors} bad rows left out, each with its reason: {report.error_file}"
        )
    lines += [f"shown but not indexed: {name}: {why}" for name, why in report.unindexed.items()]
    o.show({**report.to_json(), "tables_id": tables_id}, as_json, lines)


def import_events_command(
    files: Annotated[list[str], typer.Argument(help="Events, one JSON object a line (UBI 1.3).")],
    sessions: Annotated[
        bool, typer.Option("--sessions", help="The files hold sessions instead of events.")
    ] = False,
    data: o.Data = o.DATA,
    models: o.Models = o.MODELS,
    config: o.Config = o.CONFIG,
    overrides: o.Override = None,
    as_json: o.Json = False,
) -> None:
    """Append events to the log, once each, and rebuild the tables that behaviour teaches."""
    place = o.workplace(data, models, config, overrides)
    now_ms = int(time.time() * 1e3)
    plain, listed = ([], files) if sessions else (files, [])
    done = import_log(place, plain, listed, now_ms, o.progress())
    tables_id = None
    if place.stores.snapshots.current_id() is not None:
        tables_id = refresh_tables(place, place.snapshot(), now_ms, o.progress())
    result = {
        "lines": done.lines, "accepted": done.accepted, "duplicates": done.duplicates,
        "refused": done.refused, "tables_id": tables_id,
    }  # fmt: skip
    lines = [
        f"{done.accepted:,} events added, {done.duplicates:,} known already, "
        f"{done.refused:,} refused",
        *done.first_refused,
    ]
    o.show(result, as_json, lines)
