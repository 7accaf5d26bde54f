# SPDX-License-Identifier: Apache-2.0
"""Real models: what they are imported to, and that the reference gives the stored results of other engines."""

import re

import numpy as np
import pytest
from onnx import load
from qopt_mlir.frontends.onnx import import_onnx
from qopt_mlir.frontends.onnx.folding import FOLDABLE
from qopt_mlir.frontends.onnx.model import STANDARD_DOMAIN
from qopt_mlir.frontends.onnx.registry import IMPORTERS
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.text import module_text, verify_module
from qopt_mlir.qdialect.types import shape_of
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp

from .graphs import MODELS, needs_models, run

pytestmark = needs_models

# input shapes of models that are fixed for a batch
SHAPES = {
    "hls4ml_two_layer_pytorch": {"0": (1, 10)},
    "hls4ml_three_layer_bn_pytorch": {"0": (1, 16)},
    "sdp_attention": {f"onnx::Reshape_{i}": (64, 1, 128) for i in range(3)},
}
REFUSED = {
    "hls4ml_three_layer_bn_keras": "the scale has shape [64], the input has 1 channels",  # other engines refuse it too
    "vnn_nn4sys_pensieve_small": "ops that are not supported: Slice at '/Slice'",
}
INTEGER = (
    "tfc_",
    "finn_build_dataflow_tfc",
    "hls4ml_bnn",
    "unsw_nb15",
    "mlperftiny_ad01_int8",
)  # equal to the last bit
WITHOUT_RESULTS = {"hls4ml_three_layer_bn_pytorch"}


def supported_models() -> list[str]:
    """Models that consist of ops of the registry, and of foldable ones (which may prove not to be constant)."""
    ops = {*IMPORTERS, *((STANDARD_DOMAIN, op_type) for op_type in FOLDABLE)}
    names = []
    for path in sorted(MODELS.glob("*.onnx")):
        if all((node.domain, node.op_type) in ops for node in load(path).graph.node):
            names.append(path.stem)
    return names


def import_model(name: str) -> ModuleOp:
    return import_onnx(MODELS / f"{name}.onnx", shapes=SHAPES.get(name))


def main(module: ModuleOp) -> FuncOp:
    return next(op for op in module.ops if isinstance(op, FuncOp))


@pytest.mark.parametrize("name", [name for name in supported_models() if name not in REFUSED])
def test_import_and_results(name: str) -> None:
    module = import_model(name)
    verify_module(module)
    stored = [path for path in (MODELS / f"{name}.{kind}.npy" for kind in ("in", "in1", "in2")) if path.is_file()]
    assert bool(stored) == (name not in WITHOUT_RESULTS)
    if not stored:
        return
    shapes = [shape_of(argument) for argument in main(module).body.block.args]
    inputs = [np.load(path).reshape(shape) for path, shape in zip(stored, shapes, strict=True)]
    results = run(module, *inputs)
    want = np.load(MODELS / f"{name}.out.npy")
    assert results[0].size == want.size
    got = results[0].reshape(want.shape)
    tolerance = 0 if name.startswith(INTEGER) else 1e-5 * max(1e-30, float(np.abs(want).max()))
    np.testing.assert_allclose(got, want, rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    with pytest.raises(QoptError, match=re.escape(REFUSED[name])):
        import_model(name)


def test_every_other_model_is_refused_by_its_ops() -> None:
    """Not one ends in another way; the names of the ops are in the message."""
    supported = {*supported_models(), *REFUSED}
    for path in sorted(MODELS.glob("*.onnx")):
        if path.stem in supported:
            continue
        with pytest.raises(QoptError) as caught:
            import_model(path.stem)
        assert caught.value.what.startswith("ops that are not supported: "), path.stem
        assert any(node.op_type in caught.value.what for node in load(path).graph.node)


@pytest.mark.parametrize("name", ["tfc_2w2a", "kwsmlp_w3a3", "qkeras_jettagging"])
def test_qcdq_is_imported_as_qonnx_is(name: str) -> None:
    """The same network written with Quant, and with QuantizeLinear, Clip, DequantizeLinear: one IR but for names."""
    assert nameless(import_model(name)) == nameless(import_model(f"{name}_qcdq"))


def nameless(module: ModuleOp) -> str:
    values = [*main(module).body.block.args, *(result for op in module.walk() for result in op.results)]
    for value in values:
        value.name_hint = None
    return re.sub(r'q\.name = "[^"]*"', "", module_text(module, node_names=False))
