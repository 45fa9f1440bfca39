"""Releases that are open: proven by the canary, loaded once, made ready once a snapshot, and kept.

Going back to one that is here takes no time: no file is read and nothing is compiled.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor

from app.rank.local import LocalRanker
from app.rank.proofs import Proofs
from app.rank.release import Release, open_release, refuse_if_foreign
from app.snapshot.snapshot import Snapshot
from app.snapshot.store import ArtifactStore
from app.snapshot.tables import Tables

KEPT = 8  # pairs of a snapshot and a release: some megabytes each

Warm = Callable[[LocalRanker, Snapshot, Tables], None]


class RankerShelf:
    """Ready rankers by snapshot and release. Any thread may ask; one at a time opens."""

    def __init__(self, store: ArtifactStore, threads: Executor, warm: Warm) -> None:
        self.store = store
        self._proofs = Proofs(store)
        self._threads = threads  # that the rankers score on
        self._warm = warm
        self._opening = threading.Lock()
        self._keeping = threading.Lock()
        # Replaced whole, so that reading needs no lock. Used last comes last.
        self._kept: dict[tuple[str, str], tuple[Release, LocalRanker]] = {}

    def find(self, release_id: str, snapshot: Snapshot) -> LocalRanker | None:
        """Return the ranker if it is ready, at once."""
        held = self._kept.get((snapshot.id, release_id))
        return None if held is None else held[1]

    def ready(self, release_id: str, snapshot: Snapshot, tables: Tables) -> LocalRanker:
        """Return the ranker, opened and warmed first where it is not ready: seconds.

        Raises UnknownName, CorruptArtifact or FeatureMismatch saying what is wrong with it.
        """
        return self._take(release_id, snapshot, tables)[1]

    def prepare(self, release_id: str, snapshot: Snapshot, tables: Tables) -> Release:
        """Make a ranker ready, and return its release. Raises as `ready` does."""
        return self._take(release_id, snapshot, tables)[0]

    def _take(
        self, release_id: str, snapshot: Snapshot, tables: Tables
    ) -> tuple[Release, LocalRanker]:
        key = (snapshot.id, release_id)
        held = self._kept.get(key)
        if held is None:
            with self._opening:
                held = self._kept.get(key) or self._open(release_id, snapshot, tables)
                self._keep(key, held)
        self._keep(key, held)
        return held

    def _open(
        self, release_id: str, snapshot: Snapshot, tables: Tables
    ) -> tuple[Release, LocalRanker]:
        release = self._opened(release_id) or self._load(release_id)
        refuse_if_foreign(release, snapshot)
        ranker = LocalRanker.of(release, self._threads)
        self._warm(ranker, snapshot, tables)
        return release, ranker

    def _load(self, release_id: str) -> Release:
        self._proofs.require(release_id)
        return open_release(self.store.path(release_id))

    def _opened(self, release_id: str) -> Release | None:
        """Return a release that is open for another snapshot."""
        return next((r for r, _ in self._kept.values() if r.id == release_id), None)

    def _keep(self, key: tuple[str, str], held: tuple[Release, LocalRanker]) -> None:
        with self._keeping:
            others = [(k, v) for k, v in self._kept.items() if k != key]
            self._kept = dict([*others, (key, held)][-KEPT:])
