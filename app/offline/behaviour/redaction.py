"""Tables without what was known of somebody alone: for those that served, and still are named.

They cannot be built again once the events of a person are gone, for counts that ranked others hold
that person's clicks too. So they stay as they are, but for whatever the remaining events do not
give: persons, queries, terms and places. What other people were ranked with keeps its bits.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from app.corpus.analyzer import Analyzer
from app.corpus.event_columns import EventColumns
from app.corpus.ragged import Dictionary, Ragged
from app.domain.arrays import F32, I64
from app.offline.behaviour.build import learn
from app.offline.behaviour.memory import QueryTerms
from app.offline.behaviour.rebuild import REDACTED, config_of
from app.offline.behaviour.suggesting import suggested_queries
from app.offline.behaviour.trending import trending
from app.snapshot.artifact import replace_directory, seal
from app.snapshot.counters import Counted
from app.snapshot.embeddings import Embeddings
from app.snapshot.histories import Histories
from app.snapshot.store import ArtifactStore
from app.snapshot.tables import Learned, Memory, Neighbours


def redact_tables(
    store: ArtifactStore, tables_id: str, rest: EventColumns, analyzer: Analyzer, upto: int
) -> None:
    """Replace tables by themselves without the forgotten, at once and under the same id.

    `rest` are the events that remain, `analyzer` is the one that the tables were built with.
    """
    manifest = store.verify(tables_id)
    config = config_of(manifest)
    events = rest.received(manifest["event_seq"])
    queries = QueryTerms.of(events, analyzer, manifest["analyzers"])
    plain = replace(config, embedding=replace(config.embedding, enabled=False))
    known = learn(events, queries, manifest["as_of_ms"], plain)
    directory = store.building(tables_id)
    redacted(Learned.open(store.path(tables_id)), known).save(directory)
    suggested = suggested_queries(events, known.histories, manifest["as_of_ms"], config)
    suggested.save(directory / "suggest")
    trending(events, manifest["as_of_ms"], config).save(directory / "trending")
    facts = {k: v for k, v in manifest.items() if k not in ("kind", "format", "files")}
    seal(directory, "tables", {**facts, REDACTED: upto})
    replace_directory(directory, store.root / tables_id)


def redacted(learned: Learned, known: Learned) -> Learned:
    """Keep of tables only what others are `known` to have done, typed, or asked from."""
    queries = _common(learned.queries.texts, known.queries.texts)
    terms = _common(learned.terms.texts, known.terms.texts)
    vectors = learned.embeddings
    return replace(
        learned,
        queries=_memory(learned.queries, queries),
        terms=_memory(learned.terms, terms),
        histories=_histories(known, learned.documents),
        counted=learned.counted and _counted(learned.counted, known.counted),
        embeddings=vectors
        and Embeddings(
            vectors.sources, vectors.targets, vectors.queries[queries], vectors.terms[terms]
        ),
    )


def _common(ours: Dictionary, known: Dictionary) -> I64:
    """Return which of our strings are known."""
    return np.flatnonzero(known.find_all(list(ours.strings)) >= 0)


def _taken(texts: Dictionary, keep: I64) -> Dictionary:
    return Dictionary.pack([texts.strings[int(i)] for i in keep])


def _memory(memory: Memory, keep: I64) -> Memory:
    others = memory.clicked.others
    scores = Ragged(others.offsets, memory.clicked.scores).take(keep).values
    return Memory(_taken(memory.texts, keep), Neighbours(others.take(keep), scores))


def _histories(known: Learned, documents: Dictionary) -> Histories:
    """Histories of the known, their documents numbered as those of the tables."""
    number = documents.join(known.documents)
    theirs = known.histories.documents
    return replace(known.histories, documents=Ragged(theirs.offsets, number[theirs.values]))


def _counted(counted: Counted, known: Counted | None) -> Counted:
    if known is None:
        return counted
    keep = _common(counted.texts, known.texts)
    cells = np.flatnonzero(np.isin(counted.cells, known.cells))
    return replace(
        counted,
        texts=_taken(counted.texts, keep),
        queries=counted.queries[keep],
        shown=counted.shown.take(keep),
        pairs=_rows(counted.shown, counted.pairs, keep),
        cells=counted.cells[cells],
        places=counted.places[cells],
    )


def _rows(lists: Ragged, block: F32, keep: I64) -> F32:
    """Return the rows of a block that lie beside the values of some lists."""
    places = Ragged(lists.offsets, np.arange(len(block), dtype=np.int64))
    return np.ascontiguousarray(block[places.take(keep).values])
