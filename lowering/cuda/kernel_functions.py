"""The kernels of a program as ``gpu.func``s: built once for all launches that can share one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.dialects import gpu
from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, FunctionType, IntegerAttr, UnitAttr, i64
from xdsl.ir import Attribute, Block, Region

from lowering.cuda.build import CudaBuilder, Facts, Geometry, argument_types
from lowering.cuda.kernels.registry import cuda_families
from lowering.cuda.side_by_side import Together, free_axis, side_by_side, spread
from lowering.cuda.spmd import build_spmd
from lowering.cuda.targets import CudaTarget
from lowering.kernels.base import KernelSpec
from lowering.kernels.registry import families


@dataclass(frozen=True)
class Kernel:
    """A kernel of the module, and how it is launched."""

    symbol: str
    geometry: Geometry


class CudaKernels:
    """The kernels of a module: one for all launches with equal specs and equal facts.

    With ``how`` it is the kernel of several launches side by side.
    """

    def __init__(self, target: CudaTarget) -> None:
        self._target = target
        self._kernels: dict[tuple[KernelSpec, tuple[Facts, ...], Together | None], Kernel | None] = {}
        self.functions: list[gpu.FuncOp] = []

    def kernel(self, spec: KernelSpec, facts: tuple[Facts, ...]) -> Kernel:
        """The kernel for a launch, built when first asked for. ValueError for one that no kernel takes."""
        found = self._find(spec, facts, None)
        assert found is not None
        return found

    def side_by_side(self, spec: KernelSpec, facts: tuple[Facts, ...], how: Together) -> Kernel | None:
        """The kernel for several launches; None for one whose grid has no free axis."""
        return self._find(spec, facts, how)

    def _find(self, spec: KernelSpec, facts: tuple[Facts, ...], how: Together | None) -> Kernel | None:
        key = spec, facts, how
        if key not in self._kernels:
            self._kernels[key] = self._made(spec, facts, how)
        return self._kernels[key]

    def _made(self, spec: KernelSpec, facts: tuple[Facts, ...], how: Together | None) -> Kernel | None:
        entry = Block(arg_types=argument_types(spec))
        builder = CudaBuilder(spec, facts, self._target, entry)
        geometry = self._build(builder)
        builder.insert(gpu.ReturnOp([]))
        if how is not None:
            axis = free_axis(entry, geometry)
            if axis is None:
                return None
            entry, geometry = side_by_side(entry, spec, axis, how), spread(geometry, axis, how)
        symbol = self._fresh(spec, 1 if how is None else how.count)
        attributes = _described(builder, how)
        self.functions.append(_kernel_function(symbol, entry, geometry, attributes))
        return Kernel(symbol, geometry)

    def check(self, spec: KernelSpec) -> None:
        """Raise ValueError, which goes on from the kernel's name, for a launch that no kernel takes."""
        name = spec.kernel
        if name in cuda_families():
            cuda_families()[name].check(spec, self._target)
        elif name in families():
            families()[name].check(spec, self._target.spmd)
        else:
            known = ", ".join(sorted({*families(), *cuda_families()}))
            raise ValueError(f"has no kernel: expected one of {known}")

    def _build(self, builder: CudaBuilder) -> Geometry:
        self.check(builder.spec)
        native = cuda_families().get(builder.spec.kernel)
        family = families()[builder.spec.kernel] if native is None else native
        signature = family.signature_of(builder.spec)
        _name_arguments(builder, (*signature.ins, *signature.outs))
        return build_spmd(families()[family.name], builder) if native is None else native.build(builder)

    def _fresh(self, spec: KernelSpec, count: int) -> str:
        """``kernel_3x16xi8`` after the first output, ``…_by_3`` for three launches; numbered where taken."""
        output = spec.memrefs[spec.inputs]
        stem = "_".join([spec.kernel, "x".join([*map(str, output.get_shape()), str(output.element_type)])])
        stem += f"_by_{count}" if count > 1 else ""
        taken = {kernel.symbol for kernel in self._kernels.values() if kernel is not None}
        number, symbol = 1, stem
        while symbol in taken:
            number += 1
            symbol = f"{stem}_{number}"
        return symbol


def _name_arguments(builder: CudaBuilder, names: Sequence[str]) -> None:
    for operand, name in zip((*builder.inputs, *builder.outputs), names, strict=True):
        operand.base.name_hint, operand.stride.name_hint = name, f"{name}_stride"
    for name, value in builder.scalars.items():
        value.name_hint = name
    builder.images.name_hint = "images"


def _described(builder: CudaBuilder, how: Together | None) -> list[DictionaryAttr]:
    """What LLVM is told of each argument of a pointer and a stride.

    No two memrefs of a launch share bytes that it writes, and what it only reads nobody writes meanwhile.
    """
    described: list[DictionaryAttr] = []
    for number, operand in enumerate((*builder.inputs, *builder.outputs)):
        pointer: dict[str, Attribute] = {
            "llvm.noalias": UnitAttr(),
            "llvm.align": IntegerAttr(operand.alignment, i64),
        }
        if number < len(builder.inputs):
            pointer["llvm.readonly"] = UnitAttr()
        pair = [DictionaryAttr(pointer), DictionaryAttr({})]
        described += pair * (1 if how is None else how.of(number))
    return described


def _kernel_function(
    symbol: str, entry: Block, geometry: Geometry, attributes: Sequence[DictionaryAttr]
) -> gpu.FuncOp:
    types = [argument.type for argument in entry.args]
    function = gpu.FuncOp(
        symbol,
        FunctionType.from_lists(types, []),
        Region(entry),
        kernel=True,
        known_block_size=[geometry.block, 1, 1],
    )
    rest = [DictionaryAttr({})] * (len(types) - len(attributes))
    function.attributes["arg_attrs"] = ArrayAttr([*attributes, *rest])
    return function
