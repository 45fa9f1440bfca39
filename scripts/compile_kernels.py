"""Compiles what services and jobs call, so that an image brings it along: FOLDER/ID.

Nothing lists the kernels: a small shop is drawn, indexed, learned from, searched, explained and
compacted, as its owner would, and what numba compiles meanwhile is kept. Numba finds a kernel by
the text of its module and by the name and features of the processor: on another one, services
compile again, into the copy that scripts/container.sh makes for them. The ID is drawn from what
is in the folder, so that two images never share one.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Annotated

import orjson
import typer
from demo import Demo, Step, duolu, prepare, run

SMALL = ("--documents", "300", "--users", "50", "--sessions", "600", "--queries", "0")
QUERY = "附近的火锅"
NEW = {"id": "new", "title": "新开的茶馆 a tea house", "lat": 27.5, "lon": 122.48, "price": 20}


def main(
    folder: Annotated[Path, typer.Argument(help="Gets one folder, named by its content.")],
) -> None:
    """Use a small shop in every way, and keep what that compiled."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as shop, tempfile.TemporaryDirectory(dir=folder) as fresh:
        os.environ["NUMBA_CACHE_DIR"] = fresh  # of every command that follows
        demo = Demo(Path(shop) / "data", Path(shop) / "models", size=SMALL)
        prepare(demo)
        for step in used(demo, Path(shop) / "new.jsonl"):
            run(step)
        kept = folder / digest(Path(fresh))
        Path(fresh).rename(kept)
        Path(fresh).mkdir()  # what TemporaryDirectory removes
    kept.chmod(0o755)
    print(f"{sum(1 for _ in kept.rglob('*.nbc'))} kernels in {kept}")


def used(demo: Demo, new: Path) -> list[Step]:
    """Say what an owner does with a shop that is indexed and learned from."""
    new.write_bytes(orjson.dumps(NEW))
    (release,) = demo.stores.releases.ids()
    who = ("--user", "u000032", "--lat", "27.5", "--lon", "122.48")
    return [
        Step(
            "serve the model, whatever it learned",
            duolu(demo, "publish", release, "--force"),
        ),
        Step("change a document", duolu(demo, "reindex", "--incremental", str(new))),
        Step("search, changes and all", duolu(demo, "search", QUERY, *who, "--explain")),
        Step("ask why", duolu(demo, "explain", QUERY, "new")),
        Step("fold the change", duolu(demo, "compact")),
    ]


def digest(folder: Path) -> str:
    """Return 16 hexadecimal digits drawn from the names and bytes of all files."""
    drawn = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        drawn.update(f"{file.relative_to(folder)}\0".encode())
        drawn.update(file.read_bytes())
    return drawn.hexdigest()[:16]


if __name__ == "__main__":
    typer.run(main)
