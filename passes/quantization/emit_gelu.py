"""GELU in integers, by family."""

from __future__ import annotations

from xdsl.dialects.builtin import i8, i16

from ivit_dialect.ops.elementwise import LookupOp
from ivit_dialect.ops.nonlinear import ShiftGeluOp
from passes.quantization import scales
from passes.quantization.emit import Emitter, Quantised
from passes.quantization.graph import GeluNode
from passes.quantization.shift_exp import gelu_shift
from passes.quantization.tables import gelu_table


def exact(emitter: Emitter, node: GeluNode) -> Quantised:
    """A table on asymmetric int8, correctly rounded (methods.md 7)."""
    source = scales.gelu_input(node.source.calibrated())
    target = scales.asymmetric(node.calibrated())
    x = emitter.requantised(node.source, source, i8)
    table = emitter.build.constant(f"{node.name}.table", gelu_table(source, target, node.approximate))
    op = LookupOp(x, table, emitter.build.tensor(x, i8))
    return Quantised(emitter.build.append(op, node.name), target)


def paper(emitter: Emitter, node: GeluNode) -> Quantised:
    """ShiftGELU on symmetric int8 (I-ViT Algorithm 2), then a requant from its step ``S / 128`` to int8."""
    source, x0 = scales.reciprocal(node.source.calibrated())
    target = scales.symmetric(node.calibrated(), 8)
    x = emitter.requantised(node.source, source, i8)
    wide = emitter.build.append(
        ShiftGeluOp(x, x0, gelu_shift(x0), emitter.build.tensor(x, i16)), f"{node.name}.i16"
    )
    value = emitter.build.requant(wide, source.step / 128 / target.step, i8, name=node.name)
    return Quantised(value, target)
