# SPDX-License-Identifier: Apache-2.0
"""Pools and reductions, against onnx's own reference over random attributes."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto
from onnx.reference import ReferenceEvaluator

from .graphs import check_refusal, imported, model, op, op_names, reread, run

LONG = np.int64
CHANNELS_LAST = "qonnx.custom_op.channels_last"
Random = np.random.Generator


def compare(proto: Any, x: np.ndarray) -> None:
    wanted = ReferenceEvaluator(proto).run(None, {"x": x})
    for got, want in zip(run(reread(imported(proto)), x), wanted, strict=True):
        assert got.shape == np.shape(want)
        if x.dtype == np.float32:
            np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)
        else:
            np.testing.assert_array_equal(got, want)


def random_pool(random: Random, average: bool) -> tuple[tuple[int, ...], dict[str, Any]]:
    """Shape and attributes of a pool that ONNX allows; pads are less than the kernel, as its engines demand."""
    rank = int(random.integers(1, 4))
    kernel = random.integers(1, 4, rank)
    dilations = random.integers(1, 3, rank)
    extent = dilations * (kernel - 1) + 1
    sizes = extent + random.integers(0, 5, rank)
    pads = np.concatenate([random.integers(0, kernel), random.integers(0, kernel)])
    attributes = {"kernel_shape": kernel, "strides": random.integers(1, 4, rank), "dilations": dilations}
    mode = str(random.choice(["NOTSET", "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"]))
    if mode == "NOTSET":
        attributes |= {"pads": pads, "ceil_mode": int(random.integers(2))}
    else:
        attributes["auto_pad"] = mode
        attributes["dilations"] = np.ones(rank, LONG)
    if average:
        attributes["count_include_pad"] = int(random.integers(2))
    plain = {name: v.tolist() if isinstance(v, np.ndarray) else v for name, v in attributes.items()}
    return (1, int(random.integers(1, 4)), *sizes.tolist()), plain


def windows(size: int, kernel: int, stride: int, dilation: int, pads: tuple[int, int], ceil: int) -> list[list[int]]:
    """For each window the places that its taps meet, by the standard's text; counted from the first pad."""
    room = size + sum(pads) - dilation * (kernel - 1) - 1
    count = (-(-room // stride) if ceil else room // stride) + 1
    if ceil and (count - 1) * stride >= size + pads[0]:
        count -= 1
    return [[place * stride + tap * dilation for tap in range(kernel)] for place in range(count)]


def by_definition(x: np.ndarray, average: bool, attributes: dict[str, Any]) -> np.ndarray:
    """A pool, window by window."""
    sizes, rank = x.shape[2:], x.ndim - 2
    kernel, strides, dilations = (attributes[name] for name in ("kernel_shape", "strides", "dilations"))
    pads, mode = attributes.get("pads", [0] * 2 * rank), attributes.get("auto_pad", "NOTSET")
    if mode.startswith("SAME"):
        totals = [max((-(-n // s) - 1) * s + k - n, 0) for n, s, k in zip(sizes, strides, kernel, strict=True)]
        low = [total // 2 if mode == "SAME_UPPER" else total - total // 2 for total in totals]
        pads = [*low, *(total - before for total, before in zip(totals, low, strict=True))]
    ceil, counted = attributes.get("ceil_mode", 0), attributes.get("count_include_pad", 0)
    axes = [
        windows(n, kernel[i], strides[i], dilations[i], (pads[i], pads[rank + i]), ceil) for i, n in enumerate(sizes)
    ]
    result = np.empty((*x.shape[:2], *map(len, axes)))
    for index in np.ndindex(*map(len, axes)):
        inside, stated = list[Any](), 0
        for taps in np.ndindex(*kernel):
            places = [axes[i][index[i]][tap] - pads[i] for i, tap in enumerate(taps)]
            if all(0 <= place < size for place, size in zip(places, sizes, strict=True)):
                inside.append(x[(slice(None), slice(None), *places)].astype(np.float64))
            stated += all(place < sizes[i] + pads[rank + i] for i, place in enumerate(places))
        total = np.sum(inside, axis=0) / (stated if counted else len(inside)) if average else np.max(inside, axis=0)
        result[(slice(None), slice(None), *index)] = total
    return result


@pytest.mark.parametrize("average", [False, True], ids=["max", "average"])
@pytest.mark.parametrize("seed", range(60))
def test_pools(seed: int, average: bool) -> None:
    random = np.random.default_rng(seed)
    shape, attributes = random_pool(random, average)
    name = "AveragePool" if average else "MaxPool"
    x = random.normal(size=shape).astype(np.float32)
    module = reread(imported(model([op(name, "x", **attributes)], x=shape, opset=22)))
    got, want = run(module, x)[0], by_definition(x, average, attributes)
    assert got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("average", [False, True], ids=["max", "average"])
@pytest.mark.parametrize("opset", [7, 10, 11, 19, 22])
def test_pools_of_all_opsets(opset: int, average: bool) -> None:
    node = op("AveragePool" if average else "MaxPool", "x", kernel_shape=[2, 3], strides=[2, 1], pads=[1, 1, 0, 1])
    shape = (1, 2, 5, 6)
    x = np.random.default_rng(opset).normal(size=shape).astype(np.float32)
    compare(model([node], x=shape, opset=opset), x)


def test_max_pool_of_codes_keeps_them() -> None:
    random = np.random.default_rng(0)
    x = random.integers(-128, 128, (1, 2, 5, 5)).astype(np.int8)
    types = {"x_type": TensorProto.INT8, "y_type": TensorProto.INT8}
    attributes = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    got = run(imported(model([op("MaxPool", "x", **attributes)], x=x.shape, **types)), x)[0]
    want = by_definition(x, False, {"strides": [1, 1], "dilations": [1, 1], **attributes})
    np.testing.assert_array_equal(got, want)


def test_average_of_whole_windows_divides_by_one_number() -> None:
    module = imported(model([op("AveragePool", "x", kernel_shape=[2, 2], strides=[2, 2])], x=(1, 2, 4, 4)))
    assert op_names(module) == ["sum_pool", "div"]
    assert "tensor<f32>" in str(module)


@pytest.mark.parametrize("name", ["GlobalAveragePool", "GlobalMaxPool"])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_global_pools(name: str, rank: int) -> None:
    shape, axes = (1, 3, *range(2, 2 + rank)), tuple(range(2, 2 + rank))
    x = np.random.default_rng(rank).normal(size=shape).astype(np.float32)
    want = (np.mean if name == "GlobalAveragePool" else np.max)(x, axis=axes, keepdims=True)
    np.testing.assert_allclose(run(imported(model([op(name, "x")], x=shape)), x)[0], want, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("p", [1, 2, 3])
def test_norm_pools(p: int) -> None:
    x = np.random.default_rng(p).normal(size=(1, 2, 4, 5)).astype(np.float32)
    compare(model([op("LpPool", "x", p=p, kernel_shape=[2, 2], strides=[2, 1])], x=x.shape, opset=18), x)
    got = run(imported(model([op("GlobalLpPool", "x", p=p)], x=x.shape)), x)[0]
    want = (np.abs(x.astype(np.float64)) ** p).sum(axis=(2, 3), keepdims=True) ** (1 / p)
    np.testing.assert_allclose(got, want, rtol=1e-5)


@pytest.mark.parametrize(
    "node",
    [
        op("MaxPool", "x", kernel_shape=[2, 3], strides=[1, 2], pads=[0, 1, 0, 1]),
        op("AveragePool", "x", kernel_shape=[2, 3], strides=[1, 2], pads=[0, 1, 0, 1]),
        op("BatchNormalization", "x s b m v"),
        op("Conv", "x w b", kernel_shape=[2, 2], strides=[1, 1], pads=[0, 0, 0, 0], dilations=[1, 1], group=1),
    ],
    ids=lambda node: node.op_type,
)
def test_channels_last(node: Any) -> None:
    """The standard op on the transposed operand, transposed back."""
    random = np.random.default_rng(0)
    row = random.normal(size=3).astype(np.float32)
    weights = random.normal(size=(3, 2, 2, 3)).astype(np.float32)
    x = random.normal(size=(1, 4, 5, 3)).astype(np.float32)
    constants = {"s": row, "b": row + 1, "m": row - 1, "v": np.abs(row), "w": weights}
    constants = {name: array for name, array in constants.items() if name in node.input}
    first = constants | ({"w": weights.transpose(0, 3, 1, 2)} if "w" in constants else {})
    want = ReferenceEvaluator(model([node], first, x=(1, 3, 4, 5), opset=15)).run(None, {"x": x.transpose(0, 3, 1, 2)})[
        0
    ]
    last = type(node)()
    last.CopyFrom(node)
    last.domain = CHANNELS_LAST
    proto = model([last], constants, x=x.shape, opset=15)
    proto.opset_import.add(domain=CHANNELS_LAST, version=1)
    np.testing.assert_allclose(run(imported(proto), x)[0], want.transpose(0, 2, 3, 1), rtol=1e-5, atol=1e-6)


REDUCTIONS = (
    "ReduceSum ReduceMean ReduceMax ReduceMin ReduceL1 ReduceL2 ReduceSumSquare ReduceLogSum ReduceLogSumExp ReduceProd"
)


@pytest.mark.parametrize("name", REDUCTIONS.split())
@pytest.mark.parametrize("seed", range(4))
def test_reductions(name: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    shape = (1, *random.integers(1, 5, 3).tolist())
    axes = random.permutation(4)[: random.integers(1, 5)] - 4 * int(random.integers(2))
    x = np.abs(random.normal(size=shape)).astype(np.float32) + np.float32(0.1)
    compare(model([op(name, "x a", keepdims=seed % 2)], {"a": axes.astype(LONG)}, x=shape, opset=18), x)
    if name != "ReduceSum":
        compare(model([op(name, "x", keepdims=seed % 2, axes=axes.tolist())], x=shape, opset=13), x)
    compare(model([op(name, "x", keepdims=seed % 2)], x=shape, opset=18), x)
    compare(model([op(name, "x", noop_with_empty_axes=0)], x=shape, opset=18), x)


@pytest.mark.parametrize("name", ["ReduceSum", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceSumSquare", "ReduceProd"])
def test_reductions_of_integers_wrap(name: str) -> None:
    x = np.random.default_rng(0).integers(-(1 << 31), 1 << 31, (1, 5, 4)).astype(np.int32)
    types = {"x_type": TensorProto.INT32, "y_type": TensorProto.INT32}
    got = run(imported(model([op(name, "x a")], {"a": np.array([1], LONG)}, x=x.shape, opset=18, **types)), x)[0]
    function = {"ReduceMax": np.max, "ReduceMin": np.min, "ReduceProd": np.prod}.get(name, np.sum)
    wide = x.astype(object)
    wide = abs(wide) if name == "ReduceL1" else wide * wide if name == "ReduceSumSquare" else wide
    want = (function(wide, axis=1, keepdims=True) + (1 << 31)) % (1 << 32) - (1 << 31)
    np.testing.assert_array_equal(got.astype(object), want)


def test_no_axes_may_mean_no_reduction() -> None:
    for name in ("ReduceSum", "ReduceMean", "ReduceMax", "ReduceLogSumExp"):
        module = imported(model([op(name, "x", noop_with_empty_axes=1)], opset=18))
        assert op_names(module) == []


@pytest.mark.parametrize("reverse", [0, 1])
@pytest.mark.parametrize("exclusive", [0, 1])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_cumulative_sum(axis: int, exclusive: int, reverse: int) -> None:
    random = np.random.default_rng(0)
    node = op("CumSum", "x a", exclusive=exclusive, reverse=reverse)
    x = random.normal(size=(2, 4, 3)).astype(np.float32)
    compare(model([node], {"a": np.array(axis, LONG)}, x=x.shape), x)
    types = {"x_type": TensorProto.INT32, "y_type": TensorProto.INT32}
    integers = random.integers(-1000, 1000, x.shape).astype(np.int32)
    compare(model([node], {"a": np.array(axis, LONG)}, x=x.shape, **types), integers)


@pytest.mark.parametrize("name", ["Sum", "Mean"])
def test_sums_of_several(name: str) -> None:
    x, ones = np.random.default_rng(0).normal(size=(1, 4)).astype(np.float32), np.ones((3, 4), np.float32)
    for inputs, terms in {"x": [x], "x c x": [x, ones, x], "x c": [x, ones]}.items():
        want = sum(terms) / (len(terms) if name == "Mean" else 1)
        constants = {"c": ones} if "c" in inputs else {}
        np.testing.assert_allclose(run(imported(model([op(name, inputs)], constants)), x)[0], want, rtol=1e-6)


@pytest.mark.parametrize("name", ["ArgMax", "ArgMin"])
@pytest.mark.parametrize("last", [0, 1])
@pytest.mark.parametrize("keepdims", [0, 1])
def test_arg_min_and_max(name: str, last: int, keepdims: int) -> None:
    x = np.random.default_rng(0).integers(-2, 2, (2, 6, 3)).astype(np.float32)
    node = op(name, "x", axis=1, select_last_index=last, keepdims=keepdims)
    compare(model([node], x=x.shape, y_type=TensorProto.INT64), x)


IMAGE = (1, 1, 4, 4)
REFUSALS: dict[str, tuple[str, Callable[[], Any]]] = {
    "storage order": (
        "storage_order 1 is not supported",
        lambda: one("MaxPool", IMAGE, kernel_shape=[2, 2], storage_order=1),
    ),
    "indices": (
        "output 'z' is not supported",
        lambda: model([op("MaxPool", "x", "a z", name="node", kernel_shape=[2, 2]), op("Cast", "z", to=1)], x=IMAGE),
    ),
    "kernel": ("the kernel of shape [2] does not fit", lambda: one("MaxPool", IMAGE, kernel_shape=[2])),
    "window": (
        "q.max_pool has a window of [5, 5] on a padded input of [4, 4]",
        lambda: one("MaxPool", IMAGE, kernel_shape=[5, 5]),
    ),
    "padding alone": (
        "a window lies wholly in the padding",
        lambda: one("AveragePool", IMAGE, kernel_shape=[1, 1], pads=[1, 0, 0, 0]),
    ),
    "max of padding": (
        "q.max_pool has a window wholly outside its input",
        lambda: one("MaxPool", IMAGE, kernel_shape=[1, 1], pads=[1, 0, 0, 0]),
    ),
    "no spatial axes": ("the operand has no spatial axes", lambda: one("GlobalMaxPool", (1, 4))),
    "p": ("p is 0", lambda: one("LpPool", IMAGE, kernel_shape=[2, 2], p=0)),
    "axes": ("name one axis twice", lambda: one("ReduceMax", IMAGE, axes=[1, -3])),
    "axis": ("axis 7 does not exist", lambda: one("ReduceMax", IMAGE, axes=[7])),
    "product": ("the product of so many elements", lambda: one("ReduceProd", (1, 2000))),
    "mean of integers": (
        "integer arithmetic on 'x' is not supported",
        lambda: model([op("ReduceMean", "x")], x_type=TensorProto.INT32),
    ),
    "channels last": (
        "input 0 of 2 dimensions has no spatial axes",
        lambda: channels_last("MaxPool", kernel_shape=[2], strides=[1], pads=[0, 0]),
    ),
}


def one(op_type: str, x: tuple[int, ...], **attributes: Any) -> Any:
    return model([op(op_type, "x", **attributes)], x=x)


def channels_last(op_type: str, **attributes: Any) -> Any:
    proto = model([op(op_type, "x", domain=CHANNELS_LAST, **attributes)])
    proto.opset_import.add(domain=CHANNELS_LAST, version=1)
    return proto


@pytest.mark.parametrize("case", REFUSALS)
def test_refusal(case: str) -> None:
    what, build = REFUSALS[case]
    check_refusal(what, build())
