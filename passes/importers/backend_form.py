"""torch-mlir's own passes, run so that what they complain about is an error with the model's line.

torch-mlir's driver prints diagnostics to the process's stderr and leaves a dump in the folder for temporary
files; this does neither.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ivit_dialect.torch import Torch
from passes.importers.extras import require
from passes.importers.refused import operations, refusal

# What torch_mlir.fx runs for output_type="torch".
PIPELINE = (
    "builtin.module(func.func(torch-match-quantized-custom-ops),"
    "torchdynamo-export-to-torch-backend-pipeline{{backend-legal-ops={legal} extra-library=}})"
)
_OP_NAME = re.compile(r'name = "(torch\.[\w.]+)"')
_FILE_AND_LINE = re.compile(r'"([^"]+)":(\d+)')
_MIRROR = frozenset(op.name for op in Torch.operations)


def to_backend_form(module: Any, legal_ops: Sequence[str], model: str) -> None:
    """Bring torch-mlir's raw ``module`` to its backend form in place, leaving ``legal_ops`` whole.

    ValueError, one line with ``model``, the op and the line of Python that it comes from, where an op has no
    integer form, or torch-mlir or the mirror of its dialect does not support it.
    """
    for op in operations(module.operation):
        why = refusal(op)
        if why is not None:
            raise ValueError(f"{model}: {op.name}{_place(str(op.location))}{why}")
    complaints = _run(module, PIPELINE.format(legal=",".join(legal_ops)))
    if complaints:
        location, message = complaints[0]
        name = _OP_NAME.search(message)
        if name is not None:
            raise ValueError(_unsupported(model, name[1], location))
        raise ValueError(f"torch-mlir cannot import {model}{_place(location)}: {message}")
    for op in operations(module.operation):
        if op.name.startswith("torch.") and op.name not in _MIRROR:
            raise ValueError(_unsupported(model, op.name, str(op.location)))


def _run(module: Any, pipeline: str) -> list[tuple[str, str]]:
    """Location and first line of each error; empty where all went well."""
    ir, pass_manager = require("torch_mlir.ir"), require("torch_mlir.passmanager")
    complaints: list[tuple[str, str]] = []

    def note(diagnostic: Any) -> bool:
        if diagnostic.severity == ir.DiagnosticSeverity.ERROR:
            complaints.append((str(diagnostic.location), diagnostic.message.partition("\n")[0]))
        return True

    with module.context as context:
        handler = context.attach_diagnostic_handler(note)
        # errors go to the handler even where the pass that made them does not fail
        context.emit_error_diagnostics = True
        try:
            pass_manager.PassManager.parse(pipeline).run(module.operation)
        except ir.MLIRError as error:
            return complaints or [("", " ".join(str(error).split()))]
        finally:
            handler.detach()
    return []


def _unsupported(model: str, name: str, location: str) -> str:
    return f"{model}: {name}{_place(location)} is not supported: replace the operation in the model"


def _place(location: str) -> str:
    """The innermost line of Python that is not PyTorch's own."""
    places = _FILE_AND_LINE.findall(location)
    home = Path(str(require("torch").__file__)).parent
    others = [place for place in places if not Path(place[0]).is_relative_to(home)]
    return " at {}:{}".format(*(others or places)[0]) if places else ""
