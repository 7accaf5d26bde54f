# SPDX-License-Identifier: Apache-2.0
"""Ops that move elements, against onnx's own reference over random attributes, on floats and on integer codes."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto
from onnx.reference import ReferenceEvaluator

from .graphs import check_refusal, imported, model, op, op_names, reread, run

LONG = np.int64
Random = np.random.Generator


def outputs_of(proto: Any, x: np.ndarray) -> None:
    """The import of a model gives what onnx's reference gives."""
    wanted = ReferenceEvaluator(proto).run(None, {"x": x})
    got = run(reread(imported(proto)), x)
    assert len(got) == len(wanted)
    for one, other in zip(got, wanted, strict=True):
        assert one.shape == np.shape(other)
        np.testing.assert_array_equal(one, other)


def check(nodes: list[Any], constants: dict[str, Any], shape: tuple[int, ...], random: Random, **options: Any) -> None:
    """The same on float32 and on int8."""
    for type_ in (TensorProto.FLOAT, TensorProto.INT8):
        proto = model(nodes, constants, x=shape, x_type=type_, y_type=type_, **options)
        x = random.integers(-128, 128, shape)
        outputs_of(proto, x.astype(np.float32 if type_ == TensorProto.FLOAT else np.int8))


def random_shape(random: Random, low: int = 1, high: int = 5) -> tuple[int, ...]:
    return (1, *random.integers(1, 6, random.integers(low, high)).tolist())


@pytest.mark.parametrize("seed", range(20))
def test_slice(seed: int) -> None:
    random = np.random.default_rng(seed)
    shape = random_shape(random)
    axes, starts, ends, steps = list[int](), list[int](), list[int](), list[int]()
    for axis in random.permutation(len(shape))[: random.integers(1, len(shape) + 1)].tolist():
        start, end, step = (
            int(random.integers(-8, 9)),
            int(random.integers(-9, 10)),
            int(random.choice([-2, -1, 1, 3])),
        )
        if len(range(shape[axis])[start:end:step]):
            axes.append(axis - len(shape) * int(random.integers(2)))
            starts.append(start)
            ends.append(end)
            steps.append(step)
    if axes:
        lists = {"s": starts, "e": ends, "a": axes, "t": steps}
        check([op("Slice", "x s e a t")], {k: np.array(v, LONG) for k, v in lists.items()}, shape, random)


def test_slice_of_older_opsets() -> None:
    proto = model([op("Slice", "x", starts=[1, -3], ends=[100, -1], axes=[1, 2])], x=(1, 4, 5), opset=9)
    x = np.arange(20, dtype=np.float32).reshape(1, 4, 5)
    np.testing.assert_array_equal(run(imported(proto), x)[0], x[:, 1:, -3:-1])
    proto = model([op("Slice", "x", starts=[0, 1], ends=[1, 2])], x=(1, 4, 5), opset=6)
    np.testing.assert_array_equal(run(imported(proto), x)[0], x[0:1, 1:2])


@pytest.mark.parametrize("seed", range(10))
def test_concat_and_split(seed: int) -> None:
    random = np.random.default_rng(seed)
    shape = (1, 2, int(random.integers(4, 9)), 3)
    cut = int(random.integers(1, shape[2]))
    sizes = np.array([cut, shape[2] - cut], LONG)
    nodes = [op("Split", "x n", "a b", axis=-2), op("Concat", "b a b", axis=2)]
    check(nodes, {"n": sizes}, shape, random)
    check([op("Split", "x n", "a y", axis=2)], {"n": sizes}, shape, random, outputs="a y")


def test_split_into_equal_parts() -> None:
    random = np.random.default_rng(0)
    check([op("Split", "x", "a y", axis=1)], {}, (1, 6), random, outputs="a y")
    check([op("Split", "x", "a b y", axis=1, num_outputs=3)], {}, (1, 7), random, outputs="a b y", opset=18)
    proto = model([op("Split", "x", "a y", axis=1, split=[1, 3])], x=(1, 4), opset=11, outputs="a y")
    x = np.arange(4, dtype=np.float32)[None]
    assert [part.tolist() for part in run(imported(proto), x)] == [[[0.0]], [[1.0, 2.0, 3.0]]]


