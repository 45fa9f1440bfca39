"""Small click models, through the training that production uses."""

from __future__ import annotations

import numpy as np

from app.domain.events import Session
from app.offline.ctr.recipe import ClickRecipe, FieldNames
from app.offline.ctr.release import write_click_release
from app.offline.ctr.train import train_clicks
from app.snapshot.snapshot import Snapshot
from app.snapshot.store import ArtifactStore
from tests.builders.requests import NOW_MS

RECIPE = ClickRecipe(
    kind="ctr",
    bits=14,
    learning_rate=0.3,
    epochs=6,
    fields=FieldNames(
        request=("query", "term", "user"), document=("id", "category", "brand", "price")
    ),
)


def tasteful_sessions(snapshot: Snapshot, n: int = 400, seed: int = 3) -> list[Session]:
    """Lists of eight, an hour apart; each of six people clicks the category that they like."""
    rng = np.random.default_rng(seed)
    documents = snapshot.documents
    ids = list(documents.ids.strings)
    rows = np.arange(len(ids), dtype=np.int32)
    category = documents.keywords["category"].single(rows)
    words = ("老灶 火锅", "garden", "咖啡", "noodle tea")
    sessions = []
    for i in range(n):
        chosen = rng.choice(len(ids), 8, replace=False)
        person = int(rng.integers(6))
        likes = (category[chosen] == person % 5) & (rng.random(8) < 0.8)
        noise = rng.random(8) < 0.05
        shown = tuple(ids[c] for c in chosen)
        clicked = tuple(d for d, yes in zip(shown, likes | noise, strict=True) if yes)
        sessions.append(
            Session(
                request_id=f"r{i:05d}", ts_ms=NOW_MS - (n - i) * 3_600_000,
                query=str(rng.choice(words)), shown=shown, clicked=clicked, user_id=f"u{person}",
            )
        )  # fmt: skip
    return sessions


def make_click_release(
    snapshot: Snapshot,
    store: ArtifactStore,
    sessions: list[Session],
    recipe_file,
    recipe: ClickRecipe = RECIPE,
    now_ms: int = NOW_MS,
) -> str:
    """Train, finish and publish a release; return its id."""
    trained = train_clicks(sessions, snapshot, recipe, store)
    recipe_file.write_text('kind = "ctr"\n')
    release_id = write_click_release(
        store, trained, recipe, snapshot, recipe_file=recipe_file, now_ms=now_ms
    )
    store.publish(release_id)
    return release_id
