"""Which slices a held-out list belongs to, and how a slice of few lists is shown."""

from types import MappingProxyType

import numpy as np
import pytest

from app.domain.events import Session
from app.offline.evaluate import Answered, Comparison
from app.offline.exam import Exam
from app.offline.judged import Judged
from app.offline.metrics import Evaluation
from app.offline.replay import Replay
from app.offline.report import slice_lines
from app.offline.slices import Slicer, bands, normal, script_of
from app.query.understand import SearchRequest
from app.settings import Settings
from app.snapshot.tables import Tables
from tests.builders import NOW_MS, make_snapshot
from tests.builders.behaviour import make_events, make_tables
from tests.builders.snapshots import CONFIG

DAY_MS = 86_400_000
SETTINGS = Settings.load(CONFIG, environment={})


def test_bands_are_shares_of_searches_not_of_texts():
    texts = ["a"] * 8 + ["b"] * 8 + ["c"] * 30 + ["d"] * 30 + [f"e{i}" for i in range(24)]
    found = bands(texts)
    assert found == {"c": "head", "d": "torso"}  # c: from 0 %, d: from 30 %, the next from 60 %


def test_one_frequent_text_is_head_however_much_of_the_log_it_is():
    assert bands(["a"] * 9 + ["b"]) == {"a": "head"}


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("附近的火锅", "Chinese"), ("𠮷野家", "Chinese"), ("〇", None), ("hot pot 24", "Latin"),
        ("café", "Latin"), ("iphone 手机", "mixed"), ("суп", "mixed"), ("123 !", None), ("", None),
    ],
)  # fmt: skip
def test_the_language_is_told_by_the_letters(text, script):
    assert script_of(text) == script


def test_spellings_that_differ_in_case_width_and_spaces_are_one_text():
    assert normal(" Ｈot  POT ") == normal("hot pot")


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    rows = [
        {"id": f"d{i}", "title": "火锅 tea", "published_at": NOW_MS - days * DAY_MS}
        for i, days in enumerate((400, 400, 29, 31))
    ]
    rows.append({"id": "undated", "title": "火锅"})
    return make_snapshot(rows, tmp_path_factory.mktemp("world") / "s")


@pytest.fixture(scope="module")
def tables(snapshot, tmp_path_factory):
    ids = ("d0", "d2", "d3", "undated")  # nobody ever saw d1
    sessions = [
        Session(f"r{i}", NOW_MS - (i + 1) * DAY_MS, "火锅", ids, ("d0",), user_id=f"u{i}")
        for i in range(12)
    ]
    return make_tables(snapshot, make_events(sessions, tmp_path_factory.mktemp("e") / "events.db"))


def slices_of(snapshot, tables, relevant, *, text="火锅", user=None, bands=()):
    judged = Judged(
        "q", SearchRequest(text=text, user_id=user), NOW_MS, {relevant: 1, "d0": 0}, True
    )
    with Replay(SETTINGS, snapshot, tables) as replay:
        ctx = replay.context(judged.request, judged.now_ms)
    slicer = Slicer(dict(bands))
    slicer.watch(Answered(judged, ctx, {}))
    scored = Evaluation(("q",), {"nDCG@10": np.ones(1)}, 0, 0)
    return set(slicer.masks(Comparison({"ranked": scored}, ("nDCG@10",), 7)))


def test_a_document_is_new_by_its_date_or_because_nobody_was_shown_it(snapshot, tables):
    assert "known documents" in slices_of(snapshot, tables, "d0")
    assert "new document" in slices_of(snapshot, tables, "d1")
    assert "new document" in slices_of(snapshot, tables, "d2")
    assert "known documents" in slices_of(snapshot, tables, "d3")
    assert "known documents" in slices_of(snapshot, tables, "undated")
    assert "known documents" in slices_of(snapshot, tables, "gone")


def test_without_any_behaviour_only_the_date_tells(snapshot):
    nothing = Tables.empty(len(snapshot))
    assert "known documents" in slices_of(snapshot, nothing, "d1")
    assert "new document" in slices_of(snapshot, nothing, "d2")


def test_people_who_acted_before_have_a_history(snapshot, tables):
    assert "user with history" in slices_of(snapshot, tables, "d0", user="u1")
    assert "user without history" in slices_of(snapshot, tables, "d0", user="stranger")
    assert "user without history" in slices_of(snapshot, tables, "d0")


def test_a_text_that_was_never_asked_is_tail_and_without_a_log_there_are_no_bands(snapshot, tables):
    known = {"火锅": "head"}
    assert "head query" in slices_of(snapshot, tables, "d0", bands=known)
    assert "tail query" in slices_of(snapshot, tables, "d0", text="茶", bands=known)
    assert not any("tail" in name for name in slices_of(snapshot, tables, "d0"))


def exam_of(n_slice, n=100):
    values = {"nDCG@10": np.linspace(0, 1, n)}
    scored = Evaluation(tuple(f"q{i}" for i in range(n)), values, 0, 0)
    comparison = Comparison({"ranked": scored, "fused": scored}, ("nDCG@10",), 7)
    places = np.arange(n) < n_slice
    return Exam(comparison, (), MappingProxyType({"tail query": places}), None, 1.0)


def test_a_slice_of_few_lists_is_shown_with_its_count_and_not_judged():
    assert slice_lines(exam_of(49), 50)[2] == "| tail query | 49 | too few | |"
    assert "[" in slice_lines(exam_of(50), 50)[2]
