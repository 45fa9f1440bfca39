"""Features of how a document's words meet the query's, whichever channel found it."""

from typing import Any

import numpy as np

from app.features.feature import feature, template


@template(unit="bm25", over="text")
def bm25(pair_bm25: Any) -> Any:
    """BM25 of the query in this field alone (Robertson & Zaragoza 2009)."""
    return pair_bm25


@template(unit="share", over="text")
def coverage(pair_coverage: Any) -> Any:
    """Share of the query's distinct terms that the field has."""
    return pair_coverage


@template(unit="share of idf", over="text")
def idf_coverage(pair_idf_coverage: Any) -> Any:
    """Share of the query's information (summed idf) that the field has."""
    return pair_idf_coverage


@template(unit="share", over="text")
def field_coverage(pair_field_coverage: Any) -> Any:
    """Share of the field's tokens that are query terms: 1 when nothing else stands there."""
    return pair_field_coverage


@template(unit="flag", over="text")
def starts_with(pair_starts_with: Any) -> Any:
    """1 when the field begins with the query's first term."""
    return pair_starts_with


@template(unit="terms", over="text")
def longest_run(pair_longest_run: Any) -> Any:
    """Most query terms standing side by side in the query's order."""
    return pair_longest_run


@template(unit="share", over="text")
def proximity(pair_proximity: Any) -> Any:
    """Matched terms ÷ the shortest window that holds them."""
    return pair_proximity


@template(unit="flag", over="text")
def equals(pair_equals: Any) -> Any:
    """1 when the field's terms are the query's terms and nothing else."""
    return pair_equals


@template(unit="share of the best", over="text", arithmetic=True)
def bm25_of_best(pair_bm25: Any, list_best_bm25: Any) -> Any:
    """BM25 in this field as a share of the list's best: how far behind the best match."""
    return pair_bm25 / list_best_bm25


@feature(unit="cosine")
def cosine(pair_cosine: Any) -> Any:
    """Cosine of the query's and the document's vectors."""
    return pair_cosine


@feature(unit="cosine", arithmetic=True)
def cosine_behind_best(pair_cosine: Any, list_best_cosine: Any) -> Any:
    """Cosine minus the list's best."""
    return pair_cosine - list_best_cosine


@template(unit="channel's own", over="channel")
def hit_score(hit_score: Any) -> Any:
    """What the channel said; NaN where it did not return the document."""
    return hit_score


@template(unit="position", over="channel")
def hit_rank(hit_rank: Any) -> Any:
    """Position in the channel's list from 1; 0 where it did not return the document."""
    return hit_rank


@template(unit="share of the best", over="channel", arithmetic=True)
def hit_of_best(hit_score: Any, list_best_hit: Any) -> Any:
    """The channel's score as a share of its best hit."""
    return hit_score / list_best_hit


@feature(unit="channels")
def hit_count(hit_channels: Any) -> Any:
    """How many channels returned the document."""
    return hit_channels


@feature(unit="documents")
def candidates(list_size: Any) -> Any:
    """How many candidates there are to choose from."""
    return list_size


@feature(unit="terms")
def query_length(query_term_count: Any) -> Any:
    """Distinct terms of the query."""
    return query_term_count


@feature(unit="idf")
def query_rarity(query_idf_mean: Any) -> Any:
    """Mean idf of the query's known terms: high for names, low for common words."""
    return query_idf_mean


@feature(unit="share")
def query_known(query_known_share: Any) -> Any:
    """Share of the query's terms that the catalogue knows."""
    return query_known_share


@template(unit="flag", over="number")
def between(doc_number: Any, query_number_low: Any, query_number_high: Any) -> Any:
    """1 when the value lies between the lowest and highest number typed; NaN without a number."""
    inside = (doc_number >= query_number_low) & (doc_number <= query_number_high)
    return np.where(np.isnan(doc_number + query_number_low + query_number_high), np.nan, inside)


@template(unit="ratio", over="number", arithmetic=True)
def over_lowest(doc_number: Any, query_number_low: Any) -> Any:
    """The value ÷ the lowest number typed; NaN without a number."""
    return doc_number / query_number_low


@template(unit="ratio", over="number", arithmetic=True)
def over_highest(doc_number: Any, query_number_high: Any) -> Any:
    """The value ÷ the highest number typed; NaN without a number."""
    return doc_number / query_number_high
