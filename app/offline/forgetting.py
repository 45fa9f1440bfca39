"""Forgets people in everything that was written of them, after the mapping was destroyed.

The mapping left digests (corpus/identity). By these their pseudonyms are found in the logs, and all
that is theirs is deleted: impressions first, events last, so that a sweep that was cut short finds
again what is left. Then tables that held them are redacted, and the files are freed of the bytes.
A sweep that finds nothing changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache, partial

import numpy as np

from app.corpus.analyzer import Analyzer
from app.corpus.event_columns import Coded, EventColumns
from app.corpus.event_erasure import EventErasure
from app.corpus.event_log import FILE
from app.corpus.identity import Forgotten, Identities, digest_of
from app.corpus.impression_erasure import erase_impressions, requests_of
from app.domain.arrays import I64, Bools
from app.domain.errors import DuoluError, StateUnavailable
from app.domain.user import client_alias, user_alias
from app.offline.behaviour.people import identify
from app.offline.behaviour.publish import LOCK
from app.offline.behaviour.rebuild import REDACTED
from app.offline.behaviour.redaction import redact_tables
from app.offline.exclusive import exclusive
from app.offline.impression_events import tell
from app.offline.workplace import Workplace
from app.snapshot.artifact import write_pointer
from app.wiring import make_people

log = logging.getLogger(__name__)

SWEPT = "FORGOTTEN"
"""File under DATA, one line: the number up to which nothing here holds anybody who was forgotten,
and the number up to which that was so once."""

SETTLED_MS = 600_000
"""A process that knew somebody goes on for some seconds; whoever asked later is swept once more."""


@dataclass(frozen=True, slots=True)
class Swept:
    """What was deleted."""

    people: int = 0  # pseudonyms that were looked for
    events: int = 0
    impressions: int = 0
    tables: int = 0  # redacted, or deleted where that could not be

    def to_json(self) -> dict[str, int]:
        return asdict(self)


def waiting(place: Workplace, identities: Identities) -> list[Forgotten]:
    """Return those of whom something may be left here."""
    return identities.forgotten(_swept(place)[0])


def sweep(place: Workplace, now_ms: int) -> Swept:
    """Delete what is left of everybody who was forgotten. Waits for who builds tables meanwhile.

    Raises StoreUnavailable, StoreFull or OSError; what was not finished then is at the next call.
    """
    if not place.has_identities:
        return Swept()
    with place.identities() as identities:
        if not waiting(place, identities):
            return Swept()
        with exclusive(place.stores.tables.root / LOCK, "build of tables", waits=True):
            return _sweep(place, identities, now_ms)


def _sweep(place: Workplace, identities: Identities, now_ms: int) -> Swept:
    impressions, events = place.stores.impressions, _events(place)
    gone = _Gone(waiting(place, identities))
    devices = own_devices(events, gone.holds)
    if devices:
        identities.forget(identities.names_of(devices), now_ms, devices)
        gone = _Gone(waiting(place, identities))
    chosen = theirs(events, gone.holds, requests_of(impressions, gone.holds))
    identities.note_first_event(gone.first_events(events, chosen))
    erased = erase_impressions(impressions, gone.holds, _requests(events, chosen))
    _delete(place, events.seq[chosen])
    told = waiting(place, identities)
    tables = _redact(place, events.take(~chosen), told, is_news=bool(chosen.any()))
    (place.data / "errors" / "events.jsonl").unlink(missing_ok=True)  # refused lines quote values
    identities.scrub()
    if _drop_state(place, events, gone.holds):
        _note(place, told, now_ms)
    return Swept(len(told), int(chosen.sum()), erased.records, tables)


class _Gone:
    """Knows the forgotten by the digests that are left of them."""

    def __init__(self, told: Sequence[Forgotten]) -> None:
        self._digests = {one.digest for one in told}

    def holds(self, pseudonym: str) -> bool:
        return digest_of(pseudonym) in self._digests

    def first_events(self, events: EventColumns, chosen: Bools) -> dict[str, int]:
        """Map the digest of everybody who has events to the number of the oldest of all.

        Of all: what is deleted with one person counts for that person's tables too.
        """
        if not chosen.any():
            return {}
        first = int(events.seq[chosen].min())
        names = (*events.user.names, *events.client.names)
        return {digest_of(name): first for name in names if self.holds(name)}


def own_devices(events: EventColumns, is_gone: Callable[[str], bool]) -> list[str]:
    """Return the devices of the forgotten alone: linked to nobody else, seen with nobody else."""
    users = _named(events.user, is_gone)
    people = identify(events)
    stays = np.zeros(people.count + 1, np.bool_)  # the last is nobody
    stays[people.of_user[~users]] = True
    leaves = np.zeros(people.count + 1, np.bool_)
    leaves[people.of_user[users]] = True
    leaves[-1] = False
    shared = events.client.codes[(events.user.codes >= 0) & ~_of(users, events.user)]
    own = (leaves & ~stays)[people.of_client]
    own[shared[shared >= 0]] = False
    return [events.client.names[c] for c in np.flatnonzero(own)]


def theirs(events: EventColumns, is_gone: Callable[[str], bool], requests: set[str]) -> Bools:
    """Tell which events are theirs: by their ids, or of nobody in a request that was theirs. (n,)

    `requests` are those that the impression log knows as theirs.
    """
    by_user = _of(_named(events.user, is_gone), events.user)
    is_nobodys = events.user.codes < 0
    mine = by_user | (is_nobodys & _of(_named(events.client, is_gone), events.client))
    is_request = _named(events.request, requests.__contains__)
    is_nameless = is_nobodys & (events.client.codes < 0)
    for some, are_theirs in ((mine, True), (~mine & ~is_nameless, False)):
        codes = events.request.codes[some]
        is_request[codes[codes >= 0]] = are_theirs
    return np.asarray(mine | (is_nameless & _of(is_request, events.request)), np.bool_)


def _named(column: Coded, holds: Callable[[str], bool]) -> Bools:
    """Tell of which names something holds. (names,)"""
    return np.fromiter((holds(name) for name in column.names), np.bool_, len(column.names))


def _of(is_named: Bools, column: Coded) -> Bools:
    """Tell which events have one of the names. (n,)"""
    return np.append(is_named, False)[column.codes]


def _events(place: Workplace) -> EventColumns:
    """Read the whole event log, once it knows of every list that was shown."""
    if not place.has_event_log and not place.stores.impressions.is_dir():
        return EventColumns.of(())
    log = place.open_events()
    try:
        tell(place.stores.impressions, log)
        return EventColumns.load(log)
    finally:
        log.close()


def _requests(events: EventColumns, chosen: Bools) -> set[str]:
    codes = np.unique(events.request.codes[chosen])
    return {events.request.names[code] for code in codes[codes >= 0]}


def _delete(place: Workplace, seqs: I64) -> None:
    if not place.has_event_log:
        return
    erasure = EventErasure.open(place.data / FILE, place.settings.store.address)
    try:
        erasure.erase(seqs.tolist())
        erasure.scrub()
    finally:
        erasure.close()


def _drop_state(place: Workplace, events: EventColumns, is_gone: Callable[[str], bool]) -> bool:
    """Drop last moments that somebody followed again meanwhile; False where Redis is down."""
    if place.settings.state.address is None:
        return True
    users, clients = (list(filter(is_gone, c.names)) for c in (events.user, events.client))
    people = make_people(place.settings)
    try:
        people.drop([*map(user_alias, users), *map(client_alias, clients)])
    except StateUnavailable as error:
        log.warning("%s; the next sweep tries again", error)
        return False
    finally:
        asyncio.run(people.close())
    return True


def _redact(
    place: Workplace, rest: EventColumns, told: Sequence[Forgotten], *, is_news: bool
) -> int:
    """Redact all tables that may hold somebody whose events were not deleted before."""
    once = _swept(place)[1]
    first = [
        one.first_event_seq for one in told
        if one.first_event_seq is not None and (is_news or one.seq > once)
    ]  # fmt: skip
    store, done = place.stores.tables, 0
    find = lru_cache(partial(_analyzer, place))
    for tables_id in store.ids() if first else ():
        manifest = store.manifest(tables_id)
        if manifest["event_seq"] < min(first) or manifest.get(REDACTED, 0) >= told[-1].seq:
            continue
        analyzer = find(manifest["analyzer_id"])
        if analyzer is None:
            store.remove(tables_id)
        else:
            redact_tables(store, tables_id, rest, analyzer, told[-1].seq)
        done += 1
    return done


def _analyzer(place: Workplace, analyzer_id: str) -> Analyzer | None:
    """Find an analyzer in some snapshot, the newest first.

    Nothing else of it is opened: an encoder whose endpoint or key is away costs no tables.
    """
    store = place.stores.snapshots
    for snapshot_id in reversed(store.ids()):
        try:
            if store.manifest(snapshot_id)["analyzer_id"] == analyzer_id:
                store.verify(snapshot_id)
                return Analyzer.open(store.path(snapshot_id) / "analyzer")
        except DuoluError as error:
            log.warning("%s; looking for its analyzer in an older snapshot", error)
    return None


def _swept(place: Workplace) -> tuple[int, int]:
    try:
        settled, once = (place.data / SWEPT).read_text("utf-8").split()
        return int(settled), int(once)
    except (FileNotFoundError, ValueError):
        return 0, 0


def _note(place: Workplace, told: Sequence[Forgotten], now_ms: int) -> None:
    """Remember how far this sweep came; it was the last of those who asked long enough ago."""
    settled = [one.seq for one in told if one.asked_ms <= now_ms - SETTLED_MS]
    write_pointer(place.data / SWEPT, f"{max(settled, default=_swept(place)[0])} {told[-1].seq}")
