"""Makes the files that peers load, each in a process of its own, so that nothing of it stays in memory.

    python -m benchmarks.cpu.prepare STEP MODEL FOLDER TARGET

A file that is there already is kept where the same versions of the same packages made it; ours never is.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.cpu.processes import run_module
from benchmarks.cpu.subjects import Case, images
from benchmarks.deit import SHAPE, deit
from ivit_dialect.files import whole_file

CALIBRATION_IMAGES = 8
OPSET = 17
WEIGHED = ["Conv", "Gemm", "MatMul"]
"""What static quantisation of ONNX Runtime quantises; with all ops it is 2 to 4 % faster, and inaccurate."""


def main() -> None:
    step, model, folder, target = sys.argv[1:]
    case = Case(Path(folder), model, 1, 1, target)
    facts = STEPS[step].make(case) or {}
    _facts_file(case, step).write_text(
        json.dumps(facts | {"versions": _versions(STEPS[step].packages)}), encoding="utf-8"
    )


def prepare(case: Case, step: str) -> dict[str, Any]:
    """What ``step`` tells of itself once its file is there. RuntimeError, one line, where it fails."""
    facts = _facts_file(case, step)
    if not _is_kept(facts, STEPS[step]):
        run_module("benchmarks.cpu.prepare", step, case.model, str(case.folder), case.target)
    return json.loads(facts.read_text(encoding="utf-8"))


def _facts_file(case: Case, step: str) -> Path:
    return case.file(f"{step}.json")


def _is_kept(facts: Path, step: Step) -> bool:
    if not step.packages or not facts.is_file():
        return False
    return json.loads(facts.read_text(encoding="utf-8")).get("versions") == _versions(step.packages)


def _versions(packages: Iterable[str]) -> dict[str, str]:
    return {name: metadata.version(name) for name in packages}


def export_onnx(case: Case) -> None:
    """MODEL.onnx, for any batch size."""
    torch: Any = importlib.import_module("torch")
    with whole_file(case.file("onnx")) as temporary:
        torch.onnx.export(
            deit(case.model),
            (torch.zeros(1, *SHAPE),),
            str(temporary),
            dynamo=False,
            opset_version=OPSET,
            input_names=["images"],
            output_names=["logits"],
            dynamic_axes={"images": {0: "batch"}, "logits": {0: "batch"}},
        )


def quantize_onnx_static(case: Case) -> None:
    """MODEL.static.onnx: QDQ, per channel, u8 activations and s8 weights, as ONNX Runtime advises for x86."""
    tools: Any = importlib.import_module("onnxruntime.quantization")
    machine: Any = importlib.import_module("llvmlite.binding")
    batches = iter([{"images": image[None]} for image in images(CALIBRATION_IMAGES, seed=1)])

    class Reader(tools.CalibrationDataReader):
        def get_next(self) -> dict[str, Any] | None:
            return next(batches, None)

    features = machine.get_host_cpu_features()
    tools.quantize_static(
        str(_preprocessed(case)),
        str(case.file("static.onnx")),
        Reader(),
        quant_format=tools.QuantFormat.QDQ,
        op_types_to_quantize=WEIGHED,
        per_channel=True,
        reduce_range=not (features.get("avx512vnni") or features.get("avxvnni")),
        activation_type=tools.QuantType.QUInt8,
        weight_type=tools.QuantType.QInt8,
    )


def quantize_onnx_dynamic(case: Case) -> None:
    """MODEL.dynamic.onnx: int8 weights, per channel; ranges of activations at run time."""
    tools: Any = importlib.import_module("onnxruntime.quantization")
    tools.quantize_dynamic(
        str(_preprocessed(case)),
        str(case.file("dynamic.onnx")),
        per_channel=True,
        weight_type=tools.QuantType.QInt8,
    )


def _preprocessed(case: Case) -> Path:
    """The model with shapes inferred and optimised, as quantisation in ONNX Runtime wants it."""
    tools: Any = importlib.import_module("onnxruntime.quantization.shape_inference")
    path = case.file("preprocessed.onnx")
    tools.quant_pre_process(str(case.file("onnx")), str(path))
    return path


def quantize_openvino(case: Case) -> None:
    """MODEL.int8.xml by NNCF's post-training quantisation for transformers."""
    openvino: Any = importlib.import_module("openvino")
    nncf: Any = importlib.import_module("nncf")
    data = nncf.Dataset([image[None] for image in images(CALIBRATION_IMAGES, seed=1)])
    model = openvino.Core().read_model(str(case.file("onnx")))
    quantized = nncf.quantize(
        model, data, model_type=nncf.ModelType.TRANSFORMER, subset_size=CALIBRATION_IMAGES
    )
    openvino.save_model(quantized, str(case.file("int8.xml")))


def export_mlir(case: Case) -> None:
    """MODEL.mlir and its weights, at torch level."""
    import torch

    from ivit_dialect.load import save_module
    from ivit_dialect.store import StoreContext
    from passes.import_model import import_module

    ctx = StoreContext()
    module = import_module(deit(case.model), torch.zeros(1, *SHAPE), ctx)
    save_module(module, ctx.store, case.file("mlir"))


def compile_ours(case: Case) -> dict[str, Any]:
    """MODEL.TARGET.ivit; the seconds from MODEL.mlir to the first output, calibration included."""
    import ivit

    started = time.perf_counter()
    model = ivit.compile(case.file("mlir"), target=case.target)
    model(images(1))
    seconds = time.perf_counter() - started
    model.save(case.artifact)
    return {"compile_s": seconds}


@dataclass(frozen=True)
class Step:
    """Makes a file, and tells facts of it; ``packages`` are those whose versions matter (none: always)."""

    make: Callable[[Case], dict[str, Any] | None]
    packages: tuple[str, ...]


STEPS = {
    "onnx": Step(export_onnx, ("torch", "onnx")),
    "ort-static": Step(quantize_onnx_static, ("torch", "onnx", "onnxruntime")),
    "ort-dynamic": Step(quantize_onnx_dynamic, ("torch", "onnx", "onnxruntime")),
    "openvino-int8": Step(quantize_openvino, ("torch", "onnx", "openvino", "nncf")),
    "mlir": Step(export_mlir, ()),
    "ivit": Step(compile_ours, ()),
}

if __name__ == "__main__":
    main()
