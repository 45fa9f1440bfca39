"""What a shadow would have done, beside what was served."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from app.cli import app
from app.corpus.impression_log import write_impressions
from app.domain.errors import InvalidInput
from app.domain.events import Session
from app.offline.shadows import agreement, compare_shadow, shadow_order
from tests.builders.drawn_impressions import make_impression
from tests.builders.impressions import append, make_place
from tests.builders.requests import NOW_MS
from tests.builders.snapshots import CONFIG

SHADOW = "20260101T000009Z-shadow"


def page(number, shadow_ranks, shown=4, **other):
    """Documents d0 … in the order served; the shadow's place of each among all candidates."""
    impression = make_impression(f"r{number}", NOW_MS - 10**7 + number, m=len(shadow_ranks))
    ranks = np.array(shadow_ranks, np.int32)
    given = {"release_id": "served", "shadow_release_id": SHADOW, **other}
    return replace(
        impression, shown=shown, shadow_ranks=ranks,
        shadow_scores=np.zeros(ranks.size, np.float32), **given,
    )  # fmt: skip


def clicked(impression, *ids):
    return Session(
        impression.request_id, impression.now_ms, impression.text, impression.shown_ids, ids,
        user_id=impression.user_id,
    )  # fmt: skip


def test_agreement_counts_the_first_ten_that_both_have():
    assert agreement(page(0, [1, 2, 3, 4, 9])) == 1.0
    assert agreement(page(0, [4, 3, 2, 1, 9])) == 1.0
    assert agreement(page(0, [1, 5, 3, 40, 2])) == 0.5
    assert agreement(page(0, [*range(2, 13), 1], shown=12)) == 0.9


def test_what_was_shown_is_put_in_the_shadows_order():
    assert shadow_order(page(0, [3, 7, 1, 2, 4])) == ["d2", "d3", "d0", "d1"]


@pytest.fixture
def place(tmp_path):
    place = make_place(tmp_path, 12)
    pages = [page(i, [3, 2, 1, 4, 5]) for i in range(20)]
    pages += [page(i, [1, 2, 3, 90, 5]) for i in range(20, 30)]  # not clicked
    pages += [page(30, [1, 2, 3, 4], offset=10), page(31, [], shown=0)]
    pages.append(replace(page(32, [1, 2, 3, 4]), shadow_release_id="20250101T000000Z-older"))
    pages.append(replace(make_impression("plain", NOW_MS - 1), shadow_release_id=None))
    write_impressions(place.stores.impressions, pages)
    append(place, [clicked(p, "d2") for p in pages[:20]])
    return place


def test_a_shadow_that_knew_better_is_ahead_on_the_clicks(place):
    report = compare_shadow(place.stores.impressions, place.events(), NOW_MS, shadow=SHADOW)
    assert (report.searches, report.clicked, report.served) == (30, 20, {"served": 30})
    assert report.agreement.mean == pytest.approx((20 * 1.0 + 10 * 0.75) / 30)
    assert report.ndcg_served.mean == pytest.approx(0.5)  # third of four
    assert report.ndcg_shadow.mean == pytest.approx(1.0)
    assert report.difference.low == pytest.approx(0.5)


def test_without_clicks_the_two_orders_are_compared_all_the_same(place):
    report = compare_shadow(place.stores.impressions, None, NOW_MS, shadow=SHADOW)
    assert (report.searches, report.clicked) == (30, 0)
    assert "none of these searches has a click yet" in report.lines()[-1]


def test_the_last_shadow_is_meant_where_none_is_named(place):
    report = compare_shadow(place.stores.impressions, None, NOW_MS)
    assert report.shadow_release_id == "20250101T000000Z-older"


def test_a_shadow_that_scored_nothing_is_told_who_did(place, tmp_path):
    with pytest.raises(InvalidInput, match=f"scored by x; by: 20250101T000000Z-older, {SHADOW}"):
        compare_shadow(place.stores.impressions, None, NOW_MS, shadow="x")
    with pytest.raises(InvalidInput, match="by: none; set rank"):
        compare_shadow(tmp_path / "nothing", None, NOW_MS)


def test_the_command_prints_it_for_people_and_for_programs(place):
    where = ["--data", str(place.data), "--models", str(place.models), "--config", str(CONFIG)]
    asked = ["shadow", "--release", SHADOW, *where]
    assert "agreement@10  0.9167" in CliRunner().invoke(app, asked).output
    told = json.loads(CliRunner().invoke(app, [*asked, "--json"]).stdout)
    assert told["metrics"]["nDCG@10"]["difference"][0] == pytest.approx(0.5)
