"""The same loops-level programs through upstream MLIR's passes and through ours: the same bits.

torch-mlir's wheel holds upstream's passes in process.
"""

from __future__ import annotations

import ctypes
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from native_loops import Native, aligned, host

from lowering.emit_object import compile_llvm_ir
from runtime.jit import LoadedObject

UPSTREAM = ",".join(
    [
        "convert-scf-to-cf",
        "convert-vector-to-llvm",
        "expand-strided-metadata",
        "lower-affine",
        "arith-expand",
        "convert-arith-to-llvm",
        "finalize-memref-to-llvm",
        "convert-cf-to-llvm",
        "convert-func-to-llvm{use-bare-ptr-memref-call-conv=1}",
        "convert-index-to-llvm",
        "reconcile-unrealized-casts",
    ]
)


def upstream(text: str) -> LoadedObject:
    """The program's `f` by upstream MLIR, whose arith takes vectors under its own name."""
    ir: Any = import_module("torch_mlir.ir")
    passes: Any = import_module("torch_mlir.passmanager")
    llvm: Any = import_module("torch_mlir.dialects.llvm")
    context = ir.Context()
    module = ir.Module.parse(text.replace("arith_ext.", "arith."), context)
    passes.PassManager.parse(f"builtin.module({UPSTREAM})", context).run(module.operation)
    assert "unrealized_conversion_cast" not in str(module), "upstream's translation crashes on what is left"
    translated = str(llvm.translate_module_to_llvmir(module.operation))
    return LoadedObject(compile_llvm_ir(translated, host()).object_code, ["f"])


GEMM = """
func.func private @tile(%a: memref<6x32xi16>, %w: memref<16x16x2xi8>, %acc: memref<6x16xi32>, %row: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c8 = arith.constant 8 : index
  %c16 = arith.constant 16 : index
  %zero = arith.constant dense<0> : vector<8xi32>
  %p, %q = scf.for %k = %c0 to %c16 step %c1
      iter_args(%x = %zero, %y = %zero) -> (vector<8xi32>, vector<8xi32>) {
    %flat = memref.collapse_shape %w [[0], [1, 2]] : memref<16x16x2xi8> into memref<16x32xi8>
    %w0 = vector.load %flat[%k, %c0] : memref<16x32xi8>, vector<16xi8>
    %w1 = vector.load %flat[%k, %c16] : memref<16x32xi8>, vector<16xi8>
    %v0 = arith_ext.extsi %w0 : vector<16xi8> to vector<16xi16>
    %v1 = arith_ext.extsi %w1 : vector<16xi8> to vector<16xi16>
    %k2 = arith.muli %k, %c2 : index
    %pair = vector.load %a[%row, %k2] : memref<6x32xi16>, vector<2xi16>
    %word = vector.bitcast %pair : vector<2xi16> to vector<1xi32>
    %scalar = vector.extract %word[0] : i32 from vector<1xi32>
    %all = vector.broadcast %scalar : i32 to vector<8xi32>
    %pairs = vector.bitcast %all : vector<8xi32> to vector<16xi16>
    %m0 = llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"(%pairs, %v0)
      : (vector<16xi16>, vector<16xi16>) -> vector<8xi32>
    %m1 = llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"(%pairs, %v1)
      : (vector<16xi16>, vector<16xi16>) -> vector<8xi32>
    %x1 = arith.addi %x, %m0 : vector<8xi32>
    %y1 = arith.addi %y, %m1 : vector<8xi32>
    scf.yield %x1, %y1 : vector<8xi32>, vector<8xi32>
  }
  vector.store %p, %acc[%row, %c0] : memref<6x16xi32>, vector<8xi32>
  vector.store %q, %acc[%row, %c8] : memref<6x16xi32>, vector<8xi32>
  func.return
}
func.func @f(%arena: memref<2048xi8>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c384 = arith.constant 384 : index
  %c1024 = arith.constant 1024 : index
  %a = memref.view %arena[%c0][] : memref<2048xi8> to memref<6x32xi16>
  %w = memref.view %arena[%c384][] : memref<2048xi8> to memref<16x16x2xi8>
  %acc = memref.view %arena[%c1024][] : memref<2048xi8> to memref<6x16xi32>
  scf.for %row = %c0 to %n step %c1 {
    func.call @tile(%a, %w, %acc, %row)
      : (memref<6x32xi16>, memref<16x16x2xi8>, memref<6x16xi32>, index) -> ()
  }
  func.return
}"""

