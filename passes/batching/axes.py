"""Rules of ``generalize-batch``: from the operands' batch dimensions to the result's, op by op.

A rule gets the op and the batch dimension of each of its operands (None for one without a batch) and
returns the batch dimension of the result. It raises ``CannotGeneralize`` with the reason where the op mixes
images, or where the graph no longer says which dimension is the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import TypeAlias

from xdsl.ir import Operation, SSAValue

from ivit_dialect.torch.constants import constant_bool, constant_int, constant_ints, list_elements
from ivit_dialect.torch.ops_nn import (
    AtenConvolutionOp,
    AtenGeluOp,
    AtenLayerNormOp,
    AtenLinearOp,
    AtenMatmulOp,
    AtenReluOp,
    AtenScaledDotProductAttentionOp,
    AtenSigmoidOp,
    AtenSiluOp,
    AtenSoftmaxIntOp,
)
from ivit_dialect.torch.ops_pointwise import (
    AtenAddScalarOp,
    AtenAddTensorOp,
    AtenDivScalarOp,
    AtenDivTensorOp,
    AtenErfOp,
    AtenExpOp,
    AtenMulScalarOp,
    AtenMulTensorOp,
    AtenNegOp,
    AtenSubScalarOp,
    AtenSubTensorOp,
    AtenTanhOp,
)
from ivit_dialect.torch.ops_reduce import AtenMeanDimOp, AtenSumDimIntListOp
from ivit_dialect.torch.ops_shape import (
    AtenBroadcastToOp,
    AtenCatOp,
    AtenPermuteOp,
    AtenSelectIntOp,
    AtenSliceTensorOp,
    AtenViewOp,
)
from passes.raising.build import Sizes, sizes_of

Axes: TypeAlias = Sequence[int | None]
Rule: TypeAlias = Callable[[Operation, Axes], int]


class CannotGeneralize(Exception):
    """Why an op does not take any number of images."""


def known(axis: int | None) -> int:
    if axis is None:
        raise CannotGeneralize("its input has no batch dimension")
    return axis


def _same(op: Operation, axes: Axes) -> int:
    return known(axes[0])


def _view(op: Operation, axes: Axes) -> int:
    axis = known(axes[0])
    sizes, result = sizes_of(op.operands[0]), sizes_of(op.results[0])
    found = view_axis(sizes, axis, result)
    if found is None:
        raise CannotGeneralize("it merges the batch with another dimension")
    return found


def view_axis(sizes: Sizes, axis: int, result: Sizes) -> int | None:
    """Where a view from ``sizes`` to ``result`` takes dimension ``axis``, of size one or unknown.

    It is a dimension of ``result``, of size one or unknown, with as many elements before and after it. Among
    neighbouring dimensions of size one the batch keeps its place. None where there is no such dimension.
    """
    wanted = _elements(sizes[:axis]), _elements(sizes[axis + 1 :])
    candidates = [
        index
        for index, size in enumerate(result)
        if size in (1, None) and (_elements(result[:index]), _elements(result[index + 1 :])) == wanted
    ]
    dynamic = [index for index in candidates if result[index] is None]
    if dynamic or not candidates:
        return dynamic[0] if dynamic else None
    return candidates[min(_trailing_ones(sizes[:axis]), len(candidates) - 1)]


def _elements(sizes: Sizes) -> int:
    return prod(size for size in sizes if size is not None)


def _trailing_ones(sizes: Sizes) -> int:
    count = 0
    while count < len(sizes) and sizes[-1 - count] == 1:
        count += 1
    return count


def _permute(op: Operation, axes: Axes) -> int:
    order = constant_ints(op.operands[1])
    if order is None:
        raise CannotGeneralize("its dimensions are not constant")
    rank = len(order)
    return [dim % rank for dim in order].index(known(axes[0]))


def _dim(op: Operation, operand: SSAValue) -> int:
    dim = constant_int(operand)
    if dim is None:
        raise CannotGeneralize("its dimension is not constant")
    return dim % len(sizes_of(op.operands[0]))


def _select(op: Operation, axes: Axes) -> int:
    axis, dim = known(axes[0]), _dim(op, op.operands[1])
    if dim == axis:
        raise CannotGeneralize("it takes one image out of the batch")
    return axis - (dim < axis)


def _slice(op: Operation, axes: Axes) -> int:
    axis = known(axes[0])
    if _dim(op, op.operands[1]) == axis:
        raise CannotGeneralize("it takes some images out of the batch")
    return axis


def _cat(op: Operation, axes: Axes) -> int:
    """Batch dimensions of the list's tensors come as that of the list; see ``list_axis``."""
    axis = known(axes[0])
    dim, elements = constant_int(op.operands[1]), list_elements(op.operands[0])
    if dim is None or not elements:
        raise CannotGeneralize("its dimension or its list is not constant")
    if dim % len(sizes_of(elements[0])) == axis:
        raise CannotGeneralize("it puts images behind one another")
    return axis


