# SPDX-License-Identifier: Apache-2.0
"""Convolutions against their definition in Python integers, for all kinds of numbers, windows and block sizes."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from qopt_mlir.qdialect.formats import Overflow, Rounding
from qopt_mlir.qdialect.q import AddOp, ConvOp, ConvTransposeOp, MulOp, QuantizeOp
from qopt_mlir.qdialect.q.base import tensor
from qopt_mlir.qdialect.reference import products
from qopt_mlir.qdialect.reference.q import channels_last, convolution
from qopt_mlir.qdialect.types import BipolarType, FixedType, FloatType, UFixedType, element_type
from xdsl.dialects.builtin import Float32Type
from xdsl.ir import Attribute, SSAValue

from .helpers import compiled, constant, random_codes, values

F32 = Float32Type()
PAIRS: list[tuple[Attribute, Attribute]] = [
    (FixedType(4), FixedType(3)),
    (UFixedType(8, 3), FixedType(8, -2)),
    (BipolarType(), BipolarType()),
    (FixedType(24), FixedType(24)),  # float64 carries the sums
    (FixedType(32), UFixedType(24)),  # int64
    (UFixedType(60), FixedType(40, 7)),  # Python integers
    (FloatType(4, 3), FixedType(4)),
]


@dataclass(frozen=True)
class Case:
    """Shapes and attributes of a random convolution."""

    x: tuple[int, ...]
    w: tuple[int, ...]
    strides: tuple[int, ...]
    pads: tuple[int, ...]
    dilations: tuple[int, ...]
    groups: int
    more: tuple[int, ...] | None  # output padding of a transposed convolution

    def op(self, x: SSAValue, w: SSAValue) -> ConvOp | ConvTransposeOp:
        if self.more is None:
            return ConvOp(x, w, self.strides, self.pads, self.dilations, self.groups)
        return ConvTransposeOp(x, w, self.strides, self.pads, self.more, self.dilations, self.groups)


def random_case(rng: np.random.Generator, transposed: bool) -> Case:
    def numbers(low: int, high: int, count: int) -> tuple[int, ...]:
        return tuple(rng.integers(low, high + 1, count).tolist())

    rank, groups = int(rng.integers(1, 4)), int(rng.choice([1, 1, 2, 3]))
    ins, outs = (groups * int(rng.choice([1, 1, 2])) for _ in range(2))
    kernel, strides, dilations = numbers(1, 3, rank), numbers(1, 3, rank), numbers(1, 2, rank)
    size = tuple((k - 1) * d + 1 + int(rng.integers(0, 4)) for k, d in zip(kernel, dilations, strict=True))
    pads = numbers(0, 2, 2 * rank) if rng.random() < 0.6 else (0,) * 2 * rank
    w = (ins, outs // groups, *kernel) if transposed else (outs, ins // groups, *kernel)
    more = numbers(0, 1, rank) if transposed else None
    if transposed:  # something is left
        pads = tuple(min(p, (k - 1) * d // 2) for p, k, d in zip(pads, kernel * 2, dilations * 2, strict=True))
    return Case((int(rng.choice([1, 1, 2])), ins, *size), w, strides, pads, dilations, groups, more)


def definition(case: Case, x: np.ndarray, w: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The result by its definition: every tap of every position, on object arrays; x and w of one frame."""
    result = np.zeros(shape, dtype=object)
    rank = len(case.strides)
    steps = shape[2:] if case.more is None else x.shape[2:]
    sizes = x.shape[2:] if case.more is None else shape[2:]
    ins, outs = x.shape[1] // case.groups, shape[1] // case.groups
    for step in itertools.product(*map(range, steps)):
        for tap in itertools.product(*map(range, w.shape[2:])):
            place = [step[a] * case.strides[a] + tap[a] * case.dilations[a] - case.pads[a] for a in range(rank)]
            if any(not 0 <= at < size for at, size in zip(place, sizes, strict=True)):
                continue
            for group in range(case.groups):
                inputs, outputs = slice(group * ins, (group + 1) * ins), slice(group * outs, (group + 1) * outs)
                if case.more is None:
                    result[(slice(None), outputs, *step)] += (
                        x[(slice(None), inputs, *place)] @ w[(outputs, slice(None), *tap)].T
                    )
                else:
                    result[(slice(None), outputs, *place)] += (
                        x[(slice(None), inputs, *step)] @ w[(inputs, slice(None), *tap)]
                    )
    return result


