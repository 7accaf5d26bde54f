# SPDX-License-Identifier: Apache-2.0
"""QuantizeLinear and DequantizeLinear in all their forms, by onnx's reference; codes that other ops move."""

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper
from qopt_mlir.qdialect.q import QuantizeOp
from qopt_mlir.qdialect.types import element_type

from .graphs import expected, imported, model, op, op_names, reread, run

Array = np.ndarray[Any, Any]

RAMP = np.concatenate([np.arange(-40, 41) / 4, [-1e6, 1e6, 1e-30, 0.1, -0.1, 3.3, 17.7]]).astype(np.float32)[None]
INTEGERS = ["INT2", "UINT2", "INT4", "UINT4", "INT8", "UINT8", "INT16", "UINT16"]
FLOATS = ["FLOAT8E4M3FN", "FLOAT8E4M3FNUZ", "FLOAT8E5M2", "FLOAT8E5M2FNUZ", "FLOAT4E2M1"]


def dtype_of(name: str) -> Any:
    return helper.tensor_dtype_to_np_dtype(getattr(TensorProto, name))


def check(proto: Any, x: Array) -> None:
    """Equal to onnx's reference, and so after a round trip through text."""
    for got, want in zip(run(reread(imported(proto)), x), expected(proto, x), strict=True):
        np.testing.assert_array_equal(got, want.astype(np.float64))


def opset_of(name: str) -> int:
    if not hasattr(TensorProto, name):
        pytest.skip(f"the installed onnx has no {name}")
    return 25 if name.endswith("INT2") else 23 if name == "FLOAT4E2M1" else 21


@pytest.mark.parametrize("name", INTEGERS)
@pytest.mark.parametrize("scale", [0.5, 0.3])
def test_integer_types(name: str, scale: float) -> None:
    opset, dtype = opset_of(name), dtype_of(name)
    zero = 1 if name.startswith("U") else -2
    nodes = [op("QuantizeLinear", "x s z", "q"), op("DequantizeLinear", "q s z")]
    check(model(nodes, {"s": scale, "z": np.array(zero, dtype)}, x=RAMP.shape, opset=opset), RAMP)
    nodes = [op("QuantizeLinear", "x s", "q", output_dtype=getattr(TensorProto, name)), op("DequantizeLinear", "q s")]
    check(model(nodes, {"s": np.array([scale])}, x=RAMP.shape, opset=opset), RAMP)


@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize("scale", [0.5, 0.3, 1.0])
def test_float_types(name: str, scale: float) -> None:
    """Round to nearest, ties to even, the largest number beyond; 0.3 * code rounds in float32."""
    opset = opset_of(name)
    nodes = [op("QuantizeLinear", "x s", "q", output_dtype=getattr(TensorProto, name)), op("DequantizeLinear", "q s")]
    proto = model(nodes, {"s": np.array([scale])}, x=RAMP.shape, opset=opset)
    module = imported(proto)
    quantizer = next(o for o in module.walk() if isinstance(o, QuantizeOp))
    assert str(element_type(quantizer.result)).startswith("!q.float<")
    check(proto, RAMP)


def test_float_overflow_to_infinity() -> None:
    nodes = [op("QuantizeLinear", "x s z", "q", saturate=0), op("DequantizeLinear", "q s z")]
    constants = {"s": 2.0, "z": np.zeros((), dtype_of("FLOAT8E5M2"))}
    x = np.array([[1e6, -1e6, 57344 * 2, 3, 0, -5]], np.float32)
    check(model(nodes, constants, x=x.shape, opset=21), x)


