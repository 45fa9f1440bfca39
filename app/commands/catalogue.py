"""reindex, import-events: what goes in."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import Annotated

import typer

from app.commands import options as o
from app.corpus.column_names import as_options, shown
from app.domain.errors import DuoluError
from app.offline.compaction import compact
from app.offline.reindex import reindex
from app.offline.snapshot_run import ReindexReport
from app.offline.upsert import upsert
from app.offline.workflow import import_log, refresh_tables
from app.offline.workplace import Workplace


def register(app: typer.Typer) -> None:
    app.command("reindex")(reindex_command)
    app.command("compact")(compact_command)
    app.command("import-events")(import_events_command)


def reindex_command(
    sources: Annotated[
        list[str],
        typer.Argument(help="Catalogue files: .jsonl .jsonl.gz .csv .parquet, a directory, or -."),
    ],
    column: Annotated[
        list[str] | None,
        typer.Option(help="What the files call a field of ours: title=product_name. Repeatable."),
    ] = None,
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
    """Turn a catalogue into a new snapshot and publish it, in place of all before.

    Bad rows go to an error file with line and reason; the old snapshot serves until the new one
    is whole. With --incremental the rows are put into the document log instead: each new, or in
    place of the one of its id; nothing else changes, and services show them within a second.
    """
    place = o.workplace(data, models, config, overrides)
    place = replace(place, settings=place.settings.calling(column or ()))
    now_ms = int(time.time() * 1e3)
    if incremental:
        _upsert(place, sources, now_ms, max_errors, as_json)
        return
    report = reindex(
        sources, place.settings, data, now_ms=now_ms, workers=workers, publish=publish,
        max_errors=max_errors, retrain_encoder=retrain_encoder, progress=o.progress(),
    )  # fmt: skip
    lines = _told(report)
    tables_id = _tables(place, now_ms, lines[0]) if publish else None
    o.show({**report.to_json(), "tables_id": tables_id}, as_json, lines)


def _told(report: ReindexReport) -> list[str]:
    seconds, state = sum(report.seconds.values()), "" if report.published else "not "
    lines = [
        f"snapshot {report.snapshot_id}: {report.documents:,} documents, {state}published "
        f"in {seconds:.1f} s"
    ]
    if report.errors:
        lines.append(
            f"{report.errors} bad rows left out, each with its reason: {report.error_file}"
        )
    if report.absent:
        named = (f"{shown(column)}, which is to be {n}" for n, column in report.absent.items())
        lines.append(
            f"no row has {'; '.join(named)}; if that is a slip, mend [columns] of the "
            "configuration, or --column"
        )
    if report.alike:
        lines.append(
            f"no row has {', '.join(report.alike)}; if the file calls them otherwise, say "
            f"{as_options(report.alike)}"
        )
    return lines + [
        f"shown but not indexed: {name}: {why}" for name, why in report.unindexed.items()
    ]


def _tables(place: Workplace, now_ms: int, done: str) -> str | None:
    """Build tables for the new snapshot. Where that fails, says first what is done."""
    try:
        return refresh_tables(place, place.snapshot(), now_ms, o.progress())
    except DuoluError:
        typer.echo(f"{done}; tables as they were, for:", err=True)
        raise


def _upsert(
    place: Workplace, sources: list[str], now_ms: int, max_errors: int | None, as_json: bool
) -> None:
    report = upsert(
        sources, place.settings, place.data, now_ms=now_ms, max_errors=max_errors,
        progress=o.progress(),
    )  # fmt: skip
    lines = [f"{report.documents:,} documents written, up to seq {report.seq}"]
    if report.errors:
        lines.append(
            f"{report.errors} bad rows left out, each with its reason: {report.error_file}"
        )
    o.show(report.to_json(), as_json, lines)


def compact_command(
    gently: Annotated[
        bool, typer.Option("--gently", help="At the lowest priority, as the indexer does.")
    ] = False,
    data: o.Data = o.DATA,
    models: o.Models = o.MODELS,
    config: o.Config = o.CONFIG,
    overrides: o.Override = None,
    as_json: o.Json = False,
) -> None:
    """Fold what was changed since the snapshot into a new one, and publish it.

    The indexer does it by itself, as [documents] says; this does it now.
    """
    if gently:
        os.nice(19)
    place = o.workplace(data, models, config, overrides)
    now_ms = int(time.time() * 1e3)
    done = compact(place.settings, data, now_ms=now_ms, progress=o.progress())
    if done is None:
        o.show({"snapshot_id": None, "changes": 0}, as_json, ["nothing changed since the snapshot"])
        return
    published = "published" if done.published else "not published: another snapshot was meanwhile"
    how = "built anew" if done.rebuilt else f"{done.rows:,} rows"
    line = (
        f"snapshot {done.snapshot_id}: {done.changes:,} changes folded, {done.documents:,} "
        f"documents ({how}), {published} in {sum(done.seconds.values()):.1f} s"
    )
    o.show(done.to_json(), as_json, [line])


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
