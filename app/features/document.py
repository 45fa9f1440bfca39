"""Features of a document, seen at the time of the query."""

from typing import Any

import numpy as np

from app.features.feature import feature, template


@template(unit="as in the catalogue", over="number")
def attr(doc_number: Any) -> Any:
    """A number field of the catalogue, as it stands."""
    return doc_number


@feature(unit="hours", arithmetic=True)
def doc_age_hours(query_now_ms: Any, doc_published_at: Any) -> Any:
    """Hours since the document was published."""
    return (query_now_ms - doc_published_at) / 3.6e6


@feature(unit="log hours")
def doc_age_log(doc_age_hours: Any) -> Any:
    """log(1 + age): a day matters to a new document and not to an old one."""
    return np.log1p(np.maximum(doc_age_hours, 0))


@template(unit="tokens", over="text")
def length(doc_length: Any) -> Any:
    """Tokens in the field."""
    return doc_length
