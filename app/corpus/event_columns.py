"""The event log as arrays: read once, then cut at any moment by a binary search.

Strings become codes of sorted dictionaries, so that equal events give equal arrays whatever came
after them: a later event changes no order below.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol

import numpy as np
import orjson

from app.corpus.event_log import HOT
from app.corpus.ragged import Ragged
from app.domain.arrays import F64, I32, I64, Array, Bools
from app.domain.events import IMPRESSION

Names = tuple[str, ...]


class _Log(Protocol):
    def columns(self, after_seq: int = 0, up_to_seq: int | None = None) -> Iterator[_Batch]: ...


_Batch = Mapping[str, Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Coded:
    """One string column: −1 where the event has none."""

    codes: I32  # (n,)
    names: Names  # ascending; may hold names that no event of a cut uses

    def take(self, keep: Array | slice) -> Coded:
        return Coded(self.codes[keep], self.names)

    @classmethod
    def of(cls, values: Sequence[str | None]) -> Coded:
        names = sorted({v for v in values if v is not None})
        code: dict[str | None, int] = {name: i for i, name in enumerate(names)}
        code[None] = -1
        return cls(np.fromiter((code[v] for v in values), np.int32, len(values)), tuple(names))


@dataclass(frozen=True, slots=True)
class Shown:
    """Documents shown, one entry each. (s,)"""

    event: I64  # index of the impression
    document: I32  # document code
    position: I64  # from 1; a list starts at its event's own position; 0 where unknown


@dataclass(frozen=True, slots=True)
class EventColumns:
    """Events in order of (ts_ms, seq), a column each. (n,) unless said otherwise."""

    seq: I64
    ts_ms: I64
    action: Coded
    request: Coded
    client: Coded
    user: Coded
    document: Coded  # its names also hold what was only shown
    query: Coded
    position: I32  # 0 where unknown
    lat: F64  # NaN where unknown
    lon: F64
    positions_known: Bools
    dwell_ms: I64  # -1 where unknown
    is_random: Bools  # an impression in random order
    shown: Ragged  # int32 document codes of a whole-list impression, empty elsewhere

    def __len__(self) -> int:
        return int(self.seq.size)

    def before(self, as_of_ms: int) -> EventColumns:
        """Return the events with ts_ms < as_of_ms, as views."""
        n = int(np.searchsorted(self.ts_ms, as_of_ms))
        shown = Ragged(self.shown.offsets[: n + 1], self.shown.values)
        parts = {f.name: _head(getattr(self, f.name), n) for f in fields(self) if f.name != "shown"}
        return replace(self, **parts, shown=shown)

    def received(self, up_to_seq: int) -> EventColumns:
        """Return the events with seq ≤ up_to_seq: what the log held once, whenever it happened."""
        keep = np.flatnonzero(self.seq <= up_to_seq)
        if keep.size == len(self):
            return self
        parts: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        for name, column in parts.items():
            whole = isinstance(column, Coded | Ragged)
            parts[name] = column.take(keep) if whole else column[keep]
        return EventColumns(**parts)

    def take(self, keep: Bools) -> EventColumns:
        """Return some events, in their order."""
        chosen = np.flatnonzero(keep)
        listed = np.repeat(keep, self.shown.lengths)
        start, end = self.shown.offsets[0], self.shown.offsets[-1]
        offsets = np.concatenate([[0], np.cumsum(self.shown.lengths[chosen])]).astype(np.int64)
        shown = Ragged(offsets, self.shown.values[start:end][listed])
        parts = {
            f.name: _pick(getattr(self, f.name), chosen) for f in fields(self) if f.name != "shown"
        }
        return replace(self, **parts, shown=shown)

    def code_of(self, action: str) -> int:
        """Return the code of an action, -2 where no event has it (-1 would match nothing too)."""
        names = self.action.names
        return names.index(action) if action in names else -2

    def impressions(self) -> Shown:
        """Return every document shown, from whole lists and from single impressions."""
        chosen = np.flatnonzero(self.action.codes == self.code_of(IMPRESSION))
        lengths = self.shown.lengths[chosen]
        listed = np.repeat(chosen, lengths)
        within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        single = chosen[(lengths == 0) & (self.document.codes[chosen] >= 0)]
        return Shown(
            event=np.concatenate([listed, single]),
            document=np.concatenate(
                [self.shown.values[self.shown.offsets[listed] + within],
                 self.document.codes[single]]
            ),
            position=np.concatenate(
                [np.maximum(self.position[listed], 1) + within, self.position[single]]
            ),
        )  # fmt: skip

    def first_in_request(self, says: Bools) -> I64:
        """Return each request's earliest event that `says` something, -1 where none does.

        (requests + 1,): the last entry, which code -1 finds, is that of no request: -1.
        """
        first = np.full(len(self.request.names) + 1, -1, np.int64)
        telling = np.flatnonzero(says & (self.request.codes >= 0))[::-1]
        first[self.request.codes[telling]] = telling  # the last assignment wins: the earliest
        return first

    @classmethod
    def load(cls, log: _Log, up_to_seq: int | None = None) -> EventColumns:
        """Read the log once, up to and with seq `up_to_seq`."""
        return cls.of(log.columns(0, up_to_seq))

    @classmethod
    def of(cls, batches: Iterable[_Batch]) -> EventColumns:
        """Build from batches of event_log.HOT columns, in order of seq."""
        raw = _joined(batches)
        order = np.argsort(np.array(raw["ts_ms"], np.int64), kind="stable")
        coded = {
            name: Coded.of(raw[key]).take(order)
            for name, key in (
                ("action", "action_name"), ("request", "query_id"), ("client", "client_id"),
                ("user", "user_id"), ("query", "query"),
            )
        }  # fmt: skip
        document, shown = _documents(raw["object_id"], raw["shown"], order)
        return cls(
            seq=np.array(raw["seq"], np.int64)[order],
            ts_ms=np.array(raw["ts_ms"], np.int64)[order],
            document=document,
            position=np.array([p or 0 for p in raw["position"]], np.int32)[order],
            lat=np.array(raw["lat"], np.float64)[order],  # None becomes NaN
            lon=np.array(raw["lon"], np.float64)[order],
            positions_known=np.array(raw["positions_known"], np.bool_)[order],
            dwell_ms=np.array([_dwell(ms) for ms in raw["dwell_ms"]], np.int64)[order],
            is_random=np.array([one == 1 for one in raw["is_random"]], np.bool_)[order],
            shown=shown,
            **coded,
        )


def _head(column: Any, n: int) -> Any:
    return column.take(slice(0, n)) if isinstance(column, Coded) else column[:n]


def _pick(column: Any, chosen: I64) -> Any:
    return column.take(chosen) if isinstance(column, Coded) else column[chosen]


def _joined(batches: Iterable[_Batch]) -> dict[str, list[Any]]:
    raw: dict[str, list[Any]] = {name: [] for name in HOT}
    for batch in batches:
        for name, values in batch.items():
            raw[name].extend(values)
    return raw


def _dwell(value: Any) -> int:
    """Attributes are kept as they came: what is no duration counts as unknown."""
    if not isinstance(value, int | float) or not 0 <= value < 2**53:
        return -1
    return int(value)


def _documents(
    acted: Sequence[str | None], listed: Sequence[str | None], order: I64
) -> tuple[Coded, Ragged]:
    """Code the documents acted on and those shown with one dictionary."""
    lists = [orjson.loads(text) if text else () for text in (listed[i] for i in order)]
    flat = [one for entry in lists for one in entry]
    both = Coded.of([*(acted[i] for i in order), *flat])
    offsets = np.zeros(len(lists) + 1, np.int64)
    np.cumsum([len(entry) for entry in lists], out=offsets[1:])
    n = len(acted)
    return both.take(slice(0, n)), Ragged(offsets, both.codes[n:])
