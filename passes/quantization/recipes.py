"""Recipes: every choice of quantization made, from the few that the caller made.

``paper`` is I-ViT as published, after training. ``default`` is what was most accurate at the speed of 8-bit
arithmetic, ``best`` adds what costs time. Fewer bits bring the methods that pay at few bits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from passes.quantization.options import QuantizeOptions

SHIFT_FAMILIES = ("ivit", "ibert", "fqvit")
"""Whose exponentials have a step that ``exponent`` chooses."""
NARROW = 8
"""Below so many bits, ranges and weights are fitted to the calibration images."""
CODED = ("log2", "sulq")
CODE_BITS = 4
"""Of probabilities in such codes, unless said otherwise."""
MOST_PROBABILITY_BITS = {
    "deferred": 8,
    "uniform": 16,
    "log2": 8,
    "sulq": 8,
    "ivit": 16,
    "ibert": 15,
    "fqvit": 4,
}
"""By form of the exact softmax, and by family of the others."""
SHIFT_GELU_BITS = 8
"""At most, of what ShiftGELU takes."""


@dataclass(frozen=True)
class Recipe:
    """``QuantizeOptions`` with nothing left open; the names are the same, one is added."""

    softmax: str = "exact"
    gelu: str = "exact"
    layernorm: str = "exact"
    probabilities: str = "deferred"
    probability_bits: int = 16
    patch_weight_bits: int = 8
    attention_weight_bits: int = 8
    mlp_weight_bits: int = 8
    head_weight_bits: int = 8
    norm_bits: int = 8
    qkv_bits: int = 8
    context_bits: int = 8
    gelu_input_bits: int = 8
    gelu_bits: int = 8
    residual_bits: int = 16
    activations: str = "asymmetric"
    qkv_scales: str = "separate"
    exponent: str = "snapped"
    smoothing: float = 0.75
    balance: bool = True
    gelu_channels: bool = False
    ranges: str = "minmax"
    ranges_below: int = 17
    """``ranges`` is the rule for activations of fewer bits than this; the others have min-max."""
    percentile: float = 99.99
    rounding: str = "nearest"
    weight_clip: str = "minmax"
    refit: bool = False
    bias_correction: bool = False

    @property
    def narrowest(self) -> int:
        """The least bits that a linear's weights or inputs have."""
        weights = (self.patch_weight_bits, self.attention_weight_bits, self.mlp_weight_bits)
        inputs = (self.norm_bits, self.context_bits, self.gelu_bits)
        return min(*weights, self.head_weight_bits, *inputs)

    @property
    def fits(self) -> bool:
        """Whether anything is fitted to images, beyond ranges that calibration recorded."""
        return (
            self.ranges != "minmax"
            or self.weight_clip != "minmax"
            or self.probabilities in CODED
            or self.fits_weights
        )

    @property
    def fits_weights(self) -> bool:
        """Whether linears need to know what inputs they will see."""
        return (
            self.rounding != "nearest" or self.weight_clip != "minmax" or self.refit or self.bias_correction
        )


DEFAULT = Recipe()
PAPER = Recipe(
    softmax="ivit",
    gelu="ivit",
    layernorm="ivit",
    activations="symmetric",
    qkv_scales="one",
    exponent="plain",
    smoothing=0.0,
    balance=False,
)
BEST = replace(
    DEFAULT,
    probabilities="uniform",
    gelu_input_bits=12,
    gelu_channels=True,
    rounding="gptq",
)
PRESETS = {"paper": PAPER, "default": DEFAULT, "best": BEST}


