"""Memory: views, slices, scratch and globals as bare pointers, native against NumPy."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from native_loops import Native, aligned, compile_loops
from xdsl.utils.exceptions import PassFailedException

shapes = st.lists(st.integers(1, 5), min_size=1, max_size=3)


def indexed(names: str, shape: list[int], body: str) -> str:
    """Loops over every index of a shape."""
    for name, size in reversed(list(zip(names, shape, strict=False))):
        body = f"""
          %end{name} = arith.constant {size} : index
          scf.for %{name} = %c0 to %end{name} step %c1 {{
            {body}
          }}"""
    return body


def dims(shape: list[int]) -> str:
    """`2x3x`."""
    return "".join(f"{d}x" for d in shape)


@settings(max_examples=20, deadline=None)
@given(data=st.data(), shape=shapes, width=st.sampled_from([8, 16, 32, 64]), dynamic=st.booleans())
def test_subview(data: st.DataObject, shape: list[int], width: int, dynamic: bool) -> None:
    """A slice with offsets, sizes and steps is NumPy's; offsets known or computed."""
    sizes = [data.draw(st.integers(1, d)) for d in shape]
    steps = [
        data.draw(st.integers(1, max(1, (d - 1) // max(1, s - 1)))) for d, s in zip(shape, sizes, strict=True)
    ]
    room = [d - (s - 1) * t for d, s, t in zip(shape, sizes, steps, strict=True)]
    offsets = [data.draw(st.integers(0, r - 1)) for r in room]
    source_strides = [prod(shape[i + 1 :]) for i in range(len(shape))]
    strides = [s * t for s, t in zip(source_strides, steps, strict=True)]
    offset = sum(o * s for o, s in zip(offsets, source_strides, strict=True))
    names = [f"%i{k}" for k in range(3)]
    given_offsets = ", ".join(names[: len(shape)]) if dynamic else ", ".join(map(str, offsets))
    layout = f"strided<{strides}, offset: {'?' if dynamic else offset}>"
    view = f"memref<{dims(sizes)}i{width}, {layout}>"
    index = ", ".join(f"%{n}" for n in "xyz"[: len(shape)])
    body = f"""
      %v = memref.load %s[{index}] : {view}
      memref.store %v, %o[{index}] : memref<{dims(sizes)}i{width}>"""
    native = Native(
        f"""
        func.func @f(%a: memref<{dims(shape)}i{width}>, %o: memref<{dims(sizes)}i{width}>,
                     %i0: index, %i1: index, %i2: index) {{
          %c0 = arith.constant 0 : index
          %c1 = arith.constant 1 : index
          %s = memref.subview %a[{given_offsets}] {sizes} {steps}
             : memref<{dims(shape)}i{width}> to {view}
          {indexed("xyz", sizes, body)}
          func.return
        }}""",
        "f",
    )
    a = np.arange(prod(shape)).reshape(shape).astype(f"int{width}")
    out = np.zeros(sizes, a.dtype)
    native("f", a, out, *[*offsets, 0, 0][:3])
    slices = tuple(slice(o, o + (s - 1) * t + 1, t) for o, s, t in zip(offsets, sizes, steps, strict=True))
    assert np.array_equal(out, a[slices])


def test_rank_reducing_subview() -> None:
    """A row and a column of a matrix."""
    native = Native(
        """
        func.func @f(%a: memref<4x6xi32>, %row: memref<6xi32>, %column: memref<4xi32>, %i: index) {
          %c0 = arith.constant 0 : index
          %c1 = arith.constant 1 : index
          %c4 = arith.constant 4 : index
          %c6 = arith.constant 6 : index
          %r = memref.subview %a[%i, 0] [1, 6] [1, 1]
             : memref<4x6xi32> to memref<6xi32, strided<[1], offset: ?>>
          %k = memref.subview %a[0, %i] [4, 1] [1, 1]
             : memref<4x6xi32> to memref<4xi32, strided<[6], offset: ?>>
          scf.for %j = %c0 to %c6 step %c1 {
            %v = memref.load %r[%j] : memref<6xi32, strided<[1], offset: ?>>
            memref.store %v, %row[%j] : memref<6xi32>
          }
          scf.for %j = %c0 to %c4 step %c1 {
            %v = memref.load %k[%j] : memref<4xi32, strided<[6], offset: ?>>
            memref.store %v, %column[%j] : memref<4xi32>
          }
          func.return
        }""",
        "f",
    )
    a = np.arange(24, dtype=np.int32).reshape(4, 6)
    for i in range(4):
        row, column = np.zeros(6, np.int32), np.zeros(4, np.int32)
        native("f", a, row, column, i)
        assert row.tolist() == a[i].tolist()
        assert column.tolist() == a[:, i].tolist()


def test_arena_views() -> None:
    """Buffers of several types in one arena, at constant and at computed offsets."""
    native = Native(
        """
        func.func private @fill(%m: memref<3x4xi32>) {
          %c0 = arith.constant 0 : index
          %c1 = arith.constant 1 : index
          %c3 = arith.constant 3 : index
          %c4 = arith.constant 4 : index
          scf.for %i = %c0 to %c3 step %c1 {
            scf.for %j = %c0 to %c4 step %c1 {
              %k = arith.muli %i, %c4 : index
              %l = arith.addi %k, %j : index
              %v = arith.index_cast %l : index to i32
              memref.store %v, %m[%i, %j] : memref<3x4xi32>
            }
          }
          func.return
        }
        func.func @f(%arena: memref<256xi8> {llvm.noalias, llvm.align = 64 : i64}, %at: index) {
          %c64 = arith.constant 64 : index
          %a = memref.view %arena[%c64][] : memref<256xi8> to memref<3x4xi32>
          func.call @fill(%a) : (memref<3x4xi32>) -> ()
          %b = memref.view %arena[%at][] : memref<256xi8> to memref<3x4xi32>
          func.call @fill(%b) : (memref<3x4xi32>) -> ()
          func.return
        }""",
        "f",
    )
    arena = aligned(256)
    arena[:] = 0xFF
    native("f", arena, 128)
    numbers = arena.view(np.int32)
    assert numbers[16:28].tolist() == list(range(12))
    assert numbers[32:44].tolist() == list(range(12))
    assert (np.delete(numbers, [*range(16, 28), *range(32, 44)]) == -1).all()


def test_scratch_in_a_loop_does_not_grow_the_stack() -> None:
    """4 KiB of scratch in each of 100,000 rounds would overflow any stack were it not hoisted."""
    native = Native(
        """
        func.func private @keep(%s: memref<1024xi32>, %i: index, %o: memref<1xi32>) {
          %c0 = arith.constant 0 : index
          %v = memref.load %s[%i] : memref<1024xi32>
          %w = memref.load %o[%c0] : memref<1xi32>
          %x = arith.addi %v, %w : i32
          memref.store %x, %o[%c0] : memref<1xi32>
          func.return
        }
        func.func @f(%o: memref<1xi32>) {
          %c0 = arith.constant 0 : index
          %c1 = arith.constant 1 : index
          %c7 = arith.constant 7 : index
          %one = arith.constant 1 : i32
          %n = arith.constant 100000 : index
          scf.for %i = %c0 to %n step %c1 {
            %s = memref.alloca() : memref<1024xi32>
            memref.store %one, %s[%c7] : memref<1024xi32>
            func.call @keep(%s, %c7, %o) : (memref<1024xi32>, index, memref<1xi32>) -> ()
          }
          func.return
        }""",
        "f",
        opt_level=0,
    )
    out = np.zeros(1, np.int32)
    native("f", out)
    assert out[0] == 100000


def test_casts_reshapes_and_copies() -> None:
    """Pointers that only change their type, a copy, and a size that is known."""
    native = Native(
        """
        func.func @f(%a: memref<2x6xi16>, %o: memref<12xi16>, %n: memref<1xi64>) {
          %c0 = arith.constant 0 : index
          %c1 = arith.constant 1 : index
          %e = memref.expand_shape %a [[0], [1, 2]] output_shape [2, 2, 3]
             : memref<2x6xi16> into memref<2x2x3xi16>
          %flat = memref.collapse_shape %e [[0, 1, 2]] : memref<2x2x3xi16> into memref<12xi16>
          %r = memref.reinterpret_cast %flat to offset: [0], sizes: [12], strides: [1]
             : memref<12xi16> to memref<12xi16>
          %s = "memref.cast"(%r) : (memref<12xi16>) -> memref<?xi16>
          %t = "memref.cast"(%s) : (memref<?xi16>) -> memref<12xi16>
          "memref.copy"(%t, %o) : (memref<12xi16>, memref<12xi16>) -> ()
          %last = memref.reinterpret_cast %o to offset: [11], sizes: [1], strides: [1]
             : memref<12xi16> to memref<1xi16, strided<[1], offset: 11>>
          %v = memref.load %last[%c0] : memref<1xi16, strided<[1], offset: 11>>
          memref.store %v, %o[%c0] : memref<12xi16>
          %d = memref.dim %a, %c1 : memref<2x6xi16>
          %w = arith.index_cast %d : index to i64
          memref.store %w, %n[%c0] : memref<1xi64>
          func.return
        }""",
        "f",
    )
    a = np.arange(100, 112, dtype=np.int16).reshape(2, 6)
    out, size = np.zeros(12, np.int16), np.zeros(1, np.int64)
    native("f", a, out, size)
    assert out.tolist() == [111, *range(101, 112)]
    assert size[0] == 6


@pytest.mark.parametrize("width", [8, 32])
def test_global_table(width: int) -> None:
    """A constant table is looked up by a computed index."""
    values = [(i * 37) % 251 - 125 for i in range(256)]
    native = Native(
        f"""
        "memref.global"() <{{
          sym_name = "table", sym_visibility = "private", type = memref<256xi{width}>,
          initial_value = dense<{values}> : tensor<256xi{width}>, constant, alignment = 64 : i64
        }}> : () -> ()
        func.func @f(%i: memref<256xi64>, %o: memref<256xi{width}>) {{
          %c0 = arith.constant 0 : index
          %c1 = arith.constant 1 : index
          %n = arith.constant 256 : index
          %t = memref.get_global @table : memref<256xi{width}>
          scf.for %k = %c0 to %n step %c1 {{
            %x = memref.load %i[%k] : memref<256xi64>
            %at = arith.index_cast %x : i64 to index
            %v = memref.load %t[%at] : memref<256xi{width}>
            memref.store %v, %o[%k] : memref<256xi{width}>
          }}
          func.return
        }}""",
        "f",
    )
    order = np.random.default_rng(0).permutation(256)
    out = np.zeros(256, f"int{width}")
    native("f", order, out)
    assert out.tolist() == [values[i] for i in order]
    assert "align 64" in native.code.llvm_ir.split("@table = ", maxsplit=1)[1].splitlines()[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("%m: memref<4x?xi8>", "dynamic size that is not the leading one"),
        ("%m: memref<4x4xi8, strided<[?, 1]>>", "dynamic strides"),
        ("%m: memref<4xf32>", "floating point has no place below the ivit level"),
        ("%m: memref<4xi8, affine_map<(d0) -> (d0 * 2)>>", "layout that is not strided"),
    ],
)
def test_refused_types(text: str, message: str) -> None:
    with pytest.raises(PassFailedException, match=message):
        compile_loops(f"func.func @f({text}) {{ func.return }}")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            """%a = memref.alloc() : memref<4x4xi8>
               memref.store %v, %a[%c0, %c0] : memref<4x4xi8>""",
            "take memory from the arena",
        ),
        (
            """%o = memref.subview %m[1, 0] [2, 4] [1, 1]
                  : memref<4x4xi8> to memref<2x4xi8, strided<[4, 1], offset: 4>>
               %r = memref.reinterpret_cast %o to offset: [0], sizes: [8], strides: [1]
                  : memref<2x4xi8, strided<[4, 1], offset: 4>> to memref<8xi8>
               memref.store %v, %r[%c0] : memref<8xi8>""",
            "has an offset; reinterpret the buffer that it views",
        ),
        (
            """%s = memref.subview %m[0, 0] [2, 2] [1, 1] : memref<4x4xi8> to memref<2x2xi8, strided<[2, 1]>>
               memref.store %v, %s[%c0, %c0] : memref<2x2xi8, strided<[2, 1]>>""",
            r"strides .* are not those of the subview, \[4, 1\]",
        ),
        (
            """%s = "memref.cast"(%m) : (memref<4x4xi8>) -> memref<4x4xi8, strided<[8, 1]>>
               memref.store %v, %s[%c0, %c0] : memref<4x4xi8, strided<[8, 1]>>""",
            "different strides",
        ),
    ],
)
def test_refused_ops(body: str, message: str) -> None:
    with pytest.raises(PassFailedException, match=message):
        compile_loops(
            f"""func.func @f(%m: memref<4x4xi8>, %v: i8) {{
              %c0 = arith.constant 0 : index
              {body}
              func.return
            }}"""
        )
