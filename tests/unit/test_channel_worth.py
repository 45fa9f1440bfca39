"""What a channel is worth: counted as by hand, the same as not asking it, and well advised."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from app.cli import app
from app.domain.candidates import ChannelHits, ChannelStatus
from app.offline.channel_advice import ENOUGH_QUERIES, Verdict, advise
from app.offline.channel_worth import (
    ALL,
    FUSED,
    METRICS,
    Tally,
    Worth,
    measure_channels,
    with_weight,
    without,
)  # fmt: skip
from app.offline.evaluate import Comparison, Variant, measure
from app.offline.judged import Judged
from app.offline.metrics import Evaluation
from app.offline.timeline import Timeline
from app.query.understand import SearchRequest
from app.settings import Settings
from app.snapshot.tables import Tables
from tests.builders import NOW_MS, city_rows, make_snapshot
from tests.builders.behaviour import make_sessions
from tests.builders.impressions import append, make_place
from tests.builders.snapshots import CONFIG

SETTINGS = Settings.load(CONFIG, environment={})
TEXTS = ("garden", "noodle tea", "老灶 火锅", "咖啡", "海景 酒店", "tea")


def judged(n: int = 24) -> list[Judged]:
    rng = np.random.default_rng(5)
    return [
        Judged(
            f"q{i}", SearchRequest(text=TEXTS[i % len(TEXTS)]), NOW_MS,
            {f"d{d}": 1 for d in rng.choice(120, 12, replace=False)}, False,
        )
        for i in range(n)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def timeline(tmp_path_factory) -> Timeline:
    snapshot = make_snapshot(city_rows(120), tmp_path_factory.mktemp("world") / "s")
    return Timeline(SETTINGS, snapshot, Tables.empty(len(snapshot)))


@pytest.fixture(scope="module")
def worth(timeline: Timeline) -> Worth:
    return measure_channels(judged(), timeline, None)


def hits(name: str, *rows: int, status: ChannelStatus = ChannelStatus.OK) -> ChannelHits:
    scores = -np.arange(len(rows), dtype=np.float32)
    return ChannelHits(name, np.array(rows, np.int32), scores, status, 2.0)


def test_a_tally_counts_what_only_one_channel_found() -> None:
    tally = Tally()
    tally.add(hits("a", 7, 3, 5), alone=np.array([3, 5, 9]), relevant=np.array([5, 7, 9]))
    tally.add(hits("a", status=ChannelStatus.SKIPPED), np.array([1]), np.array([1]))
    assert (tally.asked, tally.hits, tally.alone) == (1, 3, 2)
    assert (tally.depths, tally.depths_alone) == ([1, 3], [3])
    assert tally.ms(0.5) == 2.0
    assert np.isnan(Tally().ms(0.5))


def test_leaving_its_hits_out_is_the_same_as_not_asking_it(
    timeline: Timeline, worth: Worth
) -> None:
    names = timeline.channels
    variants = [Variant(ALL)] + [
        Variant(without(n), channels=tuple(o for o in names if o != n)) for n in names
    ]
    really = measure(judged(), timeline, variants, METRICS, 7)
    for variant in variants:
        ours = worth.comparison.evaluations[variant.name]
        theirs = really.evaluations[variant.name]
        assert ours.qids == theirs.qids
        for metric in METRICS:
            np.testing.assert_array_equal(ours.values[metric], theirs.values[metric])


def test_relevant_documents_are_counted_once_a_query(worth: Worth) -> None:
    assert worth.relevant == 24 * 12
    assert 0 < worth.found <= worth.relevant
    for tally in worth.tallies.values():
        assert len(tally.depths_alone) <= len(tally.depths) <= worth.found
        assert tally.alone <= tally.hits


def test_another_weight_is_really_merged_by(timeline: Timeline, worth: Worth) -> None:
    heavier = SETTINGS.channels["popular"].model_copy(update={"weight": 0.04})
    channels = {**SETTINGS.channels, "popular": heavier}
    settings = SETTINGS.model_copy(update={"channels": channels})
    other = Timeline(settings, timeline.snapshot, timeline.tables)
    really = measure(judged(), other, [Variant("it")], METRICS, 7).evaluations["it"]
    ours = worth.comparison.evaluations[with_weight("popular", 0.04)]
    np.testing.assert_array_equal(ours.values["nDCG@10"], really.values["nDCG@10"])


def test_queries_without_words_or_relevant_documents_are_left_out(timeline: Timeline) -> None:
    some = judged(3)
    some += [replace(some[0], qid="blank", request=SearchRequest(text=""))]
    some += [replace(some[0], qid="bad", grades={"d1": 0})]
    worth = measure_channels(some, timeline, None)
    assert worth.comparison.queries == 3
    assert worth.left_out == 2


def made(adds: dict[str, float], tally: Tally, weights: dict[float, float] | None = None) -> Worth:
    """A world of one channel: what it adds to each metric, and what other weights change."""
    weights = weights or {0.5: 0.0}
    n, noise = 200, np.random.default_rng(2).normal(0, 0.0005, 200)
    base = {m: np.full(n, 0.5) for m in METRICS}
    qids = tuple(f"q{i}" for i in range(n))

    def evaluation(change: dict[str, float]) -> Evaluation:
        values = {m: base[m] + change.get(m, 0.0) + noise for m in METRICS}
        return Evaluation(qids, values, 0, 0)

    changes = {ALL: adds, FUSED: {}}
    changes |= {with_weight("c", w): {"nDCG@10": d} for w, d in weights.items()}
    evaluations = {name: evaluation(change) for name, change in changes.items()}
    evaluations[without("c")] = Evaluation(qids, {m: base[m] for m in METRICS}, 0, 0)
    evaluations[FUSED] = Evaluation(qids, {m: base[m] for m in METRICS}, 0, 0)
    comparison = Comparison(evaluations, METRICS, 7)
    return Worth({"c": tally}, 300, 250, 0, comparison, {"c": tuple(weights)})


def tally(asked: int = 200, depths: list[int] = (), alone: list[int] = ()) -> Tally:
    return Tally(asked=asked, depths=list(depths), depths_alone=list(alone))


@pytest.mark.parametrize(
    ("adds", "counted", "verdict"),
    [
        ({"R@100": 0.02}, tally(), Verdict.KEEP),
        ({"nDCG@10": 0.01, "R@100": 0.0}, tally(), Verdict.KEEP),
        ({"nDCG@10": -0.01}, tally(), Verdict.HARMS),
        ({}, tally(), Verdict.SWITCH_OFF),
        ({}, tally(depths=[5], alone=[5]), Verdict.UNDECIDED),  # 1 of 250 only it found
        ({"R@100": 0.5}, tally(asked=ENOUGH_QUERIES - 1), Verdict.HARDLY_ASKED),
    ],
)
def test_a_channel_is_kept_for_what_it_adds(adds, counted, verdict) -> None:
    advice = advise(made(adds, counted), "c", SETTINGS.channels["geo"])
    assert advice.verdict is verdict
    assert advice.reasons


@pytest.mark.parametrize(
    ("counted", "k"),
    [
        (tally(depths=[3] * 30), 10),  # nothing relevant below the third hit
        (tally(depths=[*range(1, 43)]), 50),
        (tally(depths=[97] * 30), 100),  # deep, but others find these too
        (tally(depths=[97] * 30, alone=[97] * 30), 200),  # deep, and it alone
        (tally(depths=[3] * 5), 100),  # too few to say
    ],
)
def test_k_follows_how_deep_relevant_documents_lie(counted: Tally, k: int) -> None:
    assert advise(made({}, counted), "c", SETTINGS.channels["geo"]).k == k


def test_another_weight_is_advised_only_where_it_is_surely_better() -> None:
    set_ = SETTINGS.channels["geo"]
    better = made({}, tally(), {0.0: -0.01, 0.1: 0.02, 0.2: 0.01})
    assert advise(better, "c", set_).weight == 0.1
    assert advise(made({}, tally(), {0.0: -0.01, 0.1: 0.00001}), "c", set_).weight == set_.weight


# The command


def run(place, *words: str):
    where = ["--data", str(place.data), "--models", str(place.models), "--config", str(CONFIG)]
    return CliRunner().invoke(app, ["channels", *words, *where])


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    root: Path = tmp_path_factory.mktemp("place")
    place = make_place(root, 120)
    some = judged()
    lines = [json.dumps({"qid": j.qid, "text": j.request.text}) for j in some]
    (root / "queries.jsonl").write_text("\n".join(lines))
    grades = [f"{j.qid} 0 {d} {g}\n" for j in some for d, g in j.grades.items()]
    (root / "qrels.txt").write_text("".join(grades))
    return place


def test_the_report_comes_as_table_json_and_picture(place, worth: Worth) -> None:
    root = place.data.parent
    given = ["--queries", str(root / "queries.jsonl"), "--qrels", str(root / "qrels.txt")]
    table = run(place, *given)
    assert table.exit_code == 0, table.output
    done = run(place, *given, "--json", "--plot", str(root / "c.svg"))
    report = json.loads(done.stdout)
    assert report["queries"] == 24
    assert [c["name"] for c in report["channels"]] == list(worth.tallies)
    for channel in report["channels"]:
        assert f"{channel['name']} " in table.stdout
        assert channel["unique_hits"] == worth.tallies[channel["name"]].alone
        assert channel["advice"]["reasons"]
    assert "what is lost without it" in (root / "c.svg").read_text("utf-8")


def test_without_judgements_the_report_reads_the_logs(place, tmp_path) -> None:
    own = make_place(tmp_path, 120)
    refused = run(own)
    assert refused.exit_code == 1
    assert "--qrels" in str(refused.exception)
    append(own, make_sessions(own.snapshot()))
    done = run(own, "--json", "--sample", "20")
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report["source"] == "the logs"
    assert 0 < report["queries"] <= 20


def test_qrels_without_queries_are_refused(place) -> None:
    refused = run(place, "--qrels", "x.txt")
    assert refused.exit_code == 1
    assert "come together" in str(refused.exception)
