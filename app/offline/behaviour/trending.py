"""Find what rises: more people in the last day than its own days before let expect.

A person counts once a window and item, however often they ask or click, and who is nobody counts
not at all: one who hammers is one. The test is Poisson's score test, (x - m) / sqrt(m), with m the
decayed mean of the windows before, multiplied by how much everything grew (the median of items
asked for often), plus one person: what was never seen before needs several.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from app.corpus.event_columns import EventColumns, Names
from app.corpus.ragged import Ragged, Strings
from app.domain.arrays import F64, I32, I64, Array, Bools
from app.offline.behaviour.asked import NOWHERE, Asked, distinct
from app.offline.behaviour.best import best, summed
from app.offline.behaviour.config import DAY_MS, TableConfig
from app.offline.behaviour.people import identify
from app.snapshot.suggested import areas_around
from app.snapshot.trending import EVERYWHERE, Rising, Trending

WINDOW_MS = DAY_MS
WINDOWS = 28  # before the last, that say what is expected
LEAST_WINDOWS = 2  # of them that the log must reach back: nothing rises against nothing
HALF_LIFE = 7.0  # windows
LEAST_SCORE = 3.0
MOST = 200  # of each area
AFTER = 8  # documents kept of each query, which say its category
_OFTEN = 5.0  # expected of an item that says how much everything grew
_MANY = 10  # such items that it takes
_GROWTH = (1.0, 4.0)


def trending(events: EventColumns, as_of_ms: int, config: TableConfig) -> Trending:
    """Return what rose before the moment, or before the newest event where that is older."""
    events = events.before(as_of_ms)
    until_ms = int(events.ts_ms[-1]) + 1 if len(events) else as_of_ms
    asked = Asked.of(events, identify(events))
    since_ms = int(events.ts_ms[0]) if len(events) else as_of_ms
    windows = max(0, min(WINDOWS, (until_ms - since_ms) // WINDOW_MS - 1))  # that are whole
    least = config.suggest_people
    queries = rising(asked, asked.text, until_ms, windows, least)
    chosen = rising(asked, asked.chosen, until_ms, windows, least)
    texts = np.unique(queries.items).astype(np.int32)
    after = _after(asked, texts)
    documents = np.unique(np.concatenate([chosen.items, after.values])).astype(np.int32)
    names: Names = events.document.names
    return Trending(
        Strings.pack(asked.texts[i] for i in texts.tolist()),
        Strings.pack(names[i] for i in documents.tolist()),
        _renumbered(queries, texts),
        _renumbered(chosen, documents),
        Ragged(after.offsets, np.searchsorted(documents, after.values).astype(np.int32)),
        until_ms,
    )


def rising(asked: Asked, items: I32, until_ms: int, windows: int, least: int) -> Rising:
    """Return what rose, by at least so many people. `items`: a code an event, -1: none. (a,)"""
    age = (until_ms - 1 - asked.ts_ms) // WINDOW_MS
    counts = (items >= 0) & (age <= windows) & (windows >= LEAST_WINDOWS)
    at = np.flatnonzero(counts & _by_enough(items, asked.person, counts & (age == 0), least))
    area, item, window, _ = _seen(asked.area[at], items[at], age[at], asked.person[at])
    starts = _is_new(area, item)
    group = np.cumsum(starts) - 1
    weights = np.exp2(-np.arange(windows + 1) / HALF_LIFE)
    weights[0] = 0.0
    weights /= max(weights.sum(), 1e-9)
    people = np.bincount(group, window == 0, minlength=int(starts.sum()))
    expected = np.bincount(group, weights[window], minlength=people.size)
    area, item = area[starts], item[starts].astype(np.int32)
    growth = _growth(people, expected, area == EVERYWHERE)
    mean: F64 = np.asarray(expected * growth + 1.0, np.float64)
    score: F64 = np.where(people >= least, (people - mean) / np.sqrt(mean), 0.0)
    return _kept(area, item, people, mean, score)


def _by_enough(items: I32, people: I32, counts: Bools, least: int) -> Bools:
    """Tell which entries are of an item that so many people have among those that count. (a,)"""
    sizes = distinct(items[counts], people[counts], int(items.max(initial=-1)) + 1)
    return np.append(sizes >= least, False)[items]


def _seen(area: I64, item: I32, window: I64, person: I32) -> tuple[Array, ...]:
    """Return each (area, item, window, person) once, ascending: everywhere, there and around it."""
    placed = np.flatnonzero(area != NOWHERE)
    around = areas_around(area[placed])
    columns = [np.concatenate([np.full(area.size, EVERYWHERE), around.reshape(-1)])]
    for column in (item, window, person):
        columns.append(np.concatenate([column, np.repeat(column[placed], around.shape[1])]))
    order = np.lexsort(columns[::-1])
    columns = [column[order] for column in columns]
    once = _is_new(*columns)
    return tuple(column[once] for column in columns)


def _is_new(*columns: Array) -> Bools:
    """Tell which entries differ from the one before. (n,)"""
    out = np.ones(columns[0].size, np.bool_)
    out[1:] = False
    for column in columns:
        out[1:] |= column[1:] != column[:-1]
    return out


def _growth(people: Array, expected: Array, counts: Bools) -> float:
    """Return how much more is asked than before, by the median item that is asked for often."""
    often = np.flatnonzero(counts & (expected >= _OFTEN))
    if often.size < _MANY:
        return _GROWTH[0]
    return float(np.clip(np.median(people[often] / expected[often]), *_GROWTH))


def _kept(area: I64, item: I32, people: Array, mean: F64, score: F64) -> Rising:
    """Keep the MOST highest scores of each area."""
    order = np.lexsort((item, -score, area))
    order = order[score[order] >= LEAST_SCORE]
    starts = np.searchsorted(area[order], area[order])
    order = order[np.arange(order.size) - starts < MOST]
    return Rising(
        area[order], item[order], people[order].astype(np.int32),
        mean[order].astype(np.float32), score[order].astype(np.float32),
    )  # fmt: skip


def _after(asked: Asked, texts: I32) -> Ragged:
    """Return the AFTER documents most often chosen after each text."""
    at = np.flatnonzero((asked.chosen >= 0) & np.isin(asked.text, texts))
    owner = np.searchsorted(texts, asked.text[at])
    owners, documents, counts = summed(owner, asked.chosen[at], np.ones(at.size))
    return best(owners, documents, counts, texts.size, AFTER).others


def _renumbered(one: Rising, kept: I32) -> Rising:
    return replace(one, items=np.searchsorted(kept, one.items).astype(np.int32))