def resolve(options: QuantizeOptions) -> Recipe:
    """The recipe that ``options`` ask for. ValueError where its choices exclude one another."""
    preset = PRESETS[options.recipe]
    given = options.given()
    given.pop("recipe", None)
    weight_bits, activation_bits = given.pop("weight_bits", 8), given.pop("activation_bits", 8)
    implied: dict[str, Any] = {}
    if weight_bits != 8:
        implied |= {"attention_weight_bits": weight_bits, "mlp_weight_bits": weight_bits}
    if activation_bits != 8:
        kinds = ("norm_bits", "context_bits", "gelu_bits")
        implied |= dict.fromkeys(kinds, activation_bits)
        implied["qkv_bits"] = min(activation_bits, 8)
        implied["gelu_input_bits"] = max(activation_bits, preset.gelu_input_bits)
    if options.recipe != "paper":
        implied |= _for_few_bits({**implied, **given}, preset)
    elif activation_bits < NARROW:
        implied |= {"probability_bits": activation_bits, "gelu_input_bits": activation_bits}
    if given.get("gelu", preset.gelu) == "ivit":
        bits = implied.get("gelu_input_bits", preset.gelu_input_bits)
        implied["gelu_input_bits"] = min(bits, SHIFT_GELU_BITS)
    if given.get("softmax", preset.softmax) != "exact":
        implied["probabilities"] = "deferred"
    if {**implied, **given}.get("probabilities", preset.probabilities) in CODED:
        implied.setdefault("probability_bits", CODE_BITS)
    recipe = replace(preset, **{**implied, **given})
    _check(recipe)
    if "probability_bits" in given:
        _check_probability_bits(recipe)
    return recipe


def _for_few_bits(chosen: dict[str, Any], preset: Recipe) -> dict[str, Any]:
    """What pays at few bits: at 8 clipping loses outliers and a fit to few images overfits."""
    implied: dict[str, Any] = {}
    weights = min(chosen.get(name, 8) for name in ("attention_weight_bits", "mlp_weight_bits"))
    if weights < NARROW:
        implied |= {"rounding": "gptq", "refit": True, "weight_clip": "mse"}
    bits = min(chosen.get(name, 8) for name in ("norm_bits", "qkv_bits", "context_bits", "gelu_bits"))
    if bits < NARROW:
        implied |= {"ranges": "mse", "ranges_below": NARROW, "rounding": "gptq", "refit": True}
        # Uniform codes of so few bits lose most of a row.
        implied |= {"probabilities": "deferred", "probability_bits": bits}
    return implied


def _check(recipe: Recipe) -> None:
    if recipe.probabilities != "deferred" and recipe.softmax != "exact":
        raise ValueError(
            f"probabilities={recipe.probabilities} goes with softmax=exact, not with softmax={recipe.softmax}"
        )
    if recipe.gelu == "ivit" and recipe.gelu_input_bits > SHIFT_GELU_BITS:
        raise ValueError(
            f"gelu_input_bits={recipe.gelu_input_bits} goes with another gelu: gelu=ivit takes at most"
            f" {SHIFT_GELU_BITS} bits"
        )
    if recipe.qkv_scales == "per_head" and recipe.softmax != "exact":
        raise ValueError(f"qkv_scales=per_head goes with softmax=exact, not with softmax={recipe.softmax}")


def _check_probability_bits(recipe: Recipe) -> None:
    exact = recipe.softmax == "exact"
    form = recipe.probabilities if exact else recipe.softmax
    most = MOST_PROBABILITY_BITS.get(form)
    if most is not None and recipe.probability_bits > most:
        raise ValueError(
            f"{'probabilities' if exact else 'softmax'}={form} has at most {most} bits, got"
            f" probability_bits={recipe.probability_bits}"
        )


def without_effect(options: QuantizeOptions) -> list[str]:
    """One line for each option that was given and that nothing in the recipe reads."""
    recipe, given = resolve(options), options.given()
    read = {
        "percentile": (recipe.ranges == "percentile", "ranges=percentile"),
        "exponent": (
            recipe.softmax in SHIFT_FAMILIES or recipe.gelu in SHIFT_FAMILIES,
            f"softmax or gelu of {', '.join(SHIFT_FAMILIES)}",
        ),
        "gelu_channels": (recipe.gelu == "exact", "gelu=exact"),
        "refit": (recipe.narrowest < NARROW, f"weights or activations below {NARROW} bits"),
    }
    return [
        f"{name} changes nothing here: it goes with {reader}"
        for name, (is_read, reader) in read.items()
        if given.get(name) and not is_read
    ]
