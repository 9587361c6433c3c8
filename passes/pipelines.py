"""Every named pipeline, as the string that ``-p`` replays. Nothing is imported here, only named."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class NamedPipeline:
    """Passes in order, with the options that a caller may set on them.

    ``options`` maps an option's name to the pass fields that take it, as ``pass.field``.
    """

    name: str
    help: str
    passes: tuple[str, ...]
    options: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])

    def spec(self, options: dict[str, str] | None = None) -> str:
        """The pipeline as text. ValueError names an option that it does not have."""
        given: dict[str, list[str]] = {name: [] for name in self.passes}
        for option, value in (options or {}).items():
            if option not in self.options:
                known = ", ".join(self.options) or "none"
                raise ValueError(f"--{self.name} has no option '{option}' (options: {known})")
            for target in self.options[option]:
                name, _, parameter = target.partition(".")
                given[name].append(f"{parameter}={_quoted(value)}")
        return ",".join(_spec(name, arguments) for name, arguments in given.items())


def pass_spec(name: str, options: dict[str, str]) -> str:
    """One pass with its options as text."""
    return _spec(name, [f"{option}={_quoted(value)}" for option, value in options.items()])


def _spec(name: str, arguments: list[str]) -> str:
    return f"{name}{{{' '.join(arguments)}}}" if arguments else name


def _quoted(value: str) -> str:
    """Numbers, lists of numbers and booleans stand bare; all else is a string."""
    bare = value in ("true", "false") or all(_is_number(part) for part in value.split(","))
    return value if bare else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text[-1].isdigit()


LOWER_TO_INT = NamedPipeline(
    "lower-to-int",
    "torch level to integers: raise, generalise the batch, calibrate, quantize, drop unread tokens, check",
    ("raise-torch", "generalize-batch", "calibrate", "quantize", "slice-early", "verify-integer-only"),
    {
        "calibration": ("calibrate.images",),
        "mean": ("calibrate.mean", "quantize.mean"),
        "std": ("calibrate.std", "quantize.std"),
        "softmax": ("quantize.softmax",),
        "gelu": ("quantize.gelu",),
        "layernorm": ("quantize.layernorm",),
    },
)
FUSE = NamedPipeline(
    "fuse",
    "integer level to its fused form: requants into producers, attention into one op; then proofs",
    ("conv2d-to-linear", "fuse-requant", "fuse-attention", "prove-no-overflow", "verify-integer-only"),
)
DECOMPOSE = NamedPipeline(
    "decompose",
    "composite ops into primitives, bit for bit",
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
    ("plan-memory",),
    {"target": ("plan-memory.target",)},
)
LOWER_TO_LOOPS = NamedPipeline(
    "lower-to-loops",
    "plan level to one function per distinct kernel",
    ("lower-to-loops",),
    {"target": ("lower-to-loops.target",)},
)
LOWER_TO_LLVM = NamedPipeline(
    "lower-to-llvm",
    "loops level to the llvm dialect",
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

PIPELINES = {
    pipeline.name: pipeline
    for pipeline in (LOWER_TO_INT, FUSE, DECOMPOSE, LOWER_TO_PLAN, LOWER_TO_LOOPS, LOWER_TO_LLVM)
}
