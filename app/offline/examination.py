"""Everything that is kept, read to its end: the damage that a quick look at the ends cannot see.

Artifacts and impressions have the sha256 of every file; of the logs, SQLite checks its pages, and
each row is read as learning and serving will. A byte that turned into another letter inside a
name leaves no trace in those.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Literal

from app.corpus.document_log import DocumentLog
from app.corpus.impression_log import days, file_contents
from app.domain.errors import CorruptArtifact, LogTrimmed, UnknownName
from app.offline.finding import Finding, checked
from app.offline.progress import Advance, Progress
from app.offline.workplace import Workplace
from app.rank.names import ReleaseNames
from app.snapshot.artifact import MANIFEST, read_manifest, verify
from app.snapshot.store import ArtifactStore
from app.wiring import standing_by

NOT_EXAMINED = Finding(
    "depth", "note", "of logs the ends were read, of snapshots, tables and releases those in use",
    "to read everything: duolu doctor --deep",
)  # fmt: skip
"""What a quick look says of itself."""


def examine(place: Workplace, progress: Progress) -> Iterator[Finding]:
    """Read every snapshot, table and release, and the logs, from the first byte to the last."""
    beside = _standing_by(place)
    for store in _stores(place):
        yield from _artifacts(store, beside, progress)
    yield from _impressions(place.stores.impressions, progress)
    if place.has_event_log:
        yield checked("all events", partial(_events, place, progress))
    yield checked("all changes", partial(_changes, place, progress))
    if place.has_identities:
        yield checked("all people", partial(_people, place, progress))


def _stores(place: Workplace) -> Iterator[ArtifactStore]:
    stores = place.stores
    yield from (stores.snapshots, stores.tables)
    folders = (f for f in sorted(place.models.glob("*")) if f.is_dir())
    yield from (place.releases_of(folder.name) for folder in folders)


def _standing_by(place: Workplace) -> frozenset[str]:
    """Return the ids of releases that experiments and the shadow rank by."""
    names = ReleaseNames(place.models, place.settings.rank.model)
    found = set()
    for name in standing_by(place.settings):
        with suppress(UnknownName):  # a look at what serves says so
            found.add(names.resolve(name))
    return frozenset(found)


def _artifacts(
    store: ArtifactStore, beside: Container[str], progress: Progress
) -> Iterator[Finding]:
    ids = store.ids()
    if not ids:
        return
    named, sound, damaged = _name(store), 0, 0
    with progress.stage(named, sum(_files(store, id_) for id_ in ids), "files") as advance:
        for id_ in ids:
            try:
                _verify(store, id_, advance)
                sound += 1
            except (CorruptArtifact, OSError) as error:
                if id_ in store.ids():  # else it was cleared away meanwhile
                    damaged += 1
                    yield _damaged(store, id_, str(error), beside)
    state: Literal["ok", "note"] = "note" if damaged else "ok"
    yield Finding(named, state, f"{sound:,} of {len(ids):,} are as they were sealed")


def _verify(store: ArtifactStore, artifact_id: str, advance: Advance) -> None:
    """Read it through; once more if another took its place meanwhile, to forget somebody."""
    manifest = store.root / artifact_id / MANIFEST
    before = manifest.read_bytes()
    try:
        verify(manifest.parent, store.kind, advance)
    except (CorruptArtifact, OSError):
        if manifest.read_bytes() == before:
            raise
        verify(manifest.parent, store.kind, advance)


def _name(store: ArtifactStore) -> str:
    return f"releases of {store.root.name}" if store.kind == "release" else f"all {store.root.name}"


def _files(store: ArtifactStore, artifact_id: str) -> int:
    try:
        return len(read_manifest(store.root / artifact_id, store.kind)["files"])
    except (CorruptArtifact, OSError):
        return 0  # told when its turn comes


def _damaged(store: ArtifactStore, artifact_id: str, error: str, beside: Container[str]) -> Finding:
    named = f"{store.kind} {artifact_id}"
    if artifact_id == store.current_id():
        return Finding(named, "wrong", error)
    remedy = f"it does not serve: delete {store.root / artifact_id}, and do not go back to it"
    if artifact_id in beside:
        remedy = "an experiment or rank.shadow ranks by it: name another there, or train again"
    elif store.kind != "release":
        remedy += "; training as of that time then does without"
    return Finding(named, "wrong", error.partition("; ")[0], remedy)


def _impressions(root: Path, progress: Progress) -> Iterator[Finding]:
    broken: list[Finding] = []
    if not days(root):
        return
    total = sum(1 for _ in root.glob("*/*.parquet"))
    sound = 0
    with progress.stage("impressions", total, "files") as advance:
        for _ in file_contents(root, broken=lambda file, why: broken.append(_lost(file, why))):
            sound += 1
            advance(1)
    yield from broken
    yield Finding("all impressions", "ok", f"{sound:,} files read, as they were written")


def _lost(file: Path, why: str) -> Finding:
    remedy = "training leaves it out; put it back from a backup, or delete it"
    return Finding("impressions", "wrong", f"{file}: {why}", remedy)


def _events(place: Workplace, progress: Progress) -> Finding:
    log = place.open_events()
    try:
        with progress.stage("events", log.last_seq()) as advance:
            return Finding("all events", "ok", f"{log.examine(advance):,} read")
    finally:
        log.close()


def _changes(place: Workplace, progress: Progress) -> Finding:
    log = DocumentLog.open(place.data, place.settings.store.address)
    try:
        while log.has_begun():
            with progress.stage("changes") as advance:
                try:
                    return Finding("all changes", "ok", f"{log.examine(advance):,} read")
                except LogTrimmed:  # by a compaction, meanwhile
                    continue
        return Finding("all changes", "ok", "none since the catalogue was indexed")
    finally:
        log.close()


def _people(place: Workplace, progress: Progress) -> Finding:
    with place.identities() as identities, progress.stage("people") as advance:
        return Finding("all people", "ok", f"{identities.examine(advance):,} rows read")
