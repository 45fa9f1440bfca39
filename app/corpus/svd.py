"""The default encoder: latent semantic analysis of the catalogue's own words. No download.

TF-IDF of a sample of the documents → randomised truncated SVD (Halko, Martinsson, Tropp 2011) →
one vector a term; a text is the sum of its terms' vectors. A term that training never saw is the
mean of what its character n-grams mean elsewhere. Figures: docs/adr/0004-encoder.md.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

import numpy as np
from numba import njit
from scipy import sparse

from app.corpus.documents import Documents
from app.corpus.grams import buckets, gram_matrix, mean_rows
from app.corpus.ragged import Dictionary, open_array, save_array
from app.corpus.string_keys import find_keys, keys_of
from app.corpus.term_counts import term_counts
from app.domain.arrays import F32, I32, I64, U8, U64, Array

VERSION = 1
SAMPLE_ROWS = 200_000  # documents that the SVD sees; the others only get encoded
MAX_TERMS = 300_000  # the most frequent get a vector of their own
BLOCK_ROWS = 1 << 15
POWER_ITERATIONS = 3
OVERSAMPLE = 10


class SvdEncoder:
    """Vectors of the terms, idf included, and of the n-grams that stand in for unknown ones."""

    def __init__(self, terms: Dictionary, vectors: F32, grams: F32, id_: str) -> None:
        """Take `terms` with their `vectors` (terms, dim), and `grams` (BUCKETS, dim)."""
        self.id = id_
        self.dim = int(vectors.shape[1])
        self._terms = terms
        self._vectors = vectors
        self._grams = grams

    @classmethod
    def train(cls, documents: Documents, dim: int, seed: int) -> Self:
        """Learn one vector a term. Deterministic for a given BLAS and its number of threads."""
        df = _document_frequency(documents)
        kept = np.argsort(-df, kind="stable")[: min(MAX_TERMS, np.count_nonzero(df))]
        idf = np.log((len(documents) + 1) / (df[kept] + 0.5)).astype(np.float32)
        counts = _sample(documents, np.random.default_rng(seed))[:, kept]
        weighted = _unit_rows(sparse.csr_array(counts * idf[None, :]))
        directions = truncated_svd(weighted, dim, np.random.default_rng(seed))
        vectors = tempered(directions) * idf[:, None]
        names = [documents.terms.strings[int(t)] for t in kept]
        grams = mean_rows(sparse.csr_array(gram_matrix(names).T), vectors)
        return cls(Dictionary.pack(names), vectors, grams, _identity(names, vectors))

    def encode_documents(self, documents: Documents) -> F32:
        """Return one unit row a document, a zero row where no term is known. (n, dim)"""
        vectors = self._vectors_of(documents.terms)
        encoded = np.zeros((len(documents), self.dim), np.float32)
        for start in range(0, len(documents), BLOCK_ROWS):
            rows = np.arange(start, min(start + BLOCK_ROWS, len(documents)))
            encoded[rows] = _unit(term_counts(documents, rows) @ vectors)
        return encoded

    def encode(self, terms: Sequence[str]) -> F32 | None:
        """Return the unit vector of a query's terms, None where nothing is known of them."""
        own = self._terms
        total, known = _add_up(
            own.hashes, own.order, own.strings.offsets, own.strings.values,
            keys_of(terms), len(terms), self._vectors,
        )  # fmt: skip
        if known < len(terms):
            self._add_guesses(terms, total)
        length = math.sqrt(total.dot(total))
        return total / length if length > 1e-6 else None

    def _add_guesses(self, terms: Sequence[str], total: F32) -> None:
        """Add what the n-grams of each unknown term mean elsewhere."""
        for term, at in zip(terms, self._terms.find_all(terms).tolist(), strict=True):
            if at < 0 and (near := buckets(term)):
                total += self._grams[near].mean(axis=0)

    def save(self, path: Path) -> None:
        """Write under the directory `path`."""
        path.mkdir(parents=True, exist_ok=True)
        self._terms.save(path / "terms")
        save_array(path / "vectors", self._vectors)
        save_array(path / "grams", self._grams)
        facts = {"id": self.id, "version": VERSION, "dim": self.dim, "terms": len(self._terms)}
        (path / "encoder.json").write_text(json.dumps(facts, indent=1), "utf-8")

    @classmethod
    def open(cls, path: Path) -> Self:
        """Map what `save` wrote. The caller has verified the files."""
        facts = json.loads((path / "encoder.json").read_text("utf-8"))
        terms = Dictionary.open(path / "terms")
        return cls(terms, open_array(path / "vectors"), open_array(path / "grams"), facts["id"])

    def _vectors_of(self, terms: Dictionary) -> F32:
        """Return the vector of every term of a vocabulary, as `encode` would see it. (m, dim)"""
        at = self._terms.join(terms)
        vectors = self._vectors[np.maximum(at, 0)] if len(self._terms) else np.zeros(
            (at.size, self.dim), np.float32
        )  # fmt: skip
        unknown = np.flatnonzero(at < 0)
        guessed = gram_matrix([terms.strings[int(t)] for t in unknown])
        vectors[unknown] = mean_rows(guessed, self._grams)
        return vectors


