# SPDX-License-Identifier: Apache-2.0
"""Quantisers: QONNX's by its formulas (and by qonnx where it is installed), QuantizeLinear's by onnx's reference."""

import itertools
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto
from qopt_mlir.qdialect.q import QuantizeOp
from qopt_mlir.qdialect.types import element_type
from xdsl.dialects.builtin import ModuleOp

from .graphs import QONNX, expected, imported, model, op, op_names, run

Array = np.ndarray[Any, Any]

ROUND = {
    "ROUND": np.round,
    "HALF_EVEN": np.round,
    "CEIL": np.ceil,
    "FLOOR": np.floor,
    "UP": lambda v: np.sign(v) * np.ceil(np.abs(v)),
    "DOWN": np.fix,
    "ROUND_TO_ZERO": np.fix,
    "HALF_UP": lambda v: np.sign(v) * np.floor(np.abs(v) + 0.5),
    "HALF_DOWN": lambda v: np.sign(v) * np.ceil(np.abs(v) - 0.5),
}
KNOWN_TO_QONNX = [name for name in ROUND if name != "ROUND_TO_ZERO"]  # Brevitas writes it, qonnx refuses it
RAMP = np.concatenate([np.arange(-40, 41) / 4, [-1e9, 1e9, 1e-30, -1e-30, 0.1, -0.1]]).astype(np.float32)[None]


def quant(x: Array, scale: Array, zero_point: Array, bits: int, signed: bool, narrow: bool, rounding: str) -> Array:
    """QONNX's Quant in float32."""
    y = x / scale + zero_point
    if bits == 1 and signed:
        y = np.where(y >= 0, 1, -1)
    else:
        low = -(2 ** (bits - 1)) + narrow if signed else 0
        high = 2 ** (bits - 1) - 1 if signed else 2**bits - 1 - narrow
        y = ROUND[rounding](np.clip(y, np.float32(low), np.float32(high)))
    return ((y - zero_point) * scale).astype(np.float32)


def quant_model(scale: Any, zero_point: Any, bits: int, x: Array = RAMP, **attributes: Any) -> Any:
    attributes = {"signed": 1, "narrow": 0, "rounding_mode": "ROUND", **attributes}
    node = op("Quant", "x s z b", domain=QONNX, **attributes)
    return model([node], {"s": scale, "z": zero_point, "b": float(bits)}, x=x.shape)


def quantize_type(module: ModuleOp) -> str:
    return next(str(element_type(o.result)) for o in module.walk() if isinstance(o, QuantizeOp))


@pytest.mark.parametrize("rounding", ROUND)
@pytest.mark.parametrize(("signed", "narrow"), [(0, 0), (0, 1), (1, 0), (1, 1)])
@pytest.mark.parametrize("scale", [1.0, 0.5, 4.0, 0.3])
def test_quant(scale: float, signed: int, narrow: int, rounding: str) -> None:
    for bits, zero in ((1, 0.0), (2, 1.0), (3, 0.0), (8, 3.0)):
        if bits == 1 and not signed and narrow:
            continue
        attributes = {"signed": signed, "narrow": narrow, "rounding_mode": rounding}
        module = imported(quant_model(scale, zero, bits, **attributes))
        want = quant(RAMP, np.float32(scale), np.float32(zero), bits, bool(signed), bool(narrow), rounding)
        np.testing.assert_array_equal(run(module, RAMP)[0], want, f"{bits} bits, zero point {zero}")


def test_quant_equals_qonnx() -> None:
    int_quant = pytest.importorskip("qonnx.custom_op.general.intquant").int_quant
    rng = np.random.default_rng(3)
    x = np.concatenate([RAMP, rng.normal(scale=8, size=(1, 500)).astype(np.float32)], axis=1)
    for rounding, signed, bits in itertools.product(KNOWN_TO_QONNX, (0, 1), (1, 2, 4, 8)):
        scale, zero = np.float32(rng.uniform(0.01, 2)), np.float32(rng.integers(0, 4))
        module = imported(quant_model(scale, zero, bits, x, signed=signed, rounding_mode=rounding))
        want = int_quant(x, scale, zero, np.float32(bits), signed, 0, rounding)
        np.testing.assert_array_equal(run(module, x)[0], want, f"{rounding} {signed} {bits}")


