"""All features there are. A recipe (models/NAME/recipe.toml) picks from these by name."""

from app.features import asked, behaviour, counters, document, geo, match, released, user
from app.features.feature import Catalog

CATALOG = Catalog.collect(document, match, asked, behaviour, counters, geo, user, released)
