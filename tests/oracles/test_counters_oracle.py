"""Counters against plain loops over raw events, and against events that came later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.corpus.event_columns import EventColumns
from app.corpus.event_log import EventLog
from app.domain.events import Event
from app.offline.behaviour.build import learn
from app.offline.behaviour.config import TableConfig
from app.offline.behaviour.memory import QueryTerms
from app.snapshot.counters import FAMILIES, Counted, fit_prior, smoothed
from app.snapshot.tables import Learned
from tests.oracles.naive_counters import HOUR, NaiveCounters, naive_prior
from tests.oracles.naive_tables import ANALYZER, NOW

CONFIG = TableConfig(counter_half_life_days=3.0)
WINDOW_EDGES = (1, 24, 168, 720)

ages_ms = st.one_of(
    st.integers(-2 * HOUR, 40 * 24 * HOUR),  # negative: from the future
    st.builds(lambda h, d: h * HOUR + d, st.sampled_from(WINDOW_EDGES), st.integers(-1, 1)),
    st.integers(0, 3 * 366 * 24 * HOUR),
)
documents = st.sampled_from([f"d{i}" for i in range(5)])
an_event = st.builds(
    Event,
    event_id=st.integers(0, 60).map(str),  # few: some are delivered twice
    action_name=st.sampled_from(["impression", "impression", "click", "click", "purchase"]),
    ts_ms=ages_ms.map(lambda age: NOW - age),
    query_id=st.sampled_from([None, "r0", "r1", "r2", "r3"]),
    object_id=st.one_of(st.none(), documents),
    query=st.sampled_from([None, "火锅", "火锅  四川", "Coffee", "!!!"]),
    lat=st.just(31.2),
    lon=st.sampled_from([121.0, 121.04, 121.05, -180.0, 180.0]),
    shown=st.lists(documents, unique=True, max_size=4).map(tuple),
)
logs = st.lists(st.one_of(an_event, an_event.map(lambda e: replace(e, lat=None, lon=None))))


def columns(events: Sequence[Event], folder: Path, up_to_seq: int | None = None) -> EventColumns:
    log = EventLog.open(folder / f"{len(list(folder.iterdir()))}.db")
    try:
        log.append(events)
        return EventColumns.load(log, up_to_seq)
    finally:
        log.close()


def learned(events: EventColumns, as_of_ms: int = NOW) -> Learned:
    return learn(events, QueryTerms.of(events, ANALYZER, ("default",)), as_of_ms, CONFIG)


def counted(events: Sequence[Event], folder: Path, as_of_ms: int = NOW) -> tuple[Learned, Counted]:
    tables = learned(columns(events, folder), as_of_ms)
    assert tables.counted is not None
    return tables, tables.counted


def keyed(tables: Learned, found: Counted) -> dict[str, dict[object, list[float]]]:
    """Every block by its keys, spelt as the oracle spells them."""
    names, texts = list(tables.documents.strings), list(found.texts.strings)
    pairs = [
        (text, names[ordinal])
        for i, text in enumerate(texts)
        for ordinal in found.shown[i].tolist()
    ]
    keys = (names, texts, pairs, range(24), found.cells.tolist())
    return {
        family: dict(zip(those, getattr(found, family).tolist(), strict=True))
        for family, those in zip(FAMILIES, keys, strict=True)
    }


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(events=logs)
def test_counters_are_those_of_plain_loops(events: list[Event]) -> None:
    with TemporaryDirectory() as folder:
        tables, found = counted(events, Path(folder))
    naive = NaiveCounters(events, NOW, CONFIG.counter_half_life_days)
    for family, rows in keyed(tables, found).items():
        assert set(naive.buckets[family]) <= set(rows)
        for key, row in rows.items():
            assert row == naive.row(family, key), (family, key)
        assert found.prior(family) == pytest.approx(
            naive_prior([(row[5], row[11]) for row in rows.values()])
        )
    assert {k: v for k, v in found.tally.items() if v} == {
        k: v for k, v in naive.tally.items() if v
    }


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(events=logs, late=logs)
def test_neither_later_events_nor_late_arrivals_change_a_bit(
    events: list[Event], late: list[Event]
) -> None:
    """Later: at or after the moment. Late: before the moment, but after the watermark."""
    later = [replace(e, event_id=f"later{i}", ts_ms=NOW + i) for i, e in enumerate(late)]
    late = [replace(e, event_id=f"late{i}") for i, e in enumerate(late)]
    with TemporaryDirectory() as folder:
        before = columns(events, Path(folder))
        watermark = int(before.seq.max(initial=0))
        after = columns([*events, *late], Path(folder), watermark)
        beside = columns([*later, *events], Path(folder))
    known = [part.tobytes() for part in arrays(learned(before))]
    for other in (after, beside):
        assert [part.tobytes() for part in arrays(learned(other))] == known


def arrays(tables: Learned) -> list[np.ndarray]:
    found = tables.counted
    assert found is not None
    blocks = [getattr(found, family) for family in FAMILIES]
    texts = found.texts.strings.values
    return [*blocks, texts, found.shown.offsets, found.shown.values, found.cells, found.priors]


def test_events_in_any_order_of_arrival_count_alike(tmp_path: Path) -> None:
    events = [
        Event("0", "impression", NOW - 9, "r", shown=("a", "b"), query="火锅"),
        Event("1", "click", NOW - 8, "r", object_id="b"),
        Event("2", "click", NOW - 7, "r", object_id="b"),
        Event("3", "impression", NOW - 6, "r", shown=("b", "c")),
        Event("4", "click", NOW - 5, "r", object_id="z"),
    ]
    forth, back = (counted(some, tmp_path)[1] for some in (events, [*reversed(events), *events]))
    assert forth.documents.tobytes() == back.documents.tobytes()
    assert forth.tally == back.tally
    assert forth.tally == {
        "impressions": 3, "clicks": 1, "shown_again": 1, "clicked_again": 1, "clicked_unshown": 1,
    }  # fmt: skip


def test_a_half_life_halves(tmp_path: Path) -> None:
    shown = [Event(str(i), "impression", NOW - 1 - i * 72 * HOUR, object_id="a") for i in range(3)]
    _, found = counted(shown, tmp_path)
    assert found.documents[0].tolist() == [1, 1, 3, 3, 1.75, 3, 0, 0, 0, 0, 0, 0]


def test_the_prior_is_found_again_that_rates_were_drawn_from() -> None:
    rng = np.random.default_rng(5)
    shown = rng.integers(1, 400, 4000)
    clicked = rng.binomial(shown, rng.beta(3.0, 27.0, shown.size))
    counts = np.zeros((shown.size, 12), np.float32)
    counts[:, 5], counts[:, 11] = shown, clicked
    assert fit_prior(counts) == pytest.approx((3.0, 27.0), rel=0.1)


def test_few_impressions_do_not_shout() -> None:
    counts = np.zeros((3, 12), np.float32)
    counts[:, 0], counts[:, 6] = [1, 1000, 0], [1, 300, 0]
    lucky, proven, unknown = smoothed(counts, 2.0, 18.0)[:, 6]
    assert unknown == np.float32(0.1)
    assert unknown < lucky < proven < 0.3
