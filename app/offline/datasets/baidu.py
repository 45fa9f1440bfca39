"""Baidu Maps sessions (MST-PAC): a query typed at a place, the page shown, the place chosen."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from app.offline.datasets.dataset import Dataset, Part, Split, write_judged
from app.offline.datasets.source import copy_source, source_file
from app.offline.lines import fault, json_objects, required, write_objects
from app.offline.split import split_by_time
from app.offline.trec import Qrels, Topic

Session = dict[str, Any]


def convert(root: Path, out: Path) -> Dataset:
    """Write catalogue, train sessions, and the test sessions also as queries and qrels."""
    source = root / "baidu_mstpac"
    catalog = copy_source(source, "catalog.jsonl", out)
    sessions = _read_sessions(source_file(source, "sessions.jsonl"))
    train, test = split_by_time(sessions, lambda s: (s["ts"], s["request_id"]))
    judged = write_judged(out, map(_topic, test), _qrels(test), ".test")
    test_sessions = _write(out, test, "test")
    return Dataset(
        name="baidu_mstpac",
        licence="Apache-2.0",
        attribution="MST-PAC by Baidu, released with: Meta-Learned Spatial-Temporal POI "
        "Auto-Completion, KDD 2021",
        catalog=catalog,
        rule="test = the last fifth of the sessions by ts (ties by request_id)",
        splits=(
            Split(
                "last_fifth",
                Part(sessions=_write(out, train, "train")),
                Part(judged.queries, judged.qrels, test_sessions),
            ),
        ),
        overrides=("fields.title.analyzer=whitespace", "fields.text.analyzer=whitespace"),
        notes=(
            "text is character ids; the display order is unknown (positions_known is false)",
            "qrels: the chosen place is 1, what else was shown is 0",
        ),
    )


def _write(out: Path, sessions: Iterable[Session], side: str) -> Path:
    path = out / f"sessions.{side}.jsonl"
    write_objects(path, sessions)
    return path


def _read_sessions(path: Path) -> list[Session]:
    sessions = []
    for number, row in json_objects(path):
        for key, kind in (("request_id", str), ("ts", int), ("query", str)):
            required(row, key, kind, path, number)
        shown = required(row, "shown", list, path, number)
        strays = set(required(row, "clicked", list, path, number)) - set(shown)
        if strays:
            raise fault(path, number, f"clicked {sorted(strays)} were not shown")
        sessions.append(row)
    return sessions


def _topic(session: Session) -> Topic:
    return Topic(
        session["request_id"],
        session["query"],
        lat=session.get("lat"),
        lon=session.get("lon"),
        now_ms=session["ts"],
    )


def _qrels(sessions: Iterable[Session]) -> Qrels:
    return {
        s["request_id"]: {doc_id: int(doc_id in s["clicked"]) for doc_id in s["shown"]}
        for s in sessions
    }
