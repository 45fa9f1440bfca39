"""The encoder's role: terms to a vector, so that query and document meet without a shared word."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, Self

from app.corpus.documents import Documents
from app.domain.arrays import F32


class Encoder(Protocol):
    """Trained on the catalogue at reindex, kept in the snapshot, named by [encoder] kind.

    Vectors have unit length, so that an inner product is a cosine; never a NaN.
    """

    id: str  # decides the vectors: same id and same terms, same vector
    dim: int

    @classmethod
    def train(cls, documents: Documents, dim: int, seed: int) -> Self:
        """Learn from the documents' terms. Deterministic in its arguments."""
        ...

    def encode_documents(self, documents: Documents) -> F32:
        """Return one unit row a document, a zero row where nothing is known of it. (n, dim)"""
        ...

    def encode(self, terms: Sequence[str]) -> F32 | None:
        """Return the unit vector of a query's terms, None where nothing is known of them. (dim,)"""
        ...

    def save(self, path: Path) -> None:
        """Write under the directory `path`, which may not exist yet."""
        ...

    @classmethod
    def open(cls, path: Path) -> Self:
        """Map what `save` wrote. The caller has verified the files."""
        ...
