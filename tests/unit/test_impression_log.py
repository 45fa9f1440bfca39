"""The impression log: what goes in comes out to the bit, and a bad file costs only itself."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.corpus.impression_log import (
    day_of,
    days,
    expired,
    forget,
    read_impressions,
    start_ms,
    sweep,
    write_impressions,
)
from app.domain.errors import InvalidInput
from app.domain.impressions import Impression
from tests.builders.drawn_impressions import bits, impressions, make_impression
from tests.builders.requests import NOW_MS

DAY_MS = 86_400_000


def read_all(root, *args, **kwargs):
    broken: list[tuple[Path, str]] = []
    found = list(
        read_impressions(root, *args, broken=lambda f, why: broken.append((f, why)), **kwargs)
    )
    return found, broken


@settings(max_examples=60, deadline=None)
@given(st.lists(impressions(), min_size=1, max_size=5))
def test_what_is_written_is_read_to_the_bit(drawn):
    with tempfile.TemporaryDirectory() as folder:
        files = write_impressions(Path(folder), drawn)
        found, broken = read_all(Path(folder))
    assert not broken
    assert len(files) == len({i.now_ms // DAY_MS for i in drawn})
    expected = sorted(drawn, key=lambda i: (i.now_ms, i.request_id))
    assert [bits(i) for i in found] == [bits(i) for i in expected]


def test_nothing_but_defaults_survives_as_well(tmp_path):
    write_impressions(tmp_path, [Impression("r", NOW_MS)])
    [found] = read_impressions(tmp_path)
    assert bits(found) == bits(Impression("r", NOW_MS))


def test_only_the_columns_asked_for_are_read(tmp_path):
    whole = make_impression()
    write_impressions(tmp_path, [whole])
    [found] = read_impressions(tmp_path, columns=("ids", "shown", "features"))
    assert found.ids == whole.ids
    assert found.shown_ids == ("d0", "d1")
    assert found.features.tobytes() == whole.features.tobytes()
    assert (found.text, found.scores.size, found.origin) == ("", 0, None)
    with pytest.raises(InvalidInput, match="no field 'rows'"):
        list(read_impressions(tmp_path, columns=("rows",)))


def test_a_span_of_time_reads_no_more_than_it_says(tmp_path):
    times = [NOW_MS + day * DAY_MS + k for day in range(3) for k in (0, 5, 9)]
    for t in times:
        write_impressions(tmp_path, [make_impression(f"r{t}", t)])
    since, until = NOW_MS + 5, NOW_MS + 2 * DAY_MS + 5
    found = [i.now_ms for i in read_impressions(tmp_path, since, until)]
    assert found == [t for t in times if since <= t < until]


def test_a_broken_file_is_named_and_the_others_are_read(tmp_path):
    whole = [
        write_impressions(tmp_path, [make_impression(f"r{k}", NOW_MS + k)])[0] for k in range(5)
    ]
    content = whole[1].read_bytes()
    whole[1].write_bytes(content[: len(content) // 2])
    flipped = bytearray(whole[2].read_bytes())
    flipped[len(flipped) // 2] ^= 1
    whole[2].write_bytes(flipped)
    (whole[0].parent / "notes.parquet").write_text("not ours")
    found, broken = read_all(tmp_path)
    assert [i.request_id for i in found] == ["r0", "r3", "r4"]
    assert {f.name for f, _ in broken} == {whole[1].name, whole[2].name, "notes.parquet"}


def test_parquet_of_another_make_is_named(tmp_path):
    folder = tmp_path / "day=2026-01-01"
    folder.mkdir()
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"request_id": ["r"], "now_ms": ["yesterday"]}), sink)
    content = sink.getvalue().to_pybytes()
    name = f"{NOW_MS}-{NOW_MS}-{hashlib.sha256(content).hexdigest()}.parquet"
    (folder / name).write_bytes(content)
    found, broken = read_all(tmp_path, 0)
    assert (found, [f.name for f, _ in broken]) == ([], [name])


def test_a_log_that_was_never_written_is_empty(tmp_path):
    assert read_all(tmp_path / "nowhere") == ([], [])


def test_days_past_retention_go_whole(tmp_path):
    for day in range(4):
        write_impressions(tmp_path, [make_impression(now_ms=NOW_MS + day * DAY_MS)])
    (tmp_path / "day=someday").mkdir()
    old = expired(tmp_path, NOW_MS + 3 * DAY_MS, 2)
    assert old == [day_of(NOW_MS)]
    assert start_ms(old[0]) <= NOW_MS < start_ms(old[0]) + DAY_MS
    forget(tmp_path, old)
    assert len(days(tmp_path)) == 3
    assert min(i.now_ms for i in read_impressions(tmp_path)) == NOW_MS + DAY_MS


def test_what_a_killed_writer_left_is_swept_once_it_is_old(tmp_path):
    [file] = write_impressions(tmp_path, [make_impression()])
    left = file.parent / ".0123.unfinished"
    left.write_bytes(b"half")
    now_ms = int(left.stat().st_mtime * 1e3)
    sweep(tmp_path, now_ms)
    assert left.exists()
    sweep(tmp_path, now_ms + 4_000_000)
    assert not left.exists()
    assert file.exists()


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from app.corpus.impression_log import write_impressions
from tests.builders.drawn_impressions import make_impression
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_impressions(Path(sys.argv[1]), [make_impression(m=200)])
except OSError as error:
    print("refused", error.errno)
"""


def test_a_full_disk_leaves_nothing_behind(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)],
        capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": os.getcwd()},
    )  # fmt: skip
    assert done.stdout.startswith("refused")
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]
    assert read_all(tmp_path) == ([], [])


def test_arrays_of_another_dtype_are_refused_rather_than_converted(tmp_path):
    wrong = Impression("r", NOW_MS, fused=np.ones(1, np.float64))
    with pytest.raises(TypeError, match="float64"):
        write_impressions(tmp_path, [wrong])
