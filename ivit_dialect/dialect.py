"""The ``ivit`` dialect: integer-only Vision Transformer ops. ``spec.md`` says what each one computes."""

from __future__ import annotations

from xdsl.ir import Dialect

from ivit_dialect.ops.arithmetic import (
    AddiOp,
    FloorDivOp,
    MaxiOp,
    MuliOp,
    ReduceKindAttr,
    ReduceOp,
    RoundingShiftRightOp,
    ShiftRightOp,
    SubiOp,
)
from ivit_dialect.ops.attention import AttentionOp, DeltaSoftmaxAttr, ShiftmaxAttr
from ivit_dialect.ops.elementwise import (
    AddOp,
    AffineOp,
    ConstantOp,
    LookupOp,
    RequantOp,
    RowRequantOp,
    SplatOp,
)
from ivit_dialect.ops.fqvit import LogIntSoftmaxOp, PtfLayerNormOp
from ivit_dialect.ops.ibert import IbertGeluOp, IbertLayerNormOp, IbertSoftmaxOp
from ivit_dialect.ops.l1 import L1LayerNormOp
from ivit_dialect.ops.linear import Conv2dOp, LinearOp, MatmulOp, PatchifyOp
from ivit_dialect.ops.nonlinear import (
    ILayerNormOp,
    IntDivOp,
    IsqrtOp,
    LayerNormOp,
    NewtonSqrtOp,
    RsqrtOp,
    ShiftExpOp,
    ShiftGeluOp,
    ShiftmaxOp,
    SoftmaxOp,
)
from ivit_dialect.ops.probabilities import NormalizedSoftmaxOp, ThresholdSoftmaxOp
from ivit_dialect.ops.shape import MergeHeadsOp, PrependTokensOp, SliceTokensOp, SplitHeadsOp
from ivit_dialect.ops.shift_matmul import ShiftMatmulOp

Ivit = Dialect(
    "ivit",
    [
        AddiOp,
        AddOp,
        AffineOp,
        AttentionOp,
        ConstantOp,
        Conv2dOp,
        FloorDivOp,
        IbertGeluOp,
        IbertLayerNormOp,
        IbertSoftmaxOp,
        ILayerNormOp,
        IntDivOp,
        IsqrtOp,
        L1LayerNormOp,
        LayerNormOp,
        LinearOp,
        LogIntSoftmaxOp,
        LookupOp,
        MatmulOp,
        MaxiOp,
        MergeHeadsOp,
        MuliOp,
        NewtonSqrtOp,
        NormalizedSoftmaxOp,
        PatchifyOp,
        PrependTokensOp,
        PtfLayerNormOp,
        ReduceOp,
        RequantOp,
        RoundingShiftRightOp,
        RowRequantOp,
        RsqrtOp,
        ShiftExpOp,
        ShiftGeluOp,
        ShiftmaxOp,
        ShiftMatmulOp,
        ShiftRightOp,
        SliceTokensOp,
        SoftmaxOp,
        SplatOp,
        SplitHeadsOp,
        SubiOp,
        ThresholdSoftmaxOp,
    ],
    [DeltaSoftmaxAttr, ReduceKindAttr, ShiftmaxAttr],
)
