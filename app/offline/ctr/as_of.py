"""A click model that a ranker's features ask, as it would have stood at a moment.

A click is a label of the ranker's rows and of the click model's alike. A row of training therefore
sees a model that was fitted on events before the row's block of time alone; only recipe and number
of epochs are those of the release. Serving sees the release itself.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from app.corpus.event_columns import EventColumns
from app.domain.arrays import F32, I64, Rows
from app.domain.events import Session
from app.features.lookup import Inputs, PairModel
from app.offline.ctr.fit import fit_clicks
from app.offline.ctr.recipe import ClickRecipe
from app.offline.ctr.rows import ClickRows, hash_catalogue, rows_of
from app.offline.sessions import sessions_of
from app.rank.click_release import ClickModel, ClickRelease
from app.rank.hashed_fields import HOUR_MS
from app.snapshot.snapshot import Snapshot

KEPT_MOMENTS = 8  # test lists are looked at twice: to measure, and to train on in the end


class Unlearned:
    """A model before there was anything to learn from: all is missing."""

    def predict(self, lookup: Inputs) -> F32:
        return np.full(lookup.rows.size, np.nan, np.float32)


class ClicksAsOf:
    """One model at any moment, to the hour."""

    def __init__(
        self, release: ClickRelease, snapshot: Snapshot, events: EventColumns | None
    ) -> None:
        self.shape = release.model.shape
        self.recipe = ClickRecipe.model_validate(release.manifest["recipe"])
        self.epochs = int(release.manifest["epochs"])
        self._snapshot = snapshot
        self._events = events
        self._log: _Log | None = None
        self._known: dict[int, PairModel] = {}  # hour → model, the last used comes last

    def before(self, moment_ms: int) -> PairModel:
        hour_ms = moment_ms // HOUR_MS * HOUR_MS
        if hour_ms not in self._known:
            kept = list(self._known.items())[-KEPT_MOMENTS + 1 :]
            self._known = dict([*kept, (hour_ms, self._fit(hour_ms))])
        return self._known[hour_ms]

    def _fit(self, moment_ms: int) -> PairModel:
        if self._events is None:
            return Unlearned()
        if self._log is None:
            self._log = _Log(self._events, self)
        rows = self._log.before(moment_ms)
        if not 0 < int(rows.clicked.sum()) < rows.clicked.size:
            return Unlearned()
        fitted = fit_clicks(rows, self._log.catalogue, self.shape, self.recipe, epochs=self.epochs)
        return ClickModel(fitted.model)

    def rows(self, sessions: Iterable[Session]) -> ClickRows:
        """Hash sessions in order of time."""
        ordered = sorted(sessions, key=lambda s: (s.ts_ms, s.request_id))
        return rows_of(ordered, self._snapshot, self.shape)

    def hash_catalogue(self) -> Rows:
        return hash_catalogue(self._snapshot, self.shape)


class _Log:
    """All lists hashed once, and how each stood at a moment.

    A list all of whose events came before the moment is whole, whatever the log holds. One that was
    under way is joined again from the events that had come.
    """

    def __init__(self, events: EventColumns, past: ClicksAsOf) -> None:
        self._events = events
        self._past = past
        sessions = sorted(sessions_of(events), key=lambda s: (s.ts_ms, s.request_id))
        self._rows = past.rows(sessions)
        self._newest = past.recipe.sampling.max_lists
        code = {name: i for i, name in enumerate(events.request.names)}
        codes = np.array([code[sessions[i].request_id] for i in self._rows.session], np.int64)
        self._first, self._last = _extent(events)
        self._ends = self._last[codes]  # of each list
        self.catalogue = past.hash_catalogue()

    def before(self, moment_ms: int) -> ClickRows:
        """Return the newest lists as the events before the moment tell them."""
        whole = self._rows.take(np.flatnonzero(self._ends < moment_ms))
        under_way = (self._first < moment_ms) & (self._last >= moment_ms)
        rows = whole
        if under_way.any():
            events = self._events.before(moment_ms)
            of_these = under_way[events.request.codes] & (events.request.codes >= 0)
            rows = ClickRows.join(whole, self._past.rows(sessions_of(events.take(of_these))))
        return rows.span(max(0, len(rows) - self._newest), len(rows))


def _extent(events: EventColumns) -> tuple[I64, I64]:
    """First and last time of each request. (requests,) each"""
    first = np.full(len(events.request.names), np.iinfo(np.int64).max)
    last = np.full(len(events.request.names), -1, np.int64)
    known = events.request.codes >= 0
    np.minimum.at(first, events.request.codes[known], events.ts_ms[known])
    np.maximum.at(last, events.request.codes[known], events.ts_ms[known])
    return first, last
