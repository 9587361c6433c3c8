"""Scales and widths of activations under a recipe: one rule for emission and for the simulation that fits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from passes.graph.nodes import AttentionNode, GeluNode, LinearNode, Node, NormNode
from passes.quantization import scales
from passes.quantization.recipes import Recipe
from passes.quantization.scales import Range, Scale

HEAD_BITS = 8
"""At least, for what the head takes: like its weights, it is few operations and matters."""
ASYMMETRIC_NORMS = ("exact", "ibert", "fqvit", "l1", "float")
"""Families of LayerNorm whose result may have a zero point here."""


LEAST_HEAD_SHARE = 2.0**-8
"""Of the range of all heads: a head that is all but 0 needs no finer step."""


@dataclass(frozen=True)
class ActivationRules:
    """Of one recipe."""

    recipe: Recipe

    def input_bits(self, node: Node, reader: LinearNode) -> int:
        """Of ``node`` as the input of ``reader``."""
        match node:
            case AttentionNode():
                return self.recipe.context_bits
            case GeluNode():
                return self.recipe.gelu_bits
            case _:
                bits = self.recipe.norm_bits
                return max(bits, HEAD_BITS) if reader.role == "head" else bits

    def input_scale(self, node: Node, bits: int) -> Scale:
        """Of ``node`` as the input of linears, from its calibrated range."""
        symmetric = isinstance(node, NormNode) and self.recipe.layernorm not in ASYMMETRIC_NORMS
        range_ = node.calibrated()
        return scales.symmetric(range_, bits) if symmetric else self.scale(range_, bits)

    def scale(self, range_: Range, bits: int) -> Scale:
        """With a zero point, unless the recipe has none."""
        if self.recipe.activations == "symmetric":
            return scales.symmetric(range_, bits)
        return scales.asymmetric(range_, bits)

    def gelu_input(self, node: LinearNode) -> Scale:
        """Of the input of a table GELU; its lower end is clipped where GELU is all but 0."""
        bits = self.recipe.gelu_input_bits
        if self.recipe.activations == "symmetric":
            return scales.symmetric(node.calibrated(), bits)
        return scales.gelu_input(node.calibrated(), bits)

    def gelu_output(self, node: GeluNode) -> Scale:
        """Of the result of a table GELU, where all channels share one."""
        return self.scale(node.calibrated(), self.recipe.gelu_bits)

    def part_range(self, node: AttentionNode, part: LinearNode) -> Range:
        """Of q, k or v: its own, or that of all three."""
        if self.recipe.qkv_scales != "one":
            return part.calibrated()
        ranges = [each.calibrated() for each in (node.query, node.key, node.value)]
        return Range(min(r.low for r in ranges), max(r.high for r in ranges))

    def head_steps(self, node: AttentionNode, part: LinearNode) -> NDArray[np.float64] | None:
        """float64 [H], the steps of the heads of q or k; None where all have one.

        ValueError where the recipe asks for them and calibration recorded no ranges of channels.
        """
        if self.recipe.qkv_scales != "per_head" or part is node.value:
            return None
        if part.channel_range is None:
            raise ValueError(
                f"{part.origin}: qkv_scales=per_head needs the ranges of channels: calibrate again"
            )
        by_head = part.channel_range.magnitude.reshape(node.heads, -1).max(axis=1)
        whole = max(float(by_head.max()), scales.NEGLIGIBLE)
        # A rule that cuts the range of all heads cuts that of each.
        kept = scales.symmetric(part.calibrated(), self.recipe.qkv_bits).step / whole
        return np.maximum(by_head, whole * LEAST_HEAD_SHARE) * kept

    def head_ends(self, node: AttentionNode, part: LinearNode) -> NDArray[np.float64]:
        """float64 [H], what the codes of each head of q, k or v reach."""
        steps = self.head_steps(node, part)
        if steps is None:
            step = scales.symmetric(self.part_range(node, part), self.recipe.qkv_bits).step
            steps = np.full(node.heads, step)
        return steps * ((1 << (self.recipe.qkv_bits - 1)) - 1)

    def weight_bits(self, node: Node) -> int:
        """Of the weights of a linear or of the patch embedding."""
        match node.role:
            case "q" | "k" | "v" | "proj":
                return self.recipe.attention_weight_bits
            case "fc1" | "fc2":
                return self.recipe.mlp_weight_bits
            case "patch_embed":
                return self.recipe.patch_weight_bits
            case _:
                return self.recipe.head_weight_bits
