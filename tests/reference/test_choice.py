# SPDX-License-Identifier: Apache-2.0
"""q.max, q.min, q.clip, q.prelu, q.compare, q.select against Fractions: every pair of types, constants on any side."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from qopt_mlir.qdialect.q import (
    ClipOp,
    CompareOp,
    ErfOp,
    FloatFunctionOp,
    LogOp,
    MaxOp,
    MinOp,
    PowOp,
    Predicate,
    PReluOp,
    SelectOp,
)
from qopt_mlir.qdialect.q.logic import TRUTH
from qopt_mlir.qdialect.reference import compile_function
from qopt_mlir.qdialect.reference.q.functions import FUNCTIONS
from qopt_mlir.qdialect.types import BipolarType, FixedType, FloatType, UFixedType
from xdsl.dialects.builtin import ModuleOp, TensorType, f32

from .helpers import compiled, constant, function, random_codes, real_constant, values

FRAMES = 3
TYPES = [
    FixedType(8, 0),
    FixedType(3, -2),
    UFixedType(5, 3),
    UFixedType(5, 7),
    BipolarType(),
    FixedType(62, 1),
    FixedType(90, 40),
    FloatType(4, 3, specials="fn"),
]
LESS = np.frompyfunc(lambda a, b: Fraction(a < b), 2, 1)
LESS_EQUAL = np.frompyfunc(lambda a, b: Fraction(a <= b), 2, 1)
EQUAL = np.frompyfunc(lambda a, b: Fraction(a == b), 2, 1)
OPS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "max": (MaxOp, np.maximum),
    "min": (MinOp, np.minimum),
    "prelu": (PReluOp, lambda x, s: np.where(x > 0, x, x * s)),
    "less": (lambda a, b: CompareOp(Predicate.LESS, a, b), LESS),
    "less_equal": (lambda a, b: CompareOp(Predicate.LESS_EQUAL, a, b), LESS_EQUAL),
    "equal": (lambda a, b: CompareOp(Predicate.EQUAL, a, b), EQUAL),
}


def check(plan: Any, given: Sequence[np.ndarray], want: np.ndarray, note: object) -> None:
    got = plan.run_codes(dict(enumerate(given)))[0]
    got = values(got, plan.outputs[0].numbers.element_type)
    assert got.shape == want.shape, note
    assert (got == want).all(), note


@pytest.mark.parametrize("name", OPS)
@pytest.mark.parametrize("seed", range(30))
def test_two_operands(name: str, seed: int) -> None:
    op, meaning = OPS[name]
    rng = np.random.default_rng(seed)
    a_type, b_type = (TYPES[i] for i in rng.integers(0, len(TYPES), 2))
    a = random_codes(rng, a_type, (FRAMES, 2, 3))
    b = random_codes(rng, b_type, (FRAMES, 3))
    types = [TensorType(a_type, [2, 3]), TensorType(b_type, [3])]
    x, y = values(a, a_type), values(b, b_type)[:, None]
    note = (seed, str(a_type), str(b_type))
    check(compiled(types, lambda x, y: [op(x, y).result]), [a, b], meaning(x, y), note)
    check(compiled(types[:1], lambda x: [op(x, constant(b[0], b_type)).result]), [a], meaning(x, y[:1]), note)
    check(compiled(types[1:], lambda y: [op(constant(a[0], a_type), y).result]), [b], meaning(x[:1], y), note)
    both = compiled([], lambda: [op(constant(a[0], a_type), constant(b[0], b_type)).result])
    check(both, [], meaning(x[:1], y[:1]), note)
    third = np.full(3, Fraction(1, 3))
    with_real = compiled(types[:1], lambda x: [op(x, real_constant(third)).result])
    check(with_real, [a], meaning(x, third), note)


@pytest.mark.parametrize("seed", range(30))
def test_select(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a_type, b_type = (TYPES[i] for i in rng.integers(0, len(TYPES), 2))
    a, b = random_codes(rng, a_type, (FRAMES, 2, 3)), random_codes(rng, b_type, (FRAMES, 3))
    c = rng.integers(0, 2, (FRAMES, 2, 1))
    types = [TensorType(TRUTH, [2, 1]), TensorType(a_type, [2, 3]), TensorType(b_type, [3])]
    x, y = values(a, a_type), values(b, b_type)[:, None]
    check(compiled(types, lambda c, x, y: [SelectOp(c, x, y).result]), [c, a, b], np.where(c, x, y), seed)
    known = compiled(types[1:], lambda x, y: [SelectOp(constant(c[0], TRUTH), x, y).result])
    check(known, [a, b], np.where(c[:1], x, y), seed)
    half = compiled(types[:2], lambda c, x: [SelectOp(c, x, constant(b[0], b_type)).result])
    check(half, [c, a], np.where(c, x, y[:1]), seed)


@pytest.mark.parametrize("type_", TYPES, ids=str)
def test_clip_of_integers(type_: Any) -> None:
    rng = np.random.default_rng(0)
    a, bounds = random_codes(rng, type_, (FRAMES, 4)), random_codes(rng, type_, (2, 4))
    x, (low, high) = values(a, type_), values(bounds, type_)
    want = np.minimum(np.maximum(x, low), high)
    args = [TensorType(type_, [4])]
    check(compiled(args, lambda x: [ClipOp(x, *(constant(b, type_) for b in bounds)).result]), [a], want, type_)
    given = [a, *(np.broadcast_to(b, a.shape) for b in bounds)]
    check(compiled(args * 3, lambda x, low, high: [ClipOp(x, low, high).result]), given, want, type_)


def test_nan_in_float32() -> None:
    """It is neither less, equal nor chosen; extremes and leaky units keep it."""
    x = np.array([[np.inf, -1.5, 2, -np.inf]], np.float32)
    args = [TensorType(f32, [4])]

    def results(x: Any) -> list[Any]:
        log = LogOp(x).result
        zero = constant(np.zeros((), np.float32), f32)
        return [
            MaxOp(log, zero).result,
            PReluOp(log, constant(np.float32(0.5), f32)).result,
            CompareOp(Predicate.EQUAL, log, log).result,
            CompareOp(Predicate.LESS_EQUAL, log, log).result,
        ]

    module = ModuleOp([function(args, results)])
    largest, leaky, equal, below = (r[0] for r in compile_function(module).run({0: x}))
    np.testing.assert_array_equal(np.isnan(largest), [False, True, False, True])
    np.testing.assert_array_equal(np.isnan(leaky), [False, True, False, True])
    np.testing.assert_array_equal(equal, [1, 0, 1, 0])
    np.testing.assert_array_equal(below, [1, 0, 1, 0])


SPANS = {"q.log": (0.1, 9), "q.sqrt": (0, 9), "q.asin": (-1, 1), "q.acos": (-1, 1), "q.acosh": (1, 9)}
SPANS["q.atanh"] = (-0.9, 0.9)
OTHERS: dict[str, Callable[[Any], Any]] = {
    "q.sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "q.softplus": lambda x: np.log1p(np.exp(x)),
    "q.round": np.round,
    "q.asin": np.arcsin,
    "q.acos": np.arccos,
    "q.atan": np.arctan,
    "q.asinh": np.arcsinh,
    "q.acosh": np.arccosh,
    "q.atanh": np.arctanh,
}


@pytest.mark.parametrize("op", [op for op in FUNCTIONS if op is not ErfOp], ids=lambda op: op.name)
def test_float_function(op: type[FloatFunctionOp]) -> None:
    """float64 rounded, within two units in the last place."""
    x = np.linspace(*SPANS.get(op.name, (-4, 4)), 101, dtype=np.float32)[None]
    want = OTHERS.get(op.name, getattr(np, op.name[2:], None))(x.astype(np.float64))  # pyright: ignore
    got = compiled([TensorType(f32, [101])], lambda x: [op(x).result]).run({0: x})[0]
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, want, rtol=3e-7, atol=3e-7)


def test_erf_and_pow() -> None:
    x = np.array([[0, 0.5, -1, 6]], np.float32)
    got = compiled([TensorType(f32, [4])], lambda x: [ErfOp(x).result]).run({0: x})[0]
    np.testing.assert_allclose(got, [[0, 0.5204998778, -0.8427007929, 1]], rtol=1e-7)
    y = np.array([[2, 2, -1, 0.5]], np.float32)
    got = compiled([TensorType(f32, [4])] * 2, lambda x, y: [PowOp(x, y).result]).run({0: x, 1: y})[0]
    np.testing.assert_allclose(got, [[0, 0.25, -1, 6**0.5]], rtol=1e-7)
