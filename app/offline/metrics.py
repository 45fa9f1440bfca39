"""Per-query metrics of a run against qrels, computed by ir-measures (trec_eval's definitions).

- nDCG@k: gain = grade, discount 1 / log2(rank + 1), ideal over all judged documents (Järvelin and
  Kekäläinen 2002). On grades 0 and 1 this equals the 2^grade - 1 form; above 1 it does not.
- R@k, AP, RR: a document is relevant from grade 1; AP divides by all relevant documents.
- Judged@k: share of the first k shown that somebody judged; k is what was shown where fewer.

A document nobody judged counts as grade 0. Queries without any relevant document cannot tell
rankings apart: they are left out and counted. A query that the run does not answer counts 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import ir_measures
import numpy as np

from app.domain.arrays import F64
from app.domain.errors import InvalidInput

STANDARD = ("nDCG@10", "R@100", "MRR", "AP", "Judged@10")
_ALIASES = {"recall": "R", "judged": "Judged", "ndcg": "nDCG", "mrr": "RR", "map": "AP"}


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What each metric says of each query that has a relevant document."""

    qids: tuple[str, ...]  # (q,)
    values: Mapping[str, F64]  # metric as it was asked for -> (q,) in the order of qids
    without_relevant: int  # queries left out, for nothing judged is relevant
    unanswered: int  # queries kept, of which the run has no document

    def mean(self, metric: str) -> float:
        """Return the mean over queries, NaN if there is none."""
        return float(self.values[metric].mean()) if self.qids else float("nan")


def evaluate(
    run: Mapping[str, Sequence[str]],
    qrels: Mapping[str, Mapping[str, int]],
    metrics: Sequence[str] = STANDARD,
    qids: Iterable[str] | None = None,
) -> Evaluation:
    """Score ranked document ids, best first, for `qids` (default: every query in qrels).

    Only the order in `run` counts, so scores that tie cannot be reordered by document id.

    Raises InvalidInput for a metric that ir-measures does not know or cannot compute.
    """
    measures = {name: _measure(name) for name in metrics}
    asked = tuple(dict.fromkeys(qrels if qids is None else qids))
    kept = tuple(qid for qid in asked if any(grade > 0 for grade in qrels.get(qid, {}).values()))
    answered = {qid: _falling_scores(run[qid]) for qid in kept if run.get(qid)}
    judged = {qid: dict(qrels[qid]) for qid in kept}
    columns = _per_query(tuple(measures.values()), kept, judged, answered)
    values = {name: columns[measure] for name, measure in measures.items()}
    return Evaluation(kept, values, len(asked) - len(kept), len(kept) - len(answered))


def without(
    run: Mapping[str, Sequence[str]], seen: Mapping[str, Iterable[str]]
) -> dict[str, list[str]]:
    """Return the run with each query's seen documents taken out, the order kept.

    The run must reach deep enough: take k + the most documents anybody has seen.
    """
    known = {qid: set(ids) for qid, ids in seen.items()}
    return {qid: [i for i in ids if i not in known.get(qid, ())] for qid, ids in run.items()}


def _per_query(
    measures: tuple[ir_measures.Measure, ...],
    qids: tuple[str, ...],
    qrels: dict[str, dict[str, int]],
    run: dict[str, dict[str, float]],
) -> dict[ir_measures.Measure, F64]:
    columns = {measure: np.zeros(len(qids)) for measure in measures}
    if not run:
        return columns
    places = {qid: place for place, qid in enumerate(qids)}
    for found in ir_measures.iter_calc(list(columns), qrels, run):
        columns[found.measure][places[found.query_id]] = found.value
    return columns


def _falling_scores(ids: Sequence[str]) -> dict[str, float]:
    scores = dict(zip(ids, np.arange(len(ids), 0, -1, dtype=np.float64).tolist(), strict=True))
    if len(scores) < len(ids):
        twice = next(i for place, i in enumerate(ids) if i in ids[:place])
        raise InvalidInput(f"document {twice!r} stands twice in one ranking; keep its best place")
    return scores


def _measure(name: str) -> ir_measures.Measure:
    base, at, cutoff = name.partition("@")
    try:
        measure = ir_measures.parse_measure(_ALIASES.get(base.lower(), base) + at + cutoff)
        known = ir_measures.DefaultPipeline.supports(measure)
    except (NameError, ValueError, KeyError, AssertionError):  # what ir-measures raises
        known = False
    if not known:
        raise InvalidInput(f"unknown metric {name!r}; use e.g. {' '.join(STANDARD)} P@5 Success@1")
    return measure
