# SPDX-License-Identifier: Apache-2.0
"""Arg-max, top-k, shape ops, batch normalisation and the float functions."""

from fractions import Fraction

import numpy as np
import pytest
from qopt_mlir.qdialect.affine import batch_norm_affine
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.q import (
    ArgMaxOp,
    BatchNormOp,
    MulOp,
    ReshapeOp,
    SigmoidOp,
    SoftmaxOp,
    TanhOp,
    TopKOp,
    TransposeOp,
)
from qopt_mlir.qdialect.types import FixedType, FloatType
from xdsl.dialects.builtin import TensorType, f32
from xdsl.ir import Attribute, SSAValue

from .helpers import compiled, constant, random_codes, real_constant, values

TYPES = [FixedType(3, 0), FixedType(80, 3), FloatType(4, 3, specials="fn"), FloatType(15, 60)]


@pytest.mark.parametrize("type_", TYPES, ids=str)
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_arg_max_and_top_k(type_: Attribute, axis: int) -> None:
    """Ties are frequent, and take the lowest index."""
    rng = np.random.default_rng(axis)
    codes = random_codes(rng, type_, (7, 2, 5, 3))
    x = values(codes, type_)
    shape = [2, 5, 3]
    plan = compiled([TensorType(type_, shape)], lambda x: [ArgMaxOp(x, axis).result, ArgMaxOp(x, axis, True).result])
    best, kept = plan.run_codes({0: codes})
    rows = np.moveaxis(x, axis + 1, -1)
    expected = np.array([max(range(len(r)), key=lambda i: (r[i], -i)) for r in rows.reshape(-1, rows.shape[-1])])
    assert np.array_equal(best, expected.reshape(rows.shape[:-1]))
    assert np.array_equal(kept, np.expand_dims(best, axis + 1))
    for largest in (True, False):
        plan = compiled([TensorType(type_, shape)], lambda x, up=largest: list(TopKOp(x, 2, axis, up).results))
        found, places = plan.run_codes({0: codes})
        sign = -1 if largest else 1
        order = [sorted(range(len(r)), key=lambda i: (sign * r[i], i))[:2] for r in rows.reshape(-1, rows.shape[-1])]
        ranking = np.moveaxis(np.array(order).reshape(*rows.shape[:-1], 2), -1, axis + 1)
        assert np.array_equal(places, ranking)
        assert np.array_equal(found, np.take_along_axis(codes, ranking, axis=axis + 1))


def test_reshape_and_transpose_keep_frames() -> None:
    codes = np.arange(-24, 24).reshape(2, 2, 3, 4)
    plan = compiled(
        [TensorType(FixedType(8, 0), [2, 3, 4])],
        lambda x: [ReshapeOp(TransposeOp(x, [2, 0, 1]).result, [4, 6]).result],
    )
    assert np.array_equal(plan.run({0: codes})[0], codes.transpose(0, 3, 1, 2).reshape(2, 4, 6))


def parameters(rng: np.random.Generator, channels: int) -> list[np.ndarray]:
    scale, bias, mean = (rng.normal(size=channels).astype(np.float32) for _ in range(3))
    return [scale, bias, mean, rng.uniform(0.1, 9, channels).astype(np.float32)]


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_batch_norm_float32(axis: int) -> None:
    """The order of onnxruntime: reciprocal root, products and sums, each rounded to float32."""
    rng = np.random.default_rng(axis)
    shape = (2, 3, 4)
    scale, bias, mean, variance = parameters(rng, shape[axis])
    x = rng.normal(size=(5, *shape)).astype(np.float32)
    plan = compiled(
        [TensorType(f32, shape)],
        lambda x: [BatchNormOp(x, *(constant(p, f32) for p in (scale, bias, mean, variance)), 1e-3, axis).result],
    )
    factor = (np.float32(1) / np.sqrt(variance + np.float32(1e-3))) * scale
    column = (-1,) + (1,) * (2 - axis)
    assert np.array_equal(plan.run({0: x})[0], x * factor.reshape(column) + (bias - mean * factor).reshape(column))


def third(x: SSAValue) -> SSAValue:
    return MulOp(x, real_constant(Fraction(1, 3))).result


def test_batch_norm_exact() -> None:
    rng = np.random.default_rng(3)
    given = parameters(rng, 4)
    codes = rng.integers(-50, 50, (6, 1, 4))
    plan = compiled(
        [TensorType(FixedType(7, 2), [1, 4])],
        lambda x: [BatchNormOp(third(x), *(constant(p, f32) for p in given), 1e-3, 1).result],
    )
    factor, offset = batch_norm_affine(*given, float(np.float32(1e-3)))
    expected = values(codes, FixedType(7, 2)) / 3 * factor + offset
    assert (plan.run_codes({0: codes})[0].to_fractions() == expected).all()
    nearest = np.vectorize(float)(expected)
    assert np.allclose(plan.run_codes({0: codes})[0].to_float64(), nearest, rtol=1e-15)


def test_batch_norm_refuses_negative_variance() -> None:
    with pytest.raises(QoptError, match=r"variance \+ epsilon > 0"):
        compiled(
            [TensorType(FixedType(7, 2), [1, 1])],
            lambda x: [BatchNormOp(x, *[constant(np.float32([-1]), f32)] * 4, 1e-3, 1).result],
        )


def test_float_functions() -> None:
    rng = np.random.default_rng(4)
    x = (rng.normal(size=(6, 3, 5)) * 20).astype(np.float32)
    x[0, 0, 0] = -120
    plan = compiled(
        [TensorType(f32, [3, 5])],
        lambda x: [SoftmaxOp(x, 0).result, SoftmaxOp(x, 1).result, SigmoidOp(x).result, TanhOp(x).result],
    )
    wide = x.astype(np.float64)
    results = plan.run({0: x})
    for axis in (1, 2):
        powers = np.exp(wide - wide.max(axis=axis, keepdims=True))
        assert np.allclose(results[axis - 1], powers / powers.sum(axis=axis, keepdims=True), atol=1e-6)
    assert np.allclose(results[2], 1 / (1 + np.exp(-wide)), atol=1e-6)
    assert np.allclose(results[3], np.tanh(wide), atol=1e-6)
    assert all(result.dtype == np.float32 for result in results)
