"""``fuse-requant``: requants move into their producers. Bit-exact, or left alone.

- ``requant(linear | conv2d | matmul)`` becomes the producer's epilogue, also through a collapse_shape;
- ``lookup`` of a requantised linear becomes its table;
- the two requants of a residual add become the scales of ``ivit.add``, and the whole add the epilogue of the
  linear that feeds it, where static bounds prove that no int32 in between was clamped;
- a requant that changes nothing disappears.

A remark says how many.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, TensorType, i32
from xdsl.dialects.tensor import CollapseShapeOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    GreedyRewritePatternApplier,
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)

from ivit_dialect.ops.elementwise import AddOp, ConstantOp, LookupOp, RequantOp
from ivit_dialect.ops.linear import Conv2dOp, LinearOp, MatmulOp
from ivit_dialect.store import WeightStore, emit_remark, store_of
from ivit_dialect.types import i64_attr, is_activation, tensor_types
from passes.bounds import accumulator_bounds, channels_bound, fits, requant_bound, stored, type_bound
from passes.dead_code import erase_dead_constants
from passes.location import KeepLocation, inherit, replace_keeping
from passes.wording import counted

IDENTITY = (1 << 30, 30)
"""``(x * 2^30 + 2^29) >> 30 == x`` for every x."""


@dataclass(frozen=True)
class _Fusion(RewritePattern):
    store: WeightStore
    counts: Counter[str] = field(compare=False)

    def multipliers_of(self, op: RequantOp, rewriter: PatternRewriter) -> SSAValue:
        """The per-channel operand, or one multiplier as a constant of shape (1,)."""
        if op.multipliers is not None:
            return op.multipliers
        assert op.multiplier is not None
        key = self.store.unique_key(f"multiplier.{op.multiplier.value.data}")
        self.store[key] = np.array([op.multiplier.value.data], np.int32)
        constant = ConstantOp(key, TensorType(i32, (1,)))
        constant.output.name_hint = key.replace(".", "_")
        rewriter.insert(constant)
        return constant.output


def _only_user(value: SSAValue) -> Operation | None:
    return value.get_user_of_unique_use()


class _RequantIntoProducer(_Fusion):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: RequantOp, rewriter: PatternRewriter) -> None:
        (output,) = tensor_types(op.output)
        producer = op.input.owner
        if isinstance(producer, CollapseShapeOp):
            if isinstance(producer.src.owner, Conv2dOp) and _only_user(op.input) is op:
                self._through_collapse(op, producer, producer.src.owner, rewriter)
            return
        if _only_user(op.input) is not op:
            return
        match producer:
            case LinearOp() if producer.multipliers is None:
                fused = LinearOp(
                    producer.input,
                    producer.weight,
                    producer.bias,
                    output,
                    multipliers=self.multipliers_of(op, rewriter),
                    shift=op.shift,
                    zero_point=op.zero_point,
                )
            case MatmulOp() if producer.multiplier is None and op.multiplier is not None:
                fused = MatmulOp(
                    producer.lhs,
                    producer.rhs,
                    output,
                    transpose_b=producer.transpose_b is not None,
                    multiplier=op.multiplier,
                    shift=op.shift,
                    zero_point=op.zero_point,
                )
            case _:
                return
        replace_keeping(rewriter, op, fused, producer)
        rewriter.erase(producer)
        self.counts["folded"] += 1

    def _through_collapse(
        self, op: RequantOp, collapse: CollapseShapeOp, conv: Conv2dOp, rewriter: PatternRewriter
    ) -> None:
        # Collapsing keeps the last (channel) dimension: requant and reshape commute.
        if (
            conv.multipliers is not None
            or op.zero_point is not None
            or _only_user(conv.output) is not collapse
        ):
            return
        (output, conv_type) = tensor_types(op.output, conv.output)
        fused = Conv2dOp(
            conv.input,
            conv.weight,
            conv.bias,
            TensorType(output.element_type, conv_type.get_shape()),
            multipliers=self.multipliers_of(op, rewriter),
            shift=op.shift,
        )
        reshaped = CollapseShapeOp(
            operands=[fused.output], result_types=[output], properties=collapse.properties.copy()
        )
        inherit(fused, conv)
        rewriter.insert(fused)
        replace_keeping(rewriter, op, reshaped, collapse)
        rewriter.erase(collapse)
        rewriter.erase(conv)
        self.counts["folded"] += 1


class _LookupIntoLinear(_Fusion):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: LookupOp, rewriter: PatternRewriter) -> None:
        linear = op.input.owner
        (input_type, output) = tensor_types(op.input, op.output)
        if (
            not isinstance(linear, LinearOp)
            or _only_user(op.input) is not op
            or not is_activation(input_type.element_type)
        ):
            return
        if linear.multipliers is None or linear.table is not None or linear.residual is not None:
            return
        fused = LinearOp(
            linear.input,
            linear.weight,
            linear.bias,
            output,
            multipliers=linear.multipliers,
            shift=linear.shift,
            zero_point=linear.zero_point,
            table=op.table,
        )
        replace_keeping(rewriter, op, fused, linear)
        rewriter.erase(linear)
        self.counts["tables"] += 1


class _RequantIntoAdd(_Fusion):
    """A requant to i32 becomes the add's own scale on that side."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: AddOp, rewriter: PatternRewriter) -> None:
        sides = {"lhs": (op.lhs, op.lhs_multiplier), "rhs": (op.rhs, op.rhs_multiplier)}
        for side, (value, multiplier) in sides.items():
            requant = value.owner
            if multiplier is not None or not isinstance(requant, RequantOp):
                continue
            if requant.multiplier is None or requant.zero_point is not None or _only_user(value) is not op:
                continue
            scale = (requant.multiplier.value.data, requant.shift.value.data)
            if not fits(requant_bound(type_bound(requant.input), *scale), value):
                continue
            replace_keeping(rewriter, op, _with_scale(op, side, requant.input, scale), requant)
            rewriter.erase(requant)
            self.counts["adds"] += 1
            return