def run(case: Case, types: tuple[Attribute, Attribute], rng: np.random.Generator, dynamic: str) -> tuple[Any, Any]:
    """Values of the reference, and by definition; `dynamic` says which operands are inputs."""
    frames = 3
    x = random_codes(rng, types[0], (frames, *case.x) if "x" in dynamic else case.x)
    w = random_codes(rng, types[1], (frames, *case.w) if "w" in dynamic else case.w)
    arguments = [
        tensor(type_, shape)
        for name, type_, shape in zip("xw", types, (case.x, case.w), strict=True)
        if name in dynamic
    ]
    found = list[Any]()

    def build(*given: SSAValue) -> list[SSAValue]:
        left = iter(given)
        operands = [
            next(left) if name in dynamic else constant(a, t) for name, a, t in zip("xw", (x, w), types, strict=True)
        ]
        found.append(case.op(*operands).result)
        return found

    plan = compiled(arguments, build)
    (got,) = plan.run_codes(dict(enumerate(array for name, array in zip("xw", (x, w), strict=True) if name in dynamic)))
    type_, shape = element_type(found[0]), found[0].type.get_shape()
    numbers = [values(array, t) for array, t in zip((x, w), types, strict=True)]
    pairs = [
        [a[frame] if name in dynamic else a for name, a in zip("xw", numbers, strict=True)] for frame in range(frames)
    ]
    return values(got, type_), np.stack([definition(case, *pair, shape) for pair in pairs])


@pytest.mark.parametrize("transposed", [False, True], ids=["conv", "conv_transpose"])
@pytest.mark.parametrize("types", PAIRS, ids=lambda pair: f"{pair[0]} {pair[1]}")
def test_exact(types: tuple[Attribute, Attribute], transposed: bool) -> None:
    rng = np.random.default_rng(PAIRS.index(types))
    for _ in range(12):
        got, expected = run(random_case(rng, transposed), types, rng, "x")
        assert (got == expected).all()


@pytest.mark.parametrize("transposed", [False, True], ids=["conv", "conv_transpose"])
@pytest.mark.parametrize("dynamic", ["xw", "w"])
def test_computed_weights(dynamic: str, transposed: bool) -> None:
    rng = np.random.default_rng(11)
    for _ in range(8):
        got, expected = run(random_case(rng, transposed), PAIRS[0], rng, dynamic)
        assert (got == expected).all()


@pytest.mark.parametrize("transposed", [False, True], ids=["conv", "conv_transpose"])
@pytest.mark.parametrize(
    "limits", [{"BLOCK_BYTES": 1}, {"BLOCK_BYTES": 300, "MOST_WASTE": 0, "FEW_CHANNELS_WASTE": 0}, {"MOST_WASTE": 99}]
)
def test_blocks_do_not_matter(limits: dict[str, int], transposed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, limit in limits.items():
        monkeypatch.setattr(convolution, name, limit)
    rng = np.random.default_rng(13)
    for _ in range(12):
        got, expected = run(random_case(rng, transposed), PAIRS[0], rng, "x")
        assert (got == expected).all()


@pytest.mark.parametrize("transposed", [False, True], ids=["conv", "conv_transpose"])
def test_float32(transposed: bool) -> None:
    rng = np.random.default_rng(17)
    for _ in range(10):
        case = random_case(rng, transposed)
        x, w = rng.normal(size=(2, *case.x)).astype(np.float32), rng.normal(size=case.w).astype(np.float32)
        found = list[Any]()

        def build(a: SSAValue, case: Case = case, w: np.ndarray = w, found: list[Any] = found) -> list[SSAValue]:
            found.append(case.op(a, constant(w, F32)).result)
            return found

        (got,) = compiled([tensor(F32, case.x)], build).run({0: x})
        exact = np.stack([definition(case, a.astype(object), w.astype(object), found[0].type.get_shape()) for a in x])
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, exact.astype(np.float64), rtol=0, atol=1e-5)


