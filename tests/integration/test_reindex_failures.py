"""What a reindex does with bad rows, cut files, damage and its own death: the old one serves."""

import fcntl
import gzip
import os
import signal
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from app.domain.errors import InvalidInput, NothingServes
from app.offline.reindex import reindex
from app.offline.upsert import upsert
from app.settings import Settings
from app.snapshot.store import ArtifactStore
from tests.builders import NOW_MS, city_rows
from tests.builders.reindexing import run, serving, settings, write

ROOT = Path(__file__).parents[2]


@pytest.fixture
def catalogue(tmp_path):
    return write(tmp_path / "catalog.jsonl", city_rows(60))


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


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


def test_a_damaged_serving_snapshot_does_not_stop_its_own_repair(catalogue, data):
    old = run(catalogue, data).snapshot_id
    (data / "snapshots" / old / "documents" / "ids.values.npy").write_bytes(b"damaged")
    repaired = run(catalogue, data).snapshot_id
    assert serving(data).id == repaired != old


class KilledChannel:
    """Ends its process as a lost machine would, in the middle of a build."""

    @classmethod
    def build(cls, documents, part, config):
        (part / "half").write_bytes(b"half")
        os.kill(os.getpid(), signal.SIGKILL)


def test_what_a_killed_build_left_is_never_opened_and_removed_by_the_next(catalogue, data):
    old = run(catalogue, data).snapshot_id
    override = 'channels.killed={"kind": "tests.integration.test_reindex_failures:KilledChannel"}'
    program = (
        "import pathlib, sys; from tests.builders.reindexing import run;"
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


def test_rows_cannot_be_upserted_before_there_is_a_catalogue(catalogue, data):
    with pytest.raises(NothingServes, match="run: duolu reindex"):
        upsert([str(catalogue)], settings(), data, now_ms=NOW_MS)


def test_who_reindexes_beside_a_damaged_event_log_is_told_what_serves(catalogue, data):
    data.mkdir()
    (data / "events.db").write_bytes(b"once a database" * 300)
    duolu = Path(sys.executable).with_name("duolu")
    command = [duolu, "reindex", catalogue, "--data", data, "--models", data / "models"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    told, wrong = done.stderr.splitlines()[-2:]
    assert f"snapshot {serving(data).id}: 60 documents, published" in told
    assert wrong.startswith("duolu: events.db is damaged")
