"""Features of how people have acted: on the document, after this query, and this person."""

from typing import Any

import numpy as np

from app.features.feature import feature

PRIOR_CLICKS, PRIOR_IMPRESSIONS = 1.0, 20.0


@feature(unit="log count")
def doc_impressions_log(doc_impressions: Any) -> Any:
    """log(1 + times shown)."""
    return np.log1p(doc_impressions)


@feature(unit="log gain")
def doc_gain_log(doc_gain: Any) -> Any:
    """log(1 + summed gain of clicks, carts and purchases)."""
    return np.log1p(doc_gain)


@feature(unit="log gain")
def doc_recent_gain_log(doc_recent_gain: Any) -> Any:
    """log(1 + gain with time decay): what is popular now."""
    return np.log1p(doc_recent_gain)


@feature(unit="ratio", arithmetic=True)
def doc_ctr(doc_clicks: Any, doc_impressions: Any) -> Any:
    """Clicks per impression, pulled towards 5 % while impressions are few."""
    return (doc_clicks + PRIOR_CLICKS) / (doc_impressions + PRIOR_IMPRESSIONS)


@feature(unit="share", arithmetic=True)
def query_memory_share(pair_query_memory: Any, query_memory_total: Any) -> Any:
    """Share of the gain after this very query that went to the document; NaN if never typed."""
    return pair_query_memory / query_memory_total


@feature(unit="log gain")
def query_memory_log(pair_query_memory: Any) -> Any:
    """log(1 + decayed gain that this very query brought the document)."""
    return np.log1p(pair_query_memory)


@feature(unit="share")
def term_memory_share(pair_term_memory: Any) -> Any:
    """Mean over the query's terms of the share of the term's gain that went to the document."""
    return pair_term_memory


@feature(unit="similarity")
def neighbour_similarity(pair_neighbour: Any) -> Any:
    """Summed item-to-item similarity to what the person acted on, recent things counting more."""
    return pair_neighbour


@feature(unit="log gain")
def user_gain_log(pair_user_gain: Any) -> Any:
    """log(1 + gain of this person's own past actions on the document)."""
    return np.log1p(pair_user_gain)


@feature(unit="hours", arithmetic=True)
def hours_since_user_acted(query_now_ms: Any, pair_user_time_ms: Any) -> Any:
    """Hours since this person last acted on the document; NaN if never."""
    return (query_now_ms - pair_user_time_ms) / 3.6e6


@feature(unit="cosine")
def cosine_clicked(pair_clicked_cosine: Any) -> Any:
    """Cosine of what clicks taught of the query, or its terms, and the document; NaN if unknown."""
    return pair_clicked_cosine


@feature(unit="cosine")
def cosine_taste(pair_taste_cosine: Any) -> Any:
    """Cosine of where the person's latest documents lead and the document; NaN if unknown."""
    return pair_taste_cosine
