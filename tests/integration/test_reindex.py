"""From catalogue files to a published snapshot, and what happens when they are bad."""

import csv
import fcntl
import gzip
import os
import signal
import subprocess
import sys
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.corpus import sources
from app.corpus.schema import FieldType
from app.domain.errors import InvalidInput, NothingServes
from app.offline.progress import Lines
from app.offline.reindex import reindex
from app.settings import Settings
from app.snapshot.opening import open_snapshot
from app.snapshot.store import ArtifactStore
from tests.builders import NOW_MS, city_rows

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "config" / "search.toml"
COLUMNS_ONLY = ["encoder.enabled=false", *(
    f"channels.{name}.enabled=false" for name in Settings.load(CONFIG, environment={}).channels
)]  # fmt: skip


def settings(*overrides):
    return Settings.load(CONFIG, [*COLUMNS_ONLY, *overrides], environment={})


def run(source, data, *overrides, **options):
    options = {"now_ms": NOW_MS, "workers": 1} | options
    return reindex([str(source)], settings(*overrides), data, **options)


def serving(data):
    store = ArtifactStore(data / "snapshots", "snapshot")
    return open_snapshot(store.path(store.require_current()))


def write(path, rows):
    lines = [row if isinstance(row, bytes) else orjson.dumps(row) for row in rows]
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


def documents_of(data, snapshot_id):
    folder = data / "snapshots" / snapshot_id / "documents"
    return {f.relative_to(folder): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


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


def test_bad_rows_are_reported_with_line_and_reason_and_the_rest_is_indexed(tmp_path, data):
    bad = [
        b'{"title": "no id"}',
        b'{"id": "no title"}',
        b'{"id": "ok", "title": "again"}',
        b'{"id": "x", "title": "A", "lat": 91, "lon": 0}',
        b'{"id": "x", "title": "A", "price": NaN}',
        b'{"id": "x", "title": "A", "text": "' + b"x" * 10_000_000 + b'"}',
        b'{"id": "x", "title": "\xff"}',
        b'{"id": "x", "title": "A"',
        b"[1, 2]",
    ]
    rows = [{"id": "ok", "title": "A"}, *bad, {"id": "last", "title": "B"}]
    file = write(tmp_path / "a.jsonl", rows)

    report = run(file, data)

    found = [orjson.loads(line) for line in Path(report.error_file).read_bytes().splitlines()]
    assert list(serving(data).documents.ids.strings) == ["ok", "last"]
    assert (report.documents, report.errors) == (2, len(bad))
    assert [r["line"] for r in found] == [*range(2, 11)]
    assert {r["source"] for r in found} == {str(file)}
    said = [f"{r['field']}|{r['reason']}" for r in found]
    expected = ["id|is missing", "title|is missing", f"id|is taken by {file}:1", "lat|is outside",
                "|holds NaN", "text|has 10,000,002 bytes", "|is not UTF-8", "|is not JSON",
                "|is not an object"]  # fmt: skip
    assert all(s.startswith(e) for s, e in zip(said, expected, strict=True)), said
    assert all(r["remedy"] and len(r["value"]) <= 200 for r in found)


def test_more_bad_rows_than_allowed_publish_nothing_and_leave_the_old_snapshot(
    catalogue, tmp_path, data
):
    old = run(catalogue, data).snapshot_id
    broken = write(tmp_path / "b.jsonl", [{"id": "1", "title": "A"}, b"{", b"{", b"{"])
    with pytest.raises(InvalidInput, match=r"more than --max-errors 2 .*b.jsonl:2: "):
        run(broken, data, max_errors=2)
    assert serving(data).id == old
    assert [p.name for p in (data / "snapshots").iterdir() if "building" in p.name] == []
    assert run(broken, data, max_errors=3).errors == 3


def test_a_truncated_file_publishes_nothing(catalogue, tmp_path, data):
    old = run(catalogue, data).snapshot_id
    cut = tmp_path / "cut.jsonl.gz"
    cut.write_bytes(gzip.compress(catalogue.read_bytes())[:-20])
    with pytest.raises(InvalidInput, match="cut short"):
        run(cut, data)
    assert serving(data).id == old


@pytest.mark.parametrize("rows", [[], [b"{"]])
def test_a_catalogue_without_a_valid_row_publishes_nothing(tmp_path, data, rows):
    with pytest.raises(InvalidInput, match="no valid row"):
        run(write(tmp_path / "a.jsonl", rows), data)
    with pytest.raises(NothingServes):
        serving(data)


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


def test_a_damaged_serving_snapshot_does_not_stop_its_own_repair(catalogue, data):
    old = run(catalogue, data).snapshot_id
    (data / "snapshots" / old / "documents" / "ids.values.npy").write_bytes(b"damaged")
    assert serving_id_after(run(catalogue, data), data) != old


def serving_id_after(report, data):
    assert serving(data).id == report.snapshot_id
    return report.snapshot_id


class KilledChannel:
    """Ends its process as a lost machine would, in the middle of a build."""

    @classmethod
    def build(cls, documents, part, config):
        (part / "half").write_bytes(b"half")
        os.kill(os.getpid(), signal.SIGKILL)


def test_what_a_killed_build_left_is_never_opened_and_removed_by_the_next(catalogue, data):
    old = run(catalogue, data).snapshot_id
    override = 'channels.killed={"kind": "tests.integration.test_reindex:KilledChannel"}'
    program = (
        "import pathlib, sys; from tests.integration.test_reindex import run;"
        "run(sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3])"
    )
    command = [sys.executable, "-c", program, str(catalogue), str(data), override]
    ended = subprocess.run(command, cwd=ROOT, check=False)
    left = list((data / "snapshots").glob(".building*"))

    assert ended.returncode == -signal.SIGKILL
    assert len(left) == 2
    assert serving(data).id == old
    new = run(catalogue, data).snapshot_id
    assert ArtifactStore(data / "snapshots", "snapshot").ids() == sorted([old, new])
    assert not any(path.exists() for path in left)


def test_a_second_reindex_is_refused_while_one_is_running(catalogue, data):
    (data / "snapshots").mkdir(parents=True)
    with (data / "snapshots" / ".reindex.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_SH)
        with pytest.raises(InvalidInput, match="another reindex is running"):
            run(catalogue, data)


def test_a_channel_name_that_would_overwrite_the_snapshot_is_refused(catalogue, data):
    for name in ("documents", "..", "A"):
        tree = settings().model_dump() | {"channels": {name: {"kind": "app.x:Y"}}}
        with pytest.raises(InvalidInput, match="a channel's name"):
            reindex([str(catalogue)], Settings.parse(tree, "test"), data, now_ms=NOW_MS)


def test_incremental_says_that_it_is_not_built_yet(catalogue, data):
    with pytest.raises(InvalidInput, match="--incremental"):
        run(catalogue, data, incremental=True)


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
    assert [line.partition(":")[0] for line in said] == ["read", "analyse", "columns", "seal"]
    assert "60 rows" in said[0]
