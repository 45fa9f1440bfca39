"""An impression: one served search as it was when it was answered, for training to read.

Rows are ordinals of one snapshot and mean nothing tomorrow, so documents stand here by their
external ids, and everything that ranking knew is written down beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from app.domain.arrays import F32, I16, I32, Bools
from app.domain.query import GeoPoint


def _no_floats() -> F32:
    return np.empty(0, np.float32)


def _no_places() -> I32:
    return np.empty(0, np.int32)


def _no_table() -> F32:
    return np.empty((0, 0), np.float32)


def _no_ranks() -> I16:
    return np.empty((0, 0), np.int16)


def _no_flags() -> Bools:
    return np.empty(0, np.bool_)


@dataclass(frozen=True, slots=True, eq=False)
class Impression:
    """One search: m documents (shown, then sampled), c channels, d features.

    The first `shown` documents stood at positions offset + 1, offset + 2, …; the rest are a random
    sample of the candidates that were ranked and not shown. `drawn` says of a document that
    exploration chose how probable that was, and is NaN for the others. A field that a reader did
    not ask for holds its default.
    """

    request_id: str
    now_ms: int  # Unix epoch of the request
    text: str = ""  # normalised
    terms: tuple[str, ...] = ()  # analysed, distinct, in order of first appearance
    user_id: str | None = None
    client_id: str | None = None
    origin: GeoPoint | None = None
    radius_km: float | None = None  # around the origin
    filters: Mapping[str, Any] | None = None  # as the caller sent them, JSON
    limit: int = 10
    offset: int = 0
    snapshot_id: str = ""
    tables_id: str | None = None  # None: nothing was learned yet
    release_id: str | None = None  # None: fused order was served
    experiment: str | None = None  # "NAME:ARM" that chose the release; None: in no experiment
    shadow_release_id: str | None = None  # that scored beside; None: none did
    log_seq: int = 0  # the document log up to which the snapshot was built
    event_seq: int = 0  # the event log up to which the user's state spoke, beyond the tables
    degraded: tuple[str, ...] = ()  # what the answer lacked, e.g. "vector:timed_out"
    ids: tuple[str, ...] = ()  # (m,) external ids
    shown: int = 0
    fused: F32 = field(default_factory=_no_floats)  # (m,)
    scores: F32 = field(default_factory=_no_floats)  # (m,) the model's, or fused where none ranked
    shadow_scores: F32 = field(default_factory=_no_floats)  # (m,) the shadow's; (0,): none
    shadow_ranks: I32 = field(default_factory=_no_places)  # (m,) from 1, among all candidates
    channels: tuple[str, ...] = ()  # (c,)
    hit_scores: F32 = field(default_factory=_no_table)  # (m, c) NaN: not returned by that channel
    hit_ranks: I16 = field(default_factory=_no_ranks)  # (m, c) from 1; 0: not returned
    lists: Mapping[str, float] = field(default_factory=dict)  # list_* inputs of all candidates
    feature_names: tuple[str, ...] = ()  # (d,) empty where fused order was served
    features: F32 = field(default_factory=_no_table)  # (m, d) as ranked with; NaN: missing
    has_features: Bools = field(default_factory=_no_flags)  # (m,) False: that row of NaN is unknown
    moved_by: tuple[str, ...] = ()  # (shown,) the rule that moved it, "" none; (): none moved any
    drawn: F32 = field(default_factory=_no_floats)  # (shown,) chance of standing there; (0,): none

    @property
    def shown_ids(self) -> tuple[str, ...]:
        """The page, in display order."""
        return self.ids[: self.shown]