@pytest.mark.parametrize("name", ["INT2", "UINT4", "INT4", "FLOAT8E4M3FN", "FLOAT8E5M2FNUZ", "FLOAT4E2M1", "INT16"])
def test_constant_codes(name: str) -> None:
    opset = opset_of(name)
    codes = np.array([[0, 1, -2, 1], [1, -2, 1, 0]]) if not name.startswith("U") else np.array([[0, 1, 3, 15]] * 2)
    constants = {"c": codes.astype(dtype_of(name)), "s": np.array([0.5, 0.3])}
    nodes = [op("DequantizeLinear", "c s", "w", axis=0), op("Mul", "x w")]
    x = np.array([[1, 2, 3, 4]], np.float32)
    check(model(nodes, constants, x=x.shape, opset=opset), x)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
@pytest.mark.parametrize("axis", [1, -1])
def test_zero_points_by_channel(dtype: Any, axis: int) -> None:
    x = np.broadcast_to(np.linspace(-90, 90, 41, dtype=np.float32)[:, None] / 2, (41, 3))
    constants = {"s": np.array([0.3, 0.5, 0.1]), "z": np.array([3, 100, 7]).astype(dtype)}
    nodes = [op("QuantizeLinear", "x s z", "q", axis=axis), op("DequantizeLinear", "q s z", axis=axis)]
    shapes = {"x": x.shape}
    for outputs, kind in (("y", TensorProto.FLOAT), ("q", helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))):
        proto = model(nodes, constants, x=("N", 3), opset=21, outputs=outputs, y_type=kind)
        got = run(imported(proto, shapes=shapes), x)[0]
        np.testing.assert_array_equal(got, expected(proto, x)[0])


@pytest.mark.parametrize(("axis", "block", "shape"), [(1, 2, (1, 2, 3)), (2, 2, (1, 4, 2)), (-1, 3, (1, 4, 1))])
def test_blocks(axis: int, block: int, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=(1, 4, 3), scale=20).astype(np.float32)
    constants = {"s": rng.uniform(0.1, 1, shape), "z": rng.integers(-9, 9, shape).astype(np.int8)}
    nodes = [
        op("QuantizeLinear", "x s z", "q", axis=axis, block_size=block),
        op("DequantizeLinear", "q s z", axis=axis, block_size=block),
    ]
    check(model(nodes, constants, x=x.shape, opset=21), x)


def test_blocks_of_constant_codes() -> None:
    rng = np.random.default_rng(6)
    constants = {"c": rng.integers(-8, 8, (4, 3)).astype(dtype_of("INT4")), "s": rng.uniform(0.1, 1, (2, 3))}
    nodes = [op("DequantizeLinear", "c s", "w", axis=0, block_size=2), op("MatMul", "x w")]
    x = np.array([[1, 2, 3, 4]], np.float32)
    proto = model(nodes, constants, x=x.shape, opset=21)
    np.testing.assert_allclose(run(imported(proto), x)[0], expected(proto, x)[0], rtol=1e-6)


@pytest.mark.parametrize("opset", [10, 13, 19, 21, 23])
def test_opsets(opset: int) -> None:
    nodes = [op("QuantizeLinear", "x s z", "q"), op("DequantizeLinear", "q s z")]
    constants = {"s": np.float32(0.7), "z": np.uint8(9)}
    want = expected(model(nodes, constants, x=RAMP.shape, opset=max(opset, 19)), RAMP)[0]  # the oldest it can run
    np.testing.assert_array_equal(run(imported(model(nodes, constants, x=RAMP.shape, opset=opset)), RAMP)[0], want)


def test_a_vector_needs_no_axis() -> None:
    x = np.array([-3, 2.2, 9, 0.2], np.float32)
    nodes = [op("QuantizeLinear", "x s", "q"), op("DequantizeLinear", "q s")]
    proto = model(nodes, {"s": np.array([0.1, 0.2, 0.3, 0.4])}, x=x.shape, opset=13)
    want = np.clip(np.rint(x / np.array([0.1, 0.2, 0.3, 0.4], np.float32)), 0, 255)
    got = run(imported(proto, shapes={"x": (4,)}), x)[0]
    np.testing.assert_array_equal(got, (want * np.array([0.1, 0.2, 0.3, 0.4], np.float32)).astype(np.float32))


