"""Whoever's turn it is, and whenever a copy lands: the same bits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import test_cuda_attention as attention
from kernels import check
from ptx.machine import Copies, Order
from test_gemm import Case, layer

LINEAR = Case(1, 50, 128, 320, np.int8, shift=44)
SCHEDULES: list[tuple[Order, Copies, int]] = [
    ("serial", "late", 1),
    ("serial", "early", 2),
    ("lockstep", "late", 0),
    ("lockstep", "early", 0),
    ("random", "late", 3),
    ("random", "early", 4),
]


@pytest.mark.parametrize(("order", "copies", "seed"), SCHEDULES)
@pytest.mark.parametrize("target", ["cuda:sm_61", "cuda:sm_75", "cuda:sm_80"])
def test_linear(target: str, order: Order, copies: Copies, seed: int) -> None:
    case = LINEAR if target == "cuda:sm_80" else replace(LINEAR, columns=64, inner=136)
    op, operands, expected = layer(case)
    check(op, operands, np.stack([expected] * 2), target=target, order=order, copies=copies, seed=seed)


@pytest.mark.parametrize(("order", "copies", "seed"), SCHEDULES)
@pytest.mark.parametrize("bits", [0, 16])
def test_attention(bits: int, order: Order, copies: Copies, seed: int) -> None:
    op, operands, second, expected = attention.attention_op(attention.Case(37, 2, 32, bits=bits))
    check(
        op,
        operands,
        expected,
        target="cuda:sm_80",
        second=second,
        order=order,
        copies=copies,
        seed=seed,
    )
