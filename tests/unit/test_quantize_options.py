"""Options of quantization: one list behind every entrance, what it refuses, what recipes make of it."""

from __future__ import annotations

import argparse
import re
import typing
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, get_type_hints

import pytest
from xdsl.dialects.builtin import ModuleOp

import ivit
from ivit.commands.quantization import add_quantization, quantization_of
from passes.emission import families
from passes.lower_to_int import LowerToIntOptions
from passes.pipeline_text import build_passes, flag_text, parse_passes
from passes.pipelines import LOWER_TO_INT
from passes.quantization.options import (
    CHOICES,
    FAMILIES,
    INTERVALS,
    OPTION_NAMES,
    QuantizeKeywords,
    QuantizeOptions,
)
from passes.quantization.recipes import Recipe, resolve, without_effect
from passes.quantize import QuantizePass
from passes.registry import get_passes

FLAGS = tuple(name for name in OPTION_NAMES if name not in CHOICES and name not in INTERVALS)
"""True or false."""
EXAMPLES: dict[str, Any] = {
    **{name: words[-1] for name, words in CHOICES.items()},
    **{name: least for name, (least, _) in INTERVALS.items()},
    **dict.fromkeys(FLAGS, True),
    "smoothing": 0.5,
    "percentile": 99.5,
    "probability_bits": 7,
}
"""A value of every option, none its default."""


def options(**given: Any) -> QuantizeOptions:
    return QuantizeOptions(**given)


def text(name: str, value: Any) -> str:
    """``name`` as an option of a pass."""
    return f"{name}={str(value).lower() if isinstance(value, bool) else value}"


def from_flag(name: str, value: Any) -> QuantizeOptions:
    """By ``--lower-to-int='name=value'``."""
    specs = [spec for _, spec in parse_passes(flag_text(LOWER_TO_INT.name, text(name, value)))]
    return next(p for p in build_passes(specs, get_passes()) if isinstance(p, QuantizePass))


def from_python(name: str, value: Any) -> QuantizeOptions:
    """By ``lower_to_int(..., LowerToIntOptions(name=value))``, and through the pipeline's options."""
    given: dict[str, Any] = {name: value}
    made = LowerToIntOptions(**given)
    passes = build_passes(LOWER_TO_INT.specs(made.pipeline_options()), get_passes())
    step = next(p for p in passes if isinstance(p, QuantizePass))
    assert step.given() == made.given()
    return made


def from_command(name: str, value: Any) -> QuantizeOptions:
    """By ``ivit compile --name value``."""
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_quantization(parser)
    flag = "--" + name.replace("_", "-")
    return quantization_of(parser.parse_args([flag] if value is True else [flag, str(value)]))


def from_keywords(name: str, value: Any) -> QuantizeOptions:
    """By ``ivit.compile(..., name=value)``."""
    from ivit.api import _quantization  # pyright: ignore[reportPrivateUsage]  # what compile does first

    return _quantization(typing.cast(QuantizeKeywords, {name: value}))


ENTRANCES: dict[str, Callable[[str, Any], QuantizeOptions]] = {
    "flag": from_flag,
    "python": from_python,
    "command": from_command,
    "keywords": from_keywords,
}


def test_keywords_are_the_options() -> None:
    hints = get_type_hints(QuantizeOptions)
    assert get_type_hints(QuantizeKeywords) == {
        item.name: hints[item.name] for item in fields(QuantizeOptions)
    }
    assert not QuantizeKeywords.__required_keys__


def test_every_option_is_a_word_a_number_or_a_flag() -> None:
    hints = get_type_hints(QuantizeOptions)
    assert tuple(hints) == OPTION_NAMES
    assert not set(CHOICES) & set(INTERVALS)
    assert set(CHOICES) | set(INTERVALS) <= set(OPTION_NAMES)
    for name in OPTION_NAMES:
        kinds = set(typing.get_args(hints[name]) or (hints[name],)) - {type(None)}
        number = {float, int} if name in ("smoothing", "percentile") else {int}
        assert kinds == ({str} if name in CHOICES else number if name in INTERVALS else {bool}), name
    assert all(item.metadata["help"] for item in fields(QuantizeOptions))
    assert {name for name in EXAMPLES if EXAMPLES[name] != getattr(QuantizeOptions(), name)} == set(
        OPTION_NAMES
    )


def test_every_option_is_a_choice_of_recipes() -> None:
    """But for the recipe itself and the two widths that stand for several."""
    recipe = {item.name for item in fields(Recipe)}
    assert set(OPTION_NAMES) - recipe == {"recipe", "weight_bits", "activation_bits"}
    assert recipe - set(OPTION_NAMES) == {"ranges_below"}


def test_words_of_families_are_functions() -> None:
    emitted = {"softmax": families.SOFTMAX, "gelu": families.GELU, "layernorm": families.LAYERNORM}
    assert {kind: tuple(functions) for kind, functions in emitted.items()} == FAMILIES
    assert tuple(families.PROBABILITIES) == CHOICES["probabilities"]
    for softmax in FAMILIES["softmax"]:
        chosen = families.families_of(resolve(QuantizeOptions(softmax=softmax)))
        assert chosen.attention is families.SOFTMAX[softmax]
    for form in CHOICES["probabilities"]:
        chosen = families.families_of(resolve(QuantizeOptions(probabilities=form)))
        assert chosen.attention is families.PROBABILITIES[form]


