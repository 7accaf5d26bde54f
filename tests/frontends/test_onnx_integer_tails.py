# SPDX-License-Identifier: Apache-2.0
"""Integer networks: RequantShift, rounding and Clip as one quantiser, casts and exact arithmetic behind them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto
from qopt_mlir.frontends.onnx import import_onnx
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.q import QuantizeOp
from qopt_mlir.qdialect.types import element_type, is_f32, is_integer_type, shape_of
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp

from .graphs import MODELS, QONNX, expected, imported, model, op, op_names, reread, run

Array = np.ndarray[Any, Any]

DEEPLOY = Path(MODELS).with_name("models_nd")
needs_deeploy = pytest.mark.skipif(not DEEPLOY.is_dir(), reason=f"Deeploy's models ({DEEPLOY}) are not here")


def result_types(module: ModuleOp, name: str) -> list[str]:
    return [str(element_type(o.results[0])) for o in module.walk() if o.name == f"q.{name}"]


def requant_shift(x: Array, mul: Array, add: Array, shift: int, low: int, high: int) -> Array:
    rounding = 1 << (shift - 1) if shift else 0
    return np.clip((x.astype(np.int64) * mul + add + rounding) >> shift, low, high)


def requant_model(x: Array, mul: Array, add: Array, shift: int, levels: int, signed: int, **options: Any) -> Any:
    attributes = {"div": float(1 << shift), "n_levels": levels, "signed": signed}
    nodes = [op("RequantShift", "x m a", domain=options.pop("domain", ""), **attributes)]
    return model(nodes, {"m": mul.astype(np.float32), "a": add.astype(np.float32)}, x=x.shape, **options)


@pytest.mark.parametrize("domain", ["", "PACTOps"])
@pytest.mark.parametrize("shift", [0, 1, 8, 16])
@pytest.mark.parametrize(("levels", "signed"), [(256, 1), (256, 0), (16, 1), (100, 0), (7, 1)])
def test_requant_shift(levels: int, signed: int, shift: int, domain: str) -> None:
    """A shift after half the divisor is added: ties go up, also below zero."""
    rng = np.random.default_rng(shift)
    x = rng.integers(-(2**14), 2**14, (1, 3, 8, 8)).astype(np.float32)
    mul, add = rng.integers(-99, 99, (3, 1, 1)) << shift >> 8, rng.integers(-99, 99, (3, 1, 1)) << shift
    module = reread(imported(requant_model(x, mul, add, shift, levels, signed, domain=domain)))
    low = -(levels // 2) if signed else 0
    np.testing.assert_array_equal(run(module, x)[0], requant_shift(x, mul, add, shift, low, low + levels - 1))


def test_ties_of_requant_shift_go_up() -> None:
    x = np.array([[-3, -2, -1, 0, 1, 2, 3, 5]], np.float32)
    module = imported(requant_model(x, np.array(1), np.array(0), 1, 256, 1))
    np.testing.assert_array_equal(run(module, x)[0], [[-1, -1, 0, 0, 1, 1, 2, 3]])


def test_requant_shift_beyond_float32() -> None:
    """Products beyond 2^24 are integers, not float32 numbers."""
    x = np.array([[16777215, 16777213, -16777215, 3]], np.float32)
    mul, add = np.array(16777213), np.array(5)
    got = run(imported(requant_model(x, mul, add, 24, 1 << 32, 1)), x)[0]
    np.testing.assert_array_equal(got, requant_shift(x, mul, add, 24, -(1 << 31), (1 << 31) - 1))


def test_requant_shift_is_product_sum_and_quantiser() -> None:
    """Common factors of two are left out; a network behind it is one of integers."""
    nodes = [
        op("RequantShift", "x m a", "q", div=65536.0, n_levels_out=np.float32([256]), signed=np.float32([1])),
        op("MatMul", "q w", "p"),
        op("RequantShift", "p m a", div=65536.0, n_levels_out=np.float32([256]), signed=np.float32([0])),
    ]
    constants = {"m": 32768.0, "a": 0.0, "w": np.arange(-8, 8).reshape(4, 4).astype(np.float32)}
    module = imported(model(nodes, constants))
    assert op_names(module) == ["quantize", "mul", "add", "quantize", "matmul", "mul", "add", "quantize"]
    assert result_types(module, "quantize") == ["!q.fixed<32, 0>", "!q.fixed<8, 0>", "!q.ufixed<8, 0>"]
    assert result_types(module, "matmul") == ["!q.fixed<12, 0>"]


@pytest.mark.parametrize(
    ("attributes", "constants", "what"),
    [
        ({"div": 3.0}, {}, "the divisor 3 is no power of two"),
        ({"div": 0.5}, {}, "the divisor 0.5 is no power of two"),
        ({"n_levels": 2.5}, {}, "the number of levels is 2.5"),
        ({"n_levels": [1.0, 2.0]}, {}, "attribute 'n_levels' is not one number"),
        ({}, {"m": np.float32(0.5)}, "the multiplier holds other numbers than integers"),
        ({}, {"a": np.float32(0.5)}, "the addend holds other numbers than integers"),
    ],
)
def test_refused(attributes: dict[str, Any], constants: dict[str, Any], what: str) -> None:
    attributes = {"div": 4.0, "n_levels": 256.0, "signed": 1.0, **attributes}
    proto = model([op("RequantShift", "x m a", **attributes)], {"m": 2.0, "a": 3.0, **constants})
    with pytest.raises(QoptError, match=what):
        imported(proto)


ROUNDINGS = {"Floor": "floor", "Ceil": "ceil", "Round": "half_even"}


@pytest.mark.parametrize("name", ROUNDINGS)
@pytest.mark.parametrize(("low", "high"), [(0.0, 15.0), (-8.0, 7.0), (-7.0, 7.0), (-3.0, 9.0)])
def test_rounding_and_clip_are_one_quantiser(name: str, low: float, high: float) -> None:
    x = (np.arange(-40, 40, dtype=np.float32) / 4)[None]
    nodes = [op("Div", "x s", "d"), op(name, "d", "r"), op("Clip", "r low high")]
    proto = model(nodes, {"s": 0.5, "low": low, "high": high}, x=x.shape)
    module = imported(proto)
    assert op_names(module) == (["div", "clip", "quantize"] if low == -3 else ["div", "quantize"])
    quantizer = next(o for o in module.walk() if isinstance(o, QuantizeOp))
    assert quantizer.rounding.value == ROUNDINGS[name]
    np.testing.assert_array_equal(run(module, x)[0], expected(proto, x)[0])


def test_clip_of_other_numbers_stays() -> None:
    """Bounds that are no integers, and clips of numbers that are not rounded."""
    x = (np.arange(-40, 40, dtype=np.float32) / 4)[None]
    for nodes in ([op("Floor", "x", "r"), op("Clip", "r low high")], [op("Clip", "x low high")]):
        proto = model(nodes, {"low": -1.5, "high": 2.5}, x=x.shape)
        assert "quantize" not in op_names(imported(proto))
        np.testing.assert_array_equal(run(imported(proto), x)[0], expected(proto, x)[0])


def test_two_clips() -> None:
    x = (np.arange(-40, 40, dtype=np.float32) / 4)[None]
    nodes = [op("Round", "x", "r"), op("Clip", "r a b", "c"), op("Clip", "c d e"), op("Clip", "c - e", "z")]
    proto = model(nodes, {"a": -8.0, "b": 7.0, "d": 0.0, "e": 3.0}, x=x.shape, outputs="y z")
    module = imported(proto)
    assert result_types(module, "quantize") == ["!q.ufixed<2, 0>", "!q.fixed<4, 0>"]
    for got, want in zip(run(module, x), expected(proto, x), strict=True):
        np.testing.assert_array_equal(got, want)


def integer_quantiser(**options: Any) -> list[Any]:
    return [op("Quant", "x one zero bits", "i", domain=QONNX, signed=1, narrow=0, **options)]


QUANT = {"one": 1.0, "zero": 0.0, "bits": 6.0}


def test_nemo_tail() -> None:
    """Kappa, lambda, a factor in int64 and a truncating division: one quantiser of an exact number."""
    nodes = [
        *integer_quantiser(),
        op("MatMul", "i w", "a"),
        op("Mul", "k a", "b"),
        op("Add", "b l", "c"),
        op("Cast", "c", "d", to=TensorProto.INT64),
        op("Mul", "d m", "e"),
        op("Div", "e n", "f"),
        op("Cast", "f", "g", to=TensorProto.FLOAT),
        op("Clip", "g low high", "h"),
        op("MatMul", "h v"),
    ]
    rng = np.random.default_rng(4)
    constants = {"w": rng.integers(-9, 9, (4, 3)).astype(np.float32), "v": np.array([[3], [-70], [5]], np.float32)}
    constants |= {"k": np.array([2047, -773, 50076932], np.float32), "l": np.array([5e7, -3, 16777217], np.float32)}
    constants |= {"m": np.array([55]), "n": np.array([16777215]), "low": np.float32(0), "high": np.float32(255)}
    module = reread(imported(model(nodes, {**constants, **QUANT})))
    assert not [t for name in ("matmul", "mul", "add", "quantize") for t in result_types(module, name) if t == "f32"]
    assert op_names(module) == ["quantize", "matmul", "mul", "add", "mul", "div", "quantize", "matmul"]
    x = rng.integers(-32, 32, (1, 4)).astype(np.float32)
    exact = (x.astype(object) @ constants["w"].astype(int).astype(object)) * constants["k"].astype(int).astype(object)
    exact = (exact + constants["l"].astype(int).astype(object)) * 55
    codes = [[min(max(int(n / abs(n) * (abs(n) // 16777215)) if n else 0, 0), 255) for n in exact[0]]]
    np.testing.assert_array_equal(run(module, x)[0], np.array(codes) @ constants["v"])


def test_division_by_powers_of_two_and_floor() -> None:
    """A residual sum: times 32, divided by 64, rounded down."""
    nodes = [
        *integer_quantiser(),
        op("Mul", "i k", "a"),
        op("Add", "a i", "b"),
        op("Div", "b n", "c"),
        op("Floor", "c"),
    ]
    module = imported(model(nodes, {"k": 32.0, "n": np.array([64.0]), **QUANT}))
    assert result_types(module, "quantize") == ["!q.fixed<6, 0>", "!q.fixed<6, 0>"]
    x = np.array([[-32, -3, 5, 31]], np.float32)
    np.testing.assert_array_equal(run(module, x)[0], np.floor(x * 33 / 64))


def test_a_value_and_its_cast_are_one() -> None:
    """ONNX divides floats and integers differently; the value of the IR is the same, without an op for the casts."""
    nodes = [
        *integer_quantiser(),
        op("Cast", "i", "n", to=TensorProto.INT32),
        op("Div", "i three", "y"),
        op("Div", "n fives", "z"),
        op("Cast", "n", "f", to=TensorProto.FLOAT),
        op("Reshape", "f shape", "g"),
        op("Div", "g three", "w"),
    ]
    constants = {"three": 3.0, "fives": np.array([5], np.int32), "shape": np.array([1, 4]), **QUANT}
    module = imported(model(nodes, constants, outputs="y z w"))
    x = np.array([[-31, -3, 7, 30]], np.float32)
    y, z, w = run(module, x)
    np.testing.assert_array_equal(y, x / np.float32(3))
    np.testing.assert_array_equal(z, np.trunc(x / 5))
    np.testing.assert_array_equal(w, y)
    assert "builtin.unrealized_conversion_cast" not in {o.name for o in module.walk()}


def test_constants_of_whole_numbers() -> None:
    """They are integers beside integers only; zeros count; numbers with a fraction stay float32."""
    nodes = [*integer_quantiser(), op("Mul", "i k", "a"), op("Add", "a b", "y"), op("Add", "x k", "z")]
    for k, b, names in (
        (3.0, 0.0, ("!q.fixed", "!q.fixed")),
        (3.0, 0.5, ("!q.fixed", "f32")),
        (0.5, 0.0, ("f32", "f32")),
    ):
        module = imported(model(nodes, {"k": k, "b": b, **QUANT}, outputs="y z"))
        types = [*result_types(module, "mul"), result_types(module, "add")[0]]
        assert [type_.split("<")[0] for type_ in types] == list(names)
        assert result_types(module, "add")[1] == "f32"
        x = np.array([[-31, -3, 7, 30]], np.float32)
        np.testing.assert_array_equal(run(module, x)[0], x * np.float32(k) + np.float32(b))


def test_fixed_point_casts() -> None:
    """A fixed-point number is truncated to the narrowest integers."""
    nodes = [op("Quant", "x s zero bits", "i", domain=QONNX, signed=1, narrow=0), op("Cast", "i", to=TensorProto.INT8)]
    module = imported(model(nodes, {"s": 0.25, **QUANT}, y_type=TensorProto.INT8))
    x = np.array([[-8, -1.75, 1.75, 7.9]], np.float32)
    np.testing.assert_array_equal(run(module, x)[0], [[-8, -1, 1, 7]])


@needs_deeploy
@pytest.mark.parametrize("path", sorted(DEEPLOY.glob("*.onnx")), ids=lambda path: path.stem)
def test_deeploy_models(path: Path) -> None:
    """Deeploy's own results, bit for bit where the network is one of integers."""
    module = import_onnx(path)
    function = next(o for o in module.ops if isinstance(o, FuncOp))
    given, want = np.load(path.with_suffix(".in.npz")), np.load(path.with_suffix(".out.npz"))
    arguments = function.body.block.args
    inputs = [
        given[name].astype(np.float32).reshape(shape_of(a)) for name, a in zip(given.files, arguments, strict=False)
    ]
    results = run(module, *inputs)
    integers = any("RequantShift" in str(o.location) for o in module.walk())
    for got, name in zip(results, want.files, strict=False):
        tolerance = 0 if integers else 1e-5 * float(np.abs(want[name]).max())
        np.testing.assert_allclose(got.reshape(-1), want[name].reshape(-1).astype(np.float64), rtol=0, atol=tolerance)


