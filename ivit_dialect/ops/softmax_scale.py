"""What the softmaxes by table share: the scale of the scores, one or one a head."""

from __future__ import annotations

from xdsl.dialects.builtin import I64, IntegerAttr
from xdsl.ir import SSAValue

from ivit_dialect.types import (
    IntegerTensor,
    require,
    require_multiplier,
    require_shape,
    require_shift,
    tensor_types,
)


def require_softmax_scale(
    scores: IntegerTensor,
    multiplier: IntegerAttr[I64] | None,
    multipliers: SSAValue | None,
    shift: IntegerAttr[I64],
) -> None:
    """One positive multiplier, or one for each head of ``[N, H, T, C]``; a shift."""
    require(
        (multiplier is None) != (multipliers is None),
        "softmax takes either one multiplier or one per head",
    )
    require_shift(shift)
    if multiplier is not None:
        require(multiplier.value.data > 0, "multiplier must be positive")
        require_multiplier(multiplier)
    if multipliers is not None:
        require(scores.get_num_dims() == 4, "input must be [N, H, T, C] for a multiplier per head")
        (heads,) = tensor_types(multipliers)
        require_shape(heads, (1, scores.get_shape()[1], 1, 1), "multipliers")
