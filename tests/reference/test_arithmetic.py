# SPDX-License-Identifier: Apache-2.0
"""Elementwise and matrix arithmetic of the reference against Fractions, on random types, shapes and codes."""

from fractions import Fraction

import numpy as np
import pytest
from qopt_mlir.qdialect.q import AddOp, ClipOp, DivOp, MatMulOp, MulOp, ReluOp, SubOp
from qopt_mlir.qdialect.reference import compile_function
from qopt_mlir.qdialect.text import parse_module
from qopt_mlir.qdialect.types import BipolarType, FixedType, FloatType, UFixedType
from xdsl.dialects.builtin import TensorType, f32
from xdsl.ir import SSAValue

from .helpers import compiled, constant, random_codes, real_constant, values

FRAMES = 3
TYPES = [
    FixedType(8, 0),
    FixedType(3, -2),
    UFixedType(5, 3),
    BipolarType(),
    FixedType(26, 9),  # past float32
    UFixedType(50, 4),  # past float32, products past float64
    FixedType(62, 1),  # sums reach int64's end
    FixedType(90, 40),  # past int64
    FloatType(4, 3, specials="fn"),
]
SHAPES = [((2, 3), (2, 3)), ((2, 3), (3,)), ((3,), (2, 3)), ((2, 1), (1, 3)), ((2, 3), ()), ((), (4,))]
OPS = {AddOp: np.add, SubOp: np.subtract, MulOp: np.multiply}


