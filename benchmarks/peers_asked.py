"""What all engines are given alike: the texts as tokens, the vectors, the queries, the grades."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from speed_catalogue import City
from speed_peers import texts

from app.bootstrap import Serving, make_context
from app.corpus.documents import Documents
from app.domain.arrays import F32
from app.domain.query import Deadline
from app.offline.metrics import evaluate
from app.offline.trec import read_qrels, read_queries
from app.query.understand import SearchRequest, understand
from app.snapshot.context import SearchContext

K = 100
"""Documents of each leg, and of the fused list."""

PATIENCE_MS = 3_600_000.0
TITLE_TIMES = 3  # our weight of the title, said by repetition where an engine has one text field
EQUAL = 1e-6  # cosines that differ by less are one place: many vectors are the same


@dataclass(frozen=True, slots=True)
class Question:
    """One query, understood beforehand: analysis and encoding are the same for all engines."""

    qid: str
    ctx: SearchContext

    @property
    def terms(self) -> tuple[str, ...]:
        return self.ctx.query.terms

    @property
    def vector(self) -> F32:
        """(dim,) unit length."""
        assert self.ctx.query.vector is not None
        return self.ctx.query.vector


@dataclass(frozen=True, slots=True)
class Work:
    """Documents and queries, and what a perfect answer is."""

    documents: Documents
    texts: Sequence[str]  # tokens of all searched fields with blanks between
    vectors: F32  # (n, dim)
    questions: Sequence[Question]
    grades: Mapping[str, Mapping[str, int]]  # hidden from everybody who ranks

    @property
    def mean_tokens(self) -> float:
        return float(np.mean([text.count(" ") + 1 for text in self.texts]))

    def ndcg(self, found: Sequence[Sequence[int]]) -> float:
        """Return the mean nDCG@10 of each query's rows, best first."""
        ids = self.documents.ids.strings
        run = {
            question.qid: [ids[int(row)] for row in rows[:10]]
            for question, rows in zip(self.questions, found, strict=True)
        }
        return evaluate(run, self.grades, ("nDCG@10",), list(run)).mean("nDCG@10")

    def recall(self, found: Sequence[Sequence[int]]) -> float:
        """Return the share of the K rows found that are as close as the exact K are, mean."""
        return float(np.mean([self._share(i, rows) for i, rows in enumerate(found)]))

    def _share(self, i: int, rows: Sequence[int]) -> float:
        cosines = self.vectors @ self.questions[i].vector
        farthest = np.partition(-cosines, K - 1)[K - 1]
        near = -cosines[np.array(rows[:K], np.int64)] <= farthest + EQUAL
        return float(near.sum() / K)


def work_of(city: City, serving: Serving, queries: int) -> Work:
    """Take the first queries that have both words and a vector, so that every leg is asked."""
    source, documents = city.root / "source", serving.snapshot.documents
    if documents.vectors is None:
        raise ValueError("the catalogue has no vectors: encoder.enabled is false")
    questions = []
    for topic in read_queries(source / "queries.jsonl"):
        asked = understand(SearchRequest(topic.text), serving.snapshot, topic.now_ms or 0, K)
        if asked.terms and asked.vector is not None and len(questions) < queries:
            deadline = Deadline.after_ms(PATIENCE_MS)
            questions.append(Question(topic.qid, make_context(serving, asked, deadline, None)))
    vectors = np.ascontiguousarray(documents.vectors, np.float32)
    return Work(documents, _joined(documents), vectors, questions, read_qrels(source / "qrels.txt"))


def _joined(documents: Documents) -> list[str]:
    fields = [field.name for field in documents.schema.searched]
    return [
        " ".join(" ".join([text] * (TITLE_TIMES if field == "title" else 1)) for field, text in row)
        for chunk in texts(documents, fields)
        for row in chunk
    ]
