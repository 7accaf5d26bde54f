# SPDX-License-Identifier: Apache-2.0
"""Quantisers in a file give the codes of the reference: every rounding, overflow, width and kind of input."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from qopt_mlir.qdialect.formats import Rounding
from xdsl.dialects.builtin import ModuleOp

from .engines import ENGINES, exported
from .networks import module_of, read_again, reference, run_file

SHAPE = (3, 400)
TARGETS = (
    "fixed<8, 0>",
    "ufixed<8, 3>",
    "fixed<3, -2>",
    "ufixed<1, 0>",
    "fixed<1, 1>",
    "fixed<12, 5>",
    "fixed<24, 7>",
    "ufixed<30, 12>",
    "fixed<40, 140>",
    "bipolar",
    "float<4, 3, specials = fn>",
    "float<3, 2>",
    "float<5, 2, specials = ieee, flush>",
    "float<2, 1, bias = 3>",
)
SOURCES = (
    "f32",
    "!q.fixed<10, 4>",
    "!q.fixed<24, 23>",
    "!q.fixed<45, 20>",
    "!q.real",
    "!q.float<5, 10, specials = ieee>",
)


def quantiser(source: str, target: str, rounding: str, overflow: str) -> ModuleOp:
    given, wanted = f"tensor<3x400x{source}>", f"tensor<3x400x!q.{target}>"
    if source != "!q.real":
        return module_of(f"%y = q.quantize %x {rounding} {overflow} : {given} -> {wanted}", f"%x: {given}", wanted)
    third = '%s = q.constant #q.dense<"1/3" : tensor<!q.real>>\n'
    codes = "tensor<3x400x!q.fixed<10, 4>>"
    scaled = f"%r = q.mul %x, %s : {codes}, tensor<!q.real> -> {given}\n"
    quantized = f"%y = q.quantize %r {rounding} {overflow} : {given} -> {wanted}"
    return module_of(third + scaled + quantized, f"%x: {codes}", wanted)


def numbers(source: str, seed: int) -> NDArray[np.float32]:
    """Numbers of a type: ends, ties, and random ones of all sizes."""
    generator = np.random.default_rng(seed)
    match source:
        case "f32":
            sizes = generator.normal(0, 1, SHAPE) * 2.0 ** generator.integers(-6, 12, SHAPE)
            sizes[0, :200] = np.rint(sizes[0, :200] * 16) / 16
            sizes[0, :8] = [0, -0.0, 0.5, -0.5, 1e30, -1e30, 0.49999997, -0.49999997]
            return sizes.astype(np.float32)
        case "!q.fixed<10, 4>" | "!q.real":
            return np.ldexp(generator.integers(-512, 512, SHAPE).astype(np.float32), -4)
        case "!q.fixed<24, 23>":
            codes = generator.integers(-(1 << 23), 1 << 23, SHAPE)
            codes[0, :4] = [-(1 << 23), (1 << 23) - 1, (1 << 22) - 1, 1 << 22]
            return np.ldexp(codes.astype(np.float32), -23)
        case "!q.fixed<45, 20>":
            codes = generator.integers(-(1 << 44), 1 << 44, SHAPE) >> generator.integers(0, 40, SHAPE)
            return np.ldexp(codes.astype(np.float64), -20)  # pyright: ignore[reportReturnType]
        case _:
            return generator.normal(0, 50, SHAPE).astype(np.float16).astype(np.float32)


def wrong_pair(target: str, overflow: str) -> bool:
    if overflow == "saturate":
        return False
    if overflow == "infinity":
        return "specials" not in target
    return not target.startswith(("fixed", "ufixed")) or target == "fixed<40, 140>"  # float32 times 2^140 is infinite


@pytest.mark.parametrize("rounding", [mode.value for mode in Rounding])
@pytest.mark.parametrize("source", SOURCES)
def test_codes_of_standard_operators(source: str, rounding: str) -> None:
    for seed, (target, overflow) in enumerate(product(TARGETS, ("saturate", "wrap", "infinity"))):
        if wrong_pair(target, overflow) or (source == "!q.real" and overflow == "wrap"):
            continue  # the low bits of a third are not those of a float64
        module, x = quantiser(source, target, rounding, overflow), numbers(source, seed)
        x = np.clip(x, -1e6, 1e6)  # beyond int32, QuantizeLinear of onnx's own reference wraps
        actual = run_file(exported(module, "real=float64"), x)
        np.testing.assert_array_equal(actual, reference(module, x), err_msg=f"to {target}, {overflow}")


@pytest.mark.parametrize("rounding", [mode.value for mode in Rounding])
@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("style", ENGINES)
def test_codes_of_the_style(style: str, source: str, rounding: str) -> None:
    for seed, target in enumerate(TARGETS):
        module, x = quantiser(source, target, rounding, "saturate"), numbers(source, seed)
        model = exported(module, f"style={style} real=float64")
        actual = ENGINES[style](model, {"input0": x})[0]
        np.testing.assert_array_equal(actual, reference(module, x), err_msg=f"to {target}")


@pytest.mark.parametrize("rounding", [mode.value for mode in Rounding])
@pytest.mark.parametrize("style", ENGINES)
def test_codes_of_the_file_read_again(style: str, rounding: str) -> None:
    for seed, (source, target) in enumerate(product(("f32", "!q.fixed<10, 4>"), TARGETS)):
        module, x = quantiser(source, target, rounding, "saturate"), numbers(source, seed)
        again = read_again(module, f"style={style}")
        np.testing.assert_array_equal(reference(again, x), reference(module, x), err_msg=f"{source} to {target}")


def wide_dot(rows: int) -> ModuleOp:
    """An accumulator of more than 24 bits, quantised by a shift."""
    generator = np.random.default_rng(rows)
    codes = ", ".join(str(list(row)) for row in generator.integers(-127, 128, (rows, 2)).tolist())
    x, w, y = f"tensor<1x{rows}x!q.ufixed<16, 4>>", f"tensor<{rows}x2x!q.fixed<8, 3>>", "tensor<1x2x!q.fixed<8, -9>>"
    body = f"""
      %w = q.constant #q.dense<[{codes}] : {w}>
      %a = q.matmul %x, %w : {x}, {w} -> tensor<1x2x!q.fixed<30, 7>>
      %y = q.quantize %a half_even saturate : tensor<1x2x!q.fixed<30, 7>> -> {y}
    """
    return module_of(body, f"%x: {x}", y)


@pytest.mark.parametrize("style", ["qcdq", "qonnx"])
def test_wide_accumulators_are_exact(style: str) -> None:
    module = wide_dot(30)
    codes = np.random.default_rng(0).integers(0, 1 << 16, (200, 1, 30))
    again = read_again(module, f"style={style}")
    for frame in np.ldexp(codes.astype(np.float32), -4):
        expected: NDArray[Any] = reference(module, frame)
        if style == "qcdq":
            np.testing.assert_array_equal(run_file(exported(module, f"style={style}"), frame), expected)
        np.testing.assert_array_equal(reference(again, frame), expected)


@pytest.mark.parametrize("style", ENGINES)
def test_small_numbers_in_words_beyond_float64_are_exact(style: str) -> None:
    """Sums of int64 wrap: that leaves a number that fits as it is, negative ones too."""
    x = "tensor<2x3x!q.fixed<64, 0>>"
    body = f"""
      %s = q.add %x, %x : {x}, {x} -> tensor<2x3x!q.fixed<65, 0>>
      %y = q.quantize %s down wrap : tensor<2x3x!q.fixed<65, 0>> -> {x}
    """
    module = module_of(body, f"%x: {x}", x)
    frame = np.array([[-1, -5, 7], [1 << 62, -(1 << 62), -3 << 61]])
    expected = reference(module, frame)
    assert expected.tolist() == [[-2, -10, 14], [-(1 << 63), -(1 << 63), 1 << 62]]
    actual = ENGINES[style](exported(module, f"style={style}"), {"input0": frame.astype(np.float64)})[0]
    np.testing.assert_array_equal(actual, expected.astype(np.float64))
