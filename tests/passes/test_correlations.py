# SPDX-License-Identifier: Apache-2.0
"""Ranges of values that are related: sound, never wider than intervals, exact where everything is linear."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest
from qopt_mlir.passes.check_ranges import check_ranges
from qopt_mlir.passes.correlations import Correlations
from qopt_mlir.passes.interval import Array, Interval
from qopt_mlir.passes.range_analysis import Ranges, analyse
from qopt_mlir.qdialect.attrs import DenseAttr
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.formats import IntRange, Rounding
from qopt_mlir.qdialect.q import (
    AddOp,
    ConcatOp,
    ConstantOp,
    ConvOp,
    MatMulOp,
    MulOp,
    QuantizeOp,
    ReluOp,
    ReshapeOp,
    SubOp,
    ThresholdOp,
    TransposeOp,
)
from qopt_mlir.qdialect.q.base import tensor
from qopt_mlir.qdialect.reference import ExactReal, compile_function
from qopt_mlir.qdialect.text import module_text, parse_module, verify_module
from qopt_mlir.qdialect.types import (
    FixedType,
    RealType,
    UFixedType,
    element_type,
    fixed_type,
    is_integer_type,
    shape_of,
)
from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, ModuleOp, StringAttr
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue


class Residual:
    """A random network of small codes in which branches part and meet, on values of one shape."""

    def __init__(self, seed: int, shape: tuple[int, ...], bits: int):
        self.random = random.Random(seed)
        self.block = Block(arg_types=[tensor(FixedType(bits, 0), shape)])
        self.shape = shape
        self.values: list[SSAValue] = [self.block.args[0]]

    def add(self, op: Operation) -> SSAValue:
        self.block.add_op(op)
        return op.results[0]

    def constant(self, array: Any, type_: Attribute) -> SSAValue:
        array = np.asarray(array, dtype=object)
        return self.add(ConstantOp(DenseAttr(array, tensor(type_, array.shape))))

    def codes(self, shape: Sequence[int], low: int = -2, high: int = 2) -> SSAValue:
        numbers = [self.random.randint(low, high) for _ in range(int(np.prod(shape)))]
        return self.constant(np.array(numbers).reshape(shape), fixed_type(IntRange(low, high), 0))

    def real(self) -> SSAValue:
        shape = self.random.choice([(), (self.shape[-1],)])
        numbers = np.empty(shape, dtype=object)
        numbers.reshape(-1)[:] = [
            Fraction(self.random.choice([-3, -1, 1, 2]), self.random.choice([2, 3, 4])) for _ in range(numbers.size)
        ]
        return self.constant(numbers, RealType())

    def step(self, x: SSAValue) -> SSAValue:
        """A value of the same shape."""
        names = ["linear", "linear", "scale", "offset", "relu", "threshold", "moved", "padded"]
        return getattr(self, self.random.choice(names))(x)

    def linear(self, x: SSAValue) -> SSAValue:
        if len(self.shape) == 4:
            depthwise = self.random.random() < 0.3
            channels = self.shape[1]
            weights = self.codes((channels, 1 if depthwise else channels, 3, 3))
            conv = ConvOp(x, weights, [1, 1], [1, 1, 1, 1], [1, 1], channels if depthwise else 1)
            return self.add(conv)
        return self.add(MatMulOp(x, self.codes((self.shape[-1],) * 2)))

    def scale(self, x: SSAValue) -> SSAValue:
        scaled = self.add(MulOp(x, self.real()))
        return self.quantized(scaled)

    def quantized(self, x: SSAValue) -> SSAValue:
        type_ = self.random.choice([FixedType(8, 0), FixedType(4, 0), UFixedType(3, 0), FixedType(6, 1)])
        rounding = self.random.choice(list(Rounding))
        return self.add(QuantizeOp(x, type_, rounding, narrow=self.random.random() < 0.5))

    def offset(self, x: SSAValue) -> SSAValue:
        return self.add(AddOp(x, self.codes(self.random.choice([(), (self.shape[-1],)]))))

    def relu(self, x: SSAValue) -> SSAValue:
        return self.add(ReluOp(x))

    def threshold(self, x: SSAValue) -> SSAValue:
        if not is_integer_type(element_type(x)):
            return self.quantized(x)
        axis = self.random.randrange(len(self.shape))
        rows, count = self.random.choice([1, self.shape[axis]]), self.random.choice([1, 3, 7])
        table = np.array([sorted(self.random.randint(-20, 20) for _ in range(count)) for _ in range(rows)])
        thresholds = self.constant(table, FixedType(6, 0))
        falls = self.codes((rows,), 0, 1) if self.random.random() < 0.3 else None
        base = self.random.choice([0, -count // 2])
        type_ = fixed_type(IntRange(base, base + count), 0)
        return self.add(ThresholdOp(x, thresholds, type_, base, axis=axis, descending=falls))

    def moved(self, x: SSAValue) -> SSAValue:
        order = list(range(len(self.shape)))
        order[-1], order[-2] = order[-2], order[-1]
        return self.add(ReshapeOp(self.add(TransposeOp(x, order)), self.shape))

    def padded(self, x: SSAValue) -> SSAValue:
        """Both halves of a value, in another order."""
        return self.add(ReshapeOp(self.add(ConcatOp([x], 1)), self.shape))

    def join(self, x: SSAValue, y: SSAValue) -> SSAValue:
        return self.add(self.random.choice([AddOp, AddOp, SubOp])(x, y))

    def grow(self, steps: int) -> ModuleOp:
        for _ in range(steps):
            if len(self.values) > 1 and self.random.random() < 0.4:
                self.values.append(self.join(*(self.random.choice(self.values[-4:]) for _ in range(2))))
            else:
                self.values.append(self.step(self.random.choice(self.values[-3:])))
        value = self.values[-1]
        self.block.add_op(ReturnOp(value))
        names = [ArrayAttr([DictionaryAttr({"q.name": StringAttr(name)})]) for name in ("x", "y")]
        types = ([self.block.args[0].type], [value.type])
        module = ModuleOp([FuncOp("main", types, Region(self.block), arg_attrs=names[0], res_attrs=names[1])])
        verify_module(module)
        return module


def network(seed: int) -> tuple[ModuleOp, Array]:
    """A network, and frames of its input: all there are, or random ones and corners."""
    if seed % 3 == 0:
        frames = np.array(list(product(range(-2, 2), repeat=4))).reshape(-1, 2, 2)
        return Residual(seed, (2, 2), 2).grow(7), frames
    shape = (2, 4) if seed % 3 == 1 else (1, 2, 2, 3)
    generator = np.random.default_rng(seed)
    noise = generator.integers(-8, 8, size=(60, *shape))
    corners = np.where(generator.random((60, *shape)) < 0.5, -8, 7)
    return Residual(seed, shape, 4).grow(7), np.concatenate([noise, corners])


def intervals_only(module: ModuleOp) -> Ranges:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Correlations, "tightened", lambda self, op, found: found)
        return analyse(module)


def ends(x: Interval, value: SSAValue) -> tuple[Array, Array]:
    """Bounds as numbers, one for each element."""
    lo, hi = (np.broadcast_to(bound, shape_of(value) or 1).astype(object) * x.scale for bound in (x.lo, x.hi))
    return lo, hi


@pytest.mark.parametrize("part", range(8))
def test_no_value_leaves_its_range_and_none_is_wider_than_its_interval(part: int) -> None:
    narrower = compared = 0
    for seed in range(part * 40, part * 40 + 40):
        module, frames = network(seed)
        ranges, alone = analyse(module), intervals_only(module)

        def trace(op: Operation, results: Sequence[Any], ranges: Ranges = ranges, module: ModuleOp = module) -> None:
            nonlocal compared
            for value, numbers in zip(op.results, results, strict=True):
                known = ranges[value]
                scale = numbers.scale if isinstance(numbers, ExactReal) else known.scale
                codes = numbers.numerators if isinstance(numbers, ExactReal) else numbers
                lo, hi = ends(known, value)
                least, most = (end.astype(object) * scale for end in (codes.min(axis=0), codes.max(axis=0)))
                assert (np.asarray(least) >= lo).all(), (op.name, module_text(module))
                assert (np.asarray(most) <= hi).all(), (op.name, module_text(module))
                compared += 1

        compile_function(module).run_codes({0: frames}, trace)
        for value, found in ranges.items():
            (lo, hi), (wide_lo, wide_hi) = ends(found, value), ends(alone[value], value)
            assert (lo >= wide_lo).all()
            assert (hi <= wide_hi).all()
            narrower += bool((lo > wide_lo).any() or (hi < wide_hi).any())
    assert compared > 250
    assert narrower > 10


def returned(text: str) -> tuple[list[int], list[int]]:
    """The codes that the returned value can have, by element."""
    module = parse_module(text, "test")
    function = next(op for op in module.ops if isinstance(op, FuncOp))
    last = function.body.block.last_op
    assert last is not None
    value, shape = last.operands[0], shape_of(last.operands[0])
    found = analyse(module)[value]
    return tuple(np.broadcast_to(bound, shape).ravel().tolist() for bound in (found.lo, found.hi))  # pyright: ignore


MATRIX = """
!x = tensor<1x2x!q.fixed<4, 0>>
!m = tensor<2x2x!q.fixed<3, 0>>
!y = tensor<1x2x!q.fixed<9, 0>>
func.func @main(%x: !x) -> !y {{
  %w = q.constant #q.dense<{0} : tensor<2x2x!q.fixed<3, 0>>>
  %a = q.matmul %x, %w : !x, !m -> tensor<1x2x!q.fixed<7, 0>>
  {1}
  func.return %y : !y
}}"""


@pytest.mark.parametrize(
    ("weights", "ops", "expected"),
    [
        ("[[-1, 0], [0, -1]]", "%y = q.add %x, %a : !x, tensor<1x2x!q.fixed<7, 0>> -> !y", ([0, 0], [0, 0])),
        ("[[1, 0], [0, 1]]", "%y = q.sub %a, %x : tensor<1x2x!q.fixed<7, 0>>, !x -> !y", ([0, 0], [0, 0])),
        ("[[-1, 1], [2, -1]]", "%y = q.add %x, %a : !x, tensor<1x2x!q.fixed<7, 0>> -> !y", ([-16, -8], [14, 7])),
        ("[[1, 1], [1, -1]]", "%y = q.matmul %a, %w : tensor<1x2x!q.fixed<7, 0>>, !m -> !y", ([-16, -16], [14, 14])),
        (
            "[[-1, 0], [0, 1]]",
            "%r = q.relu %a : tensor<1x2x!q.fixed<7, 0>> -> tensor<1x2x!q.ufixed<6, 0>>\n"
            "%y = q.sub %r, %a : tensor<1x2x!q.ufixed<6, 0>>, tensor<1x2x!q.fixed<7, 0>> -> !y",
            ([-4, -3], [7, 8]),  # alone: from -8 and -7 to 15
        ),
    ],
    ids=["cancels", "identity", "rows", "chain", "relu"],
)
def test_related_operands(weights: str, ops: str, expected: tuple[list[int], list[int]]) -> None:
    assert returned(MATRIX.format(weights, ops)) == expected


def test_a_convolution_meets_its_input() -> None:
    """The middle tap takes the input away; one neighbour is left, none at the border."""
    found = returned("""
