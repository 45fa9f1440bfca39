"""Encoders that were learned elsewhere: unit vectors or a refusal, and always the same model."""

from __future__ import annotations

import json
import threading

import numpy as np
import pytest

from app.corpus.encoder import TextEncoder
from app.corpus.http_encoder import HttpEncoder, HttpOptions
from app.corpus.onnx_encoder import OnnxEncoder
from app.corpus.sentence_encoder import SentenceEncoder
from app.domain.errors import CorruptArtifact, EncoderUnavailable, InvalidInput
from tests.builders.encoders import DIM, serve_embeddings, word_vector, write_onnx

PATIENT = 20_000.0  # ms: a busy machine is no endpoint that hangs
TEXTS = ["tea leaf garden", "coffee roast", "space film galaxy", "tea"]


@pytest.fixture
def endpoint():
    with serve_embeddings() as served:
        yield served


@pytest.fixture
def folder(tmp_path):
    return write_onnx(tmp_path / "model")


@pytest.fixture(params=["onnx", "tei", "openai"])
def encoder(request, folder, endpoint):
    if request.param == "onnx":
        return OnnxEncoder.configure({"path": str(folder)})
    if request.param == "tei":
        return HttpEncoder.configure({"url": endpoint.url, "at_once": 2, "patience_ms": PATIENT})
    own = {"url": endpoint.openai, "api": "openai", "model": "words"}
    return HttpEncoder.configure({**own, "at_once": 2, "patience_ms": PATIENT})


def unit(vector):
    return vector / np.linalg.norm(vector)


def test_texts_and_queries_get_the_models_own_vectors_scaled_to_unit_length(encoder):
    assert isinstance(encoder, TextEncoder)
    assert encoder.dim == DIM
    vectors = encoder.encode_texts(TEXTS)
    assert (vectors.shape, vectors.dtype) == ((4, DIM), np.float32)
    for text, vector in zip(TEXTS, vectors, strict=True):
        summed = sum(word_vector(word) for word in text.split())
        np.testing.assert_allclose(vector, unit(summed), atol=1e-5)
        np.testing.assert_allclose(encoder.encode_query(text), unit(summed), atol=1e-5)


def test_what_was_saved_opens_as_the_same_encoder(encoder, tmp_path):
    encoder.save(tmp_path / "encoder")
    again = type(encoder).open(tmp_path / "encoder")
    assert (again.id, again.dim, again.options) == (encoder.id, encoder.dim, encoder.options)
    assert again.encode_query("tea garden").tolist() == encoder.encode_query("tea garden").tolist()


def test_an_empty_text_has_no_vector(folder):
    encoder = OnnxEncoder.configure({"path": str(folder)})
    assert encoder.encode_query("") is None
    assert not encoder.encode_texts(["", ""]).any()
    assert encoder.encode_texts(["tea", ""]).any(axis=1).tolist() == [True, False]


def test_another_pooling_or_prefix_is_another_encoder(folder):
    ids = {
        OnnxEncoder.configure({"path": str(folder), **own}).id
        for own in ({}, {"pooling": "cls"}, {"query_prefix": "tea "}, {"max_tokens": 8})
    }
    assert len(ids) == 4
    first = OnnxEncoder.configure({"path": str(folder), "pooling": "cls"})
    np.testing.assert_allclose(
        first.encode_query("tea garden"), unit(word_vector("tea")), atol=1e-5
    )


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
def test_a_model_that_was_changed_is_not_opened(folder, tmp_path, name):
    OnnxEncoder.configure({"path": str(folder)}).save(tmp_path / "encoder")
    raw = (folder / name).read_bytes()
    (folder / name).write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
    with pytest.raises(CorruptArtifact, match=name):
        OnnxEncoder.open(tmp_path / "encoder")


@pytest.mark.parametrize(
    ("kind", "options", "says"),
    [
        (OnnxEncoder, {"path": "/nowhere"}, "encoder.options.path"),
        (OnnxEncoder, {}, "encoder.options.path"),
        (OnnxEncoder, {"pooling": "max"}, "encoder.options.pooling"),
        (OnnxEncoder, {"url": "x"}, "encoder.options.url"),
        (HttpEncoder, {"url": "file:///etc/passwd"}, "encoder.options.url"),
        (HttpEncoder, {"url": 7}, "encoder.options.url"),
        (HttpEncoder, {"url": "http://x", "api": "grpc"}, "encoder.options.api"),
        (HttpEncoder, {"url": "http://x", "api": "openai"}, "encoder.options.model"),
        (HttpEncoder, {"url": "http://x", "key_variable": "NO_SUCH"}, "NO_SUCH is not set"),
        (HttpEncoder, {"url": "http://x", "tries": 0}, "at least 1"),
        (SentenceEncoder, {"denoise": 1}, "encoder.options.denoise"),
    ],
)
def test_a_wrong_option_is_named_in_one_line(kind, options, says):
    with pytest.raises(InvalidInput, match=says) as refused:
        kind.configure(options)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_no_model_is_refused(folder):
    (folder / "model.onnx").write_bytes(b"no model")
    with pytest.raises(InvalidInput, match="cannot be opened"):
        OnnxEncoder.configure({"path": str(folder)})


