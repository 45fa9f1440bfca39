"""The past as it stood: which tables a query may see. This is where labels could leak, and do not.

A timed query sees tables built from the events before its block of time began, so neither its own
clicks nor later ones are in its features. Queries without a time see all tables: their grades come
from judges and are in no table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from app.corpus.event_columns import EventColumns
from app.features.feature import FeatureSet
from app.offline.behaviour.build import facts_of, learn
from app.offline.behaviour.config import TableConfig
from app.offline.behaviour.memory import QueryTerms
from app.offline.dataset import TrainingSet, assemble
from app.offline.judged import Judged
from app.offline.recipe import Negatives
from app.offline.replay import Replay
from app.settings import Settings
from app.snapshot.snapshot import Snapshot
from app.snapshot.tables import Tables

CONFIG = TableConfig()


class Timeline:
    """One snapshot, and the tables of any moment."""

    def __init__(
        self,
        settings: Settings,
        snapshot: Snapshot,
        tables: Tables,
        events: EventColumns | None = None,
        blocks: int = 6,
    ) -> None:
        self.settings = settings
        self.snapshot = snapshot
        self.tables = tables  # of everything
        self.events = events  # needed for timed queries
        self.blocks = blocks
        self._queries: QueryTerms | None = None

    @property
    def channels(self) -> tuple[str, ...]:
        built = self.snapshot.manifest["channels"]
        return tuple(n for n, c in self.settings.channels.items() if c.enabled and n in built)

    def replays(self, judged: Sequence[Judged]) -> Iterator[tuple[Replay, list[Judged]]]:
        """Yield blocks of queries, each with the replay of its own past."""
        timed = sorted((j for j in judged if j.is_timed), key=lambda j: (j.now_ms, j.qid))
        if untimed := [j for j in judged if not j.is_timed]:
            with Replay(self.settings, self.snapshot, self.tables) as replay:
                yield replay, untimed
        bounds = [len(timed) * b // self.blocks for b in range(self.blocks + 1)]
        for start, end in pairwise(bounds):
            if block := timed[start:end]:
                tables = self.tables_before(block[0].now_ms)
                with Replay(self.settings, self.snapshot, tables) as replay:
                    yield replay, block

    def tables_before(self, moment_ms: int) -> Tables:
        """Build the tables as they would have stood at that moment."""
        if self.events is None:
            return Tables.empty(len(self.snapshot))
        if self._queries is None:
            analyzers = self.snapshot.documents.schema.analyzers
            self._queries = QueryTerms.of(self.events, self.snapshot.analyzer, analyzers)
        learned = learn(self.events, self._queries, moment_ms, CONFIG)
        facts = {"id": f"before-{moment_ms}", **facts_of(self.events, moment_ms, CONFIG)}
        return Tables.of(learned, facts, self.snapshot.documents)

    def assemble(
        self,
        judged: Sequence[Judged],
        features: FeatureSet,
        negatives: Negatives,
        seed: int,
        advance: Callable[[int], object],
    ) -> TrainingSet:
        """Training rows of each query, as of its own past."""
        parts = []
        for replay, block in self.replays(judged):
            for start in range(0, len(block), 50):
                some = block[start : start + 50]
                parts.append(assemble(some, replay, features, negatives, seed))
                advance(len(some))
        return TrainingSet.join(parts) if parts else TrainingSet.empty(len(features.names))
