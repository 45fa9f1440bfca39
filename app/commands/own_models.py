"""train --rows and train --model: for models that are trained elsewhere, and what they exclude."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from app.commands import options as o
from app.domain.errors import InvalidInput
from app.offline.labelled import JudgedBy
from app.offline.workflow import write_training_rows
from app.offline.workplace import Workplace


def refuse_together(
    rows: Path | None, model: Path | None, kind: str | None, asked: Mapping[str, object]
) -> None:
    """Raise InvalidInput where --rows or --model is given with what it makes no sense with.

    `asked`: option → its value, of those that need a training.
    """
    option = "--rows" if rows else "--model" if model else None
    if option is None:
        return
    if kind is not None:
        raise InvalidInput(
            f"{option} is for recipes of rankers, this one is of kind {kind!r}; name another recipe"
        )
    given = {**asked, "--model": rows and model}
    allowed = () if rows else ("--publish",)
    clash = [name for name, value in given.items() if value and name not in allowed]
    if clash:
        does = "writes rows and trains nothing" if rows else "takes a model as it is"
        raise InvalidInput(f"{option} {does}; leave out {', '.join(clash)}")


def write_rows_and_show(
    place: Workplace,
    recipe: Path,
    labels: JudgedBy,
    folder: Path,
    *,
    now_ms: int,
    max_groups: int | None,
    as_json: bool,
) -> None:
    """Write the rows, and print which files there are."""
    names, written = write_training_rows(
        place, recipe, labels, folder, now_ms=now_ms, max_groups=max_groups, progress=o.progress()
    )
    result = {
        "features": list(names),
        "files": [{"file": str(w.file), "groups": w.groups, "rows": w.rows} for w in written],
    }
    lines = [
        *(f"{w.file}: {w.rows:,} rows in {w.groups:,} groups" for w in written),
        f"{len(names)} features; release what you train: duolu train {recipe} --model model.txt",
    ]
    o.show(result, as_json, lines)
