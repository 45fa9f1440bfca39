"""The past as it stood: which tables a query may see. This is where labels could leak, and do not.

A timed query sees tables built from the events before its block of time began, and of its person
what was done before the query itself, so neither its own clicks nor later ones are in its features.
Queries without a time see all tables: their grades come from judges and are in no table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from app.corpus.event_columns import EventColumns
from app.features.feature import FeatureSet
from app.features.lookup import PairModel
from app.offline.backfill import Backfill, BackfillCounts
from app.offline.behaviour.build import facts_of, learn
from app.offline.behaviour.config import TableConfig
from app.offline.behaviour.memory import QueryTerms
from app.offline.dataset import TrainingSet, assemble
from app.offline.judged import Judged
from app.offline.logged import with_tables
from app.offline.past import Past
from app.offline.past_people import PastPeople
from app.offline.recipe import Negatives
from app.offline.replay import Replay
from app.offline.row_file import RowFile
from app.offline.used import UsedModels
from app.rank.dependencies import models_read
from app.settings import Settings
from app.snapshot.snapshot import Snapshot
from app.snapshot.tables import Tables

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Logged:
    """The impression log, and the versions that it names."""

    impressions: Path
    past: Past


class Timeline:
    """One snapshot, and the tables of any moment."""

    def __init__(
        self,
        settings: Settings,
        snapshot: Snapshot,
        tables: Tables,
        events: EventColumns | None = None,
        blocks: int = 6,
        logged: Logged | None = None,
        models: UsedModels | None = None,
    ) -> None:
        self.settings = settings
        self.snapshot = snapshot
        self.tables = tables  # of everything
        self.events = events  # needed for timed queries
        self.blocks = blocks
        self.logged = logged  # where lists that were logged with their features come from
        self.backfilled: list[BackfillCounts] = []  # one a call of assemble that used it
        self.models = models  # that features ask
        self._config = TableConfig.of(settings)
        self._queries: QueryTerms | None = None
        self._people: PastPeople | None = None

    @property
    def channels(self) -> tuple[str, ...]:
        built = self.snapshot.manifest["channels"]
        return tuple(n for n, c in self.settings.channels.items() if c.enabled and n in built)

    def replays(self, judged: Sequence[Judged]) -> Iterator[tuple[Replay, list[Judged]]]:
        """Yield blocks of queries, each with the replay of its own past."""
        timed = sorted((j for j in judged if j.is_timed), key=lambda j: (j.now_ms, j.qid))
        if untimed := [j for j in judged if not j.is_timed]:
            released = self.models.released if self.models else None
            with Replay(self.settings, self.snapshot, self.tables, released) as replay:
                yield replay, untimed
        bounds = [len(timed) * b // self.blocks for b in range(self.blocks + 1)]
        for start, end in pairwise(bounds):
            if block := timed[start:end]:
                tables = self.tables_before(block[0].now_ms)
                models = self.models_before(block[0].now_ms)
                people = self._people_of_the_past()
                with Replay(self.settings, self.snapshot, tables, models, people) as replay:
                    yield replay, block

    def _people_of_the_past(self) -> PastPeople | None:
        if self._people is None and self.events is not None:
            self._people = PastPeople(self.events, self.settings.state.newest)
        return self._people

    def models_before(self, moment_ms: int) -> Mapping[str, PairModel]:
        """Fit the models that features ask as they would have stood at that moment."""
        return self.models.before(moment_ms) if self.models else {}

    def models_of_day(self, moment_ms: int) -> Mapping[str, PairModel]:
        """Fit them as they stood when the day of that moment began: few enough to make rows of."""
        return self.models_before(moment_ms // DAY_MS * DAY_MS)

    def uses_of(self, features: FeatureSet) -> dict[str, str]:
        """Return the releases that these features ask: model → release id."""
        uses = self.models.uses if self.models else {}
        return {name: uses[name] for name in models_read(features.inputs)}

    def tables_before(self, moment_ms: int) -> Tables:
        """Build the tables as they would have stood at that moment."""
        if self.events is None:
            return Tables.empty(len(self.snapshot))
        if self._queries is None:
            analyzers = self.snapshot.documents.schema.analyzers
            self._queries = QueryTerms.of(self.events, self.snapshot.analyzer, analyzers)
        learned = learn(self.events, self._queries, moment_ms, self._config)
        facts = {"id": f"before-{moment_ms}", **facts_of(self.events, moment_ms, self._config)}
        return Tables.of(learned, facts, self.snapshot.documents)

    def assemble(
        self,
        judged: Sequence[Judged],
        features: FeatureSet,
        negatives: Negatives,
        seed: int,
        advance: Callable[[int], object],
        scratch: Path,
    ) -> TrainingSet:
        """Training rows of each query, as of its own past; of those logged, as they were logged.

        They lie in a nameless file under `scratch`.
        """
        rows = RowFile(scratch, len(features.names))
        for part, done in self._logged_rows(judged, features):
            rows.append(part)
            advance(done)
        for replay, block in self.replays([j for j in judged if not self._is_logged(j)]):
            for start in range(0, len(block), 50):
                some = block[start : start + 50]
                rows.append(assemble(some, replay, features, negatives, seed))
                advance(len(some))
        return rows.read()

    def _is_logged(self, one: Judged) -> bool:
        return self.logged is not None and one.impression is not None

    def _logged_rows(
        self, judged: Sequence[Judged], features: FeatureSet
    ) -> Iterator[tuple[TrainingSet, int]]:
        some = [j for j in judged if self._is_logged(j)]
        if self.logged is None or not some:
            return
        rankers = self.models.rankers if self.models else ()
        never = frozenset(f"model({name})" for name in rankers)
        backfill = Backfill(features, self.logged.past, self.models_of_day, never)
        yield from backfill.pieces(with_tables(self.logged.impressions, some))
        self.backfilled.append(backfill.counts)
