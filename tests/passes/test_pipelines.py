# SPDX-License-Identifier: Apache-2.0
"""Named pipelines on whole networks: same results, nothing left to change, small time."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from qopt_mlir.frontends.onnx import import_onnx
from qopt_mlir.passes.pipelines import to_dataflow, to_typed
from qopt_mlir.passes.remarks import collected_remarks
from qopt_mlir.passes.runner import parse_passes, run_passes
from qopt_mlir.qdialect.reference import compile_function
from qopt_mlir.qdialect.text import module_text, new_context, parse_module
from xdsl.dialects.builtin import ModuleOp

ROOT = Path(__file__).parents[2]
MODELS = ROOT.parent / "shared/data/models"
WHOLE_NETWORKS = ["tfc_1w1a", "tfc_2w2a", "tfc_2w2a_qcdq", "kwsmlp_w3a3", "unsw_nb15_mlp_w2a2", "mlperftiny_ad01_int8"]


def test_digits(run_passes: Callable[[ModuleOp, str], ModuleOp]) -> None:
    module = import_onnx(ROOT / "examples/digits/digits.onnx")
    images = np.load(ROOT / "examples/digits/test_images.npy").astype(np.float32)
    typed = run_passes(module, to_typed())
    assert module_text(run_passes(typed, to_typed())) == module_text(typed)
    expected, actual = (compile_function(m).run({0: images})[0].reshape(len(images), -1) for m in (module, typed))
    np.testing.assert_allclose(actual, expected, atol=1e-5 * np.abs(expected).max())
    assert bool((actual.argmax(1) == expected.argmax(1)).all())


@pytest.mark.parametrize("name", WHOLE_NETWORKS)
def test_whole_networks(name: str, run_passes: Callable[[ModuleOp, str], ModuleOp]) -> None:
    if not MODELS.exists():
        pytest.skip(f"{MODELS} is not there")
    module = import_onnx(MODELS / f"{name}.onnx")
    frames, expected = np.load(MODELS / f"{name}.in.npy"), np.load(MODELS / f"{name}.out.npy")
    typed = run_passes(module, to_typed())
    assert module_text(run_passes(typed, to_typed())) == module_text(typed)
    actual = compile_function(typed).run({0: frames})[0].reshape(expected.shape)
    tolerance = 1e-5 * max(float(np.abs(expected).max()), 1.0)
    np.testing.assert_allclose(actual.astype(np.float64), expected.astype(np.float64), atol=tolerance)


def test_build_options_reach_the_passes() -> None:
    text = to_dataflow(200e6, fps=1000.0, max_lut=5000, max_dsp=0, max_bram18=7)
    assert "q-set-folding{clock=200000000.0 fps=1000.0 max-lut=5000 max-dsp=0 max-bram18=7}" in text.split(",")
    assert len(parse_passes(text)) == len(to_dataflow(1e8).split(","))


DECLINED = """
func.func @main(%x: tensor<1x2x!q.fixed<4, 0>>, %y: tensor<2x2x!q.fixed<4, 0>>) -> (tensor<1x!q.ufixed<1, 0>>) {
  %s = q.constant #q.dense<["1/3", "-1/5"] : tensor<2x!q.real>>
  %m = q.constant #q.dense<"-1" : tensor<!q.real>>
  %0 = q.mul %x, %s : tensor<1x2x!q.fixed<4, 0>>, tensor<2x!q.real> -> tensor<1x2x!q.real>
  %1 = q.add %y, %m : tensor<2x2x!q.fixed<4, 0>>, tensor<!q.real> -> tensor<2x2x!q.real>
  %2 = q.matmul %0, %1 : tensor<1x2x!q.real>, tensor<2x2x!q.real> -> tensor<1x2x!q.real> loc("MatMul_2")
  %3 = q.mul %2, %m : tensor<1x2x!q.real>, tensor<!q.real> -> tensor<1x2x!q.real>
  %4 = q.arg_max %3 axis 1 : tensor<1x2x!q.real> -> tensor<1x!q.ufixed<1, 0>> loc("ArgMax_4")
  %5 = q.mul %3, %s : tensor<1x2x!q.real>, tensor<2x!q.real> -> tensor<1x2x!q.real>
  %6 = q.arg_max %5 axis 1 : tensor<1x2x!q.real> -> tensor<1x!q.ufixed<1, 0>> loc("ArgMax_6")
  func.return %6 : tensor<1x!q.ufixed<1, 0>>
}
"""


def test_what_is_declined_is_said() -> None:
    module = parse_module(DECLINED, "test")
    with collected_remarks() as remarks:
        run_passes(new_context(), module, parse_passes("q-move-affine-past-linear"))
    text = "\n".join(remarks)
    assert "scale not moved behind the matrix product: it differs along the summed axis\n  at: node 'MatMul_2'" in text
    assert "its other operand is not a plain constant\n  at: node 'MatMul_2'" in text
    assert "it differs between the elements compared\n  at: node 'ArgMax_6'" in text
    scalar = DECLINED.replace("return %6", "return %4")
    with collected_remarks() as remarks:
        run_passes(new_context(), parse_module(scalar, "test"), parse_passes("q-move-affine-past-linear"))
    assert "it is not positive\n  at: node 'ArgMax_4'" in "\n".join(remarks)
