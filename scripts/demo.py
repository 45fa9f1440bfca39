"""`make demo`: from nothing to a service that answers, one command a step; what is done stays done.

Each step is a command that anybody may type; it is printed before it runs. A step is left out
where its result is there already and newer than what it was made from.
"""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from app.domain.errors import DuoluError
from app.settings import Settings
from app.snapshot.store import ArtifactStore
from app.snapshot.stores import Stores

HOST = "127.0.0.1"
GATE_REFUSED = 3  # what `duolu train --publish` exits with
QUICK = ("--max-groups", "2000")  # a minute of learning: enough for a city of 20,000
RECIPE = Path("models/lambdarank/recipe.toml")
CONFIG = Path("config/search.toml")


@dataclass(frozen=True, slots=True)
class Step:
    """One command, and what it is for."""

    what: str
    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Demo:
    """Where the demo lives, and which catalogue it serves: the city's where none is given."""

    data: Path
    models: Path
    own: Path | None = None
    size: tuple[str, ...] = ()  # options of scripts/demo_data.py

    @property
    def city(self) -> Path:
        return self.data / "demo"

    @property
    def catalogue(self) -> Path:
        return self.own or self.city / "catalog.jsonl"

    @property
    def sessions(self) -> Path:
        return self.city / "sessions.jsonl"

    @property
    def stores(self) -> Stores:
        return Stores.under(self.data, self.models, Settings.load(CONFIG).rank.model)


def main(
    catalogue: Annotated[Path | None, typer.Option(help="Your own; default: the city.")] = None,
    data: Annotated[Path, typer.Option(envvar="DUOLU_DATA")] = Path("data"),
    models: Annotated[Path, typer.Option(envvar="DUOLU_MODELS")] = Path("models"),
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
) -> None:
    """Make what is missing, then serve."""
    if catalogue is not None and not catalogue.exists():
        sys.exit(f"no catalogue at {catalogue}; give a file that is there: make demo DATA=FILE")
    refuse_taken(port)
    demo = Demo(data, models, catalogue)
    try:
        prepare(demo)
    except DuoluError as error:
        sys.exit(f"demo: {error}")
    except KeyboardInterrupt:
        sys.exit("interrupted; `make demo` goes on where it stopped")
    print(greeting(demo, port), flush=True)
    serve = duolu(demo, "serve", "--host", HOST, "--port", str(port))
    os.execv(serve[0], serve)  # the service takes this process's place: Ctrl-C reaches it alone


def prepare(demo: Demo) -> list[Step]:
    """Run each step that is not done, learning beside a first search, and return those that ran."""
    ran, warming = [], None
    for next_step in (city, index, people, learn):
        step = next_step(demo)
        if step is None:
            continue
        if next_step is learn:
            warming = warm(demo)
        run(step)
        ran.append(step)
    if warming is not None:
        warming.wait()
    return ran


def warm(demo: Demo) -> subprocess.Popen[bytes]:
    """Search once beside learning, which begins on one core: the service finds kernels compiled."""
    search = duolu(demo, "search", "kernels")
    silence = subprocess.DEVNULL
    return subprocess.Popen(search, stdin=silence, stdout=silence, stderr=silence)


def city(demo: Demo) -> Step | None:
    """Draw the demo city, where it is wanted and not there."""
    if demo.own or demo.catalogue.exists():
        return None
    script = ("scripts/demo_data.py", "--out", str(demo.city), *demo.size)
    return Step("draw a synthetic city with its people", (sys.executable, *script))


def index(demo: Demo) -> Step | None:
    """Index the catalogue, unless the snapshot that serves was made from it as it is."""
    manifest = serving(demo.stores.snapshots)
    is_from_it = manifest is not None and manifest["sources"] == [str(demo.catalogue)]
    if manifest and is_from_it and is_newer(manifest, demo.catalogue, CONFIG):
        return None
    return Step("index the catalogue", duolu(demo, "reindex", str(demo.catalogue)))


def people(demo: Demo) -> Step | None:
    """Import which devices belong to one person: before training, which learns from it."""
    if learn(demo) is None:
        return None
    events = demo.city / "events.jsonl"
    return Step("import who is who", duolu(demo, "import-events", str(events)))


def learn(demo: Demo) -> Step | None:
    """Train on the city's sessions, unless a release was, and fits the snapshot."""
    if demo.own or not demo.sessions.exists():
        return None
    releases, snapshot = demo.stores.releases, serving(demo.stores.snapshots)
    newest = releases.manifest(releases.ids()[-1]) if releases.ids() else None
    if newest and fits(newest, snapshot) and is_newer(newest, demo.sessions, RECIPE):
        return None
    given = (str(RECIPE), "--sessions", str(demo.sessions), *QUICK, "--publish")
    return Step("learn to rank from its clicks", duolu(demo, "train", *given))


def run(step: Step) -> None:
    """Say what is done, and do it. Ends the demo if the command fails."""
    print(f"\n── {step.what}\n$ {shown(step.command)}", flush=True)
    code = subprocess.run(step.command, check=False).returncode
    if code == GATE_REFUSED and "train" in step.command:
        print("the gate kept the model back: what served before goes on", flush=True)
    elif code:
        sys.exit(f"demo: stopped at: {step.what} (exit {code})")


def greeting(demo: Demo, port: int) -> str:
    """Say where it serves, and what to try."""
    url = f"http://{HOST}:{port}"
    query = "YOUR WORDS" if demo.own else "附近的火锅"
    if demo.own:
        learned = "no sessions came with it, so no model was trained; with yours"
    else:
        learned = "its model learned from a sample of the sessions; from all of them"
    sessions = "FILE" if demo.own else demo.sessions
    who = "" if demo.own else " -d lat=27.5 -d lon=122.48 -d user_id=u000032"
    return f"""
── serve {demo.catalogue} on {url}
   curl -G '{url}/v1/search' --data-urlencode 'q={query}'{who}
   {learned}: duolu train --sessions {sessions} --publish
   {url}/ is the console, {url}/docs shows every call; Ctrl-C ends the service"""


def refuse_taken(port: int) -> None:
    """End at once, and not after minutes of work, where something else listens."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            sys.exit(f"{HOST}:{port}: {error.strerror}; choose another: make demo PORT={port + 1}")


def duolu(demo: Demo, command: str, *arguments: str) -> tuple[str, ...]:
    script = str(Path(sys.executable).with_name("duolu"))
    return (script, command, *arguments, "--data", str(demo.data), "--models", str(demo.models))


def shown(command: Sequence[str]) -> str:
    return shlex.join([Path(command[0]).name, *command[1:]])


def serving(store: ArtifactStore) -> dict[str, Any] | None:
    current = store.current_id()
    return store.manifest(current) if current in store.ids() else None


def fits(release: dict[str, Any], snapshot: dict[str, Any] | None) -> bool:
    """Tell whether the model reads the terms and vectors of this snapshot."""
    if snapshot is None:
        return False
    encoder = snapshot["encoder"]["id"] if snapshot["encoder"] else None
    return (release["analyzer_id"], release["encoder_id"]) == (snapshot["analyzer_id"], encoder)


def is_newer(manifest: dict[str, Any], *made_from: Path) -> bool:
    """Tell whether an artifact was built after the last change of every file it came from."""
    files = [f for path in made_from for f in (path, *path.rglob("*"))]
    return all(f.stat().st_mtime * 1e3 < manifest["built_at_ms"] for f in files)


if __name__ == "__main__":
    typer.run(main)
