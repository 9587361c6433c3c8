"""The host's side of a model: float32 or pixels in, integers through, float32 out.

The only floating-point arithmetic of a compiled model is here, before the first and after the last integer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal, SupportsFloat, cast

import numpy as np
from numpy.typing import NDArray

from runtime.conversion import Levels, convert, factors_of

MAX_EXTENT = 1 << 20
MAX_IMAGE_ELEMENTS = 1 << 28
CPU_DLPACK_DEVICES = (1, 3)  # kDLCPU, kDLCUDAHost
OUTPUT_DTYPES = ("int8", "int16", "int32")
MOST_CLIPPED = 0.01
"""The share of values that may be clipped before it is told: a few come with resampling and with new data."""

InputKind = Literal["pixels", "quantized"]


@dataclass(frozen=True)
class Boundary:
    """How images become the integers of one compiled model, and its integers become floats.

    ``kind`` is ``pixels`` (the model takes uint8; ``mean`` and ``std`` per channel, of pixels scaled to
    [0, 1], are its source's normalisation) or ``quantized`` (the model takes int8 of scale ``input_scale``).
    ``input_shape`` is (H, W, C); ``output_shape`` is without the batch; a float result is integer *
    ``output_scale``.
    """

    kind: InputKind
    input_shape: tuple[int, int, int]
    output_shape: tuple[int, ...]
    output_dtype: str
    output_scale: float
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    input_scale: float = 1.0

    def __post_init__(self) -> None:
        _require(self.kind in ("pixels", "quantized"), f"unknown input kind {self.kind!r}")
        _require(len(self.input_shape) == 3, f"input shape must be (H, W, C), got {self.input_shape}")
        for name, shape in (("input", self.input_shape), ("output", self.output_shape)):
            _require(all(0 < n <= MAX_EXTENT for n in shape), f"{name} shape {shape} is out of range")
            _require(math.prod(shape) <= MAX_IMAGE_ELEMENTS, f"{name} shape {shape} is too large")
        _require(self.output_dtype in OUTPUT_DTYPES, f"unknown output type {self.output_dtype!r}")
        _require(_is_scale(self.output_scale), f"output scale {self.output_scale} is not positive")
        _require(_is_scale(self.input_scale), f"input scale {self.input_scale} is not positive")
        if self.kind == "pixels":
            channels = self.input_shape[2]
            _require(
                len(self.mean) == len(self.std) == channels,
                f"mean and std must have {channels} values, got {len(self.mean)} and {len(self.std)}",
            )
            _require(all(map(math.isfinite, self.mean)), f"mean {self.mean} is not finite")
            _require(all(map(_is_scale, self.std)), f"std {self.std} is not positive")

    @property
    def input_dtype(self) -> str:
        """``uint8`` or ``int8``: what the native entry reads."""
        return "uint8" if self.kind == "pixels" else "int8"

    @property
    def input_text(self) -> str:
        """What a caller passes: types and shapes."""
        height, width, channels = self.input_shape
        floats = f"float32 [N, {channels}, {height}, {width}]"
        return f"uint8 [N, {height}, {width}, {channels}] or {floats}" if self.kind == "pixels" else floats

    @property
    def output_text(self) -> str:
        """What a caller gets: type and shape."""
        return f"float32 [{', '.join(['N', *map(str, self.output_shape)])}]"

    def to_json(self) -> dict[str, Any]:
        """Plain values, for a file's metadata."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Boundary:
        """The inverse of ``to_json``; ValueError for anything that does not describe a boundary."""
        try:
            return cls(
                kind=values["kind"],
                input_shape=cast("tuple[int, int, int]", _integers(values["input_shape"])),
                output_shape=_integers(values["output_shape"]),
                output_dtype=values["output_dtype"],
                output_scale=_number(values["output_scale"]),
                mean=tuple(map(_number, values["mean"])),
                std=tuple(map(_number, values["std"])),
                input_scale=_number(values["input_scale"]),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"the input and output description is incomplete: {error}") from error

    def to_integers(self, images: object, on_clipped: Callable[[str], None] | None = None) -> NDArray[Any]:
        """Images as the model's integers: uint8 or int8, C-contiguous [N, H, W, C].

        ``images`` is float32 [N, C, H, W] in the source model's own convention or, for a ``pixels`` model,
        uint8 [N, H, W, C]; NumPy, PyTorch or anything else with DLPack or ``__array__``. Floats become
        ``clip(rint(x / scale), -127, 127)``, or pixels ``clip(rint((x * std + mean) * 255), 0, 255)``.
        ``on_clipped`` gets one line where more than 1 % of the values are clipped. TypeError for another type
        of element, ValueError for another shape, NaN or infinity.
        """
        array = self._formed(images)
        if array.dtype == np.uint8:
            return np.ascontiguousarray(array)
        integers = np.empty((len(array), *self.input_shape), self.input_dtype)
        clipped = 0
        for number, image in enumerate(array):
            count = convert(image, integers[number], *self._levels)
            if count < 0:
                raise _not_finite(number)
            clipped += count
        if on_clipped is not None and clipped > MOST_CLIPPED * array.size:
            share = 100 * clipped / array.size
            on_clipped(f"{share:.0f} % of the values lie outside {self._range_text()}")
        return integers

    def checked(self, images: object, first: int = 0) -> NDArray[Any]:
        """``images`` as an array that ``to_integers`` takes; TypeError or ValueError where they are none.

        Where they are some of many, ``first`` is the number of the first one, for the message.
        """
        array = self._formed(images)
        if array.dtype == np.float32 and not np.isfinite(array).all():
            raise _not_finite(first + int(np.argmin(np.isfinite(array).reshape(len(array), -1).all(axis=1))))
        return array

    def _formed(self, images: object) -> NDArray[Any]:
        """``images`` as an array of a type and shape that ``to_integers`` takes."""
        array = as_array(images)
        height, width, channels = self.input_shape
        if array.dtype == np.uint8:
            if self.kind != "pixels":
                raise TypeError(
                    "this model takes float32 (N, C, H, W): compile it with mean and std for uint8 pixels"
                )
            _check_shape(array, self.input_shape, "uint8 pixels are (N, H, W, C)")
            return array
        if array.dtype != np.float32:
            wanted = "float32 (N, C, H, W)" + (" or uint8 (N, H, W, C)" if self.kind == "pixels" else "")
            raise TypeError(f"images must be {wanted}, got {array.dtype}: convert them first")
        _check_shape(array, (channels, height, width), "float32 images are (N, C, H, W)")
        return array

    def check_integers(self, images: NDArray[Any]) -> None:
        """ValueError unless ``images`` is [N, H, W, C] of the input's integers."""
        if images.shape[1:] != self.input_shape or images.dtype != self.input_dtype:
            raise ValueError(
                f"expected {self.input_dtype} images [N, {', '.join(map(str, self.input_shape))}],"
                f" got {images.dtype} {list(images.shape)}"
            )

    def to_floats(self, integers: NDArray[Any]) -> NDArray[np.float32]:
        """Integer outputs as float32 of the same shape: ``integer * output_scale``, rounded once."""
        return (integers * self.output_scale).astype(np.float32)

    @cached_property
    def _levels(self) -> tuple[Levels, NDArray[np.float32]]:
        """How floats become levels of the model's integers, and the numbers of each channel for it."""
        channels = self.input_shape[2]
        if self.kind == "quantized":
            return "divided", factors_of([self.input_scale] * channels, [0] * channels)
        std, mean = (np.array(values, np.float32) * np.float32(255) for values in (self.std, self.mean))
        return "affine", factors_of(std, mean)

    def _range_text(self) -> str:
        """The range of floats that is not clipped, and what may be wrong beyond it."""
        if self.kind == "quantized":
            bound = f"{127 * self.input_scale:.3g}"
            return (
                f"the range that was calibrated (-{bound}..{bound}); the model clips them:"
                " were the images prepared as those for calibration?"
            )
        channels = list(zip(self.mean, self.std, strict=True))
        low = min(-mean / std for mean, std in channels)
        high = max((1 - mean) / std for mean, std in channels)
        return (
            f"what a pixel can be ({low:.3g}..{high:.3g}); the model clips them: were the images normalised?"
        )


def as_array(images: object) -> NDArray[Any]:
    """``images`` as a NumPy array, without a copy where that is possible.

    TypeError for objects that are no array, masked arrays, and tensors of another device than the CPU.
    """
    if isinstance(images, np.ma.MaskedArray):
        raise TypeError("images must not be a masked array: fill in its values first, with .filled()")
    if isinstance(images, np.ndarray):
        return cast("NDArray[Any]", images)
    detach: Any = getattr(images, "detach", None)
    tensor: Any = images if detach is None else detach()
    device_of: Any = getattr(tensor, "__dlpack_device__", None)
    if device_of is not None:
        try:
            if device_of()[0] in CPU_DLPACK_DEVICES:
                return np.from_dlpack(tensor)
        except (BufferError, RuntimeError, ValueError) as error:
            if "bfloat16" in str(getattr(tensor, "dtype", "")):
                raise TypeError(
                    "images are of type bfloat16, which NumPy lacks: convert them to float32 first"
                ) from error
            raise TypeError(
                f"images of type {type(images).__name__} cannot be read ({error}):"
                " convert them to float32 first"
            ) from error
        raise TypeError("images must be in the CPU's memory: move them first, with .cpu() in PyTorch")
    if hasattr(tensor, "__array__"):
        return np.asarray(tensor)
    raise TypeError(f"images must be a NumPy array or a tensor, got {type(images).__name__}")


def _not_finite(number: int) -> ValueError:
    return ValueError(f"image {number} holds NaN or infinity")


def _check_shape(images: NDArray[Any], image_shape: Sequence[int], convention: str) -> None:
    if images.ndim != 4 or images.shape[1:] != tuple(image_shape):
        wanted = ", ".join(["N", *map(str, image_shape)])
        raise ValueError(f"images must have shape ({wanted}), got {images.shape}; {convention}")


def _integers(values: Sequence[Any]) -> tuple[int, ...]:
    if not all(type(value) is int for value in values):
        raise TypeError(f"expected integers, got {values!r}")
    return tuple(values)


def _number(value: SupportsFloat) -> float:
    if isinstance(value, (bool, str)):
        raise TypeError(f"expected a number, got {value!r}")
    return float(value)


def _is_scale(value: float) -> bool:
    return math.isfinite(value) and value > 0


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)
