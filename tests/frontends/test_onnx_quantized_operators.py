# SPDX-License-Identifier: Apache-2.0
"""Operators on codes: the q ops of the QDQ form, the codes of onnx's reference; and of onnxruntime, if it is there."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.text import module_text

from .graphs import anonymous_text, expected, imported, model, op, op_names, reread, run

Array = np.ndarray[Any, Any]

MICROSOFT = "com.microsoft"
RNG = np.random.default_rng(21)
X = RNG.normal(size=(1, 4, 6, 5), scale=9).astype(np.float32)
FLAT = RNG.normal(size=(3, 6), scale=9).astype(np.float32)

# by operator: attributes of the quantised one; the inputs behind x, with scales (None: a bias); the plain op
Case = tuple[str, Mapping[str, Any], Sequence[tuple[str, Array, Any]], Any, Array]


def weights(*shape: int) -> Array:
    return RNG.integers(-128, 128, shape).astype(np.int8)


CASES: dict[str, Case] = {
    "conv": (
        "QLinearConv",
        {"pads": [1, 0, 1, 2], "strides": [2, 1], "kernel_shape": [3, 3]},
        [("w", weights(3, 4, 3, 3), 0.25)],
        op("Conv", "x_ w_", "f", pads=[1, 0, 1, 2], strides=[2, 1], kernel_shape=[3, 3]),
        X,
    ),
    "depthwise conv by channel": (
        "QLinearConv",
        {"group": 4},
        [("w", weights(4, 1, 2, 2), np.array([0.5, 0.25, 0.125, 1]))],
        op("Conv", "x_ w_", "f", group=4),
        X,
    ),
    "matmul": ("QLinearMatMul", {}, [("w", weights(6, 4), 0.5)], op("MatMul", "x_ w_", "f"), FLAT),
    "matmul by column": (
        "QLinearMatMul",
        {},
        [("w", weights(6, 2), np.array([0.5, 0.25]))],
        op("MatMul", "x_ w_", "f"),
        FLAT,
    ),
    "gemm": ("QGemm", {"transB": 1}, [("w", weights(4, 6), 0.5)], op("Gemm", "x_ w_", "f", transB=1), FLAT),
    "gemm alpha": ("QGemm", {"alpha": 0.5}, [("w", weights(6, 4), 0.5)], op("Gemm", "x_ w_", "f", alpha=0.5), FLAT),
    "add": ("QLinearAdd", {}, [("w", weights(4, 1, 1).view(np.uint8), 0.5)], op("Add", "x_ w_", "f"), X),
    "mul": ("QLinearMul", {}, [("w", weights(1).view(np.uint8), 0.125)], op("Mul", "x_ w_", "f"), X),
    "sigmoid": ("QLinearSigmoid", {}, [], op("Sigmoid", "x_", "f"), X),
    "leaky relu": ("QLinearLeakyRelu", {"alpha": 0.25}, [], op("LeakyRelu", "x_", "f", alpha=0.25), X),
    "average pool": (
        "QLinearAveragePool",
        {"kernel_shape": [2, 3], "pads": [0, 1, 0, 1]},
        [],
        op("AveragePool", "x_", "f", kernel_shape=[2, 3], pads=[0, 1, 0, 1]),
        X,
    ),
    "global average pool": ("QLinearGlobalAveragePool", {}, [], op("GlobalAveragePool", "x_", "f"), X),
    "softmax": ("QLinearSoftmax", {"axis": -1, "opset": 13}, [], op("Softmax", "x_", "f", axis=-1), FLAT),
}


# the scale of the result is this power of two, where it is not 7
Y_EXPONENTS = {
    "add": 0,
    "mul": 2,
    "sigmoid": -7,
    "leaky relu": 0,
    "average pool": 0,
    "global average pool": -5,
    "softmax": -7,
}


def domain_of(op_type: str) -> str:
    return "" if op_type in ("QLinearConv", "QLinearMatMul") else MICROSOFT


def operator_model(name: str, x_scale: float, y_scale: float, zero: int = 7) -> ModelProto:
    op_type, attributes, others, _, x = CASES[name]
    constants: dict[str, Any] = {"xs": x_scale, "xz": np.uint8(zero), "ys": y_scale, "yz": np.uint8(zero)}
    inputs = "q xs xz"
    for other, codes, scale in others:
        constants |= {other: codes, f"{other}s": scale, f"{other}z": np.zeros(np.shape(scale), codes.dtype)}
        inputs += f" {other} {other}s {other}z"
    inputs += " - ys yz" if op_type == "QGemm" else " ys yz"
    nodes = [
        op("QuantizeLinear", "x xs xz", "q", name="first"),
        op(op_type, inputs, "r", domain=domain_of(op_type), **attributes),
        op("DequantizeLinear", "r ys yz", name="last"),
    ]
    return model(nodes, constants, x=x.shape, opset=19)


def qdq_model(name: str, x_scale: float, y_scale: float, zero: int = 7) -> ModelProto:
    _, _, others, plain, x = CASES[name]
    constants: dict[str, Any] = {"xs": x_scale, "xz": np.uint8(zero), "ys": y_scale, "yz": np.uint8(zero)}
    nodes = [op("QuantizeLinear", "x xs xz", "q", name="first"), op("DequantizeLinear", "q xs xz", "x_")]
    for other, codes, scale in others:
        constants |= {other: codes, f"{other}s": scale, f"{other}z": np.zeros(np.shape(scale), codes.dtype)}
        axis = 0 if plain.op_type == "Conv" else np.ndim(codes) - 1
        nodes.append(op("DequantizeLinear", f"{other} {other}s {other}z", f"{other}_", axis=axis))
    nodes += [plain, op("QuantizeLinear", "f ys yz", "r"), op("DequantizeLinear", "r ys yz", name="last")]
    return model(nodes, constants, x=x.shape, opset=19)


@pytest.mark.parametrize("name", CASES)
def test_same_ops_as_qdq(name: str) -> None:
    shapes = {"x": CASES[name][-1].shape}
    forms = [imported(build(name, 0.3, 0.7), shapes=shapes) for build in (operator_model, qdq_model)]
    assert anonymous_text(forms[0]) == anonymous_text(forms[1])


@pytest.mark.parametrize("name", CASES)
def test_codes(name: str) -> None:
    """Powers of two as scales: float32 is exact, and so are the codes."""
    x = CASES[name][-1]
    y_scale = 2.0 ** Y_EXPONENTS.get(name, 7)
    proto = operator_model(name, 0.25, y_scale)
    got = run(reread(imported(proto, shapes={"x": x.shape})), x)[0]
    want = expected(qdq_model(name, 0.25, y_scale), x)[0]
    np.testing.assert_array_equal(got, want)
    assert len(np.unique(want)) > 2  # the codes do not all saturate


@pytest.mark.parametrize("name", CASES)
def test_codes_equal_onnxruntime(name: str) -> None:
    """But for ties, which float32 may round the other way."""
    runtime = pytest.importorskip("onnxruntime")
    x = CASES[name][-1]
    y_scale = 1.1 * 2.0 ** Y_EXPONENTS.get(name, 7)
    proto = operator_model(name, 0.3, y_scale)
    proto.opset_import.append(helper.make_opsetid(MICROSOFT, 1))
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    want = runtime.InferenceSession(proto.SerializeToString(), options).run(None, {"x": x})[0]
    got = run(imported(proto, shapes={"x": x.shape}), x)[0]
    differing = np.abs(got - want) > y_scale * 1e-3
    assert differing.mean() <= 0.02
    np.testing.assert_allclose(got, want, rtol=0, atol=1.001 * y_scale)


def test_reference_of_the_standard_operators() -> None:
    """QLinearConv with a bias and QLinearMatMul, by onnx's own reference."""
    constants = {"xs": 0.25, "xz": np.uint8(3), "w": weights(2, 4, 2, 2), "ws": np.array([0.5, 0.125])}
    constants |= {"wz": np.zeros(2, np.int8), "ys": 16.0, "yz": np.uint8(100), "b": np.array([300, -5000], np.int32)}
    nodes = [op("QuantizeLinear", "x xs xz", "q"), op("QLinearConv", "q xs xz w ws wz ys yz b")]
    proto = model(nodes, constants, x=X.shape, y_type=TensorProto.UINT8, opset=19)
    np.testing.assert_array_equal(run(imported(proto), X)[0], expected(proto, X)[0])
    constants = {"xs": 0.25, "xz": np.uint8(3), "w": weights(6, 2), "ws": 0.5}
    constants |= {"wz": np.int8(5), "ys": 16.0, "yz": np.uint8(100)}
    nodes = [op("QuantizeLinear", "x xs xz", "q"), op("QLinearMatMul", "q xs xz w ws wz ys yz")]
    proto = model(nodes, constants, x=("N", 6), y_type=TensorProto.UINT8, opset=19)
    x = FLAT[:1]
    np.testing.assert_array_equal(run(imported(proto), x)[0], expected(proto, x)[0])


