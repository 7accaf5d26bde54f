# SPDX-License-Identifier: Apache-2.0
"""Scales are chosen such that no codes meet half-way between two codes of a result."""

from __future__ import annotations

import random
from fractions import Fraction
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from qopt_mlir.passes.calibration.choosing import next_scale, prime_scale, short_scale, tieless_scale
from qopt_mlir.passes.calibration.folding import constant_array
from qopt_mlir.passes.calibration.ties import CodeSum, avoid_ties, has_tie, scale_in_front
from qopt_mlir.passes.join_math import Join, integer_join
from qopt_mlir.passes.rewriting import function_named
from qopt_mlir.passes.word_lengths.variables import find_variables, with_bits
from qopt_mlir.qdialect.formats import IntRange, Rounding
from qopt_mlir.qdialect.q import ConcatOp, ConstantOp, QuantizeOp
from qopt_mlir.qdialect.text import parse_module
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp

from .networks import Array, Builder, frames_for, quantised

RULES = 'layers "*" {{ weight = fixed<4>; activation = fixed<{bits}> {words} }}'
UPPER, LOWER = float.fromhex("0x1.4d3e0bp-4"), float.fromhex("0x1.a2c5b3p-4")  # scales of two branches

JOIN = """
func.func @main(%x: tensor<1x4xf32>, %y: tensor<1x4xf32>) -> tensor<1x4xf32> {{
  %s = q.constant #q.dense<{upper} : tensor<f32>>
  %t = q.constant #q.dense<{lower} : tensor<f32>>
  %r = q.constant #q.dense<{result} : tensor<f32>>
  %0 = q.div %x, %s : tensor<1x4xf32>, tensor<f32> -> tensor<1x4xf32>
  %1 = q.quantize %0 half_even saturate : tensor<1x4xf32> -> tensor<1x4x!q.fixed<8, 0>>
  %2 = q.mul %1, %s : tensor<1x4x!q.fixed<8, 0>>, tensor<f32> -> tensor<1x4xf32>
  %3 = q.div %y, %t : tensor<1x4xf32>, tensor<f32> -> tensor<1x4xf32>
  %4 = q.quantize %3 half_even saturate : tensor<1x4xf32> -> tensor<1x4x!q.fixed<8, 0>>
  %5 = q.mul %4, %t : tensor<1x4x!q.fixed<8, 0>>, tensor<f32> -> tensor<1x4xf32>
  %6 = q.add %2, %5 : tensor<1x4xf32>, tensor<1x4xf32> -> tensor<1x4xf32>
  %7 = q.div %6, %r : tensor<1x4xf32>, tensor<f32> -> tensor<1x4xf32>
  %8 = q.quantize %7 half_even saturate : tensor<1x4xf32> -> tensor<1x4x!q.fixed<8, 0>>
  %9 = q.mul %8, %r : tensor<1x4x!q.fixed<8, 0>>, tensor<f32> -> tensor<1x4xf32>
  return %9 : tensor<1x4xf32>
}}
"""


def main_of(module: ModuleOp) -> FuncOp:
    main = function_named(module, "main")
    assert main is not None
    return main


def quantizers(module: ModuleOp) -> list[tuple[QuantizeOp, ConstantOp]]:
    """Those with a scale, and the scale."""
    ops = [op for op in main_of(module).body.block.ops if isinstance(op, QuantizeOp)]
    return [(op, scale) for op in ops if (scale := scale_in_front(op)) is not None]


@pytest.mark.parametrize("seed", range(40))
def test_ties_are_those_of_all_pairs(seed: int) -> None:
    rng = random.Random(seed)
    slopes = [Fraction(rng.randint(-40, 40), rng.choice((3, 8, 12, 30))) for _ in range(rng.choice((1, 2)))]
    ranges = [IntRange(low, low + rng.randint(0, 9)) for low in (rng.randint(-9, 9) for _ in slopes)]
    offset = Fraction(rng.randint(-9, 9), rng.choice((1, 1, 4, 5)))
    sums = [
        sum(slope * code for slope, code in zip(slopes, codes, strict=True)) + offset
        for codes in product(*(range(one.lo, one.hi + 1) for one in ranges))
    ]
    found = CodeSum(tuple(zip(slopes, ranges, strict=True)), offset).has_tie()
    assert found == any((2 * number).denominator == 1 and number.denominator == 2 for number in sums)


def test_a_long_chain_of_sums_is_followed_once() -> None:
    """Of sums of sums no tie is known; following both sides of each would never end."""
    ops, value, bits = ["%0 = q.quantize %x floor saturate : tensor<2xf32> -> tensor<2x!q.fixed<4, 0>>"], "%0", 4
    for number in range(64):
        old, new = (f"tensor<2x!q.fixed<{size}, 0>>" for size in (bits, bits + 1))
        ops.append(f"%s{number} = q.add {value}, {value} : {old}, {old} -> {new}")
        value, bits = f"%s{number}", bits + 1
    last = "tensor<2x!q.fixed<4, 0>>"
    ops.append(f"%y = q.quantize {value} floor saturate : tensor<2x!q.fixed<{bits}, 0>> -> {last}")
    lines = "\n".join(ops)
    text = f"func.func @main(%x: tensor<2xf32>) -> {last} {{\n{lines}\nreturn %y : {last}\n}}"
    *_, quantizer = (op for op in parse_module(text, "net").walk() if isinstance(op, QuantizeOp))
    assert not has_tie(quantizer)


