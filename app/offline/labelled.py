"""Where labels come from: judgements, a file of sessions, or the logs; all become judged lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeVar

from app.corpus.event_columns import EventColumns
from app.corpus.pseudonyms import Actor
from app.domain.errors import InvalidInput
from app.domain.events import Session
from app.offline.clicks.correction import DebiasReport
from app.offline.clicks.strategies import STRATEGIES
from app.offline.join import JoinCounts
from app.offline.judged import Judged, from_qrels, from_sessions
from app.offline.recipe import Recipe
from app.offline.sessions import read_sessions
from app.offline.shown_lists import shown_lists
from app.offline.trec import read_qrels, read_queries

A = TypeVar("A", bound=Actor)


class Known(Protocol):
    """Returns the same searches or sessions, people by the pseudonyms that they have."""

    def __call__(self, actors: Sequence[A]) -> Sequence[A]: ...


@dataclass(frozen=True, slots=True)
class JudgedBy:
    """Where labels come from: a sessions file, queries with qrels, or (neither) the logs."""

    sessions: Path | None = None
    queries: Path | None = None
    qrels: Path | None = None

    @property
    def is_the_log(self) -> bool:
        return self.sessions is None and self.queries is None

    def check(self) -> None:
        if (self.queries is None) != (self.qrels is None):
            raise InvalidInput("--queries and --qrels come together; give both, or neither")
        if self.sessions is not None and self.queries is not None:
            raise InvalidInput("--sessions and --queries are two sources of labels; give one")


@dataclass(frozen=True, slots=True)
class Labelled:
    """Judged lists, and how they came about."""

    judged: list[Judged]
    debias: DebiasReport | None = None  # None: judges read the whole list
    counts: JoinCounts | None = None  # how impressions and events met


def read_labelled(
    labels: JudgedBy,
    recipe: Recipe,
    events: EventColumns | None,
    impressions: Path | None,
    known: Known,
    now_ms: int,
) -> Labelled:
    """One stream, whatever the source; `known` puts pseudonyms in the place of ids in files."""
    if labels.queries is not None and labels.qrels is not None:
        return Labelled(read_judged(labels.queries, labels.qrels, known, now_ms))
    if labels.sessions is not None:
        sessions = list(read_sessions((str(labels.sessions),), now_ms))
        return from_shown(known(sessions), recipe)
    return labelled_from_log(recipe, events, impressions, now_ms)


def read_judged(queries: Path, qrels: Path, known: Known, now_ms: int) -> list[Judged]:
    """Queries with their grades; people by the pseudonyms that they have."""
    judged = from_qrels(read_queries(queries), read_qrels(qrels), now_ms)
    requests = known([one.request for one in judged])
    return [replace(j, request=r) for j, r in zip(judged, requests, strict=True)]


def labelled_from_log(
    recipe: Recipe, events: EventColumns | None, impressions: Path | None, now_ms: int
) -> Labelled:
    """Judged lists of the impression log and the event log."""
    if events is None:
        raise InvalidInput(
            "nothing to train from: the event log is empty; give --sessions F, or --queries F "
            "with --qrels F, or run: duolu import-events F"
        )
    lists = shown_lists(impressions, events, recipe.log.window_ms, now_ms)
    found = from_shown(lists.sessions, recipe)
    return Labelled(lists.attach(found.judged), found.debias, lists.counts)


def from_shown(sessions: Sequence[Session], recipe: Recipe) -> Labelled:
    """Grade what was done with shown lists, corrected for position as the recipe says."""
    correction = STRATEGIES[recipe.debias.method](sessions, recipe.debias, recipe.seed)
    return Labelled(from_sessions(sessions, recipe.grades, correction), correction.report)
