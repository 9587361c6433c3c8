"""The boundary of an integer module, read from its function: what it is, and what is refused in one line."""

from __future__ import annotations

import pytest

from ivit.interface import boundary_of
from ivit_dialect.load import parse_module
from ivit_dialect.store import StoreContext
from runtime.boundary import Boundary

PIXELS = (
    '{kind = "pixels", mean = [0.5 : f64, 0.5 : f64, 0.5 : f64], std = [0.25 : f64, 0.25 : f64, 0.25 : f64]}'
)
QUANTIZED = '{kind = "quantized", scale = 0.5 : f64}'


def boundary(image: str, result: str, given: str = PIXELS) -> Boundary:
    """Of ``@main`` from ``image`` to ``result``; its body takes no part."""
    text = f"""
func.func private @main(tensor<{image}>) -> tensor<{result}>
    attributes {{ivit.input = {given}, ivit.output = {{scale = 0.25 : f64}}}}
"""
    return boundary_of(parse_module(text, "boundary", StoreContext()))


@pytest.mark.parametrize("width", [8, 16, 32])
@pytest.mark.parametrize(
    ("kind", "pixel", "given"), [("pixels", "ui8", PIXELS), ("quantized", "i8", QUANTIZED)]
)
def test_element_types(kind: str, pixel: str, given: str, width: int) -> None:
    read = boundary(f"?x4x5x3x{pixel}", f"?x7xi{width}", given)
    assert (read.kind, read.input_shape) == (kind, (4, 5, 3))
    assert (read.output_shape, read.output_dtype) == ((7,), f"int{width}")


@pytest.mark.parametrize("element", ["ui8", "i64", "i1", "si8"])
def test_results_that_the_host_cannot_take(element: str) -> None:
    with pytest.raises(
        ValueError, match=rf"^the result of @main must be of i8, i16 or i32, got .*x{element}>:"
    ):
        boundary("?x4x5x3xui8", f"?x7x{element}")


@pytest.mark.parametrize(
    ("pixel", "given", "message"),
    [
        ("i8", PIXELS, r'must be of ui8 where ivit\.input has kind = "pixels", got tensor<\?x4x5x3xi8>$'),
        (
            "ui8",
            QUANTIZED,
            r'must be of i8 where ivit\.input has kind = "quantized", got tensor<\?x4x5x3xui8>$',
        ),
        ("i16", QUANTIZED, r'must be of i8 where ivit\.input has kind = "quantized"'),
        ("f32", PIXELS, "must be integers of static shape"),
    ],
)
def test_images_of_another_type_than_their_kind(pixel: str, given: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^the image of @main {message}"):
        boundary(f"?x4x5x3x{pixel}", "?x7xi32", given)
