# SPDX-License-Identifier: Apache-2.0
"""QONNX's FloatQuant by its formula, and by qonnx where it is installed; Trunc by qonnx."""

from typing import Any

import numpy as np
import pytest
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.q import QuantizeOp
from qopt_mlir.qdialect.types import element_type
from xdsl.dialects.builtin import ModuleOp

from .graphs import QONNX, imported, model, op, op_names, reread, run
from .test_onnx_quantizers import KNOWN_TO_QONNX, ROUND

Array = np.ndarray[Any, Any]

RNG = np.random.default_rng(11)
X = np.concatenate(
    [
        np.arange(-40, 41) / 8,
        2.0 ** np.arange(-20, 20),
        RNG.normal(size=200, scale=30),
        [0, 448, 464, 465, 480, 1e9, -1e9, 240, 0.3],
    ]
)[None].astype(np.float32)


def float_quant(x: Array, scale: float, e: int, m: int, bias: int, largest: float, rounding: str) -> Array:
    """In float64: exact but for the quotient and the product, which are float32's."""
    quotient = (x / np.float32(scale)).astype(np.float64)
    _, exponents = np.frexp(quotient)
    unit = 2.0 ** np.maximum(exponents - 1.0 - m, 1.0 - bias - m)
    rounded = unit * ROUND[rounding](quotient / unit)
    limit = min(largest, (2 - 2.0**-m) * 2.0 ** (2**e - 1 - bias))
    return np.clip(rounded, -limit, limit).astype(np.float32) * np.float32(scale)


def float_quant_model(scale: Any, e: int, m: int, bias: int, largest: float, x: Array = X, **attributes: Any) -> Any:
    attributes = {"has_inf": 0, "has_nan": 0, "has_subnormal": 1, "saturation": 1, **attributes}
    node = op("FloatQuant", "x s e m b l", domain=QONNX, **attributes)
    constants = {"s": scale, "e": float(e), "m": float(m), "b": float(bias), "l": float(largest)}
    return model([node], constants, x=x.shape)


def float_type_of(module: ModuleOp) -> str:
    return next(str(element_type(o.result)) for o in module.walk() if isinstance(o, QuantizeOp))


FORMATS = {
    (4, 3, 7, 448.0): "!q.float<4, 3, specials = fn>",
    (5, 2, 15, 57344.0): "!q.float<5, 2, specials = ieee>",
    (4, 3, 7, 480.0): "!q.float<4, 3>",
    (4, 3, 8, 1e9): "!q.float<4, 3, bias = 8>",
    (2, 1, 1, 6.0): "!q.float<2, 1>",
    (3, 4, 3, 20.0): "!q.float<3, 4>",
    (5, 0, 15, 1e9): "!q.float<5, 0>",
}


@pytest.mark.parametrize("rounding", ROUND)
@pytest.mark.parametrize("scale", [1.0, 0.25, 0.3])
@pytest.mark.parametrize("parameters", FORMATS)
def test_float_quant(parameters: tuple[int, int, int, float], scale: float, rounding: str) -> None:
    module = imported(float_quant_model(scale, *parameters, rounding_mode=rounding))
    assert float_type_of(module) == FORMATS[parameters]
    np.testing.assert_array_equal(run(reread(module), X)[0], float_quant(X, scale, *parameters, rounding))


def test_float_quant_equals_qonnx() -> None:
    """But where the logarithm of a number just below a power of two is rounded up to it."""
    reference = pytest.importorskip("qonnx.custom_op.general.floatquant").float_quant
    for (e, m, bias, largest), rounding in zip(FORMATS, ["ROUND", "CEIL", "FLOOR"] * 3, strict=False):
        scale = np.float32(RNG.uniform(0.1, 2))
        parameters = (np.float32(number) for number in (e, m, bias))
        want = reference(X, scale, *parameters, max_val=np.float32(largest), rounding_mode=rounding)
        got = run(imported(float_quant_model(scale, e, m, bias, largest, rounding_mode=rounding)), X)[0]
        np.testing.assert_array_equal(got, want.astype(np.float32))  # as its node does


