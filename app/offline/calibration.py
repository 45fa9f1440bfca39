"""What a score is worth: held-out documents by the tenth of the score, and what was done with each.

A ranking score is no probability, and only differences within one list were trained. That the
curve rises all the way is what can be asked of it: a tenth that falls back is where lists of
different queries, or features out of their range, are ordered against the evidence.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from app.domain.arrays import F64
from app.offline.evaluate import Answered

TENTHS = 10


@dataclass(frozen=True, slots=True)
class Calibration:
    """Judged documents in order of score, cut into parts of equal size."""

    scores: F64  # (t,) mean score of each part, ascending
    grades: F64  # (t,) mean grade
    relevant: F64  # (t,) share with a grade of at least 1; in a log: clicked
    rows: int  # documents in all parts

    def to_json(self) -> dict[str, object]:
        parts = (self.scores, self.grades, self.relevant)
        scores, grades, relevant = ([round(float(x), 4) for x in part] for part in parts)
        return {"rows": self.rows, "score": scores, "grade": grades, "relevant": relevant}


@dataclass(frozen=True, slots=True)
class Calibrator:
    """Watches an evaluation and keeps score and grade of every judged candidate."""

    variant: str
    _scores: list[float] = field(default_factory=list)
    _grades: list[int] = field(default_factory=list)

    def watch(self, answered: Answered) -> None:
        candidates, scores = answered.orders[self.variant]
        grades = answered.judged.grades
        ids = answered.ctx.snapshot.documents.ids
        rows = ids.find_all(list(grades))
        by_row = {r: g for r, g in zip(rows.tolist(), grades.values(), strict=True) if r >= 0}
        for row, score in zip(candidates.rows.tolist(), scores.tolist(), strict=True):
            if row in by_row:
                self._scores.append(score)
                self._grades.append(by_row[row])

    def result(self) -> Calibration | None:
        """None where there are fewer judged documents than parts."""
        if len(self._scores) < TENTHS:
            return None
        scores, grades = np.array(self._scores), np.array(self._grades, np.float64)
        order = np.argsort(scores, kind="stable")
        parts = np.array_split(order, TENTHS)
        return Calibration(
            np.array([scores[p].mean() for p in parts]),
            np.array([grades[p].mean() for p in parts]),
            np.array([(grades[p] > 0).mean() for p in parts]),
            order.size,
        )
