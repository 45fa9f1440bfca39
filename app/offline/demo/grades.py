"""Held-out queries graded by the hidden truth: what the person would want of all that answers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from app.domain.arrays import I64, Array
from app.offline.demo.utility import attractiveness, match, utility
from app.offline.demo.visits import Intent, Visits, World

GRADES = ((3, 0.9), (2, 0.7), (1, 0.45))  # grade, from this attractiveness on
_MATCH = 0.6  # a document that meets less of the query is not relevant, however liked
_LONGEST = 50_000  # of more documents that answer, the most popular are judged
_MOST, _ZEROS = 100, 20  # judged documents of a query: relevant, and popular ones that are not


def judged(world: World, visits: Visits) -> Iterator[tuple[I64, I64]]:
    """Yield for each visit its judged rows, best first, and their grades 3 to 0."""
    for visit in range(len(visits)):
        rows = world.index.answers(
            int(visits.word[visit]),
            int(visits.item[visit]),
            int(visits.kind[visit]),
            bool(visits.intent[visit] == Intent.BROWSE),
        )[:_LONGEST].astype(np.int64)
        yield _graded(world, visits, visit, rows)


def _graded(world: World, visits: Visits, visit: int, rows: I64) -> tuple[I64, I64]:
    repeated = np.full(len(rows), visit)
    wanted = attractiveness(utility(world, visits, repeated, rows))
    wanted[match(world, visits, repeated, rows) < _MATCH] = 0
    grade = grades_of(wanted)
    best = np.argsort(-wanted, kind="stable")[: min(_MOST, int((grade > 0).sum()))]
    zeros = np.flatnonzero(grade == 0)[:_ZEROS]
    keep = np.concatenate([best, zeros])
    return rows[keep], grade[keep]


def grades_of(attractiveness: Array) -> I64:
    thresholds = sorted(threshold for _, threshold in GRADES)
    return np.searchsorted(thresholds, attractiveness, side="right").astype(np.int64)
