"""The weight blob: what the ``plan.weight`` ops of a program name, packed, each at its offset."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ivit_dialect.element_types import integer_range
from ivit_dialect.hints import isa
from ivit_dialect.store import WeightStore
from lowering import plan
from lowering.packing import PACKINGS
from passes.calibration.parallel import in_parallel


def pack_weights(program: plan.ProgramOp, store: WeightStore) -> NDArray[np.uint8]:
    """``program.weights`` bytes, zero between the arrays.

    ValueError names a key that the store lacks, a packing that does not exist, or an array that does not fill
    its place.
    """
    blob = np.zeros(program.weights.value.data, np.uint8)
    ops = [op for op in program.body.block.ops if isinstance(op, plan.WeightOp)]
    for op, array in zip(ops, in_parallel(lambda op: packed_array(op, store), ops), strict=True):
        _check_range(op, array)
        data = np.frombuffer(array.tobytes(), np.uint8)
        if data.size != plan.byte_size(op.output.type):
            raise ValueError(f"{_names(op)}: {data.size} bytes of weights do not fill {op.output.type}")
        blob[op.first_byte : op.first_byte + data.size] = data
    return blob


def packed_array(op: plan.WeightOp, store: WeightStore) -> NDArray[np.generic]:
    """The array of one ``plan.weight``."""
    keys = [key.data for key in op.keys]
    missing = [key for key in keys if key not in store]
    if missing:
        raise ValueError(f"the weight store has no '{missing[0]}'; give the file that belongs to the module")
    packing = PACKINGS.get(op.packing.data)
    if packing is None:
        raise ValueError(f"{_names(op)}: unknown packing '{op.packing.data}', one of {', '.join(PACKINGS)}")
    try:
        return packing.pack([store[key] for key in keys], op.packing_parameters())
    except ValueError as error:
        raise ValueError(f"{_names(op)}: {error}") from error


def _check_range(op: plan.WeightOp, array: NDArray[np.generic]) -> None:
    """ValueError for values that the element type does not have: kernels rely on narrow ones."""
    assert isa(op.output.type, plan.Buffer)
    element = op.output.type.element_type
    low, high = integer_range(element)
    least, most = int(array.min(initial=0)), int(array.max(initial=0))
    if least < low or most > high:
        raise ValueError(f"{_names(op)}: values in [{least}, {most}] leave {element}")


def _names(op: plan.WeightOp) -> str:
    return ", ".join(key.data for key in op.keys)
