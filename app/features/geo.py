"""Features of where the document is, seen from where the person is."""

from typing import Any

import numpy as np

from app.features.feature import feature


@feature(unit="km")
def distance_km(pair_distance_km: Any) -> Any:
    """Great-circle distance from the query's place; NaN without one."""
    return pair_distance_km


@feature(unit="log km")
def distance_log(pair_distance_km: Any) -> Any:
    """log(distance + 50 m): the first kilometre matters most."""
    return np.log(pair_distance_km + 0.05)


@feature(unit="km", arithmetic=True)
def distance_behind_nearest(pair_distance_km: Any, list_nearest_km: Any) -> Any:
    """Kilometres farther than the nearest candidate."""
    return pair_distance_km - list_nearest_km


@feature(unit="km", arithmetic=True)
def distance_behind_nearest_match(pair_distance_km: Any, list_nearest_match_km: Any) -> Any:
    """Kilometres farther than the nearest candidate that has all of the query's best match."""
    return pair_distance_km - list_nearest_match_km


@feature(unit="log ratio")
def distance_to_nearest_match_ratio(pair_distance_km: Any, list_nearest_match_km: Any) -> Any:
    """Log of distance ÷ that of the nearest best match, each + 50 m."""
    return np.log((pair_distance_km + 0.05) / (list_nearest_match_km + 0.05))
