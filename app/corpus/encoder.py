"""The encoder's role: text to a vector, so that query and document meet without a shared word.

One kind reads the analyzer's terms and is learned from the catalogue, the other reads text as it
was written and was learned elsewhere. What makes vectors of either is `app.corpus.encoding`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeAlias, runtime_checkable

from app.corpus.documents import Documents
from app.domain.arrays import F32

if TYPE_CHECKING:
    from typing_extensions import TypeIs


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


@runtime_checkable
class TextEncoder(Protocol):
    """A model that was learned elsewhere; the snapshot keeps which one, and how it is asked.

    Thread-safe, and slow: a search waits for it beside the event loop, and no longer than
    `patience_ms`. Both ways of encoding raise EncoderUnavailable where no vector can be had.
    """

    id: str  # decides the vectors: same id and same text, same vector
    dim: int
    batch: int  # texts that are best given at once
    patience_ms: float  # that a search waits; then it goes without a vector

    @classmethod
    def configure(cls, options: Mapping[str, Any]) -> Self:
        """Open the model that [encoder.options] name. Raises InvalidInput naming what is wrong."""
        ...

    def encode_query(self, text: str, is_live: bool = True) -> F32 | None:
        """Return the unit vector of a query, None where it says nothing. (dim,)

        is_live: somebody waits for the answer, so it is tried once within `patience_ms`
        """
        ...

    def encode_texts(self, texts: Sequence[str], is_live: bool = False) -> F32:
        """Return a unit row for each document's text, a zero row where it says nothing. (n, dim)

        is_live: somebody waits for the document, so it is tried once within `patience_ms`
        """
        ...

    def save(self, path: Path) -> None:
        """Write under the directory `path`, which may not exist yet."""
        ...

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the very model that `save` was called on. Raises CorruptArtifact for another."""
        ...


AnyEncoder: TypeAlias = Encoder | TextEncoder


def reads_text(encoder: AnyEncoder | None) -> TypeIs[TextEncoder]:
    """Tell the two kinds apart; isinstance of a protocol takes longer than to encode a query."""
    return hasattr(encoder, "encode_query")
