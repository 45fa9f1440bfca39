"""Other programs that score LightGBM's trees, as far as they are installed."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.domain.arrays import F32

Scorer = Callable[[F32], Any]


def installed(booster: Any, features: int) -> dict[str, Scorer]:
    """Return each peer's scorer by name; say of the others how to install them."""
    found: dict[str, Scorer] = {}
    for name, make in (("onnxruntime", _onnxruntime), ("tl2cgen", _tl2cgen)):
        try:
            found[name] = make(booster, features)
        except ImportError as error:
            print(f"left out: {name} ({error}); pip install 'duolu[bench-rank]'")
        except Exception as error:  # a peer that cannot load the model is left out, visibly
            print(f"left out: {name} cannot take this model: {str(error)[:120]}")
    return found


def _onnxruntime(booster: Any, features: int) -> Scorer:
    import onnxruntime
    from onnxmltools import convert_lightgbm
    from onnxmltools.convert.common.data_types import FloatTensorType

    shape = [("x", FloatTensorType([None, features]))]
    model = convert_lightgbm(booster, initial_types=shape, zipmap=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return lambda q: session.run(None, {"x": q})[0]


def _tl2cgen(booster: Any, features: int) -> Scorer:
    """Compiled C: needs a compiler, and a minute for a large model."""
    import tl2cgen
    import treelite

    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "model.txt"
        booster.save_model(str(text))
        model = treelite.frontend.load_lightgbm_model(text)
        library = Path(folder) / "model.so"
        tl2cgen.export_lib(
            model, toolchain="gcc", libpath=library, params={"parallel_comp": 8}, verbose=False
        )
        predictor = tl2cgen.Predictor(library, nthread=1)
    return lambda q: predictor.predict(tl2cgen.DMatrix(q), pred_margin=True)
