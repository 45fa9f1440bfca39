"""Queries as JSON Lines, qrels and runs as TREC writes them: the files that evaluation works on.

Formats: https://trec.nist.gov/data/qrels_eng/ (`qid 0 docid grade`) and the run format of
trec_eval (`qid Q0 docid rank score tag`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from app.domain.errors import InvalidInput
from app.offline.lines import (
    fault,
    json_objects,
    records,
    required,
    write_lines,
    write_objects,
)

Qrels: TypeAlias = dict[str, dict[str, int]]  # qid -> document id -> grade
Run: TypeAlias = dict[str, list[str]]  # qid -> document ids, best first

LARGEST_SCORE = 3e38


@dataclass(frozen=True, slots=True)
class Topic:
    """One query of a test collection, with the context it is asked in."""

    qid: str
    text: str
    user_id: str | None = None
    lat: float | None = None  # degrees, WGS84, with lon or not at all
    lon: float | None = None
    now_ms: int | None = None  # epoch ms
    filters: dict[str, Any] | None = None  # as in a search body

    def to_json(self) -> dict[str, Any]:
        """Return what is set."""
        return {key: value for key, value in asdict(self).items() if value is not None}


def read_queries(path: Path) -> list[Topic]:
    """Read queries in file order. Keys we do not know are passed over.

    Raises InvalidInput naming file and line, for a missing or malformed value or a repeated qid.
    """
    topics: dict[str, Topic] = {}
    for number, row in json_objects(path):
        topic = _topic(row, path, number)
        if topic.qid in topics:
            raise fault(path, number, f"qid {topic.qid!r} stands in the file twice")
        topics[topic.qid] = topic
    return list(topics.values())


def write_queries(path: Path, topics: Iterable[Topic]) -> int:
    """Write queries and return how many."""
    return write_objects(path, (topic.to_json() for topic in topics))


def read_qrels(path: Path) -> Qrels:
    """Read `qid 0 docid grade`. Grades are whole numbers; above 0 is relevant.

    Raises InvalidInput naming file and line; also where one pair has two grades.
    """
    qrels: Qrels = {}
    for number, line in records(path):
        qid, _, doc_id, text = _columns(line, ("qid", "0", "docid", "grade"), path, number)
        try:
            grade = int(text)
        except ValueError:
            raise fault(path, number, f"grade {text!r} is not a whole number") from None
        if qrels.setdefault(qid, {}).setdefault(doc_id, grade) != grade:
            raise fault(path, number, f"{qid} {doc_id} was graded {qrels[qid][doc_id]} before")
    return qrels


def write_qrels(path: Path, qrels: Mapping[str, Mapping[str, int]]) -> int:
    """Write `qid 0 docid grade` in the order given and return how many lines."""
    return write_lines(path, (_joined(row) for row in _judgements(qrels)))


def read_run(path: Path) -> Run:
    """Read a run; documents of a query by score, descending, equal scores by rank.

    Raises InvalidInput naming file and line, for wrong columns, a score that is no number, or a
    document that stands twice in one query.
    """
    found: dict[str, dict[str, tuple[float, int]]] = {}
    for number, line in records(path):
        names = ("qid", "Q0", "docid", "rank", "score", "tag")
        qid, _, doc_id, rank, score, _ = _columns(line, names, path, number)
        order = (-_number(score, "score", path, number), int(_number(rank, "rank", path, number)))
        documents = found.setdefault(qid, {})
        if doc_id in documents:
            raise fault(path, number, f"document {doc_id!r} stands twice under query {qid!r}")
        documents[doc_id] = order
    return {qid: sorted(orders, key=orders.__getitem__) for qid, orders in found.items()}


def write_run(
    path: Path, run: Mapping[str, Sequence[tuple[str, float]]], tag: str = "duolu"
) -> int:
    """Write (document id, score) rows, best first, and return how many lines.

    trec_eval ignores the rank column, reads scores as float32 and orders equal scores by id, so
    a score that does not fall below the one before it is written as the next smaller float32:
    every tool then sees the order that was shown.
    """
    return write_lines(path, (_joined(row) for row in _run_rows(run, tag)))


def _topic(row: dict[str, Any], path: Path, number: int) -> Topic:
    qid = required(row, "qid", str, path, number)
    if not qid or qid.split() != [qid]:
        raise fault(path, number, f"qid {qid!r} is empty or has spaces, which TREC files forbid")
    lat, lon = (
        _degrees(row, key, limit, path, number) for key, limit in (("lat", 90), ("lon", 180))
    )
    if (lat is None) != (lon is None):
        raise fault(path, number, "lat and lon come together or not at all")
    return Topic(
        qid,
        required(row, "text", str, path, number),
        _optional(row, "user_id", str, path, number),
        lat,
        lon,
        _optional(row, "now_ms", int, path, number),
        _optional(row, "filters", dict, path, number),
    )


def _optional(row: dict[str, Any], key: str, kind: type[Any], path: Path, number: int) -> Any:
    return None if row.get(key) is None else required(row, key, kind, path, number)


def _degrees(row: dict[str, Any], key: str, limit: int, path: Path, number: int) -> float | None:
    value = row.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > limit:
        raise fault(path, number, f"{key} = {value!r} is not in -{limit}..{limit} degrees")
    return float(value)


def _columns(line: str, names: Sequence[str], path: Path, number: int) -> list[str]:
    columns = line.split()
    if len(columns) != len(names):
        what = f"{len(columns)} columns, expected {len(names)}: {' '.join(names)}"
        raise fault(path, number, what)
    return columns


def _number(text: str, name: str, path: Path, number: int) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise fault(path, number, f"{name} {text!r} is not a finite number")
    return value


def _judgements(qrels: Mapping[str, Mapping[str, int]]) -> Iterator[tuple[str, ...]]:
    for qid, grades in qrels.items():
        for doc_id, grade in grades.items():
            yield qid, "0", doc_id, str(grade)


def _run_rows(
    run: Mapping[str, Sequence[tuple[str, float]]], tag: str
) -> Iterator[tuple[str, ...]]:
    for qid, hits in run.items():
        above = np.float32(np.inf)
        for rank, (doc_id, score) in enumerate(hits, 1):
            if not abs(score) < LARGEST_SCORE:
                raise InvalidInput(f"score {score} of {doc_id} under {qid} is no finite float32")
            above = min(np.float32(score), np.nextafter(above, np.float32(-np.inf)))
            yield qid, "Q0", doc_id, str(rank), f"{above:.9g}", tag


def _joined(row: Sequence[str]) -> str:
    line = " ".join(row)
    if line.split() != list(row):
        raise InvalidInput(f"an id in {row} is empty or has spaces, which TREC files forbid")
    return line
