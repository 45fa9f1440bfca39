"""Our postings against tantivy on the same titles: what docs/adr/0002 was decided by.

python benchmarks/spike_lexical.py [--docs 1000000] [--queries 200]

Titles are drawn by Zipf's law from a seed. Both engines answer each query in turn, and every line
prints the medians and the median of the per-query ratios. tantivy gets what suits it best: one
segment, queries built beforehand, and a mask that it has indexed as a term.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import results_file
import tantivy

from app.corpus.documents import TokenColumn
from app.corpus.ragged import Ragged
from app.corpus.row_store import RowColumns, RowStore
from app.domain.arrays import I32, Rows
from app.domain.filters import RowMask
from app.recall.best_rows import best_rows
from app.recall.indexing import WeightedField, invert
from app.recall.phrases import phrase_bonus
from app.recall.postings import Postings
from app.recall.topk import top_rows

VOCABULARY = 200_000
ZIPF = 1.07
K = 200
SEED = 7
HEAP_BYTES = 2_000_000_000  # one flush, so one segment, whose document numbers are our rows
SHARE = 0.01


@dataclass(frozen=True, slots=True)
class Titles:
    """Documents of 4 to 14 tokens, and which of them a one-per-cent mask allows."""

    column: TokenColumn
    mask: RowMask

    @classmethod
    def draw(cls, n: int) -> Titles:
        rng = np.random.default_rng(SEED)
        offsets = np.zeros(n + 1, np.int64)
        np.cumsum(rng.integers(4, 15, n), out=offsets[1:])
        share = 1 / np.arange(1, VOCABULARY + 1) ** ZIPF
        drawn = np.searchsorted(np.cumsum(share / share.sum()), rng.random(offsets[-1]))
        tokens = np.minimum(drawn, VOCABULARY - 1).astype(np.int32)
        rows = np.repeat(np.arange(n), np.diff(offsets))
        pairs = np.unique(rows * np.int64(VOCABULARY) + tokens)
        df = np.bincount(pairs % VOCABULARY, minlength=VOCABULARY).astype(np.int32)
        allowed = rng.random(n) < SHARE
        column = TokenColumn(Ragged(offsets, tokens), df, offsets[-1] / n)
        return cls(column, RowMask(allowed, int(allowed.sum())))

    def queries(self, count: int, terms: int) -> list[I32]:
        """Neighbouring distinct tokens of random titles."""
        rng, found = np.random.default_rng(SEED + 1), []
        while len(found) < count:
            row = self.column.tokens[int(rng.integers(len(self.column.tokens)))]
            start = int(rng.integers(max(1, row.size - terms)))
            query = row[start : start + terms]
            if np.unique(query).size == terms:
                found.append(query.copy())
        return found


@dataclass(frozen=True, slots=True)
class Peer:
    """The same titles in tantivy."""

    schema: Any
    searcher: Any
    build_s: float
    size_mib: float

    @classmethod
    def build(cls, titles: Titles, path: Path) -> Peer:
        words = np.array([f"t{i}" for i in range(VOCABULARY)])
        tokens, flags = titles.column.tokens, titles.mask.allowed
        texts = [" ".join(words[tokens[row]]) for row in range(len(tokens))]
        builder = tantivy.SchemaBuilder()
        builder.add_text_field("title", tokenizer_name="whitespace", index_option="position")
        builder.add_text_field("flag", tokenizer_name="raw", index_option="basic")
        schema = builder.build()
        index = tantivy.Index(schema, path=str(path))
        started = time.perf_counter()
        writer = index.writer(heap_size=HEAP_BYTES, num_threads=1)
        for text, flag in zip(texts, flags.tolist(), strict=True):
            document = tantivy.Document()
            document.add_text("title", text)
            if flag:
                document.add_text("flag", "1")
            writer.add_document(document)
        writer.commit()
        writer.wait_merging_threads()
        build_s = time.perf_counter() - started
        index.reload()
        searcher = index.searcher()
        if searcher.num_segments != 1:
            raise ValueError(f"{searcher.num_segments} segments: document numbers are not rows")
        return cls(schema, searcher, build_s, size_mib(path))

    def any_of(self, query: I32, at_least: int | None = None) -> Any:
        terms = [tantivy.Query.term_query(self.schema, "title", f"t{t}") for t in query]
        should = [(tantivy.Occur.Should, term) for term in terms]
        return tantivy.Query.boolean_query(should, minimum_number_should_match=at_least)

    def masked(self, query: I32) -> Any:
        allowed = tantivy.Query.term_query(self.schema, "flag", "1")
        allowed = tantivy.Query.boost_query(tantivy.Query.const_score_query(allowed, 0.0), 0.0)
        must = [(tantivy.Occur.Must, self.any_of(query)), (tantivy.Occur.Must, allowed)]
        return tantivy.Query.boolean_query(must)

    def with_phrase(self, query: I32) -> Any:
        phrase = tantivy.Query.phrase_query(self.schema, "title", [f"t{t}" for t in query])
        return tantivy.Query.boolean_query(
            [(tantivy.Occur.Must, self.any_of(query)), (tantivy.Occur.Should, phrase)]
        )

    def search(self, query: Any, count: bool) -> tuple[Rows, int | None]:
        result = self.searcher.search(query, K, count=count)
        rows = np.fromiter((a.doc for _, a in result.hits), np.int32, len(result.hits))
        return rows, result.count


def size_mib(path: Path) -> float:
    return sum(f.stat().st_size for f in path.rglob("*") if f.is_file()) / 2**20


def build_ours(titles: Titles, path: Path) -> tuple[Postings, float]:
    """Return our index over the same titles as it is opened from disk, and the seconds it took."""
    invert(1, VOCABULARY, [WeightedField(Titles.draw(1).column, 1.0, 0.75)], 1.2)  # compiles
    n, started = len(titles.column.tokens), time.perf_counter()
    path.mkdir()
    invert(n, VOCABULARY, [WeightedField(titles.column, 1.0, 0.75)], 1.2).save(path)
    return Postings.open(path, n), time.perf_counter() - started


def interleave(
    pairs: list[tuple[Callable[[], Any], Callable[[], Any]]], rounds: int = 3
) -> tuple[np.ndarray, np.ndarray]:
    """Return the best of `rounds` of each query, ours and the peer's, in µs."""
    spent = np.full((2, len(pairs)), np.inf)
    for _ in range(rounds):
        for i, pair in enumerate(pairs):
            for side, call in enumerate(pair):
                started = time.perf_counter_ns()
                call()
                spent[side, i] = min(spent[side, i], (time.perf_counter_ns() - started) / 1e3)
    return spent[0], spent[1]


