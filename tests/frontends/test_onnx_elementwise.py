# SPDX-License-Identifier: Apache-2.0
"""Elementwise ops, float functions, comparison and integer arithmetic against onnx's own reference."""

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from .graphs import expected, imported, model, op, op_names, reread, run

C = np.array([0.5, -1, 2, 3], np.float32)
X = np.array([[-2.5, -0.5, 0.25, 3.0]], np.float32)
POSITIVE, SMALL = np.abs(X) + 1, X / 4
WITHOUT_LOGARITHM = np.array([[-1, 0, 1, 2]], np.float32)
TRUE = np.array([True, False, True, True])
BOOL, INT8, INT32, INT64, UINT8 = (getattr(TensorProto, name) for name in ("BOOL", "INT8", "INT32", "INT64", "UINT8"))

# (node, constants, input, ops expected)
FLOATS: dict[str, tuple[Any, dict[str, Any], np.ndarray, str]] = {
    "max": (op("Max", "x c d"), {"c": C, "d": 1.0}, X, "max max"),
    "max of one": (op("Max", "x"), {}, X, ""),
    "min": (op("Min", "x c"), {"c": C}, X, "min"),
    "abs": (op("Abs", "x"), {}, X, "mul max"),
    "neg": (op("Neg", "x"), {}, X, "mul"),
    "reciprocal": (op("Reciprocal", "x"), {}, X, "div"),
    "prelu": (op("PRelu", "x c"), {"c": C}, X, "prelu"),
    "leaky relu": (op("LeakyRelu", "x", alpha=0.1), {}, X, "prelu"),
    "pow 3": (op("Pow", "x e"), {"e": 3.0}, X, "mul mul"),
    "pow of integers": (op("Pow", "x e"), {"e": np.int64(2)}, X, "mul"),
    "root": (op("Pow", "x e"), {"e": 0.5}, POSITIVE, "sqrt"),
    "powers": (op("Pow", "x e"), {"e": C}, POSITIVE, "pow"),
    "computed power": (op("Pow", "x x"), {}, POSITIVE, "pow"),
    "computed quotient": (op("Div", "x x"), {}, X, "div"),
    "where": (op("Where", "t x c"), {"t": TRUE, "c": C}, X, "select"),
    **{
        f"{name} {of}": (op(name, "x"), {}, data, name.lower())
        for of, data, names in (
            ("of any", X, "Sigmoid Tanh Exp Erf Softplus Floor Ceil Round Sin Cos Tan Atan Sinh Cosh Asinh"),
            ("of large", X * 40, "Sigmoid Tanh Erf"),
            ("of positive", POSITIVE, "Log Sqrt Acosh"),
            ("of small", SMALL, "Asin Acos Atanh"),
        )
        for name in names.split()
    },
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("case", FLOATS)
def test_of_real_numbers(case: str) -> None:
    node, constants, x, ops = FLOATS[case]
    proto = model([node], constants, opset=18)
    module = reread(imported(proto))
    assert op_names(module) == ops.split()
    (got,), (want,) = run(module, x), expected(proto, x)
    np.testing.assert_allclose(got, want, rtol=2e-6, atol=1e-7)


def test_softplus_of_large_numbers() -> None:
    """onnx's own reference overflows."""
    x = np.array([[-200.0, -20.0, 20.0, 200.0]], np.float32)
    np.testing.assert_allclose(run(imported(model([op("Softplus", "x")])), x)[0], np.logaddexp(0, x), rtol=1e-6)


@pytest.mark.parametrize("name", ["Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual"])
@pytest.mark.parametrize("x", [X, np.broadcast_to(C, (1, 4))], ids=["numbers", "equal"])
def test_comparison(name: str, x: np.ndarray) -> None:
    proto = model([op(name, "x c")], {"c": C}, opset=18, y_type=BOOL)
    module = reread(imported(proto))
    assert op_names(module) == ["compare"]
    np.testing.assert_array_equal(run(module, x)[0], expected(proto, x)[0])


@pytest.mark.parametrize("name", ["And", "Or", "Xor"])
@pytest.mark.parametrize("constant", [True, False])
def test_truths(name: str, constant: bool) -> None:
    nodes = [
        op("Greater", "x z", "a"),
        op("Less", "x o", "b"),
        op("Not", "b", "n"),
        op(name, "a t" if constant else "a n"),
    ]
    proto = model(nodes, {"z": 0.0, "o": 1.0, "t": TRUE}, opset=18, y_type=BOOL)
    np.testing.assert_array_equal(run(imported(proto), X)[0], expected(proto, X)[0])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(
    "node",
    [
        op("IsNaN", "l"),
        op("IsInf", "l"),
        op("IsInf", "l", detect_negative=0),
        op("IsInf", "n", detect_negative=0),
        *(op(name, "l n") for name in ("Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual")),
    ],
    ids=lambda node: node.op_type,
)
def test_what_is_not_finite(node: Any) -> None:
    proto = model([op("Log", "x", "l"), op("Neg", "l", "n"), node], opset=20, y_type=BOOL)
    np.testing.assert_array_equal(run(imported(proto), WITHOUT_LOGARITHM)[0], expected(proto, WITHOUT_LOGARITHM)[0])


def test_prelu_of_opset_6_has_a_slope_a_channel() -> None:
    module = imported(model([op("PRelu", "x s")], {"s": C[:2]}, x=(1, 2, 3), opset=6))
    x = np.linspace(-3, 2, 6, dtype=np.float32).reshape(1, 2, 3)
    np.testing.assert_array_equal(run(module, x)[0], np.where(x < 0, x * C[:2, None], x))


TYPES = {INT8: np.int8, UINT8: np.uint8, INT32: np.int32, INT64: np.int64}
K = [3, -7, 1, 100]
# node, constant of integers: element types that ONNX defines the op for
INTEGERS: dict[str, tuple[Any, list[int] | None, tuple[int, ...]]] = {
    "add": (op("Add", "x c"), K, (INT8, UINT8, INT32, INT64)),
    "sub": (op("Sub", "x c"), K, (INT8, UINT8, INT32, INT64)),
    "mul": (op("Mul", "x c"), K, (INT8, UINT8, INT32, INT64)),
    "mul of itself": (op("Mul", "x x"), None, (INT8, UINT8, INT32, INT64)),
    "max": (op("Max", "x c"), K, (INT8, UINT8, INT32, INT64)),
    "min": (op("Min", "x c"), K, (INT8, UINT8, INT32, INT64)),
    "mod": (op("Mod", "x c"), K, (INT8, UINT8, INT32, INT64)),
    "fmod": (op("Mod", "x c", fmod=1), K, (INT8, UINT8, INT32, INT64)),
    "abs": (op("Abs", "x"), None, (INT8, UINT8, INT32, INT64)),
    "neg": (op("Neg", "x"), None, (INT8, INT32, INT64)),
    "sign": (op("Sign", "x"), None, (INT8, UINT8, INT32, INT64)),
    "relu": (op("Relu", "x"), None, (INT8, INT32, INT64)),
    "pow": (op("Pow", "x c"), [2], (INT32, INT64)),
    "where": (op("Where", "t x c"), K, (INT8, UINT8, INT32, INT64)),
    "shift": (op("BitShift", "x c", direction="LEFT"), [1, 2, 3, 4], (UINT8,)),
    "shift back": (op("BitShift", "x c", direction="RIGHT"), [1, 2, 3, 4], (UINT8,)),
}


@pytest.mark.parametrize(("case", "type_"), [(case, type_) for case in INTEGERS for type_ in INTEGERS[case][2]])
def test_of_integers(case: str, type_: int) -> None:
    node, constant, _ = INTEGERS[case]
    dtype = TYPES[type_]
    constants = {"t": TRUE} | ({} if constant is None else {"c": np.array(constant).astype(dtype)})
    proto = model([node], constants, opset=18, x_type=type_, y_type=type_)
    module = reread(imported(proto))
    info, rng = np.iinfo(dtype), np.random.default_rng(0)
    ends = [np.full((1, 4), end, dtype) for end in (info.min, info.max, 0)]
    with np.errstate(all="ignore"):
        for x in [*ends, *(rng.integers(info.min, info.max, (1, 4), dtype, endpoint=True) for _ in range(6))]:
            np.testing.assert_array_equal(run(module, x)[0], expected(proto, x)[0])


@pytest.mark.parametrize("type_", TYPES)
def test_quotient_of_integers_is_truncated(type_: int) -> None:
    """By its formula: onnx's reference takes the floor."""
    dtype = TYPES[type_]
    divisor = np.array([3, 7 if type_ == UINT8 else -7, 1, 100]).astype(dtype)
    module = imported(model([op("Div", "x c")], {"c": divisor}, opset=18, x_type=type_, y_type=type_))
    info = np.iinfo(dtype)
    for x in (info.min + 1, info.max, -50 if info.min else 50):
        want = [abs(x) // abs(int(d)) * (1 if (x < 0) == (d < 0) else -1) for d in divisor]
        np.testing.assert_array_equal(run(module, np.full((1, 4), x, dtype))[0], [want])


def test_sums_of_indices_are_narrow() -> None:
    """The range of an index proves that nothing wraps: no quantiser."""
    nodes = [op("ArgMax", "x", "i", axis=1), op("Add", "i c", "j"), op("Equal", "j d")]
    proto = model(nodes, {"c": np.int64(3), "d": np.int64(5)}, opset=18, y_type=BOOL)
    module = reread(imported(proto))
    assert op_names(module) == ["arg_max", "add", "compare"]
    for x in (X, -X, np.roll(X, -1)):
        np.testing.assert_array_equal(run(module, x)[0], expected(proto, x)[0])


def test_a_truth_chooses() -> None:
    nodes = [
        op("Greater", "x z", "t"),
        op("Where", "t x m"),
    ]
    proto = model([*nodes[:1], op("Mul", "x two", "m"), nodes[1]], {"z": 0.0, "two": 2.0}, opset=18)
    module = reread(imported(proto))
    assert sorted(op_names(module)) == ["compare", "mul", "select"]
    np.testing.assert_array_equal(run(module, X)[0], expected(proto, X)[0])


def test_truths_enter_and_leave() -> None:
    proto = helper.make_model(
        helper.make_graph(
            [op("Not", "x")],
            "graph",
            [helper.make_tensor_value_info("x", BOOL, (1, 4))],
            [helper.make_tensor_value_info("y", BOOL, (1, 4))],
        ),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=8,
    )
    assert run(imported(proto), TRUE[None])[0].tolist() == [[0, 1, 0, 0]]
