"""How fast events are acknowledged over HTTP, how soon they count, and what live state costs.

    make bench-events               (python benchmarks/events.py --events 50000 --rounds 5)

A gateway of its own process serves a small catalogue, embedded. Each round sends new events in
bodies of 1,000, by one client and by four; single events, by one client and by 32, who share
fsyncs. Between the rounds bare SQLite takes the same bytes, 1,000 rows to a transaction (one, for
single events), with the same promise: WAL, synchronous=FULL. Then clicks are timed from their
acknowledgement to the first search that knows of them. The rest is events_state.py.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import httpx
import orjson
import typer
from documents import bare_writer, catalogue, seconds
from events_state import state_rows
from results_file import write
from served import client_of, serving

BATCH = 1_000
JSON, NDJSON = "application/json", "application/x-ndjson"
Case = tuple[int, Callable[[], None], Callable[[Path], None]]


def main(
    events: Annotated[int, typer.Option(help="Sent in batches, each round.")] = 50_000,
    singles: Annotated[int, typer.Option(help="Sent one by one, each round.")] = 1_000,
    rounds: Annotated[int, typer.Option()] = 5,
    clicks: Annotated[int, typer.Option(help="Timed until a search knows of them.")] = 200,
    work: Annotated[Path, typer.Option()] = Path("data/bench/events"),
) -> None:
    """Measure and write results/events.json."""
    catalogue(work, 2_000)
    indexed = (work / "indexed.jsonl").read_bytes().splitlines()
    fresh = fresh_events([orjson.loads(line)["id"] for line in indexed])
    samples: dict[str, list[float]] = {}
    with serving(work / "data") as service, client_of(service.url) as client:
        for round_ in range(rounds + 1):  # the first warms up
            for case, (count, ours, bare) in cases(client, fresh, events, singles).items():
                rates = count / seconds(ours), count / seconds(lambda b=bare: b(work / "bare.db"))
                if round_:
                    samples.setdefault(case, []).append(rates[0])
                    samples.setdefault(f"{case}, bare", []).append(rates[1])
        samples["until a search knows"] = known_after_ms(client, fresh, clicks)
    table = [rate_row(name, samples) for name in samples if f"{name}, bare" in samples]
    table += delay_rows(samples["until a search knows"])
    state, raw = state_rows(work / "state", rounds)
    for row in table + state:
        peer = f"   {row['peer_name']} {row['peer']:,.0f}" if row["peer"] is not None else ""
        typer.echo(f"{row['case']:40} {row['ours']:12,.1f} {row['unit']}{peer}")
    typer.echo(f"written: {write('events', table + state, samples | raw)}")


def fresh_events(documents: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield clicks for ever, none like another, of 10,000 people."""
    now_ms = int(time.time() * 1e3)
    for n in itertools.count():
        yield {
            "event_id": f"{now_ms}-{n}", "action_name": "click", "timestamp": now_ms + n // 1000,
            "query_id": f"{n // 7:016x}", "client_id": f"c{n % 10_000}",
            "user_id": f"u{n % 10_000}", "event_attributes": {
                "object": {"object_id": documents[n % len(documents)]},
                "position": {"ordinal": n % 10 + 1},
            },
        }  # fmt: skip


def cases(
    client: httpx.Client, fresh: Iterator[dict[str, Any]], events: int, singles: int
) -> dict[str, Case]:
    """Name each case and say how many events it sends, and how."""
    lines = [orjson.dumps(next(fresh)) for _ in range(2 * events)]
    few = [orjson.dumps(next(fresh)) for _ in range(2 * singles)]
    batches = [b"\n".join(lines[i : i + BATCH]) for i in range(0, len(lines), BATCH)]
    half = len(batches) // 2

    def by(clients: int, bodies: Sequence[bytes], media: str) -> None:
        def send(body: bytes) -> None:
            headers = {"Content-Type": media}
            client.post("/v1/events", content=body, headers=headers).raise_for_status()

        with ThreadPoolExecutor(clients) as pool:
            list(pool.map(send, bodies))

    return {
        "batches, 1 client": (events, lambda: by(1, batches[:half], NDJSON),
                              bare_writer(lines[:events], BATCH)),
        "batches, 4 clients": (events, lambda: by(4, batches[half:], NDJSON),
                               bare_writer(lines[events:], BATCH)),
        "single, 1 client": (singles, lambda: by(1, few[:singles], JSON),
                             bare_writer(few[:singles], 1)),
        "single, 32 clients": (singles, lambda: by(32, few[singles:], JSON),
                               bare_writer(few[singles:], 1)),
    }  # fmt: skip


def known_after_ms(
    client: httpx.Client, fresh: Iterator[dict[str, Any]], clicks: int
) -> list[float]:
    """Time each click from its acknowledgement until the profile channel of its person answers."""
    samples = []
    for n in range(clicks):
        who = f"new-{time.monotonic_ns()}-{n}"
        client.post("/v1/events", json=next(fresh) | {"user_id": who}).raise_for_status()
        started = time.perf_counter()
        body = {"user_id": who, "channels": ["profile"], "limit": 1}
        while not client.post("/v1/search", json=body).raise_for_status().json()["results"]:
            pass
        samples.append((time.perf_counter() - started) * 1e3)
    return samples


def rate_row(case: str, samples: dict[str, list[float]]) -> dict[str, Any]:
    ours, bare = (statistics.median(samples[name]) for name in (case, f"{case}, bare"))
    return {
        "case": case, "ours": ours, "peer": bare, "peer_name": "bare SQLite",
        "ratio": ours / bare, "unit": "events/s",
    }  # fmt: skip


def delay_rows(delays_ms: Sequence[float]) -> Iterator[dict[str, Any]]:
    ordered = sorted(delays_ms)
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        value = ordered[min(int(len(ordered) * share), len(ordered) - 1)]
        yield {
            "case": f"until a search knows, {name}", "ours": value, "peer": None,
            "peer_name": None, "ratio": None, "unit": "ms",
        }  # fmt: skip


if __name__ == "__main__":
    typer.run(main)