@pytest.mark.parametrize("seed", range(10))
def test_gather(seed: int) -> None:
    random = np.random.default_rng(seed)
    shape = random_shape(random)
    axis = int(random.integers(-len(shape), len(shape)))
    places = random.integers(-shape[axis], shape[axis], random.integers(1, 4, random.integers(0, 3)))
    check([op("Gather", "x i", axis=axis)], {"i": places.astype(LONG)}, shape, random)


@pytest.mark.parametrize("seed", range(10))
def test_gather_and_scatter_elements(seed: int) -> None:
    """By the definition: onnx's reference refuses indices that leave out some of the other axes."""
    random = np.random.default_rng(seed)
    shape = random_shape(random)
    axis, sizes = int(random.integers(len(shape))), [int(random.integers(1, size + 1)) for size in shape]
    order = np.argsort(random.random((*sizes[:axis], shape[axis], *sizes[axis + 1 :])), axis=axis)
    places = order.take(range(sizes[axis]), axis=axis).astype(LONG)
    x = random.normal(size=shape).astype(np.float32)
    gathered, scattered = np.empty(sizes, np.float32), x.copy()
    for index in np.ndindex(*sizes):
        other = (*index[:axis], places[index], *index[axis + 1 :])
        gathered[index] = x[other]
        scattered[other] = -x[other]
    nodes = [
        op("GatherElements", "x i", "g", axis=axis),
        op("Neg", "g", "u"),
        op("ScatterElements", "x i u", axis=axis),
    ]
    constants = {"i": places - shape[axis] * random.integers(0, 2, places.shape)}
    got = run(imported(model(nodes, constants, x=shape, outputs="g y")), x)
    np.testing.assert_array_equal(got[0], gathered)
    np.testing.assert_array_equal(got[1], scattered)


@pytest.mark.parametrize("batch_dims", [0, 1])
def test_gather_nd(batch_dims: int) -> None:
    random = np.random.default_rng(batch_dims)
    constants = {"i": random.integers(-2, 2, (2, 4, 2)).astype(LONG)}
    check([op("GatherND", "x i", batch_dims=batch_dims)], constants, (2, 2, 3, 2), random)


def test_scatter_nd() -> None:
    random = np.random.default_rng(2)
    constants = {"i": np.array([[[0, 1], [0, -1]]], LONG), "p": np.array([[[0, 0], [0, 2]]], LONG)}
    check([op("GatherND", "x p", "u"), op("ScatterND", "x i u")], constants, (1, 4, 3), random)


