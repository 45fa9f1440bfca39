"""All features there are. A recipe (models/NAME/recipe.toml) picks from these by name.

Other packages add theirs by an entry point, so that whoever trains and whoever serves knows them:

    [project.entry-points."duolu.features"]
    shop = "shop_features"          # a module
"""

from importlib.metadata import entry_points

from app.features import asked, behaviour, counters, document, geo, intent, match, released, user
from app.features.feature import Catalog

GROUP = "duolu.features"

CATALOG = Catalog.collect(
    document, match, asked, behaviour, intent, counters, geo, user, released,
    *(point.load() for point in sorted(entry_points(group=GROUP))),
)  # fmt: skip
