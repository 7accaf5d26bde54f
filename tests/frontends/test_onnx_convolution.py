# SPDX-License-Identifier: Apache-2.0
"""Conv, ConvTranspose, ConvInteger, MatMulInteger and fused forms, against onnx's reference and numpy."""

import re
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto
from onnx.defs import onnx_opset_version
from qopt_mlir.frontends.onnx import import_onnx
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.text import module_text

from .graphs import QONNX, expected, imported, model, op, op_names, reread, run

RNG = np.random.default_rng(23)
IMAGE = (1, 4, 7, 6)
W = RNG.normal(size=(6, 4, 3, 2)).astype(np.float32)
DEPTHWISE = RNG.normal(size=(4, 1, 3, 3)).astype(np.float32)
LINE = RNG.normal(size=(3, 2, 3)).astype(np.float32)
UP = RNG.normal(size=(4, 3, 3, 2)).astype(np.float32)
BIAS = RNG.normal(size=6).astype(np.float32)
MICROSOFT = "com.microsoft"

# (node, constants, shape of x, ops expected)
CASES: dict[str, tuple[Any, dict[str, Any], tuple[int, ...], str]] = {
    "plain": (op("Conv", "x w"), {"w": W}, IMAGE, "conv"),
    "bias": (op("Conv", "x w b", kernel_shape=[3, 2]), {"w": W, "b": BIAS}, IMAGE, "conv add"),
    "pads": (op("Conv", "x w", pads=[2, 0, 1, 1], strides=[2, 1]), {"w": W}, IMAGE, "conv"),
    "dilations": (op("Conv", "x w", dilations=[2, 3]), {"w": W}, IMAGE, "conv"),
    "same upper": (op("Conv", "x w", auto_pad="SAME_UPPER", strides=[2, 3]), {"w": W}, IMAGE, "conv"),
    "same lower": (op("Conv", "x w", auto_pad="SAME_LOWER", strides=[3, 1]), {"w": W}, IMAGE, "conv"),
    "depthwise": (op("Conv", "x w", group=4, pads=[1] * 4), {"w": DEPTHWISE}, IMAGE, "conv"),
    "one axis": (op("Conv", "x w", pads=[1, 2]), {"w": LINE}, (1, 2, 9), "conv"),
    "computed weights": (op("Conv", "x x", pads=[1, 1, 1, 1]), {}, (1, 2, 3, 3), "conv"),
    "transposed": (op("ConvTranspose", "x w"), {"w": UP}, IMAGE, "conv_transpose"),
    "transposed bias": (op("ConvTranspose", "x w b"), {"w": UP, "b": BIAS[:3]}, IMAGE, "conv_transpose add"),
    "transposed strides": (
        op("ConvTranspose", "x w", strides=[2, 3], output_padding=[1, 2], pads=[1, 0, 0, 1]),
        {"w": UP},
        IMAGE,
        "conv_transpose",
    ),
    "transposed same": (
        op("ConvTranspose", "x w", strides=[2, 2], auto_pad="SAME_UPPER"),
        {"w": UP},
        IMAGE,
        "conv_transpose",
    ),
}


def test_valid_is_without_padding() -> None:
    """Not against onnx's reference, which pads here in older releases."""
    x = np.random.default_rng(0).normal(size=IMAGE).astype(np.float32)
    valid, plain = (
        imported(model([op("Conv", "x w", **attributes)], {"w": W}, x=IMAGE))
        for attributes in ({"auto_pad": "VALID"}, {"pads": [0, 0, 0, 0]})
    )
    np.testing.assert_array_equal(run(valid, x)[0], run(plain, x)[0])


@pytest.mark.parametrize("case", CASES)
def test_against_onnx(case: str) -> None:
    node, constants, shape, ops = CASES[case]
    proto = model([node], constants, x=shape)
    module = imported(proto)
    assert op_names(module) == ops.split()
    x = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    want = expected(proto, x)[0]
    for each in (module, reread(module)):
        np.testing.assert_allclose(run(each, x)[0], want, rtol=0, atol=2e-5)


def test_an_output_shape_is_pads() -> None:
    """What is odd is cut in front, unless the mode is SAME_UPPER; what lacks is added behind."""
    cases: list[tuple[list[int], dict[str, str], dict[str, list[int]]]] = [
        ([20, 11], {}, {"pads": [1, 1, 0, 0]}),
        ([18, 10], {"auto_pad": "SAME_UPPER"}, {"pads": [1, 1, 2, 1]}),
        ([22, 12], {"auto_pad": "SAME_LOWER"}, {"output_padding": [1, 0]}),
    ]
    for shape, mode, pads in cases:
        nodes = [op("ConvTranspose", "x w", strides=[3, 2], **more) for more in ({"output_shape": shape, **mode}, pads)]
        texts = {module_text(imported(model([node], {"w": UP}, x=IMAGE))) for node in nodes}
        assert len(texts) == 1


