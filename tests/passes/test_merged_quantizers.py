# SPDX-License-Identifier: Apache-2.0
"""A quantiser behind a quantiser becomes the thresholds of one: for every code of the input the code of both."""

from __future__ import annotations

import random
from fractions import Fraction

import numpy as np
from qopt_mlir.passes.runner import parse_passes, run_passes
from qopt_mlir.qdialect.formats import Rounding
from qopt_mlir.qdialect.q import ThresholdOp
from qopt_mlir.qdialect.reference import compile_function
from qopt_mlir.qdialect.text import new_context, parse_module, verify_module
from xdsl.dialects.builtin import ModuleOp

X, R = "tensor<1x3x4x!q.fixed<8, 2>>", "tensor<1x3x4x!q.real>"


def network(rnd: random.Random, uses: int = 1) -> str:
    """Scales and offsets of channels, an inner quantiser, a scale and an offset, an outer quantiser."""

    def numbers(name: str) -> str:
        rows = ", ".join(f'["{Fraction(rnd.randint(-30, 30), rnd.randint(1, 9))}"]' for _ in range(3))
        return f"%{name} = q.constant #q.dense<[{rows}] : tensor<3x1x!q.real>>"

    inner = f"tensor<1x3x4x{rnd.choice(['!q.fixed<6, 1>', '!q.ufixed<5, 2>', '!q.fixed<5, -1>'])}>"
    outer = f"tensor<1x3x4x{rnd.choice(['!q.fixed<3, 1>', '!q.ufixed<2, 0>', '!q.bipolar', '!q.fixed<4, 0>'])}>"
    roundings = [rnd.choice(list(Rounding)).value for _ in range(2)]
    scale = Fraction(rnd.choice([-9, 3, 7, 11, 20]), rnd.randint(1, 13))
    types = f"{inner}, {outer}" if uses > 1 else outer
    return f"""func.func @main(%x: {X}) -> ({types}) {{
      {numbers("a")}
      {numbers("b")}
      %c = q.constant #q.dense<"{scale}" : tensor<!q.real>>
      %d = q.constant #q.dense<"{Fraction(rnd.randint(-9, 9), 4)}" : tensor<!q.real>>
      %0 = q.mul %x, %a : {X}, tensor<3x1x!q.real> -> {R}
      %1 = q.add %0, %b : {R}, tensor<3x1x!q.real> -> {R}
      %2 = q.quantize %1 {roundings[0]} saturate : {R} -> {inner}
      %3 = q.mul %2, %c : {inner}, tensor<!q.real> -> {R}
      %4 = q.add %3, %d : {R}, tensor<!q.real> -> {R}
      %y = q.quantize %4 {roundings[1]} saturate : {R} -> {outer}
      func.return {"%2, %y" if uses > 1 else "%y"} : {types}
    }}"""


def lowered(text: str) -> ModuleOp:
    module = parse_module(text, "net")
    run_passes(new_context(), module, parse_passes("q-lower-quantizers"))
    verify_module(module)
    return module


def check(text: str, module: ModuleOp) -> None:
    codes = np.broadcast_to(np.arange(-128, 128).reshape(-1, 1, 1, 1), (256, 1, 3, 4))
    expected = compile_function(parse_module(text, "net")).run_codes({0: codes})
    actual = compile_function(module).run_codes({0: codes})
    for mine, wanted in zip(actual, expected, strict=True):
        np.testing.assert_array_equal(mine, wanted, err_msg=text)


def test_every_code() -> None:
    rnd, merged = random.Random(2), 0
    for _ in range(40):
        text = network(rnd)
        module = lowered(text)
        units = [op for op in module.walk() if op.name in ("q.threshold", "q.quantize")]
        merged += len(units) == 1 and isinstance(units[0], ThresholdOp)
        check(text, module)
    assert merged > 25


def test_an_inner_result_that_is_used_stays() -> None:
    text = network(random.Random(3), uses=2)
    module = lowered(text)
    assert sum(op.name in ("q.threshold", "q.quantize") for op in module.walk()) == 2
    check(text, module)


def signs(rnd: random.Random) -> str:
    """The sign of a sign and an offset that is never 0, in front of a convolution with a border."""
    groups, pads = rnd.choice([1, 1, 3]), rnd.choice(["[0, 0]", "[1, 1]", "[2, 0]"])
    offsets = ", ".join(f'["{Fraction(rnd.choice([-7, -3, -1, 1, 3, 5]), rnd.choice([4, 8, 16]))}"]' for _ in range(3))
    weights = [[[rnd.randint(-2, 1) for _ in range(2)] for _ in range(3 // groups)] for _ in range(3)]
    size, sign = 3 if pads == "[0, 0]" else 5, "tensor<1x3x4x!q.fixed<2, 0>>"
    kernel = f"tensor<3x{3 // groups}x2x!q.fixed<2, 0>>"
    result = f"tensor<1x3x{size}x!q.fixed<5, 0>>"
    return f"""func.func @main(%x: {X}) -> {result} {{
      %w = q.constant #q.dense<{weights} : {kernel}>
      %b = q.constant #q.dense<[{offsets}] : tensor<3x1x!q.real>>
      %0 = q.quantize %x up saturate narrow : {X} -> {sign}
      %1 = q.add %0, %b : {sign}, tensor<3x1x!q.real> -> {R}
      %2 = q.quantize %1 up saturate narrow : {R} -> {sign}
      %y = q.conv %2, %w strides [1] pads {pads} dilations [1] groups {groups} : {sign}, {kernel} -> {result}
      func.return %y : {result}
    }}"""


def test_signs_of_signs() -> None:
    """-1 and +1 alone become one bit; every code, also at the dataflow level."""
    rnd, bipolar = random.Random(5), 0
    for _ in range(8):
        text = signs(rnd)
        module = lowered(text)
        bipolar += sum(isinstance(op, ThresholdOp) and "bipolar" in str(op.result.type) for op in module.walk())
        check(text, module)
        run_passes(new_context(), module, parse_passes("q-infer-ranges,q-make-channels-last,q-partition,q-to-dataflow"))
        check(text, module)
    assert 2 < bipolar < 8
