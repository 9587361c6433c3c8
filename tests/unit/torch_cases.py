"""Operands for each aten op of the mirror: what torch computes on them is what its kernel must compute.

Values are torch tensors, torch dtypes, numbers, strings, None, and lists of them, in schema order.
"""

from __future__ import annotations

from typing import Any

import torch


def _floats(*size: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(size, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def _positive(*size: int) -> torch.Tensor:
    return _floats(*size).abs() + 0.1


def _integers(*size: int, low: int = -5, high: int = 6) -> torch.Tensor:
    return torch.randint(low, high, size, generator=torch.Generator().manual_seed(1))


X, Y, ROW = _floats(2, 3, 4), _floats(2, 3, 4, seed=1), _floats(4, seed=2)
DOUBLE = _floats(2, 3, 4, seed=3, dtype=torch.float64)
INTS, BOOLS = _integers(2, 3, 4), _floats(2, 3, 4) > 0
TIES = torch.tensor([[1.0, 3.0, 3.0, 2.0], [5.0, 0.0, -1.0, 5.0]])
SPECIAL = torch.tensor([0.0, -0.0, 1.0, float("inf"), float("-inf"), float("nan"), -2.5])
IMAGE, FILTERS = _floats(2, 4, 9, 8), _floats(6, 4, 3, 2, seed=1)
HEADS = [_floats(2, 3, 5, 8, seed=seed) for seed in range(3)]
LAST = 2**63 - 1
CPU = torch.device("cpu")
FACTORY: list[Any] = [None, None, CPU, False]

CASES: dict[str, list[list[Any]]] = {
    # layers
    "convolution": [
        [IMAGE, FILTERS, _floats(6), [2, 3], [1, 2], [1, 2], False, [0, 0], 1],
        [IMAGE, _floats(6, 2, 3, 3), None, [1, 1], [0, 0], [1, 1], False, [0, 0], 2],
        [_floats(1, 3, 16, 16), _floats(8, 3, 4, 4), _floats(8), [4, 4], [0, 0], [1, 1], False, [0, 0], 1],
    ],
    "conv2d": [[IMAGE, FILTERS, _floats(6), [1, 1], [0, 0], [1, 1], 1]],
    "linear": [[X, _floats(5, 4), _floats(5)], [X, _floats(5, 4), None], [ROW, _floats(5, 4), None]],
    "addmm": [
        [_floats(5), _floats(3, 4), _floats(4, 5), 1, 1],
        [_floats(3, 5), _floats(3, 4), _floats(4, 5), 0.5, 2],
    ],
    "mm": [[_floats(3, 4), _floats(4, 5)], [_floats(4, 3).T, _floats(5, 4).T]],
    "bmm": [[_floats(2, 3, 4), _floats(2, 4, 5)], [_floats(2, 4, 3).mT, _floats(2, 5, 4).mT]],
    "baddbmm": [[_floats(1, 5), _floats(2, 3, 4), _floats(2, 4, 5), 1, 0.5]],
    "matmul": [
        [X, _floats(4, 5)],
        [HEADS[0], HEADS[1].mT],
        [_floats(3, 4), _floats(2, 4, 5)],
        [ROW, ROW],
        [X, ROW],
    ],
    "layer_norm": [[X, [4], ROW, _floats(4), 1e-6, True], [X, [3, 4], None, None, 1e-5, False]],
    "native_layer_norm": [[X, [4], ROW, _floats(4), 1e-6]],
    "softmax.int": [[X, -1, None], [X, 1, None], [X, -1, torch.float64]],
    "_softmax": [[X * 50, -1, False]],
    "scaled_dot_product_attention": [
        [*HEADS, None, 0.0, False, None, False],
        [*HEADS, _floats(5, 5), 0.0, False, 0.3, False],
        [*HEADS, _floats(2, 1, 5, 5) > -1, 0.0, False, None, False],
        [*HEADS, None, 0.0, True, None, False],
        [_floats(2, 6, 5, 8), HEADS[1], HEADS[2], None, 0.0, False, None, True],
    ],
    "gelu": [[X * 3, "none"], [X * 3, "tanh"], [DOUBLE, "none"]],
    "relu": [[X]],
    "silu": [[X * 20]],
    "sigmoid": [[X * 50]],
    "dropout": [[X, 0.5, False], [X, 0.0, True]],
    "embedding": [[_floats(7, 4), _integers(2, 3, low=0), -1, False, False]],
    # element-wise
    "add.Tensor": [
        [X, Y, 1],
        [X, ROW, 2],
        [X, INTS, 1],
        [INTS, INTS, -3],
        [X, torch.tensor(0.1, dtype=torch.float64), 1],
    ],
    "add.Scalar": [[X, 0.1, 1], [INTS, 2, 3], [X, 2, 0.5]],
    "sub.Tensor": [[X, Y, 1], [X, ROW, 2], [DOUBLE, DOUBLE[:, :1], 1]],
    "sub.Scalar": [[X, 0.1, 1], [INTS, 2, 3]],
    "rsub.Scalar": [[X, 1.5, 1], [INTS, 2, 3]],
    "mul.Tensor": [[X, Y], [X, BOOLS], [X, INTS], [X, X.half()]],
    "mul.Scalar": [[X, 0.25], [INTS, 3]],
    "div.Tensor": [[X, Y], [INTS, INTS.abs() + 1]],
    "div.Scalar": [[X, 3], [INTS, 4], [X, 0.0]],
    "div.Tensor_mode": [[X, Y, "floor"], [INTS, INTS.abs() + 1, "trunc"], [X, Y, None]],
    "div.Scalar_mode": [[INTS, 3, "floor"], [X, 0.7, "trunc"]],
    "addcmul": [[X, Y, ROW, 0.5]],
    "neg": [[X], [INTS]],
    "abs": [[X], [INTS]],
    "reciprocal": [[X], [INTS.abs() + 1]],
    "rsqrt": [[_positive(2, 3)]],
    "sqrt": [[_positive(2, 3)]],
    "exp": [[X], [SPECIAL]],
    "log": [[_positive(2, 3)]],
    "erf": [[X], [SPECIAL], [torch.linspace(-6, 6, 4001)], [DOUBLE]],
    "tanh": [[X]],
    "floor": [[X * 3], [INTS]],
    "ceil": [[X * 3]],
    "pow.Tensor_Scalar": [[X, 2], [X, 3], [_positive(2, 3), 0.5], [INTS, 2]],
    "pow.Tensor_Tensor": [[_positive(2, 3, 4), Y]],
    "pow.Scalar": [[2.5, X]],
    "maximum": [[X, Y], [SPECIAL, SPECIAL.flip(0)]],
    "minimum": [[X, ROW]],
    "clamp": [[X, -0.5, 0.5], [X, None, 0.1], [INTS, 0, None]],
    "clamp_min": [[X, 0.25]],
    "clamp_max": [[X, 0.25]],
    # comparison, selection, conversion
    **{f"{name}.Tensor": [[TIES, TIES.flip(1)], [INTS, X]] for name in ("eq", "ne", "lt", "le", "gt", "ge")},
    **{
        f"{name}.Scalar": [[TIES, 3], [SPECIAL, float("-inf")]]
        for name in ("eq", "ne", "lt", "le", "gt", "ge")
    },
    "logical_and": [[BOOLS, X > 0.5]],
    "logical_not": [[BOOLS]],
    "bitwise_and.Tensor": [[BOOLS, X > 0.5], [INTS, INTS + 1]],
    "bitwise_or.Tensor": [[BOOLS, X > 0.5]],
    "isnan": [[SPECIAL]],
    "where.self": [[BOOLS, X, Y], [BOOLS[:, :1], X, torch.tensor(0.0)]],
    "where.ScalarSelf": [[BOOLS, 1.5, X]],
    "where.ScalarOther": [[BOOLS, X, float("-inf")]],
    "masked_fill.Scalar": [[X, BOOLS, float("-inf")]],
    "to.dtype": [
        [X, torch.float64, False, False, None],
        [X * 3, torch.int64, False, False, None],
        [INTS, torch.bool, False, True, None],
    ],
    "to.dtype_layout": [[X, torch.float64, None, CPU, False, False, False, None]],
    "_to_copy": [[X, torch.float16, None, None, None, False, None]],
    "type_as": [[X, DOUBLE]],
    # reductions
    "sum": [[X, None], [INTS, None]],
    "sum.dim_IntList": [
        [X, [2], True, None],
        [X, [0, -1], False, None],
        [BOOLS, [1], False, None],
        [X, [1], False, torch.float64],
    ],
    "mean": [[X, None]],
    "mean.dim": [[X, [1], False, None], [X, [-2, -1], True, None]],
    "var": [[X, True], [X, False]],
    "var.dim": [[X, [-1], True, True], [X, [1], False, False]],
    "var.correction": [[X, [-1], 0, True], [X, None, None, False]],
    "var_mean.correction": [[X, [-1], 0, True]],
    "std.dim": [[X, [-1], True, True]],
    "std.correction": [[X, [1], 1, False]],
    "linalg_vector_norm": [
        [X, 2, [-1], True, None],
        [X, 1, [1], False, None],
        [X, float("inf"), None, False, None],
        [X, 3, [1], False, None],
    ],
    "max": [[X]],
    "max.dim": [[TIES, -1, True], [X, 1, False]],
    "min": [[X]],
    "min.dim": [[TIES, 0, False]],
    "amax": [[X, [-1], True], [X, [], False]],
    "amin": [[X, [0, 2], False]],
    "argmax": [[TIES, 1, True], [X, None, False]],
    "any.dim": [[BOOLS, -1, False]],
    "all": [[BOOLS], [BOOLS | ~BOOLS]],
    "all.dim": [[BOOLS, 1, True]],
    "cumsum": [[X, 1, None], [INTS, -1, None]],
    # shape
    "view": [[X, [6, 4]], [X, [2, -1]]],
    "_unsafe_view": [[X, [24]]],
    "reshape": [[X.mT, [2, 12]]],
    "permute": [[X, [2, 0, -2]]],
    "transpose.int": [[X, -1, 0]],
    "t": [[TIES], [ROW]],
    "select.int": [[X, 1, -1], [X, -1, 2]],
    "slice.Tensor": [[X, 1, 0, LAST, 2], [X, -1, -2, LAST, 1], [X, 2, None, -1, 1], [X, 0, 1, 1, 1]],
    "narrow": [[X, 2, 1, 2], [X, 1, -2, 2]],
    "squeeze": [[X[:, :1]]],
    "squeeze.dim": [[X[:, :1], 1], [X, 1], [X[:1], -3]],
    "unsqueeze": [[X, 0], [X, -1], [X, 2]],
    "flatten.using_ints": [[X, 1, -1], [X, 0, 1], [torch.tensor(1.0), 0, -1]],
    "unflatten.int": [[X, 2, [2, -1]], [X, -1, [2, 2]]],
    "expand": [[X[:, :1], [2, 5, -1], False], [ROW, [3, 4], False]],
    "expand_as": [[X[:1], X]],
    "broadcast_to": [[X[:, :1], [5, -1, 3, -1]], [ROW, [2, 4]]],
    "repeat": [[X, [2, 1, 3]], [ROW, [2, 2]]],
    "cat": [[[X, Y], 1], [[X, X[:, :, :1]], -1]],
    "stack": [[[X, Y], 0], [[X, Y], -1]],
    "split.Tensor": [[X, 2, 1], [X, 4, -1]],
    "split_with_sizes": [[X, [1, 3], 2]],
    "chunk": [[X, 3, 1], [X, 3, -1]],
    "unbind.int": [[X, 0], [X, -1]],
    "index.Tensor": [
        [X, [torch.tensor([1, 0, 1])]],
        [X, [None, torch.tensor([2, 0])]],
        [X, [torch.tensor([[0], [1]]), None, torch.tensor([[3, 1]])]],
        [X, [BOOLS]],
    ],
    "index.Tensor_hacked_twin": [[X, [torch.tensor([[1], [0]]), torch.tensor([[2, 0]])]]],
    "index_select": [[X, 1, torch.tensor([2, 0, 2])]],
    "gather": [[X, 2, _integers(2, 3, 2, low=0, high=4), False]],
    "constant_pad_nd": [[X, [1, 2], 0.5], [X, [0, 1, -1, 2], 0], [X, [-1, -1, 0, 0, 3, 0], 0.0]],
    "pad": [[X, [1, 2], "constant", None], [X, [0, 1, -1, 2], "constant", 1.5]],
    "clone": [[X, None]],
    "contiguous": [[X.mT, 0]],
    "detach": [[X]],
    "alias": [[X]],
    "lift_fresh_copy": [[X]],
    # makers
    "arange": [[5, *FACTORY], [2.5, *FACTORY]],
    "arange.start": [[2, 7, *FACTORY], [1, 4, torch.float32, None, CPU, False]],
    "arange.start_step": [[1, 10, 3, *FACTORY], [0.0, 1.0, 0.25, *FACTORY], [5, 0, -2, *FACTORY]],
    "zeros": [[[2, 3], *FACTORY]],
    "ones": [[[2, 3], torch.int64, None, CPU, False]],
    "full": [[[2, 3], 1.5, *FACTORY], [[2], True, *FACTORY]],
    "zeros_like": [[X, None, None, None, None, None]],
    "ones_like": [[X, torch.bool, None, None, None, None]],
    "full_like": [[X, 0.5, None, None, None, None, None]],
    "new_zeros": [[X, [2], None, None, None, None]],
    "new_ones": [[X, [2, 2], None, None, None, None]],
    "new_full": [[X, [2], 3, None, None, None, None]],
    "scalar_tensor": [[2.5, torch.float32, None, CPU, False]],
}

SCALARS: dict[str, list[tuple[list[Any], int | float | list[int]]]] = {
    "size.int": [([X, -1], 4), ([X, 0], 2)],
    "size": [([X], [2, 3, 4])],
    "item": [([torch.tensor(2.5)], 2.5)],
    "add.int": [([3, 4], 7)],
    "sub.int": [([3, 4], -1)],
    "mul.int": [([3, -4], -12)],
    "floordiv.int": [([7, 2], 3), ([-7, 2], -4)],
    "remainder.int": [([7, 3], 1), ([-7, 3], 2)],
    "neg.int": [([3], -3)],
    "Float.Scalar": [([3], 3.0)],
    "__getitem__.t": [([[4, 5, 6], -1], 6)],
}
"""Ops on numbers, with their results."""

UNSPECIFIED = {"empty.memory_format", "empty_like"}
"""Ops whose result torch leaves open."""
