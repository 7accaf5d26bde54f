# SPDX-License-Identifier: Apache-2.0
"""What a file looks like: names, quantiser nodes, types, functions written out; and what is refused."""

from __future__ import annotations

from collections import Counter
from io import StringIO
from pathlib import Path

import numpy as np
import onnx
import pytest
from qopt_mlir.backends import make_target
from qopt_mlir.driver.cli import main as qopt
from qopt_mlir.frontends.onnx import import_onnx
from qopt_mlir.passes.remarks import collected_remarks
from qopt_mlir.passes.runner import parse_passes, run_passes
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.text import new_context, parse_module
from xdsl.dialects.builtin import ModuleOp

from .engines import exported
from .networks import module_of, reference, run_file

DIGITS = Path(__file__).parents[2] / "examples" / "digits"
F32 = "tensor<1x4xf32>"


def digits(passes: str = "") -> ModuleOp:
    module = import_onnx(DIGITS / "digits.onnx")
    run_passes(new_context(), module, parse_passes(passes))
    return module


def operators(model: onnx.ModelProto) -> Counter[str]:
    return Counter(node.op_type for node in model.graph.node)


def test_quantisers_with_their_scales() -> None:
    """Division, codes, multiplication by one scale are one node, as in the file that was read."""
    original = operators(onnx.load(DIGITS / "digits.onnx"))
    assert original["Quant"] == 6
    assert operators(exported(digits(), "style=qonnx")) == original
    written = operators(exported(digits(), "style=qcdq"))
    assert (written["QuantizeLinear"], written["DequantizeLinear"], written["Div"], written["Mul"]) == (6, 6, 0, 0)


def test_names() -> None:
    model = exported(digits(), "style=qonnx")
    assert [value.name for value in (*model.graph.input, *model.graph.output)] == ["x", "logits"]
    names = [node.name for node in model.graph.node]
    assert {"pixel_quant", "fc1_weight_quant", "fc1", "fc1_norm"} <= set(names)
    assert len(set(names)) == len(names)


def test_divided_network_is_one_graph() -> None:
    model = exported(digits("q-to-typed"), "style=qonnx")
    assert {"host_before", "hardware", "host_after"}.isdisjoint(operators(model))
    assert operators(model)["MultiThreshold"] == 2


