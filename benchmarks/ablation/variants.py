"""The rows of the ablation: options of ``ivit.compile``, by what they are compared with.

The first group has the structure of I-ViT's Table 2 (arXiv 2207.01405), here without training.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from passes.quantization.options import SIMULATED


@dataclass(frozen=True)
class Variant:
    """``options`` of quantization under a readable name."""

    group: str
    name: str
    options: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def simulated(self) -> bool:
        """Whether it has a family without integers, which is interpreted and not compiled."""
        return SIMULATED in self.options.values()

    @property
    def key(self) -> str:
        """Names the variant among all."""
        return f"{self.group}: {self.name}"


TABLE_2 = "I-ViT's Table 2, without training"
PAPER_CHANGES = "The paper's ops at W8A8, and what each change does"
RECIPE_CHANGES = "The recipe at W8A8, and what each change does"
PROBABILITIES = "Forms of the softmax's result, the rest of the recipe at W8A8"
WEIGHTS_4 = "4-bit weights, 8-bit activations"
BOTH_4 = "4-bit weights and activations"

PAPER = {"recipe": "paper"}
BEST = {"recipe": "best"}
W4 = {"weight_bits": 4}
W4A4 = {"weight_bits": 4, "activation_bits": 4}
UNIFORM = ("uniform",)
FORMS = ("deferred", "log2", "sulq", "uniform")
PLAIN_ROUNDING = {"rounding": "nearest", "refit": False, "weight_clip": "minmax"}


def _group(
    name: str, base: dict[str, Any], changes: Iterable[tuple[str, dict[str, Any]]]
) -> tuple[Variant, ...]:
    return tuple(Variant(name, title, base | change) for title, change in changes)


VARIANTS: tuple[Variant, ...] = (
    *_group(
        TABLE_2,
        PAPER,
        (
            ("I-ViT", {}),
            ("Shiftmax → I-BERT polynomial", {"softmax": "ibert"}),
            ("ShiftGELU → I-BERT polynomial", {"gelu": "ibert"}),
            ("Shiftmax → log-int-softmax", {"softmax": "fqvit"}),
            ("I-LayerNorm → L1 LayerNorm", {"layernorm": "l1"}),
        ),
    ),
    *_group(
        PAPER_CHANGES,
        PAPER,
        (
            ("softmax of 8 bits, as in TVM", {"probability_bits": 8}),
            ("softmax by table", {"softmax": "exact"}),
            ("softmax in float", {"softmax": "float"}),
            ("GELU by table", {"gelu": "exact"}),
            ("GELU in float", {"gelu": "float"}),
            ("exact LayerNorm", {"layernorm": "exact"}),
            ("I-BERT's LayerNorm", {"layernorm": "ibert"}),
            ("powers-of-two-factor LayerNorm", {"layernorm": "fqvit"}),
            ("LayerNorm in float", {"layernorm": "float"}),
            ("residual stream of 8 bits", {"residual_bits": 8}),
            ("ranges by MSE", {"ranges": "mse"}),
            ("GELU and softmax by table", {"gelu": "exact", "softmax": "exact"}),
            ("channel smoothing", {"smoothing": 0.75}),
        ),
    ),
    *_group(
        RECIPE_CHANGES,
        {},
        (
            ("recipe", {}),
            ("Shiftmax", {"softmax": "ivit"}),
            ("ShiftGELU", {"gelu": "ivit"}),
            ("L1 LayerNorm", {"layernorm": "l1"}),
            ("ranges by MSE", {"ranges": "mse"}),
            ("ranges by percentile 99.99", {"ranges": "percentile"}),
            ("ranges by output error", {"ranges": "output"}),
            ("no smoothing", {"smoothing": 0.0}),
            ("smoothing 0.5", {"smoothing": 0.5}),
            ("smoothing 1", {"smoothing": 1.0}),
            ("q, k and v not balanced", {"balance": False}),
            ("one scale for q, k and v", {"qkv_scales": "one"}),
            ("symmetric activations", {"activations": "symmetric"}),
            ("residual stream of 8 bits", {"residual_bits": 8}),
            ("12-bit GELU input, scales per channel", {"gelu_input_bits": 12, "gelu_channels": True}),
            ("GPTQ", {"rounding": "gptq"}),
            ("bias correction", {"bias_correction": True}),
            ("best", BEST),
            ("best, LayerNorms of 12 bits", BEST | {"norm_bits": 12}),
            ("all of 12 bits but weights", BEST | {"activation_bits": 12}),
        ),
    ),
    *_group(
        PROBABILITIES,
        {},
        (
            ("deferred, 8 bits", {}),
            *(
                (f"{form}, {bits} bits", {"probabilities": form, "probability_bits": bits})
                for bits, forms in ((16, UNIFORM), (8, UNIFORM), (4, FORMS), (3, FORMS))
                for form in forms
            ),
        ),
    ),
    *_group(
        WEIGHTS_4,
        W4,
        (
            ("the paper's ops", PAPER),
            ("recipe, nearest", PLAIN_ROUNDING),
            ("recipe, nearest, clipped by MSE", PLAIN_ROUNDING | {"weight_clip": "mse"}),
            ("recipe, AdaRound", {"rounding": "adaround", "refit": False}),
            ("recipe, GPTQ", {"rounding": "gptq", "refit": False}),
            ("recipe", {}),
            ("best", BEST),
        ),
    ),
    *_group(
        BOTH_4,
        W4A4,
        (
            ("the paper's ops", PAPER),
            (
                "recipe, nearest, min-max, uniform",
                PLAIN_ROUNDING | {"ranges": "minmax", "probabilities": "uniform"},
            ),
            ("recipe, uniform probabilities", {"probabilities": "uniform"}),
            ("recipe, log2 probabilities", {"probabilities": "log2"}),
            ("recipe, ranges by min-max", {"ranges": "minmax"}),
            ("recipe, ranges by output error", {"ranges": "output"}),
            ("recipe, no refit", {"refit": False}),
            ("recipe", {}),
            ("recipe, SULQ probabilities", {"probabilities": "sulq"}),
            ("recipe, q, k and v of 8 bits", {"qkv_bits": 8}),
            ("best", BEST),
        ),
    ),
)
GROUPS: tuple[str, ...] = tuple(dict.fromkeys(variant.group for variant in VARIANTS))


def chosen(words: list[str]) -> tuple[Variant, ...]:
    """The variants whose group or name contains one of ``words``, in any case; all without words.

    A word that is a variant's whole name, or its key, means that variant alone. ValueError for a
    word that none contains.
    """
    found: set[str] = set()
    for word in map(str.lower, words):
        exact = {v.key for v in VARIANTS if word in (v.name.lower(), v.key.lower())}
        called = exact or {v.key for v in VARIANTS if word in v.key.lower()}
        if not called:
            raise ValueError(f"no variant is called like {word!r}; the groups are {', '.join(GROUPS)}")
        found |= called
    return tuple(variant for variant in VARIANTS if not words or variant.key in found)
