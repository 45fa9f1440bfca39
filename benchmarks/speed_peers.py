"""The bare engine calls that our stages are held against: tantivy for text, faiss for vectors."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

import faiss
import numpy as np
import tantivy

from app.corpus.documents import Documents
from app.domain.arrays import F32, Rows
from app.pipeline.serving import Serving
from app.recall.best_rows import best_rows
from app.recall.graph import GRAPH_FILE
from app.recall.postings import Postings

HEAP_BYTES = 2_000_000_000  # one flush: one segment, whose document numbers are our rows
CHUNK = 20_000


@dataclass(frozen=True, slots=True)
class Tantivy:
    """One segment over the same tokens, one text field a searched field, frequencies kept."""

    schema: Any
    searcher: Any
    weights: dict[str, float]

    @classmethod
    def build(cls, documents: Documents, path: Path) -> tuple[Tantivy, float]:
        """Return the index and the seconds that tantivy spent; joining tokens is not counted."""
        weights = {f.name: f.weight for f in documents.schema.searched}
        schema = _schema(list(weights))
        path.mkdir(parents=True)
        index = tantivy.Index(schema, path=str(path))
        started = time.perf_counter()
        writer = index.writer(heap_size=HEAP_BYTES, num_threads=1)
        seconds = time.perf_counter() - started
        for chunk in texts(documents, list(weights)):
            started = time.perf_counter()
            _add(writer, chunk)
            seconds += time.perf_counter() - started
        started = time.perf_counter()
        writer.commit()
        writer.wait_merging_threads()
        seconds += time.perf_counter() - started
        return cls.over(index, schema, weights), seconds

    @classmethod
    def open(cls, documents: Documents, path: Path) -> Tantivy:
        weights = {f.name: f.weight for f in documents.schema.searched}
        index = tantivy.Index.open(str(path))
        return cls.over(index, _schema(list(weights)), weights)

    @classmethod
    def over(cls, index: Any, schema: Any, weights: dict[str, float]) -> Tantivy:
        index.reload()
        searcher = index.searcher()
        if searcher.num_segments != 1:
            raise ValueError(f"{searcher.num_segments} segments: document numbers are not rows")
        return cls(schema, searcher, weights)

    def query(self, terms: Sequence[str]) -> Any:
        """OR over terms and fields, each boosted by its field's weight; nothing is parsed."""
        return tantivy.Query.boolean_query(
            [
                (
                    tantivy.Occur.Should,
                    tantivy.Query.boost_query(
                        tantivy.Query.term_query(self.schema, field, term), weight
                    ),
                )
                for term in terms
                for field, weight in self.weights.items()
            ]
        )

    def search(self, query: Any, k: int, count: bool) -> Rows:
        """Return the best k rows. With `count` it also counts all matches, as our channel does."""
        hits = self.searcher.search(query, k, count=count).hits
        return np.fromiter((address.doc for _, address in hits), np.int32, len(hits))


def _schema(fields: Sequence[str]) -> Any:
    builder = tantivy.SchemaBuilder()
    for field in fields:
        builder.add_text_field(
            field, stored=False, tokenizer_name="whitespace", index_option="freq"
        )
    return builder.build()


def texts(documents: Documents, fields: Sequence[str]) -> Iterator[list[list[tuple[str, str]]]]:
    """Yield chunks of documents as (field, tokens joined by blanks), empty fields left out."""
    words = np.array(list(documents.terms.strings), dtype=object)
    columns = {f: documents.tokens[f].tokens for f in fields}
    for first in range(0, len(documents), CHUNK):
        chunk: list[list[tuple[str, str]]] = [[] for _ in range(min(CHUNK, len(documents) - first))]
        for field, tokens in columns.items():
            for local, document in enumerate(chunk):
                ids = tokens[first + local]
                if ids.size:
                    document.append((field, " ".join(words[ids])))
        yield chunk


def _add(writer: Any, chunk: list[list[tuple[str, str]]]) -> None:
    for fields in chunk:
        document = tantivy.Document()
        for field, text in fields:
            document.add_text(field, text)
        writer.add_document(document)


@dataclass(frozen=True, slots=True)
class Bare:
    """The engine calls that our two big stages are made of, and tantivy beside them."""

    documents: Documents
    postings: Postings
    index: Any  # faiss: the very graph that serves, or a flat index where ours is a scan as well
    parameters: Any
    tantivy: Tantivy

    @classmethod
    def beside(cls, serving: Serving, path: Path) -> Bare:
        """Open our own engines' files a second time; build tantivy where it is missing."""
        documents = serving.snapshot.documents
        part = serving.snapshot.part("lexical")
        if not path.exists():
            Tantivy.build(documents, path)
        index, parameters = faiss_of(serving)
        postings = Postings.open(part, len(documents))
        return cls(documents, postings, index, parameters, Tantivy.open(documents, path))

    def text(self, terms: tuple[str, ...], k: int) -> dict[str, Callable[[], Any]]:
        """Queries are built beforehand: what is timed is the search, down to rows."""
        if not terms:
            return {}
        ids = self.documents.terms.find_all(terms)
        known = ids[ids >= 0]
        query = self.tantivy.query(terms)
        return {
            "kernel": lambda: best_rows(self.postings, known, 1, k),
            "tantivy": lambda: self.tantivy.search(query, k, count=False),
            "tantivy, counting": lambda: self.tantivy.search(query, k, count=True),
        }

    def vector(self, vector: F32 | None, k: int) -> dict[str, Callable[[], Any]]:
        if vector is None:
            return {}
        block = vector[np.newaxis]
        return {"faiss": lambda: self.index.search(block, k, params=self.parameters)}


def faiss_of(serving: Serving) -> tuple[Any, Any]:
    """Return the index and its search parameters: the graph's where the channel has one."""
    documents, file = serving.snapshot.documents, serving.snapshot.part("vector") / GRAPH_FILE
    if documents.vectors is None:
        raise ValueError("the catalogue has no vectors: encoder.enabled is false")
    if file.exists():
        width = serving.snapshot.manifest["settings"]["channels"]["vector"]["ef_search"]
        return faiss.read_index(str(file)), faiss.SearchParametersHNSW(efSearch=width)
    index = faiss.IndexFlatIP(documents.vectors.shape[1])
    index.add(np.ascontiguousarray(documents.vectors))
    return index, None


class BareThreads:
    """What it costs to wake threads and be woken by the last: queues, and none of our code."""

    def __init__(self, most: int) -> None:
        self.queues: list[SimpleQueue[Callable[[], None]]] = [SimpleQueue() for _ in range(most)]
        for queue in self.queues:
            Thread(target=_serve, args=(queue,), daemon=True).start()

    async def all_answer(self, lanes: int) -> None:
        """Wake so many threads; return when each has been awake."""
        loop = asyncio.get_running_loop()
        over, awake = loop.create_future(), list[None]()

        def settle() -> None:
            if not over.done():
                over.set_result(None)

        def answer() -> None:
            awake.append(None)
            if len(awake) == lanes:
                loop.call_soon_threadsafe(settle)

        for queue in self.queues[:lanes]:
            queue.put(answer)
        if lanes:
            await over


def _serve(queue: SimpleQueue[Callable[[], None]]) -> None:
    while True:
        queue.get()()
