"""The mean error of a layer's outputs, taken out by its bias (DFQ, Nagel et al., arXiv 1906.04721, 4.2).

On few images the mean may be of those images alone, so it is tried on images that it was not taken from: each
image is corrected by the mean of all others, and the correction stands only if that lowers the squared error.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from passes.rounding.moments import InputMoments


def mean_output_errors(
    weight: NDArray[np.float64], rounded: NDArray[np.float64], moments: InputMoments
) -> NDArray[np.float64]:
    """The mean of ``x_q roundedᵀ - x weightᵀ`` over the rows of each image: float64 [N, O]."""
    return moments.means @ rounded.T - moments.float_means @ weight.T


def bias_correction(errors: NDArray[np.float64]) -> NDArray[np.float64]:
    """What to add to the bias, [O], for mean output errors [N, O] of N images with equally many rows.

    Leave-one-out: an image's squared error changes by ``c² - 2 c e`` a row, c the mean of the others,
    e its own. All zeros where the sum over images and channels does not fall, and for a single image, which
    leaves nothing to try it on.
    """
    images = len(errors)
    if images < 2:
        return np.zeros(int(errors.shape[1]))
    mean = np.asarray(errors.mean(axis=0), np.float64)
    others = (images * mean - errors) / (images - 1)
    change = float(np.sum(others * others - 2 * others * errors))
    return -mean if change < 0 else np.zeros_like(mean)
