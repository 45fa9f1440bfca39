"""A whole small place: catalogue, events, tables, a release, and impressions as they are logged."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from app.corpus.event_log import EventLog
from app.corpus.impression_log import write_impressions
from app.domain.events import Session
from app.domain.impressions import Impression
from app.domain.query import GeoPoint
from app.features.feature import FeatureSet
from app.features.inputs import gather
from app.offline.behaviour.publish import publish_tables
from app.offline.replay import Replay
from app.offline.sessions import events_of
from app.offline.workplace import Workplace
from app.pipeline.select import best_first
from app.query.understand import SearchRequest
from app.rank.lightgbm_model import LightGbmModel
from app.rank.release import open_release
from app.settings import Settings
from tests.builders.behaviour import HOUR_MS, make_sessions
from tests.builders.releases import make_wide_release
from tests.builders.requests import NOW_MS
from tests.builders.servers import SNAPSHOT_ID, publish_snapshot
from tests.builders.snapshots import CONFIG
from tests.builders.worlds import city_rows

TABLES_MS = NOW_MS - 40 * HOUR_MS
WORDS = ("老灶 火锅", "garden", "咖啡", "海景 酒店", "noodle tea", "")


@dataclass(frozen=True, slots=True)
class Logged:
    """What a service did, and where."""

    place: Workplace
    impressions: list[Impression]
    sessions: list[Session]  # in the event log, some before the tables and some after


def make_place(root: Path, documents: int = 150) -> Workplace:
    """Publish a snapshot under root/data; models lie under root/models."""
    publish_snapshot(city_rows(documents), root / "data")
    return Workplace(Settings.load(CONFIG, environment={}), root / "data", root / "models")


def make_logged(root: Path, n: int = 40) -> Logged:
    """Serve n searches by a release on tables of a time before, and log them.

    Events go on after the tables were built, also late ones about the time before.
    """
    place = make_place(root)
    snapshot = place.snapshot()
    sessions = make_sessions(snapshot)
    early = [s for s in sessions if s.ts_ms < TABLES_MS - HOUR_MS]
    append(place, early[10:])
    publish_tables(
        *(log := EventLog.open(place.events_file), place.data), TABLES_MS, TABLES_MS,
        snapshot.analyzer, snapshot.documents.schema.analyzers,
    )  # fmt: skip
    log.close()
    append(place, early[:10])  # arrive late: as of the tables nobody knew them
    append(place, sessions[len(early) :])
    make_wide_release(snapshot, place.stores.releases, "20260101T000000Z-00000001")
    impressions = serve(place, n)
    write_impressions(place.stores.impressions, impressions)
    return Logged(place, impressions, sessions)


def append(place: Workplace, sessions: list[Session]) -> None:
    log = EventLog.open(place.events_file)
    try:
        log.append([e for s in sessions for e in events_of(s)])
    finally:
        log.close()


def serve(place: Workplace, n: int, seed: int = 3) -> list[Impression]:
    """Answer n searches from what is published, a minute apart, ten shown and ten beside."""
    stores, rng = place.stores, np.random.default_rng(seed)
    release = open_release(stores.releases.path(stores.releases.require_current()))
    snapshot = place.snapshot()
    made = []
    with Replay(place.settings, snapshot, place.tables(snapshot)) as replay:
        for i in range(n):
            request = SearchRequest(
                text=str(rng.choice(WORDS)),
                user_id=f"u{rng.integers(14)}",
                origin=GeoPoint(31.2, 121.5) if rng.random() < 0.7 else None,
            )
            now_ms = TABLES_MS + (i + 1) * 60_000
            one = serve_one(replay, release.features, release.model, request, now_ms, rng)
            made.append(replace(one, request_id=f"i{i:04d}", release_id=release.id))
    return made


def serve_one(
    replay: Replay,
    features: FeatureSet,
    model: LightGbmModel,
    request: SearchRequest,
    now_ms: int,
    rng: np.random.Generator,
) -> Impression:
    """One search with all that serving knows of it."""
    found = replay.candidates(request, now_ms, {})
    ctx, candidates = found.ctx, found.candidates
    inputs = gather(features.inputs, ctx, candidates)
    matrix = features.matrix(inputs, len(candidates))
    scores = model.predict(matrix)
    page = best_first(scores)[:10]
    others = np.setdiff1d(np.arange(len(candidates)), page)
    at = np.concatenate([page, rng.permutation(others)[:10]])
    return Impression(
        request_id=ctx.request_id,
        now_ms=now_ms,
        text=ctx.query.text,
        terms=ctx.query.terms,
        user_id=request.user_id,
        origin=request.origin,
        snapshot_id=SNAPSHOT_ID,
        tables_id=ctx.tables.id,
        event_seq=ctx.tables.event_seq,
        ids=tuple(ctx.snapshot.documents.ids.strings[int(r)] for r in candidates.rows[at]),
        shown=page.size,
        fused=candidates.fused[at],
        scores=scores[at],
        channels=candidates.channels,
        hit_scores=candidates.scores[at],
        hit_ranks=candidates.ranks[at],
        lists={n: float(v) for n, v in inputs.items() if n.startswith("list_")},
        feature_names=features.names,
        features=matrix[at],
        has_features=np.ones(at.size, np.bool_),
    )
