"""Indexes a folder unless something is published already: what compose runs at `up`.

So a restart costs nothing, and a catalogue that turned bad never keeps a service from starting
that has an older snapshot to serve.
"""

import os
import sys
from pathlib import Path

from app.cli import main
from app.snapshot.store import ArtifactStore

AGAIN = "docker compose run --rm reindex duolu reindex /catalogue"


def first_index(folder: Path, data: Path) -> None:
    """Index, or say why not."""
    published = ArtifactStore(data / "snapshots", "snapshot").current_id()
    if published:
        print(f"snapshot {published} is published; to index again: {AGAIN}")
    elif all(file.name.startswith(".") for file in folder.iterdir()):
        print(f"{folder} is empty: nothing serves yet; put a catalogue there, then: {AGAIN}")
    else:
        sys.argv[1:] = ["reindex", str(folder)]
        main()


if __name__ == "__main__":
    first_index(Path(sys.argv[1]), Path(os.environ.get("DUOLU_DATA", "data")))
