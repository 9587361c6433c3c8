"""Every .mlir file of the project is read and written here.

A module on disk is two files: text that names weights by key, and a safetensors file with their
bytes. torch-mlir's own text carries the bytes itself, in a resource section: they go to the store.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

from xdsl.dialects.builtin import (
    Builtin,
    DenseResourceAttr,
    FileLineColLoc,
    LocationAttr,
    ModuleOp,
    StringAttr,
    TensorType,
)
from xdsl.dialects.func import Func
from xdsl.dialects.tensor import Tensor
from xdsl.ir import Block, Operation
from xdsl.printer import Printer
from xdsl.utils.exceptions import ParseError, VerifyException

from ivit_dialect.collection import no_collection
from ivit_dialect.dialect import Ivit
from ivit_dialect.element_types import check_array, numpy_dtype
from ivit_dialect.files import check_readable, check_writable, whole_file
from ivit_dialect.hints import isa
from ivit_dialect.ops.elementwise import ConstantOp
from ivit_dialect.ops.floating import FloatConstantOp, IvitFloat
from ivit_dialect.parser import ModuleParser
from ivit_dialect.resources import Resources, split_resources
from ivit_dialect.store import STORE_ATTRIBUTE, StoreContext, WeightStore, store_path
from ivit_dialect.torch import Torch

WEIGHTS_SUFFIX = ".safetensors"
BELOW_TORCH = ("linalg", "tosa", "stablehlo")
"""What torch-mlir lowers its torch dialect to."""
_LOWER_OP = re.compile(rf'^[ \t]*(?:%[^=\n]*=[ \t]*)?"?(({"|".join(BELOW_TORCH)})\.\w+)', re.MULTILINE)
_FIRST_TEXT = re.compile(r"(?:\s|//[^\n]*(?:\n|\Z))*")
_MLIR_START = re.compile(r'module\b|[a-z_]\w*\.\w|"(?!"")|%[\w$.-]+|[#!][\w$.-]+\s*=|@|\^|\{-#')
"""How the first line of a module begins that is no comment, well-formed or not."""


def load_module(path: Path, ctx: StoreContext, *, weights_required: bool = True) -> ModuleOp:
    """The verified module of ``path``; ``ctx.store`` becomes its weight store.

    Weights come from the text's resource section, else from the safetensors file that the module
    names in ``ivit.store``, else from the one beside ``path`` with the suffix ``.safetensors``.

    Raises FileNotFoundError for a missing file, and ValueError (one line: file, line, what is wrong)
    for text that does not parse or verify and for weights that are missing or do not fit their type.
    Without ``weights_required`` a missing weight is left to the pass that needs it.
    """
    check_readable(path)
    return load_text(path.read_bytes(), path, ctx, weights_required=weights_required)


def load_text(text: bytes, path: Path, ctx: StoreContext, *, weights_required: bool = True) -> ModuleOp:
    """``load_module`` of ``text``, the whole of the file ``path`` or a part that stands for itself."""
    ctx.store = WeightStore()
    module, resources = _parse(text, str(path), ctx)
    side_file = store_path(module, path)
    if side_file is None and any(key not in resources.spans for _, key, _ in _weights(module)):
        beside = path.with_suffix(WEIGHTS_SUFFIX)
        side_file = beside if beside.is_file() else None
    if side_file is not None:
        ctx.store = WeightStore.open(side_file)
    _fill_store(module, resources, ctx.store, weights_required)
    return module


def parse_module(
    text: str | bytes, name: str, ctx: StoreContext, *, weights_required: bool = True
) -> ModuleOp:
    """The verified module in ``text``; its resources join ``ctx.store``, which must hold all other weights.

    ``name`` stands for the file in locations and messages. Raises ValueError as ``load_module`` does.
    """
    module, resources = _parse(text.encode() if isinstance(text, str) else text, name, ctx)
    _fill_store(module, resources, ctx.store, weights_required)
    return module


def save_module(module: ModuleOp, store: WeightStore, path: Path) -> None:
    """Write ``module`` to ``path`` and ``store`` beside it (suffix .safetensors), each whole or not at all.

    The module gets the attribute ``ivit.store``, or loses it where the store is empty. OSError, or ValueError
    where ``path`` is the name that the weights must have.
    """
    check_module_path(path)
    with whole_file(path) as file:
        weights = path.with_suffix(WEIGHTS_SUFFIX)
        if len(store):
            module.attributes[STORE_ATTRIBUTE] = StringAttr(weights.name)
        else:
            module.attributes.pop(STORE_ATTRIBUTE, None)
        file.write_text(module_text(module), encoding="utf-8")
        if len(store):
            store.save(weights)


def check_module_path(path: Path) -> None:
    """OSError, or ValueError, one line each, where ``save_module`` cannot write to ``path``."""
    check_writable(path)
    if path.suffix == WEIGHTS_SUFFIX:
        raise ValueError(f"{path}: the weights get that name: name the module FILE.mlir")


def module_text(module: ModuleOp) -> str:
    """``module`` in custom syntax, weights as keys only, with a final newline."""
    stream = StringIO()
    Printer(stream).print_op(module)
    return stream.getvalue() + "\n"


def location_text(op: Operation) -> str:
    """``file:line`` of ``op``, or its location as MLIR prints it."""
    return _location_text(op.location)


def _location_text(location: LocationAttr) -> str:
    if isinstance(location, FileLineColLoc):
        return f"{location.filename.data}:{location.line.data}"
    return str(location)


@no_collection()
def _parse(text: bytes, name: str, ctx: StoreContext) -> tuple[ModuleOp, Resources]:
    for dialect in (Builtin, Func, Tensor, Torch, Ivit, IvitFloat):
        if ctx.get_optional_dialect(dialect.name) is None:
            ctx.load_dialect(dialect)
    body, resources = split_resources(text, name)
    try:
        source = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise resources.error(error.start, "not UTF-8 text, so no MLIR") from error
    if not source.strip():
        raise ValueError(f"{name}:1: holds no text")
    module = _parse_text(source, name, ctx)
    _verify(module)
    return module, resources


def _parse_text(source: str, name: str, ctx: StoreContext) -> ModuleOp:
    parser: ModuleParser | None = None
    try:
        parser = ModuleParser(ctx, source, name)
        return parser.parse_module()
    except ParseError as error:
        raise ValueError(
            _lower_level(source, name) or _no_mlir(source, name) or _parse_message(error)
        ) from error
    except RecursionError as error:
        raise ValueError(f"{_position(parser, name)}: nested too deeply") from error
    except Exception as error:
        # xDSL's parser lets many kinds of exception through on malformed text
        message = f"{_position(parser, name)}: {_one_line(str(error) or repr(error))}"
        raise ValueError(_lower_level(source, name) or _no_mlir(source, name) or message) from error


def _parse_message(error: ParseError) -> str:
    # xDSL leaves this placeholder of its own unfilled
    message = error.msg.replace("{first_char}", f"'{error.span.text[:1]}'")
    return f"{error.span.get_location()}: {_one_line(message)}"


def _no_mlir(source: str, name: str) -> str | None:
    """The refusal of text that does not begin as a module does, None for all other text."""
    blank = _FIRST_TEXT.match(source)
    start = 0 if blank is None else blank.end()
    if start == len(source) or _MLIR_START.match(source, start):
        return None
    line = source.count("\n", 0, start) + 1
    return f"{name}:{line}: not MLIR text: a module begins with 'module' or an op such as func.func"


def _lower_level(source: str, name: str) -> str | None:
    """The refusal of text in which torch-mlir's output is past its torch dialect, None for all other text."""
    found = _LOWER_OP.search(source)
    if found is None:
        return None
    line = source.count("\n", 0, found.start(1)) + 1
    return f"{name}:{line}: {found[1]}: {below_torch(found[2])}"


