"""Tables as they once stood, built again from the event log alone: replay and parity see by them.

A manifest says up to which event and moment its tables were built; the events up to there give the
same tables for ever, whatever was appended since.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from app.corpus.event_columns import EventColumns
from app.domain.errors import CorruptArtifact, InvalidInput
from app.offline.behaviour.build import DEFAULT, facts_of, learn
from app.offline.behaviour.config import TableConfig
from app.offline.behaviour.memory import QueryTerms
from app.snapshot.snapshot import Snapshot
from app.snapshot.store import ArtifactStore
from app.snapshot.tables import Learned, Tables

REDACTED = "redacted_seq"
"""Of a manifest: the last forgotten one whom the tables know nothing of; their events are gone."""

KEPT = 2
"""Tables held at once: files of a log may overlap where one set of tables followed another."""


class Rebuilder:
    """The whole event log in memory, and the tables rebuilt last."""

    def __init__(self, store: ArtifactStore, events: EventColumns | None) -> None:
        self._store = store
        self._events = events
        self._learned: dict[str, Learned] = {}  # the last used comes last
        self._queries: dict[tuple[str, tuple[str, ...]], QueryTerms] = {}

    def tables(self, tables_id: str | None, snapshot: Snapshot) -> Tables:
        """Rebuild the tables of that id as seen from a snapshot.

        Raises UnknownName where they are gone, InvalidInput where this snapshot analyses otherwise.
        """
        if tables_id is None:
            return Tables.empty(len(snapshot))
        manifest = self._store.manifest(tables_id)
        learned = self._learned.pop(tables_id, None) or self._restore(manifest, snapshot)
        self._learned = dict([*list(self._learned.items())[-KEPT + 1 :], (tables_id, learned)])
        return Tables.of(learned, manifest, snapshot.documents)

    def before(self, moment_ms: int, snapshot: Snapshot) -> Tables:
        """Build the tables of the events before a moment, by today's rules."""
        if self._events is None:
            return Tables.empty(len(snapshot))
        analyzers = snapshot.documents.schema.analyzers
        learned = learn(self._events, self._terms(analyzers, snapshot), moment_ms, DEFAULT)
        facts = {"id": f"before-{moment_ms}", **facts_of(self._events, moment_ms, DEFAULT)}
        return Tables.of(learned, facts, snapshot.documents)

    def _restore(self, manifest: Mapping[str, Any], snapshot: Snapshot) -> Learned:
        """Build tables again; read those that the log cannot give any more."""
        if REDACTED not in manifest:
            return self._learn(manifest, snapshot)
        self._store.verify(manifest["id"])
        return Learned.open(self._store.path(manifest["id"]))

    def _learn(self, manifest: Mapping[str, Any], snapshot: Snapshot) -> Learned:
        if self._events is None:
            raise InvalidInput(
                f"tables {manifest['id']} were built from an event log that is gone; "
                "put DATA/events.db back"
            )
        if manifest["analyzer_id"] != snapshot.analyzer.id:
            raise InvalidInput(
                f"tables {manifest['id']} were built with analyzer {manifest['analyzer_id']}, "
                f"snapshot {snapshot.id} has {snapshot.analyzer.id}"
            )
        events = self._events.received(manifest["event_seq"])
        schema = snapshot.documents.schema
        terms = self._terms(tuple(manifest.get("analyzers", schema.analyzers)), snapshot)
        learned = learn(events, terms, manifest["as_of_ms"], config_of(manifest))
        is_older = "counted" not in manifest  # built before there were counters: it served none
        return replace(learned, counted=None) if is_older else learned

    def _terms(self, analyzers: tuple[str, ...], snapshot: Snapshot) -> QueryTerms:
        """Analyse the queries of the log once for each way to analyse."""
        key = (snapshot.analyzer.id, analyzers)
        if key not in self._queries and self._events is not None:
            self._queries[key] = QueryTerms.of(self._events, snapshot.analyzer, analyzers)
        return self._queries[key]


def config_of(manifest: Mapping[str, Any]) -> TableConfig:
    """Read how behaviour was weighed. Raises CorruptArtifact where this version cannot know."""
    try:
        return TableConfig.from_json(manifest["config"])
    except TypeError as error:
        raise CorruptArtifact(
            f"tables {manifest['id']} were weighed by rules of another version ({error}); "
            "run: duolu train or duolu reindex to build the tables again"
        ) from None
