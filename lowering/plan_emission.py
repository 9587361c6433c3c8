"""Writes the ops of a program whose values have their places."""

from __future__ import annotations

from xdsl.ir import Block, SSAValue

from ivit_dialect.hints import isa
from ivit_dialect.ops.elementwise import ConstantOp
from ivit_dialect.types import tensor_types
from lowering import plan
from lowering.arena import align
from lowering.kernels.base import Packed
from lowering.packing import PACKINGS
from lowering.places import Buffer, Input, Place, Step, buffer_type, refused, seen


class Emitter:
    """Writes the ops of a program: each buffer and weight where it is first used."""

    def __init__(self, block: Block, homes: dict[Buffer, SSAValue], offsets: dict[Buffer, int]) -> None:
        self._block = block
        self._values: dict[tuple[Buffer, int, plan.Buffer], SSAValue] = {}
        self._homes = homes
        self._offsets = offsets
        self._weights: dict[Packed, SSAValue] = {}
        self.weight_bytes = 0

    def place(self, place: Place) -> SSAValue:
        """The value that stands for a place."""
        root, base = place.buffer.root()
        key = (root, base + place.offset, place.kind)
        if key not in self._values:
            self._values[key] = self._make_place(*key)
            self._values[key].name_hint = self._values[key].name_hint or place.buffer.name
        return self._values[key]

    def _make_place(self, root: Buffer, offset: int, kind: plan.Buffer) -> SSAValue:
        home = self._homes.get(root)
        if home is None:
            whole = offset == 0 and plan.byte_size(kind) == root.size
            first = kind if whole else _flat(root, kind)
            home = self._homes[root] = self._add(plan.SliceOp(self._offsets[root], first))
            home.name_hint = root.name
        if home.type == kind and offset == 0:
            return home
        return self._add(plan.ViewOp(home, offset, kind))

    def _add(self, op: plan.SliceOp | plan.ViewOp | plan.WeightOp) -> SSAValue:
        self._block.add_op(op)
        return op.output

    def weight(self, packed: Packed) -> SSAValue:
        """The value that stands for packed constants."""
        if packed not in self._weights:
            types = tensor_types(*packed.constants)
            packing = PACKINGS[packed.packing]
            shape = packing.shape([t.get_shape() for t in types], packed.parameters)
            kind = buffer_type(shape, packing.element or types[0].element_type)
            keys = [_key(value) for value in packed.constants]
            op = plan.WeightOp(keys, packed.packing, packed.parameters, self.weight_bytes, kind)
            self.weight_bytes += align(plan.byte_size(kind), plan.ALIGNMENT)
            self._weights[packed] = self._add(op)
            self._weights[packed].name_hint = keys[0].replace(".", "_")
        return self._weights[packed]

    def step(self, step: Step) -> None:
        """One launch with the places and weights that it needs."""
        ins = [self._input(operand, shape) for operand, shape in step.inputs]
        outs = [self.place(output) for output in step.outputs]
        launch = step.launch
        op = plan.LaunchOp(launch.kernel, ins, outs, launch.config, launch.scalars)
        op.location = step.location
        self._block.add_op(op)

    def _input(self, operand: Input, shape: tuple[int, ...] | None) -> SSAValue:
        if isinstance(operand, Place):
            return self.place(operand if shape is None else seen(operand, shape))
        value = self.weight(operand)
        if shape is None:
            return value
        kind = value.type
        assert isa(kind, plan.Buffer)
        view = self._add(plan.ViewOp(value, 0, buffer_type(shape, kind.element_type)))
        view.name_hint = value.name_hint
        return view


def _flat(root: Buffer, kind: plan.Buffer) -> plan.Buffer:
    return buffer_type([root.size // plan.element_bytes(kind)], kind.element_type)


def _key(value: SSAValue) -> str:
    if not isinstance(value.owner, ConstantOp):
        raise refused(value, "must be a constant: a kernel packs it")
    return value.owner.key.data
