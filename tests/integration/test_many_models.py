"""Many models at once: by name, by experiment and as a shadow, in process and through a service."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from app.corpus.impression_log import read_impressions
from app.rank.experiments import Experiment, assign
from app.snapshot.opening import open_snapshot
from app.snapshot.store import ArtifactStore
from tests.builders import city_rows
from tests.builders.releases import make_release, make_wide_release
from tests.builders.servers import SNAPSHOT_ID, gateway, publish_snapshot, ranker
from tests.builders.waiting import until

DEAR, CHEAP, RATED = "20260101T000001Z-dear", "20260101T000002Z-cheap", "20260101T000003Z-rated"
WIDE = "20260101T000004Z-wide"
HALVES = {"current": 0.5, CHEAP: 0.5}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """lambdarank: DEAR serves, CHEAP beside it; other: RATED is published; wide: WIDE."""
    directory = tmp_path_factory.mktemp("data")
    publish_snapshot(city_rows(60), directory)
    snapshot = open_snapshot(directory / "snapshots" / SNAPSHOT_ID)
    stores = {m: ArtifactStore(directory / "models" / m, "release")
              for m in ("lambdarank", "other", "wide")}  # fmt: skip
    make_release(snapshot, stores["lambdarank"], DEAR, "price")
    make_release(snapshot, stores["lambdarank"], CHEAP, "price", -1.0)
    make_release(snapshot, stores["other"], RATED, "rating")
    make_wide_release(snapshot, stores["wide"], WIDE)
    stores["lambdarank"].publish(CHEAP)
    stores["lambdarank"].publish(DEAR)
    stores["other"].publish(RATED)
    return directory


@pytest.fixture(params=["in process", "by a service"])
def serve(request, data):
    """Start a gateway that ranks here or by a service of the same configuration."""
    started = []

    def start(*overrides):
        settings = [*overrides]
        if request.param == "by a service":
            service = ranker(data, *overrides)
            started.append(service)
            settings.append(f"rank.url={service.__enter__().base_url}")
        client = gateway(data, *settings)
        started.append(client)
        return client.__enter__()

    yield start
    for one in reversed(started):
        one.__exit__(None, None, None)


def search(client, **body):
    answer = client.post("/v1/search", json={"query": "火锅", "limit": 5, **body})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert not told["degraded"], told["degraded"]
    return told


def logged(data, request_ids):
    """The impressions of these requests."""
    found = {i.request_id: i for i in read_impressions(data / "impressions")}
    return [found[i] for i in request_ids]


def experiment(**experiments):
    return [f"experiments.{n}={json.dumps({'releases': r})}" for n, r in experiments.items()]


@pytest.mark.parametrize(
    ("name", "release_id"),
    [(None, DEAR), (CHEAP, CHEAP), (f"lambdarank/{CHEAP}", CHEAP), ("lambdarank~1", CHEAP),
     ("other", RATED), (f"other/{RATED}", RATED), (RATED, RATED)],
)  # fmt: skip
def test_a_request_names_its_release_and_the_answer_says_which_it_was(serve, name, release_id):
    client = serve()
    told = search(client, **({} if name is None else {"release": name}))
    assert told["release_id"] == release_id
    assert "experiment" not in told
    field, sign = {DEAR: ("price", -1), CHEAP: ("price", 1), RATED: ("rating", -1)}[release_id]
    values = [sign * r["document"][field] for r in told["results"]]
    assert values == sorted(values)


def test_a_release_that_nobody_knows_is_answered_with_those_that_there_are(serve):
    client = serve()
    for name in ("nobody", "lambdarank/nobody", "nobody/x", "other~3", "../lambdarank"):
        answer = client.post("/v1/search", json={"query": "火锅", "release": name})
        assert answer.status_code == 400
        told = answer.json()
        assert told["field"] == "release"
        assert DEAR in told["remedy"]
        assert "other" in told["remedy"]


def test_an_experiment_divides_people_and_the_log_says_who_was_where(serve, data):
    client = serve(*experiment(halves=HALVES))
    until(lambda: all(s["ready"] for s in client.get("/v1/releases").json()["standby"]))
    people = [f"u{i}" for i in range(12)]
    told = {who: search(client, user_id=who) for who in people}
    again = {who: search(client, user_id=who) for who in people}
    arms = {who: one["experiment"] for who, one in told.items()}
    assert arms == {who: one["experiment"] for who, one in again.items()}
    assert set(arms.values()) == {"halves:current", f"halves:{CHEAP}"}
    for who, arm in arms.items():
        assert told[who]["release_id"] == (DEAR if arm == "halves:current" else CHEAP)
    by_device = search(client, client_id="device")
    assert by_device["experiment"] == search(client, client_id="device")["experiment"]
    assert "experiment" not in search(client, user_id="u1", release=CHEAP)


def arm_of(unit):
    shares = Experiment("halves", "halves", tuple(HALVES.items()))
    return str(assign([shares], unit))


def test_a_person_is_in_the_same_arm_in_processes_that_know_them_by_other_pseudonyms(
    data, tmp_path
):
    shutil.copytree(data, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("identity*"))
    arms = []
    for place in (data, tmp_path):
        with gateway(place, *experiment(halves=HALVES)) as client:
            arms.append([search(client, user_id=f"u{i}")["experiment"] for i in range(12)])
            device = search(client, client_id="device")["experiment"]
    assert arms == [[arm_of(f"user:u{i}") for i in range(12)]] * 2
    assert device == arm_of("client:device")


def test_a_search_of_nobody_is_drawn_by_itself(data):
    with gateway(data, *experiment(halves=HALVES)) as client:
        told = [search(client) for _ in range(12)]
    assert [t["experiment"] for t in told] == [arm_of(t["request_id"]) for t in told]


def test_the_impression_log_names_the_arm(data):
    with gateway(data, *experiment(halves=HALVES)) as client:
        told = [search(client, user_id=f"u{i}") for i in range(8)]
        told.append(search(client, user_id="u1", release=CHEAP))
    written = logged(data, [t["request_id"] for t in told])
    assert [i.experiment for i in written] == [t.get("experiment") for t in told]
    assert [i.release_id for i in written] == [t["release_id"] for t in told]


def test_an_arm_that_cannot_rank_has_nobody_in_it_and_says_why(serve):
    client = serve(*experiment(lost={"nobody": 1.0}), "rank.shadow=nobody/x")
    told = search(client, user_id="u1")
    assert told["release_id"] == DEAR
    assert "experiment" not in told
    standby = {s["name"]: s for s in client.get("/v1/releases").json()["standby"]}
    assert not standby["nobody"]["ready"]
    assert "unknown release" in standby["nobody"]["problem"]
    assert "unknown release" in standby["nobody/x"]["problem"]


def test_an_arm_waits_until_the_ranker_service_has_it_too(data, tmp_path):
    shutil.copytree(data, tmp_path / "there")
    shutil.rmtree(tmp_path / "there" / "models" / "lambdarank" / CHEAP)
    arm = experiment(all={CHEAP: 1.0})
    with (
        ranker(tmp_path / "there") as service,
        gateway(data, *arm, f"rank.url={service.base_url}") as client,
    ):
        told = search(client, user_id="u1")
        (standby,) = client.get("/v1/releases").json()["standby"]
        assert told["release_id"] == DEAR
        assert "experiment" not in told
        assert "does not have it" in standby["problem"]


def test_an_arm_named_by_its_model_follows_what_is_published(tmp_path):
    publish_snapshot(city_rows(60), tmp_path)
    snapshot = open_snapshot(tmp_path / "snapshots" / SNAPSHOT_ID)
    store = ArtifactStore(tmp_path / "models" / "other", "release")
    make_release(snapshot, store, RATED, "rating")
    make_release(snapshot, store, CHEAP, "price", -1.0)
    with gateway(tmp_path, *experiment(all={"other": 1.0})) as client:
        assert search(client)["release_id"] is None
        for release_id in (RATED, CHEAP):
            store.publish(release_id)
            until(lambda wanted=release_id: search(client)["release_id"] == wanted)


def test_a_shadow_scores_what_was_served_and_changes_nothing_of_it(serve, data):
    client = serve("rank.shadow=wide")
    until(lambda: client.get("/v1/releases").json()["standby"][0]["ready"])
    told = [search(client, user_id="u1", limit=10) for _ in range(3)]
    plain = search(client, user_id="u1", limit=10, release=DEAR)
    assert {t["release_id"] for t in told} == {DEAR}
    assert told[0]["results"] == plain["results"]
    until(lambda: _count(client, 'duolu_shadow_total{outcome="scored"}') >= 4)
    assert _count(client, 'duolu_shadow_total{outcome="failed"}') == 0


def _count(client, name):
    lines = client.get("/metrics").text.splitlines()
    return next((float(x.split()[-1]) for x in lines if x.startswith(name)), 0.0)


@pytest.mark.parametrize("where", ["in process", "by a service"])
def test_the_log_holds_the_shadows_scores_and_its_order_of_all_candidates(data, where):
    service = ranker(data, "rank.shadow=wide") if where == "by a service" else None
    url = [f"rank.url={service.__enter__().base_url}"] if service else []
    try:
        with gateway(data, "rank.shadow=wide", *url) as client:
            until(lambda: client.get("/v1/releases").json()["standby"][0]["ready"])
            told = search(client, user_id="u1", limit=10)
            by_shadow = search(client, user_id="u1", limit=60, release=WIDE)
            until(lambda: _count(client, 'duolu_shadow_total{outcome="scored"}') >= 1)
    finally:
        if service:
            service.__exit__(None, None, None)
    one, same = logged(data, [told["request_id"], by_shadow["request_id"]])
    assert (one.release_id, one.shadow_release_id) == (DEAR, WIDE)
    assert one.shadow_scores.shape == one.shadow_ranks.shape == (len(one.ids),)
    expected = {r["id"]: (np.float32(r["score"]), r["rank"]) for r in by_shadow["results"]}
    for i, document in enumerate(one.ids):
        assert (one.shadow_scores[i], one.shadow_ranks[i]) == expected[document]
    assert same.shadow_release_id is None  # it served this one itself
    assert same.shadow_scores.size == 0
