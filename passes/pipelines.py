"""Every named pipeline: the passes that it stands for, and its options. No pass is imported, only named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from xdsl.utils.arg_spec import ArgSpec, ParameterListType

from passes.quantization.options import OPTION_NAMES


@dataclass(frozen=True)
class NamedPipeline:
    """Passes in order, with the options that a caller may set on them.

    ``level`` is the level of IR that it takes. ``options`` maps an option's name to the pass fields that take
    it, as ``pass.field``.
    """

    name: str
    help: str
    level: str
    passes: tuple[str, ...]
    options: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])

    def specs(self, options: Mapping[str, ParameterListType] | None = None) -> tuple[ArgSpec, ...]:
        """Its passes with their options. ValueError names an option that it does not have."""
        given: dict[str, dict[str, ParameterListType]] = {name: {} for name in self.passes}
        for option, value in (options or {}).items():
            if option not in self.options:
                known = ", ".join(self.options) or "none"
                raise ValueError(f"--{self.name} has no option '{option}' (options: {known})")
            for target in self.options[option]:
                name, _, parameter = target.partition(".")
                given[name][parameter] = value
        return tuple(ArgSpec(name, parameters) for name, parameters in given.items())

    def spec(self) -> str:
        """Its passes as text that any xDSL driver takes with ``-p``."""
        return ",".join(map(str, self.specs()))


LOWER_TO_INT = NamedPipeline(
    "lower-to-int",
    "torch level to integers: raise, generalise the batch, calibrate, quantize, drop unread tokens, check",
    "torch",
    ("raise-torch", "generalize-batch", "calibrate", "quantize", "slice-early", "verify-integer-only"),
    {
        "calibration": ("calibrate.images", "quantize.images"),
        "mean": ("calibrate.mean", "quantize.mean"),
        "std": ("calibrate.std", "quantize.std"),
        **{name: (f"quantize.{name}",) for name in OPTION_NAMES},
    },
)
FUSE = NamedPipeline(
    "fuse",
    "integer level to its fused form: requants into producers, attention into one op; then proofs",
    "ivit",
    ("conv2d-to-linear", "fuse-requant", "fuse-attention", "prove-no-overflow", "verify-integer-only"),
)
DECOMPOSE = NamedPipeline(
    "decompose",
    "composite ops into primitives, bit for bit",
    "ivit",
    (
        "decompose-attention",
        "decompose-softmax",
        "decompose-shiftmax",
        "decompose-shiftgelu",
        "decompose-layernorm",
        "decompose-i-layernorm",
        "verify-integer-only",
    ),
)
LOWER_TO_PLAN = NamedPipeline(
    "lower-to-plan",
    "fused integer level to kernel launches over one arena",
    "ivit",
    ("pair-weights", "plan-memory"),
    {"target": ("pair-weights.target", "plan-memory.target")},
)
LOWER_TO_LOOPS = NamedPipeline(
    "lower-to-loops",
    "plan level to one function per distinct kernel",
    "plan",
    ("lower-to-loops",),
    {"target": ("lower-to-loops.target",)},
)
LOWER_TO_GPU = NamedPipeline(
    "lower-to-gpu",
    "plan level of a GPU target to one kernel per distinct launch, and the host's launches",
    "plan",
    ("lower-to-gpu",),
)
LOWER_TO_LLVM = NamedPipeline(
    "lower-to-llvm",
    "loops level to the llvm dialect",
    "loops",
    (
        "lower-scf-to-cf",
        "convert-vector-to-llvm",
        "convert-memref-to-llvm",
        "convert-arith-to-llvm",
        "convert-cf-to-llvm",
        "convert-func-to-llvm",
        "reconcile-unrealized-casts",
    ),
)

LOWER_GPU_TO_LLVM = NamedPipeline(
    "lower-gpu-to-llvm",
    "kernels of the gpu level to the llvm dialect",
    "loops",
    ("convert-gpu-to-llvm", *LOWER_TO_LLVM.passes),
)

PIPELINES = {
    pipeline.name: pipeline
    for pipeline in (
        LOWER_TO_INT,
        FUSE,
        DECOMPOSE,
        LOWER_TO_PLAN,
        LOWER_TO_LOOPS,
        LOWER_TO_LLVM,
        LOWER_TO_GPU,
        LOWER_GPU_TO_LLVM,
    )
}
