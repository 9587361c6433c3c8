"""Float weights fitted to the inputs that a layer really sees: ``X_q W'ᵀ ~ X W ᵀ`` by damped least squares.

The quantised inputs X_q differ from the float model's X in ways that a linear layer can partly undo. Ridge
regression towards W: ``W' = argmin ‖X_q W'ᵀ - X Wᵀ‖² + λ ‖W' - W‖²``, ``W'ᵀ = (G + λ I)⁻¹ (C + λ I) Wᵀ`` with
``G = X_qᵀ X_q`` and ``C = X_qᵀ X`` (the error compensation of GPTQ, arXiv 2210.17323, Eq. 1, with the float
model's outputs as target). It pays at 4 bits; at 8 bits it follows the calibration images too closely.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from passes.rounding.moments import InputMoments, StreamError

DAMPING = 0.1
"""λ over the mean of the diagonal of G."""


def refit(
    weight: NDArray[np.float64],
    bias: NDArray[np.float64],
    moments: InputMoments,
    stream: StreamError | None = None,
    damping: float = DAMPING,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """weight [O, I] and bias [O] anew; the error on the calibration inputs is never above the one before.

    With ``stream`` the target is what brings the sum of result and residual stream back to the float model's,
    ``X Wᵀ - E`` instead of ``X Wᵀ``: a branch then makes up for errors of the branches before it.

    Weights are fitted about the means and the bias then takes the mean error, which is the joint optimum.
    With no inputs but zeros nothing changes. ValueError for a damping that is not positive.
    """
    if not damping > 0.0:
        raise ValueError(f"the damping of a refit must be positive, got {damping}")
    centred = moments.centred()
    ridge = damping * float(np.mean(np.diag(moments.gram)))
    if ridge <= 0.0:
        return weight, bias
    damped = centred.gram + ridge * np.eye(len(centred.gram))
    mean = moments.means.mean(axis=0)
    wanted = (centred.cross - centred.gram) @ weight.T
    if stream is not None:
        wanted -= stream.cross - moments.rows * np.outer(mean, stream.mean)
    fitted = weight + np.linalg.solve(damped, wanted).T
    offset = weight @ moments.float_means.mean(axis=0) - fitted @ mean
    return fitted, bias + (offset if stream is None else offset - stream.mean)
