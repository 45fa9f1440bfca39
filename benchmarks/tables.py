"""How fast behaviour becomes tables: all of them, and the counters among them.

    python benchmarks/tables.py [--sessions 200000] [--turns 5]

Draws a log of lists of ten, a third of them with a click, over sixty days; documents and queries by
Zipf's law. Prints events a second of processor time (one thread) and writes results/tables.json.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import numpy as np
import orjson
import typer
from results_file import write

from app.corpus.analyzer import Analyzer
from app.corpus.event_columns import EventColumns
from app.corpus.event_log import HOT
from app.offline.behaviour.build import DEFAULT, learn
from app.offline.behaviour.counters import count_showings
from app.offline.behaviour.memory import QueryTerms

SEED = 7
NOW_MS = 1_767_225_600_000
SPAN_MS = 60 * 86_400_000
LISTED = 10


def main(
    sessions: Annotated[int, typer.Option(help="Shown lists.")] = 200_000,
    documents: Annotated[int, typer.Option(help="Documents to show.")] = 100_000,
    queries: Annotated[int, typer.Option(help="Distinct queries.")] = 50_000,
    turns: Annotated[int, typer.Option(help="How often each is built.")] = 5,
) -> None:
    """Build the tables and the counters in turns, print and keep what it took."""
    events = EventColumns.of([draw(sessions, documents, queries)])
    terms = QueryTerms.of(events, Analyzer.build([]), ("default",))
    ordinal = np.arange(len(events.document.names), dtype=np.int32)
    shown = int(events.shown.lengths.sum())
    typer.echo(f"{len(events):,} events, {shown:,} impressions, {queries:,} queries")
    builds: Mapping[str, Callable[[], object]] = {
        "all tables": lambda: learn(events, terms, NOW_MS),
        "counters": lambda: count_showings(events, terms, ordinal, NOW_MS, DEFAULT),
    }
    samples: dict[str, list[float]] = {name: [] for name in builds}
    for turn in range(turns + 1):  # the first compiles
        for name, build in builds.items():
            started = time.process_time()
            build()
            if turn:
                samples[name].append(time.process_time() - started)
    rows = [row(name, seconds, len(events), shown) for name, seconds in samples.items()]
    typer.echo(f"written: {write('tables', rows, samples)}")


def row(name: str, seconds: list[float], events: int, shown: int) -> dict[str, Any]:
    """Print one line; the median of the turns."""
    took = float(np.median(seconds))
    rates = f"{events / took:,.0f} events/s, {shown / took:,.0f} impressions/s"
    typer.echo(f"  {name:<12} {took:.2f} s  {rates}")
    return {"case": name, "ours": took, "unit": "s", "events": events, "impressions": shown}


def draw(sessions: int, documents: int, queries: int) -> dict[str, list[Any]]:
    """Return the columns of a log: each list, and the click that some got a minute later."""
    rng = np.random.default_rng(SEED)
    moments = np.sort(rng.integers(NOW_MS - SPAN_MS, NOW_MS - 60_000, sessions)).tolist()
    typed = zipf(rng, queries, sessions).tolist()
    lists = zipf(rng, documents, sessions * LISTED).reshape(-1, LISTED).tolist()
    clicked = np.where(rng.random(sessions) < 1 / 3, rng.integers(0, LISTED, sessions), -1).tolist()
    rows: list[dict[str, Any]] = []
    for i, (ts_ms, query, shown, place) in enumerate(
        zip(moments, typed, lists, clicked, strict=True)
    ):
        ids = [f"d{d:07d}" for d in dict.fromkeys(shown)]
        common = {"query_id": f"r{i:08d}", "query": f"query {query}", "user_id": f"u{i % 50_000}",
                  "lat": 31 + i % 40 / 100, "lon": 121.0}  # fmt: skip
        rows.append({**common, "action_name": "impression", "ts_ms": ts_ms,
                     "shown": orjson.dumps(ids).decode()})  # fmt: skip
        if 0 <= place < len(ids):
            rows.append({**common, "action_name": "click", "ts_ms": ts_ms + 60_000,
                         "object_id": ids[place]})  # fmt: skip
    numbered = [{"seq": seq, "positions_known": True, **one} for seq, one in enumerate(rows, 1)]
    return {name: [one.get(name) for one in numbered] for name in HOT}


def zipf(rng: np.random.Generator, most: int, size: int) -> np.ndarray:
    """Ranks below `most` whose frequency falls as 1 ÷ rank: log-uniform, rounded down."""
    return np.asarray(np.exp(rng.random(size) * np.log(most)), np.int64) - 1


if __name__ == "__main__":
    typer.run(main)
