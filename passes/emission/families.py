"""Which functions emit each kind of non-linear op, by the family's name in the options."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from xdsl.dialects.builtin import IntegerType

from passes.emission import attention, floating, fqvit, gelu, ibert, l1, norm, probabilities
from passes.emission.emitter import Emitter, Families, Quantised
from passes.graph.nodes import AttentionNode, GeluNode, NormNode
from passes.quantization.recipes import Recipe
from passes.quantization.scales import Scale

EmitAttention: TypeAlias = Callable[[Emitter, AttentionNode], Quantised]
EmitGelu: TypeAlias = Callable[[Emitter, GeluNode], Quantised]
EmitNorm: TypeAlias = Callable[[Emitter, NormNode, Scale, IntegerType], Quantised]

SOFTMAX: dict[str, EmitAttention] = {
    "exact": attention.exact,
    "ivit": attention.paper,
    "ibert": ibert.softmax,
    "fqvit": fqvit.softmax,
    "float": floating.softmax,
}
PROBABILITIES: dict[str, EmitAttention] = {
    "deferred": attention.exact,
    "uniform": probabilities.uniform,
    "log2": probabilities.log2,
    "sulq": probabilities.sulq,
}
"""The forms of the family ``exact``."""
GELU: dict[str, EmitGelu] = {
    "exact": gelu.exact,
    "ivit": gelu.paper,
    "ibert": ibert.gelu,
    "float": floating.gelu,
}
LAYERNORM: dict[str, EmitNorm] = {
    "exact": norm.exact,
    "ivit": norm.paper,
    "ibert": ibert.layernorm,
    "fqvit": fqvit.layernorm,
    "l1": l1.layernorm,
    "float": floating.layernorm,
}


def families_of(recipe: Recipe) -> Families:
    """The functions that ``recipe`` names."""
    emit_attention = SOFTMAX[recipe.softmax]
    if recipe.softmax == "exact":
        emit_attention = PROBABILITIES[recipe.probabilities]
    return Families(emit_attention, GELU[recipe.gelu], LAYERNORM[recipe.layernorm])
