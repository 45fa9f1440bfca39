"""Pages of several workers become one in which nothing is lost and everybody is told apart."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from app.domain.candidates import ChannelHits
from app.online.metrics import Metrics
from app.online.pages import STALE_S, SharedPages, merged

NOW_S = 1_760_000_000.0


def metrics(searches: int) -> Metrics:
    made = Metrics("gateway")
    for _ in range(searches):
        made.search({"recall": 3.0}, [ChannelHits.nothing("lexical")], ["vector:failed"])
    made.request('/v1/"quoted"\\', 200, 0.01)
    return made


def samples(page: bytes) -> dict[tuple, float]:
    return {
        (s.name, *sorted(s.labels.items())): s.value
        for family in text_string_to_metric_families(page.decode()) for s in family.samples
    }  # fmt: skip


@given(st.lists(st.integers(0, 3), min_size=1, max_size=4))
def test_every_sample_of_every_worker_is_there_once(counts: list[int]) -> None:
    pages = {str(i): metrics(count).page() for i, count in enumerate(counts)}
    whole = merged(pages.items())
    expected = {
        (name, *sorted([*labels, ("worker", worker)])): value
        for worker, page in pages.items() for (name, *labels), value in samples(page).items()
    }  # fmt: skip
    assert samples(whole) == expected
    types = [line for line in whole.decode().splitlines() if line.startswith("# TYPE")]
    assert len(types) == len(set(types))


def test_a_worker_reads_the_others_and_itself_afresh(tmp_path: Path) -> None:
    own, other = metrics(1), metrics(2)
    first = SharedPages(tmp_path / "0.prom", own.page)
    second = SharedPages(tmp_path / "1.prom", other.page)
    second._write(other.page())
    os.utime(tmp_path / "1.prom", (NOW_S, NOW_S))
    own.search({"recall": 3.0})
    found = samples(first.whole(NOW_S + 1))
    name = "duolu_stage_seconds_count"
    assert found[(name, ("stage", "recall"), ("worker", "0"))] == 2
    assert found[(name, ("stage", "recall"), ("worker", "1"))] == 2
    later = samples(first.whole(NOW_S + STALE_S + 1))
    assert (name, ("stage", "recall"), ("worker", "1")) not in later


def test_who_ends_takes_the_page_along(tmp_path: Path) -> None:
    pages = SharedPages(tmp_path / "0.prom", metrics(0).page)
    pages.start()
    pages._write(metrics(0).page())
    pages.close()
    assert list(tmp_path.iterdir()) == []
