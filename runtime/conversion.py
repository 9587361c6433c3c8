"""Float images to a model's integers in one pass of native code, compiled for this machine at its first use.

It belongs to the host's side: the integer program has no floating-point instruction, these loops are apart
from it. A pass reads an image once and keeps nothing between; array operations would go over it eight times.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

FUSED_CHANNELS = 4
"""Up to so many channels are interleaved in one pass; with more, each channel has a pass of its own."""

_Signature = ctypes.CFUNCTYPE(
    ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p
)
_CONVERT = "convert"

Levels = Literal["divided", "affine"]
"""How a float becomes a level, before it is rounded: ``x / a``, or ``x * a + b``."""


def convert(
    image: NDArray[np.float32], target: NDArray[Any], levels: Levels, factors: NDArray[np.float32]
) -> int:
    """``clip(rint(level))`` of ``image`` [C, H, W] into ``target`` [H, W, C], int8 or uint8, contiguous.

    int8 is clipped to [-127, 127]. ``factors`` [C, 2] has ``a`` and ``b`` of each channel; arithmetic is
    float32's, every operation rounded by itself. Returns how many values were clipped, or -1 where the image
    holds NaN or infinity.
    """
    image = np.ascontiguousarray(image)
    channels, pixels = len(image), image[0].size
    planes = channels if channels <= FUSED_CHANNELS else 1
    low, high = (0, 255) if target.dtype == np.uint8 else (-127, 127)
    native = _compiled(levels, planes, channels, low, high)
    not_finite = ctypes.c_int32(0)
    clipped = 0
    for channel in range(0, channels, planes):
        clipped += native(
            image[channel:].ctypes.data,
            target.ctypes.data + channel,
            pixels,
            factors[channel:].ctypes.data,
            ctypes.addressof(not_finite),
        )
    return -1 if not_finite.value else clipped


def factors_of(scales: ArrayLike, offsets: ArrayLike) -> NDArray[np.float32]:
    """``a`` and ``b`` of each channel, [C, 2], as ``convert`` takes them."""
    return np.ascontiguousarray(np.array([scales, offsets], np.float32).T)


class _Native:
    """A loaded function, and the code that it lies in."""

    def __init__(self, text: str) -> None:
        import llvmlite.binding as llvm

        from runtime.jit import LoadedObject

        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        machine = llvm.Target.from_default_triple().create_target_machine(
            cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=3, reloc="pic"
        )
        module = llvm.parse_assembly(text)
        module.verify()
        tuning = llvm.create_pipeline_tuning_options(speed_level=3)
        tuning.loop_vectorization = True
        passes = llvm.create_pass_builder(machine, tuning)
        passes.getModulePassManager().run(module, passes)
        self._loaded = LoadedObject(machine.emit_object(module), [_CONVERT])
        self._function = _Signature(self._loaded.address(_CONVERT))

    def __call__(self, *arguments: int) -> int:
        return self._function(*arguments)


@cache
def _compiled(levels: Levels, planes: int, channels: int, low: int, high: int) -> _Native:
    return _Native(_module(levels, planes, channels, low, high))


def _module(levels: Levels, planes: int, channels: int, low: int, high: int) -> str:
    """LLVM IR of a loop over pixels, ``planes`` of which are written at a step of ``channels`` bytes."""
    heads = [_HEAD.format(c=c) for c in range(planes)]
    level = {"divided": _DIVIDED, "affine": _AFFINE}[levels]
    bodies = [
        _BODY.format(
            c=c,
            level=level.format(c=c),
            low=f"{low}.0",
            high=f"{high}.0",
            clipped=_last("clipped", c),
            wrong=_last("wrong", c),
        )
        for c in range(planes)
    ]
    return _LOOP.format(
        heads="".join(heads),
        bodies="".join(bodies),
        channels=channels,
        clipped=_last("clipped", planes),
        wrong=_last("wrong", planes),
    )


def _last(name: str, planes: int) -> str:
    """A count after so many planes of a pixel."""
    return f"%{name}{planes - 1}" if planes else f"%{name}"


_HEAD = """
  %a_at{c} = getelementptr [2 x float], ptr %factors, i64 {c}, i64 0
  %b_at{c} = getelementptr [2 x float], ptr %factors, i64 {c}, i64 1
  %a{c} = load float, ptr %a_at{c}
  %b{c} = load float, ptr %b_at{c}
  %start{c} = mul i64 %pixels, {c}
  %plane{c} = getelementptr float, ptr %image, i64 %start{c}"""

_DIVIDED = "%level{c} = fdiv float %x{c}, %a{c}"
_AFFINE = "%scaled{c} = fmul float %x{c}, %a{c}\n  %level{c} = fadd float %scaled{c}, %b{c}"

# A NaN is below everything (ult), so that what becomes of it is defined; that there is one is told by x - x.
_BODY = """
  %x_at{c} = getelementptr float, ptr %plane{c}, i64 %pixel
  %x{c} = load float, ptr %x_at{c}, align 1
  {level}
  %rounded{c} = call float @llvm.rint.f32(float %level{c})
  %difference{c} = fsub float %x{c}, %x{c}
  %is_wrong{c} = fcmp uno float %difference{c}, 0.0
  %is_below{c} = fcmp ult float %rounded{c}, {low}
  %is_above{c} = fcmp ogt float %rounded{c}, {high}
  %raised{c} = select i1 %is_below{c}, float {low}, float %rounded{c}
  %inside{c} = select i1 %is_above{c}, float {high}, float %raised{c}
  %integer{c} = fptosi float %inside{c} to i32
  %byte{c} = trunc i32 %integer{c} to i8
  %y_at{c} = getelementptr i8, ptr %y, i64 {c}
  store i8 %byte{c}, ptr %y_at{c}
  %is_outside{c} = or i1 %is_below{c}, %is_above{c}
  %one{c} = zext i1 %is_outside{c} to i32
  %clipped{c} = add i32 {clipped}, %one{c}
  %flag{c} = zext i1 %is_wrong{c} to i32
  %wrong{c} = or i32 {wrong}, %flag{c}"""

_LOOP = """
declare float @llvm.rint.f32(float)

define i64 @convert(ptr noalias %image, ptr noalias %target, i64 %pixels, ptr noalias %factors,
                    ptr noalias %not_finite) {{
entry:{heads}
  br label %loop
loop:
  %pixel = phi i64 [0, %entry], [%next, %loop]
  %clipped = phi i32 [0, %entry], [{clipped}, %loop]
  %wrong = phi i32 [0, %entry], [{wrong}, %loop]
  %y_start = mul i64 %pixel, {channels}
  %y = getelementptr i8, ptr %target, i64 %y_start{bodies}
  %next = add i64 %pixel, 1
  %more = icmp ult i64 %next, %pixels
  br i1 %more, label %loop, label %exit
exit:
  %before = load i32, ptr %not_finite
  %now = or i32 %before, {wrong}
  store i32 %now, ptr %not_finite
  %result = zext i32 {clipped} to i64
  ret i64 %result
}}
"""