def test_power_of_two_scale_is_one_op() -> None:
    module = imported(quant_model(0.125, 0.0, 6))
    assert (op_names(module), quantize_type(module)) == (["quantize"], "!q.fixed<6, 3>")
    module = imported(quant_model(np.full((1, 1), 4.0), np.zeros(1), 6, signed=0))
    assert (op_names(module), quantize_type(module)) == (["quantize"], "!q.ufixed<6, -2>")


def test_free_scale_and_zero_point_are_ops() -> None:
    assert op_names(imported(quant_model(0.3, 0.0, 4))) == ["div", "quantize", "mul"]
    assert op_names(imported(quant_model(0.5, 2.0, 4))) == ["div", "add", "quantize", "sub", "mul"]


def test_one_signed_bit_is_bipolar() -> None:
    module = imported(quant_model(1.0, 0.0, 1, narrow=1))
    assert (op_names(module), quantize_type(module)) == (["quantize"], "!q.bipolar")


def test_channel_scales_and_computed_parameters() -> None:
    x = np.random.default_rng(0).normal(size=(1, 3, 5)).astype(np.float32)
    scale = np.array([0.1, 0.2, 0.7], np.float32)
    nodes = [
        op("Unsqueeze", "s axes", "scale"),
        op("Constant", "", "bits", value_float=3.0),
        op("Quant", "x scale z bits", domain=QONNX, signed=1, narrow=1, rounding_mode="ROUND"),
    ]
    module = imported(model(nodes, {"s": scale, "axes": np.array([1]), "z": 0.0}, x=x.shape))
    want = quant(x, scale[:, None], np.float32(0), 3, True, True, "ROUND")
    np.testing.assert_array_equal(run(module, x)[0], want)


def test_weights_are_transposed_in_front_of_their_quantiser() -> None:
    weights = np.random.default_rng(1).normal(size=(3, 4)).astype(np.float32)
    scale = np.array([[0.1], [0.2], [0.7]], np.float32)
    nodes = [
        op("IntQuant", "w s z b", "q", domain=QONNX, signed=1, narrow=1, rounding_mode="ROUND"),
        op("Transpose", "q", "t", perm=[1, 0]),
        op("MatMul", "x t"),
    ]
    module = imported(model(nodes, {"w": weights, "s": scale, "z": 0.0, "b": 4.0}))
    assert op_names(module) == ["div", "quantize", "mul", "matmul"]
    x = np.random.default_rng(2).normal(size=(1, 4)).astype(np.float32)
    want = x @ quant(weights, scale, np.float32(0), 4, True, True, "ROUND").T
    np.testing.assert_allclose(run(module, x)[0], want, rtol=1e-6)


@pytest.mark.parametrize("scale", [1.0, 0.25, 0.3])
def test_bipolar_quant(scale: float) -> None:
    module = imported(model([op("BipolarQuant", "x s", domain=QONNX)], {"s": scale}, x=RAMP.shape))
    want = np.where(RAMP >= 0, np.float32(scale), -np.float32(scale))
    np.testing.assert_array_equal(run(module, RAMP)[0], want)


@pytest.mark.parametrize("rounding", ROUND)
@pytest.mark.parametrize(("scale", "zero"), [(1.0, 0.0), (0.5, 0.0), (0.3, 4.0)])
def test_trunc(scale: float, zero: float, rounding: str) -> None:
    x = (np.arange(-64, 64, dtype=np.float32) * np.float32(scale))[None]
    s, z = np.float32(scale), np.float32(zero)
    codes = np.round(x / s + z)
    constants = {"s": scale, "z": zero, "i": 8.0, "o": 5.0, "t": 8 * scale}
    node = op("Trunc", "x s z i o", domain=QONNX, rounding_mode=rounding)
    got = run(imported(model([node], constants, x=x.shape)), x)[0]
    np.testing.assert_array_equal(got, (ROUND[rounding](codes / 8) - z) * s)
    node = op("Trunc", "x s z i t o", domain=QONNX, rounding_mode=rounding, signed=1, narrow=1)
    got = run(imported(model([node], constants, x=x.shape)), x)[0]
    want = (ROUND[rounding](np.clip(codes / 8, -15, 15)) - z / np.float32(8)) * np.float32(8 * scale)
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-6)


CODES = {np.int8: (-128, 127), np.uint8: (0, 255)}