def test_opsets() -> None:
    for opset in (6, 11, onnx_opset_version()):
        assert op_names(imported(model([op("Conv", "x w")], {"w": W}, x=IMAGE, opset=opset))) == ["conv"]


def test_quantised_weights_and_bias_stay_behind_their_quantisers() -> None:
    """A bias behind a quantiser is turned to [M, 1, 1] where it is a constant."""
    nodes = [
        op("Quant", "w s z n", "wq", domain=QONNX, signed=1, narrow=1, rounding_mode="ROUND"),
        op("Quant", "b t z n", "bq", domain=QONNX, signed=1, narrow=0, rounding_mode="ROUND"),
        op("Conv", "x wq bq"),
    ]
    constants = {"w": W, "b": BIAS, "s": np.full((6, 1, 1, 1), 0.3), "t": np.full(6, 0.1), "z": 0.0, "n": 4.0}
    text = module_text(imported(model(nodes, constants, x=IMAGE)))
    assert "q.reshape" not in text
    assert re.search(r"q.constant #q.dense<.*tensor<6x1x1xf32>>", text)


def test_whole_numbers_meet_integers() -> None:
    """Float weights of whole numbers become integers beside an integer input, and the sum is exact."""
    nodes = [op("Quant", "x o z n", "q", domain=QONNX, signed=0, narrow=0, rounding_mode="ROUND"), op("Conv", "q w b")]
    constants = {"w": np.rint(W * 3), "b": np.rint(BIAS * 5), "o": 1.0, "z": 0.0, "n": 8.0}
    text = module_text(imported(model(nodes, constants, x=IMAGE)))
    assert re.search(r"q.conv .* -> tensor<1x6x5x5x!q.fixed<\d+, 0>>", text)
    assert re.search(r"q.add .* -> tensor<1x6x5x5x!q.fixed<\d+, 0>>", text)


