# SPDX-License-Identifier: Apache-2.0
"""Standard ops in the forms of several opsets, against onnx's own reference."""

import re
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.defs import onnx_opset_version
from onnx.reference import ReferenceEvaluator
from qopt_mlir.qdialect.text import module_text

from .graphs import QONNX, expected, imported, model, op, op_names, reread, run

W = np.random.default_rng(5).normal(size=(4, 3)).astype(np.float32)
C = np.array([0.5, -1, 2, 3], np.float32)
NORM = {"s": C, "b": C + 1, "m": C - 2, "v": np.abs(C)}
INT = np.int64

# (nodes, constants, options of `model`, ops expected)
CASES: dict[str, tuple[list[Any], dict[str, Any], dict[str, Any], str]] = {
    "add": ([op("Add", "x c")], {"c": C}, {}, "add"),
    "sub": ([op("Sub", "x c")], {"c": C}, {}, "sub"),
    "mul": ([op("Mul", "c x")], {"c": C}, {}, "mul"),
    "div": ([op("Div", "x c")], {"c": C}, {}, "div"),
    "pow 2": ([op("Pow", "x e")], {"e": 2.0}, {}, "mul"),
    "pow 1": ([op("Pow", "x e"), op("Relu", "y", "z")], {"e": 1.0}, {"outputs": "z"}, "relu"),
    "constant pow": ([op("Pow", "c e", "p"), op("Div", "x p")], {"c": np.abs(C), "e": 0.5}, {}, "div"),
    "matmul": ([op("MatMul", "x w")], {"w": W}, {}, "matmul"),
    "gemm": ([op("Gemm", "x w c")], {"w": W, "c": C[:3]}, {}, "matmul add"),
    "gemm without bias": ([op("Gemm", "x w")], {"w": W}, {}, "matmul"),
    "gemm transB": ([op("Gemm", "x w c", transB=1)], {"w": W.T.copy(), "c": C[:3]}, {}, "matmul add"),
    "gemm transA": (
        [op("Gemm", "x w", transA=1)],
        {"w": W},
        {"x": (4, 2), "shapes": {"x": (4, 2)}},
        "transpose matmul",
    ),
    "gemm alpha beta": ([op("Gemm", "x w c", alpha=0.5, beta=3.0)], {"w": W, "c": C[:3]}, {}, "matmul mul add"),
    "gemm beta 0": ([op("Gemm", "x w c", beta=0.0)], {"w": W, "c": C[:3]}, {}, "matmul"),
    "gemm 7": ([op("Gemm", "x w c")], {"w": W, "c": C[:3]}, {"opset": 7}, "matmul add"),
    "gemm dynamic bias": (
        [op("Relu", "x", "r"), op("Gemm", "x w r", beta=2.0)],
        {"w": np.float32(W @ W.T)},
        {},
        "matmul relu mul add",
    ),
    "norm": ([op("BatchNormalization", "x s b m v", training_mode=0)], NORM, {"opset": 15}, "batch_norm"),
    "norm of images": ([op("BatchNormalization", "x s b m v")], NORM, {"x": (1, 4, 2, 3), "opset": 15}, "batch_norm"),
    "relu": ([op("Relu", "x")], {}, {}, "relu"),
    "clip": ([op("Clip", "x lo hi")], {"lo": -0.5, "hi": 0.25}, {}, "clip"),
    "clip above": ([op("Clip", "x - hi")], {"hi": 0.25}, {}, "clip"),
    "clip 6": ([op("Clip", "x", min=-0.5, max=0.5)], {}, {"opset": 6}, "clip"),
    "clip at 0": ([op("Clip", "x lo")], {"lo": 0.0}, {}, "relu"),
    "sign": ([op("Sign", "x")], {}, {}, "quantize"),
    "sigmoid": ([op("Sigmoid", "x")], {}, {}, "sigmoid"),
    "tanh": ([op("Tanh", "x")], {}, {}, "tanh"),
    "softmax": ([op("Softmax", "x")], {}, {"x": (1, 2, 3)}, "softmax"),
    "softmax 11": ([op("Softmax", "x", axis=2)], {}, {"x": (1, 2, 3), "opset": 11}, "softmax"),
    "identity": ([op("Identity", "x", "a"), op("Relu", "a")], {}, {}, "relu"),
    "dropout": ([op("Dropout", "x", "a"), op("Relu", "a")], {}, {}, "relu"),
    "dropout 10": ([op("Dropout", "x", "a mask", ratio=0.5), op("Relu", "a")], {}, {"opset": 10}, "relu"),
    "transpose": ([op("Transpose", "x", perm=[0, 2, 1])], {}, {"x": (1, 2, 3)}, "transpose"),
    "transpose all": ([op("Transpose", "x")], {}, {"x": (1, 2, 3)}, "transpose"),
    "transpose of ones": ([op("Transpose", "x", perm=[1, 0, 2])], {}, {"x": (1, 2, 3)}, "reshape"),
    "reshape": ([op("Reshape", "x s")], {"s": np.array([0, -1], INT)}, {"x": (1, 2, 3)}, "reshape"),
    "flatten": ([op("Flatten", "x")], {}, {"x": (1, 2, 3)}, "reshape"),
    "flatten -1": ([op("Flatten", "x", axis=-1)], {}, {"x": (1, 2, 3)}, "reshape"),
    "flatten 0": ([op("Flatten", "x", axis=0)], {}, {"x": (1, 2, 3)}, "reshape"),
    "squeeze": ([op("Squeeze", "x a")], {"a": np.array([-2], INT)}, {"x": (1, 1, 3)}, "reshape"),
    "squeeze all": ([op("Squeeze", "x")], {}, {"x": (1, 1, 3)}, "reshape"),
    "squeeze 11": ([op("Squeeze", "x", axes=[0])], {}, {"x": (1, 3), "opset": 11}, "reshape"),
    "unsqueeze": ([op("Unsqueeze", "x a")], {"a": np.array([0, -1], INT)}, {}, "reshape"),
    "unsqueeze 11": ([op("Unsqueeze", "x", axes=[1])], {}, {"opset": 11}, "reshape"),
    "cast": ([op("Cast", "x", to=TensorProto.INT8)], {}, {"y_type": TensorProto.INT8}, "quantize"),
    "cast there and back": ([op("Cast", "x", "i", to=6), op("Cast", "i", to=1)], {}, {}, "quantize"),
    "cast of codes": ([op("Cast", "x", to=1)], {}, {"x_type": TensorProto.INT8}, ""),
    "cast wraps": (
        [op("Cast", "x", to=TensorProto.UINT8)],
        {},
        {"x_type": TensorProto.INT8, "y_type": TensorProto.UINT8},
        "quantize",
    ),
    "argmax": ([op("ArgMax", "x", axis=1)], {}, {"y_type": TensorProto.INT64}, "arg_max"),
    "argmax keepdims": ([op("ArgMax", "x", axis=-1, keepdims=0)], {}, {"y_type": TensorProto.INT64}, "arg_max"),
    "topk": ([op("TopK", "x k", "y i")], {"k": np.array([2], INT)}, {}, "top_k"),
    "topk smallest": ([op("TopK", "x k", "y i", largest=0)], {"k": np.array([2], INT)}, {}, "top_k"),
    "topk indices": (
        [op("TopK", "x k", "v y", axis=1)],
        {"k": np.array([2], INT)},
        {"y_type": TensorProto.INT64},
        "top_k",
    ),
    "computed shape": (
        [
            op("Shape", "x", "shape"),
            op("Gather", "shape zero", "batch", axis=0),
            op("Unsqueeze", "batch zeros", "first"),
            op("Concat", "first rest", "new", axis=0),
            op("Reshape", "x new"),
        ],
        {"zero": INT(0), "zeros": np.array([0], INT), "rest": np.array([-1], INT)},
        {"x": (1, 2, 3)},
        "reshape",
    ),
    "shape slice, size": (
        [
            op("Shape", "x", "shape", start=1),
            op("Size", "x", "size"),
            op("Mul", "shape size", "p"),
            op("Cast", "p", "f", to=1),
            op("Add", "x f"),
        ],
        {},
        {"x": (1, 3, 1), "opset": 15},
        "add",
    ),
    "constants": (
        [
            op("Constant", "", "a", value_float=2.0),
            op("Constant", "", "b", value_ints=[0, -1]),
            op("Mul", "x a", "m"),
            op("Reshape", "m b"),
        ],
        {},
        {"x": (1, 2, 2)},
        "mul reshape",
    ),
    "more constants": (
        [
            op("Constant", "", "a", value_floats=[1.0, 2.0, 3.0, 4.0]),
            op("Constant", "", "b", value=numpy_helper.from_array(C.astype(np.float16))),
            op("Cast", "x", "c", to=1),
            op("Mul", "c a", "m"),
            op("Cast", "b", "f", to=1),
            op("Add", "m f"),
        ],
        {},
        {},
        "mul add",
    ),
    "transposed sum": (
        [op("Add", "x c", "s"), op("Transpose", "s", perm=[0, 2, 1])],
        {"c": C},
        {"x": (1, 3, 4)},
        "add transpose",
    ),
    "cast to the same": ([op("Cast", "x", to=3)], {}, {"x_type": TensorProto.INT8, "y_type": TensorProto.INT8}, ""),
    "unused nodes": ([op("Relu", "x"), op("Loop", "x", "z")], {}, {}, "relu"),
}


