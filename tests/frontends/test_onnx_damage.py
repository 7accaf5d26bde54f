# SPDX-License-Identifier: Apache-2.0
"""Damaged files: whatever the bytes are, the importer gives a module that verifies, or a QoptError."""

import random
import re
from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from qopt_mlir.frontends.onnx import import_onnx
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.text import verify_module

from .graphs import QONNX, model, op

OPS = "Relu Clip MatMul Gemm Add Div Transpose Reshape Squeeze Unsqueeze Softmax TopK ArgMax Cast Sign Flatten Shape"
OPS += " QuantizeLinear DequantizeLinear BatchNormalization Quant MultiThreshold Concat Gather ConstantOfShape Tile If"
NUMBERS = [-(1 << 63), -7, -1, 0, 1, 2, 3, 1 << 31, 1 << 62]


def network() -> onnx.ModelProto:
    """A network with most ops of the registry."""
    rng = np.random.default_rng(0)
    nodes = [
        op("Shape", "x", "n"),
        op("Gather", "n axes", "batch"),
        op("Concat", "batch rest", "shape", axis=0),
        op("Reshape", "x shape", "flat"),
        op("Quant", "flat scale zero bits", "q", domain=QONNX, signed=1, narrow=1, rounding_mode="ROUND"),
        op("IntQuant", "w scale zero bits", "wq", domain=QONNX, signed=1, narrow=0, rounding_mode="FLOOR"),
        op("Transpose", "wq", "wt", perm=[1, 0]),
        op("MatMul", "q wt", "m"),
        op("BatchNormalization", "m c c c c", "norm"),
        op("MultiThreshold", "norm t", "th", domain=QONNX, out_scale=1.0, out_bias=0.0, out_dtype="INT4"),
        op("QuantizeLinear", "th scale z8", "q8"),
        op("Clip", "q8 lo hi", "c8"),
        op("DequantizeLinear", "c8 scale z8", "d8"),
        op("Gemm", "d8 v c", "g", transB=1, alpha=0.5),
        op("Pow", "c two", "p"),
        op("Div", "g p", "d"),
        op("Softmax", "d", "s"),
        op("TopK", "s one", "v1 y"),
    ]
    constants = {
        "axes": np.array([0]),
        "rest": np.array([-1]),
        "scale": 0.5,
        "zero": 0.0,
        "bits": 4.0,
        "w": rng.normal(size=(4, 6)),
        "c": np.full(4, 2.0),
        "t": np.array([[-1.0, 0, 1]]),
        "z8": np.int8(3),
        "lo": np.int8(-7),
        "hi": np.int8(7),
        "v": rng.normal(size=(4, 4)),
        "two": 2.0,
        "one": np.array([1]),
    }
    return model(nodes, constants, x=("N", 2, 3), y_type=onnx.TensorProto.INT64)


def change_attribute(proto: onnx.ModelProto, rng: random.Random) -> None:
    node = rng.choice([node for node in proto.graph.node if node.attribute])
    attribute = rng.choice(list(node.attribute))
    rng.choice(
        [
            lambda: setattr(attribute, "i", rng.choice(NUMBERS)),
            lambda: setattr(attribute, "f", rng.choice([0.0, -1.0, float("nan"), float("inf"), 1e30])),
            lambda: setattr(attribute, "s", rng.choice([b"\xff\xfe", b"", b"CEIL"])),
            lambda: setattr(attribute, "type", rng.randrange(15)),
            lambda: attribute.ints.append(rng.choice(NUMBERS)),
            lambda: node.attribute.remove(attribute),
        ]
    )()


def change_edge(proto: onnx.ModelProto, rng: random.Random) -> None:
    node = rng.choice([node for node in proto.graph.node if node.input])
    names = [name for other in proto.graph.node for name in (*other.input, *other.output)] + [""]
    rng.choice(
        [
            lambda: node.input.append(rng.choice(names)),
            lambda: node.input.pop(),
            lambda: node.input.__setitem__(0, rng.choice(names)),
            lambda: setattr(node, "op_type", rng.choice(OPS.split())),
            lambda: setattr(node, "domain", rng.choice(["", "ai.onnx", QONNX])),
            lambda: proto.graph.node.remove(node),
        ]
    )()


def change_tensor(proto: onnx.ModelProto, rng: random.Random) -> None:
    tensor = rng.choice(list(proto.graph.initializer))
    array = numpy_helper.to_array(tensor).copy()
    array.reshape(-1)[0] = rng.choice([0, -1, 7, 100])
    sizes = [rng.choice([0, 1, 2, 4, 6]) for _ in range(rng.randrange(4))]
    rng.choice(
        [
            lambda: tensor.CopyFrom(numpy_helper.from_array(array, tensor.name)),
            lambda: tensor.CopyFrom(numpy_helper.from_array(np.resize(array, sizes), tensor.name)),
            lambda: tensor.dims.append(rng.choice(NUMBERS)),
            lambda: setattr(tensor, "data_type", rng.randrange(27)),
            lambda: setattr(tensor, "raw_data", rng.randbytes(len(tensor.raw_data))),
        ]
    )()


