"""Tiny random transformers models: ViT, DeiT and DINOv2."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from passes.importers.extras import require

transformers: Any = require("transformers")

SHAPE = (3, 28, 28)
COMMON: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "image_size": 28,
    "patch_size": 14,
}
MODELS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "vit": ("ViTForImageClassification", "ViTConfig", {"intermediate_size": 32, "num_labels": 3}),
    "vit features": ("ViTModel", "ViTConfig", {"intermediate_size": 32}),
    "deit": ("DeiTForImageClassification", "DeiTConfig", {"intermediate_size": 32, "num_labels": 3}),
    "deit teacher": (
        "DeiTForImageClassificationWithTeacher",
        "DeiTConfig",
        {"intermediate_size": 32, "num_labels": 3},
    ),
    "dinov2": ("Dinov2Model", "Dinov2Config", {"mlp_ratio": 2, "layerscale_value": 0.5}),
    "dinov2 classifier": (
        "Dinov2ForImageClassification",
        "Dinov2Config",
        {"mlp_ratio": 2, "layerscale_value": 0.5, "num_labels": 3},
    ),
    "dinov2 registers": ("Dinov2WithRegistersModel", "Dinov2WithRegistersConfig", {"mlp_ratio": 2}),
}


def hugging_face(name: str, **options: Any) -> Any:
    """The model called ``name`` with further config ``options``, in eval mode, from seed 0."""
    torch.default_generator.manual_seed(0)
    model, config, own = MODELS[name]
    return getattr(transformers, model)(getattr(transformers, config)(**{**COMMON, **own, **options})).eval()


def features(model: Any, x: torch.Tensor) -> torch.Tensor:
    """What the importer takes as the one output of ``model``."""
    outputs = model(x)
    if "logits" in outputs:
        return outputs.logits
    return outputs.last_hidden_state[:, 0]


class Features(nn.Module):
    """A transformers model with one tensor as its output."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return features(self.model, x)
