"""The Python interface: ``compile`` and ``load``."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, Unpack

from numpy.typing import NDArray

from ivit.model import Model
from ivit.progress import Report, silent
from runtime import artifact as artifacts
from runtime.artifact import Artifact
from runtime.executable import check_threads
from runtime.program import why_not_here

if TYPE_CHECKING:
    from torch import Tensor, nn
    from xdsl.dialects.builtin import ModuleOp

    from passes.quantization.options import QuantizeKeywords, QuantizeOptions

Source: TypeAlias = "str | os.PathLike[str] | ModuleOp | tuple[nn.Module, Tensor]"


def compile(
    src: Source,
    calibration: object = None,
    target: str = "cpu",
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    threads: int | None = None,
    *,
    weights: Mapping[str, NDArray[Any]] | None = None,
    report: Report = silent,
    **quantization: Unpack[QuantizeKeywords],
) -> Model:
    """Make ``src`` into integers and native code.

    ``src`` is a path to a .mlir file (torch or ivit level), an xDSL ModuleOp of either level (its weights are
    ``weights``, or in the file that its attribute ``ivit.store`` names), or (nn.Module, example input
    [N, C, H, W]), which needs the extra [import].

    ``calibration`` sets the ranges of activations: float32 [N, C, H, W] in the model's own convention, uint8
    pixels [N, H, W, C] where mean and std are known, or a path to an .npz file with ``images``, or to a
    folder of pictures, of which 32 are taken, resized and cropped. None uses the ranges recorded in ``src``,
    or else generated images, with a notice on stderr.

    ``mean`` and ``std`` (per channel, of pixels scaled to [0, 1]; default: what ``src`` says) make a model
    that takes uint8 pixels too. ``target`` is ``cpu`` (this machine), a name of
    ``lowering.targets``, ``cuda`` (this machine's GPU), or a name of ``lowering.cuda.targets``
    (``cuda:sm_80``). ``threads`` a call uses, of a CPU; default: one per physical core. ``report`` hears of
    progress.

    ``quantization``: ``recipe`` is "paper", "default" or "best"; ``weight_bits``, ``activation_bits``,
    ``softmax``, ``smoothing``, ``rounding`` and all others of ``passes.quantization.options`` change single
    choices of it.

    Raises FileNotFoundError, TypeError, ValueError or ImportError, in one line.
    """
    from ivit.calibration import doubts, read_calibration
    from ivit.pipeline import Options, to_artifact
    from ivit.source import open_source

    if threads is not None:
        check_threads(threads)
    report("read", 0, 0)
    source = open_source(src, weights)
    options = Options(
        calibration=read_calibration(calibration, source),
        target=target,
        mean=_floats("mean", mean),
        std=_floats("std", std),
        quantization=_quantization(quantization),
    )
    artifact = to_artifact(source, options, report)
    _tell(doubts(options.calibration, artifact.boundary))
    return Model(artifact, threads)


def _quantization(keywords: QuantizeKeywords) -> QuantizeOptions:
    """ValueError for a word or a number that an option does not take, TypeError for an unknown name."""
    from passes.quantization.options import options_of

    return options_of("compile", keywords)


def load(
    path: str | os.PathLike[str],
    threads: int | None = None,
    *,
    target: str | None = None,
    recompile: bool = False,
) -> Model:
    """The model that ``Model.save`` or ``ivit compile`` wrote to ``path``.

    The code in the file is run as it is wherever it can be, even where this machine could run better code: it
    may have been made for a lesser machine on purpose. Code that cannot run here is made anew from the
    integers in the file, with a notice on stderr. ``target``, as of ``compile``, asks for code of another
    processor, which is made where the file does not have it. ``recompile`` makes it in any case, and then no
    machine code of the file is run. Otherwise it is: load files of people you trust.

    Raises FileNotFoundError, ValueError for a file that is damaged, hostile or of another version or for an
    unknown target, or ImportError where code must be made and the compiler is not installed.
    """
    if threads is not None:
        check_threads(threads)
    artifact = artifacts.load(Path(path))
    obstacle = why_not_here(artifact.program)
    if obstacle is not None or target is not None or recompile:
        artifact = _with_code_for(target or "cpu", artifact, str(path), obstacle, recompile)
    return Model(artifact, threads)


def _tell(lines: list[str]) -> None:
    from ivit.console import notice

    for line in lines:
        notice(line)


def _with_code_for(
    target: str, artifact: Artifact, name: str, obstacle: str | None, recompile: bool
) -> Artifact:
    """``artifact`` with code of ``target``, compiled unless it has that already; ``obstacle`` is told."""
    try:
        from ivit.pipeline import HOST, from_integers, is_made_for, target_of
        from ivit.source import open_integers
    except ImportError as error:
        why = obstacle or "its integers are to be compiled"
        raise ImportError(
            f"{name}: {why}: that needs the compiler, which is not whole here ({error}): pip install ivit"
        ) from error
    if is_made_for(target_of(target), artifact.program) and not recompile:
        return artifact
    if obstacle is not None:
        where = "this machine" if target == HOST else target
        _tell([f"{name}: {obstacle}; compiling its integers for {where}"])
    source = open_integers(artifact, name)
    return from_integers(source.module, source.ctx, target)


def _floats(name: str, values: object) -> tuple[float, ...] | None:
    if values is None:
        return None
    given: Any = values
    try:
        return tuple(map(float, given)) if hasattr(given, "__iter__") else (float(given),)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be numbers, one a channel, got {values!r}") from error
