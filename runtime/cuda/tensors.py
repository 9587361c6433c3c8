"""PyTorch tensors on a GPU: taken and given where they lie, on PyTorch's current stream.

PyTorch is never imported here: whoever has such a tensor has imported it.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from runtime.boundary import Boundary

CUDA_DLPACK_DEVICE = 2


def on_gpu(images: object) -> bool:
    """Whether ``images`` says that it lies in a GPU's memory."""
    device_of: Any = getattr(images, "__dlpack_device__", None)
    if device_of is not None:
        return device_of()[0] == CUDA_DLPACK_DEVICE
    return hasattr(images, "__cuda_array_interface__")


def as_tensor(images: object) -> Any:
    """``images``, without gradient. TypeError for an array of another library than PyTorch."""
    torch: Any = sys.modules.get("torch")
    if torch is None or not isinstance(images, torch.Tensor):
        raise TypeError(
            f"images on a GPU must be a PyTorch tensor, got {type(images).__name__}:"
            " torch.as_tensor(images, device='cuda') takes them where they are"
        )
    tensor: Any = images
    return tensor.detach()


def check_pixels(boundary: Boundary, tensor: Any) -> None:
    """What the boundary says of NumPy pixels of that shape: TypeError or ValueError where they do not fit."""
    boundary.checked(np.broadcast_to(np.uint8(0), tuple(tensor.shape)))


def to_device(tensor: Any, integers: np.ndarray[Any, Any]) -> Any:
    """``integers`` where ``tensor`` lies."""
    torch: Any = sys.modules["torch"]
    return torch.from_numpy(integers).to(tensor.device)


def is_pixels(tensor: Any) -> bool:
    """Whether its elements are uint8."""
    return tensor.dtype is sys.modules["torch"].uint8


def aligned(tensor: Any, multiple: int) -> Any:
    """``tensor``, or a copy of it, in one piece from a multiple of so many bytes on."""
    tensor = tensor.contiguous()
    return tensor if tensor.data_ptr() % multiple == 0 else tensor.clone()


def empty_results(boundary: Boundary, tensor: Any) -> Any:
    """Room for the results of the images in ``tensor``, where they lie."""
    torch: Any = sys.modules["torch"]
    shape = (len(tensor), *boundary.output_shape)
    return torch.empty(shape, dtype=getattr(torch, boundary.output_dtype), device=tensor.device)


def stream_of(tensor: Any) -> int:
    """PyTorch's current stream on the tensor's GPU."""
    return sys.modules["torch"].cuda.current_stream(tensor.device).cuda_stream


def ordinal_of(tensor: Any) -> int:
    """The number of the tensor's GPU."""
    return tensor.device.index


def to_floats(boundary: Boundary, integers: Any) -> Any:
    """``Boundary.to_floats`` on the GPU: the product in float64, rounded once to float32."""
    torch: Any = sys.modules["torch"]
    return (integers.to(torch.float64) * boundary.output_scale).to(torch.float32)