@pytest.mark.parametrize("case", CASES)
def test_against_onnx_reference(case: str) -> None:
    nodes, constants, options, ops = CASES[case]
    options = dict(options)
    shapes = options.pop("shapes", None)
    proto = model(nodes, constants, **options)
    module = reread(imported(proto, shapes=shapes))
    assert op_names(module) == ops.split()
    if case == "unused nodes":
        return
    rng = np.random.default_rng(0)
    shape = tuple(options.get("x", (1, 4)))
    for _ in range(4):
        x = rng.normal(size=shape).astype(np.float32)
        if options.get("x_type") == TensorProto.INT8:
            x = rng.integers(-128, 128, shape).astype(np.int8)
        for got, want in zip(run(module, x), expected(proto, x), strict=True):
            assert got.shape == want.shape
            np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-7)


def test_softmax_before_opset_13_takes_all_axes_from_its_axis() -> None:
    module = imported(model([op("Softmax", "x")], x=(1, 2, 3), opset=11))
    x = np.random.default_rng(0).normal(size=(1, 2, 3)).astype(np.float32)
    exponential = np.exp(x.astype(np.float64))
    np.testing.assert_allclose(run(module, x)[0], exponential / exponential.sum(), rtol=1e-6)


def test_arithmetic_of_opset_6_aligns_by_axis() -> None:
    nodes = [op("Add", "x c", broadcast=1, axis=1)]
    module = imported(model(nodes, {"c": C[:2]}, x=(1, 2, 3), opset=6))
    x = np.arange(6, dtype=np.float32).reshape(1, 2, 3)
    np.testing.assert_array_equal(run(module, x)[0], x + C[:2, None])