REQUANT = """
func.func @f(%arena: memref<2048xi8>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c1024 = arith.constant 1024 : index
  %c8 = arith.constant 8 : index
  %x = memref.view %arena[%c0][] : memref<2048xi8> to memref<4x8xi32>
  %o = memref.view %arena[%c1024][] : memref<2048xi8> to memref<4x8xi8>
  %b = arith.constant dense<[1073741824, 1500000000, 2147483647, 1, 77, 1100000000, 1300000001, 5]>
    : vector<8xi64>
  %half = arith.constant dense<1099511627776> : vector<8xi64>
  %shift = arith.constant dense<41> : vector<8xi64>
  %low = arith.constant dense<-128> : vector<8xi64>
  %high = arith.constant dense<127> : vector<8xi64>
  %scratch = memref.alloca() : memref<8xi8>
  scf.for %i = %c0 to %n step %c1 {
    %acc = vector.load %x[%i, %c0] : memref<4x8xi32>, vector<8xi32>
    %w = arith_ext.extsi %acc : vector<8xi32> to vector<8xi64>
    %p = arith.muli %w, %b : vector<8xi64>
    %r = arith.addi %p, %half : vector<8xi64>
    %s = arith.shrsi %r, %shift : vector<8xi64>
    %below = arith_ext.cmpi slt, %s, %low : vector<8xi64>
    %t = arith_ext.select %below, %low, %s : vector<8xi1>, vector<8xi64>
    %u = arith.minsi %t, %high : vector<8xi64>
    %v = arith_ext.trunci %u : vector<8xi64> to vector<8xi8>
    vector.store %v, %scratch[%c0] : memref<8xi8>, vector<8xi8>
    %row = memref.subview %o[%i, 0] [1, 8] [1, 1] : memref<4x8xi8> to memref<8xi8, strided<[1], offset: ?>>
    scf.for %j = %c0 to %c8 step %c1 {
      %e = memref.load %scratch[%j] : memref<8xi8>
      memref.store %e, %row[%j] : memref<8xi8, strided<[1], offset: ?>>
    }
  }
  func.return
}"""

SOFTMAX_LIKE = """
func.func private @isqrt(%n: i64) -> i64 {
  %c0 = arith.constant 0 : i64
  %c1 = arith.constant 1 : i64
  %c2 = arith.constant 2 : i64
  %start = arith.constant 3037000499 : i64
  %low, %high = scf.while (%l = %c0, %h = %start) : (i64, i64) -> (i64, i64) {
    %more = arith.cmpi slt, %l, %h : i64
    scf.condition(%more) %l, %h : i64, i64
  } do {
  ^bb0(%l: i64, %h: i64):
    %s = arith.addi %l, %h : i64
    %s1 = arith.addi %s, %c1 : i64
    %m = arith.divui %s1, %c2 : i64
    %sq = arith.muli %m, %m : i64
    %fits = arith.cmpi ule, %sq, %n : i64
    %l1, %h1 = scf.if %fits -> (i64, i64) {
      scf.yield %m, %h : i64, i64
    } else {
      %d = arith.subi %m, %c1 : i64
      scf.yield %l, %d : i64, i64
    }
    scf.yield %l1, %h1 : i64, i64
  }
  func.return %low : i64
}
func.func @f(%arena: memref<2048xi8>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  %c1024 = arith.constant 1024 : index
  %x = memref.view %arena[%c0][] : memref<2048xi8> to memref<4x16xi32>
  %o = memref.view %arena[%c1024][] : memref<2048xi8> to memref<4x16xi64>
  scf.for %i = %c0 to %n step %c1 {
    %v = vector.load %x[%i, %c0] : memref<4x16xi32>, vector<16xi32>
    %max = vector.reduction <maxsi>, %v : vector<16xi32> into i32
    %sum = vector.reduction <add>, %v, %max : vector<16xi32> into i32
    %s = arith.extui %sum : i32 to i64
    %root = func.call @isqrt(%s) : (i64) -> i64
    %lowh, %highh = arith.mulsi_extended %root, %s : i64
    %q = arith.floordivsi %s, %root : i64
    %cq = arith.ceildivsi %highh, %root : i64
    scf.for %j = %c0 to %c16 step %c1 {
      %e = memref.load %x[%i, %j] : memref<4x16xi32>
      %w = arith.extsi %e : i32 to i64
      %j64 = arith.index_cast %j : index to i64
      %mix = arith.xori %w, %j64 : i64
      %t = arith.addi %mix, %q : i64
      %u = arith.subi %t, %cq : i64
      memref.store %u, %o[%i, %j] : memref<4x16xi64>
    }
  }
  func.return
}"""


needs_avx2 = pytest.mark.skipif("+avx2" not in host().features, reason="the kernel uses an AVX2 instruction")


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        pytest.param(GEMM, 6, id="gemm", marks=needs_avx2),
        pytest.param(REQUANT, 4, id="requant"),
        pytest.param(SOFTMAX_LIKE, 4, id="isqrt"),
    ],
)
def test_same_bits_as_upstream(text: str, rows: int) -> None:
    ours, theirs = Native(text, "f"), upstream(text)
    call = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)(theirs.address("f"))
    for seed in range(20):
        a, b = aligned(2048), aligned(2048)
        a[:] = np.random.default_rng(seed).integers(0, 256, 2048)
        b[:] = a
        start = a.copy()
        ours("f", a, rows)
        call(b.ctypes.data, rows)
        assert np.array_equal(a, b)
        assert not np.array_equal(a, start)
