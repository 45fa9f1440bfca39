"""What only this shop knows of ranking."""

from typing import Any

import numpy as np

from app.features.feature import feature


@feature(unit="stars")
def quality_for_money(doc_rating: Any, doc_price: Any) -> Any:
    """Rating by price: stars for each tenfold of what it costs."""
    return doc_rating / np.log10(np.maximum(doc_price, 0) + 10)