def framed(array: np.ndarray, rank: int) -> np.ndarray:
    """[N, *shape] with axes put in so that numpy broadcasts the shapes, not the frames."""
    return array.reshape(len(array), *(1,) * (rank - array.ndim + 1), *array.shape[1:])


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
@pytest.mark.parametrize("seed", range(40))
def test_binary(op: type, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a_type, b_type = (TYPES[i] for i in rng.integers(0, len(TYPES), 2))
    a_shape, b_shape = SHAPES[rng.integers(0, len(SHAPES))]
    a, b = random_codes(rng, a_type, (FRAMES, *a_shape)), random_codes(rng, b_type, (FRAMES, *b_shape))
    types = [TensorType(a_type, a_shape), TensorType(b_type, b_shape)]
    rank = max(len(a_shape), len(b_shape))
    x, y = framed(values(a, a_type), rank), framed(values(b, b_type), rank)

    plan = compiled(types, lambda x, y: [op(x, y).result])
    assert_exact(plan.run_codes({0: a, 1: b})[0], plan, OPS[op](x, y), seed)
    plan = compiled(types[:1], lambda x: [op(x, constant(b[0], b_type)).result])
    assert_exact(plan.run_codes({0: a})[0], plan, OPS[op](x, y[:1]), seed)
    plan = compiled(types[1:], lambda y: [op(constant(a[0], a_type), y).result])
    assert_exact(plan.run_codes({0: b})[0], plan, OPS[op](x[:1], y), seed)
    plan = compiled([], lambda: [op(constant(a[0], a_type), constant(b[0], b_type)).result])
    assert_exact(plan.run_codes({})[0], plan, OPS[op](x[:1], y[:1]), seed)


def assert_exact(codes: object, plan: object, expected: np.ndarray, seed: int) -> None:
    got = values(codes, plan.outputs[0].numbers.element_type)
    assert got.shape == expected.shape, f"seed {seed}"
    assert (got == expected).all(), f"seed {seed}"


@pytest.mark.parametrize("type_", TYPES, ids=str)
def test_same_operand_twice(type_: object) -> None:
    rng = np.random.default_rng(1)
    a = random_codes(rng, type_, (FRAMES, 5))
    for op, ufunc in OPS.items():
        plan = compiled([TensorType(type_, [5])], lambda x, op=op: [op(x, x).result])
        assert_exact(plan.run_codes({0: a})[0], plan, ufunc(values(a, type_), values(a, type_)), 1)


@pytest.mark.parametrize("type_", TYPES, ids=str)
def test_real_scale_and_offset(type_: object) -> None:
    """x * s / d + t with fractions, of one value and of one a channel."""
    rng = np.random.default_rng(2)
    a = random_codes(rng, type_, (FRAMES, 2, 3))
    x = values(a, type_)
    scales = [Fraction(1, 3), Fraction(-22, 7), Fraction(0)], [Fraction(5)] * 3, [Fraction(1, 1 << 90)] * 3
    for scale in scales:
        plan = compiled(
            [TensorType(type_, [2, 3])],
            lambda x, s=scale: [
                AddOp(
                    DivOp(MulOp(x, real_constant(s)).result, real_constant([3, -7, 11])).result, real_constant(s)
                ).result
            ],
        )
        s = np.array(scale, dtype=object)
        assert_exact(plan.run_codes({0: a})[0], plan, x * s / np.array([3, -7, 11], dtype=object) + s, 2)


def divided(x: SSAValue) -> SSAValue:
    return DivOp(x, real_constant([3, -7, 11])).result


def test_division_of_integers_is_real() -> None:
    a = np.arange(-8, 8).reshape(2, 8)
    plan = compiled(
        [TensorType(FixedType(4, 1), [8])],
        lambda x: [DivOp(x, constant([1, 2, 3, -3, 7, 1, 1, 1], FixedType(4, 0))).result],
    )
    divisor = np.array([Fraction(d) for d in (1, 2, 3, -3, 7, 1, 1, 1)], dtype=object)
    assert_exact(plan.run_codes({0: a})[0], plan, values(a, FixedType(4, 1)) / divisor, 0)


@pytest.mark.parametrize("type_", TYPES, ids=str)
def test_relu_and_clip(type_: object) -> None:
    rng = np.random.default_rng(3)
    a = random_codes(rng, type_, (FRAMES, 6))
    x, zero = values(a, type_), Fraction(0)
    plan = compiled([TensorType(type_, [6])], lambda x: [ReluOp(x).result])
    assert_exact(plan.run_codes({0: a})[0], plan, np.maximum(x, zero), 3)
    bounds = (
        [Fraction(-5, 3)] * 6,
        [Fraction(9, 4), Fraction(0), Fraction(1), Fraction(10**30), Fraction(2), Fraction(-2)],
    )
    plan = compiled([TensorType(type_, [6])], lambda x: [ClipOp(x, *(real_constant(b) for b in bounds)).result])
    low, high = (np.array(b, dtype=object) for b in bounds)
    assert_exact(plan.run_codes({0: a})[0], plan, np.minimum(np.maximum(x, low), high), 3)


def test_clip_to_computed_bounds() -> None:
    rng = np.random.default_rng(4)
    types = [TensorType(FixedType(6, f), [4]) for f in (0, 2, 3)]
    a, b, c = (random_codes(rng, t.element_type, (FRAMES, 4)) for t in types)
    x, y, z = (values(v, t.element_type) for v, t in zip((a, b, c), types, strict=True))
    plan = compiled(types, lambda x, y, z: [ClipOp(x, y, z).result])
    assert_exact(plan.run_codes({0: a, 1: b, 2: c})[0], plan, np.minimum(np.maximum(x, y), z), 4)
    plan = compiled(types[:2], lambda x, y: [ClipOp(x, y, real_constant(Fraction(1, 3))).result])
    assert_exact(plan.run_codes({0: a, 1: b})[0], plan, np.minimum(np.maximum(x, y), Fraction(1, 3)), 4)
    plan = compiled(types[:2], lambda x, z: [ClipOp(x, real_constant(Fraction(1, 3)), z).result])
    assert_exact(plan.run_codes({0: a, 1: b})[0], plan, np.minimum(np.maximum(x, Fraction(1, 3)), y), 4)


MATRICES = [
    ((4, 5), (5, 3)),
    ((1, 5), (5, 1)),
    ((5,), (5, 3)),
    ((4, 5), (5,)),
    ((5,), (5,)),
    ((2, 4, 5), (5, 3)),
    ((2, 4, 5), (2, 5, 3)),
    ((4, 5), (2, 5, 3)),
    ((2, 1, 4, 5), (3, 5, 2)),
    ((5,), (2, 5, 3)),
    ((2, 4, 5), (5,)),
]


@pytest.mark.parametrize("shapes", MATRICES, ids=str)
@pytest.mark.parametrize("seed", range(8))
def test_matmul(shapes: tuple[tuple[int, ...], tuple[int, ...]], seed: int) -> None:
    rng = np.random.default_rng(seed)
    a_type, b_type = (TYPES[i] for i in rng.integers(0, len(TYPES), 2))
    a, b = (random_codes(rng, t, (FRAMES, *s)) for t, s in zip((a_type, b_type), shapes, strict=True))
    types = [TensorType(a_type, shapes[0]), TensorType(b_type, shapes[1])]
    x, y = values(a, a_type), values(b, b_type)
    plan = compiled(types, lambda x, y: [MatMulOp(x, y).result])
    assert_exact(plan.run_codes({0: a, 1: b})[0], plan, products(x, y), seed)
    plan = compiled(types[:1], lambda x: [MatMulOp(x, constant(b[0], b_type)).result])
    assert_exact(plan.run_codes({0: a})[0], plan, products(x, [y[0]] * FRAMES), seed)
    plan = compiled(types[1:], lambda y: [MatMulOp(constant(a[0], a_type), y).result])
    assert_exact(plan.run_codes({0: b})[0], plan, products([x[0]] * FRAMES, y), seed)
    plan = compiled([], lambda: [MatMulOp(constant(a[0], a_type), constant(b[0], b_type)).result])
    assert_exact(plan.run_codes({})[0], plan, products(x[:1], y[:1]), seed)


def products(x: object, y: object) -> np.ndarray:
    return np.array([np.asarray(a @ b, dtype=object) for a, b in zip(x, y, strict=True)], dtype=object)


@pytest.mark.parametrize(("word_length", "fits"), [(11, "float32"), (24, "float64"), (26, "int64"), (33, "object")])
def test_matmul_at_the_ends_of_each_carrier(word_length: int, fits: str) -> None:
    """All codes extreme: the sum that float32, float64 and int64 must still hold exactly."""
    type_ = FixedType(word_length, 0)
    depth = 8 if word_length < 26 else 1 << 12
    low, high = type_.format.code_range.lo, type_.format.code_range.hi
    weights = np.full((depth, 2), low)
    weights[:, 1] = high
    plan = compiled([TensorType(type_, [1, depth])], lambda x: [MatMulOp(x, constant(weights, type_)).result])
    assert plan.steps[0].results[0].dtype == np.dtype(fits)
    rows = np.array([[low] * depth, [high] * depth, [low, high] * (depth // 2)])
    expected = rows.astype(object) @ weights.astype(object)
    assert plan.run_codes({0: rows})[0].reshape(3, 2).tolist() == expected.tolist()


@pytest.mark.parametrize("op", [AddOp, SubOp, MulOp, DivOp], ids=lambda op: op.name)
def test_float32_arithmetic(op: type) -> None:
    """In f32 each op is numpy's float32 op; fixed operands enter as their float32 values."""
    rng = np.random.default_rng(5)
    ufunc = {**OPS, DivOp: np.divide}[op]
    x = rng.normal(size=(FRAMES, 2, 3)).astype(np.float32)
    y = (rng.normal(size=(FRAMES, 3)) + 3).astype(np.float32)
    tensors = [TensorType(f32, [2, 3]), TensorType(f32, [3])]
    got = compiled(tensors, lambda x, y: [op(x, y).result]).run({0: x, 1: y})[0]
    assert got.dtype == np.float32
    assert np.array_equal(got, ufunc(x, y[:, None]))
    got = compiled(tensors[:1], lambda x: [op(x, constant(y[0], f32)).result]).run({0: x})[0]
    assert np.array_equal(got, ufunc(x, y[0]))
    for type_ in (FixedType(8, 3), BipolarType(), FixedType(40, 2), FixedType(80, 20)):
        codes = random_codes(rng, type_, (FRAMES, 2, 3))
        as_float = np.vectorize(lambda v: np.float32(v.numerator / v.denominator))(values(codes, type_))
        got = compiled([TensorType(type_, [2, 3])], lambda x: [op(x, constant(y[0], f32)).result]).run_codes({0: codes})
        assert np.array_equal(got[0], ufunc(as_float, y[0]))


def test_integers_round_once_to_float32() -> None:
    """2^80 + 2^56 + 1 lies just above a tie of float32: rounding to float64 first would fall on the tie."""
    codes = np.array([(1 << 80) + (1 << 56) + 1, -(1 << 80) - (1 << 56) - 1, (1 << 80) + (1 << 56)], dtype=object)
    one = np.float32(1)
    plan = compiled([TensorType(FixedType(90, 0), [3])], lambda x: [MulOp(x, constant(one, f32)).result])
    above = np.float32(2.0**80 + 2.0**57)
    assert plan.run_codes({0: codes})[0].tolist() == [[above, -above, np.float32(2.0**80)]]


def test_real_from_float32_is_exact() -> None:
    x = np.array([[1e-45, -3.5, 3e38, 0.1]], dtype=np.float32)
    plan = compiled([TensorType(f32, [4])], lambda x: [AddOp(x, real_constant(Fraction(1, 3))).result])
    assert (plan.run_codes({0: x})[0].to_fractions() == values(x, f32) + Fraction(1, 3)).all()


def test_matmul_float32_by_fixed_weights() -> None:
    """f32 by fixed weights is a float32 product of their values."""
    rng = np.random.default_rng(6)
    x, w = rng.normal(size=(FRAMES, 3, 4)).astype(np.float32), rng.integers(-3, 4, (4, 5))
    plan = compiled([TensorType(f32, [3, 4])], lambda x: [MatMulOp(x, constant(w, FixedType(3, 1))).result])
    assert np.allclose(plan.run({0: x})[0], x.astype(np.float64) @ (w / 2), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("huge", ["1e12", "1e25", "1e45"])
@pytest.mark.parametrize("tiny", ["1", "1e-15", "1e-40"])
@pytest.mark.parametrize("rounding", ["half_even", "floor"])
def test_zeros_of_a_huge_scale(huge: str, tiny: str, rounding: str) -> None:
    """Factors between scales may be more than the integers' dtype holds, where all integers are zero."""
    huge, tiny = (str(Fraction(number)) for number in (huge, tiny))
    text = f"""
    func.func @main(%x: tensor<1x2x!q.fixed<4, 0>>) -> (tensor<1x1x!q.fixed<4, 0>>, tensor<1x1x!q.fixed<4, 0>>) {{
      %w = q.constant #q.dense<[[0], [0]] : tensor<2x1x!q.fixed<2, 0>>>
      %s = q.constant #q.dense<"{huge}" : tensor<!q.real>>
      %t = q.constant #q.dense<"{tiny}" : tensor<!q.real>>
      %0 = q.matmul %x, %w : tensor<1x2x!q.fixed<4, 0>>, tensor<2x1x!q.fixed<2, 0>> -> tensor<1x1x!q.ufixed<1, 0>>
      %1 = q.mul %0, %s : tensor<1x1x!q.ufixed<1, 0>>, tensor<!q.real> -> tensor<1x1x!q.real>
      %2 = q.add %1, %t : tensor<1x1x!q.real>, tensor<!q.real> -> tensor<1x1x!q.real>
      %y = q.quantize %1 {rounding} saturate : tensor<1x1x!q.real> -> tensor<1x1x!q.fixed<4, 0>>
      %z = q.quantize %2 {rounding} saturate : tensor<1x1x!q.real> -> tensor<1x1x!q.fixed<4, 0>>
      func.return %y, %z : tensor<1x1x!q.fixed<4, 0>>, tensor<1x1x!q.fixed<4, 0>>
    }}"""
    y, z = compile_function(parse_module(text, "zeros.mlir"), "main").run({0: np.ones((3, 1, 2))})
    assert (y.tolist(), z.tolist()) == ([[[0]]] * 3, [[[round(Fraction(tiny))]]] * 3)
