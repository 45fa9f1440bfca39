"""A catalogue becomes a snapshot and is published, in place of everything before.

Everything is built beside what serves. Until the last rename nothing that serves has changed, and
what an interrupted run left behind is removed by the next. Changes of documents that were logged
before it began are replaced by the catalogue; later ones go on upon it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from app.corpus.sources import resolve
from app.offline.exclusive import exclusive
from app.offline.log_keeping import keep_house, newest_seq
from app.offline.progress import Progress, Silent, Timed
from app.offline.snapshot_facts import Origin
from app.offline.snapshot_run import ReindexReport, SnapshotRun
from app.offline.typed_often import typed_often
from app.settings import Settings
from app.snapshot.store import ArtifactStore, new_id

REINDEX_LOCK = ".reindex.lock"
BUILD_LOCK = ".build.lock"  # of compactions too: one of them builds at a time


def reindex(
    sources: Sequence[str],
    settings: Settings,
    data: Path,
    *,
    now_ms: int,
    workers: int | None = None,
    publish: bool = True,
    max_errors: int | None = None,
    retrain_encoder: bool = False,
    progress: Progress | None = None,
) -> ReindexReport:
    """Build a snapshot under data/snapshots and publish it.

    `workers` and `max_errors` are the settings' own where None. A compaction under way is waited
    for. On any error nothing is published: InvalidInput for sources, too many bad rows, or another
    reindex at work, StoreUnavailable where the log cannot be asked.
    """
    files, columns = resolve(sources), settings.naming()
    store = ArtifactStore(data / "snapshots", "snapshot")
    with (
        exclusive(store.root / REINDEX_LOCK, "reindex"),
        exclusive(store.root / BUILD_LOCK, "compaction", waits=True),
    ):
        snapshot_id = new_id(now_ms)
        run = SnapshotRun(
            files, columns, Origin(files, snapshot_id, newest_seq(settings, data, store)),
            settings, store, snapshot_id, now_ms,
            settings.reindex.workers if workers is None else workers,
            settings.reindex.max_errors if max_errors is None else max_errors,
            retrain_encoder, Timed(progress or Silent()), typed_often(data),
        )  # fmt: skip
        report = run.build(data / "errors", publish)
        if publish:
            store.publish(report.snapshot_id)
            keep_house(settings, data, store, now_ms)
    return report
