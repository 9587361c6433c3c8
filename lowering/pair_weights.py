"""``pair-weights``: which linears of 8-bit weights a target may multiply two products at a time. Bit-exact.

Targets whose fastest instruction adds two products in 16 bits (``narrow_dot``) may use it where no pair of
weights saturates, once further steps take what some pairs have in excess (``lowering/pairs``). Where the
layer before may give its channels in any order (a linear, or the values of an attention within each head),
they are put in one that needs few such steps. What is proven stands on the linear, as its attribute
``ivit.extra_steps``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, i64
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter
from xdsl.utils.exceptions import PassFailedException

from ivit_dialect.element_types import held_bits
from ivit_dialect.ops.attention import AttentionOp
from ivit_dialect.ops.elementwise import ConstantOp
from ivit_dialect.ops.linear import LinearOp
from ivit_dialect.store import WeightStore, emit_remark, store_of
from ivit_dialect.types import IntegerTensor, tensor_types
from lowering.cuda.targets import is_cuda
from lowering.kernels.gemm import EXTRA_STEPS
from lowering.packing import PACKINGS, split_layout
from lowering.pairs.order import pair_order
from lowering.targets import Target, target_by_name
from passes.calibration.parallel import in_parallel
from passes.dead_code import erase_dead_constants

MOST_EXTRA = 0.25
"""Further steps for each step, above which products of one by one are as fast."""

WIDTH = 8
"""Bits of the weights, and of the activations. Fewer need no proof but their type."""


@dataclass(frozen=True)
class _Site:
    """A linear that may read its channels in any order within ``blocks``, and the linear that gives them."""

    consumer: LinearOp
    producer: LinearOp
    blocks: int


@dataclass(frozen=True)
class PairWeightsPass(ModulePass):
    """See the module's docstring; nothing happens for a target that has no such instruction."""

    name = "pair-weights"

    target: str = "host"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if is_cuda(self.target):
            return
        try:
            target = target_by_name(self.target)
        except ValueError as error:
            raise PassFailedException(f"{self.name}: {error}") from error
        if target.narrow_dot is None:
            return
        store = store_of(ctx)
        linears = [linear for linear in op.walk() if isinstance(linear, LinearOp) and _is_wide(linear, store)]
        _order_channels(linears, store, target)
        erase_dead_constants(op)
        kept = _record_steps(linears, store, target)
        emit_remark(ctx, f"{self.name}: {kept} of {len(linears)} linears of {WIDTH}-bit weights by pairs")


def _is_wide(op: LinearOp, store: WeightStore) -> bool:
    """Whether it multiplies 8 bits by 8, its weights at hand: a plan may be made of the IR alone."""
    x, w = tensor_types(op.input, op.weight)
    wide = held_bits(x.element_type) == WIDTH and w.element_type.width.data == WIDTH
    return wide and _is_at_hand(op.weight, store)


def _is_at_hand(value: SSAValue, store: WeightStore) -> bool:
    return isinstance(value.owner, ConstantOp) and value.owner.key.data in store


def _order_channels(linears: Sequence[LinearOp], store: WeightStore, target: Target) -> None:
    """Give the linears that may choose it a better order of channels."""
    sites = [site for linear in linears if (site := _site(linear, store)) is not None]
    lanes = target.lanes(32)

    def order(site: _Site) -> NDArray[np.intp]:
        return pair_order(_array(site.consumer.weight, store), lanes, site.blocks)

    for site, found in zip(sites, in_parallel(order, sites), strict=True):
        _permute(site.consumer, [site.consumer.weight], found, 1, store)
        outputs = [site.producer.weight, site.producer.bias]
        if site.producer.multipliers is not None and _extent(site.producer.multipliers) > 1:
            outputs.append(site.producer.multipliers)
        _permute(site.producer, outputs, found, 0, store)


def _site(consumer: LinearOp, store: WeightStore) -> _Site | None:
    """Where the input's channels come from, if from one layer that may order them and has no other reader."""
    producer, blocks = consumer.input.owner, 1
    if isinstance(producer, AttentionOp) and producer.output.has_one_use():
        producer, blocks = producer.value.owner, producer.heads.value.data
    if not isinstance(producer, LinearOp) or not producer.output.has_one_use():
        return None
    operands = (producer.weight, producer.bias, producer.multipliers)
    at_hand = all(x is None or _is_at_hand(x, store) for x in operands)
    channels = _extent(producer.bias) // blocks
    if producer.residual is not None or not at_hand or channels % 2:
        return None
    return _Site(consumer, producer, blocks)


def _extent(value: SSAValue) -> int:
    return tensor_types(value)[0].get_shape()[0]


def _array(value: SSAValue, store: WeightStore) -> NDArray[np.int8]:
    assert isinstance(value.owner, ConstantOp)
    return store[value.owner.key.data]


def _permute(
    op: LinearOp, constants: Sequence[SSAValue], order: NDArray[np.intp], axis: int, store: WeightStore
) -> None:
    """Have ``op`` read its ``constants`` in another order along ``axis``."""
    for index, operand in enumerate(op.operands):
        if operand not in constants:
            continue
        assert isinstance(operand.owner, ConstantOp)
        key = store.unique_key(f"{operand.owner.key.data}.ordered")
        store[key] = np.take(store[operand.owner.key.data], order, axis)
        ordered = ConstantOp(key, tensor_types(operand)[0])
        ordered.output.name_hint, ordered.location = operand.name_hint, operand.owner.location
        Rewriter.insert_op(ordered, InsertPoint.before(op))
        op.operands[index] = ordered.output


def _record_steps(linears: Sequence[LinearOp], store: WeightStore, target: Target) -> int:
    """Say on each linear that has few of them how many further steps it needs; how many linears these are.

    Linears of one shape have room for as many, so that they share a kernel.
    """
    few: dict[IntegerTensor, list[tuple[LinearOp, int]]] = defaultdict(list)
    counts = in_parallel(lambda linear: count_steps(_array(linear.weight, store), target), linears)
    for linear, (extra, steps) in zip(linears, counts, strict=True):
        linear.attributes.pop(EXTRA_STEPS, None)  # what was proven of other weights
        if extra <= MOST_EXTRA * steps:
            few[tensor_types(linear.weight)[0]].append((linear, extra))
    for found in few.values():
        room = max(extra for _, extra in found)
        for linear, _ in found:
            linear.attributes[EXTRA_STEPS] = IntegerAttr(room, i64)
    return sum(map(len, few.values()))


def count_steps(weights: NDArray[np.int8], target: Target) -> tuple[int, int]:
    """Further steps of one register each, and the steps of all registers."""
    assert target.narrow_dot is not None
    columns, depth = target.tile_columns, target.narrow_dot.depth
    layout = split_layout([weights.shape], (columns, depth, target.lanes(32), 0))
    panels, _ = layout.arranged(PACKINGS["panels"].pack([weights], (columns, depth)))
    further = layout.further(panels)
    return int(further.sum()), further.size
