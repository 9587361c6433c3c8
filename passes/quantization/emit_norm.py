"""LayerNorm in integers, by family."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import IntegerType
from xdsl.ir import SSAValue

from ivit_dialect.ops.nonlinear import ILayerNormOp, LayerNormOp
from passes.quantization.emit import Emitter, Quantised
from passes.quantization.graph import NormNode
from passes.quantization.norms import NormIntegers, exact_norm, i_norm, norm_epsilon
from passes.quantization.scales import Scale

Rule: TypeAlias = Callable[[NDArray[np.float64], NDArray[np.float64], Scale], NormIntegers]


def exact(emitter: Emitter, node: NormNode, scale: Scale, element: IntegerType) -> Quantised:
    """``ivit.layernorm``: exact mean, variance and reciprocal root."""
    source = emitter.stream_slice(node.source)
    integers = _integers(node, exact_norm, scale)
    operands = _constants(emitter, node, integers)
    epsilon = norm_epsilon(node.eps, node.channels, source.scale)
    result = emitter.build.tensor(source.value, element)
    op = LayerNormOp(source.value, *operands, integers.shift, epsilon, result)
    return Quantised(emitter.build.append(op, node.name), scale)


def paper(emitter: Emitter, node: NormNode, scale: Scale, element: IntegerType) -> Quantised:
    """``ivit.i_layernorm`` (I-ViT Sec. 3.5)."""
    source = emitter.stream_slice(node.source)
    integers = _integers(node, i_norm, scale)
    operands = _constants(emitter, node, integers)
    result = emitter.build.tensor(source.value, element)
    op = ILayerNormOp(source.value, *operands, integers.shift, result)
    return Quantised(emitter.build.append(op, node.name), scale)


def _integers(node: NormNode, rule: Rule, scale: Scale) -> NormIntegers:
    try:
        return rule(node.gamma, node.beta, scale)
    except ValueError as error:
        raise ValueError(f"{node.origin}: {error}") from error


def _constants(emitter: Emitter, node: NormNode, integers: NormIntegers) -> tuple[SSAValue, SSAValue]:
    scale = emitter.build.constant(f"{node.name}.scale", integers.scale)
    return scale, emitter.build.constant(f"{node.name}.offset", integers.offset)
