"""What rows newer than the snapshot cost a search, stage by stage, while nothing is written.

    make bench-newer        (python benchmarks/newer_rows.py --size 100000 --newer 0,1000,10000)

One process opens the same synthetic city several times: upon the snapshot alone, and upon logs that
went on by so many documents since: half of them new, half in place of others, a twentieth as many
prices patched beside. Each query is asked of all of them in turn, in an order drawn anew each
round, and all stages of the search in an order of their own; so that they share the machine and its
caches alike. A query's figure is its quietest round, and ratios are taken query by query.
"""

from __future__ import annotations

import gc
import os
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import faiss
import numpy as np
import typer
from freshness_load import documents_of
from in_turn import linked
from results_file import write
from speed import patient
from speed_catalogue import Asked, City, prepare
from speed_stages import Sample, Stages, by_stage, per_query
from speed_table import line, row

from app.bootstrap import Engine
from app.corpus.document_log import DocumentLog
from app.corpus.document_writes import Write
from app.corpus.intake import patch_of, put_of, rules_of
from app.domain.changes import Change

SEED = 7
MUST = {"whole p50": 1.3, "whole p95": 1.5}
DOCUMENTS_A_PATCH = 20


def main(
    size: Annotated[int, typer.Option(help="Documents of the snapshot.")] = 100_000,
    newer: Annotated[str, typer.Option(help="Rows newer than it; the first is the measure.")] = (
        "0,1000,10000"
    ),
    queries: Annotated[int, typer.Option(help="Of the city's own.")] = 120,
    rounds: Annotated[int, typer.Option(help="Times that each query is measured.")] = 5,
    work: Annotated[Path, typer.Option(help="Where cities are kept.")] = Path("data/bench/speed"),
) -> None:
    """Measure, print the table, write results/newer_rows.json."""
    faiss.omp_set_num_threads(1)
    city = prepare(size, work, rebuild=False)
    counts = [int(count) for count in newer.split(",")]
    with ExitStack() as stack:
        stages = {count: _opened(city, count, stack) for count in counts}
        gc.collect()
        gc.freeze()
        raw = sample_in_turn(stages, city.queries(queries), rounds)
    quiet = {count: per_query(samples) for count, samples in raw.items()}
    rows = [r for c in counts[1:] for r in _compared(c, quiet[c], quiet[counts[0]])]
    for r in rows:
        typer.echo(line(r))
    facts = {str(count): by_stage(samples) for count, samples in raw.items()}
    written = write("newer_rows", rows, {"load": os.getloadavg(), "size": size, **facts})
    typer.echo(f"written: {written}")


def _opened(city: City, count: int, stack: ExitStack) -> Stages:
    """Open the city as it stands so many documents later."""
    data = linked(city.place.data, Path(stack.enter_context(TemporaryDirectory())) / "data")
    own = city.place.snapshot()
    log = DocumentLog.open(data)
    if count:
        log.append([Write(list(changes(city, count)), ts_ms=0)], floor=own.log_seq)
    log.close()
    engine = Engine(patient(city.settings), data, city.place.models)
    stack.callback(engine.close)
    engine.refresh()
    rows = len(engine.acquire().snapshot) - len(own)
    if rows != count:
        raise RuntimeError(f"{rows} newer rows are searched where {count} were written")
    return stack.enter_context(Stages(engine, None))


def changes(city: City, count: int) -> Iterator[Change]:
    """Yield `count` documents and, beside every twentieth, a new price of another one."""
    own = city.place.snapshot().documents
    rules = rules_of(own.schema, city.settings.reindex.max_field_bytes)
    documents = documents_of(city.root / "source" / "catalog.jsonl")
    for i in range(count):
        document = next(documents)
        yield put_of(document, rules)
        if i % DOCUMENTS_A_PATCH == 0:
            id_ = own.ids.strings[i * 6007 % len(own)]
            yield patch_of(id_, {"price": float(i % 89)}, rules, lambda _: True)


def sample_in_turn(
    stages: Mapping[int, Stages], asked: Sequence[Asked], rounds: int
) -> dict[int, list[list[Sample]]]:
    """Return of each engine, for each query, its samples, one a round. The first round warms up."""
    order = random.Random(SEED)
    requests = {count: [one.prepare(a) for a in asked] for count, one in stages.items()}
    samples: dict[int, list[list[Sample]]] = {c: [[] for _ in asked] for c in stages}
    for turn in range(rounds + 1):
        places = [(at, count) for at in range(len(asked)) for count in stages]
        order.shuffle(places)
        for at, count in places:
            sample = stages[count].measure(requests[count][at], order)
            if turn:
                samples[count][at].append(sample)
    return samples


def _compared(count: int, ours: Sequence[Sample], bare: Sequence[Sample]) -> list[dict[str, Any]]:
    """Hold every stage against the same without newer rows: medians, and of the whole p95."""
    found = []
    for stage in sorted({stage for sample in bare for stage in sample}):
        both = [(a[stage], b[stage]) for a, b in zip(ours, bare, strict=True)
                if stage in a and stage in b]  # fmt: skip
        a, b = np.array(both).T
        for p in (50, 95) if stage == "whole" else (50,):
            case = f"{stage} p{p}"
            found.append(
                row(f"{count:,} newer: {case}", float(np.percentile(a, p)),
                    float(np.percentile(b, p)), "without", "µs", MUST.get(case))
            )  # fmt: skip
    return found


if __name__ == "__main__":
    typer.run(main)
