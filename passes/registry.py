"""The passes of this room by name, imported only when asked for."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from xdsl.passes import ModulePass

_PASSES = {
    "calibrate": "CalibratePass",
    "conv2d-to-linear": "Conv2dToLinearPass",
    "decompose-attention": "DecomposeAttentionPass",
    "decompose-i-layernorm": "DecomposeILayerNormPass",
    "decompose-layernorm": "DecomposeLayerNormPass",
    "decompose-shiftgelu": "DecomposeShiftGeluPass",
    "decompose-shiftmax": "DecomposeShiftmaxPass",
    "decompose-softmax": "DecomposeSoftmaxPass",
    "fuse-attention": "FuseAttentionPass",
    "fuse-requant": "FuseRequantPass",
    "generalize-batch": "GeneralizeBatchPass",
    "prove-no-overflow": "ProveNoOverflowPass",
    "quantize": "QuantizePass",
    "raise-torch": "RaiseTorchPass",
    "slice-early": "SliceEarlyPass",
    "verify-integer-only": "VerifyIntegerOnlyPass",
}


def _loader(name: str, class_name: str) -> Callable[[], type[ModulePass]]:
    def load() -> type[ModulePass]:
        return getattr(import_module(f"passes.{name.replace('-', '_')}"), class_name)

    return load


def get_passes() -> dict[str, Callable[[], type[ModulePass]]]:
    """Factories by pass name; a pass named ``a-b`` is the class in ``passes/a_b.py``."""
    return {name: _loader(name, class_name) for name, class_name in _PASSES.items()}
