"""A document that is written again as it was scores as before: in every channel and every feature.

Statistics are the snapshot's own, so a view on which nothing really changed must answer as the
snapshot does, features to the bit, though half of its rows stand elsewhere.
"""

from pathlib import Path

import numpy as np
import pytest

from app.domain.candidates import CandidateSet
from app.domain.dotted import load
from app.features.catalog import CATALOG
from app.features.feature import FeatureSet
from app.features.inputs import gather
from app.offline.recipe import Recipe
from app.settings import Settings
from app.snapshot.following import Following
from app.snapshot.views import Views
from tests.builders import city_rows, make_context, make_snapshot
from tests.builders.behaviour import make_events, make_sessions, make_tables, state_of
from tests.builders.changes import delete, entries, patch, put
from tests.builders.requests import NOW_MS

SETTINGS = Settings.load(Path("config/search.toml"), environment={})
ROWS = city_rows(150)
AGAIN = ROWS[::2]
QUERIES = ("老灶 火锅 garden", "brand3 火锅", "noodle tea", "")
HERE = (31.2, 121.45)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("again")
    snapshot = make_snapshot(ROWS, folder / "s")
    events = make_events(make_sessions(snapshot), folder / "events.db")
    return snapshot, make_tables(snapshot, events)


@pytest.fixture(scope="module", params=["replaced", "deleted before", "patched to and fro"])
def views(world, request):
    """The snapshot, and a view that reads the same."""
    snapshot, tables = world
    log = {
        "replaced": [put(row) for row in AGAIN],
        "deleted before": [c for row in AGAIN for c in (delete(row["id"]), put(row))],
        "patched to and fro": [
            patch(row["id"], price=price) for row in AGAIN for price in (1e6, row["price"])
        ],
    }[request.param]
    views = Views(Following(snapshot), tables)
    views.following.take(entries(log))
    return views.at(0), views.at(len(log))


def asked(view, tables, text):
    user = state_of(tables, "u3", None, view.documents, NOW_MS)
    return make_context(view, text, tables=tables, user=user, origin=HERE)


@pytest.mark.parametrize("name", [n for n, c in SETTINGS.channels.items() if c.enabled])
def test_every_channel_finds_and_scores_as_on_the_snapshot(name, views):
    (own, own_tables), (view, tables) = views
    config = SETTINGS.channels[name]
    opened = load(config.kind).open(own, own_tables, own.part(name), config.own)
    followed = opened.follow(view, tables)
    for text in QUERIES:
        before, now = asked(own, own_tables, text), asked(view, tables, text)
        assert followed.accepts(now) == opened.accepts(before)
        if opened.accepts(before):
            found, wanted = followed.recall(now, 1000), opened.recall(before, 1000)
            # profile adds a row's values in another order when it scores it alone
            assert by_id(found, view) == pytest.approx(by_id(wanted, own), rel=1e-6)


def by_id(hits, view):
    ids = view.documents.ids.strings
    return {ids[int(r)]: float(s) for r, s in zip(hits.rows, hits.scores, strict=True)}


def test_every_feature_has_the_same_bits(views):
    templates = [f"{name}(*)" for name in CATALOG.templates if name != "model"]
    recipe = Recipe(features=(*CATALOG.features, *templates))
    (own, own_tables), (view, tables) = views
    names = recipe.feature_names(own.documents.schema, tuple(own.manifest["channels"]))
    features = FeatureSet(CATALOG, names)
    ids = [row["id"] for row in ROWS]
    for text in QUERIES[:3]:
        matrices = []
        for snapshot, learned in ((own, own_tables), (view, tables)):
            ctx = asked(snapshot, learned, text)
            rows = snapshot.documents.ids.find_all(ids)
            inputs = gather(features.inputs, ctx, unrecalled(rows))
            matrices.append(features.matrix(inputs, len(ids)))
        assert matrices[0].tobytes() == matrices[1].tobytes()


def unrecalled(rows):
    n = rows.size
    return CandidateSet(
        rows, np.zeros(n, np.float32), (), np.empty((n, 0), np.float32), np.empty((n, 0), np.int16)
    )
