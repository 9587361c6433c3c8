"""Write the demo's package data: the trained model as torch-level IR, and 2,000 test images.

    python -m examples.export_demo fashion_vit.safetensors

Needs the extra [import], the checkpoint that ``train_fashion_vit.py`` writes, and Debian's package
``dataset-fashion-mnist``. The images are 200 of each class of the test split, none of which was trained on.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from examples.fashion_mnist import FASHION_MNIST, load_split
from examples.fashion_vit import MEAN, STD, FashionViT
from ivit_dialect.load import save_module
from ivit_dialect.store import StoreContext
from passes.import_model import import_module

OUTPUT = Path(__file__).parents[1] / "ivit" / "demo"
CLASSES, PER_CLASS, SEED = 10, 200, 2022


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", type=Path, help="what train_fashion_vit.py wrote")
    parser.add_argument("--data", type=Path, default=FASHION_MNIST, help="folder with the four IDX files")
    parser.add_argument("-o", "--output", type=Path, default=OUTPUT, help="folder to write to")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    export_model(options.checkpoint, options.output / "model.mlir")
    export_images(options.data, options.output / "images.npz")


def export_model(checkpoint: Path, path: Path) -> None:
    """The model in ``checkpoint`` as ``path``, with its weights beside it."""
    model = FashionViT()
    model.load_state_dict(load_file(checkpoint))
    ctx = StoreContext()
    module = import_module(model.eval(), torch.zeros(1, 1, 28, 28), ctx, mean=[MEAN], std=[STD])
    save_module(module, ctx.store, path)


def export_images(data: Path, path: Path) -> None:
    """``images`` uint8 [2000, 28, 28, 1] and ``labels`` uint8 [2000] of the test split, in random order."""
    images, labels = load_split(data, "t10k")
    rng = np.random.default_rng(SEED)
    chosen = [rng.choice(np.flatnonzero(labels == c), PER_CLASS, replace=False) for c in range(CLASSES)]
    order = rng.permutation(np.concatenate(chosen))
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial.npz")
    np.savez_compressed(temporary, images=images[order, :, :, None], labels=labels[order])
    os.replace(temporary, path)


if __name__ == "__main__":
    main()
