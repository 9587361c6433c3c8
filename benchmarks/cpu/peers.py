"""Who takes part: how each runtime loads the model, at its best, with a given number of threads.

Peers are optional packages without types, so they are imported when they are needed, as ``Any``.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from benchmarks.cpu.subjects import Case
from benchmarks.deit import SHAPE, deit

Run: TypeAlias = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Images [N, 3, 224, 224] to logits [N, 1000]."""

Kind: TypeAlias = Literal["fp32", "bf16", "int8"]
OURS = "ivit"
REFERENCE = "torch"
"""The peer whose outputs the others' are compared with."""


@dataclass(frozen=True)
class Peer:
    """A runtime, and in what numbers it computes; ``steps`` of ``prepare`` make the files that it loads."""

    key: str
    title: str
    kind: Kind
    packages: tuple[str, ...]
    steps: tuple[str, ...]
    load: Callable[[Case], Run]

    def missing(self) -> str | None:
        """Which packages are not installed, in one line."""
        absent = [name for name in self.packages if importlib.util.find_spec(name) is None]
        return f"not installed: {', '.join(absent)} (pip install 'ivit[import,bench]')" if absent else None


def torch_eager(case: Case) -> Run:
    """PyTorch as it comes."""
    return _torch(case, lambda model: model)


def torch_compiled(case: Case) -> Run:
    """``torch.compile`` for this very batch size."""
    torch: Any = importlib.import_module("torch")
    return _torch(case, lambda model: torch.compile(model, dynamic=False))


def _torch(case: Case, prepare: Callable[[Any], Any]) -> Run:
    torch: Any = importlib.import_module("torch")
    torch.set_num_threads(case.threads)
    torch.set_num_interop_threads(1)
    model = prepare(deit(case.model))

    def run(images: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            return model(torch.from_numpy(images)).numpy()

    return run


def onnxruntime(ending: str) -> Callable[[Case], Run]:
    """ONNX Runtime on the file with that ending; all graph optimisations, which is its default."""

    def load(case: Case) -> Run:
        runtime: Any = importlib.import_module("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = case.threads, 1
        providers = ["CPUExecutionProvider"]
        session = runtime.InferenceSession(str(case.file(ending)), options, providers=providers)
        return lambda images: session.run(None, {"images": images})[0]

    return load


def openvino(ending: str, precision: str | None) -> Callable[[Case], Run]:
    """OpenVINO on the file with that ending, for this very batch size, tuned for latency.

    ``precision`` is that of floats; None leaves it to OpenVINO.
    """

    def load(case: Case) -> Run:
        runtime: Any = importlib.import_module("openvino")
        core = runtime.Core()
        if precision == "bf16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            raise ValueError("this processor has no bfloat16")
        model = core.read_model(str(case.file(ending)))
        model.reshape([case.batch, *SHAPE])
        options = {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
            "INFERENCE_NUM_THREADS": case.threads,
        }
        if precision is not None:
            options["INFERENCE_PRECISION_HINT"] = precision
        compiled = core.compile_model(model, "CPU", options)
        return lambda images: compiled(images, share_inputs=True)[0]

    return load


def ours(case: Case) -> Run:
    """ivit's artifact."""
    import ivit

    return ivit.load(case.artifact, threads=case.threads)


_ORT = ("onnxruntime", "onnx", "torch")
_OPENVINO = ("openvino", "onnx", "torch")
_NNCF = ("openvino", "nncf", "onnx", "torch")
_STATIC, _DYNAMIC = onnxruntime("static.onnx"), onnxruntime("dynamic.onnx")
_ALL = (
    Peer("torch", "PyTorch FP32, eager", "fp32", ("torch",), (), torch_eager),
    Peer("torch-compile", "PyTorch FP32, torch.compile", "fp32", ("torch",), (), torch_compiled),
    Peer("ort", "ONNX Runtime FP32", "fp32", _ORT, ("onnx",), onnxruntime("onnx")),
    Peer("ort-static", "ONNX Runtime INT8, static", "int8", _ORT, ("onnx", "ort-static"), _STATIC),
    Peer("ort-dynamic", "ONNX Runtime INT8, dynamic", "int8", _ORT, ("onnx", "ort-dynamic"), _DYNAMIC),
    Peer("openvino", "OpenVINO FP32", "fp32", _OPENVINO, ("onnx",), openvino("onnx", "f32")),
    Peer("openvino-bf16", "OpenVINO BF16", "bf16", _OPENVINO, ("onnx",), openvino("onnx", "bf16")),
    Peer(
        "openvino-int8",
        "OpenVINO INT8, NNCF",
        "int8",
        _NNCF,
        ("onnx", "openvino-int8"),
        openvino("int8.xml", None),
    ),
    Peer(OURS, "ivit INT8", "int8", (), ("mlir", "ivit"), ours),
)
PEERS = {peer.key: peer for peer in _ALL}
"""By key, in the order of the tables."""