@pytest.mark.parametrize("dtype", CODES)
@pytest.mark.parametrize("scale", [1.0, 0.125, 0.3])
@pytest.mark.parametrize("offset", [0, 77, 127])
@pytest.mark.parametrize("clip", [None, (-3, 3), (0, 15), (-10, 90)])
def test_qcdq(dtype: Any, scale: float, offset: int, clip: tuple[int, int] | None) -> None:
    """QuantizeLinear rounds before it adds the zero point: odd ones move the ties."""
    x = np.clip(np.concatenate([RAMP, RAMP * np.float32(scale) * 2], axis=1), -1e6, 1e6)
    low, high = CODES[dtype]
    zero = offset if dtype is np.uint8 else offset - 127 if offset % 2 else offset
    constants = {"s": scale, "z": dtype(zero)}
    nodes = [op("QuantizeLinear", "x s z", "q"), op("DequantizeLinear", "q s z")]
    if clip is not None:
        bounds = [dtype(min(max(zero + bound, low), high)) for bound in clip]
        constants |= {"lo": bounds[0], "hi": bounds[1]}
        nodes[1:] = [op("Clip", "q lo hi", "c"), op("DequantizeLinear", "c s z")]
    proto = model(nodes, constants, x=x.shape, opset=19)
    np.testing.assert_array_equal(run(imported(proto), x)[0], expected(proto, x)[0])


def test_clip_of_a_whole_format_is_that_format() -> None:
    for bounds, name in [((-8, 7), "!q.fixed<4, 0>"), ((-7, 7), "!q.fixed<4, 0>"), ((-1, 1), "!q.fixed<2, 0>")]:
        nodes = [op("QuantizeLinear", "x s z", "q"), op("Clip", "q lo hi", "c"), op("DequantizeLinear", "c s z")]
        lo, hi = (np.int8(bound) for bound in bounds)
        module = imported(model(nodes, {"s": 1.0, "z": np.int8(0), "lo": lo, "hi": hi}))
        assert (op_names(module), quantize_type(module)) == (["quantize"], name)


def test_codes_used_as_integers() -> None:
    x = RAMP[:, :4] * 3
    constants = {"s": 0.3, "z": np.uint8(7), "shape": np.array([2, 2])}
    nodes = [op("QuantizeLinear", "x s z", "q"), op("Reshape", "q shape", "r"), op("DequantizeLinear", "r s z")]
    proto = model(nodes, constants, outputs="y q", y_type=TensorProto.UINT8, opset=19)
    for got, want in zip(run(imported(proto), x), expected(proto, x), strict=True):
        np.testing.assert_array_equal(got, want)


def test_integer_weights_and_inputs() -> None:
    rng = np.random.default_rng(4)
    weights = rng.integers(-128, 128, (4, 3)).astype(np.int8)
    constants = {"w": weights, "s": rng.uniform(0.1, 1, 3), "z": np.zeros(3, np.int8), "t": 0.5, "o": np.int8(-9)}
    nodes = [
        op("DequantizeLinear", "x t o", "f"),
        op("DequantizeLinear", "w s z", "v", axis=1),
        op("MatMul", "f v"),
    ]
    proto = model(nodes, constants, x_type=TensorProto.INT8, opset=19)
    x = rng.integers(-128, 128, (1, 4)).astype(np.int8)
    np.testing.assert_allclose(run(imported(proto), x)[0], expected(proto, x)[0], rtol=1e-6)


def test_integer_weights_with_a_zero_point_and_a_power_of_two() -> None:
    weights = np.array([[-128, 5], [7, 127], [0, 1], [-1, 2]], np.int8)
    for zero, name in ((0, "!q.fixed<8, 4>"), (7, "!q.fixed<9, 4>")):
        constants = {"w": weights, "s": 0.0625, "z": np.int8(zero)}
        proto = model([op("DequantizeLinear", "w s z", "v"), op("MatMul", "x v")], constants, opset=19)
        module = imported(proto)
        assert op_names(module) == ["matmul"]
        assert next(str(element_type(o.results[0])) for o in module.walk() if o.name == "q.constant") == name
        x = np.array([[1, 2, 3, 4]], np.float32)
        np.testing.assert_array_equal(run(module, x)[0], expected(proto, x)[0])


