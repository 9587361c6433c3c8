"""The interpreter: what it runs, what it checks, and what it says when something is wrong."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from xdsl.dialects import get_all_dialects
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.utils.exceptions import InterpretationError

from ivit_dialect.dialect import Ivit
from ivit_dialect.interpreter import call, run, run_all
from ivit_dialect.load import parse_module
from ivit_dialect.store import StoreContext, WeightStore

MODEL = """
func.func @main(%image: tensor<?x4x4x1xui8>) -> tensor<?x3xi32> {
  %w = ivit.constant "patch" : tensor<2x2x2x1xi8>
  %b = ivit.constant "bias" : tensor<2xi32>
  %a = ivit.conv2d %image, %w, %b
    : (tensor<?x4x4x1xui8>, tensor<2x2x2x1xi8>, tensor<2xi32>) -> tensor<?x2x2x2xi32>
  %t = tensor.collapse_shape %a [[0], [1, 2], [3]] : tensor<?x2x2x2xi32> into tensor<?x4x2xi32>
  %x = ivit.requant %t * 1 shift 3 : tensor<?x4x2xi32> -> tensor<?x4x2xi8>
  %f = tensor.collapse_shape %x [[0], [1, 2]] : tensor<?x4x2xi8> into tensor<?x8xi8>
  %y = func.call @head(%f) : (tensor<?x8xi8>) -> tensor<?x3xi32>
  func.return %y : tensor<?x3xi32>
}
func.func @head(%x: tensor<?x8xi8>) -> tensor<?x3xi32> {
  %w = ivit.constant "head" : tensor<3x8xi8>
  %b = ivit.constant "head.bias" : tensor<3xi32>
  %y = ivit.linear %x, %w, %b : (tensor<?x8xi8>, tensor<3x8xi8>, tensor<3xi32>) -> tensor<?x3xi32>
  func.return %y : tensor<?x3xi32>
}
"""


def parse(text: str) -> ModuleOp:
    ctx = StoreContext()
    for name, factory in get_all_dialects().items():
        ctx.register_dialect(name, factory)
    ctx.load_dialect(Ivit)
    return parse_module(text, "model.mlir", ctx, weights_required=False)


def weights() -> WeightStore:
    rng = np.random.default_rng(0)
    return WeightStore(
        {
            "patch": rng.integers(-128, 128, (2, 2, 2, 1)).astype(np.int8),
            "bias": rng.integers(-1000, 1000, 2).astype(np.int32),
            "head": rng.integers(-128, 128, (3, 8)).astype(np.int8),
            "head.bias": rng.integers(-1000, 1000, 3).astype(np.int32),
        }
    )


def images(count: int) -> NDArray[np.uint8]:
    return np.random.default_rng(1).integers(0, 256, (count, 4, 4, 1)).astype(np.uint8)


def expected(image: NDArray[np.uint8], store: WeightStore) -> list[int]:
    """The model's result, in Python's integers."""
    features: list[int] = []
    for i, j in np.ndindex(2, 2):
        patch = image[2 * i : 2 * i + 2, 2 * j : 2 * j + 2].ravel().tolist()
        for kernel, bias in zip(store["patch"], store["bias"], strict=True):
            total = sum(p * k for p, k in zip(patch, kernel.ravel().tolist(), strict=True)) + int(bias)
            features.append(min(max((total + 4) >> 3, -128), 127))
    rows = zip(store["head"].tolist(), store["head.bias"].tolist(), strict=True)
    return [sum(f * w for f, w in zip(features, row, strict=True)) + bias for row, bias in rows]


@pytest.mark.parametrize("batch", [1, 3])
def test_run(batch: int) -> None:
    x, store = images(batch), weights()
    result = run(parse(MODEL), store, x)
    assert result.dtype == np.int32
    assert result.tolist() == [expected(image, store) for image in x]


def test_run_all_shows_every_op_in_order() -> None:
    seen: list[tuple[str, tuple[int, ...]]] = []

    def observe(op: Operation, results: tuple[NDArray[Any], ...]) -> None:
        seen.extend((op.name, value.shape) for value in results)

    x, store = images(2), weights()
    assert run_all(parse(MODEL), store, x, observe).tolist() == run(parse(MODEL), store, x).tolist()
    assert seen == [
        ("ivit.constant", (2, 2, 2, 1)),
        ("ivit.constant", (2,)),
        ("ivit.conv2d", (2, 2, 2, 2)),
        ("tensor.collapse_shape", (2, 4, 2)),
        ("ivit.requant", (2, 4, 2)),
        ("tensor.collapse_shape", (2, 8)),
        ("ivit.constant", (3, 8)),
        ("ivit.constant", (3,)),
        ("ivit.linear", (2, 3)),
        ("func.call", (2, 3)),
    ]


def test_expand_shape_with_a_dynamic_batch() -> None:
    text = """
    func.func @main(%x: tensor<?x6xi8>) -> tensor<?x2x3xi8> {
      %zero = arith.constant 0 : index
      %n = tensor.dim %x, %zero : tensor<?x6xi8>
      %y = tensor.expand_shape %x [[0], [1, 2]] output_shape [%n, 2, 3]
        : tensor<?x6xi8> into tensor<?x2x3xi8>
      func.return %y : tensor<?x2x3xi8>
    }"""
    x = np.arange(24, dtype=np.int8).reshape(4, 6)
    assert run(parse(text), WeightStore(), x).tolist() == x.reshape(4, 2, 3).tolist()


def test_fused_epilogues_equal_their_unfused_chains() -> None:
    text = """
    func.func @main(%x: tensor<?x2x2x1xi8>, %w: tensor<3x2x2x1xi8>, %b: tensor<3xi32>, %m: tensor<3xi32>)
        -> (tensor<?x1x1x3xi16>, tensor<?x1x1x3xi16>, tensor<?x2x2x2xi8>, tensor<?x2x2x2xi8>) {
      %a = ivit.conv2d %x, %w, %b
        : (tensor<?x2x2x1xi8>, tensor<3x2x2x1xi8>, tensor<3xi32>) -> tensor<?x1x1x3xi32>
      %c = ivit.requant %a channels(%m : tensor<3xi32>) shift 35 : tensor<?x1x1x3xi32> -> tensor<?x1x1x3xi16>
      %d = ivit.conv2d %x, %w, %b requant(%m shift 35 : tensor<3xi32>)
        : (tensor<?x2x2x1xi8>, tensor<3x2x2x1xi8>, tensor<3xi32>) -> tensor<?x1x1x3xi16>
      %e = ivit.matmul %x, %x transpose_b
        : (tensor<?x2x2x1xi8>, tensor<?x2x2x1xi8>) -> tensor<?x2x2x2xi32>
      %f = ivit.requant %e * 99 shift 13 zero_point -7 : tensor<?x2x2x2xi32> -> tensor<?x2x2x2xi8>
      %g = ivit.matmul %x, %x transpose_b * 99 shift 13 zero_point -7
        : (tensor<?x2x2x1xi8>, tensor<?x2x2x1xi8>) -> tensor<?x2x2x2xi8>
      func.return %c, %d, %f, %g
        : tensor<?x1x1x3xi16>, tensor<?x1x1x3xi16>, tensor<?x2x2x2xi8>, tensor<?x2x2x2xi8>
    }"""
    rng = np.random.default_rng(2)
    x = rng.integers(-128, 128, (5, 2, 2, 1)).astype(np.int8)
    w = rng.integers(-128, 128, (3, 2, 2, 1)).astype(np.int8)
    b = rng.integers(-1000, 1000, 3).astype(np.int32)
    c, d, f, g = call(parse(text), WeightStore(), (x, w, b, np.array([1 << 30, -(1 << 28), 7], np.int32)))
    assert c.any()
    assert c.tolist() == d.tolist()
    assert len(np.unique(f)) > 4
    assert f.tolist() == g.tolist()


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((1, 4, 4, 1), np.int8), "expected tensor<?x4x4x1xui8>, got int8 of shape (1, 4, 4, 1)"),
        (np.zeros((1, 4, 4, 3), np.uint8), "expected tensor<?x4x4x1xui8>, got uint8 of shape (1, 4, 4, 3)"),
        (np.zeros((4, 4, 1), np.uint8), "expected tensor<?x4x4x1xui8>, got uint8 of shape (4, 4, 1)"),
    ],
)
def test_wrong_input(x: NDArray[Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"argument 0 of @main: {message}")):
        run(parse(MODEL), weights(), x)


def test_wrong_number_of_arguments() -> None:
    with pytest.raises(ValueError, match="@main takes 1 arguments, got 2"):
        call(parse(MODEL), weights(), (images(1), images(1)))


def test_wrong_weight() -> None:
    store = weights()
    store["head"] = store["head"].T
    message = r"model.mlir:14: ivit.constant 'head': expected tensor<3x8xi8>, got int8 of shape \(8, 3\)"
    with pytest.raises(ValueError, match=message):
        run(parse(MODEL), store, images(1))


def test_overflow_says_where() -> None:
    store = weights()
    store["head.bias"] = np.full(3, 2**31 - 1, np.int32)
    store["head"] = np.full((3, 8), 127, np.int8)
    store["patch"] = np.full((2, 2, 2, 1), 127, np.int8)
    with pytest.raises(OverflowError, match=r"^model.mlir:16: linear: accumulator: .* leaves"):
        run(parse(MODEL), store, images(1))


def test_no_entry() -> None:
    with pytest.raises(ValueError, match="the module has no function @main"):
        run(parse("func.func @other() { func.return }"), WeightStore(), images(1))


def test_unknown_op() -> None:
    text = """
    func.func @main(%x: tensor<?xi8>) -> tensor<?xi8> {
      %y = tensor.cast %x : tensor<?xi8> to tensor<?xi8>
      func.return %y : tensor<?xi8>
    }"""
    with pytest.raises(InterpretationError, match=r"tensor\.cast"):
        run(parse(text), WeightStore(), np.zeros(1, np.int8))
