"""Random event logs, and what the tables should say of them by plain loops over events."""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from app.corpus.analyzer import Analyzer
from app.domain.events import Event
from app.domain.user import client_alias, user_alias
from app.offline.behaviour.config import TableConfig
from app.snapshot.tables import memory_key

DAY = 86_400_000
NOW = 400 * DAY
CONFIG = TableConfig(
    half_life_days=7.0, remembered=3, history=5, neighbour_history=4, near_days=3.0
)
TEXTS = ("火锅", "火锅  四川", "Coffee", "coffee 咖啡", "!!!", "")
ANALYZER = Analyzer.build([])


def random_log(seed: int, n: int = 120) -> list[Event]:
    """Events out of order, with equal times, shared devices, strangers, links and gaps."""
    rng = random.Random(seed)
    return [_event(f"e{i}", rng) for i in range(n)]


def _event(event_id: str, rng: random.Random) -> Event:
    actions = ("impression", "impression", "click", "click", "click", "purchase", "add_to_cart",
               "dwell", "link_identity", "unlink_identity")  # fmt: skip
    action = rng.choice(actions)
    one = rng.choice((None, *(f"d{d}" for d in range(8))))
    return Event(
        event_id,
        action,
        ts_ms=NOW - rng.randrange(1, 60) * DAY // 2,
        query_id=rng.choice((None, *(f"r{r}" for r in range(25)))),
        client_id=rng.choice((None, None, "1", "2", "3", "4")),
        user_id=rng.choice((None, None, "1", "2", "3")),
        object_id=one,
        query=rng.choice((None, *TEXTS)) or None,
        shown=tuple(rng.sample([f"d{d}" for d in range(10)], 3))
        if action == "impression" and rng.random() < 0.6
        else (),
    )


@dataclass
class Naive:
    """What `learn` should say, by plain loops. Keyed by names, not by codes."""

    events: Sequence[Event]  # in order of arrival
    as_of_ms: int
    config: TableConfig
    counters: dict[str, dict[str, float]] = field(
        default_factory=lambda: {
            name: defaultdict(float) for name in ("impressions", "clicks", "gain", "recent_gain")
        }
    )
    queries: dict[str, dict[str, float]] = field(default_factory=lambda: defaultdict(dict))
    terms: dict[str, dict[str, float]] = field(default_factory=lambda: defaultdict(dict))
    acted: dict[str, dict[str, tuple[int, float]]] = field(
        default_factory=lambda: defaultdict(dict)
    )

    def __post_init__(self) -> None:
        self.events = sorted(
            (e for e in self.events if e.ts_ms < self.as_of_ms), key=lambda e: e.ts_ms
        )
        self.group = self._identities()
        for e in self.events:
            if e.action_name == "impression":
                for d in e.shown or ([e.object_id] if e.object_id else []):
                    self.counters["impressions"][d] += 1
            if e.object_id and e.action_name == "click":
                self.counters["clicks"][e.object_id] += 1
            if e.object_id and e.action_name in self.config.gains:
                self._act(e, e.object_id)

    def _act(self, e: Event, document: str) -> None:
        gain = self.config.gains[e.action_name]
        recent = gain * float(
            np.exp2(-(self.as_of_ms - e.ts_ms) / (self.config.half_life_days * DAY))
        )
        self.counters["gain"][document] += gain
        self.counters["recent_gain"][document] += recent
        terms = ANALYZER.query_terms(self._said(e, lambda x: x.query) or "", ("default",))
        if terms:
            _add(self.queries[memory_key(terms)], document, recent)
        for term in terms:
            _add(self.terms[term], document, recent)
        who = self._said(e, self._person) or (f"search:{e.query_id}" if e.query_id else None)
        if who:
            before = self.acted[who].pop(document, (0, 0.0))  # popped: the newest stands last
            self.acted[who][document] = (e.ts_ms, before[1] + gain)

    def _said(self, e: Event, of: Callable[[Event], str | None]) -> str | None:
        mine = of(e)
        if mine or not e.query_id:
            return mine
        said = (of(x) for x in self.events if x.query_id == e.query_id)
        return next((one for one in said if one), None)

    def _person(self, e: Event) -> str | None:
        alias = user_alias(e.user_id) if e.user_id else client_alias(e.client_id or "")
        return self.group.get(alias)

    def _identities(self) -> dict[str, str]:
        group: dict[str, str] = {}
        seen: set[tuple[str, str]] = set()  # (client, user)
        told: set[tuple[str, str]] = set()
        for e in self.events:
            group |= {user_alias(u): user_alias(u) for u in (e.user_id,) if u}
            group |= {client_alias(c): client_alias(c) for c in (e.client_id,) if c}
            pair = (e.client_id or "", e.user_id or "")
            if not all(pair):
                continue
            if e.action_name == "unlink_identity":
                seen.discard(pair)
                told.discard(pair)
                continue
            seen.add(pair)
            if e.action_name == "link_identity":
                told.add(pair)
        own = {pair for pair in seen if sum(pair[0] == client for client, _ in seen) == 1}
        for client, user in sorted(told | own):
            old, new = group[client_alias(client)], group[user_alias(user)]
            group = {alias: new if one == old else one for alias, one in group.items()}
        return group

    def neighbours(self) -> dict[str, dict[str, float]]:
        newest = {
            who: dict(list(documents.items())[-self.config.neighbour_history :])
            for who, documents in self.acted.items()
        }
        votes: dict[str, float] = defaultdict(float)
        total: dict[str, dict[str, float]] = defaultdict(dict)
        people: dict[tuple[str, str], int] = defaultdict(int)
        for documents in newest.values():
            worth = 1 / len(documents)
            for i, (at, _) in documents.items():
                votes[i] += worth
                for j, (then, _) in documents.items():
                    nearness = 2.0 ** -(abs(at - then) / (self.config.near_days * DAY))
                    _add(total[i], j, worth * (0.3 + 0.7 * nearness))
                    people[i, j] += 1
        return {
            i: {
                j: s / math.sqrt(votes[i] * votes[j]) * n / (n + self.config.shrinkage)
                for j, s in js.items()
                if (n := people[i, j]) and i != j
            }
            for i, js in total.items()
        }


def _add(to: dict[str, float], document: str, amount: float) -> None:
    to[document] = to.get(document, 0.0) + amount