!x = tensor<1x1x3x!q.ufixed<4, 0>>
func.func @main(%x: !x) -> tensor<1x1x3x!q.fixed<7, 0>> {
  %w = q.constant #q.dense<[[[2, -1, 0]]] : tensor<1x1x3x!q.fixed<3, 0>>>
  %a = q.conv %x, %w strides [1] pads [1, 1] dilations [1] groups 1
      : !x, tensor<1x1x3x!q.fixed<3, 0>> -> tensor<1x1x3x!q.fixed<7, 0>>
  %y = q.add %x, %a range <-15, 45> : !x, tensor<1x1x3x!q.fixed<7, 0>> -> tensor<1x1x3x!q.fixed<7, 0>>
  func.return %y : tensor<1x1x3x!q.fixed<7, 0>>
}""")
    assert found == ([0, 0, 0], [30, 30, 30])


def test_rounding_is_a_symbol_of_its_own() -> None:
    """What rounding takes away is at most half a quantum, as often as it is used."""
    found = returned("""
!x = tensor<1x1x!q.fixed<8, 0>>
!r = tensor<1x1x!q.fixed<6, -2>>
func.func @main(%x: !x) -> tensor<1x1x!q.fixed<9, 0>> {
  %r = q.quantize %x floor saturate : !x -> !r
  %y = q.sub %x, %r : !x, !r -> tensor<1x1x!q.fixed<9, 0>>
  func.return %y : tensor<1x1x!q.fixed<9, 0>>
}""")
    assert found == ([0], [3])


def test_the_hardware_proves_what_the_network_proves(
    run_passes: Callable[[ModuleOp, str], ModuleOp],
) -> None:
    """Ranges of branches that meet follow at the dataflow level, where other ops stand for the same values."""
    narrower = built = 0
    for seed in range(60):
        module, _ = network(seed)
        try:
            typed = run_passes(module, "q-to-typed")
            dataflow = run_passes(typed, "q-to-dataflow")
        except QoptError:
            continue
        check_ranges(dataflow)
        built += 1
        ranges, alone = analyse(dataflow), intervals_only(dataflow)
        narrower += any(ranges[value].hull != alone[value].hull for value in ranges)
    assert built >= 10
    assert narrower >= 3
