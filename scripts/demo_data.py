"""Writes a synthetic bilingual city: catalogue, sessions, judged queries. See docs/demo-data.md."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress as Bars

from app.domain.errors import DuoluError
from app.offline.demo.generate import DemoOptions, Progress, write_demo

DEFAULT = DemoOptions()
AS_IT_STANDS = "\b"  # typer keeps the lines of a paragraph that begins so
HELP = f"""Write a SYNTHETIC bilingual (Chinese and English) city for trying and measuring Duolu.

{AS_IT_STANDS}
catalog.jsonl             places and products
sessions.jsonl            shown lists with clicks, biased by position
events.jsonl              which phone and desktop belong to one person
queries.jsonl, qrels.txt  held-out queries, graded by the hidden truth
README.txt                says that all of it is synthetic

{AS_IT_STANDS}
scripts/demo_data.py --out data/demo
scripts/demo_data.py --out data/million --documents 1000000 --sessions 0
duolu reindex data/demo/catalog.jsonl
duolu train models/lambdarank/recipe.toml --sessions data/demo/sessions.jsonl
duolu evaluate --queries data/demo/queries.jsonl --qrels data/demo/qrels.txt
"""

app = typer.Typer(add_completion=False)


@app.command(help=HELP)
def main(
    out: Annotated[Path, typer.Option(help="Directory to write into; made if missing.")],
    documents: Annotated[int, typer.Option(help="Rows of catalog.jsonl.")] = DEFAULT.documents,
    users: Annotated[int, typer.Option(help="People who search.")] = DEFAULT.users,
    sessions: Annotated[
        int, typer.Option(help="Shown lists with clicks; 0 writes no sessions and no events.")
    ] = DEFAULT.sessions,
    queries: Annotated[
        int, typer.Option(help="Held-out queries with grades; 0 writes none.")
    ] = DEFAULT.queries,
    days: Annotated[int, typer.Option(help="How many days the sessions span.")] = DEFAULT.days,
    until: Annotated[
        datetime, typer.Option(help="End of the sessions, UTC; fixed, so that runs repeat.")
    ] = DEFAULT.until.replace(tzinfo=None),
    seed: Annotated[int, typer.Option(help="Same seed and sizes, same bytes.")] = DEFAULT.seed,
) -> None:
    """Draw the city and write it; HELP says what comes out."""
    try:
        options = DemoOptions(
            documents, users, sessions, queries, days, until.replace(tzinfo=UTC), seed
        )
        with _progress() as progress:
            report = write_demo(options, out, progress)
    except (DuoluError, OSError) as error:
        typer.echo(f"demo data not written: {error}", err=True)
        raise typer.Exit(2) from error
    typer.echo(f"SYNTHETIC demo data, seed {seed}, in {out}:\n{report}", nl=False)


@contextmanager
def _progress() -> Iterator[Progress]:
    """Bars on a terminal; elsewhere one line when a stage is done."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _announce
        return
    with Bars(console=console) as bars:
        tasks = {}

        def show(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done)

        yield show


def _announce(stage: str, done: int, total: int) -> None:
    if done == total:
        typer.echo(f"{stage}: {total:,}", err=True)


if __name__ == "__main__":
    app()
