# SPDX-License-Identifier: Apache-2.0
"""One network in two forms (QONNX and QCDQ) becomes one and the same typed IR, but for names and locations."""

import pytest
from qopt_mlir.frontends.onnx import import_onnx
from qopt_mlir.passes.pipelines import PIPELINES
from qopt_mlir.passes.runner import parse_passes, run_passes
from qopt_mlir.qdialect.text import new_context
from xdsl.dialects.builtin import ModuleOp

from .graphs import MODELS, anonymous_text, needs_models

PAIRS = {
    "tfc_2w2a": "tfc_2w2a_qcdq",
    "kwsmlp_w3a3": "kwsmlp_w3a3_qcdq",
    "qkeras_jettagging": "qkeras_jettagging_qcdq",
    "espcn_subpixel_quant": "espcn_subpixel_qcdq",
}


def typed(name: str) -> ModuleOp:
    """The typed level, not yet divided between hardware and host."""
    module = import_onnx(MODELS / f"{name}.onnx")
    passes = [name for name in PIPELINES["q-to-typed"] if name != "q-partition"]
    run_passes(new_context(), module, parse_passes(",".join(passes)))
    return module


@needs_models
@pytest.mark.parametrize("name", PAIRS)
def test_same_typed_ir(name: str) -> None:
    texts = [anonymous_text(typed(form)) for form in (name, PAIRS[name])]
    assert texts[0] == texts[1]
    assert "q.threshold" in texts[0] or "q.quantize" in texts[0]
