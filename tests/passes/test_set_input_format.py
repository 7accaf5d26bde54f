# SPDX-License-Identifier: Apache-2.0
"""Input codes: thresholds give for each code what the float32 network gives for the number it stands for."""

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from qopt_mlir.passes.pipelines import to_typed
from qopt_mlir.passes.runner import parse_passes
from qopt_mlir.passes.set_input_format import SetInputFormatPass
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.input_format import parse_input_format
from qopt_mlir.qdialect.q import QuantizeOp, ThresholdOp
from qopt_mlir.qdialect.reference import compile_function
from qopt_mlir.qdialect.text import parse_module
from qopt_mlir.qdialect.types import element_type, is_f32
from xdsl.dialects.builtin import ModuleOp

CHAIN = """
func.func @main(%x: tensor<1x2x3xf32> {{q.name = "x"}}) -> tensor<1x6x!q.{result}> {{
  %a = q.constant #q.dense<{a} : tensor<f32>>
  %b = q.constant #q.dense<[{b}] : tensor<1xf32>>
  %s = q.constant #q.dense<{s} : tensor<f32>>
  %lo = q.constant #q.dense<-0.7 : tensor<f32>>
  %hi = q.constant #q.dense<0.9 : tensor<f32>>
  %0 = q.mul %x, %a : tensor<1x2x3xf32>, tensor<f32> -> tensor<1x2x3xf32>
  %1 = q.sub %b, %0 : tensor<1xf32>, tensor<1x2x3xf32> -> tensor<1x2x3xf32>
  %2 = q.reshape %1 : tensor<1x2x3xf32> -> tensor<1x6xf32>
  %3 = q.tanh %2 : tensor<1x6xf32>
  %4 = q.clip %3, %lo, %hi : tensor<1x6xf32>, tensor<f32>, tensor<f32> -> tensor<1x6xf32>
  %5 = q.div %4, %s : tensor<1x6xf32>, tensor<f32> -> tensor<1x6xf32>
  %6 = q.quantize %5 {rounding} saturate{narrow} : tensor<1x6xf32> -> tensor<1x6x!q.{result}>
  func.return %6 : tensor<1x6x!q.{result}>
}}
"""

CHANNELS = """
func.func @main(%x: tensor<1x3xf32> {q.name = "x"}) -> tensor<1x3x!q.fixed<4, 1>> {
  %g = q.constant #q.dense<[1.5, -2.0, 0.0] : tensor<3xf32>>
  %b = q.constant #q.dense<[0.3, 0.1, 1.0] : tensor<3xf32>>
  %v = q.constant #q.dense<[0.7, 1.1, 0.4] : tensor<3xf32>>
  %0 = q.batch_norm %x, %g, %b, %b, %v axis 1 epsilon 1.000000e-05 : f32
      : tensor<1x3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32> -> tensor<1x3xf32>
  %1 = q.relu %0 : tensor<1x3xf32> -> tensor<1x3xf32>
  %2 = q.quantize %1 half_even saturate : tensor<1x3xf32> -> tensor<1x3x!q.fixed<4, 1>>
  func.return %2 : tensor<1x3x!q.fixed<4, 1>>
}
"""


def nearest_float32(value: Fraction) -> np.float32:
    """Correctly rounded, ties to even, found among neighbours."""
    near = np.float32(float(value))
    candidates = [np.nextafter(near, np.float32(-np.inf)), near, np.nextafter(near, np.float32(np.inf))]
    return min(candidates, key=lambda c: (abs(Fraction(float(c)) - value), int(c.view(np.uint32)) & 1))


def float_frames(codes: np.ndarray, shape: tuple[int, ...], scale: Fraction, offset: Fraction) -> np.ndarray:
    numbers = np.array([nearest_float32(int(code) * scale + offset) for code in codes], dtype=np.float32)
    return np.broadcast_to(numbers.reshape(-1, *(1,) * len(shape)), (len(codes), *shape))


