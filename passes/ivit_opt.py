"""``ivit-opt``: the optimizer driver. Every pass and every named pipeline is a flag; flags run in order.

    ivit-opt --lower-to-int='softmax=ivit calibration=images.npz' model.mlir -o int.mlir
    ivit-opt --fuse int.mlir -o fused.mlir
    ivit-opt -p 'conv2d-to-linear,fuse-requant' int.mlir
    ivit-opt -p 'lower-to-int{softmax=ivit},fuse' model.mlir

With ``-o FILE.mlir`` the weights go to ``FILE.safetensors`` beside it; on standard output they follow the
IR as MLIR resources (``--elide-weights`` leaves them out). IVIT_DEBUG=1 shows the traceback of an error.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from functools import cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

import numpy as np
from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.passes import ModulePass, PassPipeline
from xdsl.utils.exceptions import (
    DiagnosticException,
    ParseError,
    PassFailedException,
    VerifyException,
)
from xdsl.xdsl_opt_main import xDSLOptMain

from ivit_dialect.collection import no_collection
from ivit_dialect.command import exit_code_of
from ivit_dialect.files import check_readable, whole_file
from ivit_dialect.load import WEIGHTS_SUFFIX, check_module_path, load_text, parse_module
from ivit_dialect.resources import weights_as_resources
from ivit_dialect.store import STORE_ATTRIBUTE, MissingWeightError, StoreContext, WeightStore
from passes.levels import check_level
from passes.pipeline_text import build_passes, flag_text, parse_passes
from passes.pipelines import PIPELINES

USAGE = "ivit-opt [flags] [input_file]"
SUMMARY = re.compile(r'"""(?:Pass )?`+[\w-]+`+: (?P<text>.+?)(?:""")?$')
"""The first line of a pass's module."""
OPTIONS = re.compile(r"\{?[a-z]+=")
"""How the options of a pass or pipeline begin."""
REFUSALS = (MissingWeightError, ParseError, DiagnosticException)
"""Exceptions that mean bad input."""


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
    home, file_name = Path(next(iter(spec.submodule_search_locations))), f"{name.replace('-', '_')}.py"
    path = home / file_name
    if not path.exists():
        path = next(home.rglob(file_name))
    with path.open(encoding="utf-8") as file:
        line = SUMMARY.match(file.readline().rstrip())
    return line["text"].replace("`", "") if line else name


class _PassesAction(argparse.Action):
    """Appends passes to those of the flags before: ``-p``'s own text, or a flag's pass with its options."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        text, name = str(values or ""), str(option_string).lstrip("-")
        try:
            passes = text if name in ("p", "passes") else flag_text(name, text)
        except ValueError as error:
            parser.error(str(error))
        namespace.passes = ",".join(part for part in (namespace.passes, passes) if part)


class IvitOptMain(xDSLOptMain):
    """xDSL's driver over a context that holds the weight store."""

    version_format = "ivit-opt built from xdsl version {xdsl_version}"

    def __init__(self, args: Sequence[str] | None = None) -> None:
        self._flags = {f"--{name}" for name in (*PIPELINES, *own_passes())}
        self._given = list(sys.argv[1:] if args is None else args)
        self._files = ExitStack()
        self._output: Path | None = None
        self._saved = WeightStore()
        # an explicit "=" keeps argparse from taking the input file for a flag's options
        arguments = [f"{text}=" if text in self._flags else text for text in self._given]
        super().__init__("ivit's optimizer driver", arguments)

    def register_all_dialects(self) -> None:
        self.ctx = StoreContext(remark=lambda remark: print(remark, file=sys.stderr))
        super().register_all_dialects()

    def register_all_frontends(self) -> None:
        def parse(stream: IO[bytes]) -> ModuleOp:
            ctx = self.store_context
            try:
                if self.args.input_file is not None:
                    return load_text(stream.read(), Path(self.args.input_file), ctx, weights_required=False)
                ctx.store = WeightStore()
                return parse_module(stream.read(), self.get_input_name(), ctx, weights_required=False)
            except ValueError as error:
                # xDSL's driver prints only its own exceptions under --verify-diagnostics
                raise VerifyException(str(error)) from error

        self.available_frontends["mlir"] = parse

    def register_all_arguments(self, arg_parser: argparse.ArgumentParser) -> None:
        # xDSL's own -p would forget the flags before it
        arg_parser._optionals.conflict_handler = "resolve"  # pyright: ignore[reportPrivateUsage]  # argparse has no public name
        super().register_all_arguments(arg_parser)
        arg_parser.usage = USAGE
        for flag, following in pairwise(self._given):
            if flag in self._flags and OPTIONS.match(following) and not Path(following).exists():
                arg_parser.error(f"options follow an equals sign: {flag}='{following}'")
        arg_parser.description = str(__doc__).replace("``", "")
        arg_parser.formatter_class = argparse.RawDescriptionHelpFormatter
        arg_parser.add_argument(
            "--elide-weights", action="store_true", help="leave the weights out of standard output"
        )
        arg_parser.add_argument(
            "-p",
            "--passes",
            action=_PassesAction,
            default="",
            help="passes and pipelines with commas between them, options in braces",
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
            f"--{name}", action=_PassesAction, nargs="?", metavar="OPTIONS", help=text.replace("%", "%%")
        )

    @property
    def store_context(self) -> StoreContext:
        """The context, which ``register_all_dialects`` made."""
        assert isinstance(self.ctx, StoreContext)
        return self.ctx

    def setup_pipeline(self) -> None:
        if self.args.input_file == "-":
            self.args.input_file = None
        if self.args.output_file == "-":
            self.args.output_file = None
        started = time.perf_counter()
        steps = list(parse_passes(self.args.passes))
        passes = build_passes((spec for _, spec in steps), self.available_passes)
        begins = {id(step): pipeline for step, (pipeline, _) in zip(passes, steps, strict=True)}

        def between(previous: ModulePass | None, module: ModuleOp, following: ModulePass | None) -> None:
            nonlocal started
            if self.args.time_passes and previous is not None:
                print(f"{previous.name}: {time.perf_counter() - started:.3f} s", file=sys.stderr)
            if not self.args.disable_verify:
                module.verify()
            if previous and following and self.args.print_between_passes:
                print(f"// IR after {previous.name}\n{module}\n", file=sys.stderr)
            pipeline = begins.get(id(following))
            if pipeline is not None:
                check_level(pipeline, module)
            started = time.perf_counter()

        self.pipeline = PassPipeline(passes, between)

    def apply_passes(self, prog: ModuleOp) -> None:
        try:
            super().apply_passes(prog)
        except ValueError as error:
            # xDSL's driver prints only its own exceptions under --verify-diagnostics
            raise PassFailedException(str(error)) from error

    def prepare_input(self) -> tuple[list[tuple[IO[bytes], int]], str]:
        if self.args.input_file is not None:
            check_readable(Path(self.args.input_file))
        return super().prepare_input()

    def prepare_output(self) -> IO[str]:
        if self.args.output_file is None:
            return sys.stdout
        self._output = Path(self.args.output_file)
        check_module_path(self._output)
        return self._files.enter_context(whole_file(self._output)).open("w", encoding="utf-8")

    def run(self) -> None:
        with self._files, no_collection():
            super().run()

    def output_resulting_program(self, prog: ModuleOp) -> str:
        store = self.store_context.store
        prog.attributes.pop(STORE_ATTRIBUTE, None)
        if not store or self.args.target.partition("{")[0] != "mlir":
            return self._text(prog)
        if self._output is not None:
            weights = self._output.with_suffix(WEIGHTS_SUFFIX)
            self._save(store, weights)
            prog.attributes[STORE_ATTRIBUTE] = StringAttr(weights.name)
            return self._text(prog)
        if self.args.elide_weights or sys.stdout.isatty():
            print("ivit-opt: weights are not shown; -o FILE.mlir writes them", file=sys.stderr)
            return self._text(prog)
        return f"{self._text(prog)}\n{weights_as_resources(store)}"

    def _text(self, prog: ModuleOp) -> str:
        return super().output_resulting_program(prog).rstrip("\n") + "\n"

    def _save(self, store: WeightStore, path: Path) -> None:
        """Add ``store`` to the one file that all parts of a split input share."""
        for key, array in store.items():
            if key in self._saved and not np.array_equal(self._saved[key], array):
                raise ValueError(f"{path}: two parts of the input have a weight '{key}', and they differ")
        self._saved.update(store)
        self._saved.save(path)


def main() -> None:
    """Console entry point; exits with 1 on bad input, 2 on a wrong command line, 3 on an own error."""
    sys.exit(exit_code_of("ivit-opt", lambda: IvitOptMain().run(), REFUSALS))


if __name__ == "__main__":
    main()
