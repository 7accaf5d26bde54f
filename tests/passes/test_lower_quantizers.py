# SPDX-License-Identifier: Apache-2.0
"""Quantisers as thresholds or multiply-shift: every output bit of random tails stays, for every accumulator value."""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from qopt_mlir.passes import lower_quantizers_to_thresholds
from qopt_mlir.passes.lower_quantizers_to_thresholds import thresholds_of
from qopt_mlir.passes.multiply_shift_math import MultiplyShift
from qopt_mlir.passes.quantizer_cost import multiply_shift_area, thresholds_area
from qopt_mlir.passes.range_analysis import analyse
from qopt_mlir.passes.remarks import collected_remarks
from qopt_mlir.passes.runner import parse_passes, run_passes
from qopt_mlir.passes.tail import recognise
from qopt_mlir.passes.threshold_math import Thresholds
from qopt_mlir.qdialect.attrs import DenseAttr
from qopt_mlir.qdialect.formats import IntRange, Rounding
from qopt_mlir.qdialect.q import (
    AddOp,
    BatchNormOp,
    ClipOp,
    ConstantOp,
    DivOp,
    MaxOp,
    MinOp,
    MulOp,
    QuantizeOp,
    ReluOp,
    SubOp,
    ThresholdOp,
)
from qopt_mlir.qdialect.q.base import tensor
from qopt_mlir.qdialect.reference import compile_function
from qopt_mlir.qdialect.text import module_text, new_context, parse_module, verify_module
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
        scale, bias, mean = (self.constant([Fraction(self.random.randint(-5, 5), 3) for _ in "ab"]) for _ in range(3))
        return BatchNormOp(self.value, scale, bias, mean, self.constant([Fraction(1, 4), Fraction(2)]), 1e-5, 1)

    def build(self) -> ModuleOp:
        for _ in range(self.random.randint(0, 4)):
            self.step()
        if self.random.random() < 0.3:  # a zero point added to codes, or something near to that
            self.add(QuantizeOp(self.value, FixedType(5, 0), self.random.choice(list(Rounding))))
            self.add(
                AddOp(self.value, self.constant(Fraction(self.random.randint(-12, 12), self.random.choice([1, 1, 2]))))
            )
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
    """No column counts for all reachable codes of all channels, or for none, unless the result is constant."""
    compared = 0
    for seed in range(100):
        module = TailBuilder(seed).build()
        op = [op for op in module.walk() if isinstance(op, QuantizeOp)][-1]
        tail = recognise(op, analyse(module))
        thresholds = thresholds_of(tail)
        if thresholds.table.shape[1] > 1 and not thresholds.descending.any():
            compared += 1
            assert not (thresholds.table <= tail.amin[:, None]).all(axis=0).any()
            assert not (thresholds.table > tail.amax[:, None]).all(axis=0).any()
    assert compared > 20


def test_remarks_say_why_a_quantiser_is_left() -> None:
    text = """
    func.func @main(%a: tensor<2x2x!q.fixed<9, 0>>) -> (tensor<2x2x!q.fixed<2, 0>>, tensor<2x2x!q.fixed<8, 0>>) {
      %s = q.constant #q.dense<[["1/2", "1/3"], ["1/5", "1/7"]] : tensor<2x2x!q.real>>
      %0 = q.mul %a, %s : tensor<2x2x!q.fixed<9, 0>>, tensor<2x2x!q.real> -> tensor<2x2x!q.real>
      %y = q.quantize %0 floor saturate : tensor<2x2x!q.real> -> tensor<2x2x!q.fixed<2, 0>> loc("Quant_1")
      %w = q.quantize %a floor wrap : tensor<2x2x!q.fixed<9, 0>> -> tensor<2x2x!q.fixed<2, 0>> loc("Quant_2")
      %z = q.quantize %a floor saturate : tensor<2x2x!q.fixed<9, 0>> -> tensor<2x2x!q.fixed<8, 0>> loc("Quant_3")
      func.return %y, %z : tensor<2x2x!q.fixed<2, 0>>, tensor<2x2x!q.fixed<8, 0>>
    }"""
    module = parse_module(text, "net.mlir")
    with collected_remarks() as remarks:
        run_passes(new_context(), module, parse_passes("q-lower-quantizers-to-thresholds{max-levels=100}"))
    told = "\n".join(remarks)
    assert "quantiser is left as it is: no integer value feeds it: a constant differs along more than one axis" in told
    assert "quantiser is left as it is: it wraps, and no count of thresholds does" in told
    assert "quantiser is left as it is: it has 255 thresholds, the limit is 100" in told
    assert all(name in told for name in ("Quant_1", "Quant_2", "Quant_3"))


