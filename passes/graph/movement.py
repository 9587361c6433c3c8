"""Torch ops that move elements and compute nothing: their effect on a layout is their effect on positions."""

from __future__ import annotations

from xdsl.ir import Operation

from ivit_dialect.torch.ops_scalar import Aten__Getitem__TOp, AtenSizeIntOp, PrimListUnpackOp
from ivit_dialect.torch.ops_shape import (
    Aten_UnsafeViewOp,
    AtenAliasOp,
    AtenBroadcastToOp,
    AtenChunkOp,
    AtenCloneOp,
    AtenContiguousOp,
    AtenDetachOp,
    AtenExpandOp,
    AtenFlattenUsingIntsOp,
    AtenNarrowOp,
    AtenPermuteOp,
    AtenReshapeOp,
    AtenSelectIntOp,
    AtenSliceTensorOp,
    AtenSplitTensorOp,
    AtenSplitWithSizesOp,
    AtenSqueezeDimOp,
    AtenSqueezeOp,
    AtenTransposeIntOp,
    AtenUnbindIntOp,
    AtenUnflattenIntOp,
    AtenUnsqueezeOp,
    AtenViewOp,
)

MOVEMENT: tuple[type[Operation], ...] = (
    Aten__Getitem__TOp,
    Aten_UnsafeViewOp,
    AtenAliasOp,
    AtenBroadcastToOp,
    AtenChunkOp,
    AtenCloneOp,
    AtenContiguousOp,
    AtenDetachOp,
    AtenExpandOp,
    AtenFlattenUsingIntsOp,
    AtenNarrowOp,
    AtenPermuteOp,
    AtenReshapeOp,
    AtenSelectIntOp,
    AtenSizeIntOp,
    AtenSliceTensorOp,
    AtenSplitTensorOp,
    AtenSplitWithSizesOp,
    AtenSqueezeDimOp,
    AtenSqueezeOp,
    AtenTransposeIntOp,
    AtenUnbindIntOp,
    AtenUnflattenIntOp,
    AtenUnsqueezeOp,
    AtenViewOp,
    PrimListUnpackOp,
)
