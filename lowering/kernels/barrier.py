"""The barrier between dependent launches: all worker threads wait until the last one arrives.

Waiting is spinning at first, as long as launches of balanced shares differ. Whoever waits longer offers its
core at every look: the thread that it waits for may have none.
"""

from __future__ import annotations

from xdsl.dialects import func, scf
from xdsl.dialects.builtin import FunctionType, MemRefType, UnrealizedConversionCastOp, i32
from xdsl.dialects.llvm import LLVMPointerType
from xdsl.ir import Block, Region, SSAValue

from lowering import llvm_ext
from lowering.kernels.build import INDEX, LoopBuilder

BARRIER = "ivit_barrier"
BARRIER_TYPE = MemRefType(i32, [16])
"""One cache line, zero before the first use: the count of arrivals, and the generation."""

ARRIVALS, GENERATION = 0, 1

YIELD = "sched_yield"
SPINS = 2000
"""Looks at the generation, some tens of nanoseconds each, before the first offer of the core."""


def build_barrier() -> func.FuncOp:
    """``@ivit_barrier(barrier, threads)``.

    Every thread reads the generation and then counts itself in. The last one to arrive resets the count and
    moves the generation on; the others wait for that. The arrival and the generation are release/acquire
    pairs, so that what was written before the barrier is seen after it.
    """
    entry = Block(arg_types=[BARRIER_TYPE, INDEX])
    barrier, threads = entry.args
    barrier.name_hint, threads.name_hint = "barrier", "threads"
    b = LoopBuilder(entry)
    with b.when(b.compare("ne", threads, 1)):
        arrivals, generation = _pointer(b, barrier, ARRIVALS), _pointer(b, barrier, GENERATION)
        before = b.insert(llvm_ext.AtomicLoadOp(generation, i32, "acquire")).res
        one = b.constant(1, i32)
        earlier = b.insert(llvm_ext.AtomicRMWOp("add", arrivals, one, "acq_rel")).res
        is_last = b.compare("eq", b.add(earlier, one), b.from_index(threads, 32))
        last, other = Block(), Block()
        with b.inside(last):
            b.insert(llvm_ext.AtomicStoreOp(b.constant(0, i32), arrivals, "monotonic"))
            b.insert(llvm_ext.AtomicStoreOp(b.add(before, one), generation, "release"))
            b.insert(scf.YieldOp())
        with b.inside(other):
            _wait(b, generation, before)
            b.insert(scf.YieldOp())
        b.insert(scf.IfOp(is_last, [], Region(last), Region(other)))
    b.insert(func.ReturnOp())
    kind = FunctionType.from_lists([BARRIER_TYPE, INDEX], [])
    return func.FuncOp(BARRIER, kind, Region(entry), visibility="private")


def _pointer(b: LoopBuilder, barrier: SSAValue, word: int) -> SSAValue:
    cell = b.subview(barrier, [word], [1])
    cast, pointer = UnrealizedConversionCastOp.cast_one(cell, LLVMPointerType())
    b.insert(cast)
    return pointer


def build_yield() -> func.FuncOp:
    """The declaration of POSIX's ``int sched_yield(void)``."""
    return func.FuncOp.external(YIELD, [], [i32])


def _wait(b: LoopBuilder, generation: SSAValue, before: SSAValue) -> None:
    """Wait until the generation is another than ``before``."""
    test, body = Block(arg_types=[i32]), Block(arg_types=[i32])
    with b.inside(test):
        now = b.insert(llvm_ext.AtomicLoadOp(generation, i32, "acquire")).res
        b.insert(scf.ConditionOp(b.compare("eq", now, before), test.args[0]))
    (looks,) = body.args
    looks.name_hint = "looks"
    spin, give_way = Block(), Block()
    with b.inside(spin):
        b.insert(llvm_ext.CpuRelaxOp())
        b.insert(scf.YieldOp(b.add(looks, 1)))
    with b.inside(give_way):
        b.insert(func.CallOp(YIELD, [], [i32]))
        b.insert(scf.YieldOp(looks))
    with b.inside(body):
        spins = b.compare("slt", looks, SPINS)
        choice = b.insert(scf.IfOp(spins, [i32], Region(spin), Region(give_way)))
        b.insert(scf.YieldOp(choice.results[0]))
    b.insert(scf.WhileOp([b.constant(0, i32)], [i32], [test], [body]))
