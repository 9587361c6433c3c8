"""Packings: shapes as foretold, and every number where the kernels look for it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from xdsl.dialects.builtin import IntegerType, MemRefType
from xdsl.ir import Block

from ivit_dialect.store import WeightStore
from lowering import plan
from lowering.packing import PACKINGS
from lowering.weights import pack_weights


@given(
    outs=st.integers(1, 40),
    ins=st.integers(1, 20),
    columns=st.sampled_from([8, 16, 64]),
    depth=st.sampled_from([2, 4]),
)
def test_panels_hold_each_weight_once(outs: int, ins: int, columns: int, depth: int) -> None:
    weight = np.random.default_rng(outs * ins).integers(1, 128, (outs, ins)).astype(np.int8)
    packing = PACKINGS["panels"]
    packed = packing.pack([weight], (columns, depth))
    assert packed.shape == packing.shape([weight.shape], (columns, depth))
    steps = packed.shape[1]
    for o in range(outs):
        for k in range(ins):
            assert packed[o // columns, k // depth, o % columns * depth + k % depth] == weight[o, k]
    assert packed.size == -(-outs // columns) * columns * steps * depth
    assert np.count_nonzero(packed) == weight.size


def test_offset_bias_undoes_the_offset_of_activations() -> None:
    rng = np.random.default_rng(0)
    weight = rng.integers(-128, 128, (5, 7)).astype(np.int8)
    bias = rng.integers(-1000, 1000, 5).astype(np.int32)
    x = rng.integers(-128, 128, 7).astype(np.int8)
    packed = PACKINGS["offset_bias"].pack([bias, weight], (8,))
    assert packed.shape == PACKINGS["offset_bias"].shape([bias.shape, weight.shape], (8,))
    offset = weight.astype(np.int64) @ (x.astype(np.int64) + 128) + packed[:5]
    np.testing.assert_array_equal(offset, weight.astype(np.int64) @ x.astype(np.int64) + bias)
    assert not packed[5:].any()


def program(weight: plan.WeightOp, size: int) -> plan.ProgramOp:
    kind = MemRefType(IntegerType(8), [1])
    block = Block(arg_types=[kind, kind])
    block.add_op(weight)
    return plan.ProgramOp("main", "generic", 0, 0, size, block)


def test_weights_lie_at_their_offsets() -> None:
    kind = MemRefType(IntegerType(16), [2])
    op = plan.WeightOp(["a"], "plain", (), 64, kind)
    blob = pack_weights(program(op, 128), WeightStore({"a": np.array([1, -2], np.int16)}))
    assert blob.size == 128
    np.testing.assert_array_equal(blob[64:68].view(np.int16), [1, -2])
    assert not blob[:64].any()
    assert not blob[68:].any()


@pytest.mark.parametrize(
    ("keys", "packing", "message"),
    [
        (["b"], "plain", "the weight store has no 'b'"),
        (["a"], "braided", "unknown packing 'braided'"),
        (["a"], "plain", "8 bytes of weights do not fill memref<2xi16>"),
    ],
)
def test_wrong_weights_are_refused(keys: list[str], packing: str, message: str) -> None:
    op = plan.WeightOp(keys, packing, (), 0, MemRefType(IntegerType(16), [2]))
    with pytest.raises(ValueError, match=message):
        pack_weights(program(op, 64), WeightStore({"a": np.zeros(4, np.int16)}))
