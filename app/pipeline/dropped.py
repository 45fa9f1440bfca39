"""The first stage that dropped a document from an answer, and by how much, in words.

not_in_snapshot | deleted    searches do not see it: what the document log says of it
filtered                     it is seen; a clause does not hold
not_recalled                 it is allowed; no channel returned it
cut_before_rank              it was recalled; others were better, and so many are ranked
rule                         a rule removes it, or another document of its group stands for it
below_page                   it is in the list; the page ends above it
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import orjson

from app.domain.arrays import Rows
from app.domain.changes import Entry, Op
from app.pipeline.matches import match_set
from app.pipeline.unmet import unmet
from app.pipeline.whole import Whole
from app.pipeline.would_be import MAX_K, InChannel, Standing
from app.snapshot.snapshot import Snapshot


class Stage(StrEnum):
    NOT_IN_SNAPSHOT = "not_in_snapshot"
    DELETED = "deleted"
    FILTERED = "filtered"
    NOT_RECALLED = "not_recalled"
    CUT_BEFORE_RANK = "cut_before_rank"
    RULE = "rule"
    BELOW_PAGE = "below_page"


@dataclass(frozen=True, slots=True)
class Dropped:
    stage: Stage
    detail: str  # one sentence with the numbers


def absent(id_: str, snapshot: Snapshot, log: Sequence[Entry]) -> Dropped:
    """Say why searches see no such document. `log`: its newest put or delete, and what followed."""
    if log and log[0].op is Op.DELETE:
        return Dropped(Stage.DELETED, f"deleted by change {log[0].seq} of the document log")
    held = f"snapshot {snapshot.id} up to change {snapshot.log_seq} has no document {id_!r}"
    if log and log[-1].seq > snapshot.log_seq:
        held += f"; change {log[-1].seq} wrote it, and searches do not see that far yet"
    return Dropped(Stage.NOT_IN_SNAPSHOT, held)


def filtered(whole: Whole, row: int) -> Dropped | None:
    """Name the clauses or the rules that keep the row out, None where they allow it."""
    query, mask, documents = whole.ctx.query, whole.ctx.mask, whole.ctx.snapshot.documents
    if mask is None or mask.allowed[row]:
        return None
    clauses = () if query.filters is None else unmet(query.filters, documents, row)
    if not clauses:
        names = ", ".join(map(repr, whole.rules.removing(query, documents, row)))
        return Dropped(Stage.RULE, f"removed by rule {names}")
    told = (f"{_json(c.clause)} does not hold: it has {_json(c.value)}" for c in clauses)
    return Dropped(Stage.FILTERED, "; ".join(told))


async def dropped(whole: Whole, row: int, channels: Sequence[InChannel]) -> Dropped | None:
    """Say where an allowed row was lost, None where it is on the page or one before."""
    rank = whole.rank_of(row)
    if rank is not None:
        return None if rank <= whole.end else _below_page(whole, rank)
    if whole.ctx.query.sort:
        return await asyncio.to_thread(_not_listed, whole, row)
    if whole.place_of(row) is not None:
        return _by_rule(whole, row)
    if any(c.standing is Standing.RETURNED for c in channels) or _is_browsing(whole):
        return _cut(whole, row)
    return Dropped(Stage.NOT_RECALLED, "; ".join(_told(c) for c in channels))


def _below_page(whole: Whole, rank: int) -> Dropped:
    score, last = whole.scores[rank - 1], whole.scores[whole.end - 1]
    detail = f"rank {rank}, and the page ends at {whole.end}"
    if not whole.ctx.query.sort:
        detail += f"; its score is {score:.6g}, that of the last on the page {last:.6g}"
        detail += ", and equal ones stay as merged" if score == last else ""
    place = whole.place_of(int(whole.order[rank - 1]))
    rule = None if place is None else whole.result.moved.get(place)
    if rule is not None:
        detail += f"; rule {rule!r} moved it"
    return Dropped(Stage.BELOW_PAGE, detail)


def _not_listed(whole: Whole, row: int) -> Dropped:
    """Say why a row is not in a list sorted by fields: blocking, for all matches are looked at."""
    if not match_set(whole.ctx, whole.channels)[row]:
        return Dropped(Stage.NOT_RECALLED, "the list is sorted, and the query's words do not match")
    if whole.ctx.query.group_by is not None and (rule := _group(whole, row)) is not None:
        return rule
    detail = f"the page ends at {whole.end}, and it is not among the first {whole.order.size}"
    return Dropped(Stage.BELOW_PAGE, detail)


def _by_rule(whole: Whole, row: int) -> Dropped:
    return _group(whole, row) or Dropped(Stage.RULE, "a rule took it out of the ranked list")


def _group(whole: Whole, row: int) -> Dropped | None:
    """Name the document that stands for the row's group, None where none does."""
    field, documents = whole.ctx.query.group_by, whole.ctx.snapshot.documents
    if field is None:
        return None
    column = documents.keywords[field]
    code = int(column.single(np.array([row], np.int32))[0])
    same = np.flatnonzero(column.single(whole.order) == code)
    if code < 0 or not same.size:
        return None
    first = int(same[0])
    by, value = documents.ids.strings[int(whole.order[first])], column.names.strings[code]
    detail = f"one of each {field}: {by!r} at rank {first + 1} stands for {value!r}"
    return Dropped(Stage.RULE, detail)