@pytest.mark.parametrize("entrance", ENTRANCES)
def test_every_entrance_takes_every_option(entrance: str) -> None:
    for name, value in EXAMPLES.items():
        assert ENTRANCES[entrance](name, value).given() == {name: value}, name
    for name in FLAGS:
        off = from_command("no-" + name, True) if entrance == "command" else ENTRANCES[entrance](name, False)
        assert off.given() == {name: False}, name


@pytest.mark.parametrize("entrance", ENTRANCES)
def test_every_entrance_takes_every_word(entrance: str) -> None:
    for name, words in CHOICES.items():
        for word in words:
            assert getattr(ENTRANCES[entrance](name, word), name) == word


def one_line(entrance: str, name: str, value: Any) -> str:
    """The refusal."""
    with pytest.raises((ValueError, argparse.ArgumentError)) as caught:
        ENTRANCES[entrance](name, value)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("entrance", ENTRANCES)
def test_refusals_are_one_line(entrance: str) -> None:
    for name, words in CHOICES.items():
        message = one_line(entrance, name, "unheard")
        assert "unheard" in message
        assert all(word in message for word in words)
        assert name.replace("_", "-") in message.replace("_", "-")
    for name, (least, most) in INTERVALS.items():
        for number in (least - 1, most + 1):
            message = one_line(entrance, name, number if name in ("smoothing", "percentile") else int(number))
            assert message.endswith(f"is out of range: {least:g} to {most:g}")
            assert message.count(f"{name}=") == 1


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["smoothing", "percentile"])
def test_numbers_that_are_none_are_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name}={value} is out of range"):
        options(**{name: value})


def test_ends_of_intervals_are_taken() -> None:
    for name, ends in INTERVALS.items():
        for number in ends:
            assert options(**{name: number}).given() == {name: number}


def test_an_option_that_is_not_known_is_named() -> None:
    with pytest.raises(ValueError, match=r"--lower-to-int has no option 'bits' \(options: calibration, "):
        from_flag("bits", 4)
    with pytest.raises(TypeError, match=r"compile\(\) has no option 'bits' \(options: recipe, softmax, "):
        from_keywords("bits", 4)
    with pytest.raises(TypeError, match="'bits'"):
        ivit.compile(ModuleOp([]), bits=4)  # pyright: ignore[reportCallIssue]  # what is tested


EXCLUDED: list[tuple[dict[str, Any], str]] = [
    (
        {"softmax": "ivit", "probabilities": "sulq"},
        "probabilities=sulq goes with softmax=exact, not with softmax=ivit",
    ),
    (
        {"recipe": "paper", "probabilities": "uniform"},
        "probabilities=uniform goes with softmax=exact, not with softmax=ivit",
    ),
    (
        {"softmax": "ibert", "qkv_scales": "per_head"},
        "qkv_scales=per_head goes with softmax=exact, not with softmax=ibert",
    ),
    (
        {"probabilities": "log2", "probability_bits": 9},
        "probabilities=log2 has at most 8 bits, got probability_bits=9",
    ),
    (
        {"recipe": "paper", "gelu_input_bits": 9},
        "gelu_input_bits=9 goes with another gelu: gelu=ivit takes at most 8 bits",
    ),
]


@pytest.mark.parametrize(("chosen", "message"), EXCLUDED, ids=[" ".join(chosen) for chosen, _ in EXCLUDED])
def test_choices_that_exclude_one_another(chosen: dict[str, Any], message: str) -> None:
    """Refused before anything runs, by the pass and by its Python twin."""
    takers: tuple[Callable[..., object], ...] = (QuantizePass, LowerToIntOptions)
    for take in takers:
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            take(**chosen)


NARROW = {"rounding": "gptq", "refit": True}
W4 = {"attention_weight_bits": 4, "mlp_weight_bits": 4}


def activations(bits: int) -> dict[str, Any]:
    widths = dict.fromkeys(("norm_bits", "context_bits", "gelu_bits"), bits)
    return {**widths, "qkv_bits": min(bits, 8)}


