"""What building an index costs, against the bare engines on the same tokens and vectors."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from speed_peers import Tantivy

from app.corpus.documents import Documents
from app.domain.dotted import load
from app.recall.graph import threads
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class Builds:
    """Seconds of each turn, ours and the peer's one after the other."""

    ours: list[float]
    peer: list[float]


def text(documents: Documents, settings: Settings, work: Path, turns: int) -> Builds:
    """Our lexical part and a tantivy index: both from tokens in memory to files, one thread."""
    found = Builds([], [])
    for _ in range(turns):
        found.ours.append(_channel(documents, settings, "lexical", _empty(work / "lexical")))
        shutil.rmtree(work / "tantivy", ignore_errors=True)
        found.peer.append(Tantivy.build(documents, work / "tantivy")[1])
    return found


def vector(documents: Documents, settings: Settings, work: Path, turns: int) -> Builds:
    """Our vector part and faiss's own HNSW: equal M, ef_construction, threads and vectors."""
    found = Builds([], [])
    for _ in range(turns):
        found.ours.append(_channel(documents, settings, "vector", _empty(work / "vector")))
        found.peer.append(_faiss(documents, settings, work / "faiss.index"))
    return found


def _channel(documents: Documents, settings: Settings, name: str, part: Path) -> float:
    channel = settings.channels[name]
    kind: Any = load(channel.kind)
    started = time.perf_counter()
    kind.build(documents, part, channel.own)
    return time.perf_counter() - started


def _faiss(documents: Documents, settings: Settings, file: Path) -> float:
    own = settings.channels["vector"].own
    if documents.vectors is None:
        raise ValueError("the catalogue has no vectors: encoder.enabled is false")
    vectors = np.ascontiguousarray(documents.vectors)
    started = time.perf_counter()
    index = faiss.IndexHNSWFlat(vectors.shape[1], own["m"], faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = own["ef_construction"]
    with threads(os.cpu_count() or 1):  # as our own build does
        index.add(vectors)
    faiss.write_index(index, str(file))
    return time.perf_counter() - started


def _empty(part: Path) -> Path:
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    return part
