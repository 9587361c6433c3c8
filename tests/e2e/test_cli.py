"""The ``ivit`` command on a tiny model: every subcommand, from text to numbers."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tiny_files import COUNT, Command, pixels

from ivit import cli
from ivit.baseline import FloatModel
from ivit.images.picture_files import png_bytes

LEVELS = ("00-torch.mlir", "01-ivit.mlir", "02-fused.mlir", "03-plan.mlir", "04-loops.mlir", "05-llvm.mlir")


def integers(path: Path) -> NDArray[np.int32]:
    """What ``ivit run -o`` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        np.testing.assert_array_equal(
            arrays["outputs"], (arrays["integers"] * arrays["scale"]).astype(np.float32)
        )
        return arrays["integers"]


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_help(ivit: Command, command: str) -> None:
    code, out, err = ivit(command, "--help")
    assert (code, err) == (0, "")
    assert out.startswith(f"usage: ivit {command}")
    assert f"  ivit {command}" in out.partition("examples:")[2]


def test_every_command_is_in_the_help(ivit: Command) -> None:
    code, out, _ = ivit("--help")
    assert code == 0
    assert all(f"    {command} " in out for command in cli.COMMANDS)


@pytest.mark.parametrize("arguments", [(), ("fly",), ("compile", "tiny.mlir", "--gelu", "sigmoid")])
def test_a_wrong_command_line_is_2(ivit: Command, arguments: tuple[str, ...]) -> None:
    code, out, err = ivit(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert re.fullmatch(r"ivit( \w+)?: error: .+ \(ivit( \w+)? --help shows how\)\n", err)


def test_targets_are_listed(ivit: Command) -> None:
    code, out, err = ivit("compile", "--target", "help")
    assert (code, err) == (0, "")
    assert "generic  (runs here)" in out.splitlines()


def test_run_keeps_outputs(ivit: Command, folder: Path) -> None:
    code, out, err = ivit("run", "tiny.ivit", "pixels.npz", "-o", "out.npz", "--threads", 2)
    assert (code, err) == (0, "")
    assert out == f"wrote out.npz: outputs float32 [{COUNT}, 5]\n"
    assert len(np.unique(integers(folder / "out.npz"))) > 5


def test_run_prints_the_best_classes(ivit: Command, folder: Path) -> None:
    names = ["ant", "bee", "cat", "dog", "eel"]
    Path("names.txt").write_text("\n".join(names), encoding="utf-8")
    code, out, err = ivit("run", "tiny.ivit", "pixels.npz", "--classes", "names.txt")
    assert (code, err) == (0, "")
    assert len(out.splitlines()) == COUNT
    assert ivit("run", "tiny.ivit", "pixels.npz", "-o", "out.npz")[0] == 0
    best = integers(folder / "out.npz").argmax(axis=1)
    assert [line.split()[1] for line in out.splitlines()] == [names[i] for i in best]
    unnamed = ivit("run", "tiny.ivit", "pixels.npz")[1].splitlines()
    assert [line.split()[1:3] for line in unnamed] == [["output", f"{i}:"] for i in best]


def test_run_takes_png_files(ivit: Command, folder: Path) -> None:
    for i, image in enumerate(pixels(2)):
        Path(f"{i}.png").write_bytes(png_bytes(image))
    assert ivit("run", "tiny.ivit", "0.png", "1.png", "-o", "png.npz")[0] == 0
    assert ivit("run", "tiny.ivit", "pixels.npz", "-o", "npz.npz")[0] == 0
    np.testing.assert_array_equal(integers(folder / "png.npz"), integers(folder / "npz.npz")[:2])


def test_eval_compares_with_fp32(ivit: Command, folder: Path) -> None:
    code, out, err = ivit("eval", "tiny.ivit", "--data", "pixels.npz", "--reference", "tiny.mlir", "--json")
    assert (code, err) == (0, "")
    figures = json.loads(out)
    logits = FloatModel.open(folder / "tiny.mlir")(pixels())
    assert figures["fp32_top1"] == 100 * (logits.argmax(axis=1) == np.arange(COUNT) % 5).mean()
    assert figures["int_top5"] == figures["fp32_top5"] == 100
    assert figures["images"] == COUNT
    assert figures["worst_cosine"] > 0.99
    assert 0.99 < figures["cosine"] <= 1
    assert figures["sqnr_db"] > 20
    table = ivit("eval", "tiny.ivit", "--data", "pixels.npz", "--reference", "tiny.mlir")[1]
    assert all(
        row in table for row in ("top-1, integers", "top-5, FP32", "same top-1 as FP32", "SQNR to FP32")
    )


@pytest.mark.parametrize("labels", [(0, 5), (-1, 0)])
def test_eval_of_labels_that_are_no_outputs(ivit: Command, folder: Path, labels: tuple[int, int]) -> None:
    np.savez("labels.npz", images=pixels(2), labels=np.array(labels))
    code, out, err = ivit("eval", "tiny.ivit", "--data", "labels.npz", "--json")
    assert code == 0
    assert err == (
        f"ivit: labels.npz: labels lie in [{min(labels)}, {max(labels)}], but the model returns [5]:"
        " no accuracy\n"
    )
    assert json.loads(out).keys() == {"images", "ms_per_image"}


def test_run_and_eval_tell_of_images_that_are_not_normalised(ivit: Command, folder: Path) -> None:
    np.save("raw.npy", pixels().transpose(0, 3, 1, 2).astype(np.float32))
    for command in (("run", "tiny.ivit", "raw.npy"), ("eval", "tiny.ivit", "--data", "raw.npy")):
        code, _, err = ivit(*command)
        assert code == 0
        assert err.count("\n") == 1
        assert "% of the values lie outside what a pixel can be" in err


def test_eval_without_labels_or_reference(ivit: Command, folder: Path) -> None:
    np.save("images.npy", pixels())
    code, out, _ = ivit("eval", "tiny.ivit", "--data", "images.npy", "--json")
    assert code == 0
    assert json.loads(out).keys() == {"images", "ms_per_image"}


def test_each_dumped_level_is_named_and_restarts(ivit: Command, folder: Path) -> None:
    family = [f"--{kind}=ivit" for kind in ("softmax", "gelu", "layernorm")]
    code, out, err = ivit(
        "compile",
        "tiny.mlir",
        "--calibration",
        "floats.npz",
        *family,
        "--dump-stages",
        "stages",
        "-o",
        "0.ivit",
    )
    assert code == 0
    assert "fuse-requant: " in err
    assert out.endswith("the levels of the IR are in stages\n")
    names = sorted(path.name for path in Path("stages").glob("*.[ms]*") if path.suffix != ".safetensors")
    assert names == [*LEVELS, "06-asm.s"]
    text = Path("stages/01-ivit.mlir").read_text(encoding="utf-8")
    assert all(f"ivit.{op} " in text for op in ("shiftmax", "shiftgelu", "i_layernorm"))
    results: list[NDArray[np.int32]] = []
    for i, source in enumerate((None, "stages/01-ivit.mlir", "stages/02-fused.mlir")):
        if source is not None:
            assert ivit("compile", source, "-o", f"{i}.ivit")[0] == 0
        assert ivit("run", f"{i}.ivit", "floats.npz", "-o", f"{i}.npz")[0] == 0
        results.append(integers(folder / f"{i}.npz"))
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


def test_inspect_the_torch_level(ivit: Command, folder: Path) -> None:
    code, out, err = ivit("inspect", "tiny.mlir")
    assert (code, err) == (0, "")
    assert "20 tensors" in out
    assert "torch.aten.layer_norm" in out


def test_inspect_a_compiled_model_by_any_name(ivit: Command, folder: Path) -> None:
    code, out, err = ivit("inspect", "tiny.ivit")
    assert (code, err) == (0, "")
    for fact in (
        "uint8 [N, 12, 12, 3] or float32 [N, 3, 12, 12]",
        "float32 [N, 5]",
        "int32 [N, 5]",
        "runs here",
        "ivit.linear",
        "layernorm",
    ):
        assert fact in out
    Path("tiny.ivit").rename("model")
    assert ivit("inspect", "model")[1] == out.replace("tiny.ivit", "model".ljust(len("tiny.ivit")))
