# SPDX-License-Identifier: Apache-2.0
"""Multiplications that the units of transposed and dilated convolutions do in a frame, counted layer by layer."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
import onnx
from common import DATA, arguments, publish, table
from onnx import TensorProto, helper, numpy_helper
from qopt_mlir.frontends.onnx import import_onnx
from qopt_mlir.passes.runner import parse_passes, run_passes
from qopt_mlir.qdialect.dataflow import WeightedSumsOp
from qopt_mlir.qdialect.errors import node_name
from qopt_mlir.qdialect.text import new_context

PASSES = 'q-quantize{{weight="fixed<8>" activation="fixed<8>" data="{data}"}},q-to-typed,q-convert-to-dataflow'
MEANING = """\
`done`: counted from the units of the dataflow level. `needed`: from the shapes of the ONNX model, for each place of the
result the taps of the kernel that stand on an element of the input or on the border around it, not on a zero that a
stride or a dilation inserts. `with zeros`: what a plain convolution of the widened image, or with the widened kernel,
multiplies. `inside`: needed, without the border. Networks are quantised to 8 bits (q-quantize), with random frames."""
LAYERS = {"Conv", "ConvTranspose", "Gemm"}


@dataclass(frozen=True)
class Count:
    """Products of a layer in a frame; each number but `done` from shapes alone."""

    layer: str
    needed: int
    inside: int
    with_zeros: int
    done: int = 0

    def __add__(self, other: Count) -> Count:
        pairs = zip(self.numbers, other.numbers, strict=True)
        return Count(self.layer, *(a + b for a, b in pairs))

    @property
    def numbers(self) -> tuple[int, int, int, int]:
        return self.needed, self.inside, self.with_zeros, self.done

    @property
    def row(self) -> tuple[object, ...]:
        needed, inside, with_zeros, done = self.numbers
        equal = "yes" if done == needed else "no"
        return self.layer, done, needed, equal, inside, with_zeros, f"{with_zeros / done:.2f}x"


def axis_products(node: str, size: int, result: int, kernel: int, stride: int, dilation: int, low: int) -> np.ndarray:
    """(needed, inside, with zeros) of one axis, place by place and tap by tap."""
    needed = inside = 0
    for place in range(result):
        for tap in range(kernel):
            if node == "Conv":
                where, meets = place * stride + tap * dilation - low, True
            else:
                where, rest = divmod(place + low - tap * dilation, stride)
                meets = rest == 0
            needed += meets
            inside += meets and 0 <= where < size
    return np.array([needed, inside, result * (dilation * (kernel - 1) + 1)], object)


def layer_count(node: onnx.NodeProto, shapes: dict[str, tuple[int, ...]]) -> Count:
    """The products that a node of the model needs."""
    values = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    x, w, y = (shapes[name] for name in (node.input[0], node.input[1], node.output[0]))
    if node.op_type == "Gemm":
        return Count(f"{node.name} {w[0]} x {w[1]}", *[prod(w)] * 3)
    rank, groups = len(x) - 2, values.get("group", 1)
    strides, dilations = values.get("strides", [1] * rank), values.get("dilations", [1] * rank)
    pads = values.get("pads", [0] * 2 * rank)
    more = values.get("output_padding", [0])[0]
    axes = [
        axis_products(node.op_type, x[2 + axis], y[2 + axis], w[2 + axis], strides[axis], dilations[axis], pads[axis])
        for axis in range(rank)
    ]
    needed, inside, with_zeros = prod(axes) * (x[1] * y[1] // groups)
    text = f"{node.name} {x[1]} -> {y[1]}, {'x'.join(map(str, w[2:]))}/{strides[0]}"
    text += f" pad {pads[0]}" * (pads[0] > 0) + f" output pad {more}" * (more > 0)
    text += f" dilation {dilations[0]}" * (dilations[0] > 1)
    return Count(text + " depthwise" * (groups == x[1] > 1), needed, inside, with_zeros)


def needed_products(model: onnx.ModelProto) -> dict[str, Count]:
    """Of each layer of the model, by the name of its node."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    values = [*graph.input, *graph.value_info, *graph.output]
    shapes = {v.name: tuple(d.dim_value for d in v.type.tensor_type.shape.dim) for v in values}
    shapes |= {constant.name: tuple(constant.dims) for constant in graph.initializer}
    return {node.name: layer_count(node, shapes) for node in graph.node if node.op_type in LAYERS}