def list_axis(axes: Axes) -> int | None:
    """The batch dimension that the tensors of a list agree on, those without one aside."""
    found = {axis for axis in axes if axis is not None}
    if len(found) > 1:
        raise CannotGeneralize(f"its inputs have their batch in different dimensions: {sorted(found)}")
    return found.pop() if found else None


def _pointwise(op: Operation, axes: Axes) -> int:
    """Of two tensors, broadcast from the right."""
    rank = len(sizes_of(op.results[0]))
    found = list_axis(
        [
            None if axis is None else axis + rank - len(sizes_of(operand))
            for operand, axis in zip(op.operands[:2], axes[:2], strict=True)
        ]
    )
    axis = known(found)
    for operand, own in zip(op.operands[:2], axes[:2], strict=True):
        sizes = sizes_of(operand)
        inside = axis - (rank - len(sizes))
        if own is None and inside >= 0 and sizes[inside] != 1:
            raise CannotGeneralize("a constant in it differs from image to image")
    return axis


def _convolution(op: Operation, axes: Axes) -> int:
    if known(axes[0]) != 0 or axes[1] is not None:
        raise CannotGeneralize("its batch is not dimension 0")
    return 0


def _rows(op: Operation, axes: Axes) -> int:
    """Ops over the last dimension."""
    axis = known(axes[0])
    if axis == len(sizes_of(op.operands[0])) - 1:
        raise CannotGeneralize("it mixes the images of the batch")
    if any(other is not None for other in axes[1:]):
        raise CannotGeneralize("its parameters depend on the input")
    return axis


def _layer_norm(op: Operation, axes: Axes) -> int:
    axis, shape = _rows(op, axes), constant_ints(op.operands[1])
    if shape is None or axis >= len(sizes_of(op.operands[0])) - len(shape):
        raise CannotGeneralize("it mixes the images of the batch")
    return axis


def _softmax(op: Operation, axes: Axes) -> int:
    axis = known(axes[0])
    if _dim(op, op.operands[1]) == axis:
        raise CannotGeneralize("it mixes the images of the batch")
    return axis


def _matrices(count: int) -> Rule:
    """Products of ``count`` tensors of matrices with the batch in the same leading dimension."""

    def rule(op: Operation, axes: Axes) -> int:
        axis, rank = known(axes[0]), len(sizes_of(op.operands[0]))
        if any(other != axis for other in axes[:count]) or axis >= rank - 2:
            raise CannotGeneralize("its inputs do not have the batch in the same leading dimension")
        if any(len(sizes_of(operand)) != rank for operand in op.operands[:count]):
            raise CannotGeneralize("its inputs have different ranks")
        if any(other is not None for other in axes[count:]):
            raise CannotGeneralize("its mask depends on the input")
        return axis

    return rule


def _reduction(op: Operation, axes: Axes) -> int:
    axis, rank = known(axes[0]), len(sizes_of(op.operands[0]))
    dims, keepdim = constant_ints(op.operands[1]), constant_bool(op.operands[2])
    if dims is None or keepdim is None:
        raise CannotGeneralize("its dimensions are not constant")
    reduced = {dim % rank for dim in dims}
    if axis in reduced or not dims:
        raise CannotGeneralize("it mixes the images of the batch")
    return axis if keepdim else axis - sum(dim < axis for dim in reduced)


def _broadcast(op: Operation, axes: Axes) -> int:
    axis = known(axes[0])
    sizes, result = sizes_of(op.operands[0]), sizes_of(op.results[0])
    moved = axis + len(result) - len(sizes)
    if result[moved] != sizes[axis]:
        raise CannotGeneralize("it repeats the batch")
    return moved


RULES: dict[type[Operation], Rule] = {
    AtenViewOp: _view,
    AtenPermuteOp: _permute,
    AtenSelectIntOp: _select,
    AtenSliceTensorOp: _slice,
    AtenCatOp: _cat,
    AtenBroadcastToOp: _broadcast,
    AtenConvolutionOp: _convolution,
    AtenLinearOp: _rows,
    AtenLayerNormOp: _layer_norm,
    AtenSoftmaxIntOp: _softmax,
    AtenMatmulOp: _matrices(2),
    AtenScaledDotProductAttentionOp: _matrices(3),
    AtenMeanDimOp: _reduction,
    AtenSumDimIntListOp: _reduction,
    **dict.fromkeys((AtenAddTensorOp, AtenSubTensorOp, AtenMulTensorOp, AtenDivTensorOp), _pointwise),
    **dict.fromkeys((AtenAddScalarOp, AtenSubScalarOp, AtenMulScalarOp, AtenDivScalarOp), _same),
    **dict.fromkeys((AtenGeluOp, AtenReluOp, AtenSiluOp, AtenSigmoidOp), _same),
    **dict.fromkeys((AtenErfOp, AtenExpOp, AtenNegOp, AtenTanhOp), _same),
}
