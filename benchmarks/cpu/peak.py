"""What a core's dot instruction can do at most: multiply-accumulates a second, from registers.

Code of the shape of a GEMM's inner loop: vectors are read from a buffer that stays in the first-level cache,
each is multiplied with some that stay in registers, and each product has an accumulator of its own. How many
of each suit a processor is tried out.
"""

from __future__ import annotations

import ctypes
import time

import numpy as np
from numpy.typing import NDArray
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import DYNAMIC_INDEX, FunctionType, MemRefType, ModuleOp, i8
from xdsl.ir import Block, Region

from lowering.compile import lower_to_llvm
from lowering.emit_object import MachineSpec, compile_module
from lowering.kernels.build import INDEX, LoopBuilder, vector_type
from lowering.kernels.dot import dot
from lowering.targets import DotInstruction, Target
from runtime.executable import aligned_bytes
from runtime.jit import LoadedObject

SYMBOL = "peak"
BUFFER_BYTES = 252 * 64
"""Of the vectors that are read: too many to be unrolled, few enough for the cache, steps of each shape."""
SHAPES = ((1, 5), (1, 6), (1, 8), (2, 3), (2, 4), (2, 6), (3, 3), (3, 4), (3, 6), (4, 5))
"""How many vectors are read and how many stay; the product of both is the number of accumulators."""
SECONDS = 0.003
REPEATS = 11


def gigamacs(target: Target, instruction: DotInstruction, seconds: float = SECONDS) -> float:
    """10⁹ multiply-accumulates a second of ``instruction`` on one core of this machine.

    The best of ``REPEATS`` runs of about ``seconds`` of each shape: what else runs can only slow them.
    """
    return max(Probe(target, instruction, *shape).gigamacs(seconds) for shape in SHAPES)


class Probe:
    """The instruction with ``read`` × ``kept`` accumulators, compiled for ``target``."""

    def __init__(self, target: Target, instruction: DotInstruction, read: int, kept: int) -> None:
        module = _module(target, instruction, read, kept)
        lower_to_llvm(module, Context())
        code = compile_module(module, MachineSpec(target.triple, target.cpu, target.features))
        self._loaded = LoadedObject(code.object_code, [SYMBOL])
        signature = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)
        self._function = signature(self._loaded.address(SYMBOL))
        self.buffer = aligned_bytes(BUFFER_BYTES)
        self.buffer[:] = np.random.default_rng(0).integers(0, 256, BUFFER_BYTES, np.uint8)
        self._sums = aligned_bytes(read * kept * target.vector_bytes)
        self._macs = BUFFER_BYTES // target.vector_bytes * kept * target.lanes(32) * instruction.depth

    def sums(self, rounds: int) -> NDArray[np.int32]:
        """The accumulators after ``rounds`` passes over the buffer."""
        self._function(self.buffer.ctypes.data, self._sums.ctypes.data, rounds)
        return self._sums.view(np.int32)

    def gigamacs(self, seconds: float) -> float:
        """The best rate of some runs of about ``seconds`` each."""
        rounds, once = 1, self._time(1)
        while once < seconds / 4:
            rounds *= 4
            once = self._time(rounds)
        rounds = max(1, round(rounds * seconds / once))
        return rounds * self._macs / min(self._time(rounds) for _ in range(REPEATS)) / 1e9

    def _time(self, rounds: int) -> float:
        started = time.perf_counter()
        self.sums(rounds)
        return time.perf_counter() - started


def _module(target: Target, instruction: DotInstruction, read: int, kept: int) -> ModuleOp:
    """``peak(memref<?xi8> buffer, memref<?xi8> sums, index rounds)`` at the loops level."""
    stream = MemRefType(i8, [DYNAMIC_INDEX])
    types = [stream, stream, INDEX]
    entry = Block(arg_types=types)
    buffer, sums, rounds = entry.args
    b = LoopBuilder(entry)
    lanes, width = target.lanes(32), 32 // instruction.depth
    count = lanes * instruction.depth
    vectors = b.view(buffer, 0, [BUFFER_BYTES // target.vector_bytes, count], width)
    stay = [b.load_vector(vectors, [i, 0], count) for i in range(kept)]
    totals = [b.constant(0, vector_type(lanes, 32))] * (read * kept)
    with b.loop(0, rounds, carried=totals) as outer:
        with b.loop(0, BUFFER_BYTES // target.vector_bytes, read, outer.carried) as inner:
            moving = [b.load_vector(vectors, [b.add(inner.index, i), 0], count) for i in range(read)]
            pairs = [(x, y) for x in moving for y in stay]
            inner.carry(
                *(dot(b, instruction, t, x, y) for t, (x, y) in zip(inner.carried, pairs, strict=True))
            )
        outer.carry(*inner.results)
    results = b.view(sums, 0, [read * kept, lanes], 32)
    for i, total in enumerate(outer.results):
        b.store_vector(total, results, [i, 0])
    b.insert(func.ReturnOp())
    return ModuleOp([func.FuncOp(SYMBOL, FunctionType.from_lists(types, []), Region(entry))])
