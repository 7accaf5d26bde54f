# SPDX-License-Identifier: Apache-2.0
"""Resize and Upsample, against onnx's own reference over all modes."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from onnx.reference import ReferenceEvaluator

from .graphs import check_refusal, imported, model, op, op_names, reread, run

TRANSFORMATIONS = ["half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric"]
NEAREST = ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]
LONG = np.int64


def compare(
    node: Any, constants: dict[str, Any], shape: tuple[int, ...], opset: int = 19, like: Any | None = None
) -> None:
    """The node against what onnx makes of it, or of the node `like`, which means the same."""
    proto = model([node], constants, x=shape, opset=opset)
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    judged = model([node if like is None else like], constants, x=shape, opset=opset)
    want = ReferenceEvaluator(judged).run(None, {"x": x})[0]
    got = run(reread(imported(proto)), x)[0]
    assert got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("transformation", TRANSFORMATIONS)
@pytest.mark.parametrize("nearest", NEAREST)
@pytest.mark.parametrize("scales", [(2, 3), (1.5, 2.6), (0.5, 0.7), (1, 0.4)])
def test_nearest(scales: tuple[float, float], nearest: str, transformation: str) -> None:
    node = op("Resize", "x - s", coordinate_transformation_mode=transformation, nearest_mode=nearest)
    compare(node, {"s": np.array([1, 1, *scales], np.float32)}, (1, 2, 5, 7))


@pytest.mark.parametrize("transformation", TRANSFORMATIONS)
@pytest.mark.parametrize("mode", ["linear", "cubic"])
@pytest.mark.parametrize("antialias", [0, 1])
@pytest.mark.parametrize("exclude", [0, 1])
@pytest.mark.parametrize("scales", [(2, 3), (0.5, 0.7)])
def test_interpolation(
    scales: tuple[float, float], exclude: int, antialias: int, mode: str, transformation: str
) -> None:
    attributes = {"coordinate_transformation_mode": transformation, "antialias": antialias}
    node = op("Resize", "x - s", mode=mode, exclude_outside=exclude, **attributes)
    # older releases of onnx cannot compute this one; it is the same, as the pixel outside repeats the one at the edge
    is_same = exclude == 1 and mode == "linear" and antialias == 0
    like = op("Resize", "x - s", mode=mode, **attributes) if is_same else None
    compare(node, {"s": np.array([1, 1, *scales], np.float32)}, (1, 2, 5, 7), like=like)


@pytest.mark.parametrize("policy", ["stretch", "not_larger", "not_smaller"])
@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_sizes_of_some_axes(mode: str, policy: str) -> None:
    node = op("Resize", "x - - n", mode=mode, axes=[3, 2], keep_aspect_ratio_policy=policy)
    compare(node, {"n": np.array([9, 8], LONG)}, (1, 2, 5, 7))


@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
@pytest.mark.parametrize("roi", [(0.2, 0.1, 0.8, 0.9), (-0.2, 0.3, 0.6, 1.4)])
@pytest.mark.parametrize("size", [(4, 6), (1, 3)])
def test_crop_and_resize(size: tuple[int, int], roi: tuple[float, ...], mode: str) -> None:
    attributes = {"coordinate_transformation_mode": "tf_crop_and_resize", "extrapolation_value": 7.0}
    node = op("Resize", "x r - n", mode=mode, **attributes)
    regions = np.array([0, 0, *roi[:2], 1, 1, *roi[2:]], np.float32)
    compare(node, {"r": regions, "n": np.array([1, 2, *size], LONG)}, (1, 2, 5, 7), opset=13)


def test_other_axes_than_the_last() -> None:
    compare(op("Resize", "x - s", mode="linear"), {"s": np.array([1, 2, 2, 1], np.float32)}, (1, 3, 5, 2))


def test_whole_factors_copy_pixels() -> None:
    """Before opset 11 the element at or below the coordinate, above it where the axis shrinks."""
    x = np.arange(12, dtype=np.float32).reshape(1, 1, 3, 4)
    up = np.array([1, 1, 2, 3], np.float32)
    want = x.repeat(2, axis=2).repeat(3, axis=3)
    old = [
        model([op("Upsample", "x", scales=up.tolist(), mode="nearest")], x=x.shape, opset=7),
        model([op("Upsample", "x s")], {"s": up}, x=x.shape, opset=9),
        model([op("Resize", "x s")], {"s": up}, x=x.shape, opset=10),
    ]
    for proto in old:
        module = imported(proto)
        assert op_names(module) == ["gather", "gather"]
        np.testing.assert_array_equal(run(module, x)[0], want)
    down = model([op("Resize", "x s")], {"s": np.array([1, 1, 0.6, 0.6], np.float32)}, x=(1, 1, 2, 4), opset=10)
    picture = np.arange(1, 9, dtype=np.float32).reshape(1, 1, 2, 4)
    np.testing.assert_array_equal(run(imported(down), picture)[0], [[[[1, 3]]]])


def test_half_pixels_for_nearest_neighbours() -> None:
    node = op("Resize", "x r s", coordinate_transformation_mode="tf_half_pixel_for_nn", nearest_mode="floor")
    proto = model([node], {"r": np.ones(4, np.float32), "s": np.array([1, 0.5], np.float32)}, x=(1, 6), opset=11)
    assert run(imported(proto), np.arange(6, dtype=np.float32)[None])[0].tolist() == [[1.0, 3.0, 5.0]]


def test_doubling_with_short_numbers_stays_exact() -> None:
    """Weights of quarters are fixed-point constants: integers meet integers later on."""
    text = str(
        imported(model([op("Resize", "x - s", mode="linear")], {"s": np.float32([1, 1, 2])}, x=(1, 2, 4), opset=13))
    )
    assert "!q.ufixed<3, 2>" in text
    assert "8xf32>>" not in text


S = np.array([1, 2], np.float32)
REFUSALS: dict[str, tuple[str, Callable[[], Any]]] = {
    "mode": ("mode 'area' is not supported", lambda: one(s=S, mode="area")),
    "transformation": (
        "coordinate_transformation_mode 'x' is not",
        lambda: one(s=S, coordinate_transformation_mode="x"),
    ),
    "nearest mode": ("nearest_mode 'x' is not", lambda: one(s=S, nearest_mode="x")),
    "policy": (
        "keep_aspect_ratio_policy is 'x'",
        lambda: one("x - - n", n=np.array([1, 5]), keep_aspect_ratio_policy="x"),
    ),
    "neither": ("there have to be scales or sizes", lambda: one("x")),
    "count": ("do not fit 2 axes", lambda: one(s=np.array([1, 2, 3], np.float32))),
    "scale": ("the scales are [1.0, -2.0]", lambda: one(s=np.array([1, -2], np.float32))),
    "nothing": ("the result has the shape [1, 0]", lambda: one(s=np.array([1, 0.1], np.float32))),
}


def one(inputs: str = "x - s", **more: Any) -> Any:
    constants = {name: value for name, value in more.items() if isinstance(value, np.ndarray)}
    attributes = {name: value for name, value in more.items() if name not in constants}
    return model([op("Resize", inputs, **attributes)], constants, opset=19)


@pytest.mark.parametrize("case", REFUSALS)
def test_refusal(case: str) -> None:
    what, build = REFUSALS[case]
    check_refusal(what, build())
