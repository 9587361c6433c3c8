"""A PTX interpreter in NumPy: runs a kernel's PTX where there is no GPU, and finds what a GPU would hide.

    from ptx import Buffer, Module

    module = Module(ptx_text)
    statistics = module.launch("kernel", grid=(4, 2), block=(128,), arguments=[a, Buffer(w), out, 197],
                               shared_bytes=0, order="serial", copies="late", races=True, seed=0)

``arguments`` are NumPy arrays (written in place), :class:`Buffer` (kept between launches; may be read-only,
uninitialised, or at an odd offset; ``.written`` says what was stored), integers, or bytes for a parameter
that is passed by value.  It runs all lanes of a batch of CTAs at once, one warp of each CTA at a time.

What it finds, each as an error that names kernel, line, instruction, CTA and thread:

* BoundsError, AlignmentError: an access outside every buffer or variable, or at a wrong multiple.
* PoisonError: a value that nobody wrote (a register, shared or local memory, an uninitialised buffer, a
  division by zero) is an address, decides a branch, or is stored to global memory.
* RaceError: two warps use the same shared byte with no barrier between, or two lanes of a warp with no
  bar.warp.sync; somebody uses what a cp.async still fills;
  two threads or CTAs store different values to one place, or a CTA loads what another stored.
* DeadlockError: a barrier that some threads never reach.
* ReadOnlyError: a store to a read-only buffer, or to one that ``ld.global.nc`` reads.
* PTXError: an instruction that it does not know, every floating-point instruction among them.

Poison is of bits: bytes that LLVM packs beside others and never uses are no error.  What launches did is in
their :class:`Statistics`: instructions by opcode, innermost loops, bank conflicts (``banks=True``).

``wgmma``, ``mbarrier``, bulk copies and other things of Hopper's own are not modelled: they are unknown.

``order`` is whose turn it is: ``serial`` (a warp runs until it blocks, in random order), ``lockstep``, or
``random``.  ``copies`` is when a cp.async lands: ``late`` (when waited for) or ``early``.

Grids of more threads than fit are run in batches, one after another: CTAs of different batches cannot wait
for each other.
"""

from __future__ import annotations

from ptx import arithmetic, bits, copies, moves, tensor, warps
from ptx.buffers import Buffer
from ptx.errors import (
    AlignmentError,
    BoundsError,
    DeadlockError,
    KernelError,
    PoisonError,
    PTXError,
    RaceError,
    ReadOnlyError,
)
from ptx.floating_point import floating_point_instructions
from ptx.module import Module
from ptx.statistics import Loop, Statistics

INSTRUCTION_FILES = (arithmetic, bits, copies, moves, tensor, warps)
"""Importing these registers the instructions that they hold."""

__all__ = [
    "INSTRUCTION_FILES",
    "AlignmentError",
    "BoundsError",
    "Buffer",
    "DeadlockError",
    "KernelError",
    "Loop",
    "Module",
    "PTXError",
    "PoisonError",
    "RaceError",
    "ReadOnlyError",
    "Statistics",
    "floating_point_instructions",
]
