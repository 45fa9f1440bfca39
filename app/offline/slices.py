"""Kinds of queries that a mean hides: rare ones, each language, new documents, strangers.

| slice | which held-out lists |
|---|---|
| head, torso, tail | by how often the text was asked in the log before: texts in falling order of
  frequency, head until they make up 10 % of all searches, torso until 50 %, the rest tail; a text
  never asked before is tail |
| Chinese, Latin, mixed | Han letters alone, Latin letters alone, anything else with letters |
| new document | a relevant document was published within 30 days before, or never shown before |
| with history | the person had acted on something before |
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

import numpy as np

from app.domain.arrays import Bools
from app.offline.evaluate import Answered, Comparison
from app.offline.judged import Judged

HEAD_SHARE, TORSO_SHARE = 0.10, 0.50
NEW_MS = 30 * 86_400_000
_HAN = ("CJK UNIFIED", "CJK COMPATIBILITY", "IDEOGRAPHIC")


@dataclass(frozen=True, slots=True)
class Slicer:
    """Watches an evaluation and notes of each query to which slices it belongs."""

    bands: Mapping[str, str]  # normal text → head or torso; empty: nothing is known of frequency
    _found: dict[str, set[str]] = field(default_factory=dict)  # slice → qids

    @classmethod
    def of_log(cls, asked: Iterable[Judged]) -> Slicer:
        """Learn how often each text was asked: by timed lists, for those are searches."""
        return cls(bands([normal(j.request.text) for j in asked if j.is_timed]))

    def watch(self, answered: Answered) -> None:
        for name in self._slices(answered):
            self._found.setdefault(name, set()).add(answered.judged.qid)

    def masks(self, comparison: Comparison) -> dict[str, Bools]:
        """Slice → (q,) which of the compared queries belong to it; empty ones are left out."""
        qids = comparison.qids
        masks = {
            name: np.array([qid in self._found.get(name, ()) for qid in qids], np.bool_)
            for name in NAMES
        }
        return {name: mask for name, mask in masks.items() if mask.any()}

    def _slices(self, answered: Answered) -> Iterable[str]:
        text = answered.judged.request.text
        if self.bands:
            yield f"{self.bands.get(normal(text), 'tail')} query"
        if script := script_of(text):
            yield f"{script} query"
        yield "new document" if has_new(answered) else "known documents"
        yield "user with history" if answered.ctx.user.is_known else "user without history"


NAMES = (
    "head query", "torso query", "tail query", "Chinese query", "Latin query", "mixed query",
    "new document", "known documents", "user with history", "user without history",
)  # fmt: skip


def normal(text: str) -> str:
    """The same for spellings that differ in case, width and spaces alone."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def bands(texts: Sequence[str]) -> dict[str, str]:
    """Return head or torso for each frequent text: by share of all searches, not of texts."""
    counts = sorted(Counter(texts).items(), key=lambda item: (-item[1], item[0]))
    before = [0, *accumulate(count for _, count in counts)]
    out = {}
    for (text, _), seen in zip(counts, before, strict=False):
        share = seen / len(texts)
        if share >= TORSO_SHARE:
            break
        out[text] = "head" if share < HEAD_SHARE else "torso"
    return out


def script_of(text: str) -> str | None:
    """Return Chinese, Latin or mixed by the letters; None where there is no letter."""
    letters = [c for c in text if c.isalpha()]
    if not letters:
        return None
    names = [unicodedata.name(c, "") for c in letters]
    if all(name.startswith(_HAN) for name in names):
        return "Chinese"
    return "Latin" if all(name.startswith("LATIN") for name in names) else "mixed"


def has_new(answered: Answered) -> bool:
    """Whether a relevant document is too young to be known by its behaviour."""
    documents, tables = answered.ctx.snapshot.documents, answered.ctx.tables
    relevant = [i for i, grade in answered.judged.grades.items() if grade > 0]
    rows = documents.ids.find_all(relevant)
    rows = rows[rows >= 0]
    if not rows.size:
        return False
    published = documents.numbers.get("published_at")
    if published is not None and (answered.judged.now_ms - published[rows] < NEW_MS).any():
        return True
    return tables.id is not None and bool((tables.counters["impressions"][rows] == 0).any())
