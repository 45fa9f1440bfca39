"""The best rows for a person's keyword preferences, most popular rows first.

A row of prior p scores at most p · (the most that any row could match), so the scan ends where
that falls below the k-th best. Without a filter it is cut short after `HEAD` rows; then the
champion lists of the person's values (Manning, Raghavan & Schütze 2008, §7.1.3) are read, most
worth first, each only as far as a row with that value and weaker ones could still be among the best
(MaxScore: Turtle & Flood 1995). With a filter nothing is cut short.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from app.domain.arrays import F32, F64, I32, I64, Bools, Rows
from app.recall.best_heap import drained, keep, key_of, score_of
from app.recall.preference_index import PreferenceIndex
from app.recall.preferences import Person, most_possible

BLOCK = 4_096  # ranks that are added up together: 32 KiB
RUN = 16  # entries of a list that are added without asking of each whether it ends the block
LINE = 64  # of them that are passed over together, in vector code, where none reaches the floor
HEAD = 65_536  # most popular rows that are looked at, where no filter leaves out some of them
PREFIX = 1_024  # rows read on from there in one value's list
LISTED = 4_096  # rows read so from all lists
ROUNDING = 1 + 1e-6  # bounds are summed in another order than scores


@njit(cache=True, nogil=True)
def best_scanned(
    index: PreferenceIndex,
    person: Person,
    bands: F32,
    allowed: Bools,
    k: int,
    head: int,
    least: float = 0.0,
) -> tuple[Rows, F32]:
    """Return the best k rows found and their scores, best first; see `scan`."""
    found: tuple[Rows, F32] = drained(scan(index, person, bands, allowed, k, head, least))
    return found


@njit(cache=True, nogil=True)
def scan(
    index: PreferenceIndex,
    person: Person,
    bands: F32,
    allowed: Bools,
    k: int,
    head: int = HEAD,
    least: float = 0.0,
) -> I64:
    """Return keys of the best k rows found, as a heap; see `rows_of`. `allowed` (0,) allows all.

    `head` ranks are looked at, and then some of what the lists hold behind them. `bands` (n, b) are
    in the order of ranks. Rows that score below `least` may be missing.
    """
    best, at = np.zeros(k, np.int64), index.list_starts[person.values]
    reach = min(head, index.rows.size)
    if _read_head(index, person, bands, allowed, reach, at, best, np.float32(least)):
        return best
    left = LISTED
    for i in range(person.values.size):
        end = min(at[i] + PREFIX, index.list_starts[person.values[i] + 1])
        most = most_possible(person.worths, person.fields, i)  # by this value and weaker ones
        listed = index.lists[at[i] : end]
        left = _offer(index, person, bands, allowed, listed, left, most, best, True)
    return best


@njit(cache=True, nogil=True)
def _read_head(
    index: PreferenceIndex,
    person: Person,
    bands: F32,
    allowed: Bools,
    reach: int,
    at: I64,
    best: I64,
    least: np.float32,
) -> bool:
    """Add up the lists of the person's values, BLOCK ranks at a time, and keep the best rows.

    Moves `at` (v,), the places in the lists. Tells whether no later rank can be among the best.
    """
    ends, means, deviations = index.list_starts[person.values + 1], person.means, person.deviations
    most = most_possible(person.worths, person.fields, 0) * ROUNDING
    found, good = np.empty(BLOCK, np.float64), np.empty(BLOCK, np.int32)
    for start in range(0, reach, BLOCK):
        floor = max(least, score_of(best[0]))
        if index.priors[start] * most < floor:
            return True
        stop = min(start + BLOCK, reach)
        _add_up(index.lists, index.list_shares, person.worths, at, ends, start, stop, found)
        size = _pick(found, index.priors[start:stop], floor, good)
        for i in good[:size]:
            row = index.rows[start + i]
            if found[i] * ROUNDING >= score_of(best[0]) and (not allowed.size or allowed[row]):
                keep(best, key_of(found[i] * _fit(bands[start + i], means, deviations), row))
    return reach == index.rows.size


@njit(cache=True, nogil=True)
def _add_up(
    lists: I32, shares: F32, worths: F64, at: I64, ends: I64, start: int, stop: int, found: F64
) -> None:
    """Add what each list says of the ranks from `start` to `stop`."""
    found[:] = 0.0
    for i in range(worths.size):
        place, end, worth = at[i], ends[i], worths[i]
        while place + RUN <= end and lists[place + RUN - 1] < stop:
            ranks, own = lists[place : place + RUN], shares[place : place + RUN]
            for j in range(RUN):
                found[np.uint64(ranks[j] - start)] += worth * own[j]  # never counted from the end
            place += RUN
        while place < end and lists[place] < stop:
            found[lists[place] - start] += worth * shares[place]
            place += 1
        at[i] = place


@njit(cache=True, nogil=True)
def _pick(found: F64, priors: F32, floor: float, good: I32) -> int:
    """Multiply by the priors; list the places that reach the floor (bands only take away)."""
    size, least = 0, max(floor / ROUNDING, 1e-300)
    for first in range(0, priors.size, LINE):
        line, own = found[first : first + LINE], priors[first : first + LINE]
        reaching = 0
        for i in range(own.size):
            line[i] *= own[i]
            reaching += line[i] >= least
        for i in range(own.size if reaching else 0):
            good[size] = first + i
            size += line[i] >= least
    return size


@njit(cache=True, nogil=True)
def score_all(index: PreferenceIndex, person: Person, bands: F32, rows: Rows, k: int) -> I64:
    """Return keys of the best k of these rows, as a heap."""
    ranks = np.sort(index.ranks[rows])  # the best first: the floor rises early
    best, all_of_them = np.zeros(k, np.int64), np.empty(0, np.bool_)
    most = most_possible(person.worths, person.fields, 0)
    _offer(index, person, bands, all_of_them, ranks, ranks.size, most, best, False)
    return best


@njit(cache=True, nogil=True)
def _offer(
    index: PreferenceIndex,
    person: Person,
    bands: F32,
    allowed: Bools,
    ranks: I32,
    budget: int,
    most: float,
    best: I64,
    may_repeat: bool,
) -> int:
    """Score rows, at most `budget` of them, and keep the best; return what is left of the budget.

    Ends at the first rank, they ascend, that cannot be among the best by matching `most`.
    One loop over plain arrays: a call for each row, with tuples, took twenty times as long.
    """
    rows, priors, starts = index.rows, index.priors, index.starts
    values, shares, table = index.values, index.shares, person.table
    means, deviations = person.means, person.deviations
    floor = score_of(best[0])
    for rank in ranks:
        if budget == 0 or priors[rank] * most * ROUNDING < floor:
            break
        if allowed.size and not allowed[rows[rank]]:
            continue
        budget -= 1
        found = 0.0
        for i in range(starts[rank], starts[rank + 1]):
            found += table[values[i]] * shares[i]
        found *= priors[rank]
        if found <= 0.0 or np.float32(found) < floor:  # bands only take away
            continue
        key = key_of(found * _fit(bands[rank], means, deviations), rows[rank])
        if not (may_repeat and np.any(best == key)):
            keep(best, key)
            floor = score_of(best[0])
    return budget


@njit(cache=True, nogil=True)
def _fit(bands: F32, means: F64, deviations: F64) -> float:
    """Return Π exp(−z² / 2) over the bands, in [0, 1]; a missing value counts as z = 1."""
    squares = 0.0
    for band in range(means.size):
        z = (bands[band] - means[band]) / deviations[band]
        if math.isnan(z):
            z = 1.0 if math.isfinite(deviations[band]) else 0.0
        squares += z * z
    return math.exp(-squares / 2)
