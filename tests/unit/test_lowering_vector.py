"""Vector ops, native against NumPy."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from native_loops import Native, compile_loops
from numpy.typing import NDArray
from xdsl.utils.exceptions import PassFailedException

WIDTHS = (8, 16, 32, 64)

Array = NDArray[np.generic]


def full_range(seed: int, width: int, count: int) -> NDArray[np.int64]:
    """Random numbers of `width` bits."""
    low, high = -(1 << (width - 1)), (1 << (width - 1)) - 1
    return np.random.default_rng(seed).integers(low, high, count, dtype=np.int64, endpoint=True)


def vector_function(width: int, lanes: int, out_width: int, out_lanes: int, body: str, *more: str) -> Native:
    """`f(a, o)` where `body` makes %r of %x."""
    return Native(
        f"""
        func.func @f(%a: memref<{lanes}xi{width}>, %o: memref<{out_lanes}xi{out_width}> {"".join(more)}) {{
          %c0 = arith.constant 0 : index
          %x = vector.load %a[%c0] : memref<{lanes}xi{width}>, vector<{lanes}xi{width}>
          {body}
          vector.store %r, %o[%c0] : memref<{out_lanes}xi{out_width}>, vector<{out_lanes}xi{out_width}>
          func.return
        }}""",
        "f",
        opt_level=2,
    )


@settings(max_examples=15, deadline=None)
@given(
    data=st.data(),
    width=st.sampled_from(WIDTHS),
    first=st.integers(1, 9),
    second=st.integers(1, 9),
    seed=st.integers(0, 2**32 - 1),
)
def test_shuffle(data: st.DataObject, width: int, first: int, second: int, seed: int) -> None:
    """Any mask over two vectors, of equal length or not."""
    mask = data.draw(st.lists(st.integers(0, first + second - 1), min_size=1, max_size=17))
    native = Native(
        f"""
        func.func @f(%a: memref<{first}xi{width}>, %b: memref<{second}xi{width}>,
                     %o: memref<{len(mask)}xi{width}>) {{
          %c0 = arith.constant 0 : index
          %x = vector.load %a[%c0] : memref<{first}xi{width}>, vector<{first}xi{width}>
          %y = vector.load %b[%c0] : memref<{second}xi{width}>, vector<{second}xi{width}>
          %r = vector.shuffle %x, %y {mask} : vector<{first}xi{width}>, vector<{second}xi{width}>
          vector.store %r, %o[%c0] : memref<{len(mask)}xi{width}>, vector<{len(mask)}xi{width}>
          func.return
        }}""",
        "f",
    )
    both = full_range(seed, width, first + second).astype(f"int{width}")
    a, b = both[:first].copy(), both[first:].copy()
    out = np.zeros(len(mask), both.dtype)
    native("f", a, b, out)
    assert out.tolist() == both[mask].tolist()


@settings(max_examples=15, deadline=None)
@given(
    width=st.sampled_from(WIDTHS),
    target=st.sampled_from(WIDTHS),
    words=st.integers(1, 4),
    seed=st.integers(0, 2**32 - 1),
)
def test_bitcast(width: int, target: int, words: int, seed: int) -> None:
    """The bytes stay, the lanes change: little endian."""
    lanes, out_lanes = 64 * words // width, 64 * words // target
    body = f"%r = vector.bitcast %x : vector<{lanes}xi{width}> to vector<{out_lanes}xi{target}>"
    native = vector_function(width, lanes, target, out_lanes, body)
    a = full_range(seed, width, lanes).astype(f"int{width}")
    out = np.zeros(out_lanes, f"int{target}")
    native("f", a, out)
    assert out.tolist() == a.view(f"int{target}").tolist()


REDUCTIONS: dict[str, tuple[bool, Callable[[int, int], int]]] = {
    "add": (True, lambda a, b: a + b),
    "mul": (True, lambda a, b: a * b),
    "and": (True, lambda a, b: a & b),
    "or": (True, lambda a, b: a | b),
    "xor": (True, lambda a, b: a ^ b),
    "maxsi": (True, max),
    "minsi": (True, min),
    "maxui": (False, max),
    "minui": (False, min),
}


@pytest.mark.parametrize("kind", REDUCTIONS)
@settings(max_examples=6, deadline=None)
@given(width=st.sampled_from(WIDTHS), lanes=st.integers(1, 17), seed=st.integers(0, 2**32 - 1))
def test_reduction(kind: str, width: int, lanes: int, seed: int) -> None:
    """Every combining kind, without and with a start value."""
    native = Native(
        f"""
        func.func @f(%a: memref<{lanes}xi{width}>, %o: memref<2xi{width}>) {{
          %c0 = arith.constant 0 : index
          %c1 = arith.constant 1 : index
          %x = vector.load %a[%c0] : memref<{lanes}xi{width}>, vector<{lanes}xi{width}>
          %r = vector.reduction <{kind}>, %x : vector<{lanes}xi{width}> into i{width}
          memref.store %r, %o[%c0] : memref<2xi{width}>
          %start = memref.load %o[%c1] : memref<2xi{width}>
          %s = vector.reduction <{kind}>, %x, %start : vector<{lanes}xi{width}> into i{width}
          memref.store %s, %o[%c1] : memref<2xi{width}>
          func.return
        }}""",
        "f",
    )
    values = full_range(seed, width, lanes + 1).astype(f"int{width}")
    out = np.array([0, values[-1]], values.dtype)
    native("f", values[:-1].copy(), out)
    is_signed, combine = REDUCTIONS[kind]
    numbers = [int(v) for v in (values if is_signed else values.view(f"uint{width}"))]
    bits = (1 << width) - 1
    expected = [reduce(combine, numbers[:-1]) & bits, reduce(combine, numbers) & bits]
    assert out.view(f"uint{width}").tolist() == expected


@settings(max_examples=10, deadline=None)
@given(width=st.sampled_from(WIDTHS), lanes=st.integers(1, 17), seed=st.integers(0, 2**32 - 1))
def test_lanes(width: int, lanes: int, seed: int) -> None:
    """Extract and insert at known and at computed positions, and broadcast."""
    vector = f"vector<{lanes}xi{width}>"
    body = f"""
      %last = vector.extract %x[{lanes - 1}] : i{width} from {vector}
      %here = vector.extract %x[%i] : i{width} from {vector}
      %all = vector.broadcast %here : i{width} to {vector}
      %most = vector.insert %last, %all[0] : i{width} into {vector}
      %r = vector.insert %last, %most[%i] : i{width} into {vector}"""
    native = vector_function(width, lanes, width, lanes, body, ", %i: index")
    a = full_range(seed, width, lanes).astype(f"int{width}")
    i = seed % lanes
    out = np.zeros(lanes, a.dtype)
    native("f", a, out, i)
    expected = [a[i]] * lanes
    expected[0] = expected[i] = a[-1]
    assert out.tolist() == [int(v) for v in expected]


@settings(max_examples=10, deadline=None)
@given(
    width=st.sampled_from(WIDTHS),
    lanes=st.integers(1, 17),
    bound=st.integers(-2, 20),
    seed=st.integers(0, 2**32 - 1),
)
def test_masks(width: int, lanes: int, bound: int, seed: int) -> None:
    """A tail: only the lanes below the bound are read and written."""
    memory, vector, mask = f"memref<{lanes}xi{width}>", f"vector<{lanes}xi{width}>", f"vector<{lanes}xi1>"
    native = Native(
        f"""
        func.func @f(%a: {memory}, %o: {memory}, %n: index) {{
          %c0 = arith.constant 0 : index
          %m = vector.create_mask %n : {mask}
          %old = arith.constant dense<7> : {vector}
          %x = vector.maskedload %a[%c0], %m, %old : {memory}, {mask}, {vector} into {vector}
          vector.maskedstore %o[%c0], %m, %x : {memory}, {mask}, {vector}
          func.return
        }}""",
        "f",
    )
    a = full_range(seed, width, lanes).astype(f"int{width}")
    out = np.full(lanes, 3, a.dtype)
    native("f", a, out, bound)
    kept = np.arange(lanes) < bound
    assert out.tolist() == np.where(kept, a, 3).tolist()


def test_unaligned_access() -> None:
    """A vector access promises no more alignment than its element has."""
    native = Native(
        """
        func.func @f(%a: memref<64xi8>, %o: memref<64xi8>, %i: index) {
          %x = vector.load %a[%i] : memref<64xi8>, vector<32xi8>
          vector.store %x, %o[%i] : memref<64xi8>, vector<32xi8>
          func.return
        }""",
        "f",
    )
    a = np.arange(64, dtype=np.int8)
    for i in range(33):
        out = np.zeros(64, np.int8)
        native("f", a, out, i)
        assert out.tolist() == [v if i <= v < i + 32 else 0 for v in range(64)]


def test_alignment_and_nontemporal_reach_llvm() -> None:
    code = compile_loops(
        """
        func.func @f(%a: memref<64xi32>) {
          %c0 = arith.constant 0 : index
          %x = vector.load %a[%c0] {alignment = 32 : i64} : memref<64xi32>, vector<8xi32>
          vector.store %x, %a[%c0] {alignment = 16 : i64, nontemporal = true} : memref<64xi32>, vector<8xi32>
          func.return
        }"""
    )
    assert "load <8 x i32>, ptr %a.1, align 32" in code.llvm_ir
    assert "align 16, !nontemporal !0" in code.llvm_ir


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("%r = vector.load %a[%c0] : memref<64xi1>, vector<8xi1>", "vector<8xi1> packs its lanes"),
        ("%r = vector.load %a[%c0] {foo} : memref<64xi1>, vector<8xi1>", "attribute 'foo' is not understood"),
    ],
)
def test_refusals(body: str, message: str) -> None:
    text = f"func.func @f(%a: memref<64xi1>) {{ %c0 = arith.constant 0 : index\n{body}\nfunc.return }}"
    with pytest.raises(PassFailedException, match=message):
        compile_loops(text)
