"""Popular recall against sorting the whole catalogue."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from app.domain.filters import RowMask
from app.recall.channels.popular import PopularChannel
from app.snapshot.snapshot import Snapshot
from app.snapshot.tables import Tables
from tests.builders import city_rows, make_context, make_snapshot

N = 300
ROWS = city_rows(N)
for i, row in enumerate(ROWS):
    row.pop("popularity" if i % 5 == 0 else "rating" if i % 7 == 0 else "", None)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory) -> Snapshot:
    return make_snapshot(ROWS, tmp_path_factory.mktemp("popular") / "s", channels=())


def tables(gains: np.ndarray) -> Tables:
    return replace(Tables.empty(N), counters={"recent_gain": gains.astype(np.float32)})


def some_gains(seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.where(rng.random(N) < 0.6, 0, rng.integers(0, 6, N))


def share_below(name: str, row: dict) -> float:
    known = [r[name] for r in ROWS if name in r]
    return sum(v < row[name] for v in known) / len(known) if name in row else 0.0


def naive(gains: np.ndarray, share: float = 0.25) -> list[float]:
    touched = [g for g in gains if g > 0]
    scale = sum(touched) / len(touched) if touched else 1.0
    prior = [(share_below("popularity", r) + share_below("rating", r)) / 2 for r in ROWS]
    return [float(np.float32(g + share * scale * p)) for g, p in zip(gains, prior, strict=True)]


@pytest.mark.parametrize("gains", [some_gains(), np.zeros(N)], ids=["clicked", "cold"])
@pytest.mark.parametrize("share", [None, 0.5, 0.05, 0.004, 0.0])
def test_popular_is_the_sorted_catalogue_masked(snapshot, tmp_path, gains, share):
    popular = PopularChannel.open(snapshot, tables(gains), tmp_path, {})
    context = make_context(snapshot)
    allowed = np.ones(N, bool) if share is None else np.random.default_rng(5).random(N) < share
    if share is not None:
        context = replace(context, mask=RowMask(allowed, int(allowed.sum())))
    score = naive(gains)
    order = sorted((r for r in range(N) if allowed[r]), key=lambda r: (-score[r], r))
    for k in (1, 3, 20, 1000):
        hits = popular.recall(context, k)
        assert hits.rows.tolist() == order[:k]
        assert hits.scores.tolist() == [score[r] for r in order[:k]]


def test_popular_answers_everybody(snapshot, tmp_path):
    popular = PopularChannel.open(snapshot, Tables.empty(N), tmp_path, {})
    assert popular.accepts(make_context(snapshot))
    assert popular.accepts(make_context(snapshot, "火锅"))


def test_what_is_clicked_now_outweighs_the_catalogue(snapshot, tmp_path):
    gains = np.zeros(N)
    gains[[17, 4]] = 9, 5
    popular = PopularChannel.open(snapshot, tables(gains), tmp_path, {})
    assert popular.recall(make_context(snapshot), 2).rows.tolist() == [17, 4]
