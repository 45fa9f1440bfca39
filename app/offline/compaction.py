"""What was changed since the snapshot is folded into a new one, beside what serves.

Rows keep their numbers, new ones are appended as the log brought them, and the graph of vectors is
gone on from. Only where too many rows are dead is all built anew, with new numbers. Up to the last
rename nothing that serves has changed; a compaction that dies leaves nothing but a folder that the
next one removes.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from app.corpus.columns import Columns
from app.corpus.document_log import READ_BATCH, DocumentLog
from app.corpus.documents import Documents
from app.corpus.folding import dead_share, fold
from app.domain.errors import InvalidInput
from app.offline.build import add_names, build_channels, enabled_channels
from app.offline.exclusive import exclusive
from app.offline.log_keeping import keep_house, opened_log
from app.offline.progress import Progress, Silent, Timed
from app.offline.reindex import BUILD_LOCK
from app.offline.snapshot_facts import Origin, snapshot_facts
from app.offline.snapshot_run import SnapshotRun, build_directories
from app.offline.typed_often import typed_often
from app.settings import Settings
from app.snapshot.artifact import seal
from app.snapshot.following import Following
from app.snapshot.opening import open_snapshot
from app.snapshot.snapshot import Snapshot
from app.snapshot.store import ArtifactStore, new_id

log = logging.getLogger(__name__)
KEPT_AS_IT_IS = ("analyzer", "encoder")  # parts of the snapshot
BUILT_WITH = ("fields", "attributes", "encoder")  # settings


@dataclass(frozen=True, slots=True)
class Compaction:
    """What one compaction made."""

    snapshot_id: str
    base_id: str
    published: bool  # not where another snapshot was published meanwhile
    log_seq: int
    changes: int
    documents: int
    rows: int
    rebuilt: bool  # with new row numbers
    seconds: Mapping[str, float]  # by stage

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def compact(
    settings: Settings, data: Path, *, now_ms: int, progress: Progress | None = None
) -> Compaction | None:
    """Fold the log into a new snapshot and publish it. None where nothing changed.

    Raises InvalidInput where a reindex or another compaction is at work, NothingServes before the
    first reindex, StoreUnavailable.
    """
    store = ArtifactStore(data / "snapshots", "snapshot")
    with exclusive(store.root / BUILD_LOCK, "reindex or compaction"):
        base = open_snapshot(store.path(store.require_current()))
        with opened_log(settings, data) as documents:
            view = _newest_view(base, documents) if documents else base
        if view.log_seq == base.log_seq:
            return None
        run = _Fold(base, view, settings, store, new_id(now_ms), now_ms,
                    Timed(progress or Silent()), typed_often(data))  # fmt: skip
        rebuilt = run.build(data)
        is_current = store.current_id() == base.id  # a rollback, or another machine's publication
        if is_current:
            store.publish(run.snapshot_id)
            keep_house(settings, data, store, now_ms)
    return Compaction(
        run.snapshot_id, base.id, is_current, view.log_seq, view.log_seq - base.log_seq,
        view.documents.live_count, len(view), rebuilt, run.progress.seconds,
    )  # fmt: skip


def _newest_view(base: Snapshot, documents: DocumentLog) -> Snapshot:
    following, last = Following(base), documents.last_seq()
    while following.seq < last:
        entries = documents.read(following.seq, min(READ_BATCH, last - following.seq))
        following.take(entries)
    return following.at(following.seq)


@dataclass(frozen=True, slots=True)
class _Fold:
    """One compaction under way."""

    base: Snapshot
    view: Snapshot
    settings: Settings
    store: ArtifactStore
    snapshot_id: str
    now_ms: int
    progress: Timed
    typed: Mapping[str, int]  # what people type often, and how many do

    @property
    def origin(self) -> Origin:
        manifest = self.base.manifest
        catalogue_id = manifest.get("catalogue_id", self.base.id)
        return Origin(manifest["sources"], catalogue_id, self.view.log_seq)

    def build(self, data: Path) -> bool:
        """Write and seal the snapshot. True where it was built anew, with new row numbers."""
        if dead_share(self.view.documents) > self.settings.documents.rebuild_share:
            try:
                self._rebuild(data)
                return True
            except InvalidInput:
                log.exception("a full build does not take what is there; the rows stay as they are")
        self._fold()
        return False

    def _fold(self) -> None:
        channels = enabled_channels(self.settings)
        with build_directories(self.store, self.snapshot_id) as (directory, _):
            for part in KEPT_AS_IT_IS:
                if (self.base.path / part).exists():
                    shutil.copytree(self.base.path / part, directory / part)
            with self.progress.stage("columns"):
                fold(self.view.documents, directory / "documents")
            documents = Documents.open(directory / "documents", self.view.documents.schema)
            with self.progress.stage("names"):
                synonyms = self.base.reader.lexicon.synonyms
                add_names(documents, directory, synonyms, self.typed)
            build_channels(channels, documents, directory, self.progress, self.base)
            facts = snapshot_facts(
                self.snapshot_id, self.now_ms, self.origin, documents, self.base.analyzer.id,
                self.base.manifest["encoder"], list(channels), self.settings,
                self.base.manifest["errors"],
            )  # fmt: skip
            facts["settings"] = {**facts["settings"], **self._built_with()}
            with self.progress.stage("seal"):
                seal(directory, "snapshot", facts)
            self.store.finish(directory, self.snapshot_id)

    def _built_with(self) -> Mapping[str, Any]:
        """Return the settings that took effect at the last full build and do not change since."""
        before = self.base.manifest.get("settings", {})
        return {name: before[name] for name in BUILT_WITH if name in before}

    def _rebuild(self, data: Path) -> None:
        """Build from the living documents as if they were a catalogue, each with its version."""
        documents = self.view.documents
        alive = np.ones(len(documents), np.bool_) if documents.dead is None else ~documents.dead
        rows = np.flatnonzero(alive).tolist()
        for left in self.store.root.glob(".living-*.jsonl"):
            left.unlink()
        file = self.store.root / f".living-{self.snapshot_id}.jsonl"
        try:
            with file.open("wb") as lines:
                lines.writelines(documents.shown(row) + b"\n" for row in rows)
            changed = {documents.ids.strings[row]: documents.version(row) for row in rows}
            versions = {id_: seq for id_, seq in changed.items() if seq}
            origin = Origin(
                self.origin.sources, self.origin.catalogue_id, self.view.log_seq, versions
            )
            run = SnapshotRun(
                [str(file)], Columns(), origin, self.settings, self.store, self.snapshot_id,
                self.now_ms, 1, 0, False, self.progress, self.typed,
            )  # fmt: skip
            run.build(data / "errors", publish=False)
        finally:
            file.unlink(missing_ok=True)