def test_bias_is_added_before_rounding() -> None:
    """Codes of int32 with the scale of the products, so that products and bias add up as integers."""
    constants = {"xs": 0.3, "xz": np.uint8(0), "w": weights(2, 4, 1, 1), "ws": np.array([0.7, 0.1])}
    constants |= {"wz": np.zeros(2, np.int8), "ys": 31.0, "yz": np.uint8(9), "b": np.array([2**30, -(2**30)], np.int32)}
    nodes = [op("QuantizeLinear", "x xs xz", "q"), op("QLinearConv", "q xs xz w ws wz ys yz b", "r")]
    module = imported(model(nodes, constants, x=X.shape, outputs="r", y_type=TensorProto.UINT8))
    assert op_names(module)[:8] == ["div", "quantize", "mul", "mul", "conv", "mul", "mul", "add"]
    assert "!q.fixed<32, 0>" in module_text(module)


def test_chains_have_one_quantiser() -> None:
    """Codes with the same parameters on both sides of a node are quantised once; MaxPool moves them."""
    constants = {"xs": 0.3, "xz": np.uint8(3), "w": weights(4, 4, 1, 1), "ws": 0.7, "wz": np.int8(0)}
    constants |= {"ys": 31.0, "yz": np.uint8(9)}
    nodes = [
        op("QuantizeLinear", "x xs xz", "q"),
        op("QLinearConv", "q xs xz w ws wz ys yz", "r"),
        op("MaxPool", "r", "p", kernel_shape=[2, 2]),
        op("QLinearAdd", "p ys yz p ys yz ys yz", "s", domain=MICROSOFT),
        op("QLinearGlobalAveragePool", "s ys yz ys yz", "t", domain=MICROSOFT),
        op("DequantizeLinear", "t ys yz"),
    ]
    names = op_names(imported(model(nodes, constants, x=X.shape)))
    assert names.count("quantize") == 4
    assert names[names.index("max_pool") - 1] == "quantize"


