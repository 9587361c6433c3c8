"""An integer module compiled with stamps and run: what each launch of a kernel takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp

from ivit.interface import boundary_of
from ivit.pipeline import fuse, native_program
from ivit.progress import Report, silent
from ivit.report.content import LaunchRow
from ivit.report.costs import launch_rows, macs_by_group
from ivit_dialect.store import StoreContext
from lowering.compile import CompiledProgram, compile_program
from lowering.targets import Target
from passes.run_passes import one_line_errors
from runtime.executable import Executable


@dataclass(frozen=True)
class Timed:
    """Native code, its launches' medians, and multiply-accumulates of an image by kind of op."""

    program: CompiledProgram
    launches: list[LaunchRow]
    macs: dict[str, int]

    @property
    def arena_bytes(self) -> int:
        """Of the arena without the stamps."""
        assert self.program.stamps is not None
        return self.program.stamps.offset


def time_launches(
    module: ModuleOp, ctx: StoreContext, image: NDArray[Any], machine: Target, report: Report = silent
) -> Timed:
    """Fuse and compile integer ``module``, which is consumed, for ``machine``, and time it on one thread.

    ``image`` is one image as a caller passes it: float32 [1, C, H, W] or uint8 pixels [1, H, W, C].
    ValueError, one line, for what cannot be compiled.
    """
    macs, boundary = macs_by_group(module), boundary_of(module)
    fuse(module, ctx, report)
    report("native code", 0, 0)
    with one_line_errors("lowering"):
        program = compile_program(module, ctx, machine, stamped=True)
    assert program.stamps is not None
    report("time", 0, 0)
    executable = Executable(native_program(program, machine), boundary, 1)
    integers = boundary.to_integers(image if image.dtype == np.uint8 else image.astype(np.float32))
    return Timed(program, launch_rows(executable, program.launches, program.stamps, integers), macs)
