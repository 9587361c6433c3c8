"""How passes are run from Python: each is reported, and the module verified after it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from typing import TypeAlias

from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import DiagnosticException, VerifyException

from ivit_dialect.store import StoreContext

Report: TypeAlias = Callable[[str, int, int], None]
"""Called with a pass and how much of it is done and to do: images in ``calibrate``, else 0 or 1 of 1."""


def unreported(name: str, done: int, total: int) -> None:
    """Nobody listens."""


def run_passes(
    passes: Iterable[ModulePass], module: ModuleOp, ctx: StoreContext, report: Report = unreported
) -> None:
    """Run ``passes`` on ``module``, in place. Raises what they raise (see ``one_line_errors``)."""
    for step in passes:
        report(step.name, 0, 1)
        step.apply(ctx, module)
        module.verify()
        report(step.name, 1, 1)


@contextmanager
def one_line_errors(where: str) -> Generator[None]:
    """Refusals as ValueError, one line that says ``where``."""
    try:
        yield
    except (DiagnosticException, VerifyException, ValueError) as error:
        line = " ".join(str(error).split())
        raise ValueError(line if where in line else f"{where}: {line}") from error