def test_codes_of_weights_are_transposed_as_constants() -> None:
    constants = {"w": np.array([[0.3, -5, 2]]), "s": 0.5, "z": np.int8(3)}
    nodes = [
        op("QuantizeLinear", "w s z", "q"),
        op("Transpose", "q", "t"),
        op("DequantizeLinear", "t s z", "v"),
        op("MatMul", "x v"),
    ]
    proto = model(nodes, constants, x=(1, 3), opset=19)
    module = imported(proto)
    assert "transpose" not in op_names(module)
    x = np.ones((1, 3), np.float32)
    np.testing.assert_array_equal(run(module, x)[0], expected(proto, x)[0])


def test_channel_codes() -> None:
    x = RAMP[:, :6].reshape(1, 2, 3)
    constants = {"s": np.array([0.3, 0.5]), "z": np.zeros(2, np.int8)}
    nodes = [op("QuantizeLinear", "x s z", "q", axis=1), op("DequantizeLinear", "q s z", axis=-2)]
    proto = model(nodes, constants, x=x.shape, opset=19)
    np.testing.assert_array_equal(run(imported(proto), x)[0], expected(proto, x)[0])


def multi_threshold(x: Array, thresholds: Array, scale: float, bias: float) -> Array:
    """FINN's MultiThreshold with channels on axis 1."""
    count = (np.moveaxis(x, 1, -1)[..., None] >= thresholds).sum(axis=-1)
    return (scale * np.moveaxis(count, -1, 1) + bias).astype(np.float32)


@pytest.mark.parametrize("rows", [1, 4])
@pytest.mark.parametrize("count", [1, 3, 15])
@pytest.mark.parametrize(("scale", "bias"), [(1.0, 0.0), (2.0, -1.0), (0.5, 0.25), (1.0, -2.0)])
@pytest.mark.parametrize("shape", [(1, 4), (1, 4, 3, 2)])
@pytest.mark.parametrize("on_integers", [False, True])
def test_multi_threshold(
    shape: tuple[int, ...], scale: float, bias: float, count: int, rows: int, on_integers: bool
) -> None:
    rng = np.random.default_rng(count)
    thresholds = np.sort(np.round(rng.normal(size=(rows, count), scale=3) * 2) / 2, axis=1).astype(np.float32)
    x = (np.round(rng.normal(size=shape, scale=3) * 2) / 2).astype(np.float32)
    datatype = "INT8" if count < 15 else "FLOAT32"
    nodes = [op("MultiThreshold", "x t", domain=QONNX, out_scale=scale, out_bias=bias, out_dtype=datatype)]
    if on_integers:
        nodes = [op("Quant", "x one zero bits", "i", domain=QONNX, signed=1, narrow=0), *nodes]
        nodes[1].input[0] = "i"
        x = np.rint(x)
    constants = {"t": thresholds, "one": 1.0, "zero": 0.0, "bits": 6.0}
    module = imported(model(nodes, constants, x=shape))
    np.testing.assert_array_equal(run(module, x)[0], multi_threshold(x, thresholds, scale, bias))
    assert op_names(module).count("threshold") == 1
    assert "matmul" not in op_names(module)


def test_multi_threshold_of_zeros() -> None:
    x = np.array([[-1, 0, 1, 2]], np.float32)
    nodes = [op("MultiThreshold", "x t", domain=QONNX, out_scale=1.0, out_bias=0.0, out_dtype="UINT4")]
    module = imported(model(nodes, {"t": np.zeros((1, 3))}, x=x.shape))
    np.testing.assert_array_equal(run(module, x)[0], [[0, 3, 3, 3]])


def test_finn_datatypes() -> None:
    """FINN writes which integers a float tensor holds; constants that hold others stay float32."""
    proto = model([op("MatMul", "x w", "a"), op("MatMul", "a v")], {"w": np.eye(4), "v": np.eye(4) / 2})
    for name, datatype in (("x", "UINT8"), ("w", "BINARY"), ("v", "BINARY")):
        annotation = proto.graph.quantization_annotation.add(tensor_name=name)
        annotation.quant_parameter_tensor_names.add(key="finn_datatype", value=datatype)
    module = imported(proto)
    types = [str(element_type(o.results[0])) for o in module.walk() if o.name in ("q.constant", "q.matmul")]
    assert types == ["!q.ufixed<1, 0>", "!q.ufixed<8, 0>", "f32", "f32"]
