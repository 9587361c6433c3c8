"""Writes GPU kernels: thread and block numbers, memory spaces, barriers, shuffles and intrinsics.

How a kernel is written
-----------------------
A kernel is a ``CudaFamily`` in a file of ``lowering/cuda/kernels/``, listed in ``kernels/registry.py``::

    def plan_scale(op: ScaleOp, target: CudaTarget) -> Launch | None:
        ...                                     # as on the CPU; None: leave the op to the SPMD form

    def build_scale(b: CudaBuilder) -> Geometry:
        x, y = b.inputs[0], b.outputs[0]        # DeviceOperand: not a memref yet
        rows, channels = x.shape
        image = b.block_id("y")
        source, target = b.of_image(x, image), b.of_image(y, image)   # memref<rows x channels x i8, 1>
        row = b.block_id("x")
        with b.loop(b.thread_id(), channels, BLOCK) as column: ...
        return Geometry(BLOCK, (Extent(rows), b.images_extent(), ONE))

    SCALE = CudaFamily("cuda_scale", build_scale, Signature(...), {ScaleOp: plan_scale})

- A kernel runs on all images of a call. ``b.of_image(operand, image)`` is one image's memref.
  ``b.of_all_images(operand)`` is ``memref<?x channels>``, the rows of all images one after the other; it
  exists where ``operand.contiguous``, so that a GEMM has ``images * rows`` rows and no image at all (grid
  ``Extent(rows, tile, batched=True)``). Weights are the same for every image.
- ``build`` returns the ``Geometry`` of the launch: threads of a block, and the grid as ``Extent``.
- ``b.shared(...)`` is static shared memory (memory space 3); ``b.dynamic_shared()`` is what the launch asks
  for in ``Geometry.shared_bytes``. ``b.barrier()`` orders it. ``b.alloca`` is a thread's local memory:
  registers where every index is constant.
- ``b.pointer(memref, *indices)`` is an address for ``b.intrinsic``; ``b.call`` is an intrinsic without a
  result, ``b.fields`` one that returns a struct. Each must be listed in ``lowering/cuda/capabilities.py``.
- ``operand.alignment`` divides the address of each image; pass ``alignment`` to ``b.load_wide`` and
  ``b.store_wide``, which become one 128-bit access where it is 16.
- What is the same in every launch is ``b.config``, what differs are ``b.scalars`` (i64), as on the CPU.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import gcd, prod
from typing import Any, TypeAlias

from xdsl.dialects import arith, gpu, llvm, memref, vector
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    DenseArrayBase,
    IntAttr,
    IntegerAttr,
    IntegerType,
    MemRefType,
    UnrealizedConversionCastOp,
    VectorType,
    i8,
    i32,
    i64,
)
from xdsl.ir import Attribute, Block, Operation

from ivit_dialect.element_types import held_bits
from ivit_dialect.hints import isa
from lowering.cuda.targets import WARP, CudaTarget
from lowering.kernels.base import KernelSpec, Launch, require_launch, signature_for, signless
from lowering.kernels.build import INDEX, LoopBuilder, Operand, Value, element_type, element_width
from lowering.kernels.signature import (
    Choice,
    Config,
    ConfigValue,
    Signature,
)
from runtime.cuda_program import ONE, Extent

GLOBAL, SHARED = IntegerAttr(1, i64), IntegerAttr(3, i64)
"""Memory spaces; local memory has none."""

BYTES = MemRefType(i8, [DYNAMIC_INDEX], memory_space=GLOBAL)
"""How memory comes to a kernel: bytes from the first one of image 0 on."""

DYNAMIC_SHARED = "dynamic_shared"
"""The symbol of the shared memory whose size the launch says."""

SHARED_ALIGNMENT = 128
ALL_LANES = -1


@dataclass(frozen=True)
class Facts:
    """What is known of where an operand lies, for all launches that share a kernel.

    ``alignment`` divides the address of every image's part; ``contiguous`` says that one image's part follows
    the other's at once; ``shared_by_images`` that all images have the same (weights).
    """

    alignment: int
    contiguous: bool
    shared_by_images: bool = False


@dataclass(frozen=True)
class DeviceOperand:
    """A memref argument before an image is chosen: ``base`` is bytes, ``stride`` an index in bytes."""

    base: Value
    stride: Value
    kind: MemRefType[IntegerType]
    facts: Facts

    @property
    def shape(self) -> tuple[int, ...]:
        """The extents of one image's part."""
        return self.kind.get_shape()

    @property
    def element(self) -> IntegerType:
        """The element type with its own width and sign."""
        return self.kind.element_type

    @property
    def width(self) -> int:
        """Bits that hold an element in memory."""
        return held_bits(self.kind.element_type)

    @property
    def alignment(self) -> int:
        """Divides the address of each image's part."""
        return self.facts.alignment

    @property
    def contiguous(self) -> bool:
        """Whether the parts of all images make one array."""
        return self.facts.contiguous

    @property
    def row_alignment(self) -> int:
        """Divides the address of each row (of the last dimension) of each image."""
        return gcd(self.alignment, self.shape[-1] * self.width // 8)


@dataclass(frozen=True)
class Geometry:
    """How a kernel is launched: threads of a block, blocks of the grid, bytes of dynamic shared memory."""

    block: int
    grid: tuple[Extent, Extent, Extent] = (ONE, ONE, ONE)
    shared_bytes: int = 0


class CudaBuilder(LoopBuilder):
    """A loop builder inside a kernel; arguments as ``argument_types`` lists them."""

    def __init__(self, spec: KernelSpec, facts: Sequence[Facts], target: CudaTarget, entry: Block) -> None:
        super().__init__(entry)
        self.body = entry
        self.spec = spec
        self.target = target
        self.config: dict[str, ConfigValue] = dict(spec.config)
        count = len(spec.memrefs)
        bases, strides = entry.args[: 2 * count : 2], entry.args[1 : 2 * count : 2]
        operands = tuple(
            DeviceOperand(base, stride, _integers(kind), known)
            for base, stride, kind, known in zip(bases, strides, spec.memrefs, facts, strict=True)
        )
        self.inputs, self.outputs = operands[: spec.inputs], operands[spec.inputs :]
        self.scalars: dict[str, Value] = dict(zip(spec.scalars, entry.args[2 * count : -1], strict=True))
        self.images: Value = entry.args[-1]

    def flag(self, name: str) -> bool:
        """Whether the config has ``name`` with a value other than 0."""
        return bool(self.config.get(name, 0))

    # Where this thread is

    def _position(self, op: type[Any], axis: str) -> Value:
        return self.insert(op(gpu.DimensionAttr(gpu.DimensionEnum(axis)))).result

    def thread_id(self, axis: str = "x") -> Value:
        """The thread's number in its block, an index."""
        return self._position(gpu.ThreadIdOp, axis)

    def block_id(self, axis: str = "x") -> Value:
        """The block's number in the grid, an index."""
        return self._position(gpu.BlockIdOp, axis)

    def block_dim(self, axis: str = "x") -> Value:
        """Threads of a block, an index."""
        return self._position(gpu.BlockDimOp, axis)

    def grid_dim(self, axis: str = "x") -> Value:
        """Blocks of the grid, an index."""
        return self._position(gpu.GridDimOp, axis)

    def lane_and_warp(self, thread: Value) -> tuple[Value, Value]:
        """A thread's number in its warp, and the warp's in the block (blocks are of one dimension)."""
        return self.rem_unsigned(thread, WARP), self.div_unsigned(thread, WARP)

    @staticmethod
    def images_extent() -> Extent:
        """A grid dimension with a block for each image."""
        return Extent(1, 1, batched=True)

    # Memory

    def of_image(self, operand: DeviceOperand, image: Operand = 0) -> Value:
        """The part of one image, a contiguous memref of the operand's shape."""
        return self._seen(operand, self._offset(operand, image), operand.shape)

    def bytes_of_image(self, operand: DeviceOperand, image: Operand = 0) -> Value:
        """The part of one image as ``memref<size x i8>``."""
        size = prod(operand.shape) * operand.width // 8
        return self._seen(operand, self._offset(operand, image), (size,), 8)

    def _offset(self, operand: DeviceOperand, image: Operand) -> Operand:
        return 0 if operand.facts.shared_by_images else self.mul(image, operand.stride)

    def of_all_images(self, operand: DeviceOperand) -> Value:
        """The parts of all images as ``memref<? x channels>``; the operand is contiguous, and no weight."""
        assert operand.contiguous, "images that lie apart are taken one by one"
        return self._seen(operand, 0, (DYNAMIC_INDEX, operand.shape[-1]))

    def _seen(
        self, operand: DeviceOperand, offset: Operand, extents: Sequence[int], width: int | None = None
    ) -> Value:
        kind = MemRefType(IntegerType(width or operand.width), extents, memory_space=GLOBAL)
        sizes = [self.constant(1)] if DYNAMIC_INDEX in extents else []
        view = self.insert(memref.ViewOp(operand.base, self.value(offset), sizes, kind)).result
        return self.insert(memref.AssumeAlignmentOp(view, operand.alignment)).result

    def shared(self, extents: Sequence[int], width: int) -> Value:
        """Static shared memory, 128-byte aligned, one block of it a call; poison until it is written."""
        kind = IntegerType(width)
        op = memref.AllocaOp.get(kind, SHARED_ALIGNMENT, extents, memory_space=SHARED)
        return self.insert(op).memref

    def dynamic_shared(self) -> Value:
        """All dynamic shared memory, ``memref<?xi8, 3>``: ``b.view`` takes parts of it."""
        pointer = llvm.LLVMPointerType(IntAttr(3))
        address = self.insert(llvm.AddressOfOp(DYNAMIC_SHARED, pointer)).result
        return self._cast(address, MemRefType(i8, [DYNAMIC_INDEX], memory_space=SHARED))

    def pointer(self, source: Value, *at: Operand) -> Value:
        """The address of an element, for intrinsics."""
        assert isa(source.type, MemRefType)
        whole = source if not at else self.subview(source, at, [1] * len(at))
        space = source.type.memory_space
        number = IntAttr(space.value.data) if isa(space, IntegerAttr) else IntAttr(0)
        return self._cast(whole, llvm.LLVMPointerType(number) if number.data else llvm.LLVMPointerType())

    def _cast(self, value: Value, kind: Attribute) -> Value:
        op, result = UnrealizedConversionCastOp.cast_one(value, kind)
        self.insert(op)
        return result

    def load_wide(self, source: Value, at: Sequence[Operand], count: int, alignment: int) -> Value:
        """``count`` consecutive elements whose address ``alignment`` divides."""
        op = vector.LoadOp(source, self.indices(at), VectorType(element_type(source), [count]))
        return self._aligned(op, count * element_width(source) // 8, alignment).results[0]

    def store_wide(self, x: Value, target: Value, at: Sequence[Operand], alignment: int) -> None:
        """Write consecutive elements to an address that ``alignment`` divides."""
        assert isa(x.type, VectorType)
        size = prod(x.type.get_shape()) * element_width(x) // 8
        self._aligned(vector.StoreOp(x, target, self.indices(at)), size, alignment)

    def _aligned(self, op: Operation, size: int, alignment: int) -> Operation:
        op.attributes["alignment"] = IntegerAttr(gcd(size, alignment), i64)
        return self.insert(op)

    # Threads together

    def barrier(self) -> None:
        """All threads of the block wait for each other; shared memory written before is seen after."""
        self.insert(gpu.BarrierOp())

    def shuffle_xor(self, x: Value, mask: int) -> Value:
        """The i32 or i64 of the lane whose number differs by ``mask``; all lanes of the warp take part."""
        if element_width(x) == 64:
            low, high = self.truncate(x, 32), self.truncate(self.shr_unsigned(x, 32), 32)
            low, high = (self.zero_extend(self.shuffle_xor(half, mask), 64) for half in (low, high))
            return self.insert(arith.OrIOp(low, self.shl(high, 32))).result
        operands = [self.constant(ALL_LANES, i32), x, self.constant(mask, i32), self.constant(WARP - 1, i32)]
        return self.intrinsic("llvm.nvvm.shfl.sync.bfly.i32", operands, i32)

    def warp_reduce(self, x: Value, combine: Callable[[Value, Value], Value], count: int = WARP) -> Value:
        """``combine`` over groups of ``count`` lanes (a power of two), the result in each of them."""
        mask = count // 2
        while mask:
            x = combine(x, self.shuffle_xor(x, mask))
            mask //= 2
        return x

    # Intrinsics

    def call(self, name: str, arguments: Sequence[Value]) -> None:
        """An LLVM intrinsic that returns nothing."""
        self.insert(llvm.CallIntrinsicOp(name, arguments, []))

    def fields(self, name: str, arguments: Sequence[Value], kinds: Sequence[Attribute]) -> list[Value]:
        """An LLVM intrinsic that returns a struct: its fields."""
        struct = self.intrinsic(name, arguments, llvm.LLVMStructType.from_type_list(list(kinds)))
        return [
            self.insert(llvm.ExtractValueOp(DenseArrayBase.from_list(i64, [i]), struct, kind)).res
            for i, kind in enumerate(kinds)
        ]

    def high_product(self, x: Value, y: Value) -> Value:
        # LLVM sees it in products and shifts only while all of them are in one basic block.
        if isa(x.type, VectorType):
            return super().high_product(x, y)
        return self.intrinsic("llvm.nvvm.mulhi.i", [x, y], i32)

    def dot4(self, x: Value, y: Value, total: Value, signs: str = "s.s") -> Value:
        """``total + sum of four byte products`` of i32 words; ``signs`` of x and y: ``s.s``, ``u.s``, …"""
        return self.intrinsic(f"llvm.nvvm.idp4a.{signs}", [x, y, total], i32)


def _integers(kind: MemRefType) -> MemRefType[IntegerType]:
    assert isa(kind, MemRefType[IntegerType])
    return kind


CudaPlan: TypeAlias = Callable[[Any, CudaTarget], Launch | None]
CudaBuild: TypeAlias = Callable[[CudaBuilder], Geometry]
CudaCheck: TypeAlias = Callable[[KernelSpec, CudaTarget], None]


@dataclass(frozen=True)
class CudaFamily:
    """A kernel written for the GPU, by name; as ``KernelFamily``, but ``build`` says how it is launched.

    A plan returns None for an op (or a target) that it leaves to the SPMD form of the CPU's family.
    """

    name: str
    build: CudaBuild
    signature: Signature | Callable[[Config], Signature]
    plans: Mapping[type[Operation], CudaPlan] = field(default_factory=dict[type[Operation], CudaPlan])
    config: Mapping[str, Choice] = field(default_factory=dict[str, Choice])
    further: CudaCheck | None = None

    def signature_of(self, spec: KernelSpec) -> Signature:
        """What a launch of this config is passed."""
        return signature_for(self.signature, spec)

    def check(self, spec: KernelSpec, target: CudaTarget) -> None:
        """Raise ValueError, which goes on from the kernel's name, unless ``build`` takes such a launch."""
        require_launch(spec, self.signature, self.config)
        if self.further is not None:
            self.further(spec, target)


def argument_types(spec: KernelSpec) -> list[Attribute]:
    """A pointer and a stride for each memref, the scalars, and the number of images."""
    return [*([BYTES, INDEX] * len(spec.memrefs)), *([i64] * len(spec.scalars)), INDEX]


def device_type(kind: MemRefType) -> MemRefType:
    """A memref of the plan as the loops level has it, in global memory."""
    plain = signless(kind)
    return MemRefType(plain.element_type, plain.shape, plain.layout, GLOBAL)
