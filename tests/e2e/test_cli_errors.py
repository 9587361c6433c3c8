"""Bad input to the ``ivit`` command: one line that says what is wrong, exit code 1, nothing left behind."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from tiny_files import TEXT, Command, float_images, pixels

RELU = """func.func @main(%a: !torch.vtensor<[1,3,12,12],f32>) -> !torch.vtensor<[1,3,12,12],f32> {
  %0 = torch.aten.OP %a : !torch.vtensor<[1,3,12,12],f32> -> !torch.vtensor<[1,3,12,12],f32>
  return %0 : !torch.vtensor<[1,3,12,12],f32>
}
"""
LINALG = """func.func @main(%a: tensor<4xf32>, %b: tensor<4xf32>) -> tensor<4xf32> {
  %0 = linalg.add ins(%a, %a : tensor<4xf32>, tensor<4xf32>) outs(%b : tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
"""


@pytest.fixture
def wrecks(folder: Path) -> Path:
    """The folder with files of every kind of damage."""
    nan, garbage = float_images(), np.random.default_rng(3).bytes(5000)
    nan[4, 0, 1, 2] = np.nan
    np.savez("nan.npz", images=nan)
    np.savez("wide.npz", images=np.zeros((2, 3, 12, 13), np.float32))
    np.savez("none.npz", images=pixels(0))
    Path("six.txt").write_text("a\nb\nc\nd\ne\nf\n\n", encoding="utf-8")
    np.savez("ints.npz", images=pixels().astype(np.int64))
    np.savez("other.npz", pictures=pixels())
    np.savez("object.npz", images=np.array([None]))
    for name in ("garbage.mlir", "garbage.ivit", "garbage.npz", "garbage.png", "names.txt"):
        Path(name).write_bytes(garbage)
    for name in ("empty.mlir", "empty.ivit", "empty.npz", "vit.pt"):
        Path(name).touch()
    text = TEXT.read_text(encoding="utf-8")
    shared = text.replace(
        "attributes {ivit.mean", 'attributes {ivit.store = "tiny.safetensors", ivit.mean', 1
    )
    Path("cut.mlir").write_text(text[: len(text) // 2], encoding="utf-8")
    Path("bare.mlir").write_text(text, encoding="utf-8")
    Path("lost.mlir").write_text(shared.replace("tiny.saf", "lost.saf"), encoding="utf-8")
    Path("torn.mlir").write_text(text, encoding="utf-8")
    Path("torn.safetensors").write_bytes(Path("tiny.safetensors").read_bytes()[:-100])
    Path("key.mlir").write_text(shared.replace("<head.bias>", "<tail.bias>"), encoding="utf-8")
    Path("size.mlir").write_text(
        shared.replace("<head.bias> : tensor<5xf32>", "<head.bias> : tensor<6xf32>").replace(
            "[5],f32", "[6],f32"
        ),
        encoding="utf-8",
    )
    two = RELU.replace("OP", "relu").replace("@main", "@a") + RELU.replace("OP", "relu").replace(
        "@main", "@b"
    )
    Path("main.mlir").write_text(two, encoding="utf-8")
    Path("deep.mlir").write_text("builtin.module {" * 50_000, encoding="utf-8")
    Path("vast.mlir").write_text(RELU.replace("OP", "relu").replace("12", "99999999999"), encoding="utf-8")
    Path("relu.mlir").write_text(RELU.replace("OP", "relu"), encoding="utf-8")
    Path("small.mlir").write_text(RELU.replace("OP", "relu").replace("12", "8"), encoding="utf-8")
    Path("linalg.mlir").write_text(LINALG, encoding="utf-8")
    plain = re.sub(r", ivit\.(mean|std) = array<f64: [^>]*>", "", shared)
    Path("plain.mlir").write_text(plain, encoding="utf-8")
    Path("fft.mlir").write_text(RELU.replace("OP", "fft_rfft"), encoding="utf-8")
    model = Path("tiny.ivit").read_bytes()
    Path("cut.ivit").write_bytes(model[: len(model) // 2])
    Path("flip.ivit").write_bytes(model[:-2000] + bytes([model[-2000] ^ 1]) + model[-1999:])
    return folder


CASES = [
    # what cannot be read
    ("compile no.mlir", "no.mlir: no such file"),
    ("compile .", ".: is a folder: name a file in it"),
    ("compile cut.mlir", "cut.mlir:4"),
    ("compile garbage.mlir", "garbage.mlir:1: not UTF-8 text"),
    ("compile empty.mlir", "empty.mlir:1: holds no text"),
    ("compile deep.mlir", "deep.mlir:1: nested too deeply"),
    (
        "compile bare.mlir",
        "bare.mlir:4: weight 'head.bias' is neither in the text's resources nor in the weight",
    ),
    ("compile lost.mlir", "lost.safetensors: no such weight file"),
    ("compile torn.mlir", "torn.safetensors: not a readable safetensors file"),
    ("compile key.mlir", "key.mlir:4: weight 'tail.bias'"),
    ("compile size.mlir", "size.mlir:4: 'head.bias' is float32[5] in the weight store, not tensor<6xf32>"),
    ("compile main.mlir", "main.mlir: the module has no function @main (functions with a body: @a, @b)"),
    ("compile fft.mlir", "fft.mlir:2:8: torch.aten.fft_rfft is not supported: export the model with"),
    # before any calibration: nothing is said of images that were not given
    ("compile relu.mlir", "torch.aten.relu at relu.mlir:2: this op on activations has no integer form here"),
    (
        "compile linalg.mlir",
        "linalg.mlir: this is linalg level, and torch level is needed: export with torch_mlir",
    ),
    (
        "compile plain.mlir --calibration pixels.npz",
        "calibration images are uint8 pixels: give mean and std (--mean and --std, mean= and std=), or",
    ),
    ("inspect no", "no: no such file"),
    ("inspect garbage.mlir", "garbage.mlir:1: not UTF-8 text"),
    ("inspect tiny.safetensors", "tiny.safetensors: "),
    ("inspect cut.ivit", "cut.ivit: not an .ivit file, or not a whole one"),
    # calibration images
    ("compile tiny.mlir --calibration no.npz", "no.npz: no such file"),
    ("compile tiny.mlir --calibration nan.npz", "calibration image 4 holds NaN or infinity"),
    (
        "compile tiny.mlir --calibration wide.npz",
        "calibration images have shape [2, 3, 12, 13]; this model takes",
    ),
    ("compile tiny.mlir --calibration none.npz", "there are no calibration images"),
    (
        "compile tiny.mlir --calibration ints.npz",
        "calibration images must be float32 NCHW or uint8 NHWC, got int64",
    ),
    (
        "compile tiny.mlir --calibration other.npz",
        "other.npz: expected an array 'images' (arrays in the file: pic",
    ),
    ("compile tiny.mlir --calibration object.npz", "object.npz: not a readable .npz or .npy file"),
    ("compile tiny.mlir --calibration garbage.npz", "garbage.npz: not a readable .npz or .npy file"),
    ("compile tiny.mlir --calibration empty.npz", "empty.npz: not a readable .npz or .npy file"),
    # options
    ("compile tiny.mlir --mean 0.5,0.5,0.5", "mean and std come together: give both or neither"),
    ("compile tiny.mlir --mean 0.5 --std 0.5", "mean and std have 1 channels, the model's image has 3"),
    ("compile tiny.mlir --mean 0,0,nan --std 1,1,1", "mean must be finite and std positive"),
    ("compile tiny.mlir --target z80", "unknown target 'z80': choose cpu (this machine) or one of x86-64-"),
    ("compile tiny.mlir --dump-stages tiny.mlir", "tiny.mlir: is a file: name a folder for the stages"),
    ("compile tiny.mlir -o no/tiny.ivit", "no/tiny.ivit: there is no folder no: make it first"),
    ("compile tiny.mlir -o .", ".: is a folder: name a file in it"),
    ("compile tiny.ivit", "tiny.ivit: is compiled already: what is compiled is a .mlir file"),
    ("compile vit.pt", "vit.pt: weights of PyTorch are no model: ivit import makes a .mlir file of one"),
    ("compile tiny.mlir -o tiny.mlir", "tiny.mlir: would overwrite what is read"),
    ("compile tiny.mlir -o tiny.txt", "tiny.txt: a compiled model's name ends in .ivit"),
    # compiled models and their images
    ("run no.ivit floats.npz", "no.ivit: no such file"),
    ("run tiny.mlir floats.npz", "tiny.mlir: not an .ivit file, or not a whole one"),
    ("run tiny.safetensors floats.npz", "tiny.safetensors: "),
    ("run garbage.ivit floats.npz", "garbage.ivit: not an .ivit file, or not a whole one"),
    ("run empty.ivit floats.npz", "empty.ivit: not an .ivit file, or not a whole one"),
    ("run cut.ivit floats.npz", "cut.ivit: not an .ivit file, or not a whole one"),
    ("run flip.ivit floats.npz", "flip.ivit: the file is damaged: its SHA-256 does not match"),
    ("run tiny.ivit no.npz", "no.npz: no such file"),
    ("run tiny.ivit nan.npz", "nan.npz: image 4 holds NaN or infinity"),
    ("run tiny.ivit wide.npz", "wide.npz: images must have shape (N, 3, 12, 12), got (2, 3, 12, 13)"),
    (
        "run tiny.ivit ints.npz",
        "ints.npz: images must be float32 (N, C, H, W) or uint8 (N, H, W, C), got int64",
    ),
    ("run tiny.ivit garbage.png", "garbage.png: not a JPEG, PNG, WebP or BMP picture"),
    ("run tiny.ivit floats.npz pixels.npz", "give one .npz or .npy file, one folder, or any number of"),
    ("run tiny.ivit floats.npz -o out.txt", "out.txt: the name of the arrays' file ends in .npz"),
    ("run tiny.ivit floats.npz -o floats.npz", "floats.npz: would overwrite what is read"),
    ("run tiny.ivit floats.npz -o no/out.npz", "no/out.npz: there is no folder no: make it first"),
    ("run tiny.ivit floats.npz --classes no.txt", "no.txt: no such file"),
    ("run tiny.ivit floats.npz --classes names.txt", "names.txt: not UTF-8 text"),
    ("run tiny.ivit floats.npz --classes six.txt", "six.txt: 6 names, the model has 5 outputs"),
    ("run tiny.ivit floats.npz --threads 0", "threads must lie in [1, 1024], got 0"),
    ("eval tiny.ivit --data none.npz", "none.npz: holds no images"),
    ("eval tiny.ivit --data pixels.npz --reference no.mlir", "no.mlir: no such file"),
    (
        "eval tiny.ivit --data pixels.npz --reference relu.mlir",
        "relu.mlir returns [3, 12, 12], tiny.ivit [5]: they are not the same model",
    ),
    (
        "eval tiny.ivit --data pixels.npz --reference small.mlir",
        "small.mlir: input 0 has the sizes [6, 3, 12, 12], expected",
    ),
    # other commands
    (
        "import tiny.mlir -o new.mlir",
        "tiny.mlir: a model source is py:package.module:factory, hf:PATH_OR_NAME or",
    ),
    ("import timm:vit -o no/new.mlir", "no/new.mlir: there is no folder no: make it first"),
    ("import timm:vit -o new.txt", "new.txt: a module's name ends in .mlir"),
    ("import timm:vit -o new.safetensors", "new.safetensors: the weights get that name"),
    ("demo --png no/wrong.png", "no/wrong.png: there is no folder no: make it first"),
]


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file's size and time of writing."""
    return {
        str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_bad_input_is_one_line_and_leaves_nothing(ivit: Command, wrecks: Path) -> None:
    before = listing(wrecks)
    for arguments, message in CASES:
        code, out, err = ivit(*arguments.split())
        assert (code, out) == (1, ""), arguments
        assert err.startswith("ivit: error: "), arguments
        assert message in err, arguments
        assert err.count("\n") == 1, arguments
        assert listing(wrecks) == before, arguments


def test_integers_take_no_calibration(ivit: Command, folder: Path) -> None:
    assert ivit("compile", "tiny.mlir", "--dump-stages", "stages", "--calibration", "floats.npz")[0] == 0
    for option in (
        ("--calibration", "floats.npz"),
        ("--gelu", "ivit"),
        ("--mean", "0,0,0", "--std", "1,1,1"),
    ):
        code, _, err = ivit("compile", "stages/01-ivit.mlir", *option, "-o", "new.ivit")
        assert code == 1
        assert "stages/01-ivit.mlir: holds integers already" in err
    code, _, err = ivit("eval", "tiny.ivit", "--data", "pixels.npz", "--reference", "stages/01-ivit.mlir")
    assert code == 1
    assert "stages/01-ivit.mlir: holds integers already; the float model is needed" in err
    assert not Path("new.ivit").exists()


def test_a_traceback_is_shown_on_demand(ivit: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IVIT_DEBUG", "1")
    code, _, err = ivit("inspect", "no")
    assert code == 1
    assert "Traceback (most recent call last)" in err
    assert err.endswith("ivit: error: no: no such file\n")
    monkeypatch.setenv("IVIT_DEBUG", "much")
    assert ivit("inspect", "no") == (1, "", "ivit: error: IVIT_DEBUG must be a number, got 'much'\n")
