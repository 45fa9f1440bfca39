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
from app.recall.best_heap import keep, key_of, read, score_of
from app.recall.key_order import keep_largest
from app.recall.preference_index import PreferenceIndex
from app.recall.preferences import Held, Person, most_possible, weigh, worth_of_each

FIRST = 256  # ranks that are added up together first: the floor rises early
BLOCK = 4_096  # and at most, after as many as before them each time: 32 KiB
RUN = 16  # entries of a list that are added without asking of each whether it ends the block
LINE = 32  # of them that are passed over together, in vector code, where none reaches the floor
HEAD = 65_536  # most popular rows that are looked at, where no filter leaves out some of them
PREFIX = 1_024  # rows read on from there in one value's list
LISTED = 4_096  # rows read so from all lists
ROUNDING = 1 + 1e-6  # bounds are summed in another order than scores


@njit(cache=True, nogil=True)
def best_for(
    index: PreferenceIndex, held: Held, acted_on: Rows, shares: F64, most: int, bands: F32,
    allowed: Bools, k: int, head: int,
) -> tuple[Rows, F32]:  # fmt: skip
    """Return the best k rows found for what a person prefers and acted on, in one call.

    See `scan` and `weigh`: what it takes to hand a person over from one to the other is saved.
    """
    person = weigh(held, index.idf, index.bases, shares, most, bands, index.ranks[acted_on])
    rows, scores = read(scan(index, person, bands, allowed, k, head, 0.0))
    return rows[:k], scores[:k]


@njit(cache=True, nogil=True)
def best_scanned(
    index: PreferenceIndex, person: Person, bands: F32, allowed: Bools, k: int, head: int,
    least: float,
) -> tuple[Rows, F32]:  # fmt: skip
    """Return the best k rows found and their scores, best first; see `scan`."""
    rows, scores = read(scan(index, person, bands, allowed, k, head, least))
    return rows[:k], scores[:k]


@njit(cache=True, nogil=True)
def scan(
    index: PreferenceIndex, person: Person, bands: F32, allowed: Bools, k: int, head: int,
    least: float,
) -> I64:  # fmt: skip
    """Return keys of the best k rows found and maybe of others. `allowed` (0,) allows all.

    `head` ranks are looked at, and then some of what the lists hold behind them. `bands` (n, b) are
    in the order of ranks. Rows that score below `least` may be missing.
    """
    best, at = np.empty(2 * k + BLOCK, np.int64), index.list_starts[person.values]
    if not person.values.size:
        return best[:0]
    reach = min(head, index.rows.size)
    size, is_whole = _read_head(index, person, bands, allowed, reach, k, least, at, best)
    if is_whole:
        return best[:size]
    found: I64 = _read_lists(index, person, bands, allowed, k, at, best[:size])
    return found


@njit(cache=True, nogil=True)
def _read_head(
    index: PreferenceIndex, person: Person, bands: F32, allowed: Bools, reach: int, k: int,
    least: float, at: I64, best: I64,
) -> tuple[int, bool]:  # fmt: skip
    """Add up the lists of the person's values, some ranks at a time; keep keys of the best rows.

    Moves `at` (v,), the places in the lists. Returns how many keys, and whether no later rank can
    be among the best.
    """
    ends = index.list_starts[person.values + 1]
    most = most_possible(person.worths, person.fields, 0) * ROUNDING
    found, good = np.empty(BLOCK, np.float64), np.empty(BLOCK, np.int32)
    start, width, size, floor = 0, FIRST, 0, np.float32(least)
    while start < reach:
        if index.priors[start] * most < floor:
            return size, True
        stop = min(start + width, reach)
        _add_up(index, person.worths, at, ends, start, stop, found)
        picked = _pick(found, index.priors[start:stop], floor, good)
        size = _key(index, person, bands, allowed, start, found, good[:picked], best, size)
        size = keep_largest(best, size, k)
        if picked and size >= k:
            floor = max(floor, score_of(best[:size].min()))
        start, width = stop, min(stop, BLOCK)
    return size, reach == index.rows.size


@njit(cache=True, nogil=True)
def _key(
    index: PreferenceIndex, person: Person, bands: F32, allowed: Bools, start: int, found: F64,
    good: I32, keys: I64, size: int,
) -> int:  # fmt: skip
    """Append the keys of the good rows: without a choice on the way, so that reads overlap."""
    means, deviations = person.means, person.deviations
    for i in good:
        row, fit = index.rows[start + i], _fit(bands, start + i, means, deviations)
        keys[size] = key_of(found[i] * fit, row)
        size += not allowed.size or allowed[row]
    return size


