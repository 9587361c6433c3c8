"""``--target``: the processor or GPU that code is made for; ``--target help`` lists those that there are."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from ivit.console import stdout


def add_target(parser: argparse.ArgumentParser, default: str | None, text: str) -> None:
    """``--target NAME``, ``default`` where it is not given; ``text`` is its help."""
    parser.add_argument("--target", action=TargetAction, default=default, metavar="NAME", help=text)


def add_load_target(parser: argparse.ArgumentParser) -> None:
    """``--target`` of commands that load a compiled model."""
    text = "compile the integers in the file for it: cpu (this machine), or a name that --target help lists"
    add_target(parser, None, f"{text} (default: run the code in the file where it runs here)")


def check_runs_here(target: str | None) -> None:
    """ValueError, one line, where this machine cannot run code for ``target``: before any is made."""
    if target is None:
        return
    from ivit.pipeline import HOST, target_of
    from lowering.cuda.targets import CudaTarget
    from lowering.targets import host_targets
    from runtime.cuda.devices import open_device
    from runtime.cuda.driver import CudaError

    wanted = target_of(target)
    if isinstance(wanted, CudaTarget):
        try:
            device = open_device()
        except CudaError as error:
            raise ValueError(f"--target {target}: {error}") from error
        major, minor = device.capability
        if not wanted.runs_on(10 * major + minor):
            raise ValueError(
                f"--target {target}: the GPU {device.name} has compute capability {major}.{minor}, which"
                " does not run code for it: choose cuda"
            )
        return
    here = [HOST, *(machine.name for machine in host_targets())]
    if target not in here:
        raise ValueError(
            f"--target {target}: this machine cannot run code for it: choose one of {', '.join(here)}"
        )


class TargetAction(argparse.Action):
    """Keeps the target's name; ``help`` lists the names and ends, whatever else the command line lacks."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        if values == "help":
            _print_targets()
            parser.exit()
        namespace.target = values


def _print_targets() -> None:
    from lowering.cuda.targets import CUDA_TARGETS, PREFIX
    from lowering.targets import TARGETS, host_targets

    here = {target.name for target in host_targets()}
    for name in TARGETS:
        stdout.print(f"{name}{'  (runs here)' if name in here else ''}", markup=False)
    stdout.print(f"{PREFIX}  (the GPU of this machine)", markup=False)
    for name in CUDA_TARGETS:
        stdout.print(name, markup=False)
