"""A request as the gateway holds it when it asks a ranker: query, person and candidates."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from app.domain.candidates import CandidateSet
from app.domain.user import UserState
from app.snapshot.context import SearchContext
from app.snapshot.people import tastes
from app.snapshot.snapshot import Snapshot
from tests.builders.releases import some_candidates
from tests.builders.requests import NOW_MS, make_context


def make_call(
    snapshot: Snapshot,
    release_id: str | None,
    text: str = "老灶 火锅",
    seed: int = 3,
    n: int = 50,
    **query: Any,
) -> tuple[SearchContext, CandidateSet]:
    """A known person near the city centre, and n candidates."""
    rng = np.random.default_rng(seed)
    candidates = some_candidates(snapshot, rng, n)
    user = make_person(snapshot, rng)
    ctx = make_context(snapshot, text, user=user, origin=(31.21, 121.43), **query)
    return replace(ctx, release_id=release_id), candidates


def make_person(snapshot: Snapshot, rng: np.random.Generator) -> UserState:
    """Somebody who acted on seven documents."""
    rows = rng.permutation(len(snapshot))[:7].astype(np.int32)
    weights = rng.gamma(1, 2, rows.size).astype(np.float32)
    times = NOW_MS - np.sort(rng.integers(1, 10**9, rows.size))
    held, _ = tastes(snapshot.documents, rows, weights)
    held = {field: held[field] for field in ("category", "tags")}
    return UserState("u1", rows, times, weights, held, np.array([4.0, 0.5]))
