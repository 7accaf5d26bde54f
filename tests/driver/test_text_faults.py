# SPDX-License-Identifier: Apache-2.0
"""Mistakes in textual IR, each refused at its place with a mend, quickly and without filling the memory."""

from pathlib import Path

import pytest
from qopt_mlir.driver.cli import main

T = "tensor<1x4x!q.fixed<4, 0>>"
FUNCTION = f"func.func @main(%x: {T}) -> {T} {{\n  %0\n  func.return %x : {T}\n}}\n"


def with_op(op: str) -> str:
    return FUNCTION.replace("%0", op)


def with_type(type_: str) -> str:
    return f"func.func @main(%x: {type_}) -> {type_} {{\n  func.return %x : {type_}\n}}\n"


CASES = {
    "string without end": (
        with_op('%c = q.constant #q.dense<"' + "A" * 5000),
        ["End of file reached before closing string literal", ":2:28"],
    ),
    "constant that is no tensor": (
        with_op("%c = q.constant #q.dense<1 : !q.fixed<4, 0>>"),
        ["a constant is a tensor, not !q.fixed<4, 0>", ":2:32"],
    ),
    "constant without a shape": (
        with_op("%c = q.constant #q.dense<1 : tensor<?x4xf32>>"),
        ["a constant has a fixed shape, not that of tensor<?x4xf32>"],
    ),
    "constant too large": (
        with_op("%c = q.constant #q.dense<1.0 : tensor<1000000x1000000xf32>>"),
        ["a constant has at most 268435456 elements, tensor<1000000x1000000xf32> has 1000000000000"],
    ),
    "stream too large": (
        with_type("!dataflow.stream<!q.fixed<4, 0>, lanes = 1000000000000000000, beats = 2>"),
        ["!dataflow.stream has at most 268435456 elements a frame"],
    ),
    "number too large for f32": (
        with_op("%c = q.constant #q.dense<1.0e400 : tensor<f32>>"),
        ["a number is too large for f32"],
    ),
    "number too long": (
        with_type(f"tensor<1x!q.fixed<{'9' * 6000}, 0>>"),
        ["a number of 6000 digits is too long", ":1:3"],
    ),
    "exponent too large": (
        with_op('%c = q.constant #q.dense<"1e999999999" : tensor<!q.real>>'),
        ["'1e999999999' is no number such as 1/3, 0.25 or 1e-3"],
    ),
    "division by zero": (
        with_op('%c = q.constant #q.dense<"1/0" : tensor<!q.real>>'),
        ["1/0 divides by zero"],
    ),
    "type with parameters that it has not": (with_type("tensor<1x!q.real<11>>"), ["Expected '>'"]),
    "op that is not known": (
        with_op("func.retrun"),
        ["there is no op 'func.retrun'", ":2:3", "did you mean 'func.return'?"],
    ),
    "result that is no tensor": (
        with_op(f"%0 = q.relu %x : {T} -> index"),
        [":2:3", "mend: write a tensor type: tensor<...>"],
    ),
    "two returns": (
        with_op(f"func.return %x : {T}"),
        ["must be the last operation", "end each function with one func.return"],
    ),
    "value of another function": (
        f"func.func @f() -> {T} {{\n  func.return %x : {T}\n}}\n" + FUNCTION.replace("%0", ""),
        ["func.return uses '%x' of another function", "pass it to this function as an argument"],
    ),
    "two functions of a name": (
        with_type(T) + with_type(T),
        ['Redefinition of symbol "main"', "rename or remove one of the two"],
    ),
    "two blocks": (
        with_op(f"func.return %x : {T}\n^bb1:"),
        ["@main has 2 blocks", ":1:1", "a network is one block"],
    ),
    "no return": (f"func.func @main(%x: {T}) {{\n}}\n", ["@main does not end with func.return"]),
    "argument that is no tensor": (with_type("i32"), ["argument 0 of @main is i32"]),
    "open shape": (
        with_type("tensor<?x4xf32>"),
        ["argument 0 of @main has the open or empty shape of tensor<?x4xf32>"],
    ),
    "name that is no string": (
        with_type(T).replace(f"%x: {T}", f"%x: {T} {{q.name = 3 : i32}}"),
        ["q.name of @main is 3 : i32", 'write q.name = "..."'],
    ),
    "scale that is no number": (
        with_type(T).replace(f"%x: {T}", f'%x: {T} {{q.scale = "abc"}}'),
        ["q.scale of @main: 'abc' is no number"],
    ),
    "nothing": (" \n", ["there is no IR to read"]),
    "comments alone": ("// RUN: qopt %s\n  // %x\n//", ["there is no IR to read"]),
}


@pytest.mark.parametrize("case", CASES)
def test_mistakes_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], case: str) -> None:
    text, expected = CASES[case]
    (tmp_path / "net.mlir").write_text(text)
    assert main([str(tmp_path / "net.mlir"), "-o", str(tmp_path / "out.mlir")]) == 1
    error = capsys.readouterr().err
    assert all(part in error for part in [*expected, "  mend: "]), error
    assert len(error) < 1000
    assert not (tmp_path / "out.mlir").exists()


def test_names_of_nodes_with_quotes_and_letters_of_any_script(tmp_path: Path) -> None:
    name = r'loc("größe \"😀\"")'
    text = with_op(f"%0 = q.relu %x : {T} -> {T} {name}")
    (tmp_path / "net.mlir").write_text(text, encoding="utf-8")
    first, second = tmp_path / "first.mlir", tmp_path / "second.mlir"
    assert main([str(tmp_path / "net.mlir"), "-o", str(first)]) == 0
    assert main([str(first), "-o", str(second)]) == 0
    assert first.read_text(encoding="utf-8") == second.read_text(encoding="utf-8")


@pytest.mark.parametrize("value", ["inf", "nan"])
@pytest.mark.parametrize("element", ["gamma", "factor"])
def test_constants_that_are_not_finite(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], value: str, element: str
) -> None:
    op = {
        "factor": "%1 = q.mul %0, %c : tensor<1x4x!q.fixed<4, 0>>, tensor<4xf32> -> tensor<1x4xf32>",
        "gamma": "%m = q.mul %0, %s : tensor<1x4x!q.fixed<4, 0>>, tensor<f32> -> tensor<1x4xf32>\n"
        "  %1 = q.batch_norm %m, %c, %c, %c, %c axis 1 epsilon 1.0e-05 : f32 : tensor<1x4xf32>, "
        "tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32> -> tensor<1x4xf32>",
    }[element]
    (tmp_path / "net.mlir").write_text(
        f"""func.func @main(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {{
  %c = q.constant #q.dense<["{value}", 1.0, 1.0, 1.0] : tensor<4xf32>>
  %s = q.constant #q.dense<0.3 : tensor<f32>>
  %0 = q.quantize %x half_even saturate : tensor<1x4xf32> -> tensor<1x4x!q.fixed<4, 0>>
  {op}
  func.return %1 : tensor<1x4xf32>
}}
"""
    )
    assert main([str(tmp_path / "net.mlir"), "-p", "q-to-typed"]) == 1
    error = capsys.readouterr().err
    assert "has a constant that is infinite or NaN" in error
    assert "net.mlir:" in error
