# SPDX-License-Identifier: Apache-2.0
"""Train a small float network on scikit-learn's digits and write it as ONNX, with the data beside it.

pip install 'qopt-mlir[examples]'
python train.py                # writes digits.onnx and digits.npz beside this file
"""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

HIDDEN = (32, 32)
TEST_SAMPLES = 360
SEED = 1


def graph(weights: list[Any], biases: list[Any]) -> onnx.ModelProto:
    """Gemm and Relu nodes in a row, input `x` [1, 64], output `logits` [1, 10]."""
    nodes, constants, value = [], [], "x"
    for index, (weight, bias) in enumerate(zip(weights, biases, strict=True), start=1):
        last = index == len(weights)
        names = [f"fc{index}_weight", f"fc{index}_bias"]
        arrays = (weight.astype(np.float32), bias.astype(np.float32))
        constants += [numpy_helper.from_array(array, name) for array, name in zip(arrays, names, strict=True)]
        result = "logits" if last else f"sum{index}"
        nodes.append(helper.make_node("Gemm", [value, *names], [result], name=f"fc{index}"))
        if not last:
            value = f"hidden{index}"
            nodes.append(helper.make_node("Relu", [result], [value], name=f"relu{index}"))
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 64])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 10])
    opsets = [helper.make_opsetid("", 13)]
    return helper.make_model(helper.make_graph(nodes, "digits", [x], [logits], constants), opset_imports=opsets)


def main() -> None:
    images, labels = load_digits(return_X_y=True)
    parts: list[Any] = train_test_split(images, labels, test_size=TEST_SAMPLES, random_state=SEED, stratify=labels)
    x_train, x_test, y_train, y_test = parts
    network = MLPClassifier(HIDDEN, max_iter=300, alpha=1e-3, random_state=SEED).fit(x_train, y_train)
    print(f"{network.score(x_test, y_test):.2%} of {TEST_SAMPLES} test images")
    folder = Path(__file__).parent
    model = graph(network.coefs_, network.intercepts_)
    model.ir_version = 8
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(folder / "digits.onnx"))
    arrays = {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}
    np.savez_compressed(folder / "digits.npz", **{name: array.astype(np.uint8) for name, array in arrays.items()})


if __name__ == "__main__":
    main()
