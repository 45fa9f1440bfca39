"""From scores to the final order of all candidates, of which a page is a slice.

rules (boost, bury) → groups → diversity → intent → quotas → exploration → rules (pins). With none
of these configured it is the order of the scores. Nothing here changes a score.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from app.domain.arrays import F32, F64, I64, Rows
from app.merge.union import places_by_score
from app.pipeline.diversity import Diversity, Quota, diversified, spread
from app.pipeline.exploration import Exploration, draw, shown_at
from app.pipeline.groups import best_of_groups
from app.pipeline.proportion import Proportion, in_proportion
from app.pipeline.rules import NO_RULES, Rearranged, Rules, place_pins
from app.snapshot.context import SearchContext


@dataclass(frozen=True, slots=True)
class Selection:
    """What is done with a ranked list before its page is cut."""

    rules: Rules = NO_RULES
    diversity: Diversity | None = None
    quotas: tuple[Quota, ...] = ()
    exploration: Exploration | None = None
    intent: Proportion | None = None

    @property
    def is_plain(self) -> bool:
        return not (
            self.rules.rules or self.diversity or self.intent or self.quotas or self.exploration
        )


AS_RANKED = Selection()


@dataclass(frozen=True, slots=True)
class Selected:
    """The final order; places are those among the n candidates."""

    order: I64  # (m,) best first; m < n where groups stand for many
    moved: Mapping[int, str] = field(default_factory=dict)  # place → the rule that moved it
    drawn: Mapping[int, float] = field(default_factory=dict)  # place → how likely it was shown


def select(
    ctx: SearchContext, rows: Rows, scores: F32, selection: Selection = AS_RANKED
) -> Selected:
    """Put n scored candidates in the order in which they are shown, from the first page on."""
    order = best_first(scores)
    if selection.is_plain:
        return Selected(_grouped(ctx, rows, order))
    ruled = selection.rules.rearrange(ctx, rows, scores, order)
    order = _grouped(ctx, rows, ruled.order)
    free, drawn = _spread_out(ctx, rows, order[~np.isin(order, list(ruled.pins))], ruled, selection)
    pins = {place: position for place, position in ruled.pins.items() if place in order}
    return Selected(place_pins(free, pins), ruled.moved, drawn)


def _spread_out(
    ctx: SearchContext, rows: Rows, order: I64, ruled: Rearranged, selection: Selection
) -> tuple[I64, Mapping[int, float]]:
    """Apply diversity, intent, quotas and exploration to all but the pinned and the buried."""
    documents, end = ctx.snapshot.documents, order.size - int(ruled.is_buried[order].sum())
    head, tail = order[:end], order[end:]
    if selection.diversity is not None:
        worth: F64 = ruled.worth[head]
        head = head[diversified(documents, rows[head], worth, selection.diversity)]
    if selection.intent is not None:
        head = head[in_proportion(ctx, rows[head], selection.intent)]
    if selection.quotas:
        head = head[spread(documents, rows[head], selection.quotas)]
    how = selection.exploration
    drawn = draw(ctx, rows[head], how) if how is not None else None
    if drawn is None or how is None:
        return np.concatenate([head, tail]), {}
    likely = {int(head[drawn.at]): drawn.probability}
    return np.concatenate([shown_at(head, drawn, how.position), tail]), likely


def _grouped(ctx: SearchContext, rows: Rows, order: I64) -> I64:
    """Keep the best of each group, where groups were asked for."""
    if ctx.query.group_by is None:
        return order
    return order[best_of_groups(ctx, ctx.query.group_by, rows[order])]


def best_first(scores: F32) -> I64:
    """Places of n candidates by falling score: the one rule of every ranked order. (n,)

    Candidates that a model cannot tell apart stay as the merge had them: by (−score, −fused, row).
    """
    places: I64 = places_by_score(scores)
    return places