def test_concat_where_and_reduce() -> None:
    constants = {
        "xs": 0.25,
        "xz": np.uint8(3),
        "ys": 0.5,
        "yz": np.uint8(9),
        "c": np.array([True, False, True])[:, None],
    }
    nodes = [
        op("QuantizeLinear", "x xs xz", "q"),
        op("QLinearConcat", "ys yz q xs xz q xs xz", "r", domain=MICROSOFT, axis=0),
        op("QLinearWhere", "c q xs xz q xs xz ys yz", "s", domain=MICROSOFT),
        op("QLinearReduceMean", "q xs xz ys yz", "t", domain=MICROSOFT, axes=[1], keepdims=1),
    ]
    proto = model(nodes, constants, x=FLAT.shape, outputs="r s t", y_type=TensorProto.UINT8)
    q = np.clip(np.rint(FLAT / np.float32(0.25)) + 3, 0, 255)
    numbers = (q - 3) / 4

    def codes(values: Array) -> Array:
        return np.clip(np.rint(values * 2) + 9, 0, 255)

    want = [codes(np.concatenate([numbers, numbers])), codes(numbers), codes(numbers.mean(axis=1, keepdims=True))]
    for got, expected_ in zip(run(imported(proto, shapes={"x": FLAT.shape}), FLAT), want, strict=True):
        np.testing.assert_array_equal(got, expected_)


def test_channels_last_and_no_output_scale() -> None:
    constants = {
        "xs": 0.25,
        "xz": np.uint8(3),
        "ys": 0.5,
        "yz": np.uint8(9),
        "w": weights(5, 2),
        "ws": 0.5,
        "wz": np.int8(0),
    }
    nodes = [
        op("QuantizeLinear", "x xs xz", "q"),
        op("QLinearGlobalAveragePool", "q xs xz ys yz", "p", domain=MICROSOFT, channels_last=1),
        op("Flatten", "p", "f"),
        op("QGemm", "f ys yz w ws wz", domain=MICROSOFT),
    ]
    numbers = (np.clip(np.rint(X / np.float32(0.25)) + 3, 0, 255) - 3) / 4
    means = (np.clip(np.rint(numbers.mean(axis=(1, 2)) * 2) + 9, 0, 255) - 9) / 2
    got = run(imported(model(nodes, constants, x=X.shape)), X)[0]
    np.testing.assert_array_equal(got, means @ (constants["w"] / 2.0))


@pytest.mark.parametrize(
    ("inputs", "what"),
    [
        ("q x xz w ws wz ys yz", "the scale 'x' is not a constant"),
        ("q xs xz w ws wz x yz", "the scale 'x' is not a constant"),
        ("q xs xz w ws wz ys", "the node is not valid ONNX"),
        ("x xs xz w ws wz ys yz", "the input holds no integer codes"),
    ],
)
def test_refused(inputs: str, what: str) -> None:
    constants = {"xs": 0.3, "xz": np.uint8(3), "w": weights(4, 4, 1, 1), "ws": 0.7, "wz": np.int8(0)}
    constants |= {"ys": 31.0, "yz": np.uint8(9)}
    nodes = [op("QuantizeLinear", "x xs xz", "q"), op("QLinearConv", inputs, name="conv")]
    with pytest.raises(QoptError, match=what):
        imported(model(nodes, constants, x=X.shape, y_type=TensorProto.UINT8))
