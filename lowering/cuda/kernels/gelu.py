"""ShiftGELU with one warp a row: the maximum by shuffles, the row's 256 sigmoids in shared memory."""

from __future__ import annotations

from xdsl.dialects.builtin import i32

from ivit_dialect.ops.nonlinear import ShiftGeluOp
from lowering.arithmetic_nonlinear import intdiv, shiftexp, shiftgelu_argument
from lowering.cuda.build import ALL_LANES, CudaBuilder, CudaFamily, Geometry
from lowering.cuda.rows import WarpRows
from lowering.cuda.targets import WARP, CudaTarget
from lowering.kernels.base import Launch
from lowering.kernels.build import Value
from lowering.kernels.gelu import SIGMOID_BITS
from lowering.kernels.gelu import plan_shiftgelu as plan_on_cpu
from lowering.kernels.lookup import ENTRIES, SIGN_BIT
from lowering.kernels.signature import Signature

WARPS = 4
"""Rows of a block."""


def plan_shiftgelu(op: ShiftGeluOp, target: CudaTarget) -> Launch:
    """As on the CPU."""
    launch = plan_on_cpu(op, target.spmd)
    return Launch("cuda_shiftgelu", launch.inputs, scalars=launch.scalars)


def build_shiftgelu(b: CudaBuilder) -> Geometry:
    """As the CPU's: ``p`` is monotone, so a row's largest is that of its largest ``x``."""
    rows = WarpRows(b, WARPS)
    tables = b.shared([WARPS, ENTRIES], 8)
    x0, n = (b.truncate(b.scalars[name], 32) for name in ("x0", "n"))
    with rows.each():
        lowest = b.constant(-SIGN_BIT, i32)
        with rows.walk([lowest]) as (loop, chunk):
            top = loop.carried[0]
            for x in chunk.values:
                top = b.max(top, x)
            loop.carry(top)
        most = b.max(shiftgelu_argument(b, b.warp_reduce(loop.results[0], b.max)), 0)
        _fill_sigmoids(b, tables, rows, most, x0, n)
        b.call("llvm.nvvm.bar.warp.sync", [b.constant(ALL_LANES, i32)])
        with rows.walk() as (_, chunk):
            rows.store(chunk, [b.mul(x, _sigmoid(b, tables, rows, x)) for x in chunk.values])
    return rows.geometry()


def _fill_sigmoids(b: CudaBuilder, tables: Value, rows: WarpRows, most: Value, x0: Value, n: Value) -> None:
    """``sigmoids[x + 128] = intdiv(e, e + shiftexp(-m))``, ``e = shiftexp(p(x) - m)``, 8 for each lane."""
    least = shiftexp(b, b.sub(0, most), x0, n)
    for first in range(0, ENTRIES, WARP):
        entry = b.add(rows.lane, first)
        p = shiftgelu_argument(b, b.sub(b.from_index(entry, 32), SIGN_BIT))
        # An x above the row's maximum is never looked up; its difference would be positive.
        e = shiftexp(b, b.min(b.sub(p, most), 0), x0, n)
        b.store(b.truncate(intdiv(b, e, b.add(e, least), SIGMOID_BITS), 8), tables, rows.warp, entry)


def _sigmoid(b: CudaBuilder, tables: Value, rows: WarpRows, x: Value) -> Value:
    entry = b.to_index(b.add(x, SIGN_BIT))
    return b.zero_extend(b.load(tables, rows.warp, entry), 32)


SHIFTGELU = CudaFamily(
    "cuda_shiftgelu",
    build_shiftgelu,
    Signature({"x": "...R C : i2..i8"}, {"y": "...R C : i16"}, ("x0", "n")),
    {ShiftGeluOp: plan_shiftgelu},
)
FAMILIES = (SHIFTGELU,)