@pytest.mark.parametrize("passes", ["", "q-to-typed"])
def test_same_bytes_each_time(passes: str) -> None:
    first, second = (exported(digits(passes), "").SerializeToString(deterministic=True) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("passes", ["", "q-to-typed"])
@pytest.mark.parametrize("style", ["qcdq", "qonnx"])
def test_network_read_again(passes: str, style: str) -> None:
    module = digits(passes)
    again = import_onnx(exported(module, f"style={style} real=float64").SerializeToString())
    for image in np.load(DIGITS / "test_images.npy")[:20].reshape(-1, 1, 64):
        np.testing.assert_array_equal(reference(again, image), reference(module, image))


def test_weights_keep_their_type() -> None:
    """Codes come back as codes: of the same width in QONNX, of the bytes that they are stored in in QCDQ."""
    folded = digits("q-fold-constants")
    for style, type_ in (("qonnx", "!q.fixed<4, 0>"), ("qcdq", "!q.fixed<8, 0>")):
        again = import_onnx(exported(folded, f"style={style}").SerializeToString())
        run_passes(new_context(), again, parse_passes("q-fold-constants"))
        types = {str(op.results[0].type) for op in again.walk() if op.name == "q.constant"}
        assert f"tensor<64x32x{type_}>" in types


def test_outputs_that_nothing_computes() -> None:
    """An input, a constant and one value twice are outputs, each under its name."""
    text = f"""
    func.func @main(%x: {F32} {{q.name = "x"}}) -> ({F32} {{q.name = "x"}}, {F32} {{q.name = "a"}},
        {F32} {{q.name = "b"}}, tensor<!q.fixed<3, 1>> {{q.name = "c"}}) {{
      %y = q.relu %x : {F32} -> {F32}
      %c = q.constant #q.dense<-3 : tensor<!q.fixed<3, 1>>>
      func.return %x, %y, %y, %c : {F32}, {F32}, {F32}, tensor<!q.fixed<3, 1>>
    }}"""
    model = exported(parse_module(text, "case", new_context()), "")
    assert [value.name for value in model.graph.output] == ["x_1", "a", "b", "c"]
    x = np.array([[-1, 2, -3, 4]], np.float32)
    np.testing.assert_array_equal(run_file(model, x), x)


def test_wide_words_are_named() -> None:
    wide = "tensor<1x4x!q.fixed<64, 0>>"
    module = module_of(f"%y = q.quantize %x down saturate : {F32} -> {wide}", f"%x: {F32}", wide)
    with collected_remarks() as remarks:
        model = exported(module, "")
    assert [remark.splitlines()[0] for remark in remarks] == [
        "remark: the numbers of !q.fixed<64, 0> are exact in the file below 2^53 only"
    ]
    x = np.array([[-1.5, 2.5e15, -3, 16777215]], np.float32)
    np.testing.assert_array_equal(run_file(model, x), reference(module, x))


REFUSALS = {
    "style": ("style=brevitas", "", "the target 'onnx' has style=brevitas", "qcdq, qonnx"),
    "real": ("real=float16", "", "the target 'onnx' has real=float16", "float32, float64"),
    "rounding": (
        "",
        """func.func @main(%x: tensor<1x4x!q.fixed<30, 0>>) -> tensor<1x4xf32> {
            %y = q.quantize %x floor saturate : tensor<1x4x!q.fixed<30, 0>> -> tensor<1x4xf32>
            func.return %y : tensor<1x4xf32>
        }""",
        "ONNX rounds to float32 to nearest, not floor",
        "half_even",
    ),
    "quantum": (
        "",
        """func.func @main(%x: tensor<1x4xf32>) -> tensor<1x4x!q.fixed<8, 1200>> {
            %y = q.quantize %x floor saturate : tensor<1x4xf32> -> tensor<1x4x!q.fixed<8, 1200>>
            func.return %y : tensor<1x4x!q.fixed<8, 1200>>
        }""",
        "the numbers of q.quantize of type !q.fixed<8, 1200> do not fit float64",
        "fewer fraction bits",
    ),
    "exponents": (
        "",
        """func.func @main(%x: tensor<1x4xf32>) -> tensor<1x4x!q.float<9, 2>> {
            %y = q.quantize %x floor saturate : tensor<1x4xf32> -> tensor<1x4x!q.float<9, 2>>
            func.return %y : tensor<1x4x!q.float<9, 2>>
        }""",
        "rounding to a float of 9 exponent bits has no form in ONNX",
        "at most 8",
    ),
    "wide float": (
        "",
        """func.func @main(%x: tensor<1x4x!q.float<15, 112>>) -> tensor<1x4x!q.float<15, 112>> {
            func.return %x : tensor<1x4x!q.float<15, 112>>
        }""",
        "of type !q.float<15, 112> do not fit float64",
        "exponent bits",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusals(case: str) -> None:
    options, text, what, mend = REFUSALS[case]
    module = parse_module(text, "case", new_context()) if text else digits()
    with pytest.raises(QoptError) as fault:
        exported(module, options)
    assert what in fault.value.what
    assert mend in (fault.value.mend or "")


def test_hardware_is_refused() -> None:
    with pytest.raises(QoptError, match="has no form in ONNX") as fault:
        exported(digits("q-to-typed,q-convert-to-dataflow"), "")
    assert "typed level" in (fault.value.mend or "")


def test_text_cannot_hold_a_file() -> None:
    with pytest.raises(QoptError, match="binary file"):
        make_target("onnx").emit(new_context(), digits(), StringIO())


def test_command(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    path = str(DIGITS / "digits.onnx")
    assert qopt([path, "-t", "onnx", "-o", str(tmp_path / "again.onnx")]) == 0
    assert qopt([path, "-t", "onnx"]) == 0
    written = capsysbinary.readouterr().out
    assert written == (tmp_path / "again.onnx").read_bytes() != b""
    assert qopt([path, "-t", "onnx", "-p", "q-fold-constants", "--print-between-passes"]) == 0
    onnx.checker.check_model(onnx.load_model_from_string(capsysbinary.readouterr().out))


def test_command_refuses_to_mix_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "parts.mlir"
    text.write_text("func.func @main() { func.return }\n// -----\nfunc.func @main() { func.return }\n")
    assert qopt([str(text), "--split-input-file", "-t", "onnx", "-o", str(tmp_path / "x.onnx")]) == 1
    assert "leave --split-input-file out" in capsys.readouterr().err
    assert not (tmp_path / "x.onnx").exists()


def test_command_refuses_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert qopt([str(DIGITS / "digits.onnx"), "-t", "onnx"]) == 1
    assert "standard output is a terminal" in capsys.readouterr().err
