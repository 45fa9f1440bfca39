"""Labels: what was done with a shown list → grades of its documents, and what nobody may have seen.

Skip-above: people read from the top, so that what stands above the lowest click was seen and
passed over, while of what stands below nothing is known (Joachims, "Optimizing search engines
using clickthrough data", KDD 2002).
"""

from __future__ import annotations

from dataclasses import dataclass

from app.domain.events import Session
from app.offline.recipe import Grades


@dataclass(frozen=True, slots=True)
class Labels:
    """Of one list."""

    grades: dict[str, int]
    unobserved: frozenset[str] = frozenset()  # shown, and left out


def label(session: Session, grades: Grades) -> Labels:
    """Grade the documents of a list; the highest grade of what was done with one counts.

    Where positions are unknown there is no above and no below: what was not clicked is a 0. What a
    rule moved is left out: people saw it because somebody wanted them to.
    """
    done = acted(session, grades)
    rest = [one for one in session.shown if one not in done]
    unobserved: frozenset[str] = frozenset()
    if grades.unclicked == "skip_above" and session.positions_known:
        seen = max((i for i, one in enumerate(session.shown) if one in done), default=-1)
        unobserved = frozenset(one for one in session.shown[seen + 1 :] if one not in done)
    unobserved |= session.moved
    if grades.explored == "leave_out":
        unobserved |= session.drawn
    graded = {**dict.fromkeys(rest, 0), **done}
    return Labels({one: g for one, g in graded.items() if one not in unobserved}, unobserved)


def acted(session: Session, grades: Grades) -> dict[str, int]:
    """Grade what was clicked, carted or bought."""
    found: dict[str, int] = {}
    for documents, grade in (
        (session.carted, grades.carted),
        (session.purchased, grades.purchased),
    ):
        for one in documents:
            found[one] = max(found.get(one, 0), grade)
    for one in session.clicked:
        found[one] = max(found.get(one, 0), _click(session.dwell_ms.get(one), grades))
    return found


def _click(stay_ms: int | None, grades: Grades) -> int:
    """A stay that nobody measured counts as long enough."""
    is_bounce = stay_ms is not None and stay_ms < grades.satisfied_s * 1000
    return grades.bounced if is_bounce else grades.clicked
