"""A tiny Vision Transformer of random weights, and ways to make it that an importer must refuse."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

IMAGE, PATCH, WIDTH, HEADS, CLASSES = 12, 6, 16, 2, 5


class TinyViT(nn.Module):
    """One block: float32 [N, 3, 12, 12] -> float32 [N, 5]."""

    def __init__(self) -> None:
        super().__init__()
        self.image_size, self.in_channels = IMAGE, 3
        self.image_mean, self.image_std = (0.5, 0.4, 0.3), (0.25, 0.25, 0.2)
        self.patch_embed = nn.Conv2d(3, WIDTH, PATCH, PATCH)
        self.cls_token = nn.Parameter(torch.randn(1, 1, WIDTH))
        self.pos_embed = nn.Parameter(torch.randn(1, 1 + (IMAGE // PATCH) ** 2, WIDTH))
        self.norm1, self.norm2, self.norm = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv, self.proj = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.fc1, self.fc2 = nn.Linear(WIDTH, 2 * WIDTH), nn.Linear(2 * WIDTH, WIDTH)
        self.head = nn.Linear(WIDTH, CLASSES)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = self.patch_embed(images).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], dim=1) + self.pos_embed
        batch, tokens, width = x.shape
        qkv = self.qkv(self.norm1(x)).reshape(batch, tokens, 3, HEADS, width // HEADS).permute(2, 0, 3, 1, 4)
        context = F.scaled_dot_product_attention(*qkv.unbind(0))
        x = x + self.proj(context.transpose(1, 2).reshape(batch, tokens, width))
        x = x + self.fc2(F.gelu(self.fc1(self.norm2(x))))
        return self.head(self.norm(x)[:, 0])


class Fourier(nn.Module):
    """An op that torch-mlir does not know."""

    image_size, in_channels = IMAGE, 3

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.fft.fft2(images).abs()  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # PyTorch has no types here


def make() -> TinyViT:
    torch.default_generator.manual_seed(0)
    return TinyViT().eval()


def broken() -> TinyViT:
    raise RuntimeError("the checkpoint\nis not there")