def done_products(path: Path, frames: Path) -> dict[str, int]:
    """Multiplications of the units that a model becomes, by the name of the node that they come of."""
    module = import_onnx(path)
    run_passes(new_context(), module, parse_passes(PASSES.format(data=frames)))
    found: dict[str, int] = {}
    for unit in module.walk():
        if isinstance(unit, WeightedSumsOp):
            name = node_name(unit) or ""
            found[name] = found.get(name, 0) + unit.result_type.elements * unit.columns
    return found


def counts(model: onnx.ModelProto, folder: Path) -> list[Count]:
    """Each layer of the model, done and needed."""
    for number, node in enumerate(model.graph.node):
        node.name = node.name or f"{node.op_type}_{number}"
    path, frames = folder / "model.onnx", folder / "frames.npy"
    onnx.save(model, path)
    shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
    np.save(frames, np.random.default_rng(0).uniform(-1, 1, (2, *shape)).astype(np.float32))
    done, needed = done_products(path, frames), needed_products(model)
    assert done.keys() == needed.keys(), done.keys() ^ needed.keys()
    return [
        Count(count.layer, count.needed, count.inside, count.with_zeros, done[name]) for name, count in needed.items()
    ]


def single(
    kernel: int, stride: int, pad: int, more: int = 0, dilation: int = 1, depthwise: bool = False
) -> onnx.ModelProto:
    """One transposed convolution of an image of 16 x 16 with 8 channels."""
    weights = np.random.default_rng(0).normal(size=(8, 1 if depthwise else 4, kernel, kernel)).astype(np.float32)
    node = helper.make_node(
        "ConvTranspose",
        ["x", "w"],
        ["y"],
        strides=[stride] * 2,
        pads=[pad] * 4,
        output_padding=[more] * 2,
        dilations=[dilation] * 2,
        group=8 if depthwise else 1,
    )
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("x", [1, 8, 16, 16]), ("y", None)))
    graph = helper.make_graph([node], "layer", [x], [y], [numpy_helper.from_array(weights, "w")])
    return onnx.shape_inference.infer_shapes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]))


def collected(name: str) -> onnx.ModelProto | None:
    """A model of the collection; None, which is said, if it is absent."""
    path = DATA / f"{name}.onnx"
    if not path.is_file():
        print(f"skipped: no {name}.onnx in the model collection beside the checkout", file=sys.stderr)
        return None
    return onnx.load(path)


def singles() -> Iterator[onnx.ModelProto]:
    """Kernels, strides and paddings of decoders and generators."""
    yield single(2, 2, 0)
    yield single(3, 2, 1, 1)
    yield single(3, 2, 1)
    yield single(4, 2, 1)
    yield single(4, 2, 0)
    yield single(5, 2, 2, 1)
    yield single(5, 3, 1)
    yield single(8, 4, 2)
    yield single(3, 1, 1)
    yield single(3, 2, 2, 1, dilation=3)
    yield single(4, 2, 1, depthwise=True)


def section(models: Sequence[onnx.ModelProto]) -> str:
    """A table of all layers, with a sum."""
    with tempfile.TemporaryDirectory() as scratch:
        rows = [count for model in models for count in counts(model, Path(scratch))]
    total = sum(rows[1:], start=rows[0])
    titles = ["layer", "done", "needed", "equal", "inside", "with zeros", "saved"]
    return table(titles, [*(count.row for count in rows), ("all", *total.row[1:])])


def main() -> None:
    options = arguments(__doc__).parse_args()
    networks: dict[str, Callable[[], onnx.ModelProto | None]] = {
        "vnn_cgan32_ch1, a generator and its judge": lambda: collected("vnn_cgan32_ch1"),
        "ultraface_rfb320, a detector with dilated convolutions": lambda: collected("ultraface_rfb320"),
    }
    texts = [MEANING, "Transposed convolutions of 16 x 16 x 8:", section([*singles()])]
    for label, load in networks.items():
        model = load()
        if model is not None:
            texts += [f"{label}:", section([model])]
    publish(__file__, "Multiplications of transposed and dilated convolutions", texts, options.write)


if __name__ == "__main__":
    main()
