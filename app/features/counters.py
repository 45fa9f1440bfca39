"""Features of what was shown and clicked lately, over windows of time (docs/adr/0014-counters.md).

A window is 1h, 1d, 7d, 30d, decayed or all, back from the moment of the tables. Rates are smoothed
towards their family's prior: what was hardly shown is neither good nor bad.
"""

from typing import Any

import numpy as np

from app.features.feature import template


@template(unit="ratio", over="window")
def ctr(doc_window_ctr: Any) -> Any:
    """Share of the document's impressions that were clicked, smoothed."""
    return doc_window_ctr


@template(unit="log count", over="window")
def impressions_log(doc_window_impressions: Any) -> Any:
    """log(1 + times that the document was shown)."""
    return np.log1p(doc_window_impressions)


@template(unit="ratio", over="window")
def category_ctr(doc_category_ctr: Any) -> Any:
    """Smoothed CTR of all documents of the document's (first) category."""
    return doc_category_ctr


@template(unit="ratio", over="window")
def brand_ctr(doc_brand_ctr: Any) -> Any:
    """Smoothed CTR of all documents of the document's brand."""
    return doc_brand_ctr


@template(unit="ratio", over="window")
def query_document_ctr(pair_window_ctr: Any) -> Any:
    """Smoothed CTR of the document after this very query; NaN if it was never typed."""
    return pair_window_ctr


@template(unit="log count", over="window")
def query_document_impressions_log(pair_window_impressions: Any) -> Any:
    """log(1 + times shown after this very query); NaN if it was never typed."""
    return np.log1p(pair_window_impressions)


@template(unit="ratio", over="window")
def query_ctr(query_window_ctr: Any) -> Any:
    """Smoothed CTR of whatever this very query showed: the same for all candidates."""
    return query_window_ctr


@template(unit="log count", over="window")
def query_impressions_log(query_window_impressions: Any) -> Any:
    """log(1 + documents that this very query showed): the same for all candidates."""
    return np.log1p(query_window_impressions)


@template(unit="ratio", over="window")
def hour_ctr(query_hour_ctr: Any) -> Any:
    """Smoothed CTR at this hour of the day (UTC): the same for all candidates."""
    return query_hour_ctr


@template(unit="ratio", over="window")
def cell_ctr(query_cell_ctr: Any) -> Any:
    """Smoothed CTR of people around here (some 5 km): the same for all; NaN without a place."""
    return query_cell_ctr