def below_torch(dialect: str) -> str:
    """What to do with a model that torch-mlir has lowered to ``dialect``."""
    return (
        f"this is {dialect} level, and torch level is needed: export with"
        " torch_mlir.fx.export_and_import(model, x, output_type=OutputType.TORCH)"
    )


def _position(parser: ModuleParser | None, name: str) -> str:
    return f"{name}:1" if parser is None else parser.line_at_hand()


def _one_line(message: str) -> str:
    return " ".join(message.split())


def _verify(module: ModuleOp) -> None:
    """Verify op by op, so that a message has the location of the op it is about."""
    for op in module.walk():
        try:
            op.verify(verify_nested_ops=False)
        except VerifyException as error:
            raise ValueError(f"{location_text(op)}: {op.name}: {_one_line(str(error))}") from error
        for region in op.regions:
            for block in region.blocks:
                _verify_order(block)
    try:
        module.verify()
    except VerifyException as error:
        raise ValueError(f"{location_text(module)}: {_one_line(str(error))}") from error


def _verify_order(block: Block) -> None:
    """Within a block a value is defined before it is used (xDSL does not check it)."""
    seen: set[Operation] = set()
    for op in block.ops:
        for operand in op.operands:
            owner = operand.owner
            if isinstance(owner, Operation) and owner.parent is block and owner not in seen:
                raise ValueError(f"{location_text(op)}: {op.name}: an operand is used before it is defined")
        seen.add(op)


def _weights(module: ModuleOp) -> Iterator[tuple[Operation, str, TensorType[Any]]]:
    """Each op that names a weight, with the key and the type."""
    for op in module.walk():
        if isinstance(op, ConstantOp | FloatConstantOp):
            yield op, op.key.data, op.output.type
        for attribute in (*op.properties.values(), *op.attributes.values()):
            if isinstance(attribute, DenseResourceAttr):
                tensor = attribute.get_type()
                if not isa(tensor, TensorType):
                    raise ValueError(f"{location_text(op)}: dense_resource must be a tensor, got {tensor}")
                yield op, attribute.resource_handle.data, tensor


def _fill_store(module: ModuleOp, resources: Resources, store: WeightStore, required: bool) -> None:
    """Decode the resources that ``module`` uses into ``store``; check every weight against its type."""
    decoded: set[str] = set()
    for op, key, tensor in _weights(module):
        try:
            if key in resources.spans and key not in decoded:
                if not tensor.has_static_shape():
                    raise ValueError(f"weight '{key}' has the dynamic type {tensor}")
                store[key] = resources.decode(key, numpy_dtype(tensor.get_element_type()), tensor.get_shape())
                decoded.add(key)
            if key not in store and not required:
                continue
            if key not in store:
                raise ValueError(f"weight '{key}' is neither in the text's resources nor in the weight store")
            check_array(store[key], tensor, key)
        except ValueError as error:
            message = str(error)
            located = message.startswith(f"{resources.name}:")
            raise ValueError(message if located else f"{location_text(op)}: {message}") from error
