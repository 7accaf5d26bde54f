# SPDX-License-Identifier: Apache-2.0
"""Quantisers as thresholds or multiply-shift: every output bit of random tails stays, for every accumulator value."""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from qopt_mlir.passes.lower_quantizers_to_thresholds import threshold_ops, thresholds_of
from qopt_mlir.passes.range_analysis import analyse
from qopt_mlir.passes.runner import parse_passes, run_passes
from qopt_mlir.passes.tail import recognise
from qopt_mlir.qdialect.attrs import DenseAttr
from qopt_mlir.qdialect.formats import IntRange, Rounding
from qopt_mlir.qdialect.q import (
    AddOp,
    BatchNormOp,
    ClipOp,
    ConstantOp,
    DivOp,
    MulOp,
    QuantizeOp,
    ReluOp,
    SubOp,
    ThresholdOp,
)
from qopt_mlir.qdialect.q.base import tensor
from qopt_mlir.qdialect.reference import compile_function
from qopt_mlir.qdialect.text import module_text, new_context, verify_module
from qopt_mlir.qdialect.types import BipolarType, FixedType, RealType, UFixedType, element_type, is_integer_type
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue

Check = Callable[[ModuleOp, str], ModuleOp]
PASSES = ["q-lower-quantizers-to-thresholds", "q-lower-quantizers-to-multiply-shift", "q-lower-quantizers"]
INPUTS = [FixedType(5, 0), UFixedType(4, 1), FixedType(6, 3), BipolarType(), FixedType(5, -2)]
OUTPUTS = [FixedType(2, 0), UFixedType(3, 0), FixedType(4, 2), UFixedType(1, 0), BipolarType(), FixedType(8, 0)]


class TailBuilder:
    """A random chain of elementwise ops behind an input of codes, in two channels, with a quantiser at its end."""

    def __init__(self, seed: int):
        self.random = random.Random(seed)
        self.block = Block(arg_types=[tensor(self.random.choice(INPUTS), (1, 2))])
        self.value: SSAValue = self.block.args[0]

    def constant(self, numbers: list[Fraction] | Fraction) -> SSAValue:
        array = np.array(numbers, dtype=object)
        op = ConstantOp(DenseAttr(array, tensor(RealType(), array.shape)))
        self.block.add_op(op)
        return op.result

    def numbers(self, nonzero: bool = False) -> SSAValue:
        def one() -> Fraction:
            top = self.random.choice([n for n in range(-6, 7) if n or not nonzero])
            return Fraction(top, self.random.choice([1, 2, 4, 8, 3, 7, 30]))

        return self.constant(one() if self.random.random() < 0.4 else [one(), one()])

    def add(self, op: Operation) -> None:
        self.block.add_op(op)
        self.value = op.results[0]

    def step(self) -> None:
        match self.random.randrange(8):
            case 0 | 1:
                self.add(AddOp(self.value, self.numbers()))
            case 2 | 3:
                self.add(MulOp(self.value, self.numbers()))
            case 4:
                swap = self.random.random() < 0.5
                self.add(SubOp(self.numbers(), self.value) if swap else SubOp(self.value, self.numbers()))
            case 5:
                self.add(DivOp(self.value, self.numbers(nonzero=True)))
            case 6:
                self.add(ReluOp(self.value))
            case _:
                self.add(self.random.choice([self.clip, self.batch_norm])())

    def clip(self) -> Operation:
        low, high = (self.constant(Fraction(self.random.randint(*ends), 2)) for ends in ((-9, 1), (-1, 9)))
        return ClipOp(self.value, low, high)

    def batch_norm(self) -> Operation:
        parameters = [self.constant([Fraction(self.random.randint(*e), 3) for _ in "ab"]) for e in ((-5, 5),) * 3]
        return BatchNormOp(self.value, *parameters, self.constant([Fraction(1, 4), Fraction(2)]), 1e-5, 1)

    def build(self) -> ModuleOp:
        for _ in range(self.random.randint(0, 4)):
            self.step()
        target: Attribute = self.random.choice(OUTPUTS)
        narrow = self.random.random() < 0.3 and not isinstance(target, BipolarType)
        self.add(QuantizeOp(self.value, target, self.random.choice(list(Rounding)), narrow=narrow))
        if self.random.random() < 0.5 and not isinstance(target, BipolarType):  # not at the function's end: may change
            self.add(MulOp(self.value, self.constant(Fraction(1, 3))))
        self.block.add_op(ReturnOp(self.value))
        module = ModuleOp([FuncOp("main", ([self.block.args[0].type], [self.value.type]), Region(self.block))])
        verify_module(module)
        return module


