# SPDX-License-Identifier: Apache-2.0
"""Networks of full size: they are what their names say, valid ONNX, imported with the meaning that ONNX gives them."""

from __future__ import annotations

from math import prod

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator
from qopt_mlir.frontends.onnx import import_onnx
from qopt_mlir.passes.runner import parse_passes, run_passes
from qopt_mlir.qdialect.reference import compile_function
from qopt_mlir.qdialect.text import module_text, new_context, parse_module, verify_module

from .networks import topologies

NAMES = ("mobilenet_v1", "mobilenet_v2", "resnet50", "cnv")
FORMS = [(name, "qonnx", bits) for name in NAMES for bits in ((1, 2) if name == "cnv" else (4, 8))]
FORMS += [(name, "qdq", 8) for name in NAMES]
TINY = {"size": 32, "width": 0.125}

# weights of convolutions and fully connected layers, as published
WEIGHTS = {"mobilenet_v1": 4_209_088, "mobilenet_v2": 3_469_760, "resnet50": 25_502_912, "cnv": 1_542_848}


def weights_of(proto: onnx.ModelProto) -> int:
    return sum(prod(tensor.dims) for tensor in proto.graph.initializer if tensor.name.startswith("weights_"))


@pytest.mark.parametrize("name", NAMES)
def test_number_of_weights(name: str) -> None:
    proto = topologies.generate(name, "qdq")
    assert weights_of(proto) == WEIGHTS[name]


@pytest.mark.parametrize(("name", "form", "bits"), FORMS)
def test_valid_and_the_same_for_the_same_seed(name: str, form: str, bits: int) -> None:
    proto = topologies.generate(name, form, bits, width=0.125)
    if form == "qdq":
        onnx.checker.check_model(proto, full_check=True)
    assert proto.SerializeToString() == topologies.generate(name, form, bits, width=0.125).SerializeToString()
    assert proto.SerializeToString() != topologies.generate(name, form, bits, width=0.125, seed=8).SerializeToString()


@pytest.mark.parametrize("name", ["mobilenet_v1", "mobilenet_v2", "resnet50"])
def test_import_means_what_onnx_says(name: str) -> None:
    proto = topologies.generate(name, "qdq", **TINY)
    proto.opset_import[0].version = 19  # the ops are the same; onnx's reference knows no older DequantizeLinear
    image = np.random.default_rng(3).normal(0, 1, (1, 3, 32, 32)).astype(np.float32)
    (expected,) = ReferenceEvaluator(proto).run(None, {"image": image})
    module = import_onnx(proto.SerializeToString())
    (result,) = compile_function(module, "main").run({0: image[None]})
    np.testing.assert_allclose(np.asarray(result)[0], expected, atol=1e-4 * np.ptp(expected))


@pytest.mark.parametrize(("name", "form", "bits"), FORMS)
def test_text_and_passes(name: str, form: str, bits: int) -> None:
    """The text is read back as it was, and the passes keep the meaning, but for the noise of float32."""
    size = {} if name == "cnv" else TINY
    module = import_onnx(topologies.generate(name, form, bits, **size).SerializeToString())
    text = module_text(module)
    assert module_text(parse_module(text, name)) == text
    image = np.random.default_rng(4).normal(0, 1, (1, 1, 3, 32, 32)).astype(np.float32)
    (before,) = compile_function(module, "main").run({0: image})
    run_passes(new_context(), module, parse_passes("q-fold-constants,q-convert-to-typed,q-streamline,q-infer-ranges"))
    verify_module(module)
    (after,) = compile_function(module, "main").run({0: image})
    assert np.abs(np.asarray(after) - np.asarray(before)).max() <= 0.2 * np.ptp(before)


def test_refused_forms() -> None:
    with pytest.raises(ValueError, match="no form 'qdq' with 4 bits"):
        topologies.generate("resnet50", "qdq", 4)
    with pytest.raises(ValueError, match="images of 32 x 32 alone"):
        topologies.generate("cnv", size=64)
