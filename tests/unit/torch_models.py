"""Small random Vision Transformers, one per architecture that the importer must take."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

IMAGE = 32


class Attention(nn.Module):
    """One qkv projection, as in DeiT; ``explicit`` writes softmax(q kᵀ) v out."""

    def __init__(self, width: int, heads: int, explicit: bool, qkv_bias: bool) -> None:
        super().__init__()
        self.heads = heads
        self.explicit = explicit
        self.scale = (width // heads) ** -0.5
        self.qkv = nn.Linear(width, 3 * width, bias=qkv_bias)
        self.attn_drop = nn.Dropout(0.1)
        self.proj = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, tokens, width = x.shape
        qkv = self.qkv(x).reshape(batch, tokens, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        if self.explicit:
            context = self.attn_drop(((q * self.scale) @ k.transpose(-2, -1)).softmax(dim=-1)) @ v
        else:
            context = F.scaled_dot_product_attention(q, k, v)
        return self.proj(context.transpose(1, 2).reshape(batch, tokens, width))


class LayerScale(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.rand(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.gamma


class Block(nn.Module):
    def __init__(
        self, width: int, heads: int, explicit: bool, qkv_bias: bool, layer_scale: bool, gelu: str
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = Attention(width, heads, explicit, qkv_bias)
        self.ls1 = LayerScale(width) if layer_scale else nn.Identity()
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.fc1 = nn.Linear(width, 4 * width)
        self.act = nn.GELU(approximate=gelu)
        self.drop = nn.Dropout(0.1)
        self.fc2 = nn.Linear(4 * width, width)
        self.ls2 = LayerScale(width) if layer_scale else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.ls1(self.attn(self.norm1(x)))
        return x + self.ls2(self.drop(self.fc2(self.drop(self.act(self.fc1(self.norm2(x)))))))


class PlainViT(nn.Module):
    """A ViT in the manner of timm: float32 [N, 3, 32, 32] -> float32 [N, classes].

    ``pool`` is "token" or "avg"; ``distilled`` adds DeiT's second token and head, averaged.
    """

    def __init__(
        self,
        *,
        width: int = 16,
        depth: int = 2,
        heads: int = 2,
        patch: int = 8,
        image: int = IMAGE,
        classes: int = 5,
        pool: str = "token",
        distilled: bool = False,
        explicit: bool = False,
        qkv_bias: bool = True,
        layer_scale: bool = False,
        gelu: str = "none",
    ) -> None:
        super().__init__()
        self.image_size, self.in_channels = image, 3
        self.pool, self.distilled = pool, distilled
        self.patch_embed = nn.Conv2d(3, width, kernel_size=patch, stride=patch)
        self.cls_token = nn.Parameter(torch.randn(1, 1, width))
        self.dist_token = nn.Parameter(torch.randn(1, 1, width)) if distilled else None
        tokens = (image // patch) ** 2 + 1 + int(distilled)
        self.pos_embed = nn.Parameter(torch.randn(1, tokens, width))
        self.blocks = nn.ModuleList(
            Block(width, heads, explicit, qkv_bias, layer_scale, gelu) for _ in range(depth)
        )
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Linear(width, classes)
        self.head_dist = nn.Linear(width, classes) if distilled else None

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = self.patch_embed(images).flatten(2).transpose(1, 2)
        tokens = [self.cls_token.expand(x.shape[0], -1, -1)]
        if self.dist_token is not None:
            tokens.append(self.dist_token.expand(x.shape[0], -1, -1))
        x = torch.cat([*tokens, x], dim=1) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        if self.pool == "avg":
            return self.head(self.norm(x[:, 1:].mean(dim=1)))
        x = self.norm(x)
        if self.head_dist is not None:
            return (self.head(x[:, 0]) + self.head_dist(x[:, 1])) / 2
        return self.head(x[:, 0])


PLAIN: dict[str, Callable[[], PlainViT]] = {
    "vit": PlainViT,
    "deit_distilled": lambda: PlainViT(distilled=True, heads=4),
    "avg_pool": lambda: PlainViT(pool="avg", depth=1),
    "layer_scale": lambda: PlainViT(layer_scale=True, patch=14, image=28, depth=1),
    "explicit": lambda: PlainViT(explicit=True, depth=1),
    "no_qkv_bias": lambda: PlainViT(qkv_bias=False, depth=1, width=24, heads=3),
    "gelu_tanh": lambda: PlainViT(gelu="tanh", depth=1),
    "one_head": lambda: PlainViT(heads=1, depth=1),
}


def plain(name: str) -> PlainViT:
    """The model called ``name``, in eval mode, every parameter random with seed 0."""
    torch.default_generator.manual_seed(0)
    model = PLAIN[name]().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    return model