def change_frame(proto: onnx.ModelProto, rng: random.Random) -> None:
    tensor = proto.graph.input[0].type.tensor_type
    rng.choice(
        [
            lambda: setattr(rng.choice(list(tensor.shape.dim)), "dim_value", rng.choice(NUMBERS)),
            lambda: setattr(tensor, "elem_type", rng.randrange(25)),
            lambda: setattr(proto.opset_import[0], "version", rng.choice([-1, 1, 6, 7, 9, 11, 18, 21, 99])),
        ]
    )()


def survives(data: bytes) -> bool:
    """Whether the bytes are imported; anything but a QoptError fails the test."""
    try:
        verify_module(import_onnx(data))
    except QoptError:
        return False
    return True


def test_the_network_itself_is_imported() -> None:
    assert survives(network().SerializeToString())


@pytest.mark.parametrize("change", [change_attribute, change_edge, change_tensor, change_frame])
def test_changed_models(change: Callable[[onnx.ModelProto, random.Random], None]) -> None:
    outcomes = set()
    for seed in range(150):
        rng, proto = random.Random(seed), network()
        try:
            change(proto, rng)
        except (ValueError, IndexError):  # protobuf refuses the change
            continue
        outcomes.add(survives(proto.SerializeToString()))
    assert outcomes == {True, False}


def test_changed_bytes() -> None:
    original = network().SerializeToString()
    for seed in range(400):
        rng, data = random.Random(seed), bytearray(original)
        for _ in range(rng.choice([1, 1, 2, 8])):
            data[rng.randrange(len(data))] = rng.randrange(256)
        if rng.random() < 0.3:
            del data[rng.randrange(len(data)) :]
        survives(bytes(data))


def calling(calls: dict[str, list[str]]) -> onnx.ModelProto:
    """A model that calls function f0, whose bodies call others one after the other."""
    proto = model([op("f0", "x", domain="local")])
    opsets = [helper.make_opsetid("local", 1), helper.make_opsetid("", 13)]
    proto.opset_import.append(opsets[0])
    for name, callees in calls.items():
        values = ["a", *(f"v{index}" for index in range(1, len(callees))), "b"]
        body = [op(callee, values[i], values[i + 1], domain="local") for i, callee in enumerate(callees)]
        proto.functions.append(helper.make_function("local", name, ["a"], ["b"], body, opsets))
    return proto


@pytest.mark.parametrize(
    ("calls", "message"),
    [
        ({"f0": ["f0"]}, "function 'f0' calls itself"),
        ({"f0": ["f1"], "f1": ["f2"], "f2": ["f1"]}, "function 'f1' calls itself"),
        ({f"f{i}": [f"f{i + 1}"] * 2 for i in range(40)}, "the model has more than 1048576 nodes"),
        ({f"f{i}": [f"f{i + 1}"] for i in range(5000)}, "functions call each other more than 100 levels deep"),
    ],
)
def test_functions_without_end(calls: dict[str, list[str]], message: str) -> None:
    with pytest.raises(QoptError, match=message):
        import_onnx(calling(calls).SerializeToString())


HUGE = {
    "Expand": ([op("Expand", "x n")], {"n": np.array([1 << 20, 1 << 20, 4])}, "[1048576, 1048576, 4]"),
    "Tile": ([op("Tile", "x n")], {"n": np.array([1 << 40, 1])}, "[1099511627776, 1, 1, 4]"),
    "Pad": ([op("Pad", "x n")], {"n": np.array([0, 0, 0, 1 << 40])}, "[1, 1099511627780]"),
    "Pad of a constant": (
        [op("Pad", "c n")],
        {"c": np.ones((1,) * 4, np.int64), "n": np.full(8, 1000)},
        "[2001, 2001, 2001, 2001]",
    ),
    "OneHot": (
        [op("Cast", "x", "i", to=7), op("OneHot", "i n v")],
        {"n": 1 << 40, "v": [0, 1]},
        "[1, 4, 1099511627776]",
    ),
}


@pytest.mark.parametrize("case", HUGE)
def test_huge_results(case: str) -> None:
    nodes, constants, shape = HUGE[case]
    with pytest.raises(QoptError, match=re.escape(f"the result of shape {shape} is too large")):
        import_onnx(model(nodes, constants).SerializeToString())