PAPER = {
    **dict.fromkeys(("softmax", "gelu", "layernorm"), "ivit"),
    "activations": "symmetric",
    "qkv_scales": "one",
    "exponent": "plain",
    "smoothing": 0.0,
    "balance": False,
}
BEST = {"probabilities": "uniform", "gelu_input_bits": 12, "gelu_channels": True, "rounding": "gptq"}
FEW = {**NARROW, "ranges": "mse", "ranges_below": 8, "probabilities": "deferred"}
TABLE: list[tuple[dict[str, Any], dict[str, Any]]] = [
    # 8 bits
    ({}, {}),
    ({"recipe": "paper"}, PAPER),
    ({"recipe": "best"}, BEST),
    ({"weight_bits": 8, "activation_bits": 8}, {}),
    # W4A8
    ({"weight_bits": 4}, {**W4, **NARROW, "weight_clip": "mse"}),
    ({"recipe": "paper", "weight_bits": 4}, {**PAPER, **W4}),
    ({"recipe": "best", "weight_bits": 4}, {**BEST, **W4, **NARROW, "weight_clip": "mse"}),
    # W4A4
    (
        {"weight_bits": 4, "activation_bits": 4},
        {**W4, **FEW, **activations(4), "weight_clip": "mse", "probability_bits": 4},
    ),
    (
        {"recipe": "paper", "weight_bits": 4, "activation_bits": 4},
        {**PAPER, **W4, **activations(4), "gelu_input_bits": 4, "probability_bits": 4},
    ),
    (
        {"recipe": "best", "weight_bits": 4, "activation_bits": 4},
        {**BEST, **W4, **FEW, **activations(4), "weight_clip": "mse", "probability_bits": 4},
    ),
    # W6A6
    (
        {"weight_bits": 6, "activation_bits": 6},
        {
            **FEW,
            **activations(6),
            "attention_weight_bits": 6,
            "mlp_weight_bits": 6,
            "weight_clip": "mse",
            "probability_bits": 6,
        },
    ),
    # A12: q, k and v have 8 bits at most
    ({"activation_bits": 12}, {**activations(12), "gelu_input_bits": 12}),
    ({"recipe": "paper", "activation_bits": 12}, {**PAPER, **activations(12)}),
    ({"recipe": "best", "activation_bits": 12}, {**BEST, **activations(12)}),
    # ShiftGELU takes 8 bits
    ({"recipe": "best", "gelu": "ivit"}, {**BEST, "gelu": "ivit", "gelu_input_bits": 8}),
    ({"gelu": "ivit", "activation_bits": 12}, {**activations(12), "gelu": "ivit"}),
    # what was asked for goes before what follows from it
    (
        {"weight_bits": 4, "rounding": "nearest", "refit": False, "mlp_weight_bits": 8},
        {"attention_weight_bits": 4, "weight_clip": "mse"},
    ),
    (
        {"weight_bits": 4, "head_weight_bits": 4, "patch_weight_bits": 6, "refit": False},
        {**W4, "head_weight_bits": 4, "patch_weight_bits": 6, "rounding": "gptq", "weight_clip": "mse"},
    ),
    ({"probabilities": "sulq"}, {"probabilities": "sulq", "probability_bits": 4}),
    ({"probabilities": "log2", "probability_bits": 3}, {"probabilities": "log2", "probability_bits": 3}),
    ({"recipe": "best", "softmax": "ivit"}, {**BEST, "softmax": "ivit", "probabilities": "deferred"}),
    ({"recipe": "paper", "softmax": "exact"}, {**PAPER, "softmax": "exact"}),
    ({"smoothing": 0, "balance": False}, {"smoothing": 0, "balance": False}),
]


@pytest.mark.parametrize(
    ("chosen", "expected"),
    TABLE,
    ids=[" ".join(map(str, chosen.items())) for chosen, _ in TABLE],
)
def test_recipes(chosen: dict[str, Any], expected: dict[str, Any]) -> None:
    """``expected`` is what differs from the default recipe at 8 bits."""
    assert resolve(QuantizeOptions(**chosen)) == replace(Recipe(), **expected)


@pytest.mark.parametrize(
    ("chosen", "fits", "fits_weights"),
    [
        ({}, False, False),
        ({"recipe": "paper"}, False, False),
        ({"recipe": "paper", "weight_bits": 4, "activation_bits": 4}, False, False),
        ({"recipe": "best"}, True, True),
        ({"ranges": "mse"}, True, False),
        ({"probabilities": "sulq"}, True, False),
        ({"probabilities": "uniform"}, False, False),
        ({"weight_clip": "mse"}, True, True),
        ({"rounding": "adaround"}, True, True),
        ({"refit": True}, True, True),
        ({"bias_correction": True}, True, True),
    ],
)
def test_what_needs_images(chosen: dict[str, Any], fits: bool, fits_weights: bool) -> None:
    recipe = resolve(QuantizeOptions(**chosen))
    assert (recipe.fits, recipe.fits_weights) == (fits, fits_weights)


def test_options_that_nothing_reads_are_told() -> None:
    assert without_effect(QuantizeOptions(percentile=99.5, exponent="plain", gelu_channels=True)) == [
        "percentile changes nothing here: it goes with ranges=percentile",
        "exponent changes nothing here: it goes with softmax or gelu of ivit, ibert, fqvit",
    ]
    assert without_effect(
        QuantizeOptions(gelu="ivit", exponent="plain", gelu_channels=True, ranges="percentile", percentile=99)
    ) == ["gelu_channels changes nothing here: it goes with gelu=exact"]
    assert without_effect(QuantizeOptions(recipe="best")) == []
    assert without_effect(QuantizeOptions(refit=True)) == [
        "refit changes nothing here: it goes with weights or activations below 8 bits"
    ]
    assert without_effect(QuantizeOptions(refit=True, head_weight_bits=6)) == []
