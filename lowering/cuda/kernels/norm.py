"""LayerNorms with one warp a row: sums by shuffles, a row's elements in registers between its two passes."""

from __future__ import annotations

from collections.abc import Callable

from xdsl.dialects.builtin import i1

from ivit_dialect.ops.nonlinear import (
    INT32_MAX,
    LAYERNORM_FRACTION_BITS,
    ILayerNormOp,
    LayerNormOp,
    NormOp,
)
from ivit_dialect.types import tensor_types
from lowering.arithmetic_nonlinear import Affine, BiasedRoundingShift, floor_div
from lowering.cuda.build import CudaBuilder, CudaFamily, DeviceOperand, Geometry
from lowering.cuda.roots import newton_sqrt, rsqrt
from lowering.cuda.rows import Chunk, WarpRows
from lowering.cuda.targets import WARP, CudaTarget
from lowering.cuda.wide import ALIGNED, load_elements
from lowering.kernels.base import Launch
from lowering.kernels.build import Value
from lowering.kernels.elements import FORM
from lowering.kernels.norm import INS, OUTS, norm_launch
from lowering.kernels.signature import Signature

WARPS = 4
"""Rows of a block."""


def _fits(op: NormOp, target: CudaTarget) -> bool:
    return tensor_types(op.input)[0].get_shape()[-1] <= target.most_row_channels


def plan_layernorm(op: LayerNormOp, target: CudaTarget) -> Launch | None:
    """As on the CPU; None for rows that are too wide for a warp's registers."""
    scalars = {"epsilon": op.epsilon.value.data}
    return norm_launch("cuda_layernorm", op, scalars) if _fits(op, target) else None


def plan_i_layernorm(op: ILayerNormOp, target: CudaTarget) -> Launch | None:
    """As on the CPU; None for rows that are too wide for a warp's registers."""
    return norm_launch("cuda_i_layernorm", op, {}) if _fits(op, target) else None


class Parameters:
    """Scales and offsets: in shared memory, where they come while the sums are made, or where they are."""

    def __init__(self, b: CudaBuilder) -> None:
        self._b = b
        operands = b.inputs[1:]
        self._staged = b.target.cp_async and all(x.row_alignment % ALIGNED == 0 for x in operands)
        self._memories = [(self._start(x), x.alignment) for x in operands]

    def _start(self, operand: DeviceOperand) -> Value:
        b, source = self._b, self._b.of_image(operand)
        if not self._staged:
            return source
        held, size = b.shared(operand.shape, operand.width), ALIGNED * 8 // operand.width
        copies, threads = operand.shape[0] // size, WARP * WARPS
        for first in range(0, copies, threads):
            number = b.add(b.thread_id(), first)
            all_have_one = first + threads <= copies
            with b.when(b.constant(1, i1) if all_have_one else b.compare("ult", number, copies)):
                pointers = [b.pointer(memory, b.mul(number, size)) for memory in (held, source)]
                b.call("llvm.nvvm.cp.async.cg.shared.global.16", pointers)
        return held

    def finish(self) -> None:
        """They are there, for all threads."""
        if self._staged:
            self._b.call("llvm.nvvm.cp.async.wait.all", [])
            self._b.barrier()

    def of(self, chunk: Chunk) -> tuple[list[Value], list[Value]]:
        """Scales and offsets of a chunk."""
        scale, offset = (
            load_elements(self._b, memory, [chunk.first], len(chunk.values), alignment)
            for memory, alignment in self._memories
        )
        return scale, offset


class NormRow:
    """A warp's row: its elements, and the affine that ends it."""

    def __init__(self, b: CudaBuilder, rows: WarpRows) -> None:
        self._b, self._rows = b, rows
        rows.clamp()
        self.channels = rows.channels
        self.elements = rows.load()
        self._parameters = Parameters(b)
        form = b.config["form"]
        assert isinstance(form, str)
        self._affine = Affine(b, form, b.scalars["shift"])

    def total(self, terms: Callable[[Value], Value]) -> Value:
        """The sum over the row of ``terms(x)``, in every lane."""
        b = self._b
        total: Value | None = None
        for chunk in self.elements:
            for x in chunk.values:
                term = terms(x)
                total = term if total is None else b.add(total, term)
        assert total is not None
        return b.warp_reduce(total, b.add)

    def store(self, normalise: Callable[[Value], Value]) -> None:
        """``clamp(affine(normalise(x)))`` of every element, into the output."""
        rows = self._rows
        self._parameters.finish()
        for chunk in self.elements:
            with rows.present(chunk):
                parts = zip(chunk.values, *self._parameters.of(chunk), strict=True)
                rows.store(chunk, [self._affine(normalise(x), s, o) for x, s, o in parts])


def build_layernorm(b: CudaBuilder) -> Geometry:
    """As the CPU's: sum and sum of squares, then ``(s - C*x) * -f`` shifted to Q20 and its affine."""
    rows = WarpRows(b, WARPS)
    row = NormRow(b, rows)
    total = row.total(lambda x: x)
    squares = row.total(lambda x: b.mul(b.sign_extend(x, 64), b.sign_extend(x, 64)))
    wide = b.sign_extend(total, 64)
    variance = b.sub(b.mul(squares, row.channels), b.mul(wide, wide))
    mantissa, exponent = rsqrt(b, b.add(variance, b.scalars["epsilon"]))
    factor = b.sign_extend(b.truncate(b.sub(0, mantissa), 32), 64)
    shift = BiasedRoundingShift(b, b.sub(exponent, LAYERNORM_FRACTION_BITS))

    def normalise(x: Value) -> Value:
        centred = b.sub(total, b.mul(x, row.channels))
        return shift(b.mul(b.sign_extend(centred, 64), factor))

    row.store(normalise)
    return rows.geometry()


def build_i_layernorm(b: CudaBuilder) -> Geometry:
    """As the CPU's: rounded mean, sum of squared differences, Newton's root, then the affine."""
    rows = WarpRows(b, WARPS)
    row = NormRow(b, rows)
    doubled = b.add(b.mul(row.total(lambda x: x), 2), row.channels)
    mean = floor_div(b, doubled, b.value(2 * row.channels, doubled.type))

    def squared(x: Value) -> Value:
        difference = b.sign_extend(b.sub(x, mean), 64)
        return b.mul(difference, difference)

    # What is no element is the mean, which adds nothing.
    row.elements = [rows.filled(chunk, mean) for chunk in row.elements]
    root = newton_sqrt(b, row.total(squared))
    factor = b.div_unsigned(b.constant(INT32_MAX, root.type), root)
    row.store(lambda x: b.shr(b.mul(b.sub(x, mean), factor), 1))
    return rows.geometry()


LAYERNORM = CudaFamily(
    "cuda_layernorm",
    build_layernorm,
    Signature(INS, OUTS, ("shift", "epsilon")),
    {LayerNormOp: plan_layernorm},
    {"form": FORM},
)
I_LAYERNORM = CudaFamily(
    "cuda_i_layernorm",
    build_i_layernorm,
    Signature(INS, OUTS, ("shift",)),
    {ILayerNormOp: plan_i_layernorm},
    {"form": FORM},
)
FAMILIES = (LAYERNORM, I_LAYERNORM)
