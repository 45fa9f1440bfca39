"""Where an operator's commands find everything: settings, artifacts, logs, and the door to them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.corpus.document_log import DocumentLog
from app.corpus.event_columns import EventColumns
from app.corpus.event_log import FILE, EventLog
from app.corpus.identity import FILE as IDENTITIES
from app.corpus.identity import Identities
from app.corpus.pseudonyms import Pseudonyms
from app.offline.behaviour.rebuild import Rebuilder
from app.offline.past import Past
from app.offline.past_people import PastPeople
from app.settings import Settings
from app.snapshot.opening import open_snapshot, open_tables
from app.snapshot.snapshot import Snapshot
from app.snapshot.store import ArtifactStore
from app.snapshot.stores import Stores
from app.snapshot.tables import Tables


@dataclass(frozen=True, slots=True)
class Workplace:
    """Where everything is, and what is configured."""

    settings: Settings
    data: Path
    models: Path

    @property
    def stores(self) -> Stores:
        return Stores.under(self.data, self.models, self.settings.rank.model)

    @property
    def events_file(self) -> Path:
        return self.data / FILE

    @property
    def has_event_log(self) -> bool:
        """Whether there may be events: a server is not asked."""
        return self.settings.store.url is not None or self.events_file.exists()

    def open_events(self) -> EventLog:
        """The event log of the configured store."""
        return EventLog.open(self.events_file, self.settings.store.address)

    def releases_of(self, model: str) -> ArtifactStore:
        """Return where the releases of one model live."""
        return ArtifactStore(self.models / model, "release")

    def snapshot(self) -> Snapshot:
        """Open the published snapshot. Raises NothingServes with the remedy if there is none."""
        store = self.stores.snapshots
        return open_snapshot(store.path(store.require_current()))

    def tables(self, snapshot: Snapshot) -> Tables:
        store = self.stores.tables
        current = store.current_id()
        if current is None:
            return Tables.empty(len(snapshot))
        return open_tables(store.path(current), snapshot.documents)

    def past(self, events: EventColumns | None, current: Snapshot | None = None) -> Past:
        """Open what impressions name; `current` stands in for snapshots that are gone."""
        stores = self.stores
        rebuilder = Rebuilder(stores.tables, events)
        newest = self.settings.state.newest
        people = None if events is None else PastPeople(events, newest)
        return Past(self.settings, stores.snapshots, stores.tables, rebuilder, current, people,
                    DocumentLog.open(self.data, self.settings.store.address))  # fmt: skip

    @property
    def has_identities(self) -> bool:
        """Whether anybody may be known here: a server is not asked."""
        return self.settings.store.url is not None or (self.data / IDENTITIES).exists()

    @contextmanager
    def identities(self) -> Iterator[Identities]:
        """Open the store of who is who."""
        identities = Identities.open(self.data, self.settings.store.address)
        try:
            yield identities
        finally:
            identities.close()

    @contextmanager
    def door(self) -> Iterator[Pseudonyms]:
        """Open the way from ids to the pseudonyms by which all logs and tables know people."""
        with self.identities() as identities:
            yield Pseudonyms(identities, time.monotonic)

    def events(self) -> EventColumns | None:
        """Read the whole event log. None where there is none, or nothing in it."""
        if not self.has_event_log:
            return None
        log = self.open_events()
        try:
            return EventColumns.load(log) if log.last_seq() else None
        finally:
            log.close()
