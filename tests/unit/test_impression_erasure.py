"""Forgetting in the impression log: theirs are gone to the byte, all others stay to the bit."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from app.corpus.impression_erasure import Erased, erase_impressions, requests_of
from app.corpus.impression_log import read_impressions, write_impressions
from tests.builders.drawn_impressions import bits, impressions, make_impression
from tests.builders.requests import NOW_MS

ANN, BOB, PHONE = "a" * 32, "b" * 32, "c" * 32
SECRET = "蜀九香火锅 near my therapist"


def is_ann(pseudonym: str) -> bool:
    return pseudonym in (ANN, PHONE)


def make_log(root: Path, days: int = 3) -> None:
    """Ann's searches between those of others, in several files of several days."""
    for k in range(days * 4):
        at = NOW_MS + k * 86_400_000 // 4
        those = [
            replace(make_impression(f"ann{k}", at), user_id=ANN, text=SECRET),
            replace(
                make_impression(f"phone{k}", at + 1), user_id=None, client_id=PHONE, text=SECRET
            ),
            replace(make_impression(f"bob{k}", at + 2), user_id=BOB),
            replace(make_impression(f"nobody{k}", at + 3), user_id=None, client_id=None),
        ]
        write_impressions(root, those)


def held(root: Path) -> dict[str, tuple]:
    return {i.request_id: bits(i) for i in read_impressions(root)}


def holds_bytes(root: Path, *wanted: str) -> bool:
    return any(
        w.encode() in file.read_bytes()
        for file in root.rglob("*")
        if file.is_file()
        for w in wanted
    )


@settings(max_examples=40, deadline=None)
@given(st.lists(impressions(), min_size=1, max_size=6), st.integers(0, 2**6 - 1))
def test_the_others_stay_to_the_bit(drawn, chosen):
    drawn = [replace(one, request_id=f"r{k}") for k, one in enumerate(drawn)]
    mine = [
        replace(one, user_id=ANN) if chosen >> k & 1 else replace(one, user_id=BOB)
        for k, one in enumerate(drawn)
    ]
    with tempfile.TemporaryDirectory() as folder:
        write_impressions(Path(folder), mine)
        erased = erase_impressions(Path(folder), is_ann, ())
        left = held(Path(folder))
    assert left == {
        i.request_id: bits(i) for i in mine if i.user_id == BOB and i.client_id != PHONE
    }
    assert erased.records == len(mine) - len(left)


def test_no_byte_of_the_forgotten_stays(tmp_path):
    make_log(tmp_path)
    before = held(tmp_path)
    assert requests_of(tmp_path, is_ann) == {r for r in before if r.startswith(("ann", "phone"))}
    assert erase_impressions(tmp_path, is_ann, {"nobody3", "bob3"}) == Erased(25, 12)
    assert held(tmp_path) == {
        r: one for r, one in before.items() if r.startswith(("bob", "nobody")) and r != "nobody3"
    }
    columns = [pq.read_table(f).to_pydict() for f in sorted(tmp_path.rglob("*.parquet"))]
    assert not any(SECRET in c["text"] or ANN in c["user_id"] for c in columns)
    assert not holds_bytes(tmp_path, ANN, PHONE, SECRET, "ann0", "phone7")
    assert erase_impressions(tmp_path, is_ann, {"nobody3"}) == Erased()


def test_a_file_of_nobody_else_goes(tmp_path):
    write_impressions(tmp_path, [replace(make_impression("r"), user_id=ANN)])
    assert erase_impressions(tmp_path, is_ann, ()) == Erased(1, 1)
    assert not list(tmp_path.rglob("*.parquet"))


def test_who_reads_meanwhile_misses_nothing(tmp_path):
    make_log(tmp_path)
    reader = read_impressions(tmp_path)
    seen = [next(reader).request_id]
    erase_impressions(tmp_path, is_ann, ())
    seen += [i.request_id for i in reader]
    assert {s for s in seen if s.startswith(("bob", "nobody"))} == {
        r for r in held(tmp_path) if r.startswith(("bob", "nobody"))
    }


def test_an_erasure_that_was_cut_short_is_mended_by_the_next(tmp_path):
    make_log(tmp_path / "log", days=1)
    shutil.copytree(tmp_path / "log", tmp_path / "before")
    erase_impressions(tmp_path / "log", is_ann, ())
    whole = held(tmp_path / "log")
    for old in (tmp_path / "before").rglob("*.parquet"):  # killed before any old file went
        shutil.copy(old, tmp_path / "log" / old.relative_to(tmp_path / "before"))
    erase_impressions(tmp_path / "log", is_ann, ())
    left = [i.request_id for i in read_impressions(tmp_path / "log")]
    assert sorted(left) == sorted(whole)


def test_a_file_that_cannot_be_read_is_named_and_left_alone(tmp_path):
    make_log(tmp_path, days=1)
    [broken, *_] = sorted(tmp_path.rglob("*.parquet"))
    broken.write_bytes(broken.read_bytes()[:-7])
    foreign = broken.parent / broken.name
    pq.write_table(pa.table({"x": [1]}), tmp_path / "foreign")
    told: list[Path] = []
    erase_impressions(tmp_path, is_ann, (), lambda file, why: told.append(file))
    assert told == [foreign]
    assert os.path.exists(broken)