def test_next_scales_are_of_the_same_kind() -> None:
    prime, tieless = prime_scale(0.1), tieless_scale(0.1)
    lower, upper = next_scale(prime), next_scale(tieless)
    assert lower is not None
    assert upper is not None
    assert lower < prime
    np.testing.assert_array_equal(prime_scale(float(lower)), lower)
    assert upper == np.nextafter(np.nextafter(tieless, np.float32(1)), np.float32(1))
    assert next_scale(short_scale(np.asarray(0.1))) is None
    assert next_scale(np.asarray(0.25, np.float32)) is None


def tied_join() -> ModuleOp:
    """A join in which codes 7 and 5, and their multiples, lie half-way: 7 s + 5 t = 15.5 r."""
    result = (7 * Fraction(UPPER) + 5 * Fraction(LOWER)) / Fraction(31, 2)
    for by in range(-200, 200):  # s moves until r is a float32
        upper = Fraction(float(np.float32(UPPER))) + by * Fraction(2) ** -27
        result = (7 * upper + 5 * Fraction(float(np.float32(LOWER)))) / Fraction(31, 2)
        if Fraction(float(np.float32(float(result)))) == result:
            numbers = {"upper": float(upper), "lower": float(np.float32(LOWER)), "result": float(result)}
            return parse_module(JOIN.format(**{key: f"{value:.17e}" for key, value in numbers.items()}), "tied")
    raise AssertionError


def test_a_tied_join() -> None:
    """No integers give its codes as it is; a unit of the last place more, and some do."""
    module = tied_join()
    upper, lower, scale = (scale for _, scale in quantizers(module))
    op, _ = quantizers(module)[-1]
    before = [constant_array(one).copy() for one in (upper, lower, scale)]
    assert has_tie(op)
    assert has_integer_form(*before) is False
    avoid_ties(main_of(module), {scale: (scale,)})
    after = [constant_array(one) for one in (upper, lower, scale)]
    assert not has_tie(op)
    assert after[:2] == before[:2]
    assert 0 < abs(after[2] - before[2]) <= 4 * np.spacing(before[2])
    assert has_integer_form(*after)


def has_integer_form(upper: Array, lower: Array, result: Array) -> bool:
    """Whether a sum of two branches of 8 bits becomes integers."""
    s, t, r = (Fraction(float(scale)) for scale in (upper, lower, result))
    codes = IntRange(-128, 127)
    return integer_join(Join((s / r, t / r), Fraction(0), (codes, codes), codes, Rounding.HALF_EVEN), codes) is not None


def has_next(scale: ConstantOp) -> bool:
    return next_scale(constant_array(scale)) is not None


def is_concatenated(op: QuantizeOp) -> bool:
    users = [use.operation for use in op.result.uses]
    return any(isinstance(use.operation, ConcatOp) for user in users for use in user.results[0].uses)


def joined(seed: int) -> ModuleOp:
    """[1, 2, 4, 4] -> [1, 3]: a sum that is concatenated, a difference, a product, a pool."""
    net = Builder(seed)
    first = net.add("Relu", [net.conv("x", "conv1", (3, 2, 1, 1))], "relu1")
    second = net.conv(first, "conv2", (3, 3, 1, 1))
    both = net.add(
        "Concat", [net.add("Add", [first, second], "add"), net.conv(first, "conv5", (3, 3, 1, 1))], "concat", axis=1
    )
    third = net.conv(both, "conv3", (6, 6, 1, 1))
    less = net.add("Sub", [third, both], "sub")
    times = net.add("Mul", [less, net.conv(less, "conv4", (6, 6, 1, 1))], "mul")
    pooled = net.add("AveragePool", [times], "pool", kernel_shape=[2, 2], strides=[2, 2])
    flat = net.add("Flatten", [net.add("GlobalAveragePool", [pooled], "average")], "flatten")
    return net.module((1, 2, 4, 4), net.gemm(flat, "fc", (6, 3)), (1, 3))


@pytest.mark.parametrize("bits", [3, 8, 10, 12])
def test_chosen_scales_have_no_ties(bits: int, tmp_path: Path) -> None:
    for seed in range(2):
        module = joined(seed)
        quantised(module, tmp_path, RULES.format(bits=bits, words="clip max" if seed % 2 else ""), frames=16)
        scales = dict(quantizers(module))
        free = [op for op, scale in scales.items() if has_next(scale)]
        assert len(free) >= 4, seed
        assert not any(map(has_tie, free)), seed
        concatenated = [constant_array(scale) for op, scale in scales.items() if is_concatenated(op)]
        assert len(concatenated) == 2
        assert concatenated[0] == concatenated[1]


def test_searched_scales_have_no_ties(tmp_path: Path) -> None:
    module = joined(1)
    quantised(module, tmp_path, RULES.format(bits=12, words=""), frames=16)
    variables, rng = find_variables(module, frames_for(module, 8), 9), random.Random(0)
    for _ in range(6):
        bits = tuple(rng.randint(one.low, one.high) for one in variables)
        shorter = with_bits(module, variables, bits)
        free = [op for op, scale in quantizers(shorter) if has_next(scale)]
        assert free
        assert not any(map(has_tie, free)), bits