def test_short_scales() -> None:
    """A power of two in float16 or bfloat16 is one in float32; a product in float32 is named as such."""
    for dtype in (np.float16, dtype_of("BFLOAT16")):
        constants = {"c": np.array([[1, -2, 127, 3]], np.int8), "s": np.array(0.125, dtype)}
        nodes = [op("DequantizeLinear", "c s", "w"), op("Cast", "w", "v", to=TensorProto.FLOAT), op("Mul", "x v")]
        x = np.ones((1, 4), np.float32)
        np.testing.assert_array_equal(run(imported(model(nodes, constants, opset=21)), x)[0], constants["c"] / 8)
    nodes = [op("DequantizeLinear", "c s", "w", output_dtype=TensorProto.FLOAT), op("Mul", "x w")]
    constants = {"c": np.array([[1, -2, 127, 3]], np.int8), "s": np.float16(0.3)}
    want = constants["c"] * np.float32(np.float16(0.3))
    np.testing.assert_array_equal(run(imported(model(nodes, constants, opset=23)), x)[0], want)
    nodes = [op("QuantizeLinear", "x s", "q", precision=TensorProto.FLOAT), op("DequantizeLinear", "q t")]
    constants = {"s": np.float16(0.3), "t": np.float32(1)}
    want = np.rint(np.float32(1) / np.float32(np.float16(0.3)))
    np.testing.assert_array_equal(run(imported(model(nodes, constants, opset=23)), x)[0], np.full((1, 4), want))


@pytest.mark.parametrize("zero", ["z", "-"])
def test_computed_scale(zero: str) -> None:
    """What the body of DynamicQuantizeLinear needs."""
    nodes = [
        op("ReduceMax", "x", "top", keepdims=0),
        op("Div", "top c", "s"),
        op("Round", "top", "r"),
        op("Cast", "r", "z", to=TensorProto.UINT8),
        op("QuantizeLinear", f"x s {zero}", "q"),
        op("DequantizeLinear", f"q s {zero}"),
    ]
    x = np.array([[1, 2.5, -300, 40.4], [7, 8, 9, 10]], np.float32).reshape(1, 8)
    check(model(nodes, {"c": 100.0}, x=x.shape, opset=19), x)


def test_computed_scale_by_channel() -> None:
    nodes = [
        op("ReduceMax", "x axes", "s", keepdims=0),
        op("QuantizeLinear", "x s", "q", axis=2),
        op("DequantizeLinear", "q s", axis=2),
    ]
    x = np.array([[[1, 2.5, 3], [7.1, 8, 90]]], np.float32)
    check(model(nodes, {"axes": np.array([0, 1])}, x=x.shape, opset=19), x)


def test_microsoft_domain() -> None:
    nodes = [
        op("QuantizeLinear", "x s z", "q", domain="com.microsoft"),
        op("DequantizeLinear", "q s z", domain="com.microsoft"),
    ]
    constants = {"s": 0.3, "z": np.uint16(1000)}
    proto = model(nodes, constants, x=RAMP.shape)
    for node in proto.graph.node:
        node.domain = ""
    standard = model([op(n.op_type, " ".join(n.input), n.output[0]) for n in nodes], constants, x=RAMP.shape, opset=21)
    for node in proto.graph.node:
        node.domain = "com.microsoft"
    np.testing.assert_array_equal(run(imported(proto), RAMP)[0], expected(standard, RAMP)[0])


