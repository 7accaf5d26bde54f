# SPDX-License-Identifier: Apache-2.0
"""The dataflow units of the reference against plain sums, counts and quotients."""

from fractions import Fraction

import numpy as np
import pytest
from qopt_mlir.qdialect.attrs import RangeAttr
from qopt_mlir.qdialect.dataflow import (
    ArgMaxOp,
    FifoOp,
    FromStreamOp,
    MatrixVectorOp,
    RequantizeOp,
    StreamType,
    ThresholdOp,
    ToStreamOp,
    WidthConverterOp,
)
from qopt_mlir.qdialect.formats import IntRange, Rounding
from qopt_mlir.qdialect.rounding import round_fraction
from qopt_mlir.qdialect.types import BipolarType, FixedType, UFixedType, fixed_type
from xdsl.dialects.builtin import TensorType
from xdsl.ir import Attribute

from .helpers import compiled, constant, random_codes


@pytest.mark.parametrize("word_lengths", [(2, 3), (12, 14), (30, 30), (40, 60)], ids=str)
@pytest.mark.parametrize("vectors", [1, 3])
@pytest.mark.parametrize("with_bias", [False, True])
def test_matrix_vector(word_lengths: tuple[int, int], vectors: int, with_bias: bool) -> None:
    rng = np.random.default_rng(vectors)
    x_type, w_type = (FixedType(w, 0) for w in word_lengths)
    weights, bias = random_codes(rng, w_type, (4, 6)), random_codes(rng, w_type, (4,))
    frames = random_codes(rng, x_type, (5, vectors * 3, 2))
    accumulator = FixedType(sum(word_lengths) + 6, 0)
    plan = compiled(
        [StreamType(x_type, 2, vectors * 3)],
        lambda x: [
            MatrixVectorOp(
                x,
                constant(weights, w_type),
                accumulator,
                bias=constant(bias, w_type) if with_bias else None,
                pe=2,
                simd=2,
            ).result
        ],
    )
    expected = frames.astype(object).reshape(5, vectors, 6) @ weights.astype(object).T + (bias if with_bias else 0)
    assert plan.run_codes({0: frames})[0].tolist() == expected.reshape(5, vectors * 2, 2).tolist()


@pytest.mark.parametrize("channels", [1, 3, 6])
def test_threshold(channels: int) -> None:
    """The channel is the index in the frame modulo the rows of thresholds, whatever the lanes."""
    rng = np.random.default_rng(channels)
    thresholds = np.sort(rng.integers(-20, 20, (channels, 3)), axis=1)
    flags, codes = rng.integers(0, 2, channels), rng.integers(-16, 16, (7, 6, 2))
    plan = compiled(
        [StreamType(FixedType(5, 0), 2, 6)],
        lambda x: [
            ThresholdOp(
                x,
                constant(thresholds, FixedType(6, 0)),
                UFixedType(2, 0),
                0,
                descending=constant(flags, UFixedType(1, 0)),
                lanes=4,
            ).result
        ],
    )
    flat, channel = codes.reshape(7, 12), np.arange(12) % channels
    count = (flat[..., None] >= thresholds[channel]).sum(axis=-1)
    expected = np.where(flags[channel], 3 - count, count).reshape(7, 3, 4)
    assert np.array_equal(plan.run_codes({0: codes})[0], expected)


def test_threshold_to_bipolar() -> None:
    codes = np.arange(-4, 4).reshape(1, 8, 1)
    plan = compiled(
        [StreamType(FixedType(3, 0), 1, 8)],
        lambda x: [ThresholdOp(x, constant([[2]], FixedType(3, 0)), BipolarType(), -1).result],
    )
    assert plan.run_codes({0: codes})[0].reshape(-1).tolist() == [-1] * 6 + [1] * 2


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize(("word_length", "shift"), [(6, 0), (6, 3), (20, 9), (30, 40), (61, 12), (90, 80)])
@pytest.mark.parametrize("channels", [1, 2])
def test_requantize(rounding: Rounding, word_length: int, shift: int, channels: int) -> None:
    rng = np.random.default_rng(shift)
    x_type, constant_type = FixedType(word_length, 4), FixedType(word_length + 5, 0)
    codes = random_codes(rng, x_type, (20, 3, 2))
    multiplier = rng.integers(-9, 10, channels)
    addend = random_codes(rng, constant_type, (1,))
    clip = RangeAttr(-100, 90)
    plan = compiled(
        [StreamType(x_type, 2, 3)],
        lambda x: [
            RequantizeOp(
                x,
                constant(multiplier, FixedType(5, 0)),
                constant(addend, constant_type),
                FixedType(8, 1),
                shift=shift,
                clip=clip,
                rounding=rounding,
            ).result
        ],
    )
    sums = codes.astype(object).reshape(20, 6) * multiplier[np.arange(6) % channels] + int(addend[0])
    shifted = [[round_fraction(Fraction(int(v), 1 << shift), rounding) for v in row] for row in sums]
    expected = [[min(max(code, -100), 90) for code in row] for row in shifted]
    assert plan.run_codes({0: codes})[0].reshape(20, 6).tolist() == expected


@pytest.mark.parametrize("type_", [FixedType(3, 0), FixedType(80, 0), BipolarType()], ids=str)
def test_arg_max(type_: Attribute) -> None:
    rng = np.random.default_rng(1)
    codes = random_codes(rng, type_, (30, 4, 2))
    plan = compiled([StreamType(type_, 2, 4)], lambda x: [ArgMaxOp(x).result])
    expected = [max(range(8), key=lambda i: (row[i], -i)) for row in codes.reshape(30, 8)]
    assert plan.run_codes({0: codes})[0].reshape(30).tolist() == expected


def test_from_host_to_host() -> None:
    """send, regroup, buffer, receive: the elements in the same order."""
    codes = np.arange(48).reshape(2, 1, 4, 6)
    type_ = fixed_type(IntRange(0, 47))
    plan = compiled(
        [TensorType(type_, [1, 4, 6])],
        lambda x: [
            FromStreamOp(
                FifoOp(WidthConverterOp(ToStreamOp(x, 3).result, 8).result, 2).result, TensorType(type_, [24])
            ).result
        ],
    )
    assert np.array_equal(plan.run({0: codes})[0], codes.reshape(2, 24))
