"""Every value of every option runs: native code gives the integers of the interpreter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from test_compile import call
from test_quantize_models import lower
from torch_exports import plain_text
from xdsl.passes import PassPipeline

from lowering.compile import compile_program
from lowering.targets import host_target
from passes.calibration.images import IMAGENET
from passes.lower_to_int import LowerToIntOptions
from passes.pipelines import FUSE
from passes.quantization.options import CHOICES, FAMILIES, INTERVALS, OPTION_NAMES, SIMULATED
from passes.quantization.recipes import MOST_PROBABILITY_BITS
from passes.registry import get_passes

Chosen = dict[str, Any]


def values_of(name: str) -> tuple[Any, ...]:
    """All words, true and false, or the least and the largest number and one between."""
    if name in CHOICES:
        return tuple(word for word in CHOICES[name] if name not in FAMILIES or word != SIMULATED)
    if name not in INTERVALS:
        return (True, False)
    least, most = INTERVALS[name]
    middle = (least + most) / 2
    return (least, most, middle if name in ("smoothing", "percentile") else int(middle))


def mixture(row: int) -> Chosen:
    """Of one value of each option; those of the exact softmax alone where it is chosen."""
    chosen = {
        name: values_of(name)[(row + position) % len(values_of(name))]
        for position, name in enumerate(OPTION_NAMES)
    }
    chosen["softmax"] = "exact" if row % 2 else values_of("softmax")[row // 2 % len(values_of("softmax"))]
    if chosen["softmax"] == "exact":
        chosen["probabilities"] = values_of("probabilities")[row // 2 % 4]
        chosen["qkv_scales"] = values_of("qkv_scales")[row // 2 % 3]
    else:
        chosen["probabilities"] = "deferred"
        chosen["qkv_scales"] = ("one", "separate")[row // 2 % 2]
    form = chosen["probabilities"] if chosen["softmax"] == "exact" else chosen["softmax"]
    chosen["probability_bits"] = {**MOST_PROBABILITY_BITS, "log2": 2, "ivit": 9}[form]
    if chosen["gelu"] == "ivit":
        chosen["gelu_input_bits"] = (4, 8)[row // 2 % 2]
    return chosen


MIXTURES = [mixture(row) for row in range(10)]


def test_mixtures_hold_every_value() -> None:
    missing = {name: set(values_of(name)) - {chosen[name] for chosen in MIXTURES} for name in OPTION_NAMES}
    assert {name: values for name, values in missing.items() if values} == {}


@pytest.mark.parametrize("row", range(len(MIXTURES)))
def test_native_code_gives_the_integers_of_the_interpreter(row: int) -> None:
    options = LowerToIntOptions(**MIXTURES[row], mean=IMAGENET.mean, std=IMAGENET.std)
    lowered = lower(plain_text("layer_scale", "high-level"), options)
    want = lowered.integers()
    assert np.ptp(want) > 0
    assert lowered.cosine() > 0.99
    PassPipeline.parse_spec(get_passes(), FUSE.spec()).apply(lowered.ctx, lowered.module)
    assert lowered.integers().tolist() == want.tolist()
    program = compile_program(lowered.module, lowered.ctx, host_target())
    assert call(program, lowered.pixels, 2).tolist() == want.tolist()