@pytest.mark.parametrize("zero_points", ["", "a", "a b"])
def test_conv_integer(zero_points: str) -> None:
    x = RNG.integers(0, 256, (1, 2, 5, 5)).astype(np.uint8)
    w = RNG.integers(-128, 128, (3, 2, 2, 2)).astype(np.int8)
    points = {"a": np.uint8(7), "b": np.array([1, -2, 3], np.int8)}
    given = {name: points[name] for name in zero_points.split()}
    proto = model(
        [op("ConvInteger", f"x w {zero_points}", pads=[1, 0, 0, 1])],
        {"w": w, **given},
        x=x.shape,
        x_type=TensorProto.UINT8,
        y_type=TensorProto.INT32,
    )
    centred = x.astype(np.float64) - int(given.get("a", 0))
    weights = w.astype(np.float64) - given.get("b", np.zeros(1)).astype(np.float64).reshape(-1, 1, 1, 1)
    padded = np.pad(centred, ((0, 0), (0, 0), (1, 0), (0, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (2, 2), (2, 3))
    assert (run(imported(proto), x)[0] == np.einsum("nchwij,mcij->nmhw", windows, weights)).all()


def test_mat_mul_integer() -> None:
    x = RNG.integers(0, 256, (3, 4)).astype(np.uint8)
    b = RNG.integers(0, 256, (4, 2)).astype(np.uint8)
    rows, columns = np.array([1, 2, 250], np.uint8), np.array([200, 9], np.uint8)
    for zero_points, row, column in (("", 0, 0), ("r", rows[:, None], 0), ("r c", rows[:, None], columns)):
        proto = model(
            [op("MatMulInteger", f"x b {zero_points}")],
            {"b": b, **{name: {"r": rows, "c": columns}[name] for name in zero_points.split()}},
            x=x.shape,
            x_type=TensorProto.UINT8,
            y_type=TensorProto.INT32,
        )
        wide = [array.astype(np.int64) for array in (x, b, np.asarray(row), np.asarray(column))]
        assert (run(imported(proto), x)[0] == (wide[0] - wide[2]) @ (wide[1] - wide[3])).all()


FUSED: dict[str, tuple[dict[str, Any], Any]] = {
    "Relu": ({}, lambda y: np.maximum(y, 0)),
    "LeakyRelu": ({"activation_params": [0.25]}, lambda y: np.where(y < 0, 0.25 * y, y)),
    "Clip": ({"activation_params": [-0.5, 0.75]}, lambda y: np.clip(y, -0.5, 0.75)),
    "Sigmoid": ({}, lambda y: 1 / (1 + np.exp(-y))),
    "Tanh": ({}, np.tanh),
}


@pytest.mark.parametrize("activation", FUSED)
def test_fused_conv(activation: str) -> None:
    attributes, function = FUSED[activation]
    x, z = RNG.normal(size=IMAGE).astype(np.float32), RNG.normal(size=(1, 6, 5, 5)).astype(np.float32)
    node = op("FusedConv", "x w b z", domain=MICROSOFT, activation=activation, **attributes)
    plain = model([op("Conv", "x w b")], {"w": W, "b": BIAS}, x=IMAGE)
    got = run(imported(model([node], {"w": W, "b": BIAS, "z": z}, x=IMAGE)), x)[0]
    np.testing.assert_allclose(got, function(expected(plain, x)[0] + z), rtol=0, atol=2e-5)


def test_fused_mat_mul() -> None:
    x, b = RNG.normal(size=(1, 4, 3)).astype(np.float32), RNG.normal(size=(2, 4)).astype(np.float32)
    node = op("FusedMatMul", "x b", domain=MICROSOFT, transA=1, transB=1, alpha=0.5)
    got = run(imported(model([node], {"b": b}, x=(1, 4, 3))), x)[0]
    np.testing.assert_allclose(got, 0.5 * x.swapaxes(1, 2) @ b.T, rtol=0, atol=1e-6)


def conv(*, op_type: str = "Conv", x: tuple[int, ...] = IMAGE, w: Any = W, b: Any = None, **attributes: Any) -> Any:
    constants = {"w": w} | ({} if b is None else {"b": b})
    return model([op(op_type, "x w" if b is None else "x w b", **attributes)], constants, x=x)


REFUSALS: dict[str, tuple[Any, str]] = {
    "rank": (conv(x=(1, 4, 7)), "an input of shape [1, 4, 7] does not fit weights of shape [6, 4, 3, 2]"),
    "channels": (conv(x=(1, 3, 7, 7)), "q.conv cannot meet an input of 3 channels with weights of shape [6, 4, 3, 2]"),
    "kernel_shape": (conv(kernel_shape=[2, 2]), "attribute 'kernel_shape' is [2, 2], but the weights have the shape"),
    "bias": (conv(b=BIAS[:4]), "the bias of shape [4] does not fit a result of shape [1, 6, 5, 5]"),
    "auto_pad": (conv(auto_pad="SAME"), "attribute 'auto_pad' is 'SAME'"),
    "strides": (conv(strides=[1, 0]), "attribute 'strides' is [1, 0], where 2 numbers of at least 1 are due"),
    "pads": (conv(pads=[1, 1]), "attribute 'pads' is [1, 1], where 4 numbers of at least 0 are due"),
    "window": (conv(x=(1, 4, 2, 6)), "q.conv has a window of [3, 2] on a padded input of [2, 6]"),
    "output_padding": (conv(op_type="ConvTranspose", w=UP, output_padding=[1]), "attribute 'output_padding' is [1]"),
    "output_shape": (conv(op_type="ConvTranspose", w=UP, output_shape=[9]), "attribute 'output_shape' is [9]"),
    "ambiguous": (
        conv(op_type="ConvTranspose", w=UP, strides=[4, 4], auto_pad="SAME_LOWER"),
        "auto_pad 'SAME_LOWER' of a window of [3, 2] with strides [4, 4] is ambiguous",
    ),
    "integers": (
        model([op("MatMulInteger", "x b")], {"b": np.ones((4, 2), np.uint8)}),
        "input 0 holds no integers",
    ),
    "zero point": (
        model(
            [op("MatMulInteger", "x b a")],
            {"b": np.ones((4, 2), np.uint8), "a": np.ones(3, np.uint8)},
            x_type=TensorProto.UINT8,
            y_type=TensorProto.INT32,
        ),
        "the zero point of shape [3] does not fit a tensor of shape [1, 4]",
    ),
    "activation": (
        model([op("FusedConv", "x w", domain=MICROSOFT, activation="Mish")], {"w": W}, x=IMAGE),
        "the activation Mish is not supported",
    ),
    "activation_params": (
        model([op("FusedConv", "x w", domain=MICROSOFT, activation="Clip")], {"w": W}, x=IMAGE),
        "attribute 'activation_params' is missing",
    ),
    "transBatchA": (
        model([op("FusedMatMul", "x x", domain=MICROSOFT, transBatchA=1)], x=(2, 2)),
        "attribute 'transBatchA' is not supported",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusals(case: str) -> None:
    proto, what = REFUSALS[case]
    with pytest.raises(QoptError) as caught:
        import_onnx(proto.SerializeToString())
    assert what in caught.value.what
    assert caught.value.mend
