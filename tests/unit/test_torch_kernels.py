"""Every aten op of the mirror computes what torch computes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch_cases import CASES, SCALARS, UNSPECIFIED
from xdsl.dialects.builtin import Float16Type, IntegerType, ModuleOp, Signedness, f32, f64, i1
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue

from ivit_dialect.store import WeightStore
from ivit_dialect.torch import Torch
from ivit_dialect.torch.interpreter import run
from ivit_dialect.torch.kernels import KERNELS
from ivit_dialect.torch.ops_constant import (
    ConstantBoolOp,
    ConstantDeviceOp,
    ConstantFloatOp,
    ConstantIntOp,
    ConstantNoneOp,
    ConstantStrOp,
    ValueTensorLiteralOp,
)
from ivit_dialect.torch.ops_scalar import PrimListConstructOp
from ivit_dialect.torch.types import (
    BoolType,
    FloatType,
    IntType,
    ListType,
    NoneType,
    OptionalType,
    ValueTensorType,
)

OPS = {
    op.name.removeprefix("torch.aten."): op for op in Torch.operations if op.name.startswith("torch.aten.")
}
CODES = {torch.float16: 5, torch.float32: 6, torch.float64: 7, torch.int64: 4, torch.bool: 11}
ELEMENTS: dict[torch.dtype, Attribute] = {
    torch.float16: Float16Type(),
    torch.float32: f32,
    torch.float64: f64,
    torch.int64: IntegerType(64, Signedness.SIGNED),
    torch.bool: i1,
}


def _type_of(value: Any) -> Attribute:
    if isinstance(value, torch.Tensor):
        return ValueTensorType(value.shape, ELEMENTS[value.dtype])
    if isinstance(value, list):
        elements = cast(list[Any], value)
        return ListType(ValueTensorType(None, None) if isinstance(elements[0], torch.Tensor) else IntType())
    kinds = {bool: BoolType(), int: IntType(), float: FloatType(), type(None): NoneType()}
    return kinds[type(value)]


class _Builder:
    """One op as a function: tensors are its arguments, everything else constants in it."""

    def __init__(self) -> None:
        self.block = Block()
        self.inputs: list[np.ndarray[Any, Any]] = []

    def value(self, value: Any) -> SSAValue:
        if isinstance(value, torch.Tensor):
            self.inputs.append(value.numpy())
            return self.block.insert_arg(_type_of(value), len(self.block.args))
        if isinstance(value, list):
            elements = [self.value(element) for element in cast(list[Any], value)]
            return self._add(PrimListConstructOp(elements, self._list_type(elements)))
        return self._add(self._constant(value))

    @staticmethod
    def _list_type(elements: Sequence[SSAValue]) -> ListType:
        kinds = {type(element.type) for element in elements}
        if ValueTensorType not in kinds:
            return ListType(IntType())
        tensor = ValueTensorType(None, None)
        return ListType(OptionalType(tensor) if NoneType in kinds else tensor)

    @staticmethod
    def _constant(value: Any) -> Operation:
        if isinstance(value, torch.dtype):
            return ConstantIntOp(CODES[value])
        if isinstance(value, torch.device):
            return ConstantDeviceOp(str(value))
        if value is None:
            return ConstantNoneOp()
        makers: dict[type, Callable[[Any], Operation]] = {
            bool: ConstantBoolOp,
            int: ConstantIntOp,
            float: ConstantFloatOp,
            str: ConstantStrOp,
        }
        return makers[type(value)](value)

    def _add(self, op: Operation) -> SSAValue:
        self.block.add_op(op)
        return op.results[0]

    def run(self, op: type[Operation], arguments: list[Any], expected: tuple[Any, ...]) -> tuple[Any, ...]:
        operands = [self.value(argument) for argument in arguments]
        made = op.create(operands=operands, result_types=[_type_of(result) for result in expected])
        self.block.add_ops([made, ReturnOp(*made.results)])
        types = ([arg.type for arg in self.block.args], list(made.result_types))
        module = ModuleOp([FuncOp("main", types, Region(self.block))])
        module.verify()
        return run(module, WeightStore(), *self.inputs)


def _torch_results(name: str, arguments: list[Any]) -> tuple[Any, ...]:
    base, _, overload = name.replace("_hacked_twin", "").partition(".")
    aten: Any = torch.ops.aten
    function = getattr(getattr(aten, base), overload or "default")
    schema = function._schema.arguments
    positional = [a for a, s in zip(arguments, schema, strict=True) if not s.kwarg_only]
    keyword = {s.name: a for a, s in zip(arguments, schema, strict=True) if s.kwarg_only}
    result = function(*positional, **keyword)
    return cast(tuple[Any, ...], result) if isinstance(result, tuple) else (result,)


def _assert_same(actual: Any, expected: Any) -> None:
    if isinstance(expected, list):
        for part, wanted in zip(actual, cast(list[Any], expected), strict=True):
            _assert_same(part, wanted)
        return
    wanted = expected.numpy()
    assert actual.dtype == wanted.dtype
    assert actual.shape == wanted.shape
    if wanted.dtype.kind == "f":
        tolerance = {2: 1e-3, 4: 2e-6, 8: 1e-14}[wanted.dtype.itemsize]
        np.testing.assert_allclose(actual, wanted, rtol=tolerance, atol=tolerance)
    else:
        np.testing.assert_array_equal(actual, wanted)


@pytest.mark.parametrize(("name", "case"), [(n, i) for n, cases in CASES.items() for i in range(len(cases))])
def test_kernel_computes_what_torch_computes(name: str, case: int) -> None:
    arguments = CASES[name][case]
    expected = _torch_results(name, arguments)
    actual = _Builder().run(OPS[name], arguments, expected)
    for result, wanted in zip(actual, expected, strict=True):
        _assert_same(result, wanted)


@pytest.mark.parametrize(
    ("name", "case"), [(n, i) for n, cases in SCALARS.items() for i in range(len(cases))]
)
def test_scalar_kernel(name: str, case: int) -> None:
    arguments, expected = SCALARS[name][case]
    (actual,) = _Builder().run(OPS[name], arguments, (expected,))
    assert actual == expected
    assert type(actual) is type(expected)


def test_every_aten_op_is_compared_with_torch() -> None:
    assert OPS.keys() == CASES.keys() | SCALARS.keys() | UNSPECIFIED


def test_every_op_has_a_kernel() -> None:
    assert set(Torch.operations) - KERNELS.keys() == {ValueTensorLiteralOp}


def test_empty_has_the_size_and_type_of_its_ir() -> None:
    like = torch.empty(2, 3, dtype=torch.float64)
    (made,) = _Builder().run(OPS["empty_like"], [like, None, None, None, None, None], (like,))
    assert (made.shape, made.dtype) == ((2, 3), np.float64)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("dropout", [torch.ones(2), 0.5, True], "model.eval()"),
        ("gelu", [torch.ones(2), "sine"], "'sine'"),
        ("pad", [torch.ones(2), [1, 1], "reflect", None], "'reflect'"),
        ("linear", [torch.ones(2), torch.ones(3, 3), None], "torch.aten.linear"),
        ("unbind.int", [torch.ones(2), 3], "torch.aten.unbind.int"),
        ("split_with_sizes", [torch.ones(4), [1, 2], 0], "do not add up"),
        (
            "convolution",
            [torch.ones(1, 1, 2, 2), torch.ones(1, 1, 3, 3), None, [1, 1], [0, 0], [1, 1], False, [], 1],
            "does not fit",
        ),
        (
            "convolution",
            [torch.ones(1, 1, 4, 4), torch.ones(1, 1, 3, 3), None, [1, 1], [0, 0], [1, 1], True, [], 1],
            "transposed",
        ),
        (
            "scaled_dot_product_attention",
            [*[torch.ones(1, 2, 3)] * 3, None, 0.1, False, None, False],
            "model.eval()",
        ),
    ],
)
def test_what_cannot_be_computed_is_refused(name: str, arguments: list[Any], message: str) -> None:
    result = (
        [torch.ones(1)]
        if OPS[name].name in ("torch.aten.unbind.int", "torch.aten.split_with_sizes")
        else torch.ones(1)
    )
    with pytest.raises(ValueError, match=r"^[^\n]*$") as caught:
        _Builder().run(OPS[name], arguments, (result,))
    assert message in str(caught.value)
