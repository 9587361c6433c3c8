"""GELU in integers, by family."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import IntegerType, i16
from xdsl.ir import SSAValue

from ivit_dialect.ops.elementwise import LookupOp
from ivit_dialect.ops.nonlinear import ShiftGeluOp
from ivit_dialect.reference.gelu import SIGMOID_BITS, shiftgelu
from passes.emission.emitter import Emitter, Quantised
from passes.graph.nodes import GeluNode, Node
from passes.quantization import scales
from passes.quantization.scales import Scale
from passes.quantization.shift_exp import gelu_shift
from passes.quantization.tables import gelu, gelu_table

FINE_BITS = 16
FINE_STEPS = 27000
"""Of a table in 16 bits over the largest input, which GELU does not exceed; the rest is for the floor."""
LARGEST_INPUT = 8.0
"""Of a row; above, ShiftGELU's e^-m nears its floor of 2^-23 (methods.md 7)."""


def exact(emitter: Emitter, node: GeluNode) -> Quantised:
    """A table, correctly rounded (methods.md 7)."""
    if node.factors is not None:
        return _by_channel(emitter, node, node.factors)
    source, target = emitter.rules.gelu_input(node.source), emitter.rules.gelu_output(node)
    value = _looked_up(emitter, node, source, target, emitter.recipe.gelu_bits, node.name)
    return Quantised(value, target)


def _by_channel(emitter: Emitter, node: GeluNode, factors: NDArray[np.float64]) -> Quantised:
    """A table in 16 bits, from the floor up, then a requant with a multiplier for each channel."""
    source, target = emitter.rules.gelu_input(node.source), emitter.rules.gelu_output(node)
    fine = Scale(max(node.source.calibrated().high, 1.0) / FINE_STEPS)
    shifted = Scale(fine.step, -round(node.floor / fine.step))
    wide = _looked_up(emitter, node, source, shifted, FINE_BITS, f"{node.name}.i{FINE_BITS}")
    ratios = fine.step / (factors * target.step)
    element = IntegerType(emitter.recipe.gelu_bits)
    value = emitter.build.requant_channels(wide, ratios, element, target.zero_point, node.name)
    return Quantised(value, target)


def _looked_up(
    emitter: Emitter, node: GeluNode, source: Scale, target: Scale, bits: int, name: str
) -> SSAValue:
    """GELU at ``target`` in ``bits``, by a table on the recipe's input bits."""
    source_bits = emitter.recipe.gelu_input_bits
    x = emitter.requantised(node.source, source, IntegerType(source_bits))
    array = gelu_table(source, target, node.approximate, source_bits, bits)
    table = emitter.build.constant(f"{node.name}.table", array, IntegerType(bits))
    return emitter.build.append(LookupOp(x, table, emitter.build.tensor(x, IntegerType(bits))), name)


def paper(emitter: Emitter, node: GeluNode) -> Quantised:
    """ShiftGELU on symmetric int8 (I-ViT Algorithm 2), then a requant from its step ``S / 128``."""
    rule = _exponent_rule(emitter.recipe.exponent)
    bits = emitter.recipe.gelu_input_bits
    source, x0 = rule(node.source.calibrated(), bits)
    target = scales.symmetric(node.calibrated(), emitter.recipe.gelu_bits)
    x = emitter.requantised(node.source, source, IntegerType(bits))
    wide = emitter.build.append(
        ShiftGeluOp(x, x0, gelu_shift(x0), emitter.build.tensor(x, i16)), f"{node.name}.i16"
    )
    element = IntegerType(emitter.recipe.gelu_bits)
    value = emitter.build.requant(wide, source.step / 128 / target.step, element, 0, node.name)
    return Quantised(value, target)


def _exponent_rule(exponent: str) -> Callable[[scales.Range, int], tuple[Scale, int]]:
    return scales.reciprocal if exponent == "snapped" else scales.plain_exponent


def paper_notice(nodes: Iterable[Node], exponent: str = "snapped") -> str | None:
    """One line where calibration saw inputs that are too large for ``paper``; None where it saw none."""
    gelus = [node for node in nodes if isinstance(node, GeluNode)]
    wide = [node for node in gelus if node.source.calibrated().high > LARGEST_INPUT]
    if not wide:
        return None
    largest = max(node.source.calibrated().high for node in wide)
    error = max(paper_error(node.source.calibrated(), node.approximate, exponent) for node in wide)
    return (
        f"gelu=ivit: {len(wide)} of {len(gelus)} GELUs see inputs above {LARGEST_INPUT:g}"
        f" (largest {largest:.1f}), where ShiftGELU is off by up to {error:.1f};"
        " gelu=exact has no such limit"
    )


def paper_error(range_: scales.Range, approximate: str = "none", exponent: str = "snapped") -> float:
    """The largest ``|ShiftGELU - GELU|`` over int8 inputs in ``range_``, in a row that holds its maximum."""
    source, x0 = _exponent_rule(exponent)(range_, 8)
    lowest, highest = (max(-128, min(127, round(end / source.step))) for end in (range_.low, range_.high))
    x = np.arange(lowest, highest + 1, dtype=np.int8)
    rows = np.stack([x, np.full_like(x, highest)], axis=1)
    got = shiftgelu(rows, x0, gelu_shift(x0))[:, 0] * (source.step / (1 << (SIGMOID_BITS - 1)))
    want = np.array([gelu(source.step * int(code), approximate) for code in x])
    return float(np.abs(got - want).max())
