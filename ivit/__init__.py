"""Compiles Vision Transformers to integers: the same bits on every target.

import ivit

model = ivit.compile("deit.mlir", calibration="images.npz")
logits = model(images)
model.save("deit.ivit")
"""

from __future__ import annotations

from ivit.rooms import check_rooms

check_rooms()

from ivit.api import Model, compile, load  # noqa: E402  # only once the rooms are known to be ours

__all__ = ["Model", "compile", "load"]
__version__ = "0.1.0"
