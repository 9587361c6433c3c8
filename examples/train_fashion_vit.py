"""Train the demo model on Fashion-MNIST from scratch, on a CPU.

    apt-get install dataset-fashion-mnist
    python -m examples.train_fashion_vit --epochs 14 -o start.safetensors
    python -m examples.train_fashion_vit --epochs 6 --peak-lr 6e-4 --shift 0 --init start.safetensors

These two gave the demo's weights: 90.8 % of the test split.

AdamW, a cosine schedule with warm-up, label smoothing, random shifts and mirroring, and an
exponential moving average of the weights, which is what is saved.
"""

# pyright: strict, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# (torch is only partly typed)

from __future__ import annotations

import argparse
import copy
import math
import os
import time
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

from examples.fashion_mnist import FASHION_MNIST, load_split
from examples.fashion_vit import MEAN, STD, FashionViT


def normalise(images: torch.Tensor) -> torch.Tensor:
    """uint8 [N, 28, 28] -> float32 [N, 1, 28, 28]."""
    return (images.unsqueeze(1).float() / 255 - MEAN) / STD


def augment(images: torch.Tensor, shift: int) -> torch.Tensor:
    """Shift every uint8 image by up to ``shift`` pixels each way and mirror half of them."""
    count = images.shape[0]
    padded = F.pad(images, (shift,) * 4)
    offset = torch.randint(0, 2 * shift + 1, (2, count))
    span = torch.arange(28)
    rows, columns = (offset[i][:, None] + span for i in (0, 1))
    mirrored = torch.rand(count) < 0.5
    columns = torch.where(mirrored[:, None], columns.flip(1), columns)
    return padded[torch.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]


@torch.inference_mode()
def accuracy(model: FashionViT, images: torch.Tensor, labels: torch.Tensor) -> float:
    """Top-1 in percent."""
    model.eval()
    hits = sum(
        int((model(normalise(images[i : i + 500])).argmax(1) == labels[i : i + 500]).sum())
        for i in range(0, len(images), 500)
    )
    model.train()
    return 100 * hits / len(images)


def learning_rate(step: int, total: int, peak: float) -> float:
    """Linear warm-up over 5 % of the steps, then a cosine to 1 % of the peak."""
    warmup = total // 20
    if step < warmup:
        return peak * (step + 1) / warmup
    progress = (step - warmup) / (total - warmup)
    return peak * (0.01 + 0.99 * (1 + math.cos(math.pi * progress)) / 2)


def save(model: FashionViT, path: Path) -> None:
    """Write the float32 weights, whole or not at all."""
    temporary = path.with_suffix(".partial")
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, temporary)
    os.replace(temporary, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, default=FASHION_MNIST, help="folder with the four IDX files")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--peak-lr", type=float, default=1e-3)
    parser.add_argument("--shift", type=int, default=1, help="largest random shift in pixels")
    parser.add_argument("--init", type=Path, help="start from this checkpoint")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--bf16", action="store_true", help="bfloat16 matrix products")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, default=Path("fashion_vit.safetensors"))
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    images, labels = (torch.from_numpy(a.copy()) for a in load_split(options.data, "train"))
    test_images, test_labels = (torch.from_numpy(array.copy()) for array in load_split(options.data, "t10k"))
    labels, test_labels = labels.long(), test_labels.long()

    model = FashionViT()
    if options.init is not None:
        model.load_state_dict(load_file(options.init))
    average = copy.deepcopy(model)
    decayed = [p for p in model.parameters() if p.ndim > 1]
    plain = [p for p in model.parameters() if p.ndim <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.05}, {"params": plain, "weight_decay": 0.0}],
        lr=options.peak_lr,
    )
    steps = len(images) // options.batch
    total = steps * options.epochs
    for epoch in range(options.epochs):
        started, loss_sum = time.perf_counter(), 0.0
        order = torch.randperm(len(images))
        for i in range(steps):
            step = epoch * steps + i
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step, total, options.peak_lr)
            pick = order[i * options.batch : (i + 1) * options.batch]
            with torch.autocast("cpu", torch.bfloat16, enabled=options.bf16):
                logits = model(normalise(augment(images[pick], options.shift)))
            loss = F.cross_entropy(logits.float(), labels[pick], label_smoothing=0.05)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            with torch.no_grad():
                decay = min(0.998, (step + 1) / (step + 10))
                for mean, now in zip(average.parameters(), model.parameters(), strict=True):
                    mean.lerp_(now, 1 - decay)
            loss_sum += loss.item()
        top1 = accuracy(average, test_images, test_labels)
        seconds = time.perf_counter() - started
        report = f"loss {loss_sum / steps:.3f}, test {top1:.2f} %, {seconds:.0f} s"
        print(f"epoch {epoch + 1}/{options.epochs}: {report}", flush=True)
        save(average, options.output)


if __name__ == "__main__":
    main()
