"""Softmax, GELU and LayerNorm simulated in floating point (the FasterTransformer way): no integer program."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import (
    ArrayAttr,
    IntegerType,
    ModuleOp,
    Signedness,
    StringAttr,
    TensorType,
    f64,
    i16,
)
from xdsl.ir import SSAValue

from ivit_dialect.ops.floating import (
    SIMULATION,
    FloatConstantOp,
    FloatGeluOp,
    FloatLayerNormOp,
    FloatSoftmaxOp,
)
from passes.emission.attention import scores_of, weigh
from passes.emission.context import requantised_context
from passes.emission.emitter import Emitter, Quantised
from passes.graph.nodes import AttentionNode, GeluNode, NormNode
from passes.quantization import scales
from passes.quantization.options import SIMULATED
from passes.quantization.recipes import Recipe
from passes.quantization.scales import Scale

INPUT_BITS = 16
"""What GELU takes of its linear's accumulators."""


def softmax(emitter: Emitter, node: AttentionNode) -> Quantised:
    """Of int32 scores; probabilities have ``probability_bits``, without a sign up to 8."""
    bits = emitter.recipe.probability_bits
    element = IntegerType(bits, Signedness.UNSIGNED) if bits <= 8 else IntegerType(bits)
    step = 1.0 / ((1 << bits) - 1) if bits <= 8 else 2.0 ** -(bits - 1)
    scores = scores_of(emitter, node, 0.0)
    assert isinstance(scores.step, float), "scores of a step for each head go through a table"
    op = FloatSoftmaxOp(scores.value, scores.step, step, emitter.build.tensor(scores.value, element))
    probabilities = emitter.build.append(op, f"{node.name}.probabilities")
    weighed = weigh(emitter, node, probabilities, scores.values)
    return requantised_context(emitter, node, weighed, scores.values.scale.step * step)


def gelu(emitter: Emitter, node: GeluNode) -> Quantised:
    """Of 16 bits, to those of the recipe."""
    source = scales.symmetric(node.source.calibrated(), INPUT_BITS)
    target = emitter.rules.gelu_output(node)
    x = emitter.requantised(node.source, source, i16)
    result = emitter.build.tensor(x, IntegerType(emitter.recipe.gelu_bits))
    op = FloatGeluOp(x, source.step, target.step, target.zero_point, node.approximate, result)
    return Quantised(emitter.build.append(op, node.name), target)


def layernorm(emitter: Emitter, node: NormNode, scale: Scale, element: IntegerType) -> Quantised:
    """Of the stream."""
    source = emitter.stream_slice(node.source)
    op = FloatLayerNormOp(
        source.value,
        _constant(emitter, f"{node.name}.weight", node.gamma),
        _constant(emitter, f"{node.name}.bias", node.beta),
        node.eps,
        source.scale.step,
        scale.step,
        scale.zero_point,
        emitter.build.tensor(source.value, element),
    )
    return Quantised(emitter.build.append(op, node.name), scale)


def _constant(emitter: Emitter, key: str, array: NDArray[np.float64]) -> SSAValue:
    build = emitter.build
    unique = build.store.unique_key(key)
    build.store[unique] = array.astype(np.float64)
    return build.append(FloatConstantOp(unique, TensorType(f64, array.shape)), unique)


def mark_simulation(module: ModuleOp, recipe: Recipe) -> str | None:
    """Say on ``module``, in its attribute ``ivit.simulation``, what it simulates; the same in one line.

    None where it is an integer program.
    """
    kinds = [kind for kind in ("softmax", "gelu", "layernorm") if getattr(recipe, kind) == SIMULATED]
    if not kinds:
        return None
    module.attributes[SIMULATION] = ArrayAttr(map(StringAttr, kinds))
    return (
        f"{' '.join(f'{kind}={SIMULATED}' for kind in kinds)}: a simulation in floating point, not an integer"
        " program: the interpreter runs it, nothing compiles it"
    )
