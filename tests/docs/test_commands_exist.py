"""What the documents tell people to type is there, and says what it does."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import typer

from app.cli import app

ROOT = Path(__file__).parents[2]
CLI = typer.main.get_command(app)
TARGETS = re.compile(r"^([a-z-]+):(?:.*## (.+))?$", re.MULTILINE)
CODE = re.compile(r"```[a-z]*\n((?s:.*?))```|`([^`\n]+)`|^ {4}(.+)$", re.MULTILINE)
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")
DUOLU = re.compile(r"(?:^|[\s/;|(])duolu ([a-z][a-z-]+)([^`\n|;#]*)")
MAKE = re.compile(r"(?:^|[\s;(])make ([a-z][a-z-]+)")


def documents() -> list[Path]:
    return sorted(
        [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("examples/**/*.md")]
    )


def pieces_of_code(document: Path) -> Iterator[str]:
    for found in CODE.finditer(document.read_text("utf-8")):
        yield next(piece for piece in found.groups() if piece is not None)


def targets() -> dict[str, str]:
    return dict(TARGETS.findall((ROOT / "Makefile").read_text("utf-8")))


def commands() -> dict[str, click.Command]:
    return dict(getattr(CLI, "commands", {}))


@pytest.mark.parametrize("command", commands())
def test_every_command_says_what_it_does(command):
    assert commands()[command].help


def test_the_readme_begins_with_the_two_commands():
    code = pieces_of_code(ROOT / "README.md")
    assert [MAKE.findall(next(code)), MAKE.findall(next(code))] == [["demo"], ["test"]]


@pytest.mark.parametrize("document", documents(), ids=lambda d: str(d.relative_to(ROOT)))
def test_every_make_target_in_a_document_exists(document):
    asked = {name for code in pieces_of_code(document) for name in MAKE.findall(code)}
    assert asked <= targets().keys()


@pytest.mark.parametrize("document", documents(), ids=lambda d: str(d.relative_to(ROOT)))
def test_every_command_and_option_in_a_document_exists(document):
    for code in pieces_of_code(document):
        for name, rest in DUOLU.findall(code.replace("\\\n", " ")):
            assert name in commands(), f"duolu {name}"
            assert options_in(rest) <= known_options(name), f"duolu {name}{rest}"


@pytest.mark.parametrize("document", documents(), ids=lambda d: str(d.relative_to(ROOT)))
def test_every_link_in_a_document_leads_somewhere(document):
    links = LINK.findall(document.read_text("utf-8"))
    assert not [link for link in links if not (document.parent / link).exists()]


def test_every_make_target_says_what_it_does():
    assert not [name for name, said in targets().items() if not said]


def test_the_makefile_means_one_thing():
    done = subprocess.run(
        ["make", "--no-print-directory", "help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert not done.stderr
    assert done.stdout.count("\n") == len(targets())


def options_in(rest: str) -> set[str]:
    try:
        words = shlex.split(rest)
    except ValueError:  # an apostrophe in prose
        words = rest.split()
    return {word.partition("=")[0].rstrip(".,)") for word in words if word.startswith("--")}


def known_options(name: str) -> set[str]:
    parameters = commands()[name].params
    given = {o for p in parameters for o in (*p.opts, *p.secondary_opts)}
    return given | {"--help"}


def test_every_decision_stands_in_the_index_by_a_number_of_its_own():
    folder = ROOT / "docs" / "adr"
    index = (folder / "README.md").read_text("utf-8")
    pages = sorted(folder.glob("[0-9]*.md"))
    titled = [page.read_text("utf-8").removeprefix("# ")[:4] for page in pages]
    assert titled == [page.name[:4] for page in pages]
    assert len(set(titled)) == len(titled)
    listed = re.findall(r"^\| \[(\d{4})\]\(([^)]+)\)", index, re.MULTILINE)
    assert listed == [(page.name[:4], page.name) for page in pages]
