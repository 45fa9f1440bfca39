"""A compaction makes of snapshot and log the snapshot that a reader of both would see."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from app.corpus.document_log import DocumentLog
from app.corpus.document_writes import Write
from app.domain.changes import Change, Op
from app.domain.errors import InvalidInput, LogTrimmed
from app.offline.compaction import compact
from app.offline.exclusive import exclusive
from app.offline.reindex import BUILD_LOCK, reindex
from app.offline.upsert import upsert
from app.settings import Settings
from app.snapshot.following import Following
from app.snapshot.opening import open_snapshot
from app.snapshot.snapshot import Snapshot
from app.snapshot.store import ArtifactStore
from tests.builders import NOW_MS, city_rows
from tests.builders.reindexing import CONFIG, serving, write

HOUR_MS = 3_600_000
SMALL_GRAPH = ("channels.vector.exact_below=10", "encoder.dim=8")


def settings(*overrides: str) -> Settings:
    return Settings.load(CONFIG, [*SMALL_GRAPH, *overrides], environment={})


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("source") / "c.jsonl", city_rows(40))


@pytest.fixture(scope="module")
def indexed(catalogue: Path) -> Path:
    data = catalogue.parent / "data"
    reindex([str(catalogue)], settings(), data, now_ms=NOW_MS, workers=1)
    return data


@pytest.fixture
def data(indexed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(indexed, tmp_path / "data"))


def append(data: Path, *changes: tuple[Op, str, dict[str, Any] | None]) -> int:
    log = DocumentLog.open(data)
    bodies = [Change(op, i, orjson.dumps(b) if b is not None else b"") for op, i, b in changes]
    log.append([Write([change], NOW_MS) for change in bodies])
    last = log.last_seq()
    log.close()
    return last


def some_changes(known: Sequence[str]) -> list[tuple[Op, str, dict[str, Any] | None]]:
    a, b, c, d = known[:4]
    return [
        (Op.PUT, "new1", {"id": "new1", "title": "brand new noodles", "tags": ["unheard"]}),
        (Op.PUT, a, {"id": a, "title": "replaced 火锅", "price": 5, "lat": 31.1, "lon": 121.1}),
        (Op.PATCH, b, {"price": 1.5, "in_stock": None}),
        (Op.DELETE, c, None),
        (Op.PATCH, d, {"title": "renamed", "photo": "u"}),
        (Op.PATCH, "new1", {"price": 7}),
        (Op.PUT, "new2", {"id": "new2", "title": "short lived"}),
        (Op.DELETE, "new2", None),
        (Op.PATCH, "nobody", {"price": 1}),
    ]


def contents(snapshot: Snapshot) -> dict[str, tuple[int, int, dict[str, Any]]]:
    """id → row, version, document, of living documents."""
    documents, overlay = snapshot.documents, snapshot.overlay
    alive = np.ones(len(documents), np.bool_)
    if overlay is not None:
        alive[overlay.dead] = False
    rows = np.flatnonzero(alive).tolist()
    ids = documents.ids.strings
    return {ids[r]: (r, documents.version(r), documents.document(r)) for r in rows}


def view_of(data: Path) -> Snapshot:
    following, log = Following(serving(data)), DocumentLog.open(data)
    following.take(list(log.entries(following.seq, log.last_seq())))
    log.close()
    return following.at(following.seq)


def numbers(snapshot: Snapshot) -> dict[str, Any]:
    rows = np.array([row for row, _, _ in contents(snapshot).values()], np.int32)
    return {
        name: snapshot.documents.numbers_of(name, rows).tolist()
        for name in snapshot.documents.numbers
    }


def test_nothing_new_makes_no_snapshot(data: Path) -> None:
    assert compact(settings(), data, now_ms=NOW_MS + HOUR_MS) is None


def test_a_compaction_holds_what_a_view_shows_under_the_same_row_numbers(data: Path) -> None:
    base = serving(data)
    last = append(data, *some_changes(list(base.documents.ids.strings)))
    view = view_of(data)
    done = compact(settings(), data, now_ms=NOW_MS + HOUR_MS)
    assert done is not None
    folded = serving(data)
    assert (folded.id, done.base_id, done.log_seq) == (done.snapshot_id, base.id, last)
    assert (folded.log_seq, folded.manifest["documents"]) == (last, 40)
    assert contents(folded) == contents(view)
    assert str(numbers(folded)) == str(numbers(view))  # NaN is missing in both
    for name, column in folded.documents.tokens.items():
        assert list(folded.documents.terms.strings) == list(view.documents.terms.strings)
        for row, _, _ in contents(view).values():
            now, then = column.tokens[row], view.documents.tokens[name].tokens[row]
            assert now.tolist() == then.tolist()
    living = [row for row, _, _ in contents(view).values()]
    assert folded.documents.vectors is not None
    assert view.documents.vectors is not None
    assert (folded.documents.vectors[living] == view.documents.vectors[living]).all()


def test_dead_rows_are_found_by_nothing(data: Path) -> None:
    known = list(serving(data).documents.ids.strings)
    append(data, *some_changes(known))
    compact(settings(), data, now_ms=NOW_MS + HOUR_MS)
    documents = serving(data).documents
    assert documents.dead is not None
    dead = np.flatnonzero(documents.dead)
    assert dead.size == 4  # replaced, deleted, renamed, short lived
    assert documents.row_of(known[2]) == documents.row_of("new2") == -1
    for tokens in documents.tokens.values():
        assert not tokens.tokens.lengths[dead].any()
    for keywords in documents.keywords.values():
        assert not np.isin(keywords.postings.values, dead).any()
    for column in documents.numbers.values():
        assert np.isnan(column[dead]).all()


def test_the_graph_is_gone_on_from_and_finds_old_and_new(data: Path) -> None:
    base = serving(data)
    known = list(base.documents.ids.strings)
    graph = (base.path / "vector" / "hnsw.faiss").read_bytes()
    append(data, *some_changes(known))
    compact(settings(), data, now_ms=NOW_MS + HOUR_MS)
    folded = serving(data)
    rows = np.load(folded.path / "vector" / "rows.npy")
    assert rows[:40].tolist() == list(range(40))  # dead ones stay on the way to others
    assert set(rows[40:].tolist()) < set(range(40, len(folded)))
    assert (folded.path / "vector" / "hnsw.faiss").read_bytes() != graph
    assert (base.path / "vector" / "hnsw.faiss").read_bytes() == graph


def test_compactions_follow_one_another(data: Path) -> None:
    known = list(serving(data).documents.ids.strings)
    for n, change in enumerate(some_changes(known)):
        append(data, change)
        compact(settings("documents.rebuild_share=1"), data, now_ms=NOW_MS + (n + 1) * HOUR_MS)
        assert serving(data).log_seq == n + 1
    alone = contents(serving(data))
    assert {i: d for i, (_, _, d) in alone.items() if i.startswith("new")} == {
        "new1": {"id": "new1", "title": "brand new noodles", "tags": ["unheard"], "price": 7}
    }
    assert (alone[known[1]][1], alone[known[5]][1]) == (3, 0)  # versions


def test_past_a_share_of_dead_rows_all_is_built_anew_and_versions_stay(data: Path) -> None:
    base = serving(data)
    known = list(base.documents.ids.strings)
    append(data, *some_changes(known))
    before = contents(view_of(data))
    done = compact(settings("documents.rebuild_share=0.05"), data, now_ms=NOW_MS + HOUR_MS)
    assert done is not None
    assert done.rebuilt
    after, folded = contents(serving(data)), serving(data)
    assert {i: (v, d) for i, (_, v, d) in after.items()} == {
        i: (v, d) for i, (_, v, d) in before.items()
    }
    assert [row for row, _, _ in after.values()] == list(range(40))
    assert folded.manifest["catalogue_id"] == base.id
    assert folded.manifest["sources"] == base.manifest["sources"]
    assert folded.analyzer.id == base.analyzer.id
    assert folded.manifest["encoder"] == base.manifest["encoder"]
    assert not list((data / "snapshots").glob(".living*"))


def test_a_reindex_replaces_what_was_changed_before_it_and_later_changes_survive(
    data: Path, catalogue: Path
) -> None:
    append(data, (Op.PUT, "early", {"id": "early", "title": "early"}))
    reindex([str(catalogue)], settings(), data, now_ms=NOW_MS + HOUR_MS, workers=1)
    append(data, (Op.PUT, "late", {"id": "late", "title": "late"}))
    compact(settings(), data, now_ms=NOW_MS + 2 * HOUR_MS)
    assert {"early", "late"} & contents(serving(data)).keys() == {"late"}


def test_the_log_keeps_what_the_oldest_kept_snapshot_does_not_hold(data: Path) -> None:
    store = ArtifactStore(data / "snapshots", "snapshot")
    for n in range(5):
        append(data, (Op.PUT, f"n{n}", {"id": f"n{n}", "title": "x"}))
        compact(settings(), data, now_ms=NOW_MS + (n + 1) * HOUR_MS)
    oldest = open_snapshot(store.path(store.ids()[0]))
    assert len(store.ids()) == 3
    log = DocumentLog.open(data)
    assert [e.seq for e in log.entries(oldest.log_seq, 5)] == list(range(oldest.log_seq + 1, 6))
    with pytest.raises(LogTrimmed):
        log.read(oldest.log_seq - 1)
    log.close()
    store.rollback(oldest.id)
    assert view_of(data).documents.row_of("n4") >= 0


def test_a_compaction_keeps_out_of_the_way_of_a_reindex(data: Path) -> None:
    append(data, (Op.PUT, "x", {"id": "x", "title": "x"}))
    with (
        exclusive(data / "snapshots" / BUILD_LOCK, "reindex"),
        pytest.raises(InvalidInput, match="is running"),
    ):
        compact(settings(), data, now_ms=NOW_MS + HOUR_MS)


def test_what_was_published_meanwhile_is_not_overwritten(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ArtifactStore(data / "snapshots", "snapshot")
    base = store.require_current()
    append(data, (Op.PUT, "x", {"id": "x", "title": "x"}))
    compact(settings(), data, now_ms=NOW_MS + HOUR_MS)
    append(data, (Op.PUT, "y", {"id": "y", "title": "y"}))
    finish = ArtifactStore.finish

    def rolled_back(self: ArtifactStore, built: Path, artifact_id: str) -> Path:
        store.rollback(base)
        return finish(self, built, artifact_id)

    monkeypatch.setattr(ArtifactStore, "finish", rolled_back)
    done = compact(settings(), data, now_ms=NOW_MS + 2 * HOUR_MS)
    assert done is not None
    assert not done.published
    assert store.current_id() == base


def test_rows_are_upserted_through_the_log(data: Path, tmp_path: Path) -> None:
    known = next(iter(serving(data).documents.ids.strings))
    rows = [{"id": known, "title": "better"}, {"id": "bad", "lat": 91, "lon": 0, "title": "x"},
            {"id": "fresh", "title": "fresh"}]  # fmt: skip
    source = str(write(tmp_path / "more.jsonl", rows))
    report = upsert([source], settings(), data, now_ms=NOW_MS + HOUR_MS)
    assert (report.documents, report.errors, report.seq) == (2, 1, 2)
    assert report.error_file is not None
    told = orjson.loads(Path(report.error_file).read_bytes().splitlines()[0])
    assert (told["line"], told["field"]) == (2, "lat")
    view = contents(view_of(data))
    assert view[known][2] == rows[0]
    assert len(view) == 41
    with pytest.raises(InvalidInput, match="more than --max-errors 0"):
        upsert([source], settings(), data, now_ms=NOW_MS + HOUR_MS, max_errors=0)