def waiting(endpoint, **own):
    """An encoder that notes how long it would wait instead of waiting."""
    waits = []
    own = {"url": endpoint.url, "patience_ms": PATIENT, **own}
    encoder = HttpEncoder(HttpOptions(**own), DIM, waits.append)
    return encoder, waits


def test_documents_are_asked_for_again_when_the_endpoint_asks_to(endpoint):
    encoder, waits = waiting(endpoint)
    endpoint.failures = [(429, "7"), (503, None), (503, "9999")]
    assert encoder.encode_texts(["tea"]).any()
    assert waits == [7.0, 0.5, 30.0]


def test_an_endpoint_that_stays_away_or_refuses_ends_the_run_with_its_own_words(endpoint):
    encoder, waits = waiting(endpoint, tries=3)
    endpoint.failures = [(503, None)] * 3
    with pytest.raises(EncoderUnavailable, match="answered 503"):
        encoder.encode_texts(["tea"])
    assert len(waits) == 2
    endpoint.failures = [(401, None)]
    with pytest.raises(EncoderUnavailable, match="answered 401"):
        encoder.encode_texts(["tea"])
    assert len(waits) == 2


def nan(vectors):
    return [[float("nan"), *v[1:]] for v in vectors]


@pytest.mark.parametrize(
    "spoil",
    [nan, lambda v: [x[:-1] for x in v], lambda v: v[:-1], lambda v: {"error": 1},
     lambda v: [["a"] * DIM for _ in v], lambda v: None],
)  # fmt: skip
def test_what_is_no_vector_is_refused(endpoint, spoil):
    encoder, waits = waiting(endpoint)
    endpoint.spoil = spoil
    for ask in (lambda: encoder.encode_texts(["tea"]), lambda: encoder.encode_query("tea")):
        with pytest.raises(EncoderUnavailable, match=r"gave|answered") as refused:
            ask()
        assert "does not answer" not in str(refused.value)
    assert (len(endpoint.calls), waits) == (2, [])


def test_a_query_is_asked_for_once_and_a_failure_is_not_remembered(endpoint):
    encoder, waits = waiting(endpoint)
    endpoint.failures = [(503, "60")]
    with pytest.raises(EncoderUnavailable):
        encoder.encode_query("tea")
    assert encoder.encode_query("tea").tolist() == encoder.encode_query("tea").tolist()
    assert (len(endpoint.calls), waits) == (2, [])


def test_a_query_for_which_nobody_waits_is_asked_for_like_documents(endpoint):
    encoder, waits = waiting(endpoint)
    endpoint.failures = [(503, "60"), (429, "7")]
    found = encoder.encode_query("tea", is_live=False)
    np.testing.assert_allclose(found, unit(word_vector("tea")), atol=1e-5)
    assert waits == [30.0, 7.0]


def test_an_endpoint_that_hangs_costs_a_query_its_patience_and_no_more(endpoint):
    encoder, _ = waiting(endpoint, patience_ms=30.0)
    endpoint.hold = threading.Event()
    with pytest.raises(EncoderUnavailable, match="does not answer"):
        encoder.encode_query("tea")


def test_the_key_comes_from_the_environment_and_is_written_nowhere(endpoint, tmp_path, monkeypatch):
    monkeypatch.setenv("EMBEDDING_KEY", "s3cret")
    own = {"url": endpoint.url, "key_variable": "EMBEDDING_KEY"}
    HttpEncoder.configure(own).save(tmp_path / "encoder")
    assert set(endpoint.keys) == {"Bearer s3cret"}
    written = "".join(f.read_text() for f in tmp_path.rglob("*") if f.is_file())
    assert "EMBEDDING_KEY" in written
    assert "s3cret" not in written


def test_texts_go_out_in_batches_with_their_prefix(endpoint):
    encoder, _ = waiting(endpoint, at_once=3, document_prefix="passage: ")
    assert encoder.encode_texts([f"tea {i}" for i in range(8)]).shape == (8, DIM)
    sent = sorted(call["inputs"] for call in endpoint.calls)
    assert [len(inputs) for inputs in sent] == [3, 3, 2]
    assert sent[0] == ["passage: tea 0", "passage: tea 1", "passage: tea 2"]


def test_a_service_opens_while_the_endpoint_is_down(tmp_path):
    with serve_embeddings() as endpoint:
        HttpEncoder.configure({"url": endpoint.url}).save(tmp_path / "encoder")
    encoder = HttpEncoder.open(tmp_path / "encoder")
    assert encoder.dim == DIM
    with pytest.raises(EncoderUnavailable, match="does not answer"):
        encoder.encode_query("tea")


def test_the_packaged_sentence_encoder_puts_two_languages_side_by_side(tmp_path):
    encoder = SentenceEncoder.configure({})
    vectors = encoder.encode_texts(["火锅餐厅", "", "hot pot restaurant", "tax law"])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), [1, 0, 1, 1], atol=1e-5)
    assert vectors[0] @ vectors[2] > vectors[0] @ vectors[3] + 0.1
    assert encoder.encode_query(" ") is None
    encoder.save(tmp_path / "encoder")
    facts = json.loads((tmp_path / "encoder" / "encoder.json").read_text())
    facts["sha256"] = "0" * 64
    (tmp_path / "encoder" / "encoder.json").write_text(json.dumps(facts))
    with pytest.raises(CorruptArtifact, match="other weights"):
        SentenceEncoder.open(tmp_path / "encoder")
