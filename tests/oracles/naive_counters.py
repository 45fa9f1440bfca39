"""What the counters should say of a log, by plain loops over raw events into hour buckets."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from app.domain.events import Event
from app.snapshot.counters import CELL_DEG, WINDOW_HOURS
from app.snapshot.tables import memory_key
from tests.oracles.naive_tables import ANALYZER

HOUR = 3_600_000
Buckets = Mapping[int, Sequence[int]]
"""Whole hours of age → impressions and clicks."""


@dataclass
class NaiveCounters:
    """Counts of the events before `as_of_ms`; of two with one event_id the first arrived counts."""

    events: Sequence[Event]  # in order of arrival
    as_of_ms: int
    half_life_days: float
    buckets: dict[str, dict[Any, dict[int, list[int]]]] = field(
        default_factory=lambda: defaultdict(
            lambda: defaultdict(lambda: defaultdict(lambda: [0, 0]))
        )
    )
    tally: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        once = {e.event_id: e for e in reversed(self.events)}
        arrived = [e for i, e in enumerate(self.events) if e is once[e.event_id]]
        self.known = sorted((e for e in arrived if e.ts_ms < self.as_of_ms), key=lambda e: e.ts_ms)
        shown: dict[tuple[str, str], tuple[Event, list[int]]] = {}
        entries: list[tuple[Event, str, list[int]]] = []
        for e in self.known:
            if e.action_name != "impression":
                continue
            for document in e.shown or ([e.object_id] if e.object_id else []):
                key = (e.query_id, document) if e.query_id else (e.event_id, document)
                if key in shown:
                    self.tally["shown_again"] += 1
                    continue
                shown[key] = (e, [1, 0])
                entries.append((e, document, shown[key][1]))
        for e in self.known:
            if e.action_name == "click" and e.object_id:
                self._click(shown.get((e.query_id or "", e.object_id)))
        for e, document, counts in entries:
            self._count(e, document, counts)
        self.tally["impressions"], self.tally["clicks"] = (
            sum(counts[side] for _, _, counts in entries) for side in (0, 1)
        )

    def _click(self, found: tuple[Event, list[int]] | None) -> None:
        if found is None:
            self.tally["clicked_unshown"] += 1
        elif found[1][1]:
            self.tally["clicked_again"] += 1
        else:
            found[1][1] = 1

    def _count(self, e: Event, document: str, counts: list[int]) -> None:
        keys: dict[str, Any] = {"documents": document, "hours": e.ts_ms // HOUR % 24}
        typed = self._said(e, lambda x: x.query) or ""
        if terms := ANALYZER.query_terms(typed, ("default",)):
            keys |= {"queries": memory_key(terms), "pairs": (memory_key(terms), document)}
        if place := self._said(e, lambda x: None if x.lat is None else (x.lat, x.lon)):
            south, west = (
                math.floor((x + y) / CELL_DEG) for x, y in zip(place, (90, 180), strict=True)
            )
            keys["places"] = south * 7200 + west
        age = (self.as_of_ms - 1 - e.ts_ms) // HOUR
        for family, key in keys.items():
            for side in (0, 1):
                self.buckets[family][key][age][side] += counts[side]

    def _said(self, e: Event, of: Callable[[Event], Any]) -> Any:
        mine = of(e)
        if mine or not e.query_id:
            return mine
        said = (of(x) for x in self.known if x.query_id == e.query_id)
        return next((one for one in said if one), None)

    def row(self, family: str, key: Any) -> list[float]:
        """A block's row: impressions in every window, then clicks."""
        bucket: Buckets = self.buckets[family].get(key, {})
        return [
            float(np.float32(count))
            for side in (0, 1)
            for count in (
                *(
                    sum(n[side] for age, n in bucket.items() if age < h)
                    for h in WINDOW_HOURS.values()
                ),
                self._decayed(bucket, side),
                sum(n[side] for n in bucket.values()),
            )
        ]

    def _decayed(self, bucket: Buckets, side: int) -> float:
        days = {age: age / 24 / self.half_life_days for age in bucket}
        return sum(n[side] * round(2.0 ** -days[age] * 2**30) for age, n in bucket.items()) / 2**30


def naive_prior(rows: Sequence[Sequence[float]]) -> tuple[float, float]:
    """Alpha and beta by the textbook form of the moments, from (impressions, clicks) a key."""
    rows = [(n, c) for n, c in rows if n]
    total, clicks = sum(n for n, _ in rows), sum(c for _, c in rows)
    if not 0 < clicks < total:
        mean = (clicks + 1) / (total + 20)
        return 20 * mean, 20 * (1 - mean)
    p, k = clicks / total, len(rows)
    between = sum(n * (c / n - p) ** 2 for n, c in rows)
    room = total - sum(n * n for n, _ in rows) / total - (k - 1)
    correlation = (between / (p * (1 - p)) - (k - 1)) / room if room > 0 else 0
    pull = min(max(1 / correlation - 1, 2), 1000) if correlation > 0 else 1000
    return p * pull, (1 - p) * pull
