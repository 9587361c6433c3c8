"""``ivit-opt``: the optimizer driver. Every pass and every named pipeline is a flag; flags run in order.

    ivit-opt --lower-to-int='softmax=ivit calibration=images.npz' model.mlir -o int.mlir
    ivit-opt --fuse int.mlir -o fused.mlir
    ivit-opt -p 'conv2d-to-linear,fuse-requant' int.mlir

With ``-o FILE.mlir`` the weights go to ``FILE.safetensors`` beside it; on standard output they follow the
IR as MLIR resources (``--elide-weights`` leaves them out). IVIT_DEBUG=1 shows the traceback of an error.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import sys
import time
from collections.abc import Sequence
from functools import cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.passes import ModulePass, PassPipeline
from xdsl.utils.exceptions import (
    ArgSpecParseError,
    DiagnosticException,
    ParseError,
    PassFailedException,
    VerifyException,
)
from xdsl.xdsl_opt_main import xDSLOptMain

from ivit_dialect.load import load_module, parse_module
from ivit_dialect.resources import weights_as_resources
from ivit_dialect.store import STORE_ATTRIBUTE, MissingWeightError, StoreContext
from passes.pipelines import PIPELINES, pass_spec

USAGE = "ivit-opt [flags] [input_file]"
SUMMARY = re.compile(r'"""(?:Pass )?`+[\w-]+`+: (?P<text>.+?)(?:""")?$')
"""The first line of a pass's module."""


@cache
def own_passes() -> dict[str, str]:
    """Passes of every room by name, with what they do; the rooms behind this one are found as plugins."""
    entries = [entry for entry in entry_points(group="xdsl.universe") if entry.name.startswith("ivit_")]
    found = {
        name: _summary(entry.module.partition(".")[0], name)
        for entry in entries
        for name in entry.load().all_passes
    }
    return dict(sorted(found.items()))


def _summary(room: str, name: str) -> str:
    """What the pass ``name`` does, without importing it."""
    spec = find_spec(room)
    assert spec is not None
    assert spec.submodule_search_locations is not None
    path = Path(next(iter(spec.submodule_search_locations))) / f"{name.replace('-', '_')}.py"
    with path.open(encoding="utf-8") as file:
        line = SUMMARY.match(file.readline().rstrip())
    return line["text"].replace("`", "") if line else name


class _PipelineAction(argparse.Action):
    """Appends the flag's pipeline to ``-p``, in the order of the command line."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        name = str(option_string).lstrip("-")
        options: dict[str, str] = {}
        for item in shlex.split(str(values or "")):
            key, separator, value = item.partition("=")
            options[key] = value if separator else "true"
        try:
            spec = PIPELINES[name].spec(options) if name in PIPELINES else pass_spec(name, options)
        except ValueError as error:
            parser.error(str(error))
        namespace.passes = ",".join(part for part in (namespace.passes, spec) if part)


class IvitOptMain(xDSLOptMain):
    """xDSL's driver over a context that holds the weight store."""

    version_format = "ivit-opt built from xdsl version {xdsl_version}"

    def __init__(self, args: Sequence[str] | None = None) -> None:
        flags = {f"--{name}" for name in (*PIPELINES, *own_passes())}
        given = sys.argv[1:] if args is None else args
        # an explicit "=" keeps argparse from taking the input file for a flag's options
        super().__init__("ivit's optimizer driver", [f"{a}=" if a in flags else a for a in given])

    def register_all_dialects(self) -> None:
        self.ctx = StoreContext()
        super().register_all_dialects()

    def register_all_frontends(self) -> None:
        def parse(stream: IO[bytes]) -> ModuleOp:
            ctx = self.store_context
            try:
                if self.args.input_file is None or self.args.split_input_file:
                    return parse_module(stream.read(), self.get_input_name(), ctx, weights_required=False)
                return load_module(Path(self.args.input_file), ctx, weights_required=False)
            except ValueError as error:
                # xDSL's driver prints only its own exceptions under --verify-diagnostics
                raise VerifyException(str(error)) from error

        self.available_frontends["mlir"] = parse

    def register_all_arguments(self, arg_parser: argparse.ArgumentParser) -> None:
        super().register_all_arguments(arg_parser)
        arg_parser.usage = USAGE
        arg_parser.description = str(__doc__).replace("``", "")
        arg_parser.formatter_class = argparse.RawDescriptionHelpFormatter
        arg_parser.add_argument(
            "--elide-weights", action="store_true", help="leave the weights out of standard output"
        )
        pipelines = arg_parser.add_argument_group("pipelines")
        for pipeline in PIPELINES.values():
            text = f"{pipeline.help} ({', '.join(pipeline.passes)})"
            if pipeline.options:
                text += f"; options: {', '.join(pipeline.options)}"
            self._add_flag(pipelines, pipeline.name, text)
        passes = arg_parser.add_argument_group("passes")
        for name, text in own_passes().items():
            if name not in PIPELINES:
                self._add_flag(passes, name, text)

    @staticmethod
    def _add_flag(group: argparse._ArgumentGroup, name: str, text: str) -> None:  # pyright: ignore[reportPrivateUsage]  # argparse has no public name
        group.add_argument(
            f"--{name}", action=_PipelineAction, nargs="?", metavar="OPTIONS", help=text.replace("%", "%%")
        )

    @property
    def store_context(self) -> StoreContext:
        """The context, which ``register_all_dialects`` made."""
        assert isinstance(self.ctx, StoreContext)
        return self.ctx

    def setup_pipeline(self) -> None:
        started = time.perf_counter()

        def between(previous: ModulePass | None, module: ModuleOp, following: ModulePass | None) -> None:
            nonlocal started
            if self.args.time_passes and previous is not None:
                print(f"{previous.name}: {time.perf_counter() - started:.3f} s", file=sys.stderr)
            if not self.args.disable_verify:
                module.verify()
            if previous and following and self.args.print_between_passes:
                print(f"// IR after {previous.name}\n{module}\n", file=sys.stderr)
            started = time.perf_counter()

        try:
            self.pipeline = PassPipeline.parse_spec(self.available_passes, self.args.passes, between)
        except ArgSpecParseError as error:
            message = str(error).splitlines()[-1].strip()
            raise ValueError(f"{message} (in the passes {self.args.passes})") from error

    def apply_passes(self, prog: ModuleOp) -> None:
        try:
            super().apply_passes(prog)
        except ValueError as error:
            # xDSL's driver prints only its own exceptions under --verify-diagnostics
            raise PassFailedException(str(error)) from error

    def prepare_output(self) -> IO[str]:
        # The real file appears only when everything has succeeded: see `run`.
        if self.args.output_file is None:
            return sys.stdout
        output = Path(self.args.output_file)
        if not output.parent.is_dir():
            raise ValueError(f"{output}: there is no folder {output.parent}: make it first")
        return open(_partial(output), "w", encoding="utf-8")

    def run(self) -> None:
        if self.args.output_file is None:
            super().run()
            return
        output = Path(self.args.output_file)
        try:
            super().run()
            os.replace(_partial(output), output)
        finally:
            _partial(output).unlink(missing_ok=True)

    def output_resulting_program(self, prog: ModuleOp) -> str:
        store = self.store_context.store
        prog.attributes.pop(STORE_ATTRIBUTE, None)
        if not store or self.args.target.partition("{")[0] != "mlir":
            return super().output_resulting_program(prog)
        if self.args.output_file is not None:
            weights = Path(self.args.output_file).with_suffix(".safetensors")
            store.save(weights)
            prog.attributes[STORE_ATTRIBUTE] = StringAttr(weights.name)
            return super().output_resulting_program(prog)
        text = super().output_resulting_program(prog)
        if self.args.elide_weights or sys.stdout.isatty():
            print("ivit-opt: weights are not shown; -o FILE.mlir writes them", file=sys.stderr)
            return text
        return f"{text}\n{weights_as_resources(store)}"


def _partial(output: Path) -> Path:
    return output.with_name(f".{output.name}.{os.getpid()}.partial")


def main() -> None:
    """Console entry point: one line on stderr and exit code 1 on bad input (traceback with IVIT_DEBUG)."""
    try:
        IvitOptMain().run()
    except (OSError, ValueError, MissingWeightError, ParseError, DiagnosticException) as error:
        if os.environ.get("IVIT_DEBUG"):
            raise
        sys.exit(f"ivit-opt: {_one_line(error)}")


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)


if __name__ == "__main__":
    main()
