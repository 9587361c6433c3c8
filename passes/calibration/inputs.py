"""The images that a pass looks at: those of the caller, checked, or generated ones with a notice."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp

from ivit_dialect.torch.entry import main_function
from passes.calibration.generated import generated_images
from passes.calibration.images import checked_images, default_normalisation, normalise
from passes.torch_entry import Normalisation, image_sizes

GENERATED = 16


def calibration_inputs(
    module: ModuleOp, images: NDArray[Any] | None, pixels: Normalisation | None, reader: str, what: str
) -> NDArray[np.float32]:
    """``images`` as float32 [N, C, H, W] in the convention of ``module``.

    Without images they are generated, and stderr hears that ``what`` comes from these. ``reader`` is the
    pass. ValueError (one line) for images that do not suit the model.
    """
    _, channels, height, width = image_sizes(main_function(module))
    if images is not None:
        return checked_images(images, (channels, height, width), pixels)
    print(
        f"{reader}: no images given: {what} come from {GENERATED} generated ones;"
        " real images give better accuracy",
        file=sys.stderr,
    )
    generated = generated_images(GENERATED, height, width, channels)
    return normalise(generated, pixels or default_normalisation(channels))
