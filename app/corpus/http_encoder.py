"""Sentence encoders behind an HTTP endpoint: TEI's `/embed`, or OpenAI's `/v1/embeddings`.

    [encoder]
    kind = "app.corpus.http_encoder:HttpEncoder"
    options = { url = "http://127.0.0.1:8080/embed" }

The key is read from the environment variable that `key_variable` names, when the encoder is opened,
and stands in no file of ours. The address comes from the configuration alone.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import httpx
import numpy as np

from app.corpus.encoding import unit_rows
from app.domain.arrays import F32
from app.domain.errors import EncoderUnavailable, InvalidInput
from app.domain.options import read_own

APIS = ("tei", "openai")
REMEMBERED = 4_096  # queries
FACTS = "encoder.json"
LATER = (408, 425, 429, 500, 502, 503, 504)  # statuses after which asking again may help
LONGEST_WAIT_S = 30.0
SHOWN = 200  # characters of an endpoint's own words


@dataclass(frozen=True, slots=True)
class HttpOptions:
    url: str = ""
    api: str = "tei"
    model: str = ""  # what an OpenAI-compatible endpoint calls it
    key_variable: str = ""  # environment variable that holds the key
    query_prefix: str = ""
    document_prefix: str = ""
    at_once: int = 32  # texts in one call
    calls: int = 4  # side by side, of a reindex
    tries: int = 6  # of one call, where nobody waits
    timeout_ms: float = 30_000.0  # of one call, where nobody waits
    patience_ms: float = 50.0  # of a search


class HttpEncoder:
    """One pool of connections. Where somebody waits it asks once, else until an answer comes."""

    def __init__(
        self, options: HttpOptions, dim: int | None, wait: Callable[[float], None] = time.sleep
    ) -> None:
        self.options = options
        self.batch = options.at_once * options.calls
        self.patience_ms = options.patience_ms
        self._wait = wait
        self._client = httpx.Client(headers=_headers(options.key_variable))
        self._calls = ThreadPoolExecutor(options.calls, "embed")
        self.dim = 0
        self.dim = dim or int(self.encode_texts(["a"]).shape[1])
        facts = [options.url, options.model, options.query_prefix, options.document_prefix]
        digest = hashlib.sha256(json.dumps([*facts, self.dim]).encode()).hexdigest()
        self.id = f"http1-{digest[:12]}"
        self._remembered = lru_cache(REMEMBERED)(self._query)

    @classmethod
    def configure(cls, options: Mapping[str, Any]) -> Self:
        """Ask the endpoint once, for its dimension. Raises InvalidInput or EncoderUnavailable."""
        own = read_own(HttpOptions, "encoder.options", options)
        if own.api not in APIS:
            raise InvalidInput(f"encoder.options.api = {own.api!r}: one of {', '.join(APIS)}")
        if not own.url.startswith(("http://", "https://")):
            raise InvalidInput(f"encoder.options.url = {own.url!r}: write http://… or https://…")
        if own.api == "openai" and not own.model:
            raise InvalidInput("encoder.options.model: name the model that the endpoint serves")
        if min(own.at_once, own.calls, own.tries, own.timeout_ms, own.patience_ms) < 1:
            raise InvalidInput(
                "encoder.options: at_once, calls, tries, timeout_ms and patience_ms are at least 1"
            )
        return cls(own, None)

    def encode_query(self, text: str, is_live: bool = True) -> F32 | None:
        """Return the unit vector of a query, None where it says nothing. (dim,)"""
        return self._remembered(text, is_live)

    def encode_texts(self, texts: Sequence[str], is_live: bool = False) -> F32:
        """Return a unit row for each document's text, several calls side by side. (n, dim)"""
        given = [self.options.document_prefix + text for text in texts]
        if is_live:
            return self._at_once(given)
        most = self.options.at_once
        parts = [given[start : start + most] for start in range(0, len(given), most)]
        found = list(self._calls.map(self._until_answered, parts))
        return np.concatenate(found) if found else np.zeros((0, self.dim), np.float32)

    def save(self, path: Path) -> None:
        """Write which endpoint it is and how it is asked, without its key."""
        path.mkdir(parents=True, exist_ok=True)
        facts = {"id": self.id, "dim": self.dim, "options": asdict(self.options)}
        (path / FACTS).write_text(json.dumps(facts, indent=1), "utf-8")

    @classmethod
    def open(cls, path: Path) -> Self:
        """Asks nothing: a service starts while the endpoint is down."""
        facts = json.loads((path / FACTS).read_text("utf-8"))
        return cls(HttpOptions(**facts["options"]), int(facts["dim"]))

    def _query(self, text: str, is_live: bool) -> F32 | None:
        ask = self._at_once if is_live else self._until_answered
        vector = ask([self.options.query_prefix + text])[0]
        return vector if vector.any() else None

    def _at_once(self, texts: Sequence[str]) -> F32:
        answer = self._asked(texts, self.options.patience_ms)
        if answer.status_code != httpx.codes.OK:
            raise _refused(self.options.url, answer)
        return self._read(answer, len(texts))

    def _until_answered(self, texts: Sequence[str]) -> F32:
        for turn in range(self.options.tries):
            last = turn + 1 == self.options.tries
            try:
                answer = self._asked(texts, self.options.timeout_ms)
            except EncoderUnavailable:
                if last:
                    raise
                self._wait(_pause(turn))
                continue
            if answer.status_code == httpx.codes.OK:
                return self._read(answer, len(texts))
            if last or answer.status_code not in LATER:
                raise _refused(self.options.url, answer)
            self._wait(_pause(turn, answer.headers.get("retry-after", "")))
        raise AssertionError(self.options.tries)

    def _asked(self, texts: Sequence[str], timeout_ms: float) -> httpx.Response:
        body: dict[str, Any] = {"inputs": texts, "truncate": True}
        if self.options.api == "openai":
            body = {"input": texts, "model": self.options.model}
        try:
            return self._client.post(self.options.url, json=body, timeout=timeout_ms / 1e3)
        except httpx.HTTPError as error:
            why = str(error) or type(error).__name__
            raise EncoderUnavailable(f"{self.options.url} does not answer ({why})") from None

    def _read(self, answer: httpx.Response, count: int) -> F32:
        try:
            vectors = answer.json()
            if self.options.api == "openai":
                vectors = [v["embedding"] for v in sorted(vectors["data"], key=_place)]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise EncoderUnavailable(
                f"{self.options.url} answered what is no {self.options.api} answer: "
                f"{answer.text[:SHOWN]!r}; check encoder.options.api"
            ) from None
        return unit_rows(vectors, count, self.dim or None, self.options.url)


def _place(item: Mapping[str, Any]) -> int:
    return int(item["index"])


def _headers(variable: str) -> dict[str, str]:
    key = os.environ.get(variable, "") if variable else ""
    if variable and not key:
        raise InvalidInput(f"encoder.options.key_variable: {variable} is not set; export the key")
    return {"authorization": f"Bearer {key}"} if key else {}


def _pause(turn: int, asked_for: str = "") -> float:
    """Return seconds: what the endpoint asked for, or twice as long each time."""
    wanted = float(asked_for) if asked_for.isdecimal() else 0.25 * 2.0**turn
    return min(wanted, LONGEST_WAIT_S)


def _refused(url: str, answer: httpx.Response) -> EncoderUnavailable:
    return EncoderUnavailable(f"{url} answered {answer.status_code}: {answer.text[:SHOWN]!r}")
