"""Integers of 2 to 16 bits: held in the next wider type, clamped to their own range, checked everywhere."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from xdsl.dialects.builtin import IntegerType, Signedness, TensorType

from ivit_dialect import reference
from ivit_dialect.dialect import Ivit
from ivit_dialect.element_types import check_array, element_format, numpy_dtype
from ivit_dialect.interpreter import call
from ivit_dialect.load import parse_module
from ivit_dialect.reference.ranges import signed_format
from ivit_dialect.resources import weights_as_resources
from ivit_dialect.store import StoreContext, WeightStore
from ivit_dialect.types import IntegerWidths, tensor_types

WIDTHS = tuple(range(2, 17))


def run(body: str, out: str, *args: NDArray[Any], store: WeightStore | None = None) -> NDArray[Any]:
    ctx = StoreContext()
    ctx.load_dialect(Ivit)
    text = f"func.func @main({body}\n  func.return %y : {out}\n}}"
    (result,) = call(parse_module(text, "widths", ctx, weights_required=False), store or WeightStore(), args)
    return result


@pytest.mark.parametrize("bits", WIDTHS)
def test_held_in_the_next_wider_type(bits: int) -> None:
    size = 8 if bits <= 8 else 16
    assert numpy_dtype(IntegerType(bits)) == np.dtype(f"int{size}")
    assert numpy_dtype(IntegerType(bits, Signedness.UNSIGNED)) == np.dtype(f"uint{size}")
    assert element_format(IntegerType(bits)) == signed_format(bits)


@pytest.mark.parametrize("bits", [17, 31, 33])
def test_other_widths_are_refused(bits: int) -> None:
    with pytest.raises(ValueError, match=f"element type i{bits} is not supported"):
        numpy_dtype(IntegerType(bits))


def test_signed_integers_are_signless() -> None:
    assert IntegerWidths(8).fits(IntegerType(8))
    assert not IntegerWidths(8).fits(IntegerType(8, Signedness.SIGNED))
    assert not IntegerWidths(8).fits(IntegerType(8, Signedness.UNSIGNED))


@pytest.mark.parametrize("bits", WIDTHS)
def test_requant_clamps_to_the_width(bits: int) -> None:
    x = np.arange(-(1 << 16), 1 << 16, dtype=np.int32)
    scaled = np.floor(x.astype(np.float64) * 3 / 4 + 0.5).astype(np.int64) + 1
    expected = np.clip(scaled, -(1 << (bits - 1)), (1 << (bits - 1)) - 1)
    wide, out = f"tensor<1x{x.size}xi32>", f"tensor<1x{x.size}xi{bits}>"
    body = f"%x: {wide}) -> {out} {{\n  %y = ivit.requant %x * 3 shift 2 zero_point 1 : {wide} -> {out}"
    result = run(body, out, x[None])
    assert result.dtype == numpy_dtype(IntegerType(bits))
    np.testing.assert_array_equal(result[0], expected)


@pytest.mark.parametrize("bits", [2, 4, 8, 10, 12])
@pytest.mark.parametrize("unsigned", [False, True])
def test_lookup_reads_every_entry(bits: int, unsigned: bool) -> None:
    element = IntegerType(bits, Signedness.UNSIGNED if unsigned else Signedness.SIGNLESS)
    values = element_format(element)
    x = np.arange(values.low, values.high + 1).astype(values.dtype)[None]
    table = np.random.default_rng(bits).permutation(1 << bits).astype(np.int16)
    np.testing.assert_array_equal(reference.lookup(x, table)[0], table)


def test_lookup_past_the_table() -> None:
    with pytest.raises(OverflowError, match=r"lookup: index: \[0, 16\] leaves \[0, 15\]"):
        reference.lookup(np.array([-8, 8], np.int8), np.arange(16, dtype=np.int8))


@pytest.mark.parametrize("bits", [4, 6, 10, 12])
def test_linear_lookup_is_requant_then_lookup(bits: int) -> None:
    generator = np.random.default_rng(bits)
    accumulator = generator.integers(-(1 << 20), 1 << 20, (64, 5), dtype=np.int32)
    multipliers = generator.integers(1, 1 << 30, 5, dtype=np.int32)
    table = generator.integers(-8, 8, 1 << bits, dtype=np.int8)
    index = reference.requant(accumulator, multipliers, 40, signed_format(bits), 3)
    fused = reference.linear_epilogue(
        accumulator, multipliers, 40, signed_format(4), zero_point=3, table=table
    )
    np.testing.assert_array_equal(fused, reference.lookup(index, table))


def test_results_that_must_fit_fit_the_width() -> None:
    body = "%x: tensor<1x2xi4>) -> tensor<1x2xi4> {\n"
    body += "  %y = ivit.addi %x, %x : (tensor<1x2xi4>, tensor<1x2xi4>) -> tensor<1x2xi4>"
    assert run(body, "tensor<1x2xi4>", np.array([[3, -4]], np.int8)).tolist() == [[6, -8]]
    with pytest.raises(OverflowError, match=r"addi: \[6, 8\] leaves \[-8, 7\]"):
        run(body, "tensor<1x2xi4>", np.array([[3, 4]], np.int8))


def test_arguments_and_constants_are_of_the_width() -> None:
    body = '%x: tensor<1x2xi4>) -> tensor<1x2xi4> {\n  %y = ivit.constant "w" : tensor<1x2xi4>'
    good = np.array([[7, -8]], np.int8)
    assert run(body, "tensor<1x2xi4>", good, store=WeightStore({"w": good})).tolist() == [[7, -8]]
    with pytest.raises(ValueError, match=r"argument 0 of @main: values in \[-8, 8\] leave i4, \[-8, 7\]"):
        run(body, "tensor<1x2xi4>", good + np.array([[1, 0]], np.int8), store=WeightStore({"w": good}))
    with pytest.raises(ValueError, match=r"ivit.constant 'w': values in \[-9, 7\] leave i4, \[-8, 7\]"):
        run(body, "tensor<1x2xi4>", good, store=WeightStore({"w": good - np.array([[0, 1]], np.int8)}))


def test_stored_weights_are_of_the_width() -> None:
    tensor = TensorType(IntegerType(6), [2])
    check_array(np.array([31, -32], np.int8), tensor, "w")
    with pytest.raises(ValueError, match=r"'w' in the weight store: .*\[0, 32\] leave i6, \[-32, 31\]"):
        check_array(np.array([32, 0], np.int8), tensor, "w")
    with pytest.raises(ValueError, match=r"'w' is int16\[2\] in the weight store, not tensor<2xi6>"):
        check_array(np.array([0, 0], np.int16), tensor, "w")


@pytest.mark.parametrize(("element", "values"), [("i4", [-8, 7]), ("i12", [-2048, 2047]), ("ui4", [0, 15])])
def test_resources_hold_whole_bytes(element: str, values: list[int]) -> None:
    ctx = StoreContext()
    ctx.load_dialect(Ivit)
    module = f'%y = ivit.constant "w" : tensor<2x{element}>\n'
    parsed = parse_module(module, "widths", ctx, weights_required=False)
    (op,) = parsed.ops
    (tensor,) = tensor_types(*op.results)
    dtype = numpy_dtype(tensor.element_type)
    text = module + weights_as_resources({"w": np.array(values, dtype)})
    parse_module(text, "widths", ctx)
    assert ctx.store["w"].dtype == dtype
    assert ctx.store["w"].tolist() == values


def test_attention_of_few_bits_clamps_its_result() -> None:
    generator = np.random.default_rng(0)
    q, k, v = (generator.integers(-8, 8, (1, 5, 8), dtype=np.int8) for _ in range(3))
    table = np.arange(255, -1, -1).astype(np.uint8)
    softmax = reference.DeltaSoftmax(table, 1 << 8, 9, 1 << 28, 20)
    wide = reference.attention(q, k, v, 2, softmax, np.int16)
    narrow = reference.attention(q, k, v, 2, softmax, signed_format(4))
    assert narrow.dtype == np.int8
    assert np.abs(wide).max() > 8
    np.testing.assert_array_equal(narrow, np.clip(wide, -8, 7))


SATURATING = {
    "add": ("ivit.add %x * 1073741823 shift 29, %x : (WIDE, WIDE) -> OUT", 0),
    "affine": ("ivit.affine %x * %m + %o shift 1 : (WIDE, tensor<64xi32>, tensor<64xi64>) -> OUT", 0),
    "row_requant": ("ivit.row_requant %x * 9 / %d min 2 shift 1 : (WIDE, tensor<40x1xi32>) -> OUT", 0),
    "linear": (
        "ivit.linear %n, %w, %m requant(%m shift 2 : tensor<64xi32>)"
        " : (tensor<40x64xi4>, tensor<64x64xi4>, tensor<64xi32>) -> OUT",
        0,
    ),
    "conv2d": (
        "ivit.conv2d %i, %k, %kb requant(%kb shift 1 : tensor<3xi32>)"
        " : (tensor<40x4x4x1xi8>, tensor<3x2x2x1xi6>, tensor<3xi32>) -> OUT",
        1,
    ),
    "layernorm": ("ivit.layernorm %x16 * %m + %o shift 14 epsilon 1 : (X16, M, O) -> OUT", 0),
}
"""Op texts on values of the prelude; 1 for what gives [40, 2, 2, 3] instead of [40, 64]."""

PRELUDE = """func.func @main() -> OUT {
  %x = ivit.constant "x" : WIDE
  %x16 = ivit.constant "x16" : X16
  %n = ivit.constant "n" : tensor<40x64xi4>
  %w = ivit.constant "w" : tensor<64x64xi4>
  %m = ivit.constant "m" : M
  %o = ivit.constant "o" : O
  %d = ivit.constant "d" : tensor<40x1xi32>
  %i = ivit.constant "i" : tensor<40x4x4x1xi8>
  %k = ivit.constant "k" : tensor<3x2x2x1xi6>
  %kb = ivit.constant "kb" : tensor<3xi32>
  %y = OP
  func.return %y : OUT
}"""
TYPES = {
    "WIDE": "tensor<40x64xi32>",
    "X16": "tensor<40x64xi16>",
    "M": "tensor<64xi32>",
    "O": "tensor<64xi64>",
}


def saturating(op: str, element: str) -> NDArray[Any]:
    """The result of one of ``SATURATING`` in an element type."""
    line, form = SATURATING[op]
    out = f"tensor<{('40x64', '40x2x2x3')[form]}x{element}>"
    text = PRELUDE.replace("OP", line).replace("OUT", out)
    for name, kind in TYPES.items():
        text = re.sub(rf"\b{name}\b", kind, text)
    rng = np.random.default_rng(0)
    store = WeightStore(
        {
            "x": rng.integers(-40000, 40000, (40, 64), dtype=np.int32) >> rng.integers(0, 16, (40, 64)),
            "x16": rng.integers(-(1 << 15), 1 << 15, (40, 64)).astype(np.int16),
            "n": rng.integers(-8, 8, (40, 64), dtype=np.int8),
            "w": rng.integers(-8, 8, (64, 64), dtype=np.int8),
            "m": rng.integers(1, 9, 64, dtype=np.int32),
            "o": rng.integers(-99, 99, 64),
            "d": rng.integers(2, 9, (40, 1), dtype=np.int32),
            "i": rng.integers(-128, 128, (40, 4, 4, 1)).astype(np.int8),
            "k": rng.integers(-32, 32, (3, 2, 2, 1), dtype=np.int8),
            "kb": rng.integers(1, 9, 3, dtype=np.int32),
        }
    )
    store["x"] = store["x"].astype(np.int32)
    ctx = StoreContext()
    ctx.load_dialect(Ivit)
    (result,) = call(parse_module(text, "widths", ctx, weights_required=False), store, ())
    return result


@pytest.mark.parametrize("op", SATURATING)
def test_results_are_those_of_32_bits_clamped(op: str) -> None:
    wide = saturating(op, "i32").astype(np.int64)
    for bits in WIDTHS:
        for sign, low, high in (("", -(1 << (bits - 1)), (1 << (bits - 1)) - 1), ("u", 0, (1 << bits) - 1)):
            result = saturating(op, f"{sign}i{bits}")
            assert result.dtype.name == f"{sign}int{8 if bits <= 8 else 16}"
            np.testing.assert_array_equal(result, np.clip(wide, low, high))
    assert wide.min() < -128
    assert wide.max() > 128
