"""Runs one ivit op through its kernel: planned, built, compiled for a target, called."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, TypeAlias

import numpy as np
from emulated import EMULATED, EmulatedObject
from numpy.typing import NDArray
from xdsl.context import Context
from xdsl.dialects.builtin import DYNAMIC_INDEX, IntegerType, MemRefType, ModuleOp, TensorType
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.utils.hints import isa

from ivit_dialect.element_types import element_format, numpy_dtype
from ivit_dialect.ops.elementwise import ConstantOp
from ivit_dialect.types import tensor_types, ui8
from lowering.compile import lower_to_llvm
from lowering.emit_object import MachineSpec, compile_module
from lowering.kernels.base import KernelSpec, Launch, Packed, Viewed, build_function
from lowering.kernels.registry import families, plans
from lowering.packing import PACKINGS
from lowering.plan import byte_size
from lowering.targets import Target, host_targets, target_by_name
from runtime.jit import LoadedObject

Array: TypeAlias = NDArray[Any]

TARGETS = [target.name for target in host_targets()]
"""What this machine can run, `generic` among them."""

GUARD = 256
"""Bytes after every output that no kernel may touch."""

_WIDTHS: dict[np.dtype[Any], Attribute] = {
    np.dtype(np.int8): IntegerType(8),
    np.dtype(np.uint8): ui8,
    np.dtype(np.int16): IntegerType(16),
    np.dtype(np.int32): IntegerType(32),
    np.dtype(np.int64): IntegerType(64),
}


def element_of(kind: Any) -> Attribute:
    """An element type, or that which a NumPy type holds whole."""
    return kind if isinstance(kind, Attribute) else _WIDTHS[np.dtype(kind)]


def tensor_type(shape: Sequence[int], kind: Any) -> TensorType[Any]:
    """``tensor<shape x kind>``."""
    return TensorType(element_of(kind), list(shape))


def batched(array: Array, kind: Any = None) -> TensorType[Any]:
    """The type of a batch of arrays like this one, of ``kind`` where their values have fewer bits."""
    return tensor_type([DYNAMIC_INDEX, *array.shape], array.dtype if kind is None else kind)


class Operands:
    """The SSA values of an op under test, and the arrays that they stand for."""

    def __init__(self) -> None:
        self.activations: dict[SSAValue, Array] = {}
        self.constants: dict[str, Array] = {}
        self._owners: list[Operation] = []

    def activation(self, array: Array, kind: Any = None) -> SSAValue:
        """A value of one image: ``array``, of ``kind``, has no batch dimension."""
        from xdsl.dialects.test import TestOp

        owner = TestOp(result_types=[batched(array, kind)])
        self._owners.append(owner)
        self.activations[owner.results[0]] = array
        return owner.results[0]

    def constant(self, array: Array, kind: Any = None) -> SSAValue:
        """An ``ivit.constant`` of ``kind``."""
        key = f"constant{len(self.constants)}"
        self.constants[key] = array
        owner = ConstantOp(key, tensor_type(array.shape, array.dtype if kind is None else kind))
        self._owners.append(owner)
        return owner.output


def resolve(operand: SSAValue | Viewed | Packed, operands: Operands) -> tuple[Array, Attribute]:
    """The array that a launch gets for an operand, packed where it is a constant, and its element type."""
    if isinstance(operand, Packed):
        keys: list[str] = []
        for value in operand.constants:
            assert isinstance(value.owner, ConstantOp)
            keys.append(value.owner.key.data)
        packing = PACKINGS[operand.packing]
        packed = packing.pack([operands.constants[key] for key in keys], operand.parameters)
        shapes = [operands.constants[key].shape for key in keys]
        assert packed.shape == packing.shape(shapes, operand.parameters)
        return packed, packing.element or _element(operand.constants[0])
    if isinstance(operand, Viewed):
        return operands.activations[operand.value].reshape(operand.shape), _element(operand.value)
    return operands.activations[operand], _element(operand)


def _element(value: SSAValue) -> Attribute:
    assert isa(value.type, TensorType)
    return value.type.element_type


def launch_of(op: Operation, target: Target) -> Launch:
    """How the compiler would compute ``op``."""
    op.verify_()
    return plans()[type(op)](op, target)


def spec_of(
    launch: Launch, inputs: Sequence[MemRefType[Any]], outputs: Sequence[MemRefType[Any]]
) -> KernelSpec:
    """The kernel that a launch asks for."""
    memrefs = (*inputs, *outputs)
    return KernelSpec(
        launch.kernel,
        memrefs,
        len(inputs),
        tuple(sorted(launch.config.items())),
        tuple(sorted(launch.scalars)),
    )


def loops_module(spec: KernelSpec, target: Target) -> ModuleOp:
    """The kernel at the loops level, visible from outside."""
    family = families()[spec.kernel]
    family.check(spec, target)
    function = build_function(family, spec, target, "kernel")
    function.properties.pop("sym_visibility", None)
    module = ModuleOp([function])
    module.verify()
    return module


@cache
def compiled(spec: KernelSpec, target_name: str) -> bytes:
    """A kernel as object code."""
    target = target_by_name(target_name)
    module = loops_module(spec, target)
    lower_to_llvm(module, Context())
    return compile_module(module, MachineSpec(target.triple, target.cpu, target.features)).object_code


Function: TypeAlias = Callable[[Sequence[NDArray[np.uint8]], Sequence[int]], None]


@cache
def loaded(spec: KernelSpec, target: str) -> Function:
    """A kernel on this machine: a function of memories and numbers."""
    code = LoadedObject(compiled(spec, target), ["kernel"])

    def function(memories: Sequence[NDArray[np.uint8]], numbers: Sequence[int]) -> None:
        arguments = [ctypes.c_void_p(memory.ctypes.data) for memory in memories]
        native = ctypes.CFUNCTYPE(None)(code.address("kernel"))
        native(*arguments, *map(ctypes.c_int64, numbers))

    return function


def emulated(spec: KernelSpec, target: str) -> Function:
    """A kernel in an emulator: the same."""
    code = EmulatedObject(compiled(spec, target), target_by_name(target))
    return lambda memories, numbers: code.call("kernel", *memories, *numbers)


def _aligned(count: int) -> NDArray[np.uint8]:
    buffer = np.zeros(count + 64, np.uint8)
    start = -buffer.ctypes.data % 64
    return buffer[start : start + count]


def _placed(array: Array) -> NDArray[np.uint8]:
    memory = _aligned(array.nbytes)
    memory[:] = np.frombuffer(np.ascontiguousarray(array).tobytes(), np.uint8)
    return memory


def call(
    spec: KernelSpec, target: str, inputs: Sequence[Array], scalars: Mapping[str, int], threads: int
) -> list[NDArray[np.uint8]]:
    """Run every thread's share, one after the other; the outputs' bytes. Guards must be intact.

    Where this machine cannot run ``target``, an emulator does.
    """
    memories = [_placed(array) for array in inputs]
    outputs = [byte_size(kind) for kind in spec.memrefs[spec.inputs :]]
    guarded = [_aligned(count + GUARD) for count in outputs]
    for memory in guarded:
        memory[:] = 0xA5
    elsewhere = target in EMULATED and target not in TARGETS
    function = (emulated if elsewhere else loaded)(spec, target)
    numbers = [scalars[name] for name in spec.scalars]
    for thread in range(threads):
        function([*memories, *guarded], [*numbers, thread, threads])
    for memory, count in zip(guarded, outputs, strict=True):
        assert (memory[count:] == 0xA5).all(), "the kernel wrote past its output"
    return [memory[:count] for memory, count in zip(guarded, outputs, strict=True)]


def run_op(op: Operation, operands: Operands, target: str, threads: int = 1) -> list[Array]:
    """The results of ``op`` on one image, by its kernel on ``target``, the work split over ``threads``."""
    launch = launch_of(op, target_by_name(target))
    inputs, elements = zip(*(resolve(operand, operands) for operand in launch.inputs), strict=True)
    results = [
        (result_type.get_shape()[1:], result_type.element_type) for result_type in tensor_types(*op.results)
    ]
    outputs = [MemRefType(element, launch.output_shape or shape) for shape, element in results]
    spec = spec_of(launch, [MemRefType(e, x.shape) for x, e in zip(inputs, elements, strict=True)], outputs)
    raw = call(spec, target, inputs, launch.scalars, threads)
    return [
        np.frombuffer(bytes(memory), numpy_dtype(element)).reshape(shape)
        for memory, (shape, element) in zip(raw, results, strict=True)
    ]


def integers(rng: np.random.Generator, shape: Sequence[int], dtype: Any, *, spread: bool = True) -> Array:
    """Random integers over the whole range of ``dtype`` (or of an element type), extremes and small ones too.

    ``spread`` mixes magnitudes: each value keeps a random number of its bits.
    """
    kind = element_format(element_of(dtype))
    values = rng.integers(kind.low, kind.high, shape, np.int64, endpoint=True).astype(kind.dtype)
    if spread:
        values = np.right_shift(values, rng.integers(0, kind.high.bit_length(), shape).astype(kind.dtype))
    extremes = np.array([kind.low, kind.high, 0, 1, -1 if kind.low else 2], kind.dtype)
    where = rng.random(shape) < 0.2
    return np.where(where, rng.choice(extremes, shape), values).astype(kind.dtype)


def check(op: Operation, operands: Operands, target: str, threads: int, *expected: Array) -> None:
    """The kernel's results equal ``expected``, bit for bit."""
    for got, want in zip(run_op(op, operands, target, threads), expected, strict=True):
        assert got.dtype == want.dtype
        assert got.shape == want.shape
        differs = np.argwhere(got != want)
        assert not len(differs), f"{len(differs)} differ, the first at {differs[0]}"