def truncated_svd(matrix: sparse.csr_array, dim: int, rng: np.random.Generator) -> F32:
    """Return the `dim` leading right singular vectors as columns, zeros past the rank. (m, dim)

    Halko, Martinsson, Tropp (2011), algorithm 4.4 with a final small SVD.
    """
    rank = min(dim, *matrix.shape)
    directions = np.zeros((matrix.shape[1], dim), np.float32)
    if rank == 0:
        return directions
    width = min(rank + OVERSAMPLE, *matrix.shape)
    basis = rng.standard_normal((matrix.shape[1], width), np.float32)
    for _ in range(POWER_ITERATIONS):
        image, _ = np.linalg.qr(matrix @ basis)
        basis, _ = np.linalg.qr(matrix.T @ image)
    _, values, rotation = np.linalg.svd(matrix @ basis, full_matrices=False)
    directions[:, :rank] = (basis @ rotation.T)[:, :rank]
    directions[:, :rank][:, values[:rank] <= 1e-6 * max(values[0], 1e-30)] = 0
    return directions


def tempered(directions: F32) -> F32:
    """Divide each row by the root of its length.

    A rare term has a short row, for few documents pull the leading directions towards it, and its
    idf cannot make up for that. Undoing half of it found the most on the sets of the ADR.
    """
    lengths = np.linalg.norm(directions, axis=1, keepdims=True)
    return np.asarray(directions / np.sqrt(np.maximum(lengths, 1e-9)), np.float32)


@njit(cache=True, nogil=True)
def _add_up(
    hashes: U64, order: I32, offsets: I64, values: U8, keys: U8, count: int, vectors: F32
) -> tuple[F32, int]:
    """Look up terms by their keys; return the sum of those known, and how many. (dim,)"""
    total, known = np.zeros(vectors.shape[1], np.float32), 0
    for place in find_keys(hashes, order, offsets, values, keys, count):
        if place >= 0:
            known += 1
            for j in range(total.size):
                total[j] += vectors[place, j]
    return total, known


def _blocks(rows: Array) -> Iterator[Array]:
    return (rows[start : start + BLOCK_ROWS] for start in range(0, rows.size, BLOCK_ROWS))


def _document_frequency(documents: Documents) -> I32:
    """Count the rows in which each term occurs, in whichever field. (terms,)"""
    df = np.zeros(len(documents.terms), np.int32)
    for rows in _blocks(np.arange(len(documents))):
        df += np.bincount(term_counts(documents, rows).indices, minlength=df.size).astype(np.int32)
    return df


def _sample(documents: Documents, rng: np.random.Generator) -> sparse.csr_array:
    rows = np.arange(len(documents))
    if rows.size > SAMPLE_ROWS:
        rows = np.sort(rng.choice(rows, SAMPLE_ROWS, replace=False))
    blocks = [term_counts(documents, part) for part in _blocks(rows)]
    return sparse.csr_array(sparse.vstack(blocks)) if blocks else term_counts(documents, rows)


def _unit(vectors: F32) -> F32:
    """Scale rows to unit length; a row without direction stays zero."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.where(lengths > 1e-6, vectors / np.maximum(lengths, 1e-6), 0).astype(np.float32)


def _unit_rows(matrix: sparse.csr_array) -> sparse.csr_array:
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    scale = (1 / np.where(lengths > 0, lengths, 1)).astype(np.float32)
    matrix.data = matrix.data * np.repeat(scale, np.diff(matrix.indptr))
    return matrix


def _identity(names: Sequence[str], vectors: F32) -> str:
    digest = hashlib.sha256(np.ascontiguousarray(vectors).tobytes())
    digest.update("\n".join(names).encode())
    return f"svd{VERSION}-{digest.hexdigest()[:12]}"