@pytest.mark.skipif(not MODELS.is_dir(), reason=f"the real models ({MODELS}) are not here")
@pytest.mark.parametrize("path", sorted(MODELS.glob("nemo_*.onnx")), ids=lambda path: path.stem)
def test_nemo_models_are_integers_behind_the_first_clip(path: Path) -> None:
    """Up to the float function that some end in; the accumulators are exact integers."""
    module = import_onnx(path)
    ops = [o for o in module.walk() if o.name.startswith("q.") and o.name != "q.constant"]
    first = next(index for index, o in enumerate(ops) if is_integer_type(element_type(o.results[0])))
    for o in ops[first:]:
        in_head = any(name in str(o.location) for name in ("Sigmoid", "LogSoftmax"))
        assert in_head or not is_f32(element_type(o.results[0])), str(o)


@pytest.mark.parametrize("kind", ["AveragePool", "GlobalAveragePool", "ReduceMean"])
def test_means_of_integers_are_exact(kind: str) -> None:
    """The mean of three integers times three is their sum, which float32 thirds may miss; then rounded down."""
    pools: dict[str, dict[str, Any]] = {"AveragePool": {"kernel_shape": [3]}, "ReduceMean": {"axes": [2]}}
    nodes = [
        *integer_quantiser(),
        op(kind, "i", "m", **pools.get(kind, {})),
        op("Mul", "m k", "a"),
        op("Div", "a n", "b"),
        op("Sub", "b one", "c"),
        op("Floor", "c"),
    ]
    constants = {"k": 3.0, "n": 64.0, **QUANT}
    x = np.array([[[-32, -3, 5], [31, 30, 3]]], np.float32)
    module = imported(model(nodes, constants, x=x.shape, opset=11))
    assert result_types(module, "quantize")[-1] == "!q.fixed<3, 0>"
    want = np.floor(x.sum(axis=2, keepdims=True) / 64 - 1)
    np.testing.assert_array_equal(run(module, x)[0], want)