def test_reshape_and_dropout_of_opset_6_in_test_mode() -> None:
    nodes = [op("Dropout", "x", "d", is_test=1), op("Reshape", "d s")]
    assert op_names(imported(model(nodes, {"s": np.array([0, -1], INT)}, x=(1, 2, 3), opset=6))) == ["reshape"]


@pytest.mark.parametrize(("opset", "attributes"), [(6, {"is_test": 1}), (7, {"spatial": 1}), (9, {}), (14, {})])
def test_norm_of_older_opsets(opset: int, attributes: dict[str, int]) -> None:
    """By its formula: onnx's reference takes these forms for training."""
    node = op("BatchNormalization", "x s b m v", epsilon=0.25, **attributes)
    module = imported(model([node], NORM, opset=opset))
    x = np.ones((1, 4), np.float32)
    want = (x - NORM["m"]) / np.sqrt(NORM["v"] + 0.25) * NORM["s"] + NORM["b"]
    np.testing.assert_allclose(run(module, x)[0], want, rtol=1e-6)


def test_local_functions_are_inlined() -> None:
    proto = model([op("Twice", "x", domain="local")])
    opset = helper.make_opsetid("", 13)
    body = [op("Add", "a a", "b", name="sum")]
    proto.functions.append(helper.make_function("local", "Twice", ["a"], ["b"], body, [opset]))
    proto.opset_import.append(helper.make_opsetid("local", 1))
    assert run(imported(proto), np.full((1, 4), 3, np.float32))[0].tolist() == [[6.0] * 4]


def test_function_of_another_op_set_is_converted() -> None:
    """Up to opset 12, Softmax by default takes all axes from the second on together."""
    proto = model([op("Old", "x", domain="local")], x=(1, 2, 3))
    body = [op("Softmax", "a", "b")]
    proto.functions.append(helper.make_function("local", "Old", ["a"], ["b"], body, [helper.make_opsetid("", 11)]))
    proto.opset_import.append(helper.make_opsetid("local", 1))
    assert run(imported(proto), np.ones((1, 2, 3), np.float32))[0].sum() == pytest.approx(1)


def test_real_results_leave_as_float32() -> None:
    nodes = [
        op("Quant", "x one zero bits", "q", domain=QONNX, signed=1, narrow=0),
        op("BatchNormalization", "q s b m v"),
    ]
    module = imported(model(nodes, {"one": 1.0, "zero": 0.0, "bits": 4.0, **NORM}))
    assert op_names(module) == ["quantize", "batch_norm", "quantize"]
    assert module_text(module).count("-> (tensor<1x4xf32>") == 1


