"""gc: what is deleted, and why the rest stays."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from datetime import date
from typing import Annotated

import typer

from app.commands import options as o
from app.corpus.impression_log import expired, forget, start_ms
from app.domain.user import user_alias
from app.offline.exclusive import exclusive
from app.offline.forgetting import Swept, sweep
from app.offline.retention import (
    DAY_MS,
    Fate,
    judge_releases,
    judge_snapshots,
    judge_tables,
    named_by,
    release_stores,
    remove,
)
from app.offline.workplace import Workplace

MIB = 1 << 20


def register(app: typer.Typer) -> None:
    app.command("gc")(gc_command)
    app.command("forget")(forget_command)


def forget_command(
    user: Annotated[str, typer.Argument(help="The user_id that you send.")],
    data: o.Data = o.DATA,
    models: o.Models = o.MODELS,
    config: o.Config = o.CONFIG,
    overrides: o.Override = None,
    as_json: o.Json = False,
) -> None:
    """Forget somebody for good: who they are at once, then everything that was written of them."""
    place, now_ms = o.workplace(data, models, config, overrides), int(time.time() * 1e3)
    with place.identities() as identities:
        is_known = bool(identities.forget([user_alias(user)], now_ms))
    swept = sweep(place, now_ms)
    lines = ["forgotten" if is_known else "nobody is known by that id", *_swept_lines(swept)]
    o.show({"known": is_known, **swept.to_json()}, as_json, lines)


def gc_command(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    forgotten: Annotated[
        bool, typer.Option("--forgotten", help="Only what is left of the forgotten, gently.")
    ] = False,
    data: o.Data = o.DATA,
    models: o.Models = o.MODELS,
    config: o.Config = o.CONFIG,
    overrides: o.Override = None,
    as_json: o.Json = False,
) -> None:
    """Delete what is left of the forgotten, old impressions, and artifacts that nothing needs.

    What impressions name stays.
    """
    place = o.workplace(data, models, config, overrides)
    now_ms, log = int(time.time() * 1e3), place.stores.impressions
    if forgotten:
        os.nice(19)
    swept = Swept() if dry_run else sweep(place, now_ms)
    if forgotten:
        o.show(swept.to_json(), as_json, _swept_lines(swept))
        return
    days = expired(log, now_ms, place.settings.impressions.retention_days)
    with exclusive(place.stores.snapshots.root / ".reindex.lock", "reindex"):
        judged = judge(place, now_ms, days)
        if not dry_run:
            forget(log, days)
            remove(judged)
    going = [fate for fate in judged if fate.kept_because is None]
    freed, verb = sum(fate.bytes for fate in going), "would go" if dry_run else "deleted"
    lines = [*_lines(judged), f"{len(going)} of {len(judged)} {verb}: {freed / MIB:,.1f} MiB"]
    if days:
        lines.append(f"impressions of {len(days)} days {verb}: {days[0]} to {days[-1]}")
    lines += _swept_lines(swept)
    result = {
        "dry_run": dry_run, "forgotten": swept.to_json(), "bytes": freed,
        "artifacts": [f.to_json() for f in judged], "days": [str(day) for day in days],
    }  # fmt: skip
    o.show(result, as_json, lines)


def judge(place: Workplace, now_ms: int, expired_days: Sequence[date]) -> list[Fate]:
    """Judge all that is stored under one place; what only expired days name is not kept by them."""
    retention, stores = place.settings.retention, place.stores
    since_ms = start_ms(expired_days[-1]) + DAY_MS if expired_days else 0
    named = named_by(stores.impressions, since_ms)
    return [
        *judge_snapshots(stores.snapshots, place.settings.reindex.keep_snapshots, named),
        *judge_tables(stores.tables, retention.tables, named),
        *judge_releases(release_stores(place.models), retention, named, now_ms),
    ]


def _swept_lines(swept: Swept) -> list[str]:
    if not swept.people:
        return []
    return [
        f"of the forgotten: {swept.events:,} events and {swept.impressions:,} impressions "
        f"deleted, {swept.tables} tables redacted"
    ]


def _lines(judged: Sequence[Fate]) -> list[str]:
    return [
        f"{'keep' if f.kept_because else 'go  '}  {f.kind:<8}  {f.id}  "
        f"{f.bytes / MIB:>9,.1f} MiB  {f.kept_because or 'nothing needs it'}"
        for f in judged
    ]
