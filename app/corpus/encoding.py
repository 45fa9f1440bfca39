"""Vectors of queries and documents, by whichever encoder the snapshot has."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from app.corpus.documents import Documents
from app.corpus.encoder import AnyEncoder, reads_text
from app.corpus.ragged import Strings
from app.corpus.schema import Schema
from app.domain.arrays import F32
from app.domain.errors import EncoderUnavailable

MAX_CHARACTERS = 1_000  # of a document: about the 256 tokens that sentence encoders read


def query_vector(
    encoder: AnyEncoder | None, text: str, terms: Sequence[str], is_live: bool = True
) -> F32 | None:
    """Return a query's unit vector, None where there is none. Raises EncoderUnavailable. (dim,)

    text: what is to be searched for, as it was typed; terms: the same, analysed;
    is_live: somebody waits for the answer, see TextEncoder
    """
    if encoder is None or not terms:
        return None
    if reads_text(encoder):
        return encoder.encode_query(text, is_live)
    return encoder.encode(terms)


def document_vectors(
    encoder: AnyEncoder, documents: Documents, advance: Callable[[int], None] | None = None
) -> F32:
    """Return a unit row of each document, zero where nothing is known of it. (n, dim)

    `advance` is told how many more are done. Raises EncoderUnavailable.
    """
    if not reads_text(encoder):
        return encoder.encode_documents(documents)
    vectors = np.empty((len(documents), encoder.dim), np.float32)
    for start in range(0, len(documents), encoder.batch):
        end = min(start + encoder.batch, len(documents))
        texts = texts_of(documents.payload, documents.schema, range(start, end))
        vectors[start:end] = encoder.encode_texts(texts)
        if advance is not None:
            advance(end - start)
    return vectors


def texts_of(payload: Strings, schema: Schema, rows: Sequence[int]) -> list[str]:
    """Return what each document says in the fields that are searched."""
    return [text_of(orjson.loads(payload.raw(row)), schema) for row in rows]


def text_of(document: Mapping[str, Any], schema: Schema) -> str:
    """Join the values of the searched fields, in the order of the configuration."""
    held = (document.get(field.name) for field in schema.searched)
    values = (v for value in held for v in (value if isinstance(value, list) else [value]))
    return " ".join(str(v) for v in values if v is not None)[:MAX_CHARACTERS]


def unit_rows(vectors: Any, count: int, dim: int | None, by: str) -> F32:
    """Check what a model gave for `count` texts and scale it to unit length. (count, dim)

    Raises EncoderUnavailable for another shape, and for a NaN or infinite number.
    """
    try:
        rows = np.asarray(vectors, np.float32)
    except (ValueError, TypeError, OverflowError):
        raise EncoderUnavailable(f"{by} answered no table of numbers; see its log") from None
    if rows.ndim != 2 or len(rows) != count or rows.shape[1] != (dim or rows.shape[1]):
        raise EncoderUnavailable(
            f"{by} gave vectors {rows.shape}, wanted {(count, dim or 'dim')}; a model of another "
            "size needs a reindex with --retrain-encoder"
        )
    if not np.isfinite(rows).all():
        raise EncoderUnavailable(f"{by} gave vectors with NaN or infinite numbers; see its log")
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    scaled: F32 = np.where(lengths > 1e-6, rows / np.maximum(lengths, 1e-6), 0).astype(np.float32)
    return scaled
