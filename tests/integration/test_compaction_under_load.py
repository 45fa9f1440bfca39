"""While changes are folded and snapshots swapped, no search fails, and none sees two states."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from app.offline.compaction import compact
from app.offline.reindex import reindex
from app.online.gateway.main import create_app
from app.settings import Settings
from tests.builders import NOW_MS, city_rows
from tests.builders.reindexing import CONFIG, write
from tests.builders.servers import make_engine, running
from tests.builders.waiting import until

SEARCHES = 2_000
SEARCHERS = 4
OVERRIDES = (
    "channels.vector.exact_below=10", "encoder.dim=8", "impressions.enabled=false",
)  # fmt: skip
QUERIES = ("garden", "火锅", "tea", "")


class History:
    """What each document's price was, from which number of the log on."""

    def __init__(self, ids: Sequence[str]) -> None:
        self._seqs: dict[str, list[int]] = {i: [0] for i in ids}
        self._prices: dict[str, list[float | None]] = {i: [None] for i in ids}

    def changed(self, id_: str, seq: int, price: float | None) -> None:
        self._prices.setdefault(id_, [None]).append(price)
        self._seqs.setdefault(id_, [0]).append(seq)

    def price(self, id_: str, seq: int) -> float | None:
        return self._prices[id_][bisect_right(self._seqs[id_], seq) - 1]


def test_no_search_fails_or_mixes_states_while_snapshots_are_folded_and_swapped(
    tmp_path: Path,
) -> None:
    rows = [row | {"price": None} for row in city_rows(300)]
    data, settings = tmp_path / "data", Settings.load(CONFIG, OVERRIDES, environment={})
    reindex([str(write(tmp_path / "c.jsonl", rows))], settings, data, now_ms=NOW_MS, workers=1)
    ids = [row["id"] for row in rows]
    history, answers, engine = History(ids), [], make_engine(data, *OVERRIDES)
    is_over = threading.Event()
    with (
        running(create_app(engine, engine.settings, None)) as client,
        ThreadPoolExecutor(SEARCHERS + 1) as pool,
    ):
        folding = pool.submit(keep_changing, client, settings, data, history, ids, is_over)
        each = SEARCHES // SEARCHERS
        for found in pool.map(lambda n: search(client, each, n), range(SEARCHERS)):
            answers += found
        is_over.set()
        swaps = folding.result()
    engine.close()
    assert swaps >= 2
    assert [a.text for a in answers if a.status_code != 200] == []
    seen = [a.json() for a in answers]
    assert len({a["snapshot_id"] for a in seen}) >= 2
    for answer in seen:
        for result in answer["results"]:
            shown = result["document"].get("price")
            assert shown == history.price(result["id"], answer["log_seq"]), (answer, result["id"])


def search(client: httpx.Client, count: int, number: int) -> list[httpx.Response]:
    url = "/v1/search"
    return [client.get(url, params={"q": QUERIES[(i + number) % 4]}) for i in range(count)]


def keep_changing(
    client: httpx.Client,
    settings: Settings,
    data: Path,
    history: History,
    ids: Sequence[str],
    is_over: threading.Event,
) -> int:
    """Change documents and fold the changes, over and over. Returns how often a new one served."""
    swaps = 0
    while not is_over.is_set() or swaps < 2:
        for n in range(20):
            change(client, history, ids[(37 * (20 * swaps + n)) % len(ids)], 20.0 * swaps + n)
        compacted = compact(settings, data, now_ms=NOW_MS + 60_000 * (swaps + 1))
        assert compacted is not None
        until(lambda c=compacted: client.get("/readyz").json()["snapshot_id"] == c.snapshot_id)
        swaps += 1
    return swaps


def change(client: httpx.Client, history: History, id_: str, price: float) -> None:
    """Patch in place, or put anew under another row; either way the price says when."""
    url, answer = f"/v1/documents/{id_}", None
    if price % 2:
        answer = client.patch(url, json={"price": price})
    else:
        now: dict[str, Any] = client.get(url).json()["document"]
        answer = client.put(url, json=now | {"price": price})
    history.changed(id_, answer.json()["seq"], price)
