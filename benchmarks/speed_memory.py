"""One process that serves and does nothing else, to see what memory it takes.

    python benchmarks/speed_memory.py DATA MODELS QUERIES.jsonl COUNT

Prints its own peak as JSON. Mapped files count as far as they are in memory: the system may drop
those pages again, so that the figure is what serving touches, not what it must have.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from speed_catalogue import CONFIG, Asked, by_pseudonyms, read_asked

from app.bootstrap import Engine
from app.offline.workplace import Workplace
from app.online.gateway.answer import answer_body
from app.online.json_body import to_json
from app.settings import Settings


async def answer_all(engine: Engine, queries: Sequence[Asked]) -> int:
    return sum(
        [
            len(to_json(answer_body(await engine.search(asked.request, asked.now_ms))))
            for asked in queries
        ]
    )


def main() -> None:
    data, models, queries, count = sys.argv[1:]
    started = time.perf_counter()
    place = Workplace(Settings.load(CONFIG, (), {}), Path(data), Path(models))
    engine = Engine(place.settings, place.data, place.models)
    engine.refresh()
    opened_s = time.perf_counter() - started
    asyncio.run(answer_all(engine, by_pseudonyms(place, read_asked(Path(queries), int(count)))))
    engine.close()
    print(json.dumps({"peak_mib": peak_kib() / 1024, "open_s": opened_s}))


def peak_kib() -> int:
    """Highest resident size so far. Not ru_maxrss: that begins with the parent's own."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


if __name__ == "__main__":
    main()
