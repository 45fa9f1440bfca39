"""Converts a real data set to Duolu's files: python scripts/datasets.py msrd --out DIR."""

from pathlib import Path
from typing import Annotated

import typer

from app.domain.errors import DuoluError
from app.offline.datasets import ADAPTERS, Dataset, convert


def main(
    name: Annotated[str, typer.Argument(help=", ".join(ADAPTERS))],
    out: Annotated[Path, typer.Option(help="the folder to write")],
    source: Annotated[
        Path, typer.Option(envvar="DUOLU_DATASETS", help="the folder of published data sets")
    ],
) -> None:
    """Write catalogue, queries, qrels, sessions, events and dataset.json (docs/datasets.md)."""
    try:
        report(convert(name, source, out))
    except DuoluError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


def report(dataset: Dataset) -> None:
    """Print what the data set holds, in lines of its files."""
    print(f"{dataset.name}: {dataset.catalog} ({dataset.licence})")
    sides = [("whole", dataset.whole)]
    sides += [(f"{s.name}.train", s.train) for s in dataset.splits]
    sides += [(f"{s.name}.test", s.test) for s in dataset.splits]
    for side, part in sides:
        sizes = ", ".join(f"{count} {role}" for role, count in part.sizes().items())
        print(f"  {side}: {sizes or 'nothing'}")
    for remark in (dataset.rule, *(f"--set {key}" for key in dataset.overrides), *dataset.notes):
        print(f"  {remark}")


if __name__ == "__main__":
    typer.run(main)