@pytest.mark.parametrize("mode", ["constant", "reflect", "edge", "wrap"])
@pytest.mark.parametrize("seed", range(6))
def test_pad(mode: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    shape = (1, *random.integers(3, 6, 2).tolist())
    low, high = ([0, *random.integers(0, 3, 2).tolist()] for _ in range(2))
    check([op("Pad", "x p", mode=mode)], {"p": np.array([*low, *high], LONG)}, shape, random, opset=19)
    parameters = {"p": np.array([*low[1:], *high[1:]], LONG), "a": np.array([-2, 2], LONG)}
    check([op("Pad", "x p - a", mode=mode)], parameters, shape, random, opset=19)


def test_pad_with_numbers_and_cuts() -> None:
    random = np.random.default_rng(0)
    pads = {"p": np.array([0, -1, 2, 0, 1, -3], LONG), "v": np.float32(7.5)}
    x = random.normal(size=(1, 4, 6)).astype(np.float32)
    want = np.pad(x[:, 1:, :3], ((0, 0), (0, 1), (2, 0)), constant_values=7.5)
    np.testing.assert_array_equal(run(imported(model([op("Pad", "x p v")], pads, x=(1, 4, 6))), x)[0], want)
    old = model([op("Pad", "x", pads=[0, -1, 2, 0, 1, -3], value=7.5)], x=(1, 4, 6), opset=6)
    np.testing.assert_array_equal(run(imported(old), x)[0], want)


def test_pads_that_are_padded_before_they_pad() -> None:
    """TensorFlow's SpaceToBatch gives the pads of two axes to all of them."""
    some, front, behind = np.array([[1, 2], [0, 3]], LONG), np.array([1, 0, 0, 0], LONG), np.array([-1], LONG)
    nodes = [op("Pad", "s f", "padded"), op("Transpose", "padded", "t"), op("Reshape", "t r", "p"), op("Pad", "x p")]
    check(nodes, {"s": some, "f": front, "r": behind}, (1, 3, 4), np.random.default_rng(0))


@pytest.mark.parametrize("seed", range(6))
def test_expand_and_tile(seed: int) -> None:
    random = np.random.default_rng(seed)
    shape = random_shape(random)
    repeats = np.array([1, *random.integers(1, 4, len(shape) - 1)], LONG)
    check([op("Tile", "x r")], {"r": repeats}, shape, random)
    target = np.array([2, 3, *(int(size) if random.integers(2) else 1 for size in shape)], LONG)
    check([op("Expand", "x t")], {"t": target}, shape, random)


@pytest.mark.parametrize("mode", ["DCR", "CRD"])
def test_depth_and_space(mode: str) -> None:
    random = np.random.default_rng(0)
    check([op("DepthToSpace", "x", blocksize=2, mode=mode)], {}, (1, 12, 2, 3), random)
    check([op("SpaceToDepth", "x", blocksize=2)], {}, (1, 3, 4, 6), random)
    x = random.normal(size=(1, 12, 2, 3)).astype(np.float32)
    old = model([op("DepthToSpace", "x", blocksize=2)], x=(1, 12, 2, 3), opset=9)
    new = model([op("DepthToSpace", "x", blocksize=2, mode="DCR")], x=(1, 12, 2, 3))
    np.testing.assert_array_equal(run(imported(old), x)[0], run(imported(new), x)[0])


OTHERS: dict[str, tuple[Any, dict[str, Any], tuple[int, ...]]] = {
    "reverse": (op("ReverseSequence", "x n", time_axis=1, batch_axis=2), {"n": np.array([1, 3, 2], LONG)}, (1, 4, 3)),
    "compress": (op("Compress", "x c", axis=1), {"c": np.array([True, False, True])}, (1, 4, 3)),
    "compress all": (op("Compress", "x c"), {"c": np.array([True, False, True])}, (1, 4, 3)),
    "upper": (op("Trilu", "x k"), {"k": np.array(1, LONG)}, (1, 4, 3)),
    "lower": (op("Trilu", "x", upper=0), {}, (1, 4, 3)),
    "center": (op("CenterCropPad", "x s", axes=[1, 2]), {"s": np.array([2, 6], LONG)}, (1, 4, 3)),
}


@pytest.mark.parametrize("name", OTHERS)
def test_picking(name: str) -> None:
    node, constants, shape = OTHERS[name]
    check([node], constants, shape, np.random.default_rng(0), opset=18)


def test_eye_like_is_a_constant() -> None:
    check([op("EyeLike", "x", "e", k=1), op("Add", "x e")], {}, (3, 4), np.random.default_rng(0))


def test_whole_tensors_need_no_op() -> None:
    nodes = [
        op("Slice", "x z big", "a"),
        op("Tile", "a ones", "b"),
        op("Expand", "b ones", "c"),
        op("Concat", "c", "d", axis=1),
        op("Pad", "d none"),
    ]
    constants = {
        "z": np.array([0], LONG),
        "big": np.array([99], LONG),
        "ones": np.ones(2, LONG),
        "none": np.zeros(4, LONG),
    }
    assert op_names(imported(model(nodes, constants))) == []


def ints(*numbers: int) -> np.ndarray:
    return np.array(numbers, LONG)


REFUSALS: dict[str, tuple[str, Callable[[], Any]]] = {
    "empty slice": (
        "the slice 9:10:1 of axis 1 is empty",
        lambda: one("Slice", "x s e a", s=ints(9), e=ints(10), a=ints(1)),
    ),
    "step 0": ("a step is 0", lambda: one("Slice", "x s e a t", s=ints(0), e=ints(2), a=ints(1), t=ints(0))),
    "slice lists": ("starts, ends, axes and steps do not fit", lambda: one("Slice", "x s e", s=ints(0), e=ints(2, 3))),
    "index": ("index 4 does not exist among 4", lambda: one("Gather", "x i", axis=1, i=ints(4))),
    "float indices": ("the indices are no integers", lambda: one("Gather", "x i", axis=1, i=np.float32([1]))),
    "computed indices": (
        "the indices 'x' is not a constant",
        lambda: model([op("Gather", "c x", axis=0)], {"c": np.ones(9, np.float32)}, x_type=TensorProto.INT64),
    ),
    "element indices": (
        "indices of shape [2, 5] do not fit [1, 4]",
        lambda: one("GatherElements", "x i", axis=1, i=np.zeros((2, 5), LONG)),
    ),
    "updates": (
        "updates of shape [1, 4] do not fit the indices",
        lambda: one("ScatterElements", "x i x", axis=1, i=np.zeros((1, 2), LONG)),
    ),
    "reduction": (
        "reduction 'add' is not supported",
        lambda: one("ScatterElements", "x i x", axis=1, reduction="add", i=np.zeros((1, 4), LONG), opset=18),
    ),
    "nd updates": ("do not fit data and updates", lambda: one("ScatterND", "x i x", i=np.zeros((1, 3), LONG))),
    "nd index": (
        "an index lies outside an axis of 4 elements",
        lambda: model(
            [op("Identity", "x", "z"), op("Slice", "z s e a", "u"), op("Squeeze", "u", "v"), op("ScatterND", "x i v")],
            {"i": np.array([0, 9], LONG), "s": ints(0), "e": ints(1), "a": ints(1)},
        ),
    ),
    "no evaluation": ("the node cannot be computed", lambda: one("GatherND", "x i", i=np.array([[9, 9]], LONG))),
    "nothing left": ("the result has no elements", lambda: one("Compress", "x c", c=np.array([False]))),
    "pads": ("3 pads do not fit 2 axes", lambda: one("Pad", "x p", p=ints(1, 2, 3))),
    "pad all away": ("leave nothing of shape [1, 4]", lambda: one("Pad", "x p", p=ints(0, -4, 0, 0))),
    "pad mode": ("mode 'mirror' is not supported", lambda: one("Pad", "x p", mode="mirror", p=ints(0, 1, 0, 0))),
    "reflect of one": ("axis 0 has no second element", lambda: one("Pad", "x p", mode="reflect", p=ints(1, 0, 0, 0))),
    "expand": ("cannot broadcast [1, 4] to [1, 3]", lambda: one("Expand", "x s", s=ints(1, 3))),
    "tile": ("repeats [2] do not fit shape [1, 4]", lambda: one("Tile", "x r", r=ints(2))),
    "split": (
        "cannot be split into 2 parts of sizes [1, 2]",
        lambda: model([op("Split", "x n", "y z", axis=1)], {"n": ints(1, 2)}),
    ),
    "block": ("blocksize 3 does not divide 4 channels", lambda: one("DepthToSpace", x=(1, 4, 2, 2), blocksize=3)),
    "blocks": (
        "blocksize 3 does not divide an image of 2 x 2",
        lambda: one("SpaceToDepth", x=(1, 4, 2, 2), blocksize=3),
    ),
    "block mode": ("mode 'RCD' is not supported", lambda: one("DepthToSpace", x=(1, 4, 2, 2), blocksize=2, mode="RCD")),
    "no image": ("the operand of shape [1, 4] is no image", lambda: one("DepthToSpace", blocksize=2)),
}


def one(op_type: str, inputs: str = "x", *, x: tuple[int, ...] = (1, 4), opset: int = 13, **more: Any) -> Any:
    constants = {name: value for name, value in more.items() if isinstance(value, np.ndarray)}
    attributes = {name: value for name, value in more.items() if name not in constants}
    return model([op(op_type, inputs, **attributes)], constants, x=x, opset=opset)


@pytest.mark.parametrize("case", REFUSALS)
def test_refusal(case: str) -> None:
    what, build = REFUSALS[case]
    check_refusal(what, build())
