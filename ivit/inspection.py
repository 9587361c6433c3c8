"""What is in a .mlir or an .ivit file, as plain rows for a table."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.ir import Operation

from ivit.interface import boundary_of
from ivit.pipeline import fuse
from ivit.source import Source, open_integers, open_source
from ivit_dialect.files import check_readable
from ivit_dialect.hints import isa
from ivit_dialect.store import WeightStore
from ivit_dialect.torch.types import ValueTensorType
from passes.run_passes import one_line_errors
from runtime import artifact as artifacts
from runtime import nibbles
from runtime.boundary import Boundary
from runtime.program import NativeProgram, why_not_here
from runtime.program_file import Program

Rows: TypeAlias = list[tuple[str, ...]]


@dataclass
class Inspection:
    """``facts`` (name, value), ``ops`` (op, result, how many) and ``kernels`` (kernel, result, launches)."""

    facts: Rows = field(default_factory=list[tuple[str, ...]])
    ops: Rows = field(default_factory=list[tuple[str, ...]])
    kernels: Rows = field(default_factory=list[tuple[str, ...]])


def inspect(path: Path) -> Inspection:
    """``path`` described; FileNotFoundError or ValueError, one line, for a file that is neither kind."""
    check_readable(path)
    if _is_artifact(path):
        return _inspect_artifact(path)
    source = open_source(path)
    result = Inspection([("level", source.level), ("weights", weights_text(source.ctx.store))])
    if source.level == "ivit":
        result.facts += boundary_rows(boundary_of(source.module))
    result.ops = op_rows(source.module)
    return result


def _is_artifact(path: Path) -> bool:
    """By the name, or by the beginning: a safetensors file has a length of 8 bytes, then JSON."""
    with path.open("rb") as file:
        return path.suffix == ".ivit" or file.read(9)[8:] == b"{"


def _inspect_artifact(path: Path) -> Inspection:
    from lowering.compile import to_plan

    artifact = artifacts.load(path)
    program, source = artifact.program, open_integers(artifact, str(path))
    here = why_not_here(program)
    result = Inspection(
        [
            ("format", f"ivit {artifacts.VERSION}"),
            *boundary_rows(artifact.boundary),
            ("runs here", "yes" if here is None else f"after compiling again: {here}"),
            *code_rows(program),
            ("packed weights", size_text(program.weights.size)),
            ("integer module", weights_text(source.ctx.store, packed=True)),
        ],
        op_rows(source.module),
    )
    fuse(source.module, source.ctx)
    with one_line_errors(source.name):
        to_plan(source.module, source.ctx, program.target)
    result.kernels = kernel_rows(source)
    return result


def code_rows(program: Program) -> Rows:
    """What code there is, for what, and the memory that it works on."""
    arena = size_text(program.arena_bytes)
    if isinstance(program, NativeProgram):
        return [
            ("target", f"{program.target}, {program.cpu}"),
            ("native code", size_text(len(program.object_code))),
            ("arena", f"{arena} a thread"),
        ]
    cubin = "none" if program.cubin is None else size_text(len(program.cubin))
    return [
        ("target", program.target),
        ("PTX", size_text(len(program.ptx))),
        ("cubin", cubin),
        ("arena", f"{arena} an image"),
    ]


def boundary_rows(boundary: Boundary) -> Rows:
    """Input and output as a caller has them, and the integers inside with their scales."""
    image = ", ".join(map(str, boundary.input_shape))
    result = ", ".join(["N", *map(str, boundary.output_shape)])
    if boundary.kind == "pixels":
        how = f"mean {_list(boundary.mean)}, std {_list(boundary.std)}"
    else:
        how = f"scale {boundary.input_scale:.6g}"
    return [
        ("input", boundary.input_text),
        ("as integers", f"{boundary.input_dtype} [N, {image}], {how}"),
        ("output", boundary.output_text),
        ("from integers", f"{boundary.output_dtype} [{result}], scale {boundary.output_scale:.6g}"),
    ]


def op_rows(module: ModuleOp) -> Rows:
    """Every kind of op with its result's element type, and how many there are; most frequent first."""
    kinds = Counter((op.name, element_type(op)) for op in module.walk() if op.results)
    return [(name, bits, str(count)) for (name, bits), count in kinds.most_common()]


def kernel_rows(source: Source) -> Rows:
    """Every distinct kernel of a planned module with the memory it writes, and how often it is launched."""
    from lowering.plan import LaunchOp

    kinds = Counter(
        (op.kernel.data, ", ".join(str(out.type) for out in op.outs))
        for op in source.module.walk()
        if isinstance(op, LaunchOp)
    )
    return [(kernel, outs, str(count)) for (kernel, outs), count in kinds.most_common()]


def element_type(op: Operation) -> str:
    """The element type of the first result where that is a tensor, else its type."""
    kind = op.results[0].type
    if isinstance(kind, ValueTensorType):
        return str(kind).rpartition(",")[2].rstrip(">")
    if isa(kind, TensorType):
        return str(kind.element_type)
    return str(kind)


def weights_text(store: WeightStore, *, packed: bool = False) -> str:
    """Number, size and types of the arrays of ``store``; ``packed`` as an ``.ivit`` file holds them."""
    sizes: Counter[str] = Counter()
    for array in store.values():
        if packed and nibbles.fits(array):
            sizes["int4"] += nibbles.pack(array).nbytes
        else:
            sizes[array.dtype.name] += array.nbytes
    total = size_text(sum(sizes.values()))
    kinds = ", ".join(f"{name} {size_text(size)}" for name, size in sizes.most_common())
    return f"{len(store)} tensors, {total}" + (f" ({kinds})" if kinds else "")


def size_text(count: int) -> str:
    """``count`` bytes for people."""
    for unit, size in (("MB", 1_000_000), ("kB", 1_000)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"


def _list(values: tuple[float, ...]) -> str:
    return "[" + ", ".join(f"{value:g}" for value in values) + "]"