def check(ours: Postings, peer: Peer, queries: list[I32]) -> None:
    """Both must count the same matches, else they do not do the same work."""
    for query in queries[:20]:
        for at_least in (1, 2):
            found = best_rows(ours, query, at_least, K).total
            count = peer.search(peer.any_of(query, at_least), count=True)[1]
            if found != count:
                raise ValueError(f"{query.tolist()}, at least {at_least}: {found} and {count}")


def cases(
    titles: Titles, ours: Postings, peer: Peer, queries: list[I32], common: list[I32]
) -> dict[str, list[tuple[Callable[[], Any], Callable[[], Any]]]]:
    """Each case: our call and tantivy's, query by query. Ours counts exactly in every one."""

    def pairs(
        own: Callable[[I32], Any], theirs: Callable[[I32], Any], count: bool, asked: list[I32]
    ) -> list[tuple[Callable[[], Any], Callable[[], Any]]]:
        return [
            (lambda q=q: own(q), lambda built=theirs(q): peer.search(built, count)) for q in asked
        ]

    def plain(query: I32) -> Any:
        return best_rows(ours, query, 1, K)

    def masked(query: I32) -> Any:
        return best_rows(ours, query, 1, K, titles.mask)

    tokens = titles.column.tokens
    columns = RowColumns({"title": tokens}, {}, {}, {"title": titles.column.df})
    records, weights = RowStore.pack(columns), np.ones(1)

    def lifted(query: I32) -> Any:
        found = best_rows(ours, query, 1, K)
        bonus = phrase_bonus(records, weights, found.rows, query, ours, 1.2)
        return top_rows(found.rows, found.scores + bonus, K)

    def two(query: I32) -> Any:
        return best_rows(ours, query, 2, K)

    return {
        "any of 3 terms, tantivy does not count": pairs(plain, peer.any_of, False, queries),
        "any of 3 terms, both count": pairs(plain, peer.any_of, True, queries),
        "the 3 commonest terms": pairs(plain, peer.any_of, False, common),
        "two of 3 terms": pairs(two, lambda q: peer.any_of(q, 2), True, queries),
        "1 % mask": pairs(masked, peer.masked, True, queries),
        "phrases lifted": pairs(lifted, peer.with_phrase, False, queries),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--docs", type=int, default=1_000_000)
    parser.add_argument("--queries", type=int, default=200)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="spike-lexical-"))
    try:
        run(options.docs, options.queries, folder)
    finally:
        shutil.rmtree(folder)


def run(docs: int, count: int, folder: Path) -> None:
    titles = Titles.draw(docs)
    (folder / "tantivy").mkdir()
    peer = Peer.build(titles, folder / "tantivy")
    ours, build_s = build_ours(titles, folder / "ours")
    queries = titles.queries(count, 3)
    common = [np.arange(3, dtype=np.int32)] * 20
    check(ours, peer, queries)
    rows = [
        line("build", build_s, peer.build_s, build_s / peer.build_s, "s"),
        line("size", size := size_mib(folder / "ours"), peer.size_mib, size / peer.size_mib, "MiB"),
    ]
    samples = {}
    for case, pairs in cases(titles, ours, peer, queries, common).items():
        own, theirs = interleave(pairs)
        ratio = float(np.median(own / theirs))
        rows.append(line(case, float(np.median(own)), float(np.median(theirs)), ratio, "µs"))
        samples[case] = {"ours": own, "tantivy": theirs}
    print(f"written: {results_file.write('spike_lexical', rows, samples)}")


def line(case: str, ours: float, peer: float, ratio: float, unit: str) -> dict[str, Any]:
    print(f"{case:<40} {ours:>9,.1f} {unit:<3} tantivy {peer:>9,.1f}   × {ratio:.2f}", flush=True)
    return {
        "case": case, "ours": ours, "peer": peer, "peer_name": "tantivy", "ratio": ratio,
        "unit": unit,
    }  # fmt: skip


if __name__ == "__main__":
    main()