CASES = [
    ("uint<8> scale 1/255", np.arange(256), Fraction(1, 255), Fraction(0)),
    ("int<6> scale -3/7 offset 0.1", np.arange(-32, 32), Fraction(-3, 7), Fraction(1, 10)),
    ("fixed<7, 5>", np.arange(-64, 64), Fraction(1, 32), Fraction(0)),
    ("ufixed<9, 10> offset -1/3", np.arange(512), Fraction(1, 1024), Fraction(-1, 3)),
    ("bipolar scale 0.7", np.array([-1, 1]), Fraction(7, 10), Fraction(0)),
]


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
@pytest.mark.parametrize("result", ["fixed<3, 0>", "ufixed<2, 1>", "bipolar", "fixed<8, 7>"])
@pytest.mark.parametrize("seed", range(4))
def test_each_code_gives_what_its_number_gives(
    seed: int,
    result: str,
    case: tuple[str, np.ndarray, Fraction, Fraction],
    run_passes: Callable[[ModuleOp, str], ModuleOp],
    run_codes: Callable[[ModuleOp, np.ndarray], np.ndarray],
) -> None:
    text, codes, scale, offset = case
    generator = np.random.default_rng(seed)
    a, b, s = (round(float(number), 3) for number in generator.uniform(-2, 2, 3))
    rounding = ["half_even", "half_up", "floor", "up"][seed]
    narrow = " narrow" if seed == 1 and result != "bipolar" else ""
    before = parse_module(CHAIN.format(a=a, b=b, s=s, result=result, rounding=rounding, narrow=narrow), "test")
    after = run_passes(before, f'q-set-input-format{{input-format="x: {text}"}}')
    assert not any(isinstance(op, QuantizeOp) and is_f32(element_type(op.input)) for op in after.walk())
    expected = run_codes(before, float_frames(codes, (1, 2, 3), scale, offset))
    actual = run_codes(after, np.broadcast_to(codes.reshape(-1, 1, 1, 1), (len(codes), 1, 2, 3)))
    assert bool((expected == actual).all())


def test_channels_have_thresholds_of_their_own(
    run_passes: Callable[[ModuleOp, str], ModuleOp], run_codes: Callable[[ModuleOp, np.ndarray], np.ndarray]
) -> None:
    before = parse_module(CHANNELS, "test")
    after = run_passes(before, 'q-set-input-format{input-format="x: fixed<8, 5>"}')
    (threshold,) = [op for op in after.walk() if isinstance(op, ThresholdOp)]
    assert threshold.descending is not None
    codes = np.arange(-128, 128)
    expected = run_codes(before, float_frames(codes, (1, 3), Fraction(1, 32), Fraction(0)))
    assert bool((run_codes(after, np.repeat(codes, 3).reshape(-1, 1, 3)) == expected).all())


def test_a_quantiser_that_wraps_is_refused() -> None:
    text = """func.func @main(%x: tensor<1xf32>) -> tensor<1x!q.fixed<2, 0>> {
      %0 = q.quantize %x half_even wrap : tensor<1xf32> -> tensor<1x!q.fixed<2, 0>> loc("Quant_0")
      func.return %0 : tensor<1x!q.fixed<2, 0>>
    }"""
    module = parse_module(text, "test")
    with pytest.raises(QoptError, match="neither rises nor falls") as fault:
        SetInputFormatPass("x: int<4>").apply(None, module)  # pyright: ignore[reportArgumentType]
    assert fault.value.where is not None
    assert "Quant_0" in fault.value.where


def test_the_build_pipeline_carries_any_name() -> None:
    text = 'a "b"\\c: uint<8> scale 1/255'
    passes = parse_passes(to_typed([text, "d: bipolar"]))
    assert [pass_.input_format for pass_ in passes if isinstance(pass_, SetInputFormatPass)] == [text, "d: bipolar"]


@pytest.mark.parametrize("result", ["ufixed<2, 0>", "fixed<3, 0>", "bipolar"])
@pytest.mark.parametrize("offset", [-90, 90])
def test_every_code_may_saturate(offset: int, result: str, run_passes: Callable[[ModuleOp, str], ModuleOp]) -> None:
    text = f"""
    func.func @main(%x: tensor<1x3xf32> {{q.name = "x"}}) -> tensor<1x3x!q.{result}> {{
      %0 = q.quantize %x half_even saturate : tensor<1x3xf32> -> tensor<1x3x!q.{result}>
      func.return %0 : tensor<1x3x!q.{result}>
    }}"""
    before = parse_module(text, "net.mlir")
    passes = f'q-set-input-format{{input-format="x: fixed<4, 0> offset {offset}"}}'
    codes = np.arange(-8, 7).reshape(5, 1, 3)
    (expected,) = compile_function(before, "main").run({0: (codes + offset).astype(np.float32)})
    (actual,) = compile_function(run_passes(before, passes), "main").run({0: codes})
    np.testing.assert_array_equal(actual, expected)


def test_numbers_of_an_input_format() -> None:
    read = parse_input_format("a::b: fixed<8, -2> scale 1e-6 offset -1/3")
    assert (read.name, read.scale, read.offset) == ("a::b", Fraction(1, 10**6), Fraction(-1, 3))
    with pytest.raises(QoptError, match="expected 'scale', 'offset' or the end"):
        parse_input_format("x: uint<8> scale 1e-999")
