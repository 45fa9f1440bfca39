"""How long a newcomer takes: README's own commands, in a fresh clone, in an empty environment.

    make bench-newcomer          (python benchmarks/newcomer.py; asks the package index)

What is committed is cloned, and a catalogue of 1,000 rows is drawn with keys that no configuration
knows. Then the commands under README's first two headings are typed as they stand, but for the
port: first `make demo DATA=…` until README's own search is answered (environment, compiling and
index included), then the way step by step, with clicks drawn for the same rows. Reading README up
to there counts as well, at WORDS_A_MINUTE. Prints each command's time and writes
results/newcomer.json; ends with an error where a command fails.
"""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import orjson
import typer
from results_file import write
from served import free_port

ROOT = Path(__file__).parents[1]
LIMIT_S = 600.0
WORDS_A_MINUTE = 200  # English prose, read with care
PATIENCE_S = 1200.0
ENDS_HERE = "From then on"  # what follows needs days of searches
GATE_REFUSED = 3  # of `duolu train --publish`: so few clicks may teach nothing
KEPT = ("PATH", "LANG", "PIP_", "PYENV_", "SSL_", "http_proxy", "https_proxy", "no_proxy")
"""Of the environment: where Python, the package index and its certificates are."""
BLOCK = re.compile(r"(?:^ {4}\S.*\n)+|```console\n(?:.*\n)*?```", re.MULTILINE)
KINDS = (
    ("火锅", "hotpot", "老灶麻辣火锅，宵夜营业。A spicy hotpot with beef, open late."),
    ("茶馆", "tea house", "安静的茶馆，适合聊天。A quiet tea house to talk in."),
    ("面馆", "noodles", "手工拉面与小菜。Hand-pulled noodles and small plates."),
)

Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class Clone:
    """A fresh clone, and what its user types in it."""

    place: Path
    port: int
    environment: Mapping[str, str]

    def run(self, command: str) -> tuple[float, int]:
        """Return the seconds that a command took, and how it ended."""
        began = time.perf_counter()
        with (self.place / "commands.log").open("ab") as log:
            done = subprocess.run(
                self._shell(command), cwd=self.place, env=self.environment, stdout=log, stderr=log,
                timeout=PATIENCE_S, check=False,
            )  # fmt: skip
        return time.perf_counter() - began, done.returncode

    @contextmanager
    def started(self, command: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run a command that does not end by itself, as long as the block lasts."""
        with (self.place / "commands.log").open("ab") as log:
            process = subprocess.Popen(
                self._shell(command), cwd=self.place, env=self.environment, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        try:
            yield process
        finally:
            os.killpg(process.pid, signal.SIGINT)  # Ctrl-C
            process.wait(60)

    def wait_for(self, question: str, process: subprocess.Popen[bytes], began: float) -> float:
        """Ask with README's own command until it finds something; return seconds since `began`."""
        while not self._finds(question):
            if process.poll() is not None or time.perf_counter() - began > PATIENCE_S:
                sys.exit(f"no answer; see {self.place / 'commands.log'}")
            time.sleep(0.2)
        return time.perf_counter() - began

    def _finds(self, question: str) -> bool:
        done = subprocess.run(
            self._shell(question), cwd=self.place, env=self.environment, capture_output=True,
            check=False,
        )  # fmt: skip
        try:
            return bool(orjson.loads(done.stdout)["results"])
        except (orjson.JSONDecodeError, KeyError):  # nobody listens yet, or nothing serves
            return False

    def _shell(self, command: str) -> list[str]:
        told = command.replace(":8000", f":{self.port}")
        told += f" --port {self.port}" if told == "duolu serve" else ""
        activated = "" if told.startswith("make") else ". .venv/bin/activate; "
        return ["bash", "-c", f"{activated}exec {told}"]


def main(
    rows: Annotated[int, typer.Option(help="Of the newcomer's catalogue.")] = 1_000,
    keep: Annotated[Path | None, typer.Option(help="A new folder that is kept.")] = None,
) -> None:
    """Type what README says, and time it."""
    text = (ROOT / "README.md").read_text("utf-8").partition(ENDS_HERE)[0]
    typed = commands(text)
    demo, question = _one(typed, "make demo DATA="), _one(typed, "curl")
    steps = [command for command in typed if command.startswith("duolu")]
    with tempfile.TemporaryDirectory() as scratch:
        clone = _cloned(keep or Path(scratch) / "duolu")
        write_catalogue(clone.place / demo.partition("DATA=")[2], rows)
        seconds = {f"{demo}, then the curl": _demo(clone, demo, question)}
        write_catalogue(clone.place / "catalog.jsonl", rows)
        write_clicks(clone.place, rows)
        seconds |= _step_by_step(clone, steps, question)
    reading_s = len(text.split()) / WORDS_A_MINUTE * 60
    _report(rows, reading_s, seconds)


def commands(text: str) -> list[str]:
    """Return what a page tells to type, in order, without remarks and prompts."""
    lines = [line for block in BLOCK.findall(text) for line in block.splitlines()]
    typed = [re.sub(r"\s+#.*", "", line.strip()).removeprefix("$ ") for line in lines]
    return [line for line in typed if line.split(" ")[0] in ("make", "duolu", "curl")]


def _one(typed: list[str], start: str) -> str:
    found = next((line for line in typed if line.startswith(start)), None)
    return found or sys.exit(f"README.md has no command that begins with {start!r} any more")


def _cloned(place: Path) -> Clone:
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", ROOT, place], check=True)
    kept = {name: value for name, value in os.environ.items() if name.startswith(KEPT)}
    own = f"{Path(sys.executable).parent}:"  # of the environment that measures
    port, home = free_port(), place.parent
    environment = {
        **kept, "PATH": kept["PATH"].replace(own, ""), "PORT": str(port), "HOME": str(home)
    }  # fmt: skip
    return Clone(place, port, environment)


def _demo(clone: Clone, demo: str, question: str) -> float:
    began = time.perf_counter()
    with clone.started(demo) as process:
        took = clone.wait_for(question, process, began)
    return took


def _step_by_step(clone: Clone, steps: list[str], question: str) -> dict[str, float]:
    seconds = {}
    for step in steps:
        if step == "duolu serve":
            began = time.perf_counter()
            with clone.started(step) as process:
                seconds[f"{step}, then the curl"] = clone.wait_for(question, process, began)
            continue
        seconds[step], code = clone.run(step)
        if code not in (0, GATE_REFUSED if step.startswith("duolu train") else 0):
            sys.exit(f"{step} ended with {code}; see {clone.place / 'commands.log'}")
    return seconds


def write_catalogue(file: Path, rows: int) -> None:
    """Write places of a made-up town, with keys of their owner's own."""
    file.parent.mkdir(parents=True, exist_ok=True)
    drawn, lines = random.Random(7), []
    for number in range(rows):
        chinese, english, text = KINDS[number % len(KINDS)]
        row: Row = {
            "id": f"shop-{number}", "title": f"{chinese} {number} 号店 {english} No. {number}",
            "text": text, "category": english, "price": drawn.randint(20, 200),
            "lat": 27.5 + drawn.gauss(0, 0.05), "lon": 122.48 + drawn.gauss(0, 0.05),
            "owner": f"family {drawn.randint(1, 99)}", "tables": drawn.randint(2, 40),
        }  # fmt: skip
        lines.append(orjson.dumps(row))
    file.write_bytes(b"\n".join(lines) + b"\n")


def write_clicks(place: Path, rows: int) -> None:
    """Write what 50 people searched for and clicked, and who has which phone: docs/events.md."""
    drawn, now_ms = random.Random(8), int(time.time() * 1e3)
    sessions, events = [], []
    for number in range(600):
        kind = number % len(KINDS)
        shown = [f"shop-{drawn.randrange(rows)}" for _ in range(10)]
        liked = [s for s in shown if int(s[5:]) % len(KINDS) == kind][:2] or shown[:1]
        session: Row = {
            "request_id": f"r{number}", "ts": now_ms - (600 - number) * 3_600_000,
            "query": KINDS[kind][0], "shown": list(dict.fromkeys(shown)), "clicked": liked,
            "user_id": f"u{drawn.randrange(50)}",
        }  # fmt: skip
        sessions.append(orjson.dumps(session))
    for number in range(50):
        event: Row = {
            "event_id": f"link{number}", "action_name": "link_identity", "timestamp": now_ms,
            "client_id": f"phone{number}", "user_id": f"u{number}",
        }  # fmt: skip
        events.append(orjson.dumps(event))
    (place / "sessions.jsonl").write_bytes(b"\n".join(sessions) + b"\n")
    (place / "events.jsonl").write_bytes(b"\n".join(events) + b"\n")


def _report(rows: int, reading_s: float, seconds: Mapping[str, float]) -> None:
    first = next(iter(seconds.values()))
    total = reading_s + first
    table = [
        {"case": f"{rows:,} rows searched, reading included", "ours": total, "peer": LIMIT_S,
         "peer_name": "limit", "ratio": total / LIMIT_S, "unit": "s"},
        *({"case": what, "ours": took, "peer": None, "peer_name": None, "ratio": None, "unit": "s"}
          for what, took in {"reading README so far": reading_s, **seconds}.items()),
    ]  # fmt: skip
    for row in table:
        typer.echo(f"{row['ours']:8.1f} s  {row['case']}")
    typer.echo(f"written: {write('newcomer', table, {'seconds': seconds})}")


if __name__ == "__main__":
    typer.run(main)
