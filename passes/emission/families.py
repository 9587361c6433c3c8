"""Which functions emit each kind of non-linear op, by the family's name in the options."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from xdsl.dialects.builtin import IntegerType

from passes.emission import attention, gelu, l1, norm
from passes.emission.emitter import Emitter, Families, Quantised
from passes.graph.nodes import AttentionNode, GeluNode, NormNode
from passes.quantization import scales
from passes.quantization.options import QuantizeOptions
from passes.quantization.scales import Range, Scale

EmitAttention: TypeAlias = Callable[[Emitter, AttentionNode], Quantised]
EmitGelu: TypeAlias = Callable[[Emitter, GeluNode], Quantised]
EmitNorm: TypeAlias = Callable[[Emitter, NormNode, Scale, IntegerType], Quantised]
NormScale: TypeAlias = Callable[[Range], Scale]


def _symmetric8(range_: Range) -> Scale:
    return scales.symmetric(range_, 8)


SOFTMAX: dict[str, EmitAttention] = {"exact": attention.exact, "ivit": attention.paper}
GELU: dict[str, EmitGelu] = {"exact": gelu.exact, "ivit": gelu.paper}
LAYERNORM: dict[str, tuple[EmitNorm, NormScale]] = {
    "exact": (norm.exact, scales.asymmetric),
    "ivit": (norm.paper, _symmetric8),
    "l1": (l1.layernorm, scales.asymmetric),
}
"""With the scale of what the next linear takes: asymmetric where the family can add a zero point."""


def families_of(options: QuantizeOptions) -> Families:
    """The functions that ``options`` name."""
    emit_norm, norm_scale = LAYERNORM[options.layernorm]
    return Families(SOFTMAX[options.softmax], GELU[options.gelu], emit_norm, norm_scale)
