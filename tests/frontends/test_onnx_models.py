# SPDX-License-Identifier: Apache-2.0
"""Real models: what they are imported to, and that the reference gives the stored results of other engines."""

import re
from pathlib import Path

import numpy as np
import pytest
from qopt_mlir.frontends.onnx import import_onnx
from qopt_mlir.qdialect.text import module_text, verify_module
from qopt_mlir.qdialect.types import shape_of
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp

from .graphs import MODELS, needs_models, run

pytestmark = needs_models

FOLDERS = (MODELS, MODELS.parent / "models_nd")
# input shapes of models whose first dimension is a batch
SHAPES = {"hls4ml_two_layer_pytorch": {"0": (1, 10)}, "hls4ml_three_layer_bn_pytorch": {"0": (1, 16)}}
INTEGER = ("tfc_", "finn_build_dataflow_tfc", "hls4ml_bnn", "unsw_nb15", "mlperftiny_ad01_int8")  # equal in every bit
# elements that are one code apart: float32 rounds their number across the boundary between two codes
ONE_CODE_APART = {"espcn_subpixel_qcdq": 7, "espcn_subpixel_quant": 7, "mlperftiny_ic_resnet8_int8": 1}
WITHOUT_RESULTS = {
    "hls4ml_separable_conv_model_ch_last",
    "hls4ml_three_layer_bn_keras",
    "hls4ml_three_layer_bn_pytorch",
    "hls4ml_tiny_unet_ch_last",
}
TOLERANCE = 1e-4  # of the largest number of the output


def paths() -> dict[str, Path]:
    return {path.stem: path for folder in FOLDERS for path in sorted(folder.glob("*.onnx"))}


def import_model(name: str) -> ModuleOp:
    return import_onnx(paths()[name], shapes=SHAPES.get(name))


def main(module: ModuleOp) -> FuncOp:
    return next(op for op in module.ops if isinstance(op, FuncOp))


def stored(path: Path, kind: str) -> list[np.ndarray]:
    """Inputs (some store their initialisers behind them) or outputs stored beside a model, in order."""
    archive = path.with_suffix(f".{kind}.npz")
    if archive.is_file():
        arrays = np.load(archive)
        return [arrays[name] for name in arrays.files]
    names = [f".{kind}.npy", *(f".{kind}{number}.npy" for number in range(1, 4))]
    return [np.load(file) for file in map(path.with_suffix, names) if file.is_file()]


@pytest.mark.parametrize("name", paths())
def test_import_and_results(name: str) -> None:
    module = import_model(name)
    verify_module(module)
    inputs = stored(paths()[name], "in")
    assert bool(inputs) == (name not in WITHOUT_RESULTS)
    if not inputs:
        return
    shapes = [shape_of(argument) for argument in main(module).body.block.args]
    given = zip(inputs[: len(shapes)], shapes, strict=True)
    results = run(module, *(array.reshape(shape) for array, shape in given))
    for got, want in zip(results, stored(paths()[name], "out"), strict=True):
        assert got.size == want.size
        limit = 0 if name.startswith(INTEGER) else TOLERANCE * max(1e-30, float(np.abs(want).max()))
        far = np.abs(got.reshape(want.shape).astype(np.float64) - want) > limit
        assert far.sum() <= ONE_CODE_APART.get(name, 0)


@pytest.mark.parametrize("name", ["tfc_2w2a", "kwsmlp_w3a3", "qkeras_jettagging"])
def test_qcdq_is_imported_as_qonnx_is(name: str) -> None:
    """The same network written with Quant, and with QuantizeLinear, Clip, DequantizeLinear: one IR but for names."""
    assert nameless(import_model(name)) == nameless(import_model(f"{name}_qcdq"))


def nameless(module: ModuleOp) -> str:
    values = [*main(module).body.block.args, *(result for op in module.walk() for result in op.results)]
    for value in values:
        value.name_hint = None
    return re.sub(r'q\.name = "[^"]*"', "", module_text(module, node_names=False))