def test_text_of_names_with_numbers() -> None:
    """The printer numbers equal names: names that end in numbers of their own must not meet these."""
    names = ("relu_1_0", "relu", "relu", "relu_1", "1_2")
    nodes = [op("Relu", value, result, name=name) for value, result, name in zip("xabcd", "abcdy", names, strict=True)]
    assert op_names(reread(imported(model(nodes)))) == ["relu"] * 5


def test_locations_and_names() -> None:
    nodes = [op("MatMul", "x w", "0", name="/fc/MatMul"), op("Add", "0 b", "out", name="")]
    text = module_text(imported(model(nodes, {"w": W, "b": C[:3]}, outputs="out", y=(1, 3))))
    assert '%x: tensor<1x4xf32> {q.name = "x"}) -> (tensor<1x3xf32> {q.name = "out"})' in text
    for line in (
        '%fc_MatMul = q.matmul %x, %w : .* loc."/fc/MatMul".',
        '%Add_out = q.add %fc_MatMul, %b : .* loc."Add_out".',
    ):
        assert re.search(line, text)


def test_an_open_batch_is_one_frame() -> None:
    for batch in ("N", None, 1):
        assert run(imported(model([op("Relu", "x")], x=(batch, 2))), -np.ones((1, 2), np.float32))[0].shape == (1, 2)


def test_a_fixed_first_dimension_is_part_of_the_frame_unless_a_shape_is_given() -> None:
    nodes = [op("Softmax", "x", axis=0)]
    assert run(imported(model(nodes, x=(2, 3))), np.ones((2, 3), np.float32))[0].tolist() == [[0.5] * 3] * 2
    assert run(imported(model(nodes, x=(2, 3)), shapes={"x": (1, 3)}), np.ones((1, 3), np.float32))[0].shape == (1, 3)
    module = imported(model([op("Relu", "x")], x=(64, "width")), shapes={"x": (1, 3)})
    assert run(module, np.ones((1, 3), np.float32))[0].shape == (1, 3)


@pytest.mark.parametrize(
    ("nodes", "constants", "shape"),
    [
        ([op("Reshape", "x s")], {"s": [2, 12]}, (1, 12)),
        ([op("Reshape", "x s")], {"s": [2, -1]}, (1, 12)),
        ([op("Expand", "x s")], {"s": [2, 3, 2, 2]}, (1, 3, 2, 2)),
        ([op("Resize", "x - - s", mode="nearest")], {"s": [2, 3, 4, 2]}, (1, 3, 4, 2)),
        ([op("Resize", "x - - s", mode="nearest", axes=[2, 3])], {"s": [2, 4]}, (1, 3, 2, 4)),
    ],
)
def test_shapes_of_a_whole_batch_are_those_of_one_frame(
    nodes: list[Any], constants: dict[str, Any], shape: tuple[int, ...]
) -> None:
    """PyTorch writes the batch of its example into Reshape, Expand and Resize."""
    proto = model(nodes, {"s": np.array(constants["s"], np.int64)}, x=(2, 3, 2, 2), y=(2, *shape[1:]), opset=18)
    x = np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2)
    frames = [run(imported(proto, shapes={"x": (1, 3, 2, 2)}), frame[None])[0] for frame in x]
    assert frames[0].shape == shape
    [wanted] = ReferenceEvaluator(proto).run(None, {"x": x})
    np.testing.assert_array_equal(np.concatenate(frames), wanted)


def test_initialisers_among_the_inputs_and_doubled_value_info() -> None:
    proto = model([op("MatMul", "x w")], {"w": W})
    proto.graph.input.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, (4, 3)))
    proto.graph.value_info.extend([proto.graph.output[0]] * 2)
    assert run(imported(proto), np.ones((1, 4), np.float32))[0].shape == (1, 3)


def test_every_supported_opset() -> None:
    for opset in range(6, onnx_opset_version() + 1):
        nodes = [op("MatMul", "x w", "a"), op("Relu", "a")]
        assert op_names(imported(model(nodes, {"w": W}, opset=opset))) == ["matmul", "relu"]


def test_a_constant_or_the_input_may_be_an_output() -> None:
    proto = model([op("Shape", "x", "y")], y_type=TensorProto.INT64, x=(1, 5))
    assert run(imported(proto), np.zeros((1, 5), np.float32))[0].tolist() == [1, 5]
    proto = model([op("Identity", "x")])
    assert run(imported(proto), np.full((1, 4), 3, np.float32))[0].tolist() == [[3.0] * 4]
