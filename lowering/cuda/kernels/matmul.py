"""``ivit.matmul`` outside fused attention: tiles of a head's product by fragments, any extents.

Parts of both operands go through shared memory, element by element where rows are not aligned. A left operand
of 16 bits is two of bytes, the upper ones signed, the lower ones not: ``256 * upper + lower``.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd

from xdsl.dialects.builtin import i32

from ivit_dialect.ops.linear import MatmulOp
from lowering.arithmetic import Requant
from lowering.cuda.build import CudaBuilder, CudaFamily, DeviceOperand, Geometry
from lowering.cuda.mma import COLUMNS, HALF, INPUTS, QUAD, ROWS, Fragments, product
from lowering.cuda.targets import WARP, CudaTarget
from lowering.cuda.wide import load_elements
from lowering.kernels import matmul
from lowering.kernels.base import Launch, is_unsigned
from lowering.kernels.build import Value
from lowering.kernels.elements import rows_of, saturated
from runtime.cuda_program import Extent

WARPS = 4
THREADS = WARPS * WARP
TILE = 64
"""Rows and columns of a block."""

PART = 128
"""Inputs in shared memory at once."""

PITCH = PART + HALF
PLANE = TILE * PITCH
"""Bytes of one operand in shared memory."""

BATCH = 8
"""Loads of a thread that are under way at once."""


def plan_matmul(op: MatmulOp, target: CudaTarget) -> Launch | None:
    """As on the CPU; None without products of bytes."""
    if not target.dp4a:
        return None
    launch = matmul.plan_matmul(op, target.spmd)
    return Launch("cuda_matmul", launch.inputs, launch.config, launch.scalars)


class Source:
    """Rows of an operand by inputs, of one head: what a thread brings to shared memory."""

    def __init__(self, b: CudaBuilder, operand: DeviceOperand, head: Value, *, transposed: bool) -> None:
        self._b, self._transposed = b, transposed
        self._memory = rows_of(b, b.of_image(operand, b.block_id("z")))
        _, outer, inner = operand.shape
        self._first = b.mul(head, outer)
        self._rows, self._inputs = (inner, outer) if transposed else (outer, inner)
        aligned = gcd(operand.row_alignment * 8 // operand.width, inner, QUAD)
        self._run = 1 if transposed else aligned
        self._alignment = self._run * operand.width // 8

    def fill(self, shared: Value, planes: Sequence[int], row: Value, first: Value) -> None:
        """``TILE`` rows from ``row`` on by ``PART`` inputs from ``first`` on; past the last input stands 0.

        ``planes`` are where the bytes of elements go, the lowest first. Rows past the last repeat it.
        """
        b, thread = self._b, self._b.thread_id()
        across = TILE if self._transposed else PART // self._run
        along, down = b.rem_unsigned(thread, across), b.div_unsigned(thread, across)
        step = THREADS // across
        count = (PART if self._transposed else TILE) // step
        with b.loop(0, count, BATCH) as batch:
            start = b.add(down, b.mul(batch.index, step))
            places = [self._place(along, b.add(start, i * step)) for i in range(BATCH)]
            loaded = [self._load(b.add(row, line), b.add(first, k)) for line, k in places]
            for (line, k), values in zip(places, loaded, strict=True):
                at = b.add(b.mul(line, PITCH), k)
                for offset, value in enumerate(values):
                    for number, plane in enumerate(planes):
                        byte = b.truncate(b.shr(value, 8 * number) if number else value, 8)
                        b.store(byte, shared, b.add(at, plane + offset))

    def _place(self, along: Value, down: Value) -> tuple[Value, Value]:
        """The row in the tile, and the input in the part."""
        return (along, down) if self._transposed else (down, self._b.mul(along, self._run))

    def _load(self, row: Value, k: Value) -> list[Value]:
        b = self._b
        row, inside = b.min(row, self._rows - 1), b.compare("ult", k, self._inputs)
        k = b.select(inside, k, 0)
        at = [b.add(self._first, k), row] if self._transposed else [b.add(self._first, row), k]
        values = load_elements(b, self._memory, at, self._run, self._alignment)
        return [b.select(inside, value, 0) for value in values]


def build_matmul(b: CudaBuilder) -> Geometry:
    """A block is a tile (x) of a head (y) of an image (z); a warp has 16 of its rows."""
    heads, rows, inner = b.inputs[0].shape
    columns = b.outputs[0].shape[2]
    across = -(-columns // TILE)
    tile, head = b.block_id("x"), b.block_id("y")
    row, column = b.mul(b.div_unsigned(tile, across), TILE), b.mul(b.rem_unsigned(tile, across), TILE)
    wide = b.inputs[0].width == 16
    lefts = [PLANE, 2 * PLANE] if wide else [PLANE]
    shared = b.shared([PLANE * (1 + len(lefts))], 8)
    left = Source(b, b.inputs[0], head, transposed=False)
    right = Source(b, b.inputs[1], head, transposed=not b.flag("transposed"))
    lane, warp = b.lane_and_warp(b.thread_id())
    group, quad = b.div_unsigned(lane, QUAD), b.rem_unsigned(lane, QUAD)
    fragments = Fragments(b, shared, 0, PITCH)
    line = b.add(b.mul(warp, ROWS), group)
    words = [b.add(b.mul(line, PITCH), b.add(b.mul(quad, 4), plane)) for plane in lefts]

    zero = b.constant(0, i32)
    with b.loop(0, inner, PART, [zero] * (TILE // COLUMNS * 4 * len(lefts))) as loop:
        left.fill(shared, lefts, row, loop.index)
        right.fill(shared, [0], column, loop.index)
        b.barrier()
        with b.loop(0, PART, INPUTS, loop.carried) as step:
            operands = [_left(b, shared, b.add(word, step.index)) for word in words]
            sums = list(step.carried)
            for j in range(0, TILE, 2 * COLUMNS):
                for half, columns_of in enumerate(fragments.pair(j, step.index)):
                    for plane, operand in enumerate(operands):
                        unsigned = is_unsigned(b.inputs[0].kind) if not wide else plane == 0
                        at = 4 * ((j // COLUMNS + half) * len(lefts) + plane)
                        sums[at : at + 4] = product(
                            b, operand, columns_of, sums[at : at + 4], unsigned=unsigned
                        )
            step.carry(*sums)
        b.barrier()
        loop.carry(*step.results)
    _store(b, list(loop.results), b.add(row, line), b.add(column, b.mul(quad, 2)), head)
    grid = Extent(-(-rows // TILE) * across), Extent(heads), b.images_extent()
    return Geometry(THREADS, grid)


def _left(b: CudaBuilder, shared: Value, at: Value) -> list[Value]:
    """The lane's words of the left operand: rows g and g + 8 at 16 inputs, then at the next 16."""
    places = [(inputs, row) for inputs in (0, HALF) for row in (0, ROWS // 2)]
    loaded = [b.load_wide(shared, [b.add(at, row * PITCH + inputs)], 4, 4) for inputs, row in places]
    return [b.extract(b.bitcast(word, 32), 0) for word in loaded]


def _store(b: CudaBuilder, sums: list[Value], row: Value, column: Value, head: Value) -> None:
    """The lane's sums, perhaps requantised, where they are of the result."""
    output = b.outputs[0]
    _, rows, columns = output.shape
    target = rows_of(b, b.of_image(output, b.block_id("z")))
    requant, zero_point = None, None
    if "form" in b.config:
        requant = Requant(b, _form(b), b.scalars["shift"], b.scalars["multiplier"])
        requant.prepare(0)
        zero_point = b.scalars["zero_point"]
        zero_point = zero_point if requant.wide else b.truncate(zero_point, 32)
    planes = len(sums) * COLUMNS // (TILE * 4)
    for half in range(2):
        line = b.add(row, half * ROWS // 2)
        with b.when(b.compare("ult", line, rows)):
            at = b.add(b.mul(head, rows), line)
            for number in range(TILE // COLUMNS * 2):
                tile, parity = divmod(number, 2)
                parts = [sums[4 * (tile * planes + p) + 2 * half + parity] for p in range(planes)]
                x = parts[0] if planes == 1 else b.add(parts[0], b.shl(parts[1], 8))
                place = b.add(column, tile * COLUMNS + parity)
                with b.when(b.compare("ult", place, columns)):
                    if requant is not None and zero_point is not None:
                        x = saturated(b, b.add(requant(x), zero_point), output.element)
                    b.store(x, target, at, place)


def _form(b: CudaBuilder) -> str:
    """How the requant multiplies."""
    form = b.config["form"]
    assert isinstance(form, str)
    return form


MATMUL = CudaFamily(
    "cuda_matmul", build_matmul, matmul.MATMUL.signature, {MatmulOp: plan_matmul}, matmul.MATMUL.config
)
FAMILIES = (MATMUL,)
