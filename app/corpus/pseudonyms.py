"""The door's memory of who is who: names in, pseudonyms out, at the speed of a dictionary.

What this process has met it remembers, for as long as it hears from the store what was forgotten
elsewhere: `follow` asks twice a second, and after LEASE_S without an answer nobody is known any
more, for a pseudonym may have been forgotten meanwhile. A searcher never waits for a write: a
name without a pseudonym gets one here, which `settle` makes durable before any log holds it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar, cast

import numpy as np

from app.corpus.identity import Identities, digest_of, draw
from app.domain.errors import ServerError
from app.domain.events import Event
from app.domain.impressions import Impression
from app.domain.user import client_alias, user_alias

log = logging.getLogger(__name__)


class Actor(Protocol):
    """Whatever names a person, a device, or both; a frozen dataclass."""

    @property
    def user_id(self) -> str | None: ...
    @property
    def client_id(self) -> str | None: ...


A = TypeVar("A", bound=Actor)

FOLLOW_S = 0.5
LEASE_S = 5.0
REMEMBERED = 100_000
"""Names held in memory, about 30 MB."""


class Pseudonyms:
    """One process's door. Safe to share between threads. `start` and `close` where it serves."""

    def __init__(self, identities: Identities, monotonic_s: Callable[[], float]) -> None:
        self._identities = identities
        self._monotonic_s = monotonic_s
        self._lock = threading.Lock()
        self._writing = threading.Lock()  # what is being forgotten is not made durable meanwhile
        self._known: dict[str, str] = {}  # name → pseudonym, oldest first
        self._drawn: dict[str, str] = {}  # of the known, those that the store does not hold yet
        self._second: dict[str, str] = {}  # drawn here → the first of the name, drawn elsewhere
        self._gone: set[str] = set()  # digests that this process heard of
        self._era = 0  # what was read in an earlier one may be forgotten since
        self._heard_seq = 0
        self._heard_at = float("-inf")
        self._is_deaf = False
        self.heard: Callable[[Collection[str]], None] = lambda digests: None
        """Told the digests of whoever is forgotten, here or elsewhere."""
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pseudonyms", daemon=True)

    def start(self) -> None:
        """Hear of the store once, and follow it from now on."""
        self._try(self.listen)
        self._thread.start()

    def close(self, timeout_s: float = 5.0) -> None:
        """Settle what is not durable yet. A store that hangs is left behind after `timeout_s`."""
        self._closing.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        if not self._thread.is_alive():
            self._try(self.settle)
        self._identities.close()

    @property
    def is_current(self) -> bool:
        """Tell whether the store was heard of lately; if not, nobody is known."""
        return self._monotonic_s() - self._heard_at < LEASE_S

    def recall(self, names: Sequence[str]) -> dict[str, str] | None:
        """Return the pseudonyms of these names from memory; None where the store must be asked."""
        if not self.is_current:
            return None
        found = {name: self._known[name] for name in names if name in self._known}
        return found if len(found) == len(names) else None

    def meet(self, names: Sequence[str]) -> dict[str, str]:
        """Return the pseudonyms of searchers, new ones for strangers. Reads, and writes nothing.

        Raises StoreUnavailable.
        """
        self._listen_if_late()
        era = self._era
        found = self._identities.find(names)
        with self._lock:
            found |= {n: self._drawn.setdefault(n, draw()) for n in names if n not in found}
        self._remember(found, era)
        return found

    def lookup(self, names: Sequence[str]) -> dict[str, str]:
        """Return the pseudonyms of those names that have one. Raises StoreUnavailable."""
        return self.recall(names) or self._identities.find(names)

    def ensure(self, names: Sequence[str]) -> dict[str, str]:
        """Return every name's pseudonym, durable. Raises StoreUnavailable or StoreFull."""
        self._listen_if_late()
        era, known, drawn = self._era, self._known, self._drawn
        found = {n: known[n] for n in names if n in known and n not in drawn}
        unknown = [n for n in dict.fromkeys(names) if n not in found]
        if unknown:
            self.settle()
            fresh = self._identities.ensure(unknown)
            self._remember(fresh, era)
            found |= fresh
        return found

    def of_events(self, events: Sequence[Event]) -> list[Event]:
        """Return the same events by the pseudonyms of those who acted.

        Raises StoreUnavailable or StoreFull, and nothing is changed.
        """
        return _renamed(events, self.ensure)

    def of_known(self, actors: Sequence[A]) -> list[A]:
        """Return the same searches or sessions by pseudonyms; who has none becomes nobody.

        Writes nothing: for what is asked and not logged. Raises StoreUnavailable.
        """
        return _renamed(actors, self.lookup)

    def loggable(self, impressions: Sequence[Impression]) -> list[Impression]:
        """Return what may be written of impressions: none of the forgotten, nobody undurable.

        Where the store does not take a new pseudonym, its impressions are logged of nobody.
        """
        try:
            self.settle()
        except ServerError as error:
            log.warning("impressions of strangers are logged of nobody: %s", error)
        with self._lock:
            unsettled = set(self._drawn.values())
        stay = (self._settled(i, unsettled) for i in impressions if not self._is_gone(i))
        return [i for i in stay if not self._is_gone(i)]

    def _settled(self, impression: Impression, unsettled: Collection[str]) -> Impression:
        """Name somebody who was met in two places at once as all others do."""
        user, client = impression.user_id, impression.client_id
        if user in unsettled or client in unsettled:
            return replace(impression, user_id=None, client_id=None)
        first = self._second.get(user or "", user), self._second.get(client or "", client)
        if first == (user, client):
            return impression
        return _without_features(replace(impression, user_id=first[0], client_id=first[1]))

    def settle(self) -> None:
        """Make the pseudonyms drawn here durable. Raises StoreUnavailable or StoreFull."""
        with self._writing:
            drawn, era = dict(self._drawn), self._era
            if not drawn:
                return
            self._identities.add(drawn)
            stored = self._identities.find(drawn)
            with self._lock:
                self._drawn = {n: p for n, p in self._drawn.items() if drawn.get(n) != p}
                self._second |= {p: stored[n] for n, p in drawn.items() if stored.get(n, p) != p}
            self._remember(stored, era)

    def forget(
        self, names: Sequence[str], asked_ms: int, pseudonyms: Iterable[str] = ()
    ) -> tuple[str, ...]:
        """Destroy names, and the names of `pseudonyms`, for good; return all their pseudonyms.

        Raises StoreUnavailable or StoreFull.
        """
        with self._writing:
            names = [*names, *self._identities.names_of(pseudonyms)]
            undurable = [self._drawn[name] for name in names if name in self._drawn]
            gone = self._identities.forget(names, asked_ms, undurable)
            self._drop({digest_of(one) for one in gone})
        return gone

    def listen(self) -> None:
        """Hear what was forgotten elsewhere. Raises StoreUnavailable."""
        asked_at = self._monotonic_s()
        news = self._identities.forgotten(self._heard_seq)
        self._drop({one.digest for one in news})
        if news:
            self._heard_seq = news[-1].seq
        self._heard_at = asked_at

    def _listen_if_late(self) -> None:
        if not self.is_current:
            self.listen()

    def _drop(self, digests: set[str]) -> None:
        """Begin a new era: whoever was known is asked for again, and these are nobody."""
        if not digests:
            return
        with self._lock:
            self._era += 1
            self._gone |= digests
            self._known.clear()
            for name in [n for n, p in self._drawn.items() if digest_of(p) in digests]:
                del self._drawn[name]
        self.heard(digests)

    def _is_gone(self, impression: Impression) -> bool:
        ids = (impression.user_id, impression.client_id)
        return any(digest_of(one) in self._gone for one in ids if one is not None)

    def _remember(self, found: Mapping[str, str], era: int) -> None:
        """Hold what was read in this era, and let the oldest go."""
        with self._lock:
            if era != self._era:
                return
            self._known.update(found)
            while len(self._known) > REMEMBERED:
                del self._known[next(iter(self._known))]

    def _run(self) -> None:
        while not self._closing.wait(FOLLOW_S):
            self._try(self.listen, self.settle)  # one alone may have nothing to ask

    def _try(self, *steps: Callable[[], None]) -> None:
        """Complain once where the store does not answer, and once when it does again."""
        try:
            for step in steps:
                step()
        except ServerError as error:
            if not self._is_deaf:
                log.warning("nobody is known until the store answers: %s", error)
            self._is_deaf = True
        else:
            if self._is_deaf and not self._closing.is_set():  # then nothing may be left to ask
                log.warning("the store says again who is who")
            self._is_deaf = False


