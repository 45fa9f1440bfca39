"""What changes a catalogue while it is searched, in a process of its own: that is not measured."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson
from served import client_of

BULK = 500
BATCH = 10
"""Documents written together: a shop's feed does not send one at a time."""

PROBE_EVERY_S = 0.25
GIVE_UP_S = 20.0
WHOLE = 500  # results: the model may place a word that it never saw behind its neighbours


@dataclass(frozen=True, slots=True)
class Load:
    """Documents of the catalogue's own kind, `first` of which were written before."""

    url: str
    catalogue: Path
    first: int = 0

    def fill(self, count: int) -> int:
        """Write so many, wait until searches see them, and return how many were written in all."""
        with client_of(self.url) as client:
            documents = self._documents()
            for start in range(0, count, BULK):
                seq = _write(client, documents, min(BULK, count - start))
            while log_seq(client) < seq:
                time.sleep(0.1)
        return self.first + count

    def change(self, rate: int, seconds: float, probes: bool) -> tuple[int, list[float]]:
        """Write at the rate for so long; with `probes` also documents that are then searched for.

        Returns how many were written in all, and the milliseconds until each probe was found.
        """
        ended, written = threading.Event(), [self.first]
        thread = threading.Thread(target=self._keep_writing, args=(rate, ended, written))
        thread.start()
        try:
            end = time.monotonic() + seconds
            seen = _probe(self.url, end) if probes else []
            time.sleep(max(0.0, end - time.monotonic()))
        finally:
            ended.set()
            thread.join()
        return written[0], seen

    def _keep_writing(self, rate: int, ended: threading.Event, written: list[int]) -> None:
        documents, at = self._documents(), time.monotonic()
        with client_of(self.url) as client:
            while not ended.is_set():
                _write(client, documents, BATCH)
                written[0] += BATCH
                at += BATCH / rate
                ended.wait(max(0.0, at - time.monotonic()))

    def _documents(self) -> Iterator[bytes]:
        return map(orjson.dumps, documents_of(self.catalogue, self.first))


def documents_of(catalogue: Path, first: int = 0) -> Iterator[dict[str, Any]]:
    """Yield changed documents of a catalogue: every second one is new, the others replace one."""
    lines = catalogue.read_bytes().splitlines()
    for i in itertools.count(first):
        document = orjson.loads(lines[i * 7919 % len(lines)])
        document["price"] = float(i % 997)
        yield document if i % 2 else {**document, "id": f"new{i}"}


def _write(client: httpx.Client, documents: Iterator[bytes], count: int) -> int:
    lines = b"\n".join(itertools.islice(documents, count))
    headers = {"Content-Type": "application/x-ndjson"}
    answer = client.post("/v1/documents", content=lines, headers=headers)
    said = answer.raise_for_status().json()
    if said["refused"]:
        raise RuntimeError(f"documents were refused: {said['results'][:3]}")
    return int(said["seq"])


def _probe(url: str, end: float) -> list[float]:
    seen = []
    with client_of(url) as client:
        while time.monotonic() < end:
            at = time.monotonic()
            seen.append(_seconds_until_found(client, f"probe{time.monotonic_ns():x}") * 1e3)
            time.sleep(max(0.0, at + PROBE_EVERY_S - time.monotonic()))
    return seen


def _seconds_until_found(client: httpx.Client, word: str) -> float:
    body = orjson.dumps({"title": word, "price": 1.0})
    client.put(f"/v1/documents/{word}", content=body).raise_for_status()
    started = time.perf_counter()
    while time.perf_counter() - started < GIVE_UP_S:
        answer = client.get("/v1/search", params={"q": word, "limit": WHOLE})
        found = answer.json().get("results", ())  # none where an overloaded service sends us away
        if any(result["id"] == word for result in found):
            break
        time.sleep(0.01)
    return time.perf_counter() - started


def log_seq(client: httpx.Client) -> int:
    """Return how far searches see; 0 where an overloaded service sends us away."""
    return int(client.get("/v1/search", params={"q": "x"}).json().get("log_seq", 0))
