"""A service whose vectors come from an encoder that was learned elsewhere."""

from __future__ import annotations

import asyncio
import re
import threading

import numpy as np
import pytest

from app.bootstrap import Engine
from app.domain.errors import CorruptArtifact, EncoderUnavailable
from app.offline.replay import Replay
from app.query.understand import SearchRequest
from app.snapshot.following import Following
from app.snapshot.tables import Tables
from tests.builders import NOW_MS
from tests.builders.changes import entries, put
from tests.builders.encoders import DIM, serve_embeddings, word_vector, write_onnx
from tests.builders.reindexing import run, serving, settings, write

ROWS = [
    {"id": "tea", "title": "tea leaf", "price": 1},
    {"id": "coffee", "title": "coffee roast", "price": 2},
    {"id": "film", "title": "film space", "category": "galaxy", "price": 3},
]
ON = ("encoder.enabled=true", "channels.vector.enabled=true", "channels.lexical.enabled=true")


@pytest.fixture(scope="module")
def one_endpoint():
    with serve_embeddings() as served:
        yield served


@pytest.fixture
def endpoint(one_endpoint):
    """The endpoint in good health."""
    yield one_endpoint
    if one_endpoint.hold is not None:
        one_endpoint.hold.set()
    one_endpoint.hold = None
    one_endpoint.failures.clear()


def over_http(endpoint, *more):
    return (
        *ON, "encoder.kind=app.corpus.http_encoder:HttpEncoder",
        f"encoder.options.url={endpoint.url}", "encoder.options.patience_ms=2000.0", *more,
    )  # fmt: skip


@pytest.fixture
def catalogue(tmp_path):
    return write(tmp_path / "catalog.jsonl", ROWS)


def ask(engine, *texts):
    async def all_of_them():
        return [await engine.search(SearchRequest(t, correct=False), rank=False) for t in texts]

    return asyncio.run(all_of_them())


@pytest.fixture(scope="module")
def engine(one_endpoint, tmp_path_factory):
    folder, own = tmp_path_factory.mktemp("served"), over_http(one_endpoint)
    run(write(folder / "catalog.jsonl", ROWS), folder / "data", *own)
    opened = Engine(settings(*own), folder / "data", folder / "models")
    assert opened.refresh()
    yield opened
    opened.close()


def status(answer, name):
    return next(h.status for h in answer.result.hits if h.channel == name)


def test_queries_find_documents_by_vectors_of_an_endpoint(engine):
    (answer,) = ask(engine, "galaxy film")
    assert answer.result.degraded == ()
    assert answer.result.ids[0] == "film"
    assert status(answer, "vector") == "ok"


def test_without_the_endpoint_a_search_goes_on_without_vectors_and_says_so(engine, endpoint):
    endpoint.failures = [(503, None)]
    endpoint.hold = threading.Event()
    endpoint.hold.set()
    refused, back = ask(engine, "coffee", "coffee")
    assert refused.result.degraded == ("encoder:unavailable",)
    assert refused.result.ids == ("coffee",)
    assert status(refused, "vector") == "skipped"
    assert back.result.degraded == ()
    endpoint.hold.clear()  # now it hangs
    (hung,) = ask(engine, "tea")
    assert hung.result.degraded == ("encoder:unavailable",)
    assert hung.result.ids == ("tea",)


def test_a_hanging_encoder_has_half_of_the_time_and_the_channels_what_is_left(
    engine, endpoint, caplog
):
    endpoint.hold = threading.Event()
    asked = SearchRequest("roast galaxy", correct=False, timeout_ms=300)
    framed = asyncio.run(engine.frame(asked, 0, rank=False))
    assert framed.ctx.missing == ("encoder:unavailable",)
    assert framed.ctx.deadline.remaining_s() < 0.16
    waited_ms = re.search(r"no vector within ([\d.]+) ms", caplog.text)
    assert waited_ms is not None  # its patience of 400 ms would be told by the encoder itself
    assert float(waited_ms[1]) <= 150


