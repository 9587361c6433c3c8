"""Upstream MLIR (in process, from torch-mlir's wheel) loads the dialect from its IRDL text and reads ops."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from io import StringIO
from typing import Any

import pytest
from test_kernels_modules import EXACT, PER_HEAD, PROBABILITIES, SHIFTS, weights
from xdsl.dialects import irdl
from xdsl.passes import PassPipeline
from xdsl.printer import Printer

from ivit_dialect.dialect import Ivit
from ivit_dialect.irdl import export, text
from ivit_dialect.load import parse_module
from ivit_dialect.store import StoreContext
from passes.pipelines import DECOMPOSE, FUSE
from passes.registry import get_passes

FORMS = ["", DECOMPOSE.spec(), f"{FUSE.spec()},decompose-attention"]
"""Upstream does not read ``ivit.attention``, see ``ivit_dialect.irdl``."""


@pytest.fixture(scope="module")
def parse() -> Callable[[str], Any]:
    """Upstream's parser, with the dialect loaded."""
    ir: Any = import_module("torch_mlir.ir")
    upstream: Any = import_module("torch_mlir.dialects.irdl")
    context = ir.Context()

    def parse(source: str) -> Any:
        with context:
            return ir.Module.parse(source)

    upstream.load_dialects(parse(text()))
    return parse


def generic(source: str, pipeline: str) -> str:
    """``source`` after ``pipeline``, in the form that ``ivit_dialect.irdl`` asks for."""
    ctx = StoreContext(store=weights())
    module = parse_module(source, "test.mlir", ctx)
    if pipeline:
        PassPipeline.parse_spec(get_passes(), pipeline).apply(ctx, module)
    stream = StringIO()
    Printer(stream, print_generic_format=True, print_properties_as_attributes=True).print_op(module)
    return stream.getvalue()


def test_every_op_is_exported() -> None:
    exported = {f"ivit.{op.sym_name.data}" for op in export().walk() if isinstance(op, irdl.OperationOp)}
    assert exported == {op.name for op in Ivit.operations}


MODULES = {"exact": EXACT, "shifts": SHIFTS, "per_head": PER_HEAD, "probabilities": PROBABILITIES}


@pytest.mark.parametrize("pipeline", FORMS, ids=["unfused", "decomposed", "fused"])
@pytest.mark.parametrize("source", MODULES.values(), ids=MODULES)
def test_upstream_reads_and_prints_the_ops(parse: Callable[[str], Any], source: str, pipeline: str) -> None:
    module = parse(generic(source, pipeline))
    assert module.operation.verify()
    assert str(parse(str(module))) == str(module)


@pytest.mark.parametrize(
    ("valid", "invalid", "message"),
    [
        ("shift = 40", "shft = 40", '"shift" is expected but not provided'),
        ("kind =", "sort =", '"kind" is expected but not provided'),
        ('"ivit.layernorm"', '"ivit.layer_norm"', "unregistered"),
    ],
)
def test_upstream_checks_the_ops(parse: Callable[[str], Any], valid: str, invalid: str, message: str) -> None:
    source = generic(EXACT, "")
    assert valid in source
    with pytest.raises(Exception, match=message):
        parse(source.replace(valid, invalid))
