"""Who takes part on a GPU: PyTorch in several numbers, eager and compiled, and ours.

PyTorch is optional and without types, so it is ``Any``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from benchmarks.deit import deit
from benchmarks.gpu.carried import MEAN, STD, Carried
from runtime.cuda import tensors
from runtime.cuda.executable import CudaExecutable

Kind: TypeAlias = Literal["fp32", "tf32", "fp16", "bf16", "int8"]
OURS, GRAPH, REFERENCE = "ivit", "ivit-graph", "torch-fp32"


@dataclass(frozen=True)
class Case:
    """A model at a batch size, with its images uint8 [N, H, W, C] on the GPU."""

    torch: Any
    carried: Carried
    executable: CudaExecutable
    pixels: Any

    def normalised(self, dtype: Any) -> Any:
        """The images as PyTorch's model takes them: [N, C, H, W]."""
        torch = self.torch
        mean, std = (torch.tensor(x, device=self.pixels.device).view(1, 3, 1, 1) for x in (MEAN, STD))
        scaled = self.pixels.permute(0, 3, 1, 2).to(torch.float32) / 255
        return ((scaled - mean) / std).to(dtype).contiguous()

    def bits(self) -> NDArray[Any]:
        """The integers of all images."""
        return self.executable.run_tensor(self.pixels).cpu().numpy()

    def outputs(self, call: Callable[[], Any]) -> NDArray[np.float64]:
        """What a call returns, [N, classes]."""
        return call().to(self.torch.float64).cpu().numpy()


@dataclass(frozen=True)
class Peer:
    """Someone who takes part; ``load`` gives a call that returns logits on the GPU.

    ``tf32`` is whether PyTorch may round float32 products to TF32.
    """

    key: str
    title: str
    kind: Kind
    load: Callable[[Case], Callable[[], Any]]
    tf32: bool = False

    def prepare(self, torch: Any) -> None:
        """What must hold while it runs."""
        torch.backends.cuda.matmul.allow_tf32 = self.tf32
        torch.backends.cudnn.allow_tf32 = self.tf32


def eager(dtype: str) -> Callable[[Case], Callable[[], Any]]:
    """PyTorch as it comes, in numbers of that type."""
    return lambda case: _torch_call(case, dtype, lambda model: model)


def compiled(dtype: str) -> Callable[[Case], Callable[[], Any]]:
    """``torch.compile`` at its best, for this very batch size; it replays CUDA graphs."""
    options = {"mode": "max-autotune", "dynamic": False}
    return lambda case: _torch_call(case, dtype, lambda model: case.torch.compile(model, **options))


def _torch_call(case: Case, dtype: str, made: Callable[[Any], Any]) -> Callable[[], Any]:
    torch = case.torch
    numbers = getattr(torch, dtype)
    model: Any = made(deit(case.carried.model).to(device="cuda", dtype=numbers))
    images = case.normalised(numbers)

    def call() -> Any:
        with torch.inference_mode():
            return model(images)

    return call


def ours(case: Case) -> Callable[[], Any]:
    """Pixels to float32 logits, as ``ivit.Model`` does it."""
    boundary = case.carried.boundary
    return lambda: tensors.to_floats(boundary, case.executable.run_tensor(case.pixels))


def our_graph(case: Case) -> Callable[[], Any]:
    """The replay alone, into one place: pixels to integers."""
    pixels = case.pixels
    results = tensors.empty_results(case.carried.boundary, pixels)
    loaded = case.executable.on(tensors.ordinal_of(pixels))

    def call() -> Any:
        loaded.start(pixels.data_ptr(), results.data_ptr(), len(pixels), tensors.stream_of(pixels))
        return results

    return call


_ALL = (
    Peer(REFERENCE, "PyTorch FP32, eager", "fp32", eager("float32")),
    Peer("torch-tf32", "PyTorch FP32 by TF32, eager", "tf32", eager("float32"), tf32=True),
    Peer("torch-fp16", "PyTorch FP16, eager", "fp16", eager("float16")),
    Peer("torch-fp16-compile", "PyTorch FP16, torch.compile", "fp16", compiled("float16")),
    Peer("torch-bf16-compile", "PyTorch BF16, torch.compile", "bf16", compiled("bfloat16")),
    Peer(OURS, "ivit INT8", "int8", ours),
    Peer(GRAPH, "ivit INT8, integers alone", "int8", our_graph),
)
PEERS = {peer.key: peer for peer in _ALL}
"""By key, in the order of the tables."""
