"""A catalogue whose columns have other names becomes the same snapshot as one with ours."""

import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from app.corpus.document_log import DocumentLog
from app.corpus.document_writes import Write
from app.domain.changes import Change, Op
from app.domain.errors import InvalidInput
from app.offline.compaction import compact
from app.offline.upsert import upsert
from tests.builders import NOW_MS, city_rows
from tests.builders.reindexing import COLUMNS_ONLY, documents_of, run, serving, settings, write

ROOT = Path(__file__).parents[2]
NAMES = {"id": "sku", "title": "product_name", "price": "prc", "lat": "latitude", "lon": "lng"}
COLUMNS = f"columns={orjson.dumps(NAMES).decode()}"


def theirs(rows):
    return [{NAMES.get(key, key): value for key, value in row.items()} for row in rows]


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def export(tmp_path):
    return write(tmp_path / "export.jsonl", theirs(city_rows(40)))


def test_the_snapshot_is_the_same_as_of_a_catalogue_with_our_names(tmp_path, data, export):
    named = run(export, data, COLUMNS)
    plain = run(write(tmp_path / "plain.jsonl", city_rows(40)), tmp_path / "plain")
    assert documents_of(data, named.snapshot_id) == documents_of(
        tmp_path / "plain", plain.snapshot_id
    )


def test_a_field_that_no_row_has_is_told_beside_the_column_that_may_be_it(tmp_path, data):
    rows = [{"id": "1", "title": "A", "longitude": 121.5, "latitude": 31.2, "prc": 3, "sku": "x"},
            {"id": "2", "title": "B", "brand": "C", "manufacturer": "D"}]  # fmt: skip
    report = run(write(tmp_path / "a.jsonl", rows), data)
    assert report.alike == {"price": "prc", "lat": "latitude", "lon": "longitude"}
    assert run(write(tmp_path / "b.jsonl", city_rows(5)), data).alike == {}


def test_a_named_column_that_no_file_has_is_told_and_one_that_some_has_is_not(tmp_path, data):
    (tmp_path / "all").mkdir()
    for name, row in (("a", {}), ("b", {"prc": 3})):
        write(tmp_path / "all" / f"{name}.jsonl", [{"id": name, "title": "A"} | row])
    report = run(tmp_path / "all", data, 'columns={"price":"prc","lat":"breite"}')
    assert (report.documents, report.absent) == (2, {"lat": "breite"})


def test_bad_rows_alone_in_a_file_are_counted_as_in_any_other(tmp_path, data):
    (tmp_path / "all").mkdir()
    write(tmp_path / "all" / "a.jsonl", city_rows(5))
    bad = write(tmp_path / "all" / "b.jsonl", [{"id": "zz", "price": 3}])
    report = run(tmp_path / "all", data)
    assert (report.documents, report.errors) == (5, 1)
    done = upsert([str(bad)], settings(), data, now_ms=NOW_MS)
    assert (done.documents, done.errors) == (0, 1)


def test_single_documents_of_a_file_are_named_alike(tmp_path, data, export):
    run(export, data, COLUMNS)
    changed = write(tmp_path / "changed.jsonl", [{"sku": "new", "product_name": "N", "prc": 5}])
    report = upsert([str(changed)], settings(COLUMNS), data, now_ms=NOW_MS)
    assert (report.documents, report.errors) == (1, 0)
    with pytest.raises(InvalidInput, match=r"no column id and no title; .*--column id=sku"):
        upsert([str(changed)], settings(), data, now_ms=NOW_MS)


def test_a_full_build_from_the_log_reads_documents_by_our_names(data, export):
    run(export, data, COLUMNS)
    log = DocumentLog.open(data, None)
    gone = [Change(Op.DELETE, row["id"], b"") for row in city_rows(20)]
    kept = Change(Op.PUT, "new", orjson.dumps({"id": "new", "title": "N", "sku": "theirs"}))
    log.append([Write([*gone, kept], NOW_MS)], floor=0)
    log.close()
    done = compact(settings(COLUMNS), data, now_ms=NOW_MS + 1)
    assert done.rebuilt
    documents = serving(data).documents
    assert done.documents == len(documents) == 21
    assert orjson.loads(documents.shown(20))["sku"] == "theirs"


def test_the_command_says_what_to_say_and_then_takes_it(data, export):
    def reindex(*options):
        overrides = [word for override in COLUMNS_ONLY for word in ("--set", override)]
        command = [sys.executable, "scripts/reindex.py", str(export), "--data", str(data)]
        return subprocess.run(
            [*command, *options, *overrides], cwd=ROOT, capture_output=True, text=True, check=False
        )

    refused = reindex()
    assert refused.returncode == 1
    assert len(refused.stderr.splitlines()) == 1
    assert "--column id=sku --column title=product_name" in refused.stderr
    said = refused.stderr.partition("calls ours: ")[2].partition(" (or in")[0].split()
    taken = reindex(*said)
    assert taken.returncode == 0, taken.stderr
    assert "40 documents" in taken.stdout
