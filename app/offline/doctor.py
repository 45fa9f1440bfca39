"""Is everything in place? Each finding says what is wrong and what to do."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from functools import partial
from typing import Literal

import numpy as np

from app.corpus.document_log import DocumentLog
from app.domain.errors import DuoluError
from app.offline.behaviour.showings import LEFT_OUT
from app.offline.finding import Finding, checked
from app.offline.forgetting import waiting
from app.offline.workplace import Workplace
from app.rank.names import ReleaseNames
from app.rank.proofs import Proofs
from app.rank.release import open_release, refuse_if_foreign
from app.snapshot.snapshot import Snapshot
from app.snapshot.tables import Tables
from app.wiring import make_selection, standing_by

LOW_DISK_BYTES = 2 << 30
DAY_MS = 86_400_000


def diagnose(place: Workplace, port: int, now_ms: int) -> list[Finding]:
    """Look at everything that serving needs, without changing what serves.

    Of logs this reads the ends alone, and of artifacts those that serve; `examine` reads all.
    """
    channels = [n for n, c in place.settings.channels.items() if c.enabled]
    findings = [Finding("configuration", "ok", f"channels {', '.join(channels)}")]
    snapshot: Snapshot | None = None
    try:
        snapshot = place.snapshot()
        age_days = (now_ms - snapshot.manifest.get("built_at_ms", now_ms)) / DAY_MS
        findings.append(
            Finding(
                "snapshot",
                "ok",
                f"{snapshot.id}, {len(snapshot):,} documents, {age_days:.1f} d old",
            )
        )
    except (DuoluError, OSError) as error:
        findings.append(Finding("snapshot", "wrong", str(error)))
    if snapshot is not None:
        findings.append(checked("tables", partial(_tables, place, snapshot)))
        findings.append(checked("release", partial(_release, place, snapshot)))
        findings.append(checked("rules", partial(_rules, place, snapshot)))
        findings += [
            checked(f"release {name}", partial(_standing_by, place, snapshot, name))
            for name in standing_by(place.settings)
        ]
    findings += [
        checked("events", partial(_events, place)),
        checked("documents", partial(_documents, place)),
        checked("people", partial(_people, place, now_ms)),
    ]
    return [*findings, _disk(place), _port(port)]


def _tables(place: Workplace, snapshot: Snapshot) -> Finding:
    tables = place.tables(snapshot)
    if tables.id is None:
        return Finding(
            "tables", "note", "nothing learned from behaviour yet", "run: duolu import-events FILE"
        )
    said = [f"{tables.id}, events up to {tables.event_seq:,}", *_counted(tables)]
    return Finding("tables", "ok", "; ".join(said))


def _counted(tables: Tables) -> Iterator[str]:
    """Say what the counters hold, and what they left out and why."""
    tally = dict(tables.manifest.get("counted", {}))
    if tally:
        yield f"{tally.pop('impressions'):,} impressions with {tally.pop('clicks'):,} clicks"
    left_out = {LEFT_OUT[name]: count for name, count in tally.items()}
    left_out["events after the tables' moment"] = tables.manifest.get("events_after", 0)
    left_out["documents that the catalogue lacks"] = int(np.count_nonzero(tables.row_of < 0))
    yield from (f"{count:,} {what}" for what, count in left_out.items() if count)


def _release(place: Workplace, snapshot: Snapshot) -> Finding:
    store = place.stores.releases
    current = store.current_id()
    if current is None:
        return Finding(
            "release", "note", "none published: fused order serves",
            "run: duolu train models/lambdarank/recipe.toml --publish",
        )  # fmt: skip
    Proofs(store).require(current)
    release = open_release(store.path(current))
    refuse_if_foreign(release, snapshot)
    facts = f"{current}, {len(release.features.names)} features, golden rows agree"
    return Finding("release", "ok", f"{facts}, scored by {release.model.scored_by}")


def _rules(place: Workplace, snapshot: Snapshot) -> Finding:
    """Read rules and quotas for the snapshot as serving does."""
    selection = make_selection(place.settings, snapshot)
    told = f"{len(selection.rules.rules)} rules, {len(selection.quotas)} quotas"
    return Finding("rules", "ok", told)


def _standing_by(place: Workplace, snapshot: Snapshot, name: str) -> Finding:
    """Check a release that an experiment or the shadow names."""
    names = ReleaseNames(place.models, place.settings.rank.model)
    release_id = names.resolve(name)
    store = names.owner(release_id)
    Proofs(store).require(release_id)
    release = open_release(store.path(release_id))
    refuse_if_foreign(release, snapshot)
    return Finding(f"release {name}", "ok", f"{release_id}, scored by {release.model.scored_by}")


def _events(place: Workplace) -> Finding:
    """Read how far the event log goes."""
    if not place.has_event_log:
        return Finding("events", "note", "none logged yet", "run: duolu import-events FILE")
    log = place.open_events()
    try:
        return Finding("events", "ok", f"logged up to {log.last_seq():,}")
    finally:
        log.close()


def _documents(place: Workplace) -> Finding:
    """Read how far the log of changes goes, by itself and in the snapshot that serves."""
    log = DocumentLog.open(place.data, place.settings.store.address)
    try:
        if not log.has_begun():
            return Finding("documents", "ok", "none changed since the catalogue was indexed")
        return Finding("documents", "ok", f"changes logged up to {log.last_seq():,}")
    finally:
        log.close()


def _people(place: Workplace, now_ms: int) -> Finding:
    """Say how many are known, and whether somebody asked to be forgotten and was not yet."""
    if not place.has_identities:
        return Finding("people", "note", "nobody is known yet")
    with place.identities() as identities:
        known, left = identities.count(), waiting(place, identities)
    overdue = [one for one in left if one.asked_ms < now_ms - DAY_MS]
    if overdue:
        detail = f"{len(overdue)} asked to be forgotten more than a day ago and are not yet"
        return Finding("people", "wrong", detail, "run: duolu gc")
    return Finding("people", "ok", f"{known:,} known, {len(left)} waiting to be forgotten")


def _disk(place: Workplace) -> Finding:
    folder = place.data if place.data.exists() else place.data.absolute().parent
    free = shutil.disk_usage(folder).free
    state: Literal["ok", "wrong"] = "ok" if free > LOW_DISK_BYTES else "wrong"
    return Finding(
        "disk", state, f"{free / 2**30:.1f} GiB free under {folder}",
        "" if state == "ok" else "free some: duolu needs room for a second snapshot",
    )  # fmt: skip


def _port(port: int) -> Finding:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return Finding("port", "note", f"{port} is taken ({error.strerror})", "serve --port N")
    return Finding("port", "ok", f"{port} is free")
