"""How a GPU's GEMM finds its weights: in the order in which its threads load them, 16 bytes each.

Kernels take ``columns`` outputs at a time (a panel) and ``STEP`` inputs. What is missing at the end of a
panel or of the inputs is zero, so that kernels test neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Indices = NDArray[np.intp]

STEP = 32
"""Inputs of one step."""

WARP = 32
TENSOR_COLUMNS = 8
"""Columns of a tensor-core product."""

THREADS = 8
"""Threads of a warp that lie side by side where there are no tensor cores."""

WORD = 4
"""Bytes of a word, which a dot instruction takes."""


def fragments_shape(outs: int, ins: int, columns: int, depth: int) -> tuple[int, int, int]:
    """Panels, steps (whole stages of ``depth`` inputs) and the bytes of a step."""
    return -(-outs // columns), -(-ins // depth) * (depth // STEP), columns * STEP


def pack_fragments(weight: Array, columns: int, depth: int, group: int, width: int) -> Array:
    """Weights ``[out, in]`` as ``[panel][step][two products][lane][product][register][4 inputs]``.

    A lane has what operand B of ``mma.m16n8k32`` wants of it: column ``lane / 4`` and inputs
    ``4 (lane % 4) + 16 register``. The ``group`` columns of a warp are dealt so that a lane's sums are those
    of consecutive ones: columns ``2 t`` and ``2 t + 1`` of product ``j`` are ``t * group / 4 + 2 j`` and the
    next. For activations of ``width`` 2 bytes, which lanes load two at a time, the inputs are ``2 t`` and the
    next, and both 8 further on.
    """
    lane, register = np.arange(WARP), np.arange(2)
    products = np.arange(columns // TENSOR_COLUMNS)
    first, j = np.divmod(products, group // TENSOR_COLUMNS)
    column = lane // 4
    dealt = (first * group + 2 * j)[:, None] + column // 2 * (group // 4) + column % 2
    word, step = (np.arange(4), 4) if width == 1 else (np.array([0, 1, 8, 9]), 2)
    ks = (step * (lane % 4))[:, None, None] + 16 * register[:, None] + word
    # [two products, lane, product, register, input]
    rows = dealt.reshape(-1, 2, WARP).transpose(0, 2, 1)[..., None, None]
    return _gathered(weight, columns, depth, rows, ks[None, :, None])


def pack_words(weight: Array, columns: int, depth: int, group: int) -> Array:
    """Weights ``[out, in]`` as ``[panel][step][4 inputs][warp][4 columns][thread][column][input]``.

    For kernels without tensor cores, where eight threads side by side share a warp's ``group`` columns, as
    many consecutive ones each.
    """
    run = group // THREADS
    first = np.arange(0, columns, group)[:, None, None, None]
    fours = np.arange(0, run, WORD)[:, None, None]
    rows = first + fours + np.arange(THREADS)[:, None] * run + np.arange(WORD)
    ks = np.arange(STEP).reshape(-1, 1, 1, 1, 1, WORD)
    return _gathered(weight, columns, depth, rows[None, ..., None], ks)


def _gathered(weight: Array, columns: int, depth: int, rows: Indices, ks: Indices) -> Array:
    """Of each panel and step the elements at [rows, ks], in the order of these indices."""
    outs, ins = weight.shape
    panels, steps, size = fragments_shape(outs, ins, columns, depth)
    padding = [(0, panels * columns - outs), (0, steps * STEP - ins)]
    whole = np.pad(weight, padding).reshape(panels, columns, steps, STEP).transpose(0, 2, 1, 3)
    return whole[:, :, rows, ks].reshape(panels, steps, size)


def fragments_extents(shapes: Sequence[tuple[int, ...]], parameters: tuple[int, ...]) -> tuple[int, ...]:
    """``fragments_shape`` as a packing has it."""
    (outs, ins), (columns, depth, *_) = shapes[0], parameters
    return fragments_shape(outs, ins, columns, depth)
