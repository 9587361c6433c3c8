"""Train the demo model in integers: a few minutes from FP32, before and after.

    apt-get install dataset-fashion-mnist
    python -m examples.qat_fashion_vit                        # the paper's ops at 8 bits, then 4-bit
    python -m examples.qat_fashion_vit --only w4a4 -o trained # trained/w4a4.mlir is for: ivit compile

Each setting is calibrated on 128 training images (that alone is "before"), then trained to give the float
model's logits, without labels: AdamW, a cosine schedule, mirrored images. Accuracies are those of compiled
models on the test split.
"""

# pyright: strict, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# (torch is only partly typed)

from __future__ import annotations

import argparse
import copy
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

import ivit
import ivit.qat
from examples.fashion_mnist import FASHION_MNIST, load_split
from examples.fashion_vit import MEAN, STD, FashionViT, trained
from examples.train_fashion_vit import accuracy, augment, learning_rate, normalise

CALIBRATION, SEED = 128, 1


@dataclass(frozen=True)
class Setting:
    """How the model is quantised, what becomes of ranges, steps, and the peak learning rate."""

    title: str
    range_training: str
    steps: int
    rate: float
    options: dict[str, Any] = field(default_factory=dict[str, Any])


SETTINGS = {
    "paper": Setting("W8A8, the paper's ops", "ema", 160, 3e-5, {"recipe": "paper"}),
    "w4a4": Setting("W4A4", "learned", 160, 3e-5, {"weight_bits": 4, "activation_bits": 4}),
    "w4a4-paper": Setting(
        "W4A4, the paper's ops",
        "learned",
        160,
        3e-5,
        {"recipe": "paper", "weight_bits": 4, "activation_bits": 4},
    ),
}


@dataclass(frozen=True)
class Data:
    """uint8 [N, 28, 28] of both splits; the labels int64 [N] of the test split only."""

    images: torch.Tensor
    test_images: torch.Tensor
    test_labels: torch.Tensor


def load(folder: Path) -> Data:
    images, _ = load_split(folder, "train")
    test_images, labels = load_split(folder, "t10k")
    arrays = (torch.from_numpy(array.copy()) for array in (images, test_images, labels))
    return Data(*arrays)


def top1(model: ivit.qat.QatModel, data: Data) -> float:
    """Of the compiled model, in percent."""
    module, weights = model.integer_module()
    compiled = ivit.compile(module, weights=weights)
    pixels = data.test_images.numpy()[..., None]
    hits = sum(
        int(np.sum(compiled(pixels[i : i + 500]).argmax(1) == data.test_labels[i : i + 500].numpy()))
        for i in range(0, len(pixels), 500)
    )
    return 100 * hits / len(pixels)


def train(
    model: ivit.qat.QatModel, teacher: FashionViT, data: Data, steps: int, batch: int, rate: float
) -> float:
    """Some steps; seconds a step."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.0)
    started, total = time.perf_counter(), 0.0
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, steps, rate)
        pick = torch.randint(len(data.images), (batch,))
        images = normalise(augment(data.images[pick], 0))
        with torch.no_grad():
            target = teacher(images)
        logits = model(images)
        loss = ivit.qat.distillation_loss(logits, target)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        total += float(loss.detach())
        if (step + 1) % 25 == 0:
            each = (time.perf_counter() - started) / (step + 1)
            print(f"  step {step + 1}: loss {total / 25:.5f}, {1000 * each:.0f} ms a step", flush=True)
            total = 0.0
    return (time.perf_counter() - started) / steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, default=FASHION_MNIST, help="folder with the four IDX files")
    parser.add_argument("--only", choices=SETTINGS, action="append", help="default: paper and w4a4")
    parser.add_argument("--steps", type=int, help="default: the setting's")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, help="peak learning rate; default: the setting's")
    parser.add_argument(
        "--range-training", choices=("frozen", "ema", "learned"), help="default: the setting's"
    )
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("-o", "--output", type=Path, help="folder for checkpoints and .mlir files")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    data = load(options.data)
    teacher, example = trained()
    float_top1 = accuracy(teacher, data.test_images, data.test_labels.long())
    teacher.eval()
    print(f"FP32: {float_top1:.2f} %", flush=True)
    for name in options.only or ["paper", "w4a4"]:
        setting = SETTINGS[name]
        torch.manual_seed(SEED)
        chosen = torch.randperm(len(data.images))[:CALIBRATION]
        model = ivit.qat.prepare(
            copy.deepcopy(teacher),
            example,
            data.images[chosen].unsqueeze(-1),
            mean=[MEAN],
            std=[STD],
            range_training=options.range_training or setting.range_training,
            **setting.options,
        )
        before = top1(model, data)
        print(f"{setting.title}: {before:.2f} % before", flush=True)
        steps, rate = options.steps or setting.steps, options.rate or setting.rate
        seconds = train(model.train(), teacher, data, steps, options.batch, rate)
        model.eval()
        after = top1(model, data)
        print(
            f"{setting.title}: {before:.2f} % -> {after:.2f} % ({after - float_top1:+.2f} against FP32),"
            f" {steps} steps of {options.batch}, {1000 * seconds:.0f} ms each",
            flush=True,
        )
        if options.output is not None:
            options.output.mkdir(parents=True, exist_ok=True)
            torch.save(model.state_dict(), options.output / f"{name}.pt")
            model.export(options.output / f"{name}.mlir")


if __name__ == "__main__":
    main()
