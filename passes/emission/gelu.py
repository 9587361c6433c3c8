"""GELU in integers, by family."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from xdsl.dialects.builtin import IntegerType, i16

from ivit_dialect.ops.elementwise import LookupOp
from ivit_dialect.ops.nonlinear import ShiftGeluOp
from ivit_dialect.reference.gelu import SIGMOID_BITS, shiftgelu
from passes.emission.emitter import Emitter, Quantised
from passes.graph.nodes import GeluNode, Node
from passes.quantization import scales
from passes.quantization.shift_exp import gelu_shift
from passes.quantization.tables import gelu, gelu_table

LARGEST_INPUT = 8.0
"""Of a row; above, ShiftGELU's e^-m nears its floor of 2^-23 (methods.md 7)."""


def exact(emitter: Emitter, node: GeluNode) -> Quantised:
    """A table, correctly rounded (methods.md 7)."""
    source, target = emitter.rules.gelu_input(node.source), emitter.rules.gelu_output(node)
    bits = emitter.recipe.gelu_input_bits, emitter.recipe.gelu_bits
    x = emitter.requantised(node.source, source, IntegerType(bits[0]))
    element = IntegerType(bits[1])
    array = gelu_table(source, target, node.approximate, *bits)
    table = emitter.build.constant(f"{node.name}.table", array, element)
    op = LookupOp(x, table, emitter.build.tensor(x, element))
    return Quantised(emitter.build.append(op, node.name), target)


def paper(emitter: Emitter, node: GeluNode) -> Quantised:
    """ShiftGELU on symmetric int8 (I-ViT Algorithm 2), then a requant from its step ``S / 128``."""
    rule = scales.reciprocal if emitter.recipe.exponent == "snapped" else scales.plain_exponent
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


def paper_notice(nodes: Iterable[Node]) -> str | None:
    """One line where calibration saw inputs that are too large for ``paper``; None where it saw none."""
    gelus = [node for node in nodes if isinstance(node, GeluNode)]
    wide = [node for node in gelus if node.source.calibrated().high > LARGEST_INPUT]
    if not wide:
        return None
    largest = max(node.source.calibrated().high for node in wide)
    error = max(paper_error(node.source.calibrated(), node.approximate) for node in wide)
    return (
        f"gelu=ivit: {len(wide)} of {len(gelus)} GELUs see inputs above {LARGEST_INPUT:g}"
        f" (largest {largest:.1f}), where ShiftGELU is off by up to {error:.1f};"
        " gelu=exact has no such limit"
    )


def paper_error(range_: scales.Range, approximate: str = "none") -> float:
    """The largest ``|ShiftGELU - GELU|`` over int8 inputs in ``range_``, in a row that holds its maximum."""
    source, x0 = scales.reciprocal(range_)
    lowest, highest = (max(-128, min(127, round(end / source.step))) for end in (range_.low, range_.high))
    x = np.arange(lowest, highest + 1, dtype=np.int8)
    rows = np.stack([x, np.full_like(x, highest)], axis=1)
    got = shiftgelu(rows, x0, gelu_shift(x0))[:, 0] * (source.step / (1 << (SIGMOID_BITS - 1)))
    want = np.array([gelu(source.step * int(code), approximate) for code in x])
    return float(np.abs(got - want).max())
