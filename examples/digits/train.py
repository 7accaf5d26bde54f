# SPDX-License-Identifier: Apache-2.0
"""Train a small quantised network on scikit-learn's digits and write it as QONNX.

The network is 64-32-32-10. Weights have 4 bits and one free scale a layer; activations have 4 bits, unsigned, with a
learned clip (PACT, Choi et al. 2018); batch normalisation stays a node of its own. Training passes gradients straight
through the rounding. Everything is seeded: on one machine the same files come out byte for byte; another BLAS may
round differently.

    pip install 'qopt-mlir[examples]'
    python train.py                # writes digits.onnx, test_images.npy, test_labels.npy beside this file
"""

import argparse
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

Array = np.ndarray[Any, np.dtype[np.float64]]
Parameters = dict[str, Array]
Records = list[dict[str, Array]]

SIZES = (64, 32, 32, 10)
PIXEL_BITS = 5  # pixels are the integers 0 to 16
WEIGHT_BITS = 4
ACTIVATION_BITS = 4
EPSILON = 1e-5
TEST_SAMPLES = 360
QONNX_DOMAIN = "qonnx.custom_op.general"


def initial_parameters(rng: np.random.Generator) -> Parameters:
    """He-initialised weights [inputs, outputs], neutral batch normalisation, and activation clips."""
    parameters: Parameters = {}
    for index, (inputs, outputs) in enumerate(itertools.pairwise(SIZES), start=1):
        parameters[f"weight{index}"] = rng.normal(0.0, np.sqrt(2.0 / inputs), (inputs, outputs))
        if index < len(SIZES) - 1:
            parameters[f"gamma{index}"] = np.ones(outputs)
            parameters[f"beta{index}"] = np.zeros(outputs)
            parameters[f"clip{index}"] = np.array(3.0)
    parameters["bias"] = np.zeros(SIZES[-1])
    return parameters


def weight_scale(weight: Array) -> np.float32:
    """The value of one code: the largest magnitude becomes the largest code of the symmetric (narrow) range."""
    return np.float32(np.abs(weight).max() / (2 ** (WEIGHT_BITS - 1) - 1))


def activation_scale(clip: Array) -> np.float32:
    """The value of one code: the learned clip becomes the largest unsigned code."""
    return np.float32(clip / (2**ACTIVATION_BITS - 1))


def quantise_weight(weight: Array) -> Array:
    """Weights as the hardware holds them, scaled back to real values."""
    scale = float(weight_scale(weight))
    return np.rint(weight / scale) * scale


def quantise_activation(value: Array, clip: Array) -> Array:
    """Rectify, clip and round to unsigned codes, scaled back to real values."""
    scale = float(activation_scale(clip))
    return np.clip(np.rint(value / scale), 0, 2**ACTIVATION_BITS - 1) * scale


def forward(parameters: Parameters, images: Array, statistics: Records | None = None) -> tuple[Array, Records]:
    """Logits [frames, 10] and, for each layer, what its gradient needs.

    Batch normalisation uses the mean and variance of `images` themselves, or those recorded in `statistics`.
    """
    value, records, last = images, [], len(SIZES) - 1
    for index in range(1, last):
        accumulator = value @ quantise_weight(parameters[f"weight{index}"])
        source = {"mean": accumulator.mean(axis=0), "variance": accumulator.var(axis=0)}
        if statistics is not None:
            source = statistics[index - 1]
        normal = (accumulator - source["mean"]) / np.sqrt(source["variance"] + EPSILON)
        affine = normal * parameters[f"gamma{index}"] + parameters[f"beta{index}"]
        records.append({**source, "input": value, "normal": normal, "affine": affine})
        value = quantise_activation(affine, parameters[f"clip{index}"])
    records.append({"input": value})
    return value @ quantise_weight(parameters[f"weight{last}"]) + parameters["bias"], records


def gradients(parameters: Parameters, images: Array, labels: Array) -> Parameters:
    """Gradients of the mean cross-entropy, straight through every rounding."""
    logits, records = forward(parameters, images)
    likelihood = np.exp(logits - logits.max(axis=1, keepdims=True))
    likelihood /= likelihood.sum(axis=1, keepdims=True)
    likelihood[np.arange(len(labels)), labels] -= 1.0
    upstream = likelihood / len(labels)
    last = len(SIZES) - 1
    result: Parameters = {"bias": upstream.sum(axis=0), f"weight{last}": records[-1]["input"].T @ upstream}
    upstream = upstream @ quantise_weight(parameters[f"weight{last}"]).T
    for index in range(last - 1, 0, -1):
        record, clip = records[index - 1], parameters[f"clip{index}"]
        result[f"clip{index}"] = np.array(upstream[record["affine"] >= clip].sum())
        upstream = upstream * ((record["affine"] > 0) & (record["affine"] < clip))
        result[f"gamma{index}"] = (upstream * record["normal"]).sum(axis=0)
        result[f"beta{index}"] = upstream.sum(axis=0)
        upstream = upstream * parameters[f"gamma{index}"]
        centred = upstream - upstream.mean(axis=0) - record["normal"] * (upstream * record["normal"]).mean(axis=0)
        upstream = centred / np.sqrt(record["variance"] + EPSILON)
        result[f"weight{index}"] = record["input"].T @ upstream
        upstream = upstream @ quantise_weight(parameters[f"weight{index}"]).T
    return result


