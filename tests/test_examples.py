# SPDX-License-Identifier: Apache-2.0
"""The committed example model classifies as its README says, judged by the qonnx package."""

from pathlib import Path

import numpy as np
import pytest

DIGITS = Path(__file__).parents[1] / "examples" / "digits"


@pytest.mark.filterwarnings("default")  # the judge's own
def test_accuracy_of_digits() -> None:
    pytest.importorskip("qonnx", reason="the qonnx package is not installed")
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx
    from qonnx.transformation.infer_shapes import InferShapes

    model = ModelWrapper(str(DIGITS / "digits.onnx")).transform(InferShapes())
    images = np.load(DIGITS / "test_images.npy").astype(np.float32)
    labels = np.load(DIGITS / "test_labels.npy")
    logits = [execute_onnx(model, {"x": image[None]})["logits"] for image in images]
    right = int((np.concatenate(logits).argmax(axis=1) == labels).sum())
    assert right == 353
    assert f"{right} of the {len(labels)} test images" in (DIGITS / "README.md").read_text()
