"""What the README and the examples tell people to type works, in the order in which they read it.

Each ```sh block is run as it stands, in a folder like a fresh clone, but for the port.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.builders.processes import free_port, until

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(str(page.relative_to(ROOT)) for page in ROOT.glob("examples/*/README.md"))
SH = re.compile(r"```sh\n(.*?)```", re.DOTALL)
PORT = "8000"


@dataclass(frozen=True, slots=True)
class Clone:
    """A folder as somebody cloned it, and what runs in it."""

    place: Path
    port: str
    servers: list[subprocess.Popen[bytes]]

    def run(self, block: str) -> str:
        """Run one block in a shell of its own; return what it printed."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", self.told(block)], cwd=self.place,
            env=self.environment, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{block}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    def serve(self, command: str) -> None:
        """Start what does not end, and wait until it answers."""
        words = [*self.told(command).split(), "--port", self.port]
        with (self.place / "serve.log").open("wb") as log:
            self.servers.append(
                subprocess.Popen(
                    words, cwd=self.place, env=self.environment, stdout=log, stderr=log
                )
            )
        until(self.answers)

    def answers(self) -> bool:
        assert self.servers[-1].poll() is None, (self.place / "serve.log").read_text()[-3000:]
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/readyz", trust_env=False).is_success
        except httpx.HTTPError:
            return False

    def told(self, block: str) -> str:
        """Say it as it is run here: at a free port, and installing into this folder."""
        into = f"pip install --target {self.place / 'site'}"
        return block.replace(f":{PORT}", f":{self.port}").replace("pip install", into)

    @property
    def environment(self) -> dict[str, str]:
        installed = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        site = str(self.place / "site")  # where pip puts what an example installs
        kept = {k: v for k, v in os.environ.items() if not k.startswith("DUOLU_")}
        path = f"{ROOT}:{site}"
        return {
            **kept, "PATH": installed, "PYTHONPATH": path,
            "DUOLU_URL": f"http://127.0.0.1:{self.port}", "no_proxy": "*",
        }  # fmt: skip


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Iterator[Clone]:
    place = tmp_path_factory.mktemp("clone")
    for name in ("config", "examples", "scripts"):
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    for recipe in (ROOT / "models").glob("*/recipe.toml"):
        (place / "models" / recipe.parent.name).mkdir(parents=True)
        shutil.copy(recipe, place / "models" / recipe.parent.name)
    made = Clone(place, str(free_port()), [])
    yield made
    for server in made.servers:
        server.terminate()
        server.wait(30)


def blocks(page: str) -> list[str]:
    return SH.findall((ROOT / page).read_text("utf-8"))


def objects(told: str) -> list[dict[str, Any]]:
    """Read JSON objects that stand one behind the other."""
    read, at, out = json.JSONDecoder(), 0, []
    while at < len(told.rstrip()):
        found, at = read.raw_decode(told, at)
        out.append(found)
    return out


def test_02_a_catalogue_of_ones_own_is_searched_ranked_and_served(clone):
    prepare, serve, export = blocks("examples/02_own_catalogue/README.md")
    told = clone.run(prepare)
    assert "catalog.jsonl: 1,000 lines" in told
    assert "耳机" in told
    clone.serve(serve.strip())
    releases = httpx.get(f"http://127.0.0.1:{clone.port}/v1/releases", trust_env=False).json()
    assert releases["serving"] is not None
    assert "K-101" in clone.run(export)


def test_01_searching_from_python_and_from_a_shell(clone):
    python, shell = blocks("examples/01_search/README.md")
    told = clone.run(python)
    assert "耳机" in told.splitlines()[1]
    by_url, filtered, completed = objects(clone.run(shell))
    assert by_url["results"]
    assert all(r["document"]["price"] <= 300 for r in filtered["results"])
    assert filtered["facets"]["brand"]
    assert any(s["text"].startswith("无线") for s in completed["suggestions"])


def test_06_explaining(clone):
    by_service, by_shell = map(clone.run, blocks("examples/06_explain/README.md"))
    assert re.search(r"stands [+-]\d", by_service)
    assert "s0001: " in by_service
    assert by_shell


def test_05_training_from_the_log(clone):
    shop, learn = blocks("examples/05_train_from_your_log/README.md")
    clicked = re.search(r"400 searches, (\d+) clicks", clone.run(shop))
    assert clicked
    assert int(clicked[1]) > 100
    told = clone.run(learn)
    compared = re.search(r"rows of (\d+) impressions compared", told)
    fused = re.search(r"(\d+)  impressions in fused order", told)  # where the machine is busy
    assert compared
    assert int(compared[1]) + int(fused[1] if fused else 0) == 50  # the log holds what they saw


def test_03_a_channel_of_ones_own(clone):
    (block,) = blocks("examples/03_add_a_channel/README.md")
    told = clone.run(f"export ROOT_PATH=$PYTHONPATH\n{block}".replace(
        "PYTHONPATH=", "PYTHONPATH=$ROOT_PATH:"
    ))  # fmt: skip
    found = json.loads(told.splitlines()[-1])
    assert any("fresh" in result["channels"] for result in found["results"])


def test_04_a_feature_of_ones_own(clone):
    (block,) = blocks("examples/04_add_a_feature/README.md")
    release_id = re.search(r"^release (\S+):", clone.run(block), re.MULTILINE)
    assert release_id
    release = clone.place / "models" / "lambdarank" / release_id[1]
    assert "quality_for_money" in json.loads((release / "manifest.json").read_text())["features"]


def test_the_commands_of_the_readme(clone):
    page = (ROOT / "README.md").read_text("utf-8")
    own = page[page.index("## Your own catalogue") : page.index("## How it works")]
    commands = [line.strip() for line in own.splitlines() if line.startswith("    duolu ")]
    shown = "".join(block for page in EXAMPLES for block in blocks(page)).replace("shop/", "")
    for name in ("catalog", "events"):
        shutil.copy(clone.place / "shop" / f"{name}.jsonl", clone.place)
    assert len(commands) == 7
    for command in commands:
        words = command.split("#")[0].strip()
        if words.startswith(("duolu train", "duolu serve")):  # these take their time, and ran
            assert words.removesuffix(" --publish") in shown
        else:
            clone.run(command)


def test_every_page_stands_in_the_table_of_contents():
    contents = (ROOT / "docs" / "README.md").read_text("utf-8")
    pages = {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert {page for page in pages if f"]({page})" in contents} == pages


def test_every_example_stands_in_the_list():
    listed = (ROOT / "examples" / "README.md").read_text("utf-8")
    folders = {f.name for f in (ROOT / "examples").iterdir() if f.is_dir()}
    assert {name for name in folders if f"({name}/README.md)" in listed} == folders