def train(images: Array, labels: Array, *, epochs: int, seed: int) -> Parameters:
    """Adam with a cosine learning rate; returns the parameters after the last epoch."""
    rng = np.random.default_rng(seed)
    parameters = initial_parameters(rng)
    first = {name: np.zeros_like(value) for name, value in parameters.items()}
    second = {name: np.zeros_like(value) for name, value in parameters.items()}
    batches, step = len(images) // 32, 0
    for _ in range(epochs):
        for batch in np.array_split(rng.permutation(len(images)), batches):
            rate = 1e-2 * 0.5 * (1.0 + np.cos(np.pi * step / (epochs * batches)))
            step += 1
            for name, gradient in gradients(parameters, images[batch], labels[batch]).items():
                first[name] = 0.9 * first[name] + 0.1 * gradient
                second[name] = 0.999 * second[name] + 0.001 * gradient**2
                move = first[name] / (1 - 0.9**step) / (np.sqrt(second[name] / (1 - 0.999**step)) + 1e-8)
                parameters[name] = parameters[name] - rate * move
    return parameters


class GraphWriter:
    """Collects named nodes and initialisers of an ONNX graph."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def constant(self, name: str, value: Any) -> str:
        """Store `value` as a float32 initialiser."""
        self.initializers.append(numpy_helper.from_array(np.asarray(value, dtype=np.float32), name))
        return name

    def node(self, kind: str, name: str, inputs: list[str], output: str = "", **attributes: Any) -> str:
        """Append a node; its one output has the node's name unless `output` is given."""
        self.nodes.append(helper.make_node(kind, inputs, [output or name], name=name, **attributes))
        return output or name

    def quant(self, name: str, value: str, scale: Any, bits: int, *, signed: bool, narrow: bool = False) -> str:
        """Append a QONNX `Quant` with zero point 0 and rounding half to even."""
        inputs = [
            value,
            self.constant(f"{name}_scale", scale),
            self.constant(f"{name}_zero_point", 0.0),
            self.constant(f"{name}_bits", bits),
        ]
        flags = {"signed": int(signed), "narrow": int(narrow), "rounding_mode": "ROUND"}
        return self.node("Quant", name, inputs, domain=QONNX_DOMAIN, **flags)


def to_onnx(parameters: Parameters, statistics: Records) -> onnx.ModelProto:
    """The QONNX model, batch normalisation using `statistics`."""
    graph, last = GraphWriter(), len(SIZES) - 1
    value = graph.quant("pixel_quant", "x", 1.0, PIXEL_BITS, signed=False)
    for index in range(1, last + 1):
        weight = parameters[f"weight{index}"]
        stored = graph.constant(f"fc{index}_weight", weight)
        scale = weight_scale(weight)
        codes = graph.quant(f"fc{index}_weight_quant", stored, scale, WEIGHT_BITS, signed=True, narrow=True)
        value = graph.node("MatMul", f"fc{index}", [value, codes])
        if index == last:
            break
        normal = {name: parameters[f"{name}{index}"] for name in ("gamma", "beta")}
        normal |= {name: statistics[index - 1][name] for name in ("mean", "variance")}
        inputs = [graph.constant(f"fc{index}_{name}", array) for name, array in normal.items()]
        value = graph.node("BatchNormalization", f"fc{index}_norm", [value, *inputs], epsilon=EPSILON)
        value = graph.node("Relu", f"fc{index}_relu", [value])
        scale = activation_scale(parameters[f"clip{index}"])
        value = graph.quant(f"fc{index}_quant", value, scale, ACTIVATION_BITS, signed=False)
    graph.node("Add", f"fc{last}_bias_add", [value, graph.constant(f"fc{last}_bias", parameters["bias"])], "logits")
    return helper.make_model(
        helper.make_graph(
            graph.nodes,
            "digits",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, SIZES[0]])],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, SIZES[-1]])],
            graph.initializers,
        ),
        opset_imports=[helper.make_opsetid("", 13), helper.make_opsetid(QONNX_DOMAIN, 1)],
        ir_version=8,
        producer_name="qopt-digits-example",
    )


def accuracy(parameters: Parameters, statistics: Records, images: Array, labels: Array) -> float:
    """Share of `images` classified right, batch normalisation using `statistics`."""
    logits, _ = forward(parameters, images, statistics)
    return float((logits.argmax(axis=1) == labels).mean())


def main() -> None:
    """Train, report the accuracy on the held-out images, write the files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--epochs", type=int, default=120)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    arguments = parser.parse_args()
    images, labels = load_digits(return_X_y=True)
    train_images, test_images, train_labels, test_labels = train_test_split(
        images, labels, test_size=TEST_SAMPLES, random_state=0, stratify=labels
    )
    parameters = train(train_images, train_labels, epochs=arguments.epochs, seed=arguments.seed)
    _, statistics = forward(parameters, train_images)
    print(f"training accuracy {accuracy(parameters, statistics, train_images, train_labels):.4f}")
    print(f"test accuracy     {accuracy(parameters, statistics, test_images, test_labels):.4f}")
    arguments.out.mkdir(parents=True, exist_ok=True)
    onnx.save(to_onnx(parameters, statistics), arguments.out / "digits.onnx")
    np.save(arguments.out / "test_images.npy", test_images.astype(np.uint8))
    np.save(arguments.out / "test_labels.npy", test_labels.astype(np.uint8))


if __name__ == "__main__":
    main()
