"""The mirror against the aten schemas and torch-mlir's own bindings."""

from __future__ import annotations

import importlib
from typing import Any

import torch
from xdsl.irdl import IRDLOperation

from ivit_dialect.torch import Torch

OPS = [op for op in Torch.operations if issubclass(op, IRDLOperation)]


def test_classes_are_named_as_in_torch_mlir() -> None:
    bindings = vars(importlib.import_module("torch_mlir.dialects.torch"))
    classes = {
        getattr(value, "OPERATION_NAME", ""): name
        for name, value in bindings.items()
        if not name.endswith("Adaptor")
    }
    assert {op.name: op.__name__ for op in OPS} == {op.name: classes.get(op.name) for op in OPS}


def _signature(op: type[IRDLOperation]) -> tuple[list[str], int]:
    definition = op.get_irdl_definition()
    return [name for name, _ in definition.operands], len(definition.results)


def _schema(name: str) -> tuple[list[str], int]:
    base, _, overload = name.removeprefix("torch.aten.").replace("_hacked_twin", "").partition(".")
    schemas: Any = torch._C._jit_get_schemas_for_operator(f"aten::{base}")  # pyright: ignore[reportPrivateUsage]  # the only place where schemas of scalar ops are
    (schema,) = [schema for schema in schemas if schema.overload_name == overload]
    names = [argument.name.replace("self", "input") for argument in schema.arguments]
    return names, len(schema.returns)


def test_operands_and_results_are_those_of_the_aten_schema() -> None:
    ops = [op for op in OPS if op.name.startswith("torch.aten.") and "__getitem__" not in op.name]
    assert {op.name: _signature(op) for op in ops} == {op.name: _schema(op.name) for op in ops}