def _scale(op: AddOp, side: str) -> tuple[int, int] | None:
    multiplier, shift = (
        (op.lhs_multiplier, op.lhs_shift) if side == "lhs" else (op.rhs_multiplier, op.rhs_shift)
    )
    return None if multiplier is None or shift is None else (multiplier.value.data, shift.value.data)


def _with_scale(op: AddOp, side: str, value: SSAValue, scale: tuple[int, int]) -> AddOp:
    (output,) = tensor_types(op.output)
    operands, scales = {"lhs": op.lhs, "rhs": op.rhs}, {s: _scale(op, s) for s in ("lhs", "rhs")}
    operands[side], scales[side] = value, scale
    add = AddOp(operands["lhs"], operands["rhs"], output, lhs_scale=scales["lhs"], rhs_scale=scales["rhs"])
    add.location = op.location
    return add


class _AddIntoLinear(_Fusion):
    """``add(linear requantised to i32, other)`` becomes the linear's residual epilogue."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: AddOp, rewriter: PatternRewriter) -> None:
        for side, branch, other in (("lhs", op.lhs, op.rhs), ("rhs", op.rhs, op.lhs)):
            linear = branch.owner
            if (
                not isinstance(linear, LinearOp)
                or _scale(op, side) is not None
                or _only_user(branch) is not op
            ):
                continue
            if linear.residual is not None or linear.table is not None or linear.zero_point is not None:
                continue
            (branch_type, output) = tensor_types(branch, op.output)
            if branch_type.element_type != i32 or not self._unclamped(linear):
                continue
            multiplier, shift = _scale(op, "rhs" if side == "lhs" else "lhs") or IDENTITY
            fused = LinearOp(
                linear.input,
                linear.weight,
                linear.bias,
                output,
                multipliers=linear.multipliers,
                shift=linear.shift,
                residual=other,
                residual_multiplier=i64_attr(multiplier),
                residual_shift=i64_attr(shift),
            )
            replace_keeping(rewriter, op, fused, linear)
            rewriter.erase(linear)
            self.counts["residuals"] += 1
            return

    def _unclamped(self, linear: LinearOp) -> bool:
        if linear.multipliers is None or linear.shift is None:
            return False
        multipliers = stored(linear.multipliers, self.store)
        if multipliers is None:
            return False
        # Condition (R1) of ivit.linear: no accumulator leaves int32, whatever the bias.
        low, high = (np.clip(b, -(1 << 31), (1 << 31) - 1) for b in accumulator_bounds(linear, self.store))
        return fits(channels_bound(low, high, multipliers, linear.shift.value.data), linear.output)


class _DropIdentity(_Fusion):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: RequantOp, rewriter: PatternRewriter) -> None:
        if op.multiplier is None or op.zero_point is not None or op.input.type != op.output.type:
            return
        if op.multiplier.value.data == 1 << op.shift.value.data:
            rewriter.replace(op, [], [op.input])
            self.counts["identities"] += 1


@dataclass(frozen=True)
class FuseRequantPass(ModulePass):
    """See the module's docstring."""

    name = "fuse-requant"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        store, counts = store_of(ctx), Counter[str]()
        patterns: list[RewritePattern] = [
            pattern(store, counts)
            for pattern in (
                _DropIdentity,
                _RequantIntoProducer,
                _LookupIntoLinear,
                _RequantIntoAdd,
                _AddIntoLinear,
            )
        ]
        PatternRewriteWalker(KeepLocation(GreedyRewritePatternApplier(patterns))).rewrite_module(op)
        erase_dead_constants(op)
        emit_remark(
            ctx,
            f"fuse-requant: {counted(counts['folded'], 'requant')} folded into producers,"
            f" {counts['adds']} into adds, {counted(counts['residuals'], 'residual add')} and"
            f" {counted(counts['tables'], 'table')} into linears,"
            f" {counted(counts['identities'], 'identity', 'identities')} dropped",
        )