def names_of(user_id: str | None, client_id: str | None) -> list[str]:
    """Return the names of a person and a device, of those that are given."""
    users = [] if user_id is None else [user_alias(user_id)]
    return users if client_id is None else [*users, client_alias(client_id)]


def renamed(actor: A, found: Mapping[str, str]) -> A:
    """Put pseudonyms in the place of ids; who is not found becomes nobody."""
    user = None if actor.user_id is None else found.get(user_alias(actor.user_id))
    client = None if actor.client_id is None else found.get(client_alias(actor.client_id))
    return cast(A, replace(cast(Any, actor), user_id=user, client_id=client))


def _renamed(actors: Sequence[A], find: Callable[[Sequence[str]], Mapping[str, str]]) -> list[A]:
    """Ask once for all of them."""
    ids = dict.fromkeys((a.user_id, a.client_id) for a in actors)
    names = [name for pair in ids for name in names_of(*pair)]
    if not names:
        return list(actors)
    found = find(names)
    return [
        renamed(a, found) if a.user_id is not None or a.client_id is not None else a for a in actors
    ]


def _without_features(impression: Impression) -> Impression:
    """Keep who was shown what, and not the features: they are those of a stranger, whom the person
    only seemed to be. Training computes them anew.
    """
    m = len(impression.ids)
    return replace(
        impression, feature_names=(), features=np.empty((m, 0), np.float32),
        has_features=np.zeros(m, np.bool_),
    )  # fmt: skip