@njit(cache=True, nogil=True)
def _read_lists(
    index: PreferenceIndex, person: Person, bands: F32, allowed: Bools, k: int, at: I64, keys: I64
) -> I64:
    """Read on in the lists, most worth first; return keys of the best k of these and of before."""
    best, table, left = np.zeros(k, np.int64), worth_of_each(person, index.idf.size), LISTED
    for key in keys:
        keep(best, key)
    for i in range(person.values.size):
        end = min(at[i] + PREFIX, index.list_starts[person.values[i] + 1])
        most = most_possible(person.worths, person.fields, i)  # by this value and weaker ones
        listed = (index.lists[at[i] : end] >> index.bits).astype(np.int32)
        left = _offer(index, person, table, bands, allowed, listed, left, most, best, True)
    return best


@njit(cache=True, nogil=True)
def _add_up(
    index: PreferenceIndex, worths: F64, at: I64, ends: I64, start: int, stop: int, found: F64
) -> None:
    """Add what each list says of the ranks from `start` to `stop`."""
    lists, kinds, bits, mask = index.lists, index.kinds, index.bits, (1 << index.bits) - 1
    last = stop << bits  # no entry of a rank before `stop` reaches it
    found[: stop - start] = 0.0
    for i in range(worths.size):
        place, end, worth = at[i], ends[i], worths[i]
        while place + RUN <= end and lists[place + RUN - 1] < last:
            for j in range(RUN):  # never counted from the end
                entry = lists[np.uint64(place + j)]
                found[np.uint64((entry >> bits) - start)] += worth * kinds[np.uint64(entry & mask)]
            place += RUN
        while place < end and lists[place] < last:
            found[(lists[place] >> bits) - start] += worth * kinds[lists[place] & mask]
            place += 1
        at[i] = place


@njit(cache=True, nogil=True)
def _pick(found: F64, priors: F32, floor: float, good: I32) -> int:
    """Multiply by the priors; list the places that reach the floor (bands only take away)."""
    size, least = 0, max(floor / ROUNDING, 1e-300)
    for first in range(0, priors.size, LINE):
        own = priors[first : first + LINE]
        line, reaching = found[first : first + own.size], 0
        for i in range(own.size):
            reaching += line[i] * own[0] >= least  # the largest of them
        for i in range(own.size if reaching else 0):
            line[i] *= own[i]
            good[size] = first + i
            size += line[i] >= least
    return size


@njit(cache=True, nogil=True)
def score_all(index: PreferenceIndex, person: Person, bands: F32, rows: Rows, k: int) -> I64:
    """Return keys of the best k of these rows, as a heap."""
    ranks = np.sort(index.ranks[rows])  # the best first: the floor rises early
    best, all_of_them = np.zeros(k, np.int64), np.empty(0, np.bool_)
    most = most_possible(person.worths, person.fields, 0)
    table = worth_of_each(person, index.idf.size)
    _offer(index, person, table, bands, all_of_them, ranks, ranks.size, most, best, False)
    return best


@njit(cache=True, nogil=True)
def _offer(
    index: PreferenceIndex,
    person: Person,
    table: F32,
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
    values, kinds, bits, mask = index.values, index.kinds, index.bits, (1 << index.bits) - 1
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
            found += table[values[i] >> bits] * kinds[values[i] & mask]
        found *= priors[rank]
        if found <= 0.0 or np.float32(found) < floor:  # bands only take away
            continue
        key = key_of(found * _fit(bands, rank, means, deviations), rows[rank])
        if not (may_repeat and np.any(best == key)):
            keep(best, key)
            floor = score_of(best[0])
    return budget


@njit(cache=True, nogil=True)
def _fit(bands: F32, rank: int, means: F64, deviations: F64) -> float:
    """Return Π exp(−z² / 2) over the bands, in [0, 1]; a missing value counts as z = 1.

    Not handed the rank's own bands: to slice them took longer than to compare them.
    """
    squares = 0.0
    for band in range(means.size):
        z = (bands[rank, band] - means[band]) / deviations[band]
        if math.isnan(z):
            z = 1.0 if math.isfinite(deviations[band]) else 0.0
        squares += z * z
    return math.exp(-squares / 2)
