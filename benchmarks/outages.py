"""What searches and writes notice of a server that is away, or a disk that is full.

    make bench-outages

Two gateways, a ranker and an indexer over a real PostgreSQL and a real Redis (the machine's own, as
tests start them), while people search through both gateways. Each server in turn is stopped, or
killed, for some seconds and started again. Then one embedded service on a file system of its own
(tmpfs; needs root, and is left out without) whose last byte is taken, and given back. Prints what
share of searches was answered, how soon `degraded` said so, how writes were refused, how soon all
was whole again, and whether everything acknowledged is there; writes results/outages.json.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import httpx
import typer
from repository import ROOT
from results_file import write

from app.corpus.document_log import DocumentLog
from app.settings import Settings
from tests.builders.cluster import Cluster, cluster, searching
from tests.builders.databases import Server, postgresql, redis
from tests.builders.processes import Served, free_port, services
from tests.builders.servers import publish_snapshot
from tests.builders.waiting import until
from tests.builders.worlds import city_rows

CONFIG = ROOT / "config" / "search.toml"
ROOM_MB = 96
ANSWERED, RECOVERY_S, REFUSED_S = 0.999, 10.0, 1.0


@dataclass(slots=True)
class Outage:
    """What came of one. Seconds count from what began or ended it."""

    what: str
    searches: int = 0
    failed: int = 0
    said_after_s: float = 0.0  # `degraded` named what is missing
    said: str = ""
    write_status: int = 0  # of the first write that was refused; else of the last
    retry_after: str | None = None
    refused_in_s: float = 0.0
    recovery_s: float = 0.0  # every gateway whole, and a write taken
    lost: int = 0  # of what was acknowledged before, meanwhile and afterwards


def main(
    seconds: Annotated[float, typer.Option(help="That a server stays away.")] = 10.0,
    documents: Annotated[int, typer.Option()] = 2_000,
) -> None:
    """Measure and write results/outages.json."""
    outages: list[Outage] = []
    with tempfile.TemporaryDirectory() as scratch, postgresql() as database, redis() as state:
        data = Path(scratch)
        with cluster(data, database, state, documents, usual_limits()) as running:
            until(lambda: not lacks(running.gateways))
            parts: list[tuple[str, Server, Callable[[], None], str]] = [
                ("Redis stopped", state, state.stop, "state:unavailable"),
                ("PostgreSQL stopped", database, database.stop, "identity:unavailable"),
                ("PostgreSQL killed", database, database.kill, "identity:unavailable"),
            ]
            for what, server, end, says in parts:
                outages.append(away(running, Outage(what, said=says), server, end, seconds))
                typer.echo(told(outages[-1]))
    if os.geteuid() == 0:
        outages.append(full_disk(documents, seconds))
        typer.echo(told(outages[-1]))
    else:
        typer.echo("full disk: left out, for mounting a small file system needs root")
    rows = [row for outage in outages for row in rows_of(outage)]
    typer.echo(f"written: {write('outages', rows, {'outages': [asdict(o) for o in outages]})}")


def usual_limits() -> list[str]:
    """The time limits of the default configuration, where tests wait longer."""
    usual = Settings.load(CONFIG, environment={})
    return [
        f"service.timeout_ms={usual.service.timeout_ms}",
        f"rank.timeout_ms={usual.rank.timeout_ms}",
        *(f"channels.{name}.timeout_ms={c.timeout_ms}" for name, c in usual.channels.items()),
    ]  # fmt: skip


def away(
    running: Cluster, outage: Outage, server: Server, end: Callable[[], None], seconds: float
) -> Outage:
    """Let one server be away for so long while people search and somebody writes."""
    written = Written(running.gateways[0])
    with searching(running.gateways) as searched:
        written.put()
        began = time.monotonic()
        end()
        until(lambda: searched.degraded[outage.said] > 0)
        outage.said_after_s = time.monotonic() - began
        while time.monotonic() < began + seconds:
            note(outage, *written.put())
            time.sleep(0.2)
        back = time.monotonic()
        server.start()
        until(lambda: not lacks(running.gateways) and written.put()[0].is_success)
        outage.recovery_s = time.monotonic() - back
    outage.searches, outage.failed = searched.asked, len(searched.failed)
    log = DocumentLog.open(Path("unused"), running.database_url)
    try:
        outage.lost = len(written.acknowledged - {entry.id for entry in log.read()})
    finally:
        log.close()
    return outage


def full_disk(documents: int, seconds: float) -> Outage:
    """Take the last byte of the file system that everything is written to, and give it back."""
    outage = Outage("disk full")
    with small_disk() as disk:
        publish_snapshot(city_rows(documents), disk)
        with services(disk, [("all", free_port())], usual_limits()) as (service,):
            written = Written(service)
            with searching([service]) as searched:
                written.put()
                filling = threading.Event()
                thread = threading.Thread(target=keep_full, args=(disk / "filler", filling))
                thread.start()
                until(lambda: not note(outage, *written.put()).is_success)
                end = time.monotonic() + seconds
                while time.monotonic() < end:
                    note(outage, *written.put())
                    time.sleep(0.2)
                filling.set()
                thread.join()
                (disk / "filler").unlink()
                back = time.monotonic()
                until(lambda: written.put()[0].is_success)
                outage.recovery_s = time.monotonic() - back
            outage.searches, outage.failed = searched.asked, len(searched.failed)
        log = DocumentLog.open(disk)
        outage.lost = len(written.acknowledged - {entry.id for entry in log.read()})
        log.close()
    return outage


def keep_full(filler: Path, ended: threading.Event) -> None:
    """Take every byte that is free, again and again: others give some back."""
    with filler.open("ab", buffering=0) as file:
        while not ended.wait(0.01):
            for size in (1 << 20, 1 << 12, 1):
                try:
                    while file.write(b"\0" * size) == size:
                        pass
                except OSError:
                    continue


@contextmanager
def small_disk() -> Iterator[Path]:
    """A file system of ROOM_MB in memory."""
    with tempfile.TemporaryDirectory() as folder:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={ROOM_MB}m", "duolu-bench", folder]
        subprocess.run(mount, check=True)
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


class Written:
    """Documents put one after another, and which of them were acknowledged."""

    def __init__(self, at: Served) -> None:
        self._at = at
        self._number = 0
        self.acknowledged: set[str] = set()

    def put(self) -> tuple[httpx.Response, float]:
        """Put a document of its own; return the answer and the seconds that it took."""
        self._number += 1
        id_, began = f"written-{time.monotonic_ns()}-{self._number}", time.perf_counter()
        answer = self._at.client.put(f"/v1/documents/{id_}", json={"title": "new lamp"})
        if answer.is_success:
            self.acknowledged.add(id_)
        return answer, time.perf_counter() - began


def note(outage: Outage, answer: httpx.Response, took_s: float) -> httpx.Response:
    """Remember how writes are answered: a refusal above all, and the slowest of them."""
    if not answer.is_success:
        outage.refused_in_s = max(outage.refused_in_s, took_s)
        outage.retry_after = answer.headers.get("retry-after")
    if outage.write_status < httpx.codes.BAD_REQUEST:
        outage.write_status = answer.status_code
    return answer


def lacks(gateways: Sequence[Served]) -> list[str]:
    """What answers of the gateways say that they lack."""
    missing: list[str] = []
    for gateway in gateways:
        answer = gateway.client.post("/v1/search", json={"query": "火锅", "user_id": "ann"}).json()
        missing += answer["degraded"]
    return missing


def told(outage: Outage) -> str:
    answered = 1 - outage.failed / max(outage.searches, 1)
    retry = f", Retry-After {outage.retry_after}" if outage.retry_after else ""
    return (
        f"{outage.what}: {answered:.2%} of {outage.searches:,} searches answered; "
        f"degraded said so after {outage.said_after_s:.2f} s; writes {outage.write_status}{retry}"
        f", the slowest refused in {outage.refused_in_s:.2f} s; whole again after "
        f"{outage.recovery_s:.1f} s; {outage.lost} acknowledged lost"
    )


def rows_of(outage: Outage) -> list[dict[str, object]]:
    answered = 1 - outage.failed / max(outage.searches, 1)
    found = [
        ("searches answered", answered, ANSWERED, "share"),
        ("whole again", outage.recovery_s, RECOVERY_S, "s"),
        ("slowest refusal of a write", outage.refused_in_s, REFUSED_S, "s"),
        ("acknowledged lost", float(outage.lost), 0.0, "documents"),
    ]
    return [
        {"case": f"{outage.what}: {case}", "ours": ours, "peer": limit, "peer_name": "limit",
         "ratio": ours / limit if limit else None, "unit": unit}
        for case, ours, limit, unit in found
    ]  # fmt: skip


if __name__ == "__main__":
    typer.run(main)
