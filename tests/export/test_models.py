# SPDX-License-Identifier: Apache-2.0
"""Real models, written as ONNX and executed by engines, give what was stored beside them; read again, the same IR.

Float outputs agree but for the order in which float32 adds. Codes are equal, but for those of `ONE_CODE_APART`, whose
numbers lie so close to the boundary of two codes that this order decides.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from qopt_mlir.frontends.onnx import import_onnx
from qopt_mlir.frontends.onnx.loader import load
from qopt_mlir.passes.pipelines import to_typed
from qopt_mlir.passes.runner import parse_passes, run_passes
from qopt_mlir.qdialect.reference import compile_function
from qopt_mlir.qdialect.text import new_context
from qopt_mlir.qdialect.types import shape_of
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp

from .engines import ENGINES, exported

DATA = Path(__file__).parents[3] / "shared" / "data"
PATHS = {path.stem: path for path in sorted(DATA.glob("models*/*.onnx"))}
TOLERANCE = 1e-5  # of the largest number of an output
LONGEST_QUICK_FILE = 1 << 20  # bytes
# elements that may be one code apart
ONE_CODE_APART = {"espcn_subpixel_qcdq": 7, "espcn_subpixel_quant": 7, "mlperftiny_ic_resnet8_int8": 1}
SHAPES = {"hls4ml_three_layer_bn_pytorch": {"0": (1, 16)}}  # of a model without stored inputs
# input formats with which a network becomes typed; they hold the stored inputs
TYPED = {
    "tfc_1w1a": (),
    "tfc_2w2a": (),
    "kwsmlp_w3a3": (),
    "qkeras_jettagging": ("global_in: fixed<28, 25>",),
    "unsw_nb15_mlp_w2a2": ("onnx::Add_0: bipolar",),
}

pytestmark = pytest.mark.skipif(not PATHS, reason=f"the model collection beside the checkout is absent: {DATA.name}")
MODELS = [
    pytest.param(name, marks=pytest.mark.slow if path.stat().st_size > LONGEST_QUICK_FILE else ())
    for name, path in PATHS.items()
]


def stored(name: str, end: str) -> list[NDArray[Any]]:
    """Arrays that another engine has recorded; none if it has not."""
    packed = PATHS[name].with_suffix(f".{end}.npz")
    if packed.is_file():
        with np.load(packed) as arrays:
            return [arrays[key] for key in arrays.files]
    files = [PATHS[name].with_suffix(f".{end}{number or ''}.npy") for number in range(4)]
    return [np.load(file) for file in files if file.is_file()]


@cache
def graph(name: str) -> ModuleOp:
    inputs = load(PATHS[name]).inputs
    given = zip(inputs, stored(name, "in"), strict=False)
    shapes = {info.name: array.shape for info, array in given if info.shape and len(info.shape) == array.ndim}
    return import_onnx(PATHS[name], shapes=SHAPES.get(name) or shapes)


def frames(name: str, module: ModuleOp) -> list[NDArray[np.float32]]:
    """One frame of each input: as stored, or random numbers."""
    main = next(op for op in module.ops if isinstance(op, FuncOp) and op.sym_name.data == "main")
    shapes = [shape_of(argument) for argument in main.args]
    given = stored(name, "in") or [np.random.default_rng(1).normal(size=shape) for shape in shapes]
    return [array.astype(np.float32).reshape(shape) for array, shape in zip(given, shapes, strict=False)]


def reference(module: ModuleOp, inputs: list[NDArray[np.float32]]) -> list[NDArray[Any]]:
    return compile_function(module).run({index: frame[None] for index, frame in enumerate(inputs)})


def assert_close(name: str, actual: list[NDArray[Any]], expected: list[NDArray[Any]]) -> None:
    for got, want in zip(actual, expected, strict=True):
        limit = TOLERANCE * max(1e-30, float(np.abs(want).max()))
        far = np.abs(got.astype(np.float64).reshape(-1) - want.reshape(-1)) > limit
        assert far.sum() <= ONE_CODE_APART.get(name, 0)


@pytest.mark.parametrize("style", ENGINES)
@pytest.mark.parametrize("name", MODELS)
def test_engine_gives_what_is_stored(name: str, style: str) -> None:
    module = graph(name)
    model, inputs = exported(module, f"style={style}"), frames(name, module)
    outputs = ENGINES[style](model, dict(zip((info.name for info in model.graph.input), inputs, strict=True)))
    assert_close(name, outputs, stored(name, "out") or reference(module, inputs))


@pytest.mark.parametrize("style", ENGINES)
@pytest.mark.parametrize("name", MODELS)
def test_file_read_again(name: str, style: str) -> None:
    module = graph(name)
    again = import_onnx(exported(module, f"style={style}").SerializeToString())
    inputs = frames(name, module)
    assert_close(name, reference(again, inputs), reference(module, inputs))


@pytest.mark.parametrize("style", ENGINES)
@pytest.mark.parametrize("name", TYPED)
def test_typed_level(name: str, style: str) -> None:
    """Integers in a file, and float64 behind them, give every bit of the reference."""
    module = graph(name).clone()
    run_passes(new_context(), module, parse_passes(to_typed(TYPED[name])))
    model, inputs = exported(module, f"style={style} real=float64"), frames(name, module)
    expected = reference(module, inputs)
    (info,) = model.graph.input
    dtype = onnx.helper.tensor_dtype_to_np_dtype(info.type.tensor_type.elem_type)  # float64 for codes of 28 bits
    outputs = ENGINES[style](model, {info.name: inputs[0].astype(dtype)})
    if all(node.op_type != "Softmax" for node in model.graph.node):
        np.testing.assert_array_equal(outputs[0].reshape(-1), expected[0].reshape(-1))
    assert_close(name, outputs, stored(name, "out"))
