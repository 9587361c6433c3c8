"""torch.export and torch-mlir: a module becomes text in the high-level torch form, and arrays by name."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.export import ExportedProgram

from passes.importers.backend_form import to_backend_form
from passes.importers.extras import require
from passes.importers.fold_torch import fold_constants
from passes.importers.quiet import quiet
from passes.importers.reason import reason
from passes.importers.source import Source

# What torch-mlir is to leave whole; everything else takes its default form.
HIGH_LEVEL_OPS = (
    "aten.layer_norm",
    "aten.softmax.int",
    "aten.gelu",
    "aten.linear",
    "aten.matmul",
    "aten.scaled_dot_product_attention",
)
ELIDE_ALL_RESOURCES = 0


@dataclass
class TorchText:
    """torch-mlir text whose ``dense_resource`` literals name ``weights`` (arrays as exported)."""

    text: str
    weights: dict[str, NDArray[Any]] = field(default_factory=dict[str, NDArray[Any]])


def export_source(source: Source) -> TorchText:
    """Export ``source`` for batch 1, with its mean and std as module attributes.

    Raises ValueError where the module is not float32, does not return one tensor, or torch cannot export it.
    """
    _check_float32(source.module)
    example = source.example[:1]
    with _evaluating(source.module):
        program, names = _folded_program(source.module, example)
    return _to_text(program, names, source)


def _folded_program(module: nn.Module, example: torch.Tensor) -> tuple[ExportedProgram, dict[str, str]]:
    first = _torch_export(module, example)
    _check_single_output(first, type(module).__name__)
    graph_module, names = fold_constants(first)
    return _torch_export(graph_module, example), names


def _torch_export(module: nn.Module, example: torch.Tensor) -> ExportedProgram:
    try:
        with quiet():
            return torch.export.export(module, (example,), strict=False)
    except Exception as error:  # torch.export raises whatever the model's own code raises
        raise ValueError(
            f"torch.export cannot export {type(module).__name__} for an input of shape "
            f"{list(example.shape)}: {reason(error)}"
        ) from error


def _to_text(program: ExportedProgram, names: dict[str, str], source: Source) -> TorchText:
    fx, ir = require("torch_mlir.fx"), require("torch_mlir.ir")
    keys = _keys(program, names, source.prefix)
    result = TorchText("")
    try:
        module = fx.export_and_import(
            program,
            output_type="raw",
            decomposition_table={},
            # the importer's general path: the other one does not take a parameter inside a list (cat)
            experimental_support_mutation=True,
            hooks=_NamedLiterals.hooks(keys, _arrays(program, keys), result.weights),
        )
    except Exception as error:  # torch-mlir raises its own error types and bare RuntimeErrors
        raise ValueError(
            f"torch-mlir cannot import {type(source.module).__name__}: {reason(error)}"
        ) from error
    to_backend_form(module, HIGH_LEVEL_OPS, type(source.module).__name__)
    with module.context as context:
        context.allow_unregistered_dialects = True
        for name, values in (("ivit.mean", source.mean), ("ivit.std", source.std)):
            if values is not None:
                module.operation.attributes[name] = ir.DenseF64ArrayAttr.get(list(values))
    result.text = module.operation.get_asm(large_resource_limit=ELIDE_ALL_RESOURCES) + "\n"
    return result


def _keys(program: ExportedProgram, names: dict[str, str], prefix: str) -> dict[int, str]:
    """A key for each parameter and buffer, by identity: its own name, as far as MLIR takes it unquoted."""
    keys: dict[int, str] = {}
    for target, tensor in _tensors(program):
        key = re.sub(r"[^A-Za-z0-9_.]", "_", names.get(target, target).removeprefix(prefix))
        key = key if key[:1].isalpha() else f"model.{key}"
        while key in keys.values():
            key += "_"
        keys[id(tensor)] = key
    return keys


def _arrays(program: ExportedProgram, keys: dict[int, str]) -> dict[str, NDArray[Any]]:
    return {
        keys[id(tensor)]: np.ascontiguousarray(tensor.detach().cpu().numpy())
        for _, tensor in _tensors(program)
    }


def _tensors(program: ExportedProgram) -> Iterator[tuple[str, torch.Tensor]]:
    for name, value in (*program.state_dict.items(), *program.constants.items()):
        if isinstance(value, torch.Tensor):
            yield name, value


class _NamedLiterals:
    """torch-mlir's hook that makes literals; kept apart, as its base class exists only with torch-mlir."""

    @staticmethod
    def hooks(keys: dict[int, str], arrays: dict[str, NDArray[Any]], used: dict[str, NDArray[Any]]) -> Any:
        """Hooks that emit each parameter under its own name and note it in ``used``."""
        importer, ir = require("torch_mlir.extras.fx_importer"), require("torch_mlir.ir")
        literals: dict[str, Any] = {}

        class Hooks(importer.FxImporterHooks):
            def resolve_literal(self, gni: Any, literal: Any, info: Any) -> Any:
                # torch-mlir writes one-element tensors as splats, which read better than a key
                if not isinstance(literal, torch.Tensor) or literal.numel() == 1:
                    return None
                key = keys.get(id(literal))
                if key is None:  # a constant that torch-mlir made itself, a bool tensor as bytes for instance
                    key = f"constant.{len(used)}"
                    arrays[key] = _copied(literal)
                if key not in literals:
                    used[key] = arrays[key]
                    literals[key] = ir.DenseResourceElementsAttr.get_from_buffer(
                        arrays[key], key, importer.create_mlir_tensor_type(literal)
                    )
                return ir.Operation.create(
                    "torch.vtensor.literal",
                    results=[gni._cc.tensor_to_vtensor_type(literal)],
                    attributes={"value": literals[key]},
                ).result

        return Hooks()


def _copied(literal: Any) -> NDArray[Any]:
    # element by element: under torch-mlir's fake tensors .numpy() is refused
    return np.array(literal.tolist(), dtype=str(literal.dtype).removeprefix("torch."))


def _check_float32(module: nn.Module) -> None:
    for name, parameter in module.named_parameters():
        if parameter.dtype != torch.float32:
            raise ValueError(
                f"parameter {name} is {str(parameter.dtype).removeprefix('torch.')}: "
                "convert the module with .float() first"
            )


def _check_single_output(program: ExportedProgram, name: str) -> None:
    outputs = program.graph_signature.user_outputs
    if len(outputs) != 1:
        raise ValueError(
            f"{name} returns {len(outputs)} values: wrap it in a module that returns the one tensor wanted"
        )


@contextmanager
def _evaluating(module: nn.Module) -> Generator[None]:
    """``module`` in eval mode, then as it was."""
    training = [child for child in module.modules() if child.training]
    module.eval()
    try:
        yield
    finally:
        for child in training:
            child.training = True