def test_a_zero_point_becomes_part_of_the_quantiser() -> None:
    """Round, add 96, saturate: one requantiser or one set of thresholds, ties to even of the first rounding kept."""
    text = """
    func.func @main(%a: tensor<1x2x!q.fixed<12, 2>>) -> tensor<1x2x!q.fixed<8, 0>> {
      %zero = q.constant #q.dense<96 : tensor<!q.ufixed<7, 0>>>
      %0 = q.quantize %a half_even saturate : tensor<1x2x!q.fixed<12, 2>> -> tensor<1x2x!q.fixed<9, 0>>
      %1 = q.add %0, %zero : tensor<1x2x!q.fixed<9, 0>>, tensor<!q.ufixed<7, 0>> -> tensor<1x2x!q.fixed<10, 0>>
      %y = q.quantize %1 half_even saturate : tensor<1x2x!q.fixed<10, 0>> -> tensor<1x2x!q.fixed<8, 0>>
      func.return %y : tensor<1x2x!q.fixed<8, 0>>
    }"""
    for name in PASSES:
        module = parse_module(text, "net.mlir")
        after = module.clone()
        run_passes(new_context(), after, parse_passes(name))
        assert sum(isinstance(op, QuantizeOp | ThresholdOp) for op in after.walk()) == 1, name
        assert outputs(module, every_code(module)) == outputs(after, every_code(module))


def test_estimates_prefer_thresholds_for_few_bits() -> None:
    """Per-channel constants, a 16-bit accumulator: thresholds up to 4 bits, multiply-shift for 8."""
    preferred = {}
    for bits in range(1, 9):
        table = np.zeros((64, 2**bits - 1), dtype=object)
        thresholds = Thresholds(table, np.zeros(64, dtype=bool), 0)
        addend = np.full(64, 1 << 16, dtype=object)
        form = MultiplyShift(np.full(64, (4 << bits) - 1, dtype=object), addend, 16)
        preferred[bits] = thresholds_area(thresholds, 16, bits) <= multiply_shift_area(form, 16, bits)
    assert [bits for bits, few in preferred.items() if few] == [1, 2, 3, 4]


@pytest.mark.parametrize("swapped", [False, True])
def test_extremes_with_constants_are_clips(swapped: bool, exact_pass: Callable[[ModuleOp, str], ModuleOp]) -> None:
    operands = "%six, %1 : tensor<!q.real>, tensor<1x2x!q.real>"
    operands = operands if swapped else "%1, %six : tensor<1x2x!q.real>, tensor<!q.real>"
    text = f"""\
func.func @main(%x: tensor<1x2x!q.fixed<12, 0>>) -> tensor<1x2x!q.fixed<4, 0>> {{
  %s = q.constant #q.dense<["1/100", "-1/70"] : tensor<2x!q.real>>
  %six = q.constant #q.dense<"6" : tensor<!q.real>>
  %least = q.constant #q.dense<["-3/2", "1"] : tensor<2x!q.real>>
  %0 = q.mul %x, %s : tensor<1x2x!q.fixed<12, 0>>, tensor<2x!q.real> -> tensor<1x2x!q.real>
  %1 = q.max %0, %least : tensor<1x2x!q.real>, tensor<2x!q.real> -> tensor<1x2x!q.real>
  %2 = q.min {operands} -> tensor<1x2x!q.real>
  %y = q.quantize %2 half_even saturate : tensor<1x2x!q.real> -> tensor<1x2x!q.fixed<4, 0>>
  func.return %y : tensor<1x2x!q.fixed<4, 0>>
}}
"""
    after = exact_pass(parse_module(text, "net.mlir"), "q-lower-quantizers")
    assert not any(isinstance(op, MaxOp | MinOp) for op in after.walk())


def test_channels_in_parts_have_the_same_constants(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thresholds that are too many at once are found for one channel at a time; nothing else changes."""
    x, y = "tensor<1x3x!q.fixed<18, 0>>", "tensor<1x3x!q.fixed<13, 0>>"
    text = f"""
func.func @main(%x: {x}) -> {y} {{
  %s = q.constant #q.dense<["1/31", "2/57", "-1/29"] : tensor<3x!q.real>>
  %a = q.mul %x, %s : {x}, tensor<3x!q.real> -> tensor<1x3x!q.real>
  %y = q.quantize %a half_even saturate : tensor<1x3x!q.real> -> {y}
  func.return %y : {y}
}}"""
    texts = list[str]()
    for limit in (1 << 22, 1 << 13, 1 << 12):
        monkeypatch.setattr(lower_quantizers_to_thresholds, "MAX_FOUND", limit)
        module = parse_module(text, "many.mlir")
        run_passes(new_context(), module, parse_passes("q-lower-quantizers"))
        texts.append(module_text(module))
    assert texts[0] == texts[1]
    assert "!q.real" not in texts[0]
    assert "!q.real" in texts[2], "more levels than that are not looked for"
