"""Real data sets, converted to our file formats: one module each, `convert(root, out)`.

`root` holds one folder a data set as published; `out` becomes a data set folder (docs/datasets.md).
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from app.domain.errors import UnknownName
from app.offline.datasets import airbnb, baidu, crosswoz, movielens, msrd, vaswani
from app.offline.datasets.dataset import Dataset, Part, Split

__all__ = ["ADAPTERS", "Dataset", "Part", "Split", "convert"]

ADAPTERS: Mapping[str, Callable[[Path, Path], Dataset]] = MappingProxyType(
    {
        "msrd": msrd.convert,
        "ml_latest_small": movielens.convert,
        "baidu_mstpac": baidu.convert,
        "crosswoz": crosswoz.convert,
        "airbnb_bj_sh": airbnb.convert,
        "vaswani": vaswani.convert,
    }
)


def convert(name: str, root: Path, out: Path) -> Dataset:
    """Convert one data set and describe it in `out/dataset.json`, which is written last."""
    if name not in ADAPTERS:
        raise UnknownName("data set", name, f"known: {', '.join(ADAPTERS)}")
    (out / "dataset.json").unlink(missing_ok=True)
    dataset = ADAPTERS[name](root, out)
    dataset.save(out)
    return dataset
