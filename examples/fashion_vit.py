"""The demo model: a class-token ViT for 28×28 grey images (Fashion-MNIST).

Plain PyTorch in the layout of DeiT (arXiv 2012.12877): a patch embedding, pre-norm blocks with one
qkv projection, a final norm and a linear head. ``ivit import py:examples.fashion_vit:trained`` takes it.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

MEAN, STD = 0.2860, 0.3530  # of the Fashion-MNIST training pixels, in units of [0, 1]
TRAINED = Path(__file__).parents[1] / "ivit" / "demo" / "model.safetensors"
"""The demo's weights, under the names of the state dict."""


class Block(nn.Module):
    """Pre-norm attention and MLP, both residual (I-ViT, Eqs. 1 and 2)."""

    def __init__(self, width: int, heads: int, mlp_ratio: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.fc1 = nn.Linear(width, mlp_ratio * width)
        self.fc2 = nn.Linear(mlp_ratio * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, tokens, width = x.shape
        qkv = self.qkv(self.norm1(x)).reshape(batch, tokens, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        context = F.scaled_dot_product_attention(q, k, v)
        x = x + self.proj(context.transpose(1, 2).reshape(batch, tokens, width))
        return x + self.fc2(F.gelu(self.fc1(self.norm2(x))))


class FashionViT(nn.Module):
    """float32 [N, channels, image, image], normalised -> float32 logits [N, classes]."""

    def __init__(
        self,
        width: int = 128,
        depth: int = 6,
        heads: int = 4,
        patch: int = 4,
        image: int = 28,
        channels: int = 1,
        classes: int = 10,
    ) -> None:
        super().__init__()
        self.patch_embed = nn.Conv2d(channels, width, kernel_size=patch, stride=patch)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, (image // patch) ** 2 + 1, width))
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Linear(width, classes)
        for parameter in (self.cls_token, self.pos_embed):
            nn.init.trunc_normal_(parameter, std=0.02)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = self.patch_embed(images).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls_token.expand(x.shape[0], -1, -1), x], dim=1) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x)[:, 0])


def trained() -> tuple[FashionViT, torch.Tensor]:
    """The trained model in eval mode, with an example input float32 [1, 1, 28, 28]."""
    from safetensors.torch import load_file

    model = FashionViT()
    model.load_state_dict(load_file(TRAINED))
    return model.eval(), torch.zeros(1, 1, 28, 28)