def test_the_accumulator_is_as_narrow_as_can_be() -> None:
    """Some input reaches both ends of the result's type, where the whole kernel fits on the image."""
    rng = np.random.default_rng(19)
    for _ in range(20):
        w = rng.integers(-4, 4, (2, 2, 2, 2))
        low, high = np.where(w < 0, 7, -8), np.where(w > 0, 7, -8)
        ends = []
        types = list[Any]()

        def build(a: SSAValue, w: np.ndarray = w, types: list[Any] = types) -> list[SSAValue]:
            op = ConvOp(a, constant(w, FixedType(4)), (1, 1), (0, 0, 0, 0), (1, 1))
            types.append(element_type(op.result).format.code_range)  # pyright: ignore[reportAttributeAccessIssue]
            return [op.result]

        plan = compiled([tensor(FixedType(4), (1, 2, 2, 2))], build)
        for corner in (low, high):
            (got,) = plan.run_codes({0: corner})
            ends += [int(got[channel, 0, channel, 0, 0]) for channel in range(2)]  # pyright: ignore
        width = types[0].hi.bit_length()
        assert max(max(ends), -min(ends) - 1).bit_length() == width


@pytest.mark.parametrize("limits", [(1, 32, 64, 3, 1), (300, 1, 1, 1, 1), (1 << 19, 32, 64, 1 << 13, 128)])
@pytest.mark.parametrize("types", PAIRS[:-1], ids=lambda pair: f"{pair[0]} {pair[1]}")
def test_channels_last(
    types: tuple[Attribute, Attribute], limits: Sequence[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same numbers as with channels first: dense, by rows, two columns in one, depthwise and grouped."""
    for name, limit in zip(["BLOCK_BYTES", "LEAST_RUN", "LEAST_ROWS", "RUN"], limits, strict=False):
        monkeypatch.setattr(channels_last, name, limit)
    monkeypatch.setattr(products, "LEAST_DEPTH", limits[-1])
    rng = np.random.default_rng(PAIRS.index(types))
    for _ in range(12):
        case = random_case(rng, transposed=False)
        x, w = random_codes(rng, types[0], (3, *case.x)), random_codes(rng, types[1], case.w)

        def first(a: SSAValue, case: Case = case, w: np.ndarray = w) -> list[SSAValue]:
            return [case.op(a, constant(w, types[1])).result]

        def last(a: SSAValue, case: Case = case, w: np.ndarray = w) -> list[SSAValue]:
            weights = constant(w, types[1])
            op = ConvOp(a, weights, case.strides, case.pads, case.dilations, case.groups, channels_last=True)
            return [op.result]

        moved = np.moveaxis(x, 2, -1)
        (expected,) = compiled([tensor(types[0], case.x)], first).run_codes({0: x})
        (got,) = compiled([tensor(types[0], moved.shape[1:])], last).run_codes({0: moved})
        assert isinstance(got, np.ndarray)
        assert isinstance(expected, np.ndarray)
        assert np.array_equal(np.moveaxis(got, -1, 2), expected)


def test_ranges_of_channels() -> None:
    """Every channel's range is reached, and none is left, through a convolution, a product, a sum and a rounding."""
    weights, factors, addends = np.array([[[3], [-2]], [[1], [0]]]), [5, -7], [-40, 9]

    def build(x: SSAValue) -> list[SSAValue]:
        sums = ConvOp(x, constant(weights, FixedType(3)), [1], [0, 0], [1], channels_last=True).result
        products = MulOp(sums, constant(factors, FixedType(4, 1))).result
        total = AddOp(products, constant(addends, FixedType(7, 1))).result
        return [QuantizeOp(total, FixedType(5, -1), Rounding.HALF_EVEN, Overflow.SATURATE).result]

    plan = compiled([tensor(UFixedType(2), (1, 1, 2))], build)
    inputs = np.array([[[pair]] for pair in itertools.product(range(4), repeat=2)])
    seen = list[tuple[np.ndarray, np.ndarray]]()

    def trace(_: Any, results: Any) -> None:
        codes = results[0].reshape(-1, 2)
        seen.append((codes.min(axis=0), codes.max(axis=0)))

    plan.run_codes({0: inputs}, trace)
    for step, (low, high) in zip(plan.steps, seen, strict=True):
        bounds = step.results[0].bounds
        assert bounds is not None
        assert step.op.name == "q.conv" or (bounds[0].tolist(), bounds[1].tolist()) == (low.tolist(), high.tolist())
        assert (bounds[0] <= low).all()
        assert (bounds[1] >= high).all()
    assert len(seen) == 4
