"""Text encoders made on the spot: a real ONNX model of a few hundred bytes, a real endpoint."""

from __future__ import annotations

import json
import struct
import threading
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np

WORDS = ("tea", "coffee", "roast", "leaf", "film", "space", "galaxy", "garden")
VOCABULARY = ("[PAD]", "[UNK]", *WORDS)
DIM = 6


def word_vector(word: str, dim: int = DIM) -> np.ndarray:
    return np.random.default_rng(zlib.crc32(word.encode())).normal(size=dim).astype(np.float32)


def write_onnx(folder: Path, dim: int = DIM) -> Path:
    """Write model.onnx, which looks words up in a table, and its tokenizer.json."""
    folder.mkdir(parents=True, exist_ok=True)
    table = np.stack([word_vector(word, dim) for word in VOCABULARY])
    (folder / "model.onnx").write_bytes(_model(table))
    tokenizer = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [],
        "normalizer": {"type": "Lowercase"}, "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": None, "decoder": None,
        "model": {
            "type": "WordLevel", "vocab": {w: i for i, w in enumerate(VOCABULARY)},
            "unk_token": "[UNK]",
        },
    }  # fmt: skip
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    return folder


def _model(table: np.ndarray) -> bytes:
    """Encode a graph of one Gather as ONNX's protobuf: no package writes it for us."""
    tensor = b"".join(_number(1, n) for n in table.shape) + _number(2, 1)
    tensor += _bytes(8, b"table") + _bytes(9, table.astype("<f4").tobytes())
    node = _bytes(1, b"table") + _bytes(1, b"input_ids") + _bytes(2, b"states")
    node += _bytes(4, b"Gather")
    graph = _bytes(1, node) + _bytes(2, b"words") + _bytes(5, tensor)
    graph += _bytes(11, _value("input_ids", 7, ["n", "s"]))
    graph += _bytes(12, _value("states", 1, ["n", "s", table.shape[1]]))
    return _number(1, 8) + _bytes(7, graph) + _bytes(8, _bytes(1, b"") + _number(2, 13))


def _value(name: str, element: int, shape: Sequence[str | int]) -> bytes:
    dims = (_number(1, d) if isinstance(d, int) else _bytes(2, d.encode()) for d in shape)
    tensor = _number(1, element) + _bytes(2, b"".join(_bytes(1, d) for d in dims))
    return _bytes(1, name.encode()) + _bytes(2, _bytes(1, tensor))


def _number(tag: int, value: int) -> bytes:
    return _varint(tag << 3) + _varint(value)


def _bytes(tag: int, value: bytes) -> bytes:
    return _varint(tag << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += struct.pack("B", value & 127 | 128)
        value >>= 7
    return out + struct.pack("B", value)


@dataclass
class Endpoint:
    """Answers as TEI at /embed and as OpenAI at /v1/embeddings; sums of vectors of words."""

    url: str = ""
    calls: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    failures: list[tuple[int, str | None]] = field(default_factory=list)  # status, Retry-After
    spoil: Any = None  # changes the vectors before they are sent
    hold: threading.Event | None = None  # nothing is answered until it is set

    @property
    def openai(self) -> str:
        return self.url.replace("/embed", "/v1/embeddings")

    def answer(self, path: str, body: dict[str, Any]) -> Any:
        texts = body["inputs"] if path == "/embed" else body["input"]
        vectors = [sum((word_vector(w) for w in t.lower().split()), np.zeros(DIM)) for t in texts]
        found = [v.tolist() for v in vectors]
        found = self.spoil(found) if self.spoil else found
        if path == "/embed":
            return found
        return {"data": [{"index": i, "embedding": v} for i, v in enumerate(found)][::-1]}


@contextmanager
def serve_embeddings() -> Iterator[Endpoint]:
    """Serve on a free loopback port."""
    endpoint = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["content-length"]))
            endpoint.calls.append(json.loads(raw))
            endpoint.keys.append(self.headers.get("authorization"))
            if endpoint.hold is not None:
                endpoint.hold.wait(20)
            status, later = endpoint.failures.pop(0) if endpoint.failures else (200, None)
            found = endpoint.answer(self.path, endpoint.calls[-1]) if status == 200 else "no"
            body = json.dumps(found).encode()
            self.send_response(status)
            if later is not None:
                self.send_header("retry-after", later)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    endpoint.url = f"http://127.0.0.1:{server.server_port}/embed"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield endpoint
    finally:
        if endpoint.hold is not None:
            endpoint.hold.set()
        server.shutdown()
        server.server_close()
        thread.join()
