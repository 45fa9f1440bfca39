"""A data set on disk: a catalogue, what was asked or clicked, and how it may be divided.

`dataset.json` is written last, so a folder that has it is whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import orjson

from app.domain.errors import InvalidInput
from app.offline.lines import records, write_lines
from app.offline.split import split_by_text
from app.offline.trec import Qrels, Topic, read_qrels, write_qrels, write_queries

FILE = "dataset.json"


@dataclass(frozen=True, slots=True)
class Part:
    """The files of one side of a split; None where the data set has no such file."""

    queries: Path | None = None  # JSON Lines of topics
    qrels: Path | None = None  # of these queries alone
    sessions: Path | None = None  # JSON Lines of shown lists
    events: Path | None = None  # JSON Lines for the event log
    seen: Path | None = None  # as qrels: documents to take out of each query's answer

    @property
    def files(self) -> dict[str, Path]:
        """The files that are there, by role."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {role: path for role, path in found.items() if path is not None}

    def sizes(self) -> dict[str, int]:
        """Return lines by role, and how many of the qrels say relevant."""
        sizes = {role: sum(1 for _ in records(path)) for role, path in self.files.items()}
        if self.qrels:
            grades = (g for judged in read_qrels(self.qrels).values() for g in judged.values())
            sizes["relevant"] = sum(grade > 0 for grade in grades)
        return sizes


@dataclass(frozen=True, slots=True)
class Split:
    """What to learn from and what to be judged on."""

    name: str
    train: Part
    test: Part


@dataclass(frozen=True, slots=True)
class Dataset:
    """One data set as a folder. Paths are the folder's; the description stores them relative."""

    name: str
    licence: str
    attribution: str
    catalog: Path
    rule: str  # how the splits were made, in words
    splits: tuple[Split, ...] = ()
    whole: Part = Part()  # everything, undivided
    overrides: tuple[str, ...] = ()  # settings that this catalogue needs, as for --set
    notes: tuple[str, ...] = ()  # what the conversion left out, or what a reader must know

    def save(self, folder: Path) -> None:
        """Write dataset.json. All paths must lie in the folder."""
        description = {
            "name": self.name,
            "licence": self.licence,
            "attribution": self.attribution,
            "catalog": _relative(self.catalog, folder),
            "rule": self.rule,
            "splits": [
                {"name": s.name, "train": _names(s.train, folder), "test": _names(s.test, folder)}
                for s in self.splits
            ],
            "whole": _names(self.whole, folder),
            "overrides": self.overrides,
            "notes": self.notes,
        }
        write_lines(folder / FILE, [orjson.dumps(description, option=orjson.OPT_INDENT_2)])

    @classmethod
    def open(cls, folder: Path) -> Dataset:
        """Read a folder that `save` described.

        Raises InvalidInput if there is no data set or its description is not one.
        """
        try:
            found = orjson.loads((folder / FILE).read_bytes())
            return cls(
                found["name"],
                found["licence"],
                found["attribution"],
                folder / found["catalog"],
                found["rule"],
                tuple(
                    Split(s["name"], _part(s["train"], folder), _part(s["test"], folder))
                    for s in found["splits"]
                ),
                _part(found["whole"], folder),
                tuple(found["overrides"]),
                tuple(found["notes"]),
            )
        except FileNotFoundError:
            remedy = "make it: python scripts/datasets.py NAME --out"
            raise InvalidInput(f"no data set in {folder}; {remedy} {folder}") from None
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise InvalidInput(f"{folder / FILE} is not a description: {error!r}") from None


def write_judged(folder: Path, topics: Iterable[Topic], qrels: Qrels, suffix: str = "") -> Part:
    """Write queries and their qrels, e.g. queries.test.jsonl and qrels.test.txt for ".test"."""
    asked = list(topics)
    part = Part(folder / f"queries{suffix}.jsonl", folder / f"qrels{suffix}.txt")
    judged = {topic.qid: qrels[topic.qid] for topic in asked if topic.qid in qrels}
    write_queries(folder / f"queries{suffix}.jsonl", asked)
    write_qrels(folder / f"qrels{suffix}.txt", judged)
    return part


def write_text_split(
    folder: Path, topics: Iterable[Topic], qrels: Qrels, held_out: int, name: str
) -> Split:
    """Write one train and test side, divided by the hash of the query text into five folds."""
    train, test = split_by_text(topics, lambda topic: topic.text, held_out)
    return Split(
        name,
        write_judged(folder, train, qrels, ".train"),
        write_judged(folder, test, qrels, ".test"),
    )


def _relative(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def _names(part: Part, folder: Path) -> dict[str, str]:
    return {role: _relative(path, folder) for role, path in part.files.items()}


def _part(names: dict[str, Any], folder: Path) -> Part:
    return Part(**{role: folder / name for role, name in names.items()})