def test_overflow() -> None:
    x = np.array([[1e9, -1e9, 57344, 61440, 7]], np.float32)
    module = imported(float_quant_model(1.0, 5, 2, 15, 57344, x, has_inf=1, saturation=0))
    np.testing.assert_array_equal(run(module, x)[0], [[np.inf, -np.inf, 57344, np.inf, 7]])
    module = imported(float_quant_model(1.0, 4, 3, 7, 448, x, has_nan=1, saturation=0))
    np.testing.assert_array_equal(run(module, x)[0], [[np.nan, np.nan, np.nan, np.nan, 7]])


@pytest.mark.parametrize(
    ("parameters", "attributes", "what"),
    [
        ((9, 3, 7, 448), {}, "9 exponent bits and 3 mantissa bits is not supported"),
        ((4, 3, 7, -1), {}, "largest number is not one positive number"),
        ((4, 3, 7, 447), {}, "largest number 447 is none of !q.float<4, 3>"),
        ((4, 3, 7, 448), {"saturation": 0}, "448 is not followed by infinity or NaN"),
        ((4, 3, 7, 480), {"saturation": 0, "has_nan": 1}, "480 is not followed by infinity or NaN"),
        ((4, 3, 7, 448), {"rounding_mode": "X"}, "unknown rounding mode 'X'"),
    ],
)
def test_refused(parameters: tuple[int, int, int, float], attributes: dict[str, Any], what: str) -> None:
    with pytest.raises(QoptError, match=what.replace("<", "[<]")):
        imported(float_quant_model(1.0, *parameters, **attributes))


def test_half_a_bit_is_refused() -> None:
    node = op("FloatQuant", "x s e s s s", domain=QONNX, has_inf=0, has_nan=0, has_subnormal=1, saturation=1)
    with pytest.raises(QoptError, match="exponent bits are not one whole number"):
        imported(model([node], {"s": 1.0, "e": 2.5}))


def test_weights() -> None:
    """Weights stay constants when they are transposed; scale by channel."""
    weights = RNG.normal(size=(3, 4)).astype(np.float32)
    scale = np.array([[0.1], [0.2], [0.7]], np.float32)
    nodes = [
        op("FloatQuant", "w s e m b l", "q", domain=QONNX, has_inf=0, has_nan=0, has_subnormal=1, saturation=1),
        op("Gemm", "x q", transB=1),
    ]
    module = imported(model(nodes, {"w": weights, "s": scale, "e": 4.0, "m": 3.0, "b": 7.0, "l": 448.0}))
    assert op_names(module) == ["div", "quantize", "mul", "matmul"]
    x = RNG.normal(size=(1, 4)).astype(np.float32)
    want = (
        x
        @ np.concatenate([float_quant(w, float(s[0]), 4, 3, 7, 448, "ROUND") for w, s in zip(weights, scale)])
        .reshape(3, 4)
        .T
    )
    np.testing.assert_allclose(run(module, x)[0], want, rtol=1e-6)


@pytest.mark.parametrize(
    ("output_scale", "bits", "signed", "narrow"), [(0.3 * 8, 5, 1, 0), (0.3 / 4, 9, 1, 1), (0.3, 7, 0, 1)]
)
def test_trunc_equals_qonnx(output_scale: float, bits: int, signed: int, narrow: int) -> None:
    trunc = pytest.importorskip("qonnx.custom_op.general.trunc").trunc_v2
    x = (np.arange(-64, 64, dtype=np.float32) * np.float32(0.3))[None]
    parameters = (
        np.float32(0.3),
        np.float32(4),
        np.float32(8),
        narrow,
        signed,
        np.float32(output_scale),
        np.float32(bits),
    )
    for rounding in KNOWN_TO_QONNX:
        node = op("Trunc", "x s z i t o", domain=QONNX, rounding_mode=rounding, signed=signed, narrow=narrow)
        constants = {"s": 0.3, "z": 4.0, "i": 8.0, "t": output_scale, "o": float(bits)}
        got = run(imported(model([node], constants, x=x.shape)), x)[0]
        np.testing.assert_allclose(got, trunc(x, *parameters, rounding), rtol=1e-6, atol=1e-6)
