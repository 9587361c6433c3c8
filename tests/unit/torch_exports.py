"""torch-mlir's text of a model, in each form that a user may export, and the passes run on it."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch_models import plain
from xdsl.dialects.builtin import ModuleOp

from ivit_dialect.load import module_text, parse_module
from ivit_dialect.store import StoreContext
from ivit_dialect.torch.interpreter import run
from ivit_dialect.torch.literals import literal_value
from ivit_dialect.torch.ops_constant import ValueTensorLiteralOp
from passes.importers.export import HIGH_LEVEL_OPS
from passes.importers.extras import require

Form: TypeAlias = Literal["high-level", "decomposed"]
FORMS: tuple[Form, ...] = ("high-level", "decomposed")


def export(model: nn.Module, shape: tuple[int, int, int], form: Form, dynamic: bool = False) -> str:
    """The text that torch-mlir gives for images of ``shape`` (C, H, W), weights inside."""
    options: dict[str, Any] = {}
    if form == "high-level":
        options = {"decomposition_table": {}, "backend_legal_ops": list(HIGH_LEVEL_OPS)}
    if dynamic:
        options["dynamic_shapes"] = ({0: torch.export.Dim("n", min=1, max=4096)},)
    example = torch.zeros(2 if dynamic else 1, *shape)
    module = require("torch_mlir.fx").export_and_import(model.eval(), example, output_type="torch", **options)
    return str(module)


def in_both_forms(model: nn.Module, shape: tuple[int, int, int], dynamic: bool = False) -> dict[Form, str]:
    return {form: export(model, shape, form, dynamic) for form in FORMS}


@cache
def plain_text(name: str, form: Form, dynamic: bool = False) -> str:
    """``export`` of a model of ``torch_models``."""
    model = plain(name)
    return export(model, (3, model.image_size, model.image_size), form, dynamic)


def parse(text: str) -> tuple[ModuleOp, StoreContext]:
    ctx = StoreContext()
    return parse_module(text, "model.mlir", ctx), ctx


def images(count: int, shape: tuple[int, int, int]) -> NDArray[np.float32]:
    return np.random.default_rng(1).standard_normal((count, *shape)).astype(np.float32)


def outputs(module: ModuleOp, ctx: StoreContext, x: NDArray[np.float32]) -> NDArray[Any]:
    """The float interpreter's result."""
    return run(module, ctx.store, x)[0]


def spelling(module: ModuleOp) -> str:
    """``module`` as text without the names of values and weights."""
    text = re.sub(r"dense_resource<[^>]*>", "dense_resource<>", module_text(module))
    text = text.replace(" attributes {torch.assume_strict_symbolic_shapes}", "")
    return re.sub(r"%[\w.$-]+", "%", text)


def literals(module: ModuleOp, ctx: StoreContext) -> list[NDArray[Any]]:
    """All tensor literals, in order."""
    return [literal_value(op, ctx.store) for op in module.walk() if isinstance(op, ValueTensorLiteralOp)]


def op_names(module: ModuleOp) -> set[str]:
    """The torch ops that compute something."""
    return {op.name.removeprefix("torch.aten.") for op in module.walk() if op.name.startswith("torch.aten.")}
