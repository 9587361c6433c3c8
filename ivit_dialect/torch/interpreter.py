"""Runs torch modules in float with NumPy: the FP32 baseline, and calibration's eyes.

Every tensor has the element type that the IR gives it, so f64 islands run in f64. The batch may be
any size where the IR leaves it open.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.interpreter import (
    Interpreter,
    InterpreterFunctions,
    OpImplResult,
    PythonValues,
    impl,
    register_impls,
)
from xdsl.ir import Attribute, Operation, SSAValue

from ivit_dialect.element_types import numpy_dtype
from ivit_dialect.load import location_text
from ivit_dialect.store import WeightStore
from ivit_dialect.torch.entry import main_function
from ivit_dialect.torch.kernels import KERNELS
from ivit_dialect.torch.kernels.table import Kernel
from ivit_dialect.torch.literals import literal_value
from ivit_dialect.torch.ops_constant import ValueTensorLiteralOp
from ivit_dialect.torch.types import ValueTensorType

Observer: TypeAlias = Callable[[Operation, tuple[Any, ...]], None]
"""Called after each op with its results: arrays, numbers, strings, None and lists of them."""


@register_impls
class TorchFunctions(InterpreterFunctions):
    """The torch mirror for xDSL's interpreter; ``store`` holds the literals."""

    def __init__(self, store: WeightStore) -> None:
        self.store = store

    @impl(ValueTensorLiteralOp)
    def literal(self, interpreter: Interpreter, op: ValueTensorLiteralOp, args: PythonValues) -> PythonValues:
        return (literal_value(op, self.store),)

    @classmethod
    def _impls(cls) -> Iterable[tuple[type[Operation], Any]]:
        yield from super()._impls()
        for op, kernel in KERNELS.items():
            yield op, _implementation(kernel)


def _implementation(kernel: Kernel) -> Callable[..., OpImplResult]:
    def run_kernel(
        functions: TorchFunctions, interpreter: Interpreter, op: Operation, args: PythonValues
    ) -> OpImplResult:
        value = kernel(op, *args)
        values = cast(tuple[Any, ...], value) if isinstance(value, tuple) else (value,)
        pairs = zip(values, op.results, strict=True)
        return OpImplResult(tuple(_typed(part, result.type) for part, result in pairs), None)

    return run_kernel


def _typed(value: Any, result: Attribute) -> Any:
    """A tensor in its element type; ValueError unless its sizes are those of its type."""
    if not isinstance(result, ValueTensorType):
        return value
    array = np.asanyarray(value, dtype=numpy_dtype(result.dtype))
    if not _fits(array.shape, result):
        raise ValueError(f"computed sizes {list(array.shape)} where the type says {result}")
    return array


def _fits(shape: tuple[int, ...], tensor: ValueTensorType) -> bool:
    sizes = tensor.sizes
    return sizes is None or (
        len(sizes) == len(shape)
        and all(want in (None, have) for want, have in zip(sizes, shape, strict=True))
    )


def run(
    module: ModuleOp,
    store: WeightStore,
    *inputs: NDArray[Any],
    observe: Observer | None = None,
) -> tuple[NDArray[Any], ...]:
    """The results of a torch ``module``, of its ``main_function``, on ``inputs``, in float.

    Inputs are converted to the element types of the arguments. A value is freed after its last use.
    Raises ValueError (one line with the op's location) where sizes do not fit or an op has no kernel.
    """
    func = main_function(module)
    environment: dict[SSAValue, Any] = dict(zip(func.args, _arguments(func, inputs), strict=True))
    interpreter = Interpreter(module)
    interpreter.register_implementations(TorchFunctions(store))
    uses = Counter(operand for op in func.body.block.ops for operand in op.operands)
    for op in func.body.block.ops:
        args = tuple(environment[operand] for operand in op.operands)
        if isinstance(op, ReturnOp):
            return args
        results = _run_op(interpreter, op, args)
        environment.update(zip(op.results, results, strict=True))
        if observe is not None:
            observe(op, results)
        uses.subtract(op.operands)
        for value in (*op.operands, *op.results):
            if uses[value] <= 0:
                environment.pop(value, None)
    raise ValueError(f"@{func.sym_name.data} does not return")


def _run_op(interpreter: Interpreter, op: Operation, args: tuple[Any, ...]) -> tuple[Any, ...]:
    try:
        # a division by zero or an overflow is a value in torch, not an error
        with np.errstate(all="ignore"):
            return interpreter.run_op(op, args)
    except Exception as error:
        raise ValueError(f"{location_text(op)}: {op.name}: {error}") from error


def _arguments(func: FuncOp, inputs: tuple[NDArray[Any], ...]) -> list[NDArray[Any]]:
    if len(inputs) != len(func.args):
        raise ValueError(f"@{func.sym_name.data} takes {len(func.args)} inputs, got {len(inputs)}")
    arrays: list[NDArray[Any]] = []
    for index, (argument, given) in enumerate(zip(func.args, inputs, strict=True)):
        tensor = argument.type
        if not isinstance(tensor, ValueTensorType):
            raise ValueError(f"input {index} of @{func.sym_name.data} must be a tensor, got {tensor}")
        if not _fits(given.shape, tensor):
            raise ValueError(f"input {index} has the sizes {list(given.shape)}, expected {tensor}")
        arrays.append(np.asarray(given, dtype=numpy_dtype(tensor.dtype)))
    return arrays
