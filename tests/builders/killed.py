"""Writers and compactions that are killed at random, and what is left after each death.

    python -m tests.builders.killed DATA ROUNDS SEED

Prints one JSON object. Rounds run in forks of this process, so that each starts at once; whatever
they promise comes through a pipe, as a client would have heard it.
"""

from __future__ import annotations

import os
import random
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from app.corpus.document_log import DocumentLog
from app.corpus.document_writes import Write
from app.corpus.group_commit import GroupCommit
from app.domain.changes import Change, Op
from app.offline.compaction import compact
from app.snapshot.following import Following
from app.snapshot.store import ArtifactStore
from tests.builders import NOW_MS
from tests.builders.reindexing import serving, settings

IDS = [f"killed{i}" for i in range(80)]
LONGEST_S = 1.0  # that a round lives whose death may come at any point
PATIENCE_S = 30.0  # for a publication, in the other rounds: they die close behind one


@dataclass(slots=True)
class Expected:
    """What a document may be: as last acknowledged, or as asked for since."""

    states: list[dict[str, Any] | None] = field(default_factory=lambda: [None])

    def asked(self, state: dict[str, Any] | None) -> None:
        self.states.append(state)

    def acknowledged(self) -> None:
        self.states = self.states[-1:]


def main(data: Path, rounds: int, seed: int) -> dict[str, Any]:
    rng = random.Random(seed)
    warm(data)
    expected = {id_: Expected() for id_ in IDS}
    acknowledged, wrong = 0, []
    folded: set[str] = set()
    for number in range(rounds):
        acknowledged += one_round(data, rng, expected, number)
        found = orjson.loads(in_fork(lambda out: look(data, out)))
        folded.add(found["snapshot_id"])
        for id_, e in expected.items():
            is_ = found["documents"].get(id_)
            if is_ not in e.states:
                wrong.append({"round": number, "id": id_, "is": is_, "expected": e.states})
            e.states = [is_]  # what was in flight is decided now
    return {"acknowledged": acknowledged, "snapshots": len(folded), "wrong": wrong}


def warm(data: Path) -> None:
    """Load what forks will need, and leave no thread or connection for them to inherit."""
    log = DocumentLog.open(data)
    log.append(
        [Write([Change(Op.PUT, "warm", orjson.dumps({"id": "warm", "title": "x"}))], NOW_MS)]
    )
    log.close()
    compact(settings(), data, now_ms=NOW_MS)


def one_round(data: Path, rng: random.Random, expected: dict[str, Expected], number: int) -> int:
    """Let one write and one compact, kill both at some moment. Returns how many were promised."""
    reading, writing = os.pipe()
    seed = rng.random()
    writer = fork(lambda: write_for_ever(data, writing, random.Random(seed), number))
    os.close(writing)
    compactor = fork(lambda: compact_for_ever(data))
    said = os.read(reading, 1 << 16)  # the writer has begun
    if number % 2:
        before = current(data)
        said += hear(reading, PATIENCE_S, lambda: current(data) != before)
    said += hear(reading, rng.uniform(0, 0.1 if number % 2 else LONGEST_S), lambda: False)
    for victim in rng.sample([writer, compactor], 2):
        os.kill(victim, signal.SIGKILL)
        time.sleep(rng.choice([0, 0.05]))
    for victim in (writer, compactor):
        os.waitpid(victim, 0)
    with os.fdopen(reading, "rb") as told:
        return understand(said + told.read(), expected)


def hear(pipe: int, seconds: float, is_enough: Callable[[], bool]) -> bytes:
    """Listen for so long."""
    said, end = b"", time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0 and not is_enough():
        if select.select([pipe], [], [], min(left, 0.01))[0]:
            said += os.read(pipe, 1 << 16)
    return said


def current(data: Path) -> str | None:
    return ArtifactStore(data / "snapshots", "snapshot").current_id()


def understand(told: bytes, expected: dict[str, Expected]) -> int:
    """Read what the writer asked for and what was acknowledged; a cut last line was not said."""
    promised = 0
    for line in told.split(b"\n")[:-1]:
        id_, *asked = orjson.loads(line)
        if asked:
            expected[id_].asked(asked[0])
        else:
            expected[id_].acknowledged()
            promised += 1
    return promised


def write_for_ever(data: Path, pipe: int, rng: random.Random, number: int) -> None:
    """Put, patch and delete, several documents in flight, one change of each at a time."""
    log = DocumentLog.open(data)
    queue: GroupCommit[Write, Any] = GroupCommit(log.append, lambda _: 1, 50, 100)
    queue.start()
    known: dict[str, dict[str, Any] | None] = dict.fromkeys(IDS)
    for step in range(1_000_000):
        in_flight = []
        for id_ in rng.sample(IDS, 4):
            change, known[id_] = some_change(id_, known[id_], rng, f"{number}.{step}")
            os.write(pipe, orjson.dumps([id_, known[id_]]) + b"\n")
            in_flight.append((id_, queue.submit(Write([change], NOW_MS))))
        for id_, future in in_flight:
            future.result()
            os.write(pipe, orjson.dumps([id_]) + b"\n")


def some_change(
    id_: str, now: dict[str, Any] | None, rng: random.Random, mark: str
) -> tuple[Change, dict[str, Any] | None]:
    """Return a change and the document after it; what it did not put, it does not patch."""
    op = rng.choice([Op.PUT, Op.PATCH, Op.DELETE]) if now else Op.PUT
    if op is Op.DELETE:
        return Change(op, id_, b""), None
    if op is Op.PATCH and now:
        keys = rng.choice([{"price": rng.randint(1, 99)}, {"title": f"t{mark}"}])
        return Change(op, id_, orjson.dumps(keys)), {**now, **keys}
    document = {"id": id_, "title": f"t{mark}", "text": "x" * rng.randint(0, 20_000)}
    return Change(Op.PUT, id_, orjson.dumps(document)), document


def compact_for_ever(data: Path) -> None:
    log = DocumentLog.open(data)
    chosen = settings("documents.rebuild_share=0.6")
    for number in range(1_000_000):
        if log.last_seq():
            compact(chosen, data, now_ms=NOW_MS + 1000 * number + os.getpid())


def look(data: Path, out: int) -> None:
    """Write what a reader finds who starts now: the newest snapshot, verified, and the log."""
    snapshot, log = serving(data), DocumentLog.open(data)
    following = Following(snapshot)
    following.take(list(log.entries(snapshot.log_seq, log.last_seq())))
    documents = following.at(following.seq).documents
    rows = {id_: documents.row_of(id_) for id_ in IDS}
    found = {id_: documents.document(row) for id_, row in rows.items() if row >= 0}
    body = orjson.dumps({"snapshot_id": snapshot.id, "documents": found})
    with os.fdopen(out, "wb") as pipe:
        pipe.write(body)


def fork(work: Callable[[], None]) -> int:
    child = os.fork()
    if child:
        return child
    try:
        work()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)
    return 0


def in_fork(work: Callable[[int], None]) -> bytes:
    reading, writing = os.pipe()
    child = fork(lambda: work(writing))
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said


if __name__ == "__main__":
    result = main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
    sys.stdout.buffer.write(orjson.dumps(result) + b"\n")
