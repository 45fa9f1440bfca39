"""How fast documents are acknowledged: over HTTP and on disk, beside bare SQLite.

    make bench-documents            (python benchmarks/documents.py --documents 20000 --rounds 5)

A gateway of its own process serves a small catalogue, embedded, and nothing is compacted meanwhile.
Each round sends the same new documents in bulks of 2,000, by one client and by four; then single
documents, by one client and by 32, who share fsyncs. After each, bare SQLite takes the same bytes,
1,000 rows to a transaction (one, for single documents), with the same promise: WAL,
synchronous=FULL.
"""

from __future__ import annotations

import shutil
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import httpx
import orjson
import typer
from results_file import write
from served import NEVER_FOLDED, client_of, serving
from speed_catalogue import CONFIG, DUOLU

ROOT = Path(__file__).parents[1]
BULK = 2_000
NDJSON = {"Content-Type": "application/x-ndjson"}


def main(
    documents: Annotated[int, typer.Option(help="Written in bulk, each round.")] = 20_000,
    singles: Annotated[int, typer.Option(help="Written one by one, each round.")] = 1_000,
    rounds: Annotated[int, typer.Option()] = 5,
    work: Annotated[Path, typer.Option()] = Path("data/bench/documents"),
) -> None:
    """Measure and write results/documents.json."""
    rows = catalogue(work, max(documents, singles))
    bulks = [b"\n".join(rows[i : i + BULK]) for i in range(0, documents, BULK)]
    samples: dict[str, list[float]] = {}
    with serving(work / "data", NEVER_FOLDED) as service, client_of(service.url) as client:
        cases = _cases(client, bulks, rows[:singles])
        for _ in range(rounds):
            for case, (count, ours, bare) in cases.items():
                samples.setdefault(case, []).append(count / seconds(ours))
                peer = seconds(lambda bare=bare: bare(work / "bare.db"))
                samples.setdefault(f"{case}, bare", []).append(count / peer)
    table = [_row(case, samples) for case in cases]
    for row in table:
        typer.echo(f"{row['case']:28} {row['ours']:9,.0f}/s   bare {row['peer']:9,.0f}/s")
    typer.echo(f"written: {write('documents', table, samples)}")


Case = tuple[int, Callable[[], None], Callable[[Path], None]]


def _cases(client: httpx.Client, bulks: list[bytes], singles: list[bytes]) -> dict[str, Case]:
    """Name each case and say how many documents it writes, and how."""
    lines = [line for bulk in bulks for line in bulk.split(b"\n")]

    def post(bulk: bytes) -> None:
        client.post("/v1/documents", content=bulk, headers=NDJSON).raise_for_status()

    def put(line: bytes) -> None:
        url = f"/v1/documents/{orjson.loads(line)['id']}"
        client.put(url, content=line).raise_for_status()

    def by(clients: int, send: Callable[[bytes], None], bodies: Sequence[bytes]) -> None:
        with ThreadPoolExecutor(clients) as pool:
            list(pool.map(send, bodies))

    return {
        "bulk, 1 client": (len(lines), lambda: by(1, post, bulks), bare_writer(lines, 1_000)),
        "bulk, 4 clients": (len(lines), lambda: by(4, post, bulks), bare_writer(lines, 1_000)),
        "single, 1 client": (len(singles), lambda: by(1, put, singles), bare_writer(singles, 1)),
        "single, 32 clients": (len(singles), lambda: by(32, put, singles), bare_writer(singles, 1)),
    }


def bare_writer(lines: list[bytes], at_once: int) -> Callable[[Path], None]:
    def write_all(file: Path) -> None:
        for old in file.parent.glob(f"{file.name}*"):
            old.unlink()
        database = sqlite3.connect(file, isolation_level=None)
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        database.execute("CREATE TABLE log (seq INTEGER PRIMARY KEY, body BLOB)")
        for start in range(0, len(lines), at_once):
            database.execute("BEGIN IMMEDIATE")
            chosen = [(line,) for line in lines[start : start + at_once]]
            database.executemany("INSERT INTO log (body) VALUES (?)", chosen)
            database.execute("COMMIT")
        database.close()

    return write_all


def catalogue(work: Path, count: int) -> list[bytes]:
    """Index a small city and return documents to write: of the same kind, with new ids."""
    shutil.rmtree(work / "data", ignore_errors=True)
    source = work / f"source-{count}"
    if not (source / "catalog.jsonl").exists():
        script = str(ROOT / "scripts" / "demo_data.py")
        amounts = ("--documents", str(count), "--sessions", "100", "--queries", "20")
        subprocess.run([sys.executable, script, "--out", str(source), *amounts], check=True)
    lines = (source / "catalog.jsonl").read_bytes().splitlines()
    (work / "indexed.jsonl").write_bytes(b"\n".join(lines[:2_000]))
    subprocess.run([*DUOLU, "reindex", str(work / "indexed.jsonl"), "--data", str(work / "data"),
                    "--config", str(CONFIG)], check=True)  # fmt: skip
    return [orjson.dumps(orjson.loads(line) | {"id": f"new{i}"}) for i, line in enumerate(lines)]


def seconds(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _row(case: str, samples: dict[str, list[float]]) -> dict[str, Any]:
    ours, bare = (statistics.median(samples[name]) for name in (case, f"{case}, bare"))
    return {
        "case": case, "ours": ours, "peer": bare, "peer_name": "bare SQLite",
        "ratio": ours / bare, "unit": "documents/s",
    }  # fmt: skip


if __name__ == "__main__":
    typer.run(main)
