"""Loading and saving: weights by key, locations, and one clear line for anything malformed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from xdsl.context import Context
from xdsl.dialects.builtin import FileLineColLoc, ModuleOp
from xdsl.utils.exceptions import PassFailedException

from ivit_dialect.load import load_module, location_text, module_text, parse_module, save_module
from ivit_dialect.store import StoreContext, WeightStore, store_of
from ivit_dialect.torch.literals import literal_value
from ivit_dialect.torch.ops_constant import ValueTensorLiteralOp
from ivit_dialect.torch.ops_pointwise import AtenAddTensorOp

KEY = "torch_tensor_2_torch.float32"
X, W = "!torch.vtensor<[1,2],f32>", "!torch.vtensor<[2],f32>"
IR = f"""module {{
  func.func @main(%arg0: {X}) -> {X} {{
    %int1 = torch.constant.int 1
    %0 = torch.vtensor.literal(dense_resource<{KEY}> : tensor<2xf32>) : {W}
    %1 = torch.aten.add.Tensor %arg0, %0, %int1 : {X}, {W}, !torch.int -> {X}
    return %1 : {X}
  }}
}}
"""
BLOB = "0x040000000000803F00000040"
RESOURCES = f"""
{{-#
  dialect_resources: {{
    builtin: {{
      {KEY}: "{BLOB}"
    }}
  }}
#-}}
"""
ROW = np.array([1, 2], np.float32)


def _parse(text: str | bytes) -> tuple[ModuleOp, WeightStore]:
    ctx = StoreContext()
    return parse_module(text, "model.mlir", ctx), ctx.store


def _error(text: str | bytes) -> str:
    with pytest.raises(ValueError, match=r"\Amodel\.mlir:\d+[^\n]*\Z") as caught:
        _parse(text)
    return str(caught.value)


def _literals(module: ModuleOp) -> list[ValueTensorLiteralOp]:
    return [op for op in module.walk() if isinstance(op, ValueTensorLiteralOp)]


def test_resources_go_to_the_store() -> None:
    module, store = _parse(IR + RESOURCES)
    assert list(store) == [KEY]
    assert store[KEY].dtype == np.float32
    np.testing.assert_array_equal(store[KEY], ROW)
    np.testing.assert_array_equal(literal_value(_literals(module)[0], store), ROW)
    assert BLOB not in module_text(module)


def test_a_second_module_with_the_same_keys_keeps_them() -> None:
    for _ in range(2):
        module, _ = _parse(IR + RESOURCES)
        assert _literals(module)[0].key == KEY


@pytest.mark.parametrize(
    ("element", "dtype", "blob"),
    [
        ("f64", np.float64, "08000000000000000000F03F00000000000000C0"),
        ("f16", np.float16, "02000000003C00C0"),
        ("si64", np.int64, "080000000100000000000000FEFFFFFFFFFFFFFF"),
        ("si8", np.int8, "0100000001FE"),
        ("i1", np.bool_, "010000000100"),
    ],
)
def test_element_types(element: str, dtype: type[Any], blob: str) -> None:
    text = (IR + RESOURCES).replace("tensor<2xf32>", f"tensor<2x{element}>").replace(BLOB, f"0x{blob}")
    _, store = _parse(text.replace("!torch.vtensor<[2],f32>", f"!torch.vtensor<[2],{element}>"))
    expected = [True, False] if element == "i1" else [1, -2]
    assert store[KEY].dtype == dtype
    np.testing.assert_array_equal(store[KEY], np.array(expected, dtype))


def test_resource_section_lines_keep_the_line_numbers() -> None:
    module, _ = _parse(RESOURCES + IR)
    (add,) = [op for op in module.walk() if isinstance(op, AtenAddTensorOp)]
    assert location_text(add) == f"model.mlir:{RESOURCES.count(chr(10)) + 5}"
    assert isinstance(add.location, FileLineColLoc)
    assert add.location.column.data == 5


def test_locations_of_the_text_are_kept() -> None:
    text = IR.replace("-> !torch.vtensor<[1,2],f32>\n", "-> !torch.vtensor<[1,2],f32> loc(#loc1)\n", 1)
    module, _ = _parse(text + '#loc1 = loc("model.py":7:3)\n' + RESOURCES)
    (add,) = [op for op in module.walk() if isinstance(op, AtenAddTensorOp)]
    assert location_text(add) == "model.py:7"


def test_external_resources_are_passed_over() -> None:
    section = RESOURCES.replace(
        "#-}", ", external_resources: { mlir_reproducer: { verify_each: true } }\n#-}"
    )
    _, store = _parse(IR + section)
    assert list(store) == [KEY]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (BLOB, BLOB[:-8], "holds 4 bytes where its type needs 8"),
        (BLOB, BLOB[:-1], "holds 7.5 bytes where its type needs 8"),
        (BLOB, BLOB[:-1] + "g", "is not hexadecimal"),
        (BLOB, "0x04", "is not a blob"),
        (BLOB, "none", "is not a blob"),
        (f'"{BLOB}"', "7", "resource section"),
        (f'"{BLOB}"', "word", "expected a string"),
        ("#-}", "", "cut short"),
        ("  }\n#-}", "#-}", "expected ',' or '}'"),
        ('3F00000040"', f'3F00000040",\n {KEY}: "{BLOB}"', "given twice"),
        (f"      {KEY}", "      other", f"weight '{KEY}' is neither in the text's resources nor"),
        ("torch.constant.int 1", "torch.constant.int", "model.mlir:4"),
        ("torch.aten.add.Tensor", "torch.aten.foo", "torch.aten.foo is not supported"),
        ("torch.aten.add.Tensor", "mhlo.add", "mhlo.add is not registered"),
        (
            "torch.aten.add.Tensor",
            "linalg.batch_matmul",
            "model.mlir:5: linalg.batch_matmul: this is linalg level",
        ),
        (
            "torch.aten.add.Tensor",
            "linalg.batch_matmul",
            "export_and_import(model, x, output_type=OutputType.TORCH)",
        ),
        ("%int1 =", "%int1, %x =", "Operation has 1 results"),
        ("%arg0, %0", "%arg0, %9", "%9"),
        ("tensor<2xf32>", "tensor<?xf32>", "must not have the type"),
        ("tensor<2xf32>)", "tensor<2xbf16>)", "must not have the type"),
        ("module {", "module {" * 4000, "nested too deeply"),
        ("!torch.int ->", "!torch." + "list<" * 4000 + "int ->", ""),
    ],
)
def test_malformed_text_gives_one_line(old: str, new: str, message: str) -> None:
    assert message in _error((IR + RESOURCES).replace(old, new, 1))


def test_bf16_says_what_to_do() -> None:
    text = (IR + RESOURCES).replace("tensor<2xf32>)", "tensor<2xbf16>)")
    assert "export the model in float32" in _error(
        text.replace("!torch.vtensor<[2],f32>", "!torch.vtensor<[2],bf16>")
    )


def test_not_text_at_all() -> None:
    assert "not UTF-8" in _error(IR.encode() + b"\xff\xfe")


@given(st.integers(0, len(IR + RESOURCES) - 4))
def test_a_cut_file_is_refused(end: int) -> None:
    _error((IR + RESOURCES)[:end])


@given(st.integers(0, len(IR + RESOURCES) - 1), st.sampled_from(list('{}()<>[]"%!#-x7,:.\n\0é')))
def test_a_damaged_file_loads_or_gives_one_line(position: int, character: str) -> None:
    text = IR + RESOURCES
    message = _message(text[:position] + character + text[position + 1 :])
    assert re.fullmatch(r"(model\.mlir:\d+[^\n]*)?", message)


def _message(text: str) -> str:
    try:
        _parse(text)
    except ValueError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    "text", ["# ivit\n\nmodule {}\n", "[project]\nname = 1\n", '"""Docs."""\n', "Apache License\n", "{}"]
)
def test_text_of_another_kind_is_told_so(text: str) -> None:
    told = "not MLIR text: a module begins with 'module' or an op such as func.func"
    assert _error(text) == f"model.mlir:1: {told}"
    assert _error("\n// a note\n" + text) == f"model.mlir:3: {told}"


def test_no_placeholder_of_the_parser_is_shown() -> None:
    assert _error("module {\n # x\n}\n") == "model.mlir:2:2: Expected suffix identifier after '#'"


def test_an_open_string_is_refused_at_once() -> None:
    assert "closing string literal" in _error('"' + "a" * 100_000)


def test_a_driver_without_weights_is_told_so() -> None:
    with pytest.raises(PassFailedException, match="run it in ivit-opt"):
        store_of(Context())


class TestFiles:
    def test_saved_modules_load_as_they_were(self, tmp_path: Path) -> None:
        module, store = _parse(IR + RESOURCES)
        save_module(module, store, tmp_path / "m.mlir")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["m.mlir", "m.safetensors"]
        ctx = StoreContext()
        again = load_module(tmp_path / "m.mlir", ctx)
        assert module_text(again) == module_text(module)
        assert list(ctx.store) == [KEY]
        np.testing.assert_array_equal(ctx.store[KEY], ROW)

    def test_side_file_of_the_same_name(self, tmp_path: Path) -> None:
        (tmp_path / "m.mlir").write_text(IR)
        WeightStore({KEY: ROW}).save(tmp_path / "m.safetensors")
        ctx = StoreContext()
        load_module(tmp_path / "m.mlir", ctx)
        np.testing.assert_array_equal(ctx.store[KEY], ROW)

    def test_side_file_by_attribute(self, tmp_path: Path) -> None:
        (tmp_path / "m.mlir").write_text(
            IR.replace("module {", 'module attributes {ivit.store = "w.safetensors"} {')
        )
        WeightStore({KEY: ROW}).save(tmp_path / "w.safetensors")
        ctx = StoreContext()
        load_module(tmp_path / "m.mlir", ctx)
        np.testing.assert_array_equal(ctx.store[KEY], ROW)

    def test_integer_modules_have_the_same_loader(self, tmp_path: Path) -> None:
        (tmp_path / "m.mlir").write_text(
            'module attributes {ivit.store = "m.safetensors"} {\n'
            "  func.func @main() -> tensor<2xi8> {\n"
            '    %0 = ivit.constant "w" : tensor<2xi8>\n'
            "    func.return %0 : tensor<2xi8>\n  }\n}\n"
        )
        WeightStore({"w": np.array([1, -1], np.int8)}).save(tmp_path / "m.safetensors")
        ctx = StoreContext()
        load_module(tmp_path / "m.mlir", ctx)
        assert ctx.store["w"].dtype == np.int8

    @pytest.mark.parametrize(
        ("array", "message"),
        [
            (np.zeros(3, np.float32), r"is float32\[3\] in the weight store, not tensor<2xf32>"),
            (np.zeros(2, np.float64), r"is float64\[2\] in the weight store, not tensor<2xf32>"),
        ],
    )
    def test_weights_must_fit_their_type(
        self, tmp_path: Path, array: np.ndarray[Any, Any], message: str
    ) -> None:
        (tmp_path / "m.mlir").write_text(IR)
        WeightStore({KEY: array}).save(tmp_path / "m.safetensors")
        with pytest.raises(ValueError, match=rf"m\.mlir:4: '{KEY}' {message}"):
            load_module(tmp_path / "m.mlir", StoreContext())

    def test_damaged_side_file(self, tmp_path: Path) -> None:
        (tmp_path / "m.mlir").write_text(IR)
        (tmp_path / "m.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0junk")
        with pytest.raises(ValueError, match=r"m\.safetensors: not a readable safetensors file"):
            load_module(tmp_path / "m.mlir", StoreContext())

    def test_missing_files(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError, match=r"m\.mlir: no such file"):
            load_module(tmp_path / "m.mlir", StoreContext())
        (tmp_path / "m.mlir").write_text(
            IR.replace("module {", 'module attributes {ivit.store = "w.safetensors"} {')
        )
        with pytest.raises(FileNotFoundError, match=r"w\.safetensors: no such weight file"):
            load_module(tmp_path / "m.mlir", StoreContext())
        (tmp_path / "n.mlir").write_text(IR)
        with pytest.raises(ValueError, match=r"n\.mlir:4: weight"):
            load_module(tmp_path / "n.mlir", StoreContext())

    def test_loading_replaces_the_store(self, tmp_path: Path) -> None:
        (tmp_path / "m.mlir").write_text(IR + RESOURCES)
        ctx = StoreContext(store=WeightStore({"old": ROW}))
        load_module(tmp_path / "m.mlir", ctx)
        assert list(ctx.store) == [KEY]

    def test_nothing_is_left_of_a_failed_save(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        module, store = _parse(IR + RESOURCES)
        save_module(module, store, tmp_path / "m.mlir")
        before = (tmp_path / "m.mlir").read_text()
        monkeypatch.setattr("ivit_dialect.load.module_text", lambda module: "\ud800")  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]  # cannot be encoded
        with pytest.raises(UnicodeEncodeError):
            save_module(module, store, tmp_path / "m.mlir")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["m.mlir", "m.safetensors"]
        assert (tmp_path / "m.mlir").read_text() == before
