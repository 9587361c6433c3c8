"""What a kernel family is: fused ops in, launches out; launches in, loops out.

A family has two halves. ``plan`` looks at an op and says which kernel computes it, on which operands, how
its constants are packed, what is fixed at compile time (``config``) and what is passed at run time
(``scalars``). ``build`` emits the body for given shapes and config. Numbers that differ from layer to
layer (shifts, multipliers) belong to the scalars, so that all layers of one shape share one function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from xdsl.dialects import func
from xdsl.dialects.builtin import FunctionType, IntegerType, MemRefType, Signedness, i64
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue

from ivit_dialect.element_types import held_bits
from ivit_dialect.hints import isa
from lowering.kernels.build import INDEX, LoopBuilder
from lowering.kernels.signature import (
    Choice,
    Config,
    ConfigValue,
    Shape,
    Signature,
    require_config,
    require_memrefs,
    require_scalars,
)
from lowering.targets import Target


@dataclass(frozen=True)
class Packed:
    """A constant operand of a launch: values of ``ivit.constant``, stored together as ``packing`` lays out.

    Packings are defined in ``lowering/packing.py``; ``plain`` keeps the one array as it is, ``unbatched``
    drops a leading extent of 1.
    """

    constants: tuple[SSAValue, ...]
    packing: str = "plain"
    parameters: tuple[int, ...] = ()


@dataclass(frozen=True)
class Viewed:
    """An activation operand seen with another shape (without batch), of the same number of elements."""

    value: SSAValue
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Launch:
    """How a kernel computes an op: the op's results are the outputs, in order.

    An input is the op's operand (an activation: the batch dimension goes), the same with another shape, or a
    ``Packed`` constant. ``output_shape`` is the shape that a single output is seen with, where it is another.
    """

    kernel: str
    inputs: tuple[SSAValue | Viewed | Packed, ...]
    config: Mapping[str, ConfigValue] = field(default_factory=dict[str, ConfigValue])
    scalars: Mapping[str, int] = field(default_factory=dict[str, int])
    output_shape: tuple[int, ...] | None = None


@dataclass(frozen=True)
class KernelSpec:
    """What makes a kernel distinct: equal specs share one function.

    ``memrefs`` are the types of inputs then outputs, without batch; elements have their own widths and signs.
    ``config`` and ``scalars`` are sorted by name.
    """

    kernel: str
    memrefs: tuple[MemRefType, ...]
    inputs: int
    config: tuple[tuple[str, ConfigValue], ...] = ()
    scalars: tuple[str, ...] = ()

    def shapes(self) -> tuple[list[Shape], list[Shape]]:
        """The extents of each input, and of each output."""
        extents = [kind.get_shape() for kind in self.memrefs]
        return extents[: self.inputs], extents[self.inputs :]


def signless(kind: MemRefType) -> MemRefType:
    """The type at the loops level: memory holds whole bytes, and the ops say what is signed."""
    held = IntegerType(held_bits(kind.element_type))
    return MemRefType(held, kind.shape, kind.layout, kind.memory_space)


def is_unsigned(kind: MemRefType) -> bool:
    """Whether the elements are unsigned (``ui8``, ``ui4``)."""
    element = kind.element_type
    return isa(element, IntegerType) and element.signedness.data is Signedness.UNSIGNED


class KernelBuilder(LoopBuilder):
    """A loop builder with the kernel's arguments at hand.

    ``inputs`` and ``outputs`` are memrefs, ``scalars`` are i64 by name; the kernel does the share of the work
    that belongs to ``thread`` of ``threads``.
    """

    def __init__(self, spec: KernelSpec, target: Target, entry: Block) -> None:
        super().__init__(entry)
        self.spec = spec
        self.target = target
        self.config: dict[str, ConfigValue] = dict(spec.config)
        count = len(spec.memrefs)
        self.inputs: tuple[SSAValue, ...] = tuple(entry.args[: spec.inputs])
        self.outputs: tuple[SSAValue, ...] = tuple(entry.args[spec.inputs : count])
        self.scalars: dict[str, SSAValue] = dict(zip(spec.scalars, entry.args[count:-2], strict=True))
        self.thread, self.threads = entry.args[-2:]

    def my_share(self, total: int) -> tuple[SSAValue, SSAValue]:
        """The part [first, last) of ``total`` pieces of work that is this thread's."""
        return self.share(total, self.thread, self.threads)

    def flag(self, name: str) -> bool:
        """Whether the config has ``name`` with a value other than 0."""
        return bool(self.config.get(name, 0))


PlanFunction: TypeAlias = Callable[[Any, Target], Launch]
BuildFunction: TypeAlias = Callable[[KernelBuilder], None]
SignatureFunction: TypeAlias = Callable[[Config], Signature]
CheckFunction: TypeAlias = Callable[[KernelSpec, Target], None]


def signature_for(signature: Signature | SignatureFunction, spec: KernelSpec) -> Signature:
    """A family's signature for the config of ``spec``."""
    return signature if isinstance(signature, Signature) else signature(dict(spec.config))


def require_launch(
    spec: KernelSpec, signature: Signature | SignatureFunction, config: Mapping[str, Choice]
) -> None:
    """Raise ValueError unless ``spec`` has the config, the scalars and the memrefs that a family says."""
    # A signature may be made from the config, which must be whole by then.
    require_config(dict(spec.config), config)
    signature = signature_for(signature, spec)
    require_scalars(spec.scalars, signature)
    elements = [str(kind.element_type) for kind in spec.memrefs]
    require_memrefs(*spec.shapes(), elements, signature)


@dataclass(frozen=True)
class KernelFamily:
    """A kernel by name.

    ``plans`` maps op classes to functions ``(op, target) -> Launch``, ``build`` emits the body. ``config``
    says what may be fixed, ``signature`` what is passed, which may depend on the config; ``further`` raises
    ValueError for a launch that these admit but ``build`` does not take.
    """

    name: str
    build: BuildFunction
    signature: Signature | SignatureFunction
    plans: Mapping[type[Operation], PlanFunction] = field(default_factory=dict[type[Operation], PlanFunction])
    config: Mapping[str, Choice] = field(default_factory=dict[str, Choice])
    further: CheckFunction | None = None

    def signature_of(self, spec: KernelSpec) -> Signature:
        """What a launch of this config is passed."""
        return signature_for(self.signature, spec)

    def check(self, spec: KernelSpec, target: Target) -> None:
        """Raise ValueError, which goes on from the kernel's name, unless ``build`` takes such a launch."""
        require_launch(spec, self.signature, self.config)
        if self.further is not None:
            self.further(spec, target)


def build_function(family: KernelFamily, spec: KernelSpec, target: Target, symbol: str) -> func.FuncOp:
    """``func.func private @symbol(memrefs, scalars : i64, thread, threads : index)``."""
    types: list[Attribute] = [signless(m) for m in spec.memrefs]
    types += [i64] * len(spec.scalars) + [INDEX, INDEX]
    entry = Block(arg_types=types)
    signature = family.signature_of(spec)
    names = [*signature.ins, *signature.outs, *spec.scalars, "thread", "threads"]
    for argument, name in zip(entry.args, names, strict=True):
        argument.name_hint = name
    builder = KernelBuilder(spec, target, entry)
    family.build(builder)
    builder.insert(func.ReturnOp())
    return func.FuncOp(symbol, FunctionType.from_lists(types, []), Region(entry), visibility="private")
