"""Layers that have no integer form, refused at import under their own names.

torch-mlir would take them apart, and the passes behind would then speak of ops that the model does not have.
Constants are folded before, so whatever is left computes on activations.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from passes.wording import CAUSAL

_BATCH_NORM = (
    "fold it into the layer before it with torch.nn.utils.fusion.fuse_conv_bn_eval, or fuse_linear_bn_eval"
)
_ACTIVATION = "use torch.nn.GELU, and train again"
_NORM = "use torch.nn.LayerNorm, and train again"
_POOL = "take the mean over the tokens of [N, T, C] instead"
_RESIZE = "resize the images before the model"
_RESULT = "return what goes into it, and apply it to the model's result"

ADVICE = {
    "batch_norm": _BATCH_NORM,
    **dict.fromkeys(("group_norm", "instance_norm", "rms_norm"), _NORM),
    **dict.fromkeys(
        ("relu", "relu6", "silu", "mish", "hardswish", "leaky_relu", "prelu", "elu"), _ACTIVATION
    ),
    **dict.fromkeys(("selu", "celu", "glu", "softplus", "hardsigmoid", "sigmoid"), _ACTIVATION),
    "hardtanh": f"this is torch.nn.ReLU6 or Hardtanh; {_ACTIVATION}",
    **dict.fromkeys(("max_pool1d", "max_pool2d", "avg_pool2d", "adaptive_avg_pool2d"), _POOL),
    **dict.fromkeys(("upsample_nearest2d.vec", "upsample_bilinear2d.vec", "upsample_bicubic2d.vec"), _RESIZE),
    **dict.fromkeys(("log_softmax.int", "log_sigmoid"), _RESULT),
    "cumsum": "replace it in the model",
}
"""What to do instead, by the name behind ``torch.aten.``; ops in place end in an underscore more."""

ATTENTION = "torch.aten.scaled_dot_product_attention"
IS_CAUSAL = 5
"""Which operand of attention says that it is causal."""


def refusal(op: Any) -> str | None:
    """Why the raw torch-mlir ``op`` is refused and what to do, as the end of a line; None if it is not."""
    if op.name == ATTENTION:
        return f": {CAUSAL}" if _is_true(op.operands[IS_CAUSAL]) else None
    stem, _, overload = str(op.name).removeprefix("torch.aten.").partition(".")
    key = ".".join(filter(None, (stem.removesuffix("_"), overload)))
    return f" has no integer form: {ADVICE[key]}" if key in ADVICE else None


def operations(op: Any) -> Iterator[Any]:
    """``op`` and all that is inside it."""
    yield op
    for region in op.regions:
        for block in region:
            for inner in block.operations:
                yield from operations(inner.operation)


def _is_true(value: Any) -> bool:
    owner = value.owner
    return getattr(owner, "name", "") == "torch.constant.bool" and bool(owner.attributes["value"].value)
