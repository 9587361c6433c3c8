"""Words of the remarks and of the refusals that passes make."""

from __future__ import annotations

NO_INTEGER_FORM = (
    "this op on activations has no integer form here; express it by linear, layer_norm, gelu,"
    " scaled_dot_product_attention, add, a product with a constant, mean or shape ops"
)
CAUSAL = "causal attention has no integer form here: only attention that sees every token is taken"
ATTENTION_DROPOUT = "attention with dropout: export the model in eval mode, with a dropout_p of 0"


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """``1 requant``, ``2 requants``; ``plural`` where it is not the noun and an s."""
    return f"{count} {noun if count == 1 else plural or noun + 's'}"
