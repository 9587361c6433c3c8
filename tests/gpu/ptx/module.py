"""PTX text as something that can be launched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from ptx.buffers import Buffer, GlobalMemory
from ptx.errors import PTXError
from ptx.linking import Kernel, link, module_buffers
from ptx.machine import Copies, Machine, Order
from ptx.parser import parse
from ptx.slots import Array, Dim, Slot
from ptx.statistics import Counters, Statistics, innermost_loops
from ptx.syntax import Name

Argument: TypeAlias = "Buffer | Array | int | bytes"
"""A buffer, an array (written in place), an integer, or the bytes of a parameter passed by value."""

_LANES = 65536
"""About how many threads run at the same time: more CTAs go in further batches."""


class Module:
    """A PTX module.

    Raises:
        PTXError: for text that is not PTX.
    """

    def __init__(self, ptx: str) -> None:
        self.program = parse(ptx)
        self._variables, self._symbols = module_buffers(self.program)
        self._kernels: dict[str, Kernel] = {}

    @property
    def kernels(self) -> list[str]:
        """The names of the kernels."""
        return [function.name for function in self.program.functions.values() if function.entry]

    def kernel(self, name: str) -> Kernel:
        """A kernel with every instruction decoded.

        Raises:
            PTXError: where there is none, or for an instruction that is not known.
        """
        if name not in self._kernels:
            self._kernels[name] = link(self.program, name, self._symbols, _parameters)
        return self._kernels[name]

    def launch(
        self,
        name: str,
        grid: Sequence[int],
        block: Sequence[int],
        arguments: Sequence[Argument],
        *,
        shared_bytes: int = 0,
        order: Order = "serial",
        copies: Copies = "late",
        races: bool = True,
        banks: bool = False,
        seed: int = 0,
        step_limit: int = 50_000_000,
    ) -> Statistics:
        """Run a kernel to its end.

        Args:
            name: the kernel.
            grid, block: one to three numbers each.
            arguments: one for each parameter.  An array is copied into a buffer and back.
            shared_bytes: dynamic shared memory of a CTA.
            order: ``serial``, ``lockstep`` or ``random``: whose turn it is among the warps of a CTA.
            copies: ``late`` or ``early``: when a ``cp.async`` lands.
            races: whether races are looked for, of warps in shared memory and of CTAs in global memory.
            banks: whether bank conflicts are counted.
            seed: of the order and of what shared memory holds at first.
            step_limit: warp instructions (of all CTAs together) after which the kernel is given up.

        Raises:
            PTXError: for an unknown instruction, or arguments that do not fit the parameters.
            KernelError: the first wrong thing that the kernel does; its subclasses say what.
        """
        kernel = self.kernel(name)
        full_grid, full_block = _dimensions(grid), _dimensions(block)
        _check_block(kernel, full_block)
        made = [(each, Buffer(each)) for each in arguments if isinstance(each, np.ndarray)]
        given = iter([buffer for _, buffer in made])
        actual = [next(given) if isinstance(each, np.ndarray) else each for each in arguments]
        for number, argument in enumerate(actual):
            if isinstance(argument, Buffer) and not argument.name:
                argument.name = f"{number} ({kernel.function.parameters[number].name})"
        buffers = [each for each in actual if isinstance(each, Buffer)]
        memory = GlobalMemory([*self._variables, *buffers], races)
        parameters = parameter_bytes(kernel, actual)
        counters = Counters(len(kernel.steps), banks)
        random = np.random.default_rng(seed)
        total = full_grid[0] * full_grid[1] * full_grid[2]
        batch = max(1, _LANES // (full_block[0] * full_block[1] * full_block[2]))
        with np.errstate(all="ignore"):
            for first in range(0, total, batch):
                Machine(
                    kernel,
                    memory,
                    parameters,
                    grid=full_grid,
                    block=full_block,
                    first_cta=first,
                    ctas=min(batch, total - first),
                    shared_bytes=shared_bytes,
                    order=order,
                    copies=copies,
                    races=races,
                    random=random,
                    step_limit=step_limit,
                    counters=counters,
                ).run()
        for array, buffer in made:
            array[...] = buffer.array
        return _statistics(kernel, counters)


def _parameters(slot: Slot) -> bytes:
    return slot.machine.parameters


def _dimensions(numbers: Sequence[int]) -> Dim:
    x, y, z = (*numbers, 1, 1)[:3]
    return x, y, z


def _check_block(kernel: Kernel, block: Dim) -> None:
    required, most = kernel.function.required_threads, kernel.function.maximum_threads
    if required is not None and required != block:
        raise PTXError(f"kernel {kernel.function.name} is built for blocks of {required}, not {block}")
    threads = block[0] * block[1] * block[2]
    if threads > 1024 or (most is not None and threads > most[0] * most[1] * most[2]):
        raise PTXError(f"kernel {kernel.function.name}: blocks of {block} have too many threads")


def parameter_bytes(kernel: Kernel, arguments: Sequence[Buffer | int | bytes]) -> bytes:
    """The bytes of all parameters.

    Raises:
        PTXError: where the arguments do not fit them.
    """
    name = kernel.function.name
    parameters = kernel.function.parameters
    if len(arguments) != len(parameters):
        raise PTXError(f"kernel {name} has {len(parameters)} parameters, and {len(arguments)} were given")
    block = bytearray(kernel.parameter_bytes)
    for parameter, argument in zip(parameters, arguments, strict=True):
        start, size = kernel.parameters[parameter.name]
        if isinstance(argument, Buffer):
            content = argument.base.to_bytes(8, "little")
            if parameter.pointee_align and argument.base % parameter.pointee_align:
                raise PTXError(
                    f"kernel {name}: {parameter.name} is promised at multiples of "
                    f"{parameter.pointee_align} bytes, and buffer {argument.name} is not there"
                )
        elif isinstance(argument, int):
            content = (argument & ((1 << (8 * size)) - 1)).to_bytes(size, "little")
        else:
            content = argument
        if len(content) != size or (parameter.pointee_align is not None and not isinstance(argument, Buffer)):
            raise PTXError(
                f"kernel {name}: {parameter.name} takes {size} bytes, and {argument!r:.60} does not fit"
            )
        block[start : start + size] = content
    return bytes(block)


def _statistics(kernel: Kernel, counters: Counters) -> Statistics:
    code = [step.instruction for step in kernel.steps]
    executed: Counter[str] = Counter()
    for instruction, runs in zip(code, counters.steps, strict=True):
        if runs:
            executed[instruction.opcode] += int(runs)
    labels = kernel.function.labels
    targets = {
        place: [labels[operand.text] for operand in instruction.operands if isinstance(operand, Name)]
        for place, instruction in enumerate(kernel.function.code)
        if instruction.parts[0] == "bra"
    }
    return Statistics(
        kernel=kernel.function.name,
        static=dict(Counter(instruction.opcode for instruction in kernel.function.code).most_common()),
        executed=dict(executed.most_common()),
        loops=innermost_loops(kernel.function.code, targets, counters.steps),
        bank_conflicts=counters.conflicts,
    )