MOVES: dict[str, tuple[Any, dict[str, Any], list[str]]] = {
    "Reshape": (op("Reshape", "q shape", "m"), {"shape": np.array([4, 3])}, ["reshape"]),
    "Flatten": (op("Flatten", "q", "m", axis=2), {}, ["reshape"]),
    "Transpose": (op("Transpose", "q", "m", perm=[0, 2, 1]), {}, ["transpose"]),
    "Slice": (op("Slice", "q a b", "m"), {"a": np.array([0, 1]), "b": np.array([1, 3])}, ["slice"]),
    "Gather": (op("Gather", "q i", "m", axis=1), {"i": np.array([3, 0])}, ["gather"]),
    "MaxPool": (op("MaxPool", "q", "m", kernel_shape=[2]), {}, ["max_pool"]),
    "Concat": (op("Concat", "q q", "m", axis=1), {}, ["concat"]),
}


@pytest.mark.parametrize("scale", [0.3, 0.25])
@pytest.mark.parametrize("zero", [0, 77])
@pytest.mark.parametrize("name", MOVES)
def test_moved_codes(name: str, zero: int, scale: float) -> None:
    """Moved codes keep scale and zero point: no zero point is added to be taken away again."""
    node, more, names = MOVES[name]
    constants = {"s": scale, "z": np.uint8(zero), **more}
    nodes = [op("QuantizeLinear", "x s z", "q"), node, op("DequantizeLinear", "m s z")]
    x = np.random.default_rng(7).normal(size=(1, 4, 3), scale=30).astype(np.float32)
    proto = model(nodes, constants, x=x.shape, opset=19)
    module = imported(proto)
    assert not {"add", "sub"} & set(op_names(module))
    assert op_names(module)[-2:] == [*names, "mul"] if scale == 0.3 else op_names(module)[-1:] == names
    check(proto, x)
    check(model(nodes, constants, x=x.shape, opset=19, outputs="y m q", y_type=TensorProto.UINT8), x)


def test_moved_codes_with_other_parameters() -> None:
    """Codes that others take for other numbers, and codes of channels, are moved as codes."""
    x = np.random.default_rng(8).normal(size=(1, 4, 3), scale=30).astype(np.float32)
    nodes = [op("QuantizeLinear", "x s z", "q"), op("Flatten", "q", "m"), op("DequantizeLinear", "m t z")]
    constants: dict[str, Any] = {"s": 0.25, "t": 0.5, "z": np.uint8(7)}
    check(model(nodes, constants, x=x.shape, opset=19), x)
    nodes = [
        op("QuantizeLinear", "x s z", "q", axis=2),
        op("Transpose", "q", "m", perm=[0, 2, 1]),
        op("DequantizeLinear", "m s z", axis=1),
    ]
    constants = {"s": np.array([0.3, 0.5, 0.25]), "z": np.array([1, 2, 3], np.uint8)}
    check(model(nodes, constants, x=x.shape, opset=19), x)
    nodes = [
        op("QuantizeLinear", "x s z", "q"),
        op("QuantizeLinear", "x t z", "r"),
        op("Concat", "q r", "m", axis=1),
        op("DequantizeLinear", "m s z"),
    ]
    check(model(nodes, {"s": 0.25, "t": 0.5, "z": np.uint8(7)}, x=x.shape, opset=19), x)


@pytest.mark.parametrize("axis", [None, 0])
def test_parameters_of_batch_normalisation(axis: int | None) -> None:
    """Static quantisation by ONNX Runtime gives the scale as codes, too, unless the node was fused before."""
    nodes = [op("DequantizeLinear", "g s z", "gamma", **({} if axis is None else {"axis": axis}))]
    nodes += [op("BatchNormalization", "x gamma b m v")]
    size = () if axis is None else (4,)
    codes = {
        "g": np.array([90, 127, -128, 3], np.int8),
        "s": np.full(size, 0.011, np.float32),
        "z": np.full(size, 2, np.int8),
    }
    others = {"b": np.arange(4.0), "m": np.ones(4), "v": np.array([0.5, 1.0, 2.0, 0.25])}
    proto = model(nodes, {**codes, **others}, x=(1, 4), opset=19)
    x = np.array([[0.5, -1.25, 3.0, 100.0]], np.float32)
    for got, want in zip(run(imported(proto), x), expected(proto, x), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-6)
