"""The catalogues that speed is measured on: drawn, indexed and trained once, then reused."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from speed_process import Spent, run

from app.offline.trec import read_queries
from app.offline.workplace import Workplace
from app.query.understand import SearchRequest, place
from app.settings import Settings

ROOT = Path(__file__).parents[1]
CONFIG = ROOT / "config" / "search.toml"
RECIPE = ROOT / "models" / "lambdarank" / "recipe.toml"
DUOLU = (sys.executable, "-m", "app.cli")

FEWER = {"rounds": 200, "early_stopping": 200, "max_groups": 1000}
"""What the timed model is trained with instead of the recipe's own: it need be no better."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One query of the catalogue's own, and when it is asked."""

    request: SearchRequest
    now_ms: int


@dataclass(frozen=True, slots=True)
class City:
    """A synthetic city of `size` documents, with sessions, a snapshot, tables and a release."""

    size: int
    root: Path
    settings: Settings

    @property
    def place(self) -> Workplace:
        return Workplace(self.settings, self.root / "data", self.root / "models")

    @property
    def built(self) -> dict[str, Any]:
        """Seconds and peak MiB of each step, measured when the city was built."""
        file = self.root / "built.json"
        return dict(json.loads(file.read_text())) if file.exists() else {}

    def queries(self, count: int) -> list[Asked]:
        return by_pseudonyms(self.place, read_asked(self.root / "source" / "queries.jsonl", count))

    def serving_memory(self, count: int) -> dict[str, float]:
        """Peak MiB and seconds to open, of a process that answers `count` queries alone."""
        script = str(ROOT / "benchmarks" / "speed_memory.py")
        where = (self.place.data, self.place.models, self.root / "source" / "queries.jsonl")
        spent = run([sys.executable, script, *map(str, where), str(count)])
        return dict(json.loads(spent.output.splitlines()[-1]))


def read_asked(file: Path, count: int) -> list[Asked]:
    return [
        Asked(SearchRequest(t.text, user_id=t.user_id, origin=place(t.lat, t.lon)), t.now_ms or 0)
        for t in read_queries(file)[:count]
    ]


def by_pseudonyms(place: Workplace, asked: Sequence[Asked]) -> list[Asked]:
    """Return the same queries of people by the names that tables have for them, as a gateway's."""
    with place.door() as door:
        known = door.of_known([a.request for a in asked])
    return [replace(a, request=request) for a, request in zip(asked, known, strict=True)]


def prepare(size: int, work: Path, rebuild: bool) -> City:
    """Make what is missing. Each step is a command that anybody may type."""
    city = City(size, work / str(size), Settings.load(CONFIG, (), {}))
    if rebuild:
        shutil.rmtree(city.root, ignore_errors=True)
    source, built = city.root / "source", city.built
    if not (source / "queries.jsonl").exists():
        _draw(size, source)
    if city.place.stores.snapshots.current_id() is None:
        built["reindex"] = _step("reindex", str(source / "catalog.jsonl"), city=city)
        _keep(built, city)
    if city.place.stores.releases.current_id() is None:
        _step("import-events", str(source / "events.jsonl"), city=city)
        sessions = ("--sessions", str(source / "sessions.jsonl"))
        recipe = _timed_recipe(work / "recipe.toml")
        built["train"] = _step("train", str(recipe), *sessions, city=city)
        city.place.stores.releases.publish(built["train"]["release_id"])  # no gate: it is timed
        _keep(built, city)
    return city


def _keep(built: dict[str, Any], city: City) -> None:
    (city.root / "built.json").write_text(json.dumps(built, indent=2))


def _timed_recipe(file: Path) -> Path:
    """Write the committed recipe with FEWER in it."""
    text = RECIPE.read_text("utf-8")
    for key, value in FEWER.items():
        text, found = re.subn(rf"^{key} = .*$", f"{key} = {value}", text, flags=re.MULTILINE)
        if found != 1:
            raise ValueError(f"{RECIPE} has {found} lines that set {key}, expected one")
    file.write_text(text, "utf-8")
    return file


def _draw(size: int, out: Path) -> Spent:
    amounts = ("--documents", size, "--sessions", 20_000, "--users", 2_000, "--queries", 1_000)
    script = ROOT / "scripts" / "demo_data.py"
    return run([sys.executable, str(script), "--out", str(out), *map(str, amounts)])


def _step(command: str, *arguments: str, city: City) -> dict[str, Any]:
    where = ("--data", str(city.place.data), "--models", str(city.place.models))
    print(f"{city.size:,}: duolu {command}", flush=True)
    spent = run([*DUOLU, command, *arguments, *where, "--config", str(CONFIG), "--json"])
    report = json.loads(spent.output.splitlines()[-1])
    return {
        "seconds": spent.seconds,
        "peak_mib": spent.peak_mib,
        "stages": report.get("seconds", {}),
        "release_id": report.get("release_id"),
        "trees": report.get("rounds"),
    }
