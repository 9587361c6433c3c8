"""Kernels of the shape ops; most return views."""

from __future__ import annotations

from typing import Any

import numpy as np
from xdsl.ir import Operation

from ivit_dialect.torch import ops_shape as torch
from ivit_dialect.torch.kernels.table import Array, KernelTable, Number

KERNELS = KernelTable()


def _at(x: Array, dim: int, index: int | slice) -> Array:
    """``x`` indexed along one dimension; IndexError where there is no such dimension."""
    dim = range(x.ndim)[dim]
    return x[(slice(None),) * dim + (index,)]


@KERNELS.of(torch.AtenViewOp, torch.Aten_UnsafeViewOp, torch.AtenReshapeOp)
def view(op: Operation, x: Array, size: list[int]) -> Array:
    return x.reshape(size)


@KERNELS.of(torch.AtenPermuteOp)
def permute(op: Operation, x: Array, dims: list[int]) -> Array:
    return x.transpose(dims)


@KERNELS.of(torch.AtenTransposeIntOp)
def transpose(op: Operation, x: Array, dim0: int, dim1: int) -> Array:
    return x.swapaxes(dim0, dim1)


@KERNELS.of(torch.AtenTOp)
def matrix_transpose(op: Operation, x: Array) -> Array:
    return x.T


@KERNELS.of(torch.AtenSelectIntOp)
def select(op: Operation, x: Array, dim: int, index: int) -> Array:
    return _at(x, dim, index)


@KERNELS.of(torch.AtenSliceTensorOp)
def slice_tensor(op: Operation, x: Array, dim: int, start: int | None, end: int | None, step: int) -> Array:
    return _at(x, dim, slice(start, end, step))


@KERNELS.of(torch.AtenNarrowOp)
def narrow(op: Operation, x: Array, dim: int, start: int, length: int) -> Array:
    start = start + x.shape[dim] if start < 0 else start
    return _at(x, dim, slice(start, start + length))


@KERNELS.of(torch.AtenSqueezeOp)
def squeeze(op: Operation, x: Array) -> Array:
    return np.squeeze(x)


@KERNELS.of(torch.AtenSqueezeDimOp)
def squeeze_dim(op: Operation, x: Array, dim: int) -> Array:
    return np.squeeze(x, axis=dim) if x.shape[dim] == 1 else x


@KERNELS.of(torch.PrimsSqueezeOp)
def squeeze_dims(op: Operation, x: Array, dimensions: list[int]) -> Array:
    return np.squeeze(x, axis=tuple(dimensions))


@KERNELS.of(torch.AtenUnsqueezeOp)
def unsqueeze(op: Operation, x: Array, dim: int) -> Array:
    return np.expand_dims(x, dim)


@KERNELS.of(torch.AtenFlattenUsingIntsOp)
def flatten(op: Operation, x: Array, start: int, end: int) -> Array:
    if x.ndim == 0:
        return x.reshape(1)
    start, end = range(x.ndim)[start], range(x.ndim)[end]
    return x.reshape(*x.shape[:start], -1, *x.shape[end + 1 :])


@KERNELS.of(torch.AtenUnflattenIntOp)
def unflatten(op: Operation, x: Array, dim: int, sizes: list[int]) -> Array:
    dim = range(x.ndim)[dim]
    return x.reshape(*x.shape[:dim], *sizes, *x.shape[dim + 1 :])


@KERNELS.of(torch.AtenBroadcastToOp)
def broadcast_to(op: Operation, x: Array, size: list[int]) -> Array:
    kept = (1,) * (len(size) - x.ndim) + x.shape
    return np.broadcast_to(x, [have if want == -1 else want for want, have in zip(size, kept, strict=True)])


@KERNELS.of(torch.AtenExpandOp)
def expand(op: Operation, x: Array, size: list[int], implicit: bool) -> Array:
    return broadcast_to(op, x, size)


@KERNELS.of(torch.AtenExpandAsOp)
def expand_as(op: Operation, x: Array, other: Array) -> Array:
    return np.broadcast_to(x, other.shape)


@KERNELS.of(torch.AtenRepeatOp)
def repeat(op: Operation, x: Array, repeats: list[int]) -> Array:
    return np.tile(x, repeats)


@KERNELS.of(torch.AtenCatOp)
def cat(op: Operation, tensors: list[Array], dim: int) -> Array:
    return np.concatenate(tensors, axis=dim)


@KERNELS.of(torch.AtenStackOp)
def stack(op: Operation, tensors: list[Array], dim: int) -> Array:
    return np.stack(tensors, axis=dim)


@KERNELS.of(torch.AtenSplitTensorOp)
def split(op: Operation, x: Array, size: int, dim: int) -> list[Array]:
    return [_at(x, dim, slice(start, start + size)) for start in range(0, x.shape[dim], size)]


@KERNELS.of(torch.AtenSplitWithSizesOp)
def split_with_sizes(op: Operation, x: Array, sizes: list[int], dim: int) -> list[Array]:
    if sum(sizes) != x.shape[dim]:
        raise ValueError(f"sizes {sizes} do not add up to {x.shape[dim]}")
    ends = [int(end) for end in np.cumsum(sizes)]
    return [_at(x, dim, slice(end - size, end)) for end, size in zip(ends, sizes, strict=True)]


@KERNELS.of(torch.AtenChunkOp)
def chunk(op: Operation, x: Array, chunks: int, dim: int) -> list[Array]:
    return split(op, x, max(1, -(-x.shape[dim] // chunks)), dim)


@KERNELS.of(torch.AtenUnbindIntOp)
def unbind(op: Operation, x: Array, dim: int) -> list[Array]:
    return [_at(x, dim, index) for index in range(x.shape[dim])]


@KERNELS.of(torch.AtenIndexTensorOp, torch.AtenIndexTensorHackedTwinOp)
def index(op: Operation, x: Array, indices: list[Array | None]) -> Array:
    return x[tuple(slice(None) if part is None else part for part in indices)]


@KERNELS.of(torch.AtenIndexSelectOp)
def index_select(op: Operation, x: Array, dim: int, indices: Array) -> Array:
    return np.take(x, indices, axis=dim)


@KERNELS.of(torch.AtenGatherOp)
def gather(op: Operation, x: Array, dim: int, indices: Array, sparse_grad: bool) -> Array:
    return np.take_along_axis(x, indices, axis=dim)


@KERNELS.of(torch.AtenConstantPadNdOp)
def constant_pad(op: Operation, x: Array, pad: list[int], value: Number | None) -> Array:
    """``pad`` has (before, after) pairs from the last dimension on; a negative one cuts off."""
    widths = [(0, 0)] * x.ndim
    for pair in range(len(pad) // 2):
        before, after = pad[2 * pair : 2 * pair + 2]
        dim = x.ndim - 1 - pair
        x = _at(x, dim, slice(max(0, -before), x.shape[dim] - max(0, -after)))
        widths[dim] = (max(0, before), max(0, after))
    return np.pad(x, widths, constant_values=value or 0)


@KERNELS.of(torch.AtenPadOp)
def pad(op: Operation, x: Array, pad: list[int], mode: str, value: Number | None) -> Array:
    if mode != "constant":
        raise ValueError(f"padding mode '{mode}' is not supported: use 'constant'")
    return constant_pad(op, x, pad, value)


@KERNELS.of(
    torch.AtenCloneOp,
    torch.AtenContiguousOp,
    torch.AtenDetachOp,
    torch.AtenAliasOp,
    torch.AtenLiftFreshCopyOp,
)
def same(op: Operation, x: Array, *options: Any) -> Array:
    return x
