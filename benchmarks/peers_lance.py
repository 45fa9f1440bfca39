"""LanceDB: a full-text index and an HNSW graph of one table, fused by its RRF reranker."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
from peers_asked import K, Work
from peers_leg import BEAMS, BOTH, TEXT, VECTOR, Leg, narrowest

NAME = "LanceDB"
M, EF_CONSTRUCTION = 16, 160  # as ours


def legs(work: Work, folder: Path, recall: float) -> list[Leg]:
    """Build or open the table. The beam is the narrowest that finds as much as `recall`.

    It keeps its own threads: with one of each kind it waits for itself.
    """
    from lancedb.query import MatchQuery
    from lancedb.rerankers import RRFReranker

    table, fuse = _open(work, folder), RRFReranker()
    words = [MatchQuery(" ".join(q.terms), "text") for q in work.questions]
    near = [question.vector for question in work.questions]
    beam, vector = narrowest(_vector_legs(table, near), work, recall)

    def text(i: int) -> Any:
        asked = table.search(words[i], query_type="fts")
        return asked.limit(K).select(["row", "_score"]).to_arrow()

    def both(i: int) -> Any:
        asked = table.search(query_type="hybrid").vector(near[i]).text(words[i])
        asked = asked.distance_type("dot").nprobes(1).ef(beam).limit(K).select(["row"])
        return asked.rerank(fuse).to_arrow()

    return [
        Leg(NAME, TEXT, "FTS index, BM25", text, _rows),
        vector,
        Leg(NAME, BOTH, f"ef {beam}, RRF", both, _rows),
    ]


def _vector_legs(table: Any, near: list[Any]) -> Iterator[tuple[int, Leg]]:
    for beam in BEAMS:
        yield beam, Leg(NAME, VECTOR, f"HNSW ef {beam}", _asker(table, near, beam), _rows)


def _asker(table: Any, near: list[Any], beam: int) -> Any:
    def ask(i: int) -> Any:
        asked = table.search(near[i], vector_column_name="vector").distance_type("dot")
        return asked.nprobes(1).ef(beam).limit(K).select(["row", "_distance"]).to_arrow()

    return ask


def _open(work: Work, folder: Path) -> Any:
    os.environ.setdefault("LANCE_LOG", "error")  # it warns of scores beside the columns asked for
    import lancedb

    done = folder / "done"
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        _build(work, lancedb.connect(str(folder)))
        done.touch()
    return lancedb.connect(str(folder)).open_table("documents")


def _build(work: Work, database: Any) -> None:
    """One partition, so that its graph is one as the others' are; vectors unquantised."""
    from lancedb.index import FTS, HnswFlat

    n, dim = work.vectors.shape
    columns = {
        "row": pa.array(range(n), pa.int32()),
        "text": pa.array(list(work.texts)),
        "vector": pa.FixedSizeListArray.from_arrays(pa.array(work.vectors.ravel()), dim),
    }
    table = database.create_table("documents", pa.table(columns))
    graph = HnswFlat(
        distance_type="dot", num_partitions=1, m=M, ef_construction=EF_CONSTRUCTION
    )  # fmt: skip
    table.create_index("vector", config=graph)
    tokens = FTS(
        base_tokenizer="whitespace", lower_case=False, stem=False, remove_stop_words=False,
        ascii_folding=False, max_token_length=None, with_position=False,
    )  # fmt: skip
    table.create_index("text", config=tokens)
    table.optimize()


def _rows(answer: Any) -> list[int]:
    rows: list[int] = answer["row"].to_pylist()
    return rows
