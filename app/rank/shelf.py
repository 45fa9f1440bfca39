"""Releases that are open: proven by the canary, loaded once, made ready once a snapshot, and kept.

Going back to one that is here takes no time: no file is read and nothing is compiled. One that was
refused is refused again at once, until `Attempts.forget` lets it be tried.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

from app.domain.query import Deadline
from app.rank.cage import Cage
from app.rank.local import LocalRanker
from app.rank.names import ReleaseNames
from app.rank.proofs import Proofs
from app.rank.release import Goldens, Release, open_release, refuse_if_foreign
from app.rank.spare import SpareThreads
from app.snapshot.attempts import REFUSALS, Attempts
from app.snapshot.snapshot import Snapshot
from app.snapshot.tables import Tables

KEPT = 8  # pairs of a snapshot and a release: some megabytes each

Warm = Callable[[LocalRanker, Snapshot, Tables], None]


class Ready(NamedTuple):
    """A release that is open, and ranks one snapshot."""

    release: Release
    ranker: LocalRanker


def _reads(release: Release) -> tuple[tuple[str, ...], str, tuple[str, ...]]:
    """Say what a release runs: its features, its scorer, the releases that it uses."""
    uses = tuple(used.id for used in release.uses.values())
    return release.features.names, release.model.scored_by, uses


class RankerShelf:
    """Ready rankers by snapshot and release. Any thread may ask; one at a time opens."""

    def __init__(
        self,
        names: ReleaseNames,
        attempts: Attempts,
        threads: Executor,
        warm: Warm,
        spare: SpareThreads | None = None,
        kept: int = KEPT,
    ) -> None:
        self._names = names
        self._keeps = kept
        self._attempts = attempts
        self._threads = threads  # that the rankers score on
        self._warm = warm
        self._spare = spare
        self._proofs: dict[Path, Proofs] = {}  # by store
        self._cage = Cage()
        self._opening = threading.Lock()
        self._keeping = threading.Lock()
        self._thread = ThreadPoolExecutor(1, "open")  # for whom a request names
        # Replaced whole, so that reading needs no lock. Used last comes last.
        self._kept: dict[tuple[str, str], Ready] = {}

    def find(self, release_id: str, snapshot: Snapshot) -> Ready | None:
        """Return what is ready, at once."""
        return self._kept.get((snapshot.id, release_id))

    def ready(self, release_id: str, snapshot: Snapshot, tables: Tables) -> Ready:
        """Return a release ready to rank, opened and warmed first where it is not: seconds.

        Raises UnknownName, CorruptArtifact or FeatureMismatch saying what is wrong with it.
        """
        key, what = (snapshot.id, release_id), f"{release_id} on {snapshot.id}"
        held = self._kept.get(key)
        if held is None:
            with self._opening:
                held = self._kept.get(key) or self._attempts.insist(
                    what, partial(self._open, release_id, snapshot, tables)
                )
                self._keep(key, held)
        self._keep(key, held)
        return held

    def ready_or_none(self, release_id: str, snapshot: Snapshot, tables: Tables) -> Ready | None:
        """Return the same, or None where it is refused; `Attempts` says why."""
        try:
            return self.ready(release_id, snapshot, tables)
        except REFUSALS:
            return None

    async def opened(
        self, release_id: str, snapshot: Snapshot, tables: Tables, deadline: Deadline
    ) -> Ready:
        """Return the same as `ready`, holding up neither the event loop nor a ranking thread.

        Raises TimeoutError where opening takes longer; it goes on, and the next request finds it.
        """
        held = self.find(release_id, snapshot)
        if held is not None:
            return held
        call = asyncio.get_running_loop().run_in_executor(
            self._thread, self.ready, release_id, snapshot, tables
        )
        return await asyncio.wait_for(asyncio.shield(call), deadline.remaining_s())

    def problem_of(self, release_id: str) -> str | None:
        """Return why a release was refused, None where it was not."""
        return self._attempts.problem_of(release_id)

    def scored_by(self) -> dict[str, str]:
        """Say of each open release what scores it: our scorer, or LightGBM and why."""
        return {i: held.release.model.scored_by for (_, i), held in self._kept.items()}

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._cage.close()
        if self._spare is not None:
            self._spare.close()

    def _open(self, release_id: str, snapshot: Snapshot, tables: Tables) -> Ready:
        release = self._opened(release_id) or self._load(release_id)
        refuse_if_foreign(release, snapshot)
        ranker = LocalRanker.of(release, self._threads, self._spare)
        if not self._is_known(release, snapshot):
            self._warm(ranker, snapshot, tables)
        return Ready(release, ranker)

    def _is_known(self, release: Release, snapshot: Snapshot) -> bool:
        """Tell whether one that reads the same was made ready for this snapshot: nothing is cold.

        Most releases are the one before, trained again; to warm each costs the searches beside it.
        """
        return any(
            on == snapshot.id and _reads(held.release) == _reads(release)
            for (on, _), held in self._kept.items()
        )

    def _opened(self, release_id: str) -> Release | None:
        """Return a release that is open for another snapshot."""
        return next((held.release for (_, i), held in self._kept.items() if i == release_id), None)

    def _load(self, release_id: str) -> Release:
        store = self._names.owner(release_id)
        self._proofs.setdefault(store.root, Proofs(store, self._cage.send)).require(release_id)
        # Searches are being answered beside all but the first, and Python does one thing at a time.
        return open_release(store.path(release_id), Goldens.FEW if self._kept else Goldens.ALL)

    def _keep(self, key: tuple[str, str], held: Ready) -> None:
        with self._keeping:
            others = [(k, v) for k, v in self._kept.items() if k != key]
            self._kept = dict([*others, (key, held)][-self._keeps :])
