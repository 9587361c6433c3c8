"""What the pictures of the benchmarks share: matplotlib, which is optional, and axes without ornament."""

from __future__ import annotations

import importlib
from typing import Any


def pyplot() -> Any:
    """matplotlib's pyplot, drawing to files. ImportError, one line, without matplotlib (extra [bench])."""
    try:
        matplotlib = importlib.import_module("matplotlib")
    except ModuleNotFoundError as error:
        raise ImportError("a picture needs matplotlib: pip install 'ivit[bench]'") from error
    matplotlib.use("Agg")
    return importlib.import_module("matplotlib.pyplot")


def plain(axis: Any) -> None:
    """Vertical grid lines behind what is drawn, and no frame but the line below."""
    axis.grid(axis="x", color="#dddddd", linewidth=0.7)
    axis.set_axisbelow(True)
    axis.tick_params(left=False)
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)
