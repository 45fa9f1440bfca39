"""Sentence encoders in ONNX from a folder of one's own: model.onnx and tokenizer.json.

    [encoder]
    kind = "app.corpus.onnx_encoder:OnnxEncoder"
    options = { path = "/models/e5-small", pooling = "mean", query_prefix = "query: " }

The snapshot keeps the sha256 of both files. What was verified is what is opened: the runtime is
handed the bytes that were hashed. Needs the extra `encoders`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np

from app.corpus.encoding import unit_rows
from app.domain.arrays import F32, I64
from app.domain.errors import CorruptArtifact, EncoderUnavailable, InvalidInput
from app.domain.options import read_own

MODEL, TOKENIZER = "model.onnx", "tokenizer.json"
POOLINGS = ("mean", "cls", "none")
REMEMBERED = 4_096  # queries
FACTS = "encoder.json"


@dataclass(frozen=True, slots=True)
class OnnxOptions:
    path: str = ""  # folder with model.onnx and tokenizer.json
    pooling: str = "mean"  # of the last states; "cls": the first; "none": the model has done it
    max_tokens: int = 256
    query_prefix: str = ""
    document_prefix: str = ""
    patience_ms: float = 200.0


class OnnxEncoder:
    """One session of one thread. Holds the model in memory."""

    batch = 32

    def __init__(self, options: OnnxOptions, files: Mapping[str, bytes]) -> None:
        self.options = options
        self.patience_ms = options.patience_ms
        self.hashes = {name: hashlib.sha256(raw).hexdigest() for name, raw in files.items()}
        self._tokenizer, self._session = _opened(options, files)
        self._takes = {given.name for given in self._session.get_inputs()}
        self.dim = 0
        self.dim = int(self.encode_texts(["a"]).shape[1])
        facts = json.dumps([self.hashes, asdict(options) | {"path": "", "patience_ms": 0}])
        self.id = f"onnx1-{hashlib.sha256(facts.encode()).hexdigest()[:12]}"
        self._remembered = lru_cache(REMEMBERED)(self._query)

    @classmethod
    def configure(cls, options: Mapping[str, Any]) -> Self:
        """Open the files of the folder. Raises InvalidInput."""
        own = read_own(OnnxOptions, "encoder.options", options)
        if own.pooling not in POOLINGS:
            raise InvalidInput(
                f"encoder.options.pooling = {own.pooling!r}: one of {', '.join(POOLINGS)}"
            )
        return cls(own, _files(own.path))

    def encode_query(self, text: str, is_live: bool = True) -> F32 | None:
        """Return the unit vector of a query, None where it says nothing. (dim,)"""
        return self._remembered(text)

    def encode_texts(self, texts: Sequence[str], is_live: bool = False) -> F32:
        """Return a unit row for each document's text, a zero row for an empty one. (n, dim)"""
        return self._encoded([self.options.document_prefix + text for text in texts])

    def save(self, path: Path) -> None:
        """Write which files these are and how they are asked; the model stays where it is."""
        path.mkdir(parents=True, exist_ok=True)
        facts = {"id": self.id, "dim": self.dim, "sha256": self.hashes}
        facts["options"] = asdict(self.options)
        (path / FACTS).write_text(json.dumps(facts, indent=1), "utf-8")

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the files again. Raises CorruptArtifact where they are not the same any more."""
        facts = json.loads((path / FACTS).read_text("utf-8"))
        options = OnnxOptions(**facts["options"])
        files = _files(options.path)
        for name, raw in files.items():
            if hashlib.sha256(raw).hexdigest() != facts["sha256"][name]:
                raise CorruptArtifact(
                    f"{Path(options.path) / name} is not the file that the snapshot was built "
                    "with; put it back, or run: duolu reindex --retrain-encoder"
                )
        return cls(options, files)

    def _query(self, text: str) -> F32 | None:
        vector = self._encoded([self.options.query_prefix + text])[0]
        return vector if vector.any() else None

    def _encoded(self, texts: Sequence[str]) -> F32:
        encoded = self._tokenizer.encode_batch(list(texts))
        tokens = np.array([e.ids for e in encoded], np.int64)
        mask = np.array([e.attention_mask for e in encoded], np.int64)
        if not tokens.size:
            return np.zeros((len(texts), self.dim), np.float32)
        given = {"input_ids": tokens, "attention_mask": mask, "token_type_ids": tokens * 0}
        try:
            answer = self._session.run(None, {k: v for k, v in given.items() if k in self._takes})
        except Exception as error:  # the runtime's own, of many classes
            raise EncoderUnavailable(f"{self.options.path}: {error}") from None
        vectors = _pooled(np.asarray(answer[0]), mask, self.options.pooling)
        return unit_rows(vectors, len(texts), self.dim or None, self.options.path)


def _pooled(states: Any, mask: I64, pooling: str) -> Any:
    if states.ndim != 3:
        return states
    if pooling == "cls":
        return states[:, 0]
    weights = mask[:, :, None].astype(np.float32)
    return (states * weights).sum(1) / np.maximum(weights.sum(1), 1)


def _files(folder: str) -> dict[str, bytes]:
    try:
        return {name: (Path(folder) / name).read_bytes() for name in (MODEL, TOKENIZER)}
    except OSError as error:
        raise InvalidInput(
            f"encoder.options.path = {folder!r}: {error.strerror}: {error.filename}; name a folder "
            f"with {MODEL} and {TOKENIZER}"
        ) from None


def _opened(options: OnnxOptions, files: Mapping[str, bytes]) -> tuple[Any, Any]:
    """Return the tokenizer and the session. Imported here, for few need them."""
    try:
        import onnxruntime
        from tokenizers import Tokenizer
    except ImportError as error:
        raise InvalidInput(f"{error}; run: pip install 'duolu[encoders]'") from None
    how = onnxruntime.SessionOptions()
    how.intra_op_num_threads = how.inter_op_num_threads = 1
    try:
        tokenizer = Tokenizer.from_str(files[TOKENIZER].decode())
        session = onnxruntime.InferenceSession(
            files[MODEL], how, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # both raise classes of their own
        raise InvalidInput(f"{options.path} cannot be opened: {error}") from None
    tokenizer.enable_truncation(options.max_tokens)
    tokenizer.enable_padding()
    return tokenizer, session
