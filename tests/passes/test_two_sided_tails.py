# SPDX-License-Identifier: Apache-2.0
"""Thresholds of leaky ReLU and PReLU in closed form: for every code of the input the code of the ops."""

from __future__ import annotations

import random
from fractions import Fraction

import numpy as np
import pytest
from qopt_mlir.passes import function_table
from qopt_mlir.passes.runner import parse_passes, run_passes
from qopt_mlir.qdialect.formats import Rounding
from qopt_mlir.qdialect.q import PReluOp, QuantizeOp
from qopt_mlir.qdialect.reference import compile_function
from qopt_mlir.qdialect.text import new_context, parse_module, verify_module

REAL = "tensor<1x3x4x!q.real>"
SOURCES = {"!q.fixed<6, 2>": range(-32, 32), "!q.ufixed<5, 0>": range(32), "!q.fixed<8, 3>": range(-128, 128)}
TARGETS = ("!q.fixed<4, 1>", "!q.ufixed<3, 1>", "!q.bipolar", "!q.fixed<6, 3>")


def number(rnd: random.Random, least: int) -> str:
    return f'"{Fraction(rnd.randint(least, 20), rnd.randint(1, 9))}"'


def network(rnd: random.Random, source: str, target: str) -> str:
    """(a x + b), activation with slope k, c x + d, quantiser: constants for the tensor or for channels."""
    lines, types = list[str](), dict[str, str]()
    for name in "abkcd":
        least = 0 if name == "k" else -20
        types[name], text = "tensor<!q.real>", number(rnd, least)
        if rnd.random() < 0.5:
            types[name] = "tensor<3x1x!q.real>"
            text = ", ".join(f"[{number(rnd, least)}]" for _ in range(3)).join("[]")
        lines.append(f"%{name} = q.constant #q.dense<{text} : {types[name]}>")
    x, y = f"tensor<1x3x4x{source}>", f"tensor<1x3x4x{target}>"
    before, types_before = "%x", x
    for result, (op, constant) in enumerate((("mul", "a"), ("add", "b"), ("prelu", "k"), ("mul", "c"), ("add", "d"))):
        lines.append(f"%{result} = q.{op} {before}, %{constant} : {types_before}, {types[constant]} -> {REAL}")
        before, types_before = f"%{result}", REAL
    lines.append(f"%y = q.quantize %4 {rnd.choice(list(Rounding)).value} saturate : {REAL} -> {y}")
    body = "\n".join(lines)
    return f"func.func @main(%x: {x}) -> {y} {{\n{body}\nfunc.return %y : {y}\n}}"


def test_every_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where tables are too large."""
    monkeypatch.setattr(function_table, "MAX_ENTRIES", 1)
    rnd = random.Random(3)
    for _ in range(40):
        source = rnd.choice(list(SOURCES))
        text = network(rnd, source, rnd.choice(TARGETS))
        before, after = parse_module(text, "net"), parse_module(text, "net")
        run_passes(new_context(), after, parse_passes("q-lower-functions"))
        verify_module(after)
        assert not any(isinstance(op, QuantizeOp | PReluOp) for op in after.walk()), text
        codes = np.array(SOURCES[source]).reshape(-1, 1, 1, 1)
        frames = np.broadcast_to(codes, (len(codes), 1, 3, 4))
        expected, actual = (compile_function(module).run_codes({0: frames})[0] for module in (before, after))
        np.testing.assert_array_equal(actual, expected, err_msg=text)


def test_slopes_below_zero_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(function_table, "MAX_ENTRIES", 1)
    x = "tensor<1x4x!q.fixed<6, 2>>"
    module = parse_module(
        f"""func.func @main(%x: {x}) -> {x} {{
          %k = q.constant #q.dense<"-1/3" : tensor<!q.real>>
          %0 = q.prelu %x, %k : {x}, tensor<!q.real> -> tensor<1x4x!q.real>
          %y = q.quantize %0 half_even saturate : tensor<1x4x!q.real> -> {x}
          func.return %y : {x}
        }}""",
        "net",
    )
    run_passes(new_context(), module, parse_passes("q-lower-functions"))
    assert any(isinstance(op, PReluOp) for op in module.walk())
