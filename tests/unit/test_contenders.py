"""A new model is held against what serves and what served lately, on lists new to both."""

from dataclasses import replace

import numpy as np
import pytest

from app.offline.contenders import Contender, contenders
from app.offline.evaluate import Comparison
from app.offline.exam import strongest
from app.offline.judged import Judged
from app.offline.metrics import Evaluation
from app.offline.recipe import Gate
from app.offline.seen import Seen
from app.query.understand import SearchRequest
from app.rank.release import TWIN
from app.snapshot.artifact import seal
from app.snapshot.store import ArtifactStore, built_ms
from tests.builders import city_rows, make_snapshot
from tests.builders.releases import make_release

OLD, YOUNG, SERVES = (
    "20260101T000000Z-0000000a", "20260215T000000Z-0000000b", "20260220T000000Z-0000000c",
)  # fmt: skip
NOW = built_ms("20260301T000000Z-00000000")
GATE = Gate(min_paired_queries=3)


def asked(number, now_ms=NOW, is_timed=True):
    return Judged(f"q{number}", SearchRequest(text=f"t{number}"), now_ms, {"d1": 1}, is_timed)


TEST = [asked(i) for i in range(10)]


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    return make_snapshot(city_rows(30), tmp_path_factory.mktemp("world") / "s")


@pytest.fixture
def store(snapshot, tmp_path):
    store = ArtifactStore(tmp_path / "lambdarank", "release")
    for release_id in (OLD, YOUNG, SERVES):
        make_release(snapshot, store, release_id, "price")
        store.publish(release_id)
    return store


def remember(store, release_id, seen=None, **facts):
    """Seal a release again, with what it has seen and other facts in its manifest."""
    path, manifest = store.path(release_id), store.manifest(release_id)
    if seen is not None:
        seen.save(path)
        (path / TWIN).write_text((path / "model.txt").read_text())
        facts["held_out_features"] = manifest["features"]
    kept = {k: v for k, v in manifest.items() if k not in ("kind", "format", "files")}
    seal(path, "release", {**kept, **facts})


def test_what_serves_and_what_served_lately_take_part(store, snapshot):
    taking_part, left_out = contenders(store, snapshot, TEST, GATE, NOW)
    assert [(c.role, c.release_id) for c in taking_part] == [
        ("serving", SERVES), ("best of 30 days", YOUNG),
    ]  # fmt: skip
    assert not left_out  # OLD is 59 days old: it is not asked


def test_a_release_rolled_back_from_is_still_one_to_beat(store, snapshot):
    store.rollback()
    taking_part, _ = contenders(store, snapshot, TEST, GATE, NOW)
    assert [c.release_id for c in taking_part] == [YOUNG, SERVES]


def test_without_releases_there_is_nobody(snapshot, tmp_path):
    nothing = ArtifactStore(tmp_path / "none", "release")
    assert contenders(nothing, snapshot, TEST, GATE, NOW) == ([], [])


def test_one_of_another_encoder_is_named_and_left_out(store, snapshot):
    remember(store, SERVES, encoder_id="another")
    taking_part, (left,) = contenders(store, snapshot, TEST, GATE, NOW)
    assert [c.release_id for c in taking_part] == [YOUNG]
    assert left.release_id == SERVES
    assert "encoder_id another" in str(left)
    assert left.difference is None


def test_an_altered_one_is_named_and_left_out(store, snapshot):
    with (store.path(SERVES) / "model.txt").open("a") as model:
        model.write("x")
    _, (left,) = contenders(store, snapshot, TEST, GATE, NOW)
    assert "model.txt" in left.left_out


def test_a_release_that_has_seen_no_list_is_judged_by_all(store, snapshot):
    others = [asked(i) for i in range(100, 110)]
    remember(store, SERVES, Seen.of(others[:5], others))
    (serving, _), _ = contenders(store, snapshot, TEST, GATE, NOW)
    assert serving.may_judge.all()
    assert serving.model.feature_names == ("attr(price)",)


def test_where_the_release_has_seen_the_exam_its_twin_sits_it(store, snapshot):
    remember(store, SERVES, Seen.of([asked(100), TEST[0]], [asked(100), *TEST]))
    (serving, _), _ = contenders(store, snapshot, TEST, GATE, NOW)
    assert serving.may_judge.tolist() == [False] + [True] * 9


def test_where_both_have_seen_nearly_all_it_is_left_out_with_the_count(store, snapshot):
    remember(store, SERVES, Seen.of(TEST[2:], TEST))
    _, (left,) = contenders(store, snapshot, TEST, GATE, NOW)
    assert left.release_id == SERVES
    assert "of 10 held-out lists it was trained on all but 2" in left.left_out
    assert "min_paired_queries" in left.left_out


def test_judged_queries_are_known_by_their_text(store, snapshot):
    same_text = replace(asked(0, is_timed=False), qid="another id")
    remember(store, SERVES, Seen.of([same_text], [same_text]))
    test = [asked(i, is_timed=False) for i in range(4)]
    (serving, *_), _ = contenders(store, snapshot, test, GATE, NOW)
    assert serving.may_judge.tolist() == [False, True, True, True]


def test_without_a_record_only_what_was_asked_later_is_new_to_a_release(store, snapshot):
    before = built_ms(SERVES) - 1
    test = [asked(0, before), asked(1, is_timed=False), *TEST[2:]]
    (serving, *_), _ = contenders(store, snapshot, test, GATE, NOW)
    assert serving.may_judge.tolist() == [False, False] + [True] * 8


def test_the_time_is_read_from_an_id():
    assert built_ms("19700101T000001Z-abc") == 1000
    assert built_ms("z") == 0


def test_what_was_seen_comes_back_from_disk(tmp_path):
    seen = Seen.of(TEST[:3], TEST)
    seen.save(tmp_path)
    again = Seen.open(tmp_path)
    np.testing.assert_array_equal(again.held_out, seen.held_out)
    np.testing.assert_array_equal(again.released, seen.released)
    assert Seen.open(tmp_path / "nowhere") is None


def test_of_the_releases_of_the_month_the_one_that_is_hardest_to_beat_is_held_against():
    metric = {"ranked": 0.5, "serving": 0.4, "release weak": 0.3, "release strong": 0.6}
    scored = {
        n: Evaluation(("a", "b"), {"RR": np.array([x, 0.5])}, 0, 0) for n, x in metric.items()
    }
    everywhere = np.ones(2, np.bool_)
    weak, strong, serves = (
        Contender(role, name, None, everywhere, {})
        for role, name in (("best", "weak"), ("best", "strong"), ("serving", "serves"))
    )
    held, dropped = strongest(Comparison(scored, ("RR",), 7), [weak, strong, serves])
    assert [b.release_id for b in held] == ["serves", "strong"]
    assert dropped == ["release weak"]
    assert held[1].difference.mean == pytest.approx(-0.05)