def _is_browsing(whole: Whole) -> bool:
    """Tell whether the list is filled with every allowed row, as `fill_from_mask` does."""
    return not whole.ctx.query.terms and whole.ctx.query.filters is not None


def _cut(whole: Whole, row: int) -> Dropped:
    merged = whole.merger.merge(whole.result.hits, len(whole.ctx.snapshot))
    at = np.flatnonzero(merged.rows == row)
    if not at.size:
        return _not_filled(whole, row, merged.rows)
    candidates = whole.result.candidates
    kept = candidates.fused[(candidates.ranks > 0).any(axis=1)]  # without what was only pinned
    worth = f"its fused score is {merged.fused[at[0]]:.6g}"
    if kept.size:
        worth += f", that of the last kept {kept[-1]:.6g}"
    return Dropped(Stage.CUT_BEFORE_RANK, f"{_kept(int(at[0]) + 1, kept.size)}; {worth}")


def _not_filled(whole: Whole, row: int, merged: Rows) -> Dropped:
    """Say where a row would be that browsing lists behind what was recalled and pinned."""
    mask, listed = whole.ctx.mask, np.union1d(merged, whole.rules.pinned_rows(whole.ctx))
    before = mask.allowed[:row].copy() if mask is not None else np.empty(0)
    before[listed[listed < row]] = False
    place = listed.size + int(np.count_nonzero(before)) + 1
    why = "no channel returned it, and the rest is listed by row"
    return Dropped(Stage.CUT_BEFORE_RANK, f"{_kept(place, len(whole.result.candidates))}; {why}")


def _kept(place: int, ranked: int) -> str:
    return f"place {place} of the merged list, of which {ranked} are ranked"


def _told(c: InChannel) -> str:
    """Say of one channel why it did not return the row."""
    score = "" if c.score is None else f"score {c.score:.6g}"
    last = "" if c.last is None else f", its last hit has {c.last:.6g}"
    match c.standing:
        case Standing.BEYOND_K:
            rank = f"rank {c.rank}" if c.rank else f"beyond rank {MAX_K}"
            return f"{c.name}: {rank} of {c.k} asked for, {score}{last}"
        case Standing.PASSED_OVER:
            return f"{c.name}: passed over, for its search is not exact, {score}{last}"
        case Standing.NO_MATCH:
            return f"{c.name}: no match"
        case _:
            return f"{c.name}: {c.standing.value.replace('_', ' ')}"


def _json(value: object) -> str:
    return orjson.dumps(value).decode()
