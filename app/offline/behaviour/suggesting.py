"""Count what people typed, to suggest it to others: a person once a day and query, wherever asked.

Who is nobody is not counted: a text that fewer people typed than `suggest_people` may say who they
are, and is kept for nobody, in no place and in no list of their own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.corpus.completions import Completions
from app.corpus.event_columns import EventColumns
from app.corpus.ragged import Ragged
from app.domain.arrays import F64, I32, I64, Array, Bools
from app.offline.behaviour.asked import NOWHERE, Asked, distinct
from app.offline.behaviour.best import summed
from app.offline.behaviour.config import DAY_MS, TableConfig
from app.offline.behaviour.people import People, identify
from app.snapshot.histories import Histories
from app.snapshot.suggested import MOST_HERE, SuggestedQueries, areas_around


@dataclass(frozen=True, slots=True)
class Typings:
    """Who typed what on which day. One entry a person, text and day. (t,)"""

    text: I32  # code into `texts`
    person: I32
    day: I64
    area: I64  # where they typed it first that day, NOWHERE if unknown
    clicked: Bools  # whether something was clicked after it
    texts: tuple[str, ...]  # in normal form, ascending

    def people(self) -> I32:
        """Count who typed each text. (texts,)"""
        return distinct(self.text, self.person, len(self.texts)).astype(np.int32)

    def clickers(self) -> I32:
        """Count who clicked something after each text. (texts,)"""
        text, person = self.text[self.clicked], self.person[self.clicked]
        return distinct(text, person, len(self.texts)).astype(np.int32)

    def take(self, keep: Array) -> Typings:
        return Typings(
            self.text[keep], self.person[keep], self.day[keep], self.area[keep],
            self.clicked[keep], self.texts,
        )  # fmt: skip


def typings_of(asked: Asked) -> Typings:
    """Reduce what was asked to one entry a person, text and day."""
    asked = asked.take(np.flatnonzero(asked.text >= 0))
    day, n = asked.ts_ms // DAY_MS, asked.text.size
    order = np.lexsort((np.arange(n), asked.area == NOWHERE, day, asked.person, asked.text))
    keys = np.stack([asked.text, asked.person, day])[:, order]
    first = np.ones(n, np.bool_)
    first[1:] = (keys[:, 1:] != keys[:, :-1]).any(axis=0)
    slot = np.cumsum(first) - 1
    is_clicked = np.bincount(slot, asked.chosen[order] >= 0, minlength=int(first.sum())) > 0
    once = order[first]
    return Typings(
        asked.text[once], asked.person[once], day[once], asked.area[once], is_clicked, asked.texts
    )


def suggested_queries(
    events: EventColumns, histories: Histories, as_of_ms: int, config: TableConfig
) -> SuggestedQueries:
    """Return what enough people typed before the moment. `histories` number the persons."""
    events = events.before(as_of_ms)
    people = identify(events)
    typed = typings_of(Asked.of(events, people))
    counts, clickers = typed.people(), typed.clickers()
    shared = np.flatnonzero(counts >= config.suggest_people)
    code_of = np.full(len(typed.texts), -1, np.int32)
    code_of[shared] = np.arange(shared.size)
    worth = _worth(typed, as_of_ms, config)
    totals, areas = _totals(typed, worth)
    keep = code_of[typed.text] >= 0
    typed, worth = typed.take(keep), worth[keep]
    query = code_of[typed.text]
    popularity = np.bincount(query, worth, minlength=shared.size).astype(np.float32)
    texts = [typed.texts[i] for i in shared.tolist()]
    weights = np.log1p(popularity) / np.log1p(popularity.max(initial=1e-9))
    local, local_popularity = _local(typed, query, worth, areas, config.suggest_people)
    return SuggestedQueries(
        completions=Completions.build(texts, texts, weights),
        people=counts[shared],
        clickers=clickers[shared],
        popularity=popularity,
        areas=areas,
        totals=totals.astype(np.float32),
        local=local,
        local_popularity=local_popularity.astype(np.float32),
        own=_own(_numbers(people, events, histories), len(histories.documents), typed, query),
    )


def _worth(typed: Typings, as_of_ms: int, config: TableConfig) -> F64:
    """Return what each typing counts: twice where something was clicked, half after a while.

    Ages count from the end of the log where that is older: else all of an old one would be worth 0.
    """
    until = min(as_of_ms / DAY_MS, int(typed.day.max(initial=0)) + 1)
    age_days = until - typed.day
    decay = np.exp2(-age_days / config.suggest_half_life_days)
    return np.asarray((1.0 + typed.clicked) * decay, np.float64)


def _totals(typed: Typings, worth: F64) -> tuple[F64, I64]:
    """Return the worth of everything typed in each area and around it, and last anywhere; and
    the areas.
    """
    own, slot = np.unique(typed.area, return_inverse=True)
    sums = np.bincount(slot, worth, minlength=own.size)
    around = areas_around(own[own != NOWHERE])
    areas, place = np.unique(around, return_inverse=True)
    spread = np.repeat(sums[own != NOWHERE], 9)
    totals = np.bincount(place.reshape(-1), spread, minlength=areas.size)
    return np.append(totals, sums.sum()), areas


def _local(typed: Typings, query: I32, worth: F64, areas: I64, least: int) -> tuple[Ragged, F64]:
    """Return, for each area, the queries that enough people typed in it, or in one beside it."""
    here = np.flatnonzero(typed.area != NOWHERE)
    width = max(int(query.max(initial=0)) + 1, 1)
    pair, slot = np.unique(typed.area[here] * width + query[here], return_inverse=True)
    sums = np.bincount(slot, worth[here], minlength=pair.size).astype(np.float64)
    is_shared = distinct(slot, typed.person[here], pair.size) >= least
    pair, sums = pair[is_shared], sums[is_shared]
    around = np.searchsorted(areas, areas_around(pair // width).reshape(-1))
    places, queries, sums = summed(
        around, np.repeat(pair % width, 9).astype(np.int32), np.repeat(sums, 9)
    )
    return _lists(places, queries, sums, areas.size, ascending=True)


def _lists(
    owner: I64, query: Array, worth: F64, owners: int, *, ascending: bool = False
) -> tuple[Ragged, F64]:
    """Return the MOST_HERE worthiest queries of each owner and their worth, worthiest first or
    ascending.
    """
    order = np.lexsort((query, -worth, owner))
    starts = np.searchsorted(owner[order], owner[order])
    order = order[np.arange(order.size) - starts < MOST_HERE]
    if ascending:
        order = order[np.lexsort((query[order], owner[order]))]
    offsets = np.zeros(owners + 1, np.int64)
    np.cumsum(np.bincount(owner[order], minlength=owners), out=offsets[1:])
    return Ragged(offsets, query[order].astype(np.int32)), worth[order]


def _own(numbers: I32, persons: int, typed: Typings, query: I32) -> Ragged:
    """Return what each person of the tables typed, the newest first."""
    number = numbers[typed.person]
    known = np.flatnonzero(number >= 0)
    width = max(int(query.max(initial=0)) + 1, 1)
    pair = number[known].astype(np.int64) * width + query[known]
    pairs, slot = np.unique(pair, return_inverse=True)
    newest = np.zeros(pairs.size)
    np.maximum.at(newest, slot, typed.day[known])
    return _lists(pairs // width, pairs % width, newest, persons)[0]


def _numbers(people: People, events: EventColumns, histories: Histories) -> I32:
    """Return the tables' number of each person, -1 of those whom the tables do not know."""
    names, person = people.aliases(events, np.ones(people.count, np.bool_))
    held = histories.aliases.find_all(names)
    numbers = np.full(people.count, -1, np.int32)
    numbers[person[held >= 0]] = histories.people[held[held >= 0]]
    return numbers
