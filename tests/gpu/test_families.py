"""Every kernel family in its SPMD form on the PTX interpreter, on full-range data, against the reference.

The cases are those of the CPU's kernels in ``tests/unit``, run for a GPU and two images at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

import kernel_harness
import numpy as np
import pytest
import test_fqvit as fqvit
import test_gemm as gemm
import test_kernels_arithmetic as arithmetic
import test_kernels_attention as attention
import test_kernels_elementwise as elementwise
import test_kernels_ibert as ibert
import test_kernels_rows as rows
import test_l1 as l1
import test_probabilities as probabilities
from kernels import Stand
from programs import Device
from ptx import Module
from xdsl.dialects.builtin import IntegerType

from ivit_dialect.load import parse_module
from ivit_dialect.ops.arithmetic import FloorDivOp, MaxiOp, ReduceKind
from ivit_dialect.store import StoreContext
from lowering.cuda.compile import compile_planned
from lowering.cuda.targets import cuda_target
from lowering.kernels.registry import families
from lowering.plan import Plan

Case: TypeAlias = tuple[Callable[..., None], dict[str, Any]]
TARGET = "cuda:sm_80"


def drawn(test: Any, **arguments: Any) -> Case:
    """A test that Hypothesis draws examples for, with one of our own."""
    return test.hypothesis.inner_test, {"seed": 1, "threads": 1, **arguments}


def linear(**arguments: Any) -> Case:
    """A linear layer of odd shape."""

    def run(target: str) -> None:
        case = replace(gemm.Case(2, 7, 21, 33, np.int8), **arguments)
        actual, expected = gemm.run_and_expect(case, target, 1)
        np.testing.assert_array_equal(actual, expected)

    return run, {}


HEADS = {"shape": (13, 3, 5)}
SOFTMAX = {"rows": 3, "columns": 33, "shift": 40, "narrowing": 12}
TABLES = {**SOFTMAX, "most": 2**30}
CASES: dict[str, list[Case]] = {
    "add": [
        drawn(
            elementwise.test_add,
            rows=3,
            channels=33,
            lhs_type=np.int32,
            rhs_type=np.uint8,
            lhs_scale=(-(2**31) + 1, 20),
            rhs_scale=(2**30 + 1, 34),
            constant=constant,
        )
        for constant in (False, True)
    ],
    "affine": [drawn(elementwise.test_affine, rows=3, channels=33, y_type=np.int8, shift=40)],
    "attention": [
        drawn(
            attention.test_delta_attention,
            **HEADS,
            multiplier=1_900_000_000,
            shift=39,
            dividend=255 * 2**22,
            context_shift=30,
            smooth=True,
        ),
        drawn(attention.test_delta_attention_with_a_scale_for_each_head, **HEADS, shift=38),
        drawn(
            attention.test_shiftmax_attention,
            **HEADS,
            multiplier=1_900_000_000,
            shift=40,
            x0=60,
            bits=16,
            context_multiplier=-(2**31) + 1,
            context_shift=46,
        ),
    ],
    "broadcast": [
        (arithmetic.test_broadcast, {"op": FloorDivOp, "left": (3, 2, 17), "right": (3, 1, 1)}),
        (arithmetic.test_broadcast, {"op": MaxiOp, "left": (2, 33), "right": (33,)}),
        (arithmetic.test_broadcast_of_a_splat, {"op": FloorDivOp}),
    ],
    "i_layernorm": [drawn(rows.test_i_layernorm, channels=33, shift=50, y_type=np.int16)],
    "ibert_gelu": [
        drawn(ibert.test_gelu, channels=33, b=-(2**15), c=-(2**29), shift=15, x_type=IntegerType(16))
    ],
    "ibert_layernorm": [
        drawn(
            ibert.test_layernorm,
            channels=33,
            shift=50,
            variance_shift=3,
            x_type=IntegerType(12),
            y_type=IntegerType(8),
        )
    ],
    "ibert_softmax": [
        drawn(ibert.test_softmax, rows=3, columns=33, x_type=IntegerType(8), y_type=IntegerType(16), x0=20)
    ],
    "intdiv": [
        drawn(arithmetic.test_intdiv, rows=3, channels=33, bits=8, by_row=by_row) for by_row in (False, True)
    ],
    "isqrt": [(arithmetic.test_isqrt, {})],
    "l1_layernorm": [drawn(l1.test_kernel, channels=33, shift=50, y_type=np.int8)],
    "layernorm": [
        drawn(rows.test_layernorm, channels=channels, shift=46, epsilon=12) for channels in (1, 131)
    ],
    "linear": [
        linear(out=np.int32),
        linear(rows=0, shift=40, zero_point=-91, table=True),
        linear(shift=31, per_channel=False, residual=np.int16, residual_shift=33, out=np.int16),
    ],
    "log_int_softmax": [drawn(fqvit.test_softmax_kernel, rows=3, columns=33, scale=0.1, bits=4)],
    "lookup": [drawn(elementwise.test_lookup_of_any_length, count=65)],
    "matmul": [
        drawn(
            attention.test_matmul,
            heads=2,
            rows=5,
            inner=30,
            columns=17,
            left=left,
            transposed=left is np.int8,
            scale=scale,
        )
        for left, scale in ((np.int8, None), (np.int16, (2**31 - 1, 33, 7, np.int16)), (np.uint8, None))
    ],
    "merge_heads": [drawn(attention.test_heads, **HEADS, dtype=np.int16)],
    "newton_sqrt": [(arithmetic.test_newton_sqrt, {})],
    "normalized_softmax": [
        drawn(
            probabilities.test_kernels,
            **TABLES,
            by_head=True,
            unit=32768,
            limits=15,
        )
    ],
    "patchify": [
        (gemm.test_patchify_equals_reference, {"pixel": pixel, "shape": (8, 12, 3), "kernel": (4, 6)})
        for pixel in (np.int8, np.uint8)
    ],
    "ptf_layernorm": [
        drawn(fqvit.test_layernorm_kernel, channels=33, shift=17, zero_point=-128, epsilon=1, y_type=np.int16)
    ],
    "reduce": [
        drawn(arithmetic.test_reduce, shape=(2, 5, 33), dimension=dimension, kind=kind, x_type=np.int32)
        for dimension, kind in ((1, ReduceKind.SUM), (2, ReduceKind.MAX))
    ],
    "requant": [
        drawn(
            elementwise.test_requant,
            rows=3,
            channels=33,
            x_type=np.int32,
            y_type=y_type,
            multiplier=-(2**31) + 1,
            shift=shift,
            zero_point=7,
        )
        for shift, y_type in ((20, np.int16), (45, np.uint8))
    ],
    "requant_channels": [
        drawn(elementwise.test_requant_of_channels, rows=3, channels=33, y_type=np.int8, shift=36)
    ],
    "row_requant": [
        drawn(elementwise.test_row_requant, rows=3, channels=33, dividend=2**38, least=255, shift=38)
    ],
    "rsqrt": [(arithmetic.test_rsqrt, {})],
    "shift_matmul": [
        drawn(
            probabilities.test_shift_matmul_kernel, heads=2, rows=5, inner=30, columns=17, codes=16, eta=eta
        )
        for eta in (0, 4)
    ],
    "shiftexp": [(arithmetic.test_shiftexp, {"x0": 332, "n": 15})],
    "shiftgelu": [drawn(rows.test_shiftgelu, channels=33, x0=40, n=20)],
    "shiftmax": [drawn(rows.test_shiftmax, rows=3, columns=33, x0=60, bits=16)],
    "softmax": [drawn(rows.test_softmax, **SOFTMAX, multiplier=1_900_000_000)],
    "split_heads": [drawn(attention.test_heads, **HEADS, dtype=np.int8)],
    "threshold_softmax": [drawn(probabilities.test_kernels, **TABLES, by_head=False, unit=255, limits=1)],
}
"""By the family that they launch. ``copy`` computes no op; it has a test of its own."""


def test_every_family_has_a_case() -> None:
    assert set(families()) - {"copy"} == set(CASES)


@pytest.mark.parametrize("name", sorted(CASES))
def test_spmd_form_equals_the_reference(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stand = Stand(TARGET, spmd=True)
    monkeypatch.setattr(kernel_harness, "run_op", stand.run_op)
    monkeypatch.setattr(gemm, "run_op", stand.run_op)
    for test, arguments in CASES[name]:
        test(target=TARGET, **arguments)
    assert name in stand.launched


COPY = """
plan.program @main(%image: memref<4500xi16>, %result: memref<4500xi16>)
    target "cuda:sm_80" arena 0 live 0 weights 0 {
  plan.launch "copy" ins(%image : memref<4500xi16>) outs(%result : memref<4500xi16>)
}
"""


def test_copy() -> None:
    images = kernel_harness.integers(np.random.default_rng(0), (3, 4500), np.int16)
    ctx = StoreContext()
    ctx.load_dialect(Plan)
    program = compile_planned(parse_module(COPY, "copy.mlir", ctx), ctx, cuda_target(TARGET))
    device = Device(program, len(images))
    device.fill("input", images)
    device.launch(Module(program.ptx), program.launches[0])
    np.testing.assert_array_equal(device.read("output").view(np.int16).reshape(images.shape), images)
