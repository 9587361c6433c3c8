"""What a caller may say of how a model becomes integers; ``recipes`` fills in the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypedDict, cast

import numpy as np

FAMILIES: dict[str, tuple[str, ...]] = {
    "softmax": ("exact", "ivit", "ibert", "fqvit", "float"),
    "gelu": ("exact", "ivit", "ibert", "float"),
    "layernorm": ("exact", "ivit", "ibert", "fqvit", "l1", "float"),
}
"""By kind. ``exact``: tables and exact integers; ``ivit``: Shiftmax, ShiftGELU, I-LayerNorm of the paper;
``ibert``: polynomials and LayerNorm of I-BERT; ``fqvit``: log-int-softmax and powers-of-two-factor LayerNorm
of FQ-ViT; ``l1``: L1 LayerNorm of Fully-8bit; ``float``: floating point, which only the interpreter runs."""
SIMULATED = "float"
"""The family that is no integer arithmetic."""


CHOICES: dict[str, tuple[str, ...]] = {
    "recipe": ("paper", "default", "best"),
    **FAMILIES,
    "probabilities": ("deferred", "uniform", "log2", "sulq"),
    "activations": ("asymmetric", "symmetric"),
    "qkv_scales": ("one", "separate", "per_head"),
    "exponent": ("snapped", "plain"),
    "ranges": ("minmax", "percentile", "mse", "output"),
    "rounding": ("nearest", "gptq", "adaround"),
    "weight_clip": ("minmax", "mse"),
}
"""The words that an option takes."""
INTERVALS: dict[str, tuple[float, float]] = {
    "weight_bits": (2, 8),
    "patch_weight_bits": (2, 8),
    "attention_weight_bits": (2, 8),
    "mlp_weight_bits": (2, 8),
    "head_weight_bits": (2, 8),
    "activation_bits": (4, 12),
    "norm_bits": (4, 12),
    "qkv_bits": (4, 8),
    "context_bits": (4, 12),
    "gelu_input_bits": (4, 12),
    "gelu_bits": (4, 12),
    "probability_bits": (2, 16),
    "residual_bits": (8, 16),
    "smoothing": (0.0, 1.0),
    "percentile": (51.0, 100.0),
}
"""The least and the largest number that an option takes."""
TYPES: dict[str, tuple[str, tuple[type, ...]]] = {
    "str": ("a word", (str,)),
    "int": ("a whole number", (int,)),
    "float | int": ("a number", (float, int)),
    "bool": ("True or False", (bool,)),
}
"""What an option of each type takes, in words and as Python has it; a bool is no number."""


def _option(text: str, default: Any = None) -> Any:
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True)
class QuantizeOptions:
    """What was asked for; None is what the recipe and the bit widths make of it (``recipes.resolve``).

    ValueError, one line, for a value of another type, an unknown word or a number out of its interval.
    """

    recipe: str = _option("paper: I-ViT as published; default; best: more accurate, slower", "default")
    softmax: str | None = _option("family of the softmax")
    gelu: str | None = _option("family of the GELU")
    layernorm: str | None = _option("family of the LayerNorm")
    probabilities: str | None = _option("form of the exact softmax's result")
    probability_bits: int | None = _option("bits of probabilities; at most 8 of log2, sulq and deferred")
    weight_bits: int | None = _option("bits of weights; those of the patch embedding and the head stay 8")
    patch_weight_bits: int | None = _option("bits of the patch embedding's weights")
    attention_weight_bits: int | None = _option("bits of the weights of q, k, v and the projection")
    mlp_weight_bits: int | None = _option("bits of the MLP's weights")
    head_weight_bits: int | None = _option("bits of the head's weights")
    activation_bits: int | None = _option("bits of what linears and attention take")
    norm_bits: int | None = _option("bits of LayerNorm's results")
    qkv_bits: int | None = _option("bits of q, k and v")
    context_bits: int | None = _option("bits of what attention returns")
    gelu_input_bits: int | None = _option("bits of what the GELU takes")
    gelu_bits: int | None = _option("bits of what the GELU returns")
    residual_bits: int | None = _option("bits of the residual stream")
    activations: str | None = _option("with zero points, or without")
    qkv_scales: str | None = _option("one scale for q, k and v; one for each; one for each head of q and k")
    exponent: str | None = _option("Shiftmax's and ShiftGELU's steps: 1 / integer, or as the range has it")
    smoothing: float | int | None = _option("alpha of channel smoothing behind LayerNorms; 0: none")
    balance: bool | None = _option("balance q against k, v against the projection")
    gelu_channels: bool | None = _option("one scale for each channel of the GELU's result")
    ranges: str | None = _option("rule for the ranges of activations")
    percentile: float | int | None = _option("of ranges=percentile")
    rounding: str | None = _option("how weights are rounded")
    weight_clip: str | None = _option("rule for the steps of weights")
    refit: bool | None = _option("least-squares fit of the weights to the quantised inputs before rounding")
    bias_correction: bool | None = _option("mean output errors into the biases, where that helps")

    def __post_init__(self) -> None:
        for item in fields(QuantizeOptions):
            value, (takes, kinds) = getattr(self, item.name), TYPES[str(item.type).removesuffix(" | None")]
            if value is None:
                continue
            if not isinstance(value, kinds) or isinstance(value, bool) != (bool in kinds):
                raise ValueError(f"{item.name}={value!r} is of another type: it takes {takes}")
        for name, words in CHOICES.items():
            word = getattr(self, name)
            if word is not None and word not in words:
                advice = "; separate options with blanks" if "=" in str(word) else ""
                raise ValueError(f"{name}={word} is not known; choose one of {', '.join(words)}{advice}")
        for name, (least, most) in INTERVALS.items():
            number = getattr(self, name)
            if number is not None and not least <= number <= most:
                raise ValueError(f"{name}={number} is out of range: {least:g} to {most:g}")

    def given(self) -> dict[str, Any]:
        """What was asked for, by name; without what was left to the recipe."""
        return {
            item.name: getattr(self, item.name)
            for item in fields(QuantizeOptions)
            if getattr(self, item.name) != item.default
        }


OPTION_NAMES = tuple(item.name for item in fields(QuantizeOptions))


class QuantizeKeywords(TypedDict, total=False):
    """``QuantizeOptions`` as keyword arguments."""

    recipe: str
    softmax: str | None
    gelu: str | None
    layernorm: str | None
    probabilities: str | None
    probability_bits: int | None
    weight_bits: int | None
    patch_weight_bits: int | None
    attention_weight_bits: int | None
    mlp_weight_bits: int | None
    head_weight_bits: int | None
    activation_bits: int | None
    norm_bits: int | None
    qkv_bits: int | None
    context_bits: int | None
    gelu_input_bits: int | None
    gelu_bits: int | None
    residual_bits: int | None
    activations: str | None
    qkv_scales: str | None
    exponent: str | None
    smoothing: float | int | None
    balance: bool | None
    gelu_channels: bool | None
    ranges: str | None
    percentile: float | int | None
    rounding: str | None
    weight_clip: str | None
    refit: bool | None
    bias_correction: bool | None


def options_of(caller: str, keywords: Mapping[str, Any]) -> QuantizeOptions:
    """ValueError for a word or a number that an option does not take, TypeError for an unknown name."""
    unknown = [name for name in keywords if name not in OPTION_NAMES]
    if unknown:
        raise TypeError(f"{caller}() has no option {unknown[0]!r} (options: {', '.join(OPTION_NAMES)})")
    return QuantizeOptions(**{name: _plain(value) for name, value in keywords.items()})


def _plain(value: Any) -> Any:
    """A NumPy number as Python's own."""
    return cast("np.generic[Any]", value).item() if isinstance(value, np.generic) else value
