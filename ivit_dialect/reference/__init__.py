"""What each op computes, in NumPy: one pure function per op, plain arrays in, plain arrays out.

Integers are exact: int64 inside, and an OverflowError instead of a value that wrapped. ``out`` is a NumPy
dtype, or an ``IntegerFormat`` for fewer bits than it holds. The functions are
written for reading, apart from every lowering; lowered code is tested against them bit for bit.
"""

from __future__ import annotations

from ivit_dialect.reference.arithmetic import (
    addi,
    floor_div,
    maxi,
    muli,
    reduce_max,
    reduce_sum,
    rounding_shift_right,
    shift_right,
    subi,
)
from ivit_dialect.reference.attention import DeltaSoftmax, ShiftmaxSoftmax, attention
from ivit_dialect.reference.elementwise import add, affine, lookup, requant, row_requant
from ivit_dialect.reference.fqvit import log_int_softmax, ptf_layernorm
from ivit_dialect.reference.gelu import shiftgelu
from ivit_dialect.reference.ibert import (
    i_exp,
    ibert_gelu,
    ibert_layernorm,
    ibert_softmax,
    newton_floor_sqrt,
)
from ivit_dialect.reference.l1 import l1_layernorm
from ivit_dialect.reference.linear import conv2d, linear, linear_epilogue, matmul, patchify
from ivit_dialect.reference.norm import i_layernorm, layernorm
from ivit_dialect.reference.probabilities import normalized_softmax, threshold_softmax
from ivit_dialect.reference.roots import isqrt, newton_sqrt, rsqrt
from ivit_dialect.reference.shape import merge_heads, prepend_tokens, reshape, slice_tokens, split_heads
from ivit_dialect.reference.shift_matmul import shift_matmul
from ivit_dialect.reference.softmax import intdiv, shiftexp, shiftmax, softmax

__all__ = [
    "DeltaSoftmax",
    "ShiftmaxSoftmax",
    "add",
    "addi",
    "affine",
    "attention",
    "conv2d",
    "floor_div",
    "i_exp",
    "i_layernorm",
    "ibert_gelu",
    "ibert_layernorm",
    "ibert_softmax",
    "intdiv",
    "isqrt",
    "l1_layernorm",
    "layernorm",
    "linear",
    "linear_epilogue",
    "log_int_softmax",
    "lookup",
    "matmul",
    "maxi",
    "merge_heads",
    "muli",
    "newton_floor_sqrt",
    "newton_sqrt",
    "normalized_softmax",
    "patchify",
    "prepend_tokens",
    "ptf_layernorm",
    "reduce_max",
    "reduce_sum",
    "requant",
    "reshape",
    "rounding_shift_right",
    "row_requant",
    "rsqrt",
    "shift_matmul",
    "shift_right",
    "shiftexp",
    "shiftgelu",
    "shiftmax",
    "slice_tokens",
    "softmax",
    "split_heads",
    "subi",
    "threshold_softmax",
]
