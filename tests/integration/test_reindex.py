"""From catalogue files to a published snapshot."""

import csv
import gzip
import sys
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.corpus import sources
from app.corpus.schema import FieldType
from app.offline.progress import Lines
from app.offline.reindex import reindex
from app.settings import Settings
from app.snapshot.opening import open_snapshot
from app.snapshot.store import ArtifactStore
from tests.builders import NOW_MS, city_rows
from tests.builders.reindexing import CONFIG, documents_of, run, serving, write


@pytest.fixture
def catalogue(tmp_path):
    return write(tmp_path / "catalog.jsonl", city_rows(60))


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


def test_a_directory_with_every_kind_of_file_becomes_one_snapshot(tmp_path, data):
    folder = tmp_path / "catalogue"
    folder.mkdir()
    rows = [{"id": f"d{i}", "title": f"店 {i}", "tags": ["a", "b"], "price": i} for i in range(8)]
    write(folder / "1.jsonl", rows[:2])
    (folder / "2.jsonl.gz").write_bytes(gzip.compress(b"\n".join(map(orjson.dumps, rows[2:4]))))
    with (folder / "3.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "title", "tags", "price"])
        writer.writerows([r["id"], r["title"], "a|b", r["price"]] for r in rows[4:6])
    pq.write_table(pa.Table.from_pylist(rows[6:]), folder / "4.parquet")
    (folder / "5.jsonl").touch()

    report = run(folder, data)

    documents = serving(data).documents
    assert (report.documents, report.errors, report.error_file) == (8, 0, None)
    assert [orjson.loads(documents.payload.raw(i)) for i in range(8)] == rows
    assert documents.numbers["price"].tolist() == [*range(8)]
    assert all(documents.keywords["tags"].codes.lengths == 2)


def test_the_whole_default_configuration_builds_and_opens(catalogue, data):
    report = reindex(
        [str(catalogue)], Settings.load(CONFIG, environment={}), data, now_ms=NOW_MS, workers=1
    )
    snapshot = serving(data)
    assert snapshot.id == report.snapshot_id
    assert snapshot.documents.vectors.shape == (60, snapshot.encoder.dim)
    assert (snapshot.analyzer.id, snapshot.encoder.id) == (report.analyzer_id, report.encoder_id)
    assert snapshot.manifest["settings"]["encoder"]["dim"] == 64
    assert snapshot.log_seq == 0


def test_marks_and_windows_line_ends_change_nothing(catalogue, tmp_path, data):
    windows = tmp_path / "windows.jsonl"
    windows.write_bytes(b"\xef\xbb\xbf" + catalogue.read_bytes().replace(b"\n", b"\r\n"))
    plain, marked = run(catalogue, data), run(windows, data)
    assert documents_of(data, plain.snapshot_id) == documents_of(data, marked.snapshot_id)


def test_many_processes_build_the_same_bytes_as_one(tmp_path, data, monkeypatch):
    monkeypatch.setattr(sources, "BLOCK_ROWS", 25)
    rows = [*city_rows(90), b"{", {"id": "d3", "title": "again"}]
    rows[40]["only_here"] = ["x"]
    file = write(tmp_path / "a.jsonl", rows)
    one, many = run(file, data), run(file, data, workers=2)
    assert "only_here" in serving(data).documents.schema.fields
    assert documents_of(data, one.snapshot_id) == documents_of(data, many.snapshot_id)
    assert one.analyzer_id == many.analyzer_id
    assert Path(one.error_file).read_bytes() == Path(many.error_file).read_bytes()


def test_undeclared_keys_are_attributes_and_what_is_not_indexed_is_named(tmp_path, data):
    row = {"title": "A", "votes": 3, "actors": ["x"], "cover": "http://a/b", "menu": {"a": 1}}
    file = write(tmp_path / "a.jsonl", [{"id": i} | row for i in range(3)])
    report = run(file, data)
    fields = serving(data).documents.schema.fields
    assert (fields["votes"].type, fields["actors"].type) == (FieldType.NUMBER, FieldType.KEYWORD)
    assert report.unindexed.keys() == {"cover", "menu"}
    assert serving(data).documents.payload[0] == orjson.dumps({"id": "0"} | row).decode()


def test_an_unpublished_snapshot_is_whole_but_does_not_serve(catalogue, data):
    old = run(catalogue, data).snapshot_id
    new = run(catalogue, data, publish=False).snapshot_id
    assert serving(data).id == old
    assert len(open_snapshot(data / "snapshots" / new)) == 60


def test_a_growing_catalogue_keeps_the_analyzer_and_encoder_that_models_know(tmp_path, data):
    rows = city_rows(60)
    on = ("encoder.enabled=true", "encoder.dim=8")
    first = run(write(tmp_path / "a.jsonl", rows), data, *on)
    grown = write(
        tmp_path / "b.jsonl", [*rows[20:], {"id": "new", "title": "鸯鸯锅", "brand": "鸯鸯"}]
    )
    second = run(grown, data, *on)
    assert second.encoder_kept
    assert not first.encoder_kept
    assert second.encoder_id == first.encoder_id
    assert second.analyzer_id == first.analyzer_id

    third = run(grown, data, *on, retrain_encoder=True)
    assert not third.encoder_kept
    assert third.analyzer_id != first.analyzer_id


def test_another_catalogue_learns_its_own_analyzer_and_encoder(tmp_path, data):
    on = ("encoder.enabled=true", "encoder.dim=8")
    run(write(tmp_path / "a.jsonl", city_rows(60)), data, *on)
    other = [{"id": f"o{i}", "title": f"鸯鸯锅 noodle {i}"} for i in range(20)]
    assert not run(write(tmp_path / "b.jsonl", other), data, *on).encoder_kept


def test_another_encoder_setting_trains_anew(catalogue, data):
    run(catalogue, data, "encoder.enabled=true", "encoder.dim=8")
    assert not run(catalogue, data, "encoder.enabled=true", "encoder.dim=9").encoder_kept


def test_old_snapshots_are_removed_but_not_what_rollback_needs(catalogue, data):
    ids = [run(catalogue, data, now_ms=NOW_MS + 1000 * i).snapshot_id for i in range(5)]
    store = ArtifactStore(data / "snapshots", "snapshot")
    assert store.ids() == ids[-3:]
    assert store.rollback() == ids[-2]


def test_builds_that_never_served_do_not_push_out_what_rollback_needs(catalogue, data):
    published = [run(catalogue, data, now_ms=NOW_MS + 1000 * i).snapshot_id for i in range(2)]
    for i in range(2, 6):
        run(catalogue, data, now_ms=NOW_MS + 1000 * i, publish=False)
    run(catalogue, data, now_ms=NOW_MS + 10_000)
    assert ArtifactStore(data / "snapshots", "snapshot").rollback() == published[-1]


def test_progress_is_told_in_plain_lines(catalogue, data, capsys):
    run(catalogue, data, progress=Lines(sys.stdout))
    said = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in said] == [
        "read",
        "analyse",
        "columns",
        "names",
        "seal",
    ]
    assert "60 rows" in said[0]