def every_code(module: ModuleOp) -> np.ndarray:
    """All pairs of input codes."""
    (argument,) = next(op for op in module.ops if isinstance(op, FuncOp)).args
    type_ = element_type(argument)
    assert is_integer_type(type_)
    range_: IntRange = type_.format.code_range  # pyright: ignore[reportAttributeAccessIssue]
    codes = np.array([-1, 1]) if isinstance(type_, BipolarType) else np.arange(range_.lo, range_.hi + 1)
    return np.stack([codes, codes[::-1]], axis=1)[:, None, :]


def outputs(module: ModuleOp, frames: np.ndarray) -> list[Fraction]:
    (result,) = compile_function(module).run_codes({0: frames})
    numbers = result.to_fractions() if hasattr(result, "to_fractions") else result  # pyright: ignore
    return np.asarray(numbers).reshape(-1).tolist()


@pytest.mark.parametrize("name", PASSES)
def test_every_code_gives_the_same_code(name: str) -> None:
    lowered = 0
    for seed in range(150):
        module = TailBuilder(seed).build()
        after, frames = module.clone(), every_code(module)
        run_passes(new_context(), after, parse_passes(name))
        assert outputs(module, frames) == outputs(after, frames), (seed, module_text(module), module_text(after))
        lowered += module_text(after) != module_text(module)
        again = after.clone()
        run_passes(new_context(), again, parse_passes(name))
        assert module_text(again) == module_text(after), seed
    assert lowered > 60, f"only {lowered} of 150 tails were lowered"


def test_thresholds_take_every_tail() -> None:
    """With enough levels allowed, no quantiser is left."""
    for seed in range(100):
        module = TailBuilder(seed).build()
        run_passes(new_context(), module, parse_passes("q-lower-quantizers-to-thresholds"))
        assert not any(isinstance(op, QuantizeOp) for op in module.walk()), (seed, module_text(module))


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("name", PASSES)
def test_networks_keep_every_bit(name: str, seed: int, typed: Callable[[int], ModuleOp], exact_pass: Check) -> None:
    exact_pass(typed(seed), f"q-infer-ranges,{name},q-infer-ranges")


@pytest.mark.parametrize("seed", range(25))
def test_streamlined_networks_keep_every_bit(seed: int, typed: Callable[[int], ModuleOp], exact_pass: Check) -> None:
    exact_pass(typed(seed), "q-streamline,q-infer-ranges,q-lower-quantizers,q-infer-ranges")


def test_no_threshold_is_useless() -> None:
    """Each column decides some reachable code, unless the result is constant."""
    for seed in range(60):
        module = TailBuilder(seed).build()
        ranges = analyse(module)
        op = next(op for op in module.walk() if isinstance(op, QuantizeOp))
        tail = recognise(op, ranges)
        thresholds = thresholds_of(tail)
        (*_, new) = threshold_ops(op, tail, thresholds)
        assert isinstance(new, ThresholdOp)
        low, high = tail.amin.min(), tail.amax.max()
        table = thresholds.table
        if table.shape[1] > 1:
            assert all(((low < column) & (column <= high)).any() for column in table.T)