def test_a_next_page_needs_no_encoder(engine, endpoint):
    async def two_pages():
        first = await engine.search(SearchRequest("tea coffee", limit=1), rank=False)
        asked = len(endpoint.calls)
        again = SearchRequest("tea coffee", limit=1, cursor=first.next_cursor)
        second = await engine.search(again, rank=False)
        return asked, second

    asked, second = asyncio.run(two_pages())
    assert len(endpoint.calls) == asked
    assert second.result.degraded == ()


def test_a_changed_document_is_encoded_and_without_the_endpoint_shown_without_a_vector(
    engine, endpoint
):
    snapshot = engine.acquire().snapshot
    endpoint.failures = [(200, None), (400, None)]
    following = Following(snapshot)
    log = entries([put({"id": "n1", "title": "space"}), put({"id": "n2", "title": "leaf"})])
    following.take(log)
    view = following.at(log[-1].seq)
    vectors = view.documents.vectors[len(ROWS) :]
    space = word_vector("space") / np.linalg.norm(word_vector("space"))
    np.testing.assert_allclose(vectors[0], space, atol=1e-5)
    assert not vectors[1].any()
    assert view.documents.row_of("n2") == len(ROWS) + 1
    endpoint.failures = [(503, "30")]
    asked = len(endpoint.calls)
    following.take(entries([put({"id": f"n{i}", "title": "tea"}) for i in (3, 4)], after=2))
    assert not following.at(4).documents.vectors[-2:].any()
    assert len(endpoint.calls) == asked + 1  # nobody waits for it, and the second is not tried


def test_the_encoder_is_kept_at_reindex_and_known_to_the_snapshot(catalogue, tmp_path):
    folder = write_onnx(tmp_path / "model")
    own = (
        *ON, "encoder.kind=app.corpus.onnx_encoder:OnnxEncoder",
        f"encoder.options.path={folder}",
    )  # fmt: skip
    first = run(catalogue, tmp_path / "data", *own)
    again = run(catalogue, tmp_path / "data", *own)
    assert (first.encoder_kept, again.encoder_kept) == (False, True)
    assert again.encoder_id == first.encoder_id
    snapshot = serving(tmp_path / "data")
    assert snapshot.encoder.id == first.encoder_id
    assert snapshot.documents.vectors.shape == (3, DIM)
    mean_pooled = run(catalogue, tmp_path / "data", *own, "encoder.options.pooling=cls")
    assert not mean_pooled.encoder_kept


def test_a_reindex_that_gets_no_vectors_publishes_nothing(catalogue, endpoint, tmp_path):
    endpoint.failures = [(200, None), (400, None)]
    with pytest.raises(EncoderUnavailable, match="answered 400"):
        run(catalogue, tmp_path / "data", *over_http(endpoint))
    assert not list((tmp_path / "data" / "snapshots").glob("*/manifest.json"))


def test_a_replay_waits_for_the_vector_that_a_search_goes_without(catalogue, endpoint, tmp_path):
    own = over_http(endpoint)
    run(catalogue, tmp_path / "data", *own)
    snapshot = serving(tmp_path / "data")
    endpoint.failures = [(503, "0"), (429, "0")]
    with Replay(settings(*own), snapshot, Tables.empty(len(snapshot))) as replay:
        vector = replay.context(SearchRequest("galaxy"), NOW_MS).query.vector
    galaxy = word_vector("galaxy") / np.linalg.norm(word_vector("galaxy"))
    np.testing.assert_allclose(vector, galaxy, atol=1e-5)
    assert not endpoint.failures


def test_a_snapshot_whose_key_is_gone_is_refused_by_name(
    catalogue, endpoint, tmp_path, monkeypatch
):
    monkeypatch.setenv("EMBEDDING_KEY", "s3cret")
    run(catalogue, tmp_path / "data",
        *over_http(endpoint, "encoder.options.key_variable=EMBEDDING_KEY"))  # fmt: skip
    monkeypatch.delenv("EMBEDDING_KEY")
    with pytest.raises(CorruptArtifact, match=r"encoder cannot be opened here: .*EMBEDDING_KEY is"):
        serving(tmp_path / "data")
