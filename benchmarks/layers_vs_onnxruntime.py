# SPDX-License-Identifier: Apache-2.0
"""Codes of every layer of networks in 8 bits (QDQ) against those of onnxruntime, and what becomes of test sets.

Each layer is fed with onnxruntime's own codes. The reference computes exactly and onnxruntime in float32, so a code may
differ by one where the exact value is next to a rounding boundary: asked for are at most 20 in a million, each within
2^-14 of a code (a tie counts as next to it). Of whole networks, the most probable class of each sample is compared, the
lowest of equal ones.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from common import DATA, Model, arguments, present_models, publish, run, table
from qopt_mlir.frontends.onnx import import_onnx
from qopt_mlir.passes.pipelines import to_typed
from qopt_mlir.passes.runner import parse_passes, run_passes
from qopt_mlir.qdialect.errors import node_name
from qopt_mlir.qdialect.q import ConstantOp, QuantizeOp
from qopt_mlir.qdialect.reference import ExactReal, Plan, compile_function
from qopt_mlir.qdialect.text import new_context
from qopt_mlir.qdialect.types import element_type, integer_format, is_integer_type, shape_of
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, BlockArgument, Operation, Region, SSAValue

ENGINE = Path(__file__).with_name("engine_codes.py")
DATASETS = DATA.parent / "datasets"
EXACT = "q-fold-constants,q-convert-to-typed"  # as ONNX writes it, in exact arithmetic: nothing is lowered yet
MOST_PLACES = 100  # of a layer, where the distance from a rounding boundary is computed
NEAR, MOST = Fraction(1, 1 << 14), Fraction(20, 10**6)

Samples = tuple[np.ndarray, np.ndarray]


def images() -> Samples:
    with np.load(DATASETS / "cifar10_exact_100.npz") as data:
        return (data["x"].astype(np.int16) - 128).astype(np.int8), data["y"]


def keywords() -> Samples:
    with np.load(DATASETS / "kws_mlperftiny_1000.npz") as data:
        return data["x_mfcc_int8"].reshape(-1, 49, 10, 1).astype(np.int8), data["y"]


def noise(shape: tuple[int, ...], dtype: Any) -> Callable[[], Samples]:
    def samples() -> Samples:
        rng = np.random.default_rng(8)
        if dtype == np.int8:
            return rng.integers(-128, 128, (200, *shape)).astype(np.int8), np.empty(0)
        return rng.uniform(-1, 1, (200, *shape)).astype(np.float32), np.empty(0)

    return samples


@dataclass(frozen=True)
class Network:
    """A network, what it is fed (with labels, or none), and how many of these its layers are compared on."""

    model: Model
    samples: Callable[[], Samples]
    layer_frames: int


NETWORKS = (
    Network(Model("mlperftiny_ic_resnet8_int8"), images, 20),
    Network(Model("mlperftiny_kws_dscnn_int8"), keywords, 100),
    Network(Model("mlperftiny_ad01_int8"), noise((640,), np.int8), 200),
    Network(Model("mcunet_vww_int8"), noise((80, 80, 3), np.float32), 4),
    Network(Model("kwsmlp_w3a3_qcdq"), noise((1, 10, 49), np.float32), 200),
)


# --- layers ------------------------------------------------------------------------------------------------------


def lowered(model: Model, passes: str) -> ModuleOp:
    module = import_onnx(model.path)
    run_passes(new_context(), module, parse_passes(passes))
    return module


def quantisers(module: ModuleOp) -> list[QuantizeOp]:
    """The ops that give the codes of activations."""
    return [
        op
        for op in module.walk()
        if isinstance(op, QuantizeOp)
        and is_integer_type(element_type(op.result))
        and not isinstance(op.input.owner, ConstantOp)
    ]


def tensor_of(op: Operation, nodes: dict[str, onnx.NodeProto]) -> str:
    """The tensor of the ONNX model that has the codes of a quantiser, which is named after a node of Q or DQ."""
    node = nodes[str(node_name(op))]
    return node.input[0] if node.op_type == "DequantizeLinear" else node.output[0]


def layer(wanted: SSAValue, known: set[SSAValue]) -> tuple[list[SSAValue], Plan]:
    """What the value depends on of `known` and the network's inputs, and a plan that makes it of these."""
    ops, starts, waiting = list[Operation](), list[SSAValue](), [wanted]
    while waiting:
        value = waiting.pop()
        owner = value.owner
        if value is not wanted and (value in known or isinstance(value, BlockArgument)):
            starts += [] if value in starts else [value]
        elif isinstance(owner, Operation) and owner not in ops:
            ops.append(owner)
            waiting += owner.operands
    block = Block(arg_types=[value.type for value in starts])
    values: dict[SSAValue, SSAValue] = dict(zip(starts, block.args, strict=True))
    inside = set(ops)
    parent = ops[0].parent
    assert parent is not None
    for op in parent.ops:
        if op in inside:
            block.add_op(op.clone(value_mapper=values))
    block.add_op(ReturnOp(values[wanted]))
    function = FuncOp("main", ([value.type for value in starts], [wanted.type]), Region(block))
    return starts, compile_function(ModuleOp([function]))


def codes_of(plan: Plan, inputs: list[np.ndarray]) -> Any:
    shaped = {n: a.reshape(-1, *b.numbers.shape) for n, (a, b) in enumerate(zip(inputs, plan.inputs, strict=True))}
    return plan.run_codes(shaped)[0]


@dataclass(frozen=True)
class Compared:
    """How the codes of one layer compare."""

    node: str
    elements: int
    differ: int
    most: int
    farthest: Fraction


def compare(op: QuantizeOp, found: dict[SSAValue, np.ndarray]) -> Compared:
    """A quantiser, fed with the engine's codes, against the engine."""
    starts, plan = layer(op.result, set(found))
    wanted = found[op.result].reshape(len(found[op.result]), -1).astype(np.int64)
    codes = np.asarray(codes_of(plan, [found[value] for value in starts])).reshape(wanted.shape).astype(np.int64)
    places = np.argwhere(codes != wanted)[:MOST_PLACES]
    farthest = Fraction(0)
    if len(places):
        starts, plan = layer(op.input, set(found))
        values = codes_of(plan, [found[value][places[:, 0]] for value in starts])
        if isinstance(values, ExactReal):
            chosen = values.to_fractions().reshape(len(places), -1)[np.arange(len(places)), places[:, 1]]
            scale = Fraction(2) ** integer_format(element_type(op.result)).fraction_bits
            farthest = max(abs(v * scale - floor(v * scale) - Fraction(1, 2)) for v in chosen)
    most = int(np.abs(codes - wanted).max()) if wanted.size else 0
    return Compared(str(node_name(op)), wanted.size, int((codes != wanted).sum()), most, farthest)


def engine(network: Network, frames: np.ndarray, tensors: list[str], python: str) -> tuple[dict[str, np.ndarray], str]:
    """Codes of tensors, the output and the version of onnxruntime."""
    with tempfile.TemporaryDirectory() as folder:
        file, result = Path(folder) / "frames.npy", Path(folder) / "codes.npz"
        np.save(file, frames)
        report = run([python, ENGINE, network.model.path, file, json.dumps(tensors), result]).output
        with np.load(result) as data:
            return {name.replace("\\", "/"): data[name] for name in data.files}, json.loads(report)["onnxruntime"]


def layers(network: Network, python: str) -> tuple[list[Compared], str]:
    """Every layer whose codes onnxruntime has, behind exact arithmetic; and its version."""
    module = lowered(network.model, EXACT)
    graph = onnx.load(network.model.path).graph
    nodes = {name: node for node in graph.node for name in (node.output[0], node.name)}
    ops = quantisers(module)
    tensors = {op: tensor_of(op, nodes) for op in ops}
    frames = network.samples()[0][: network.layer_frames]
    codes, version = engine(network, frames, list(tensors.values()), python)
    main = next(op for op in module.ops if isinstance(op, FuncOp) and op.sym_name.data == "main")
    found: dict[SSAValue, np.ndarray] = {
        op.result: codes[name]
        for op, name in tensors.items()
        if name in codes and _sizes(codes[name].shape[1:]) == _sizes(shape_of(op.result)[1:])  # not in another layout
    }
    found[main.body.block.args[0]] = frames
    return [compare(op, found) for op in ops if op.result in found], version


def _sizes(shape: tuple[int, ...]) -> list[int]:
    """The sizes of axes, but for those of one element, which a reshape may add."""
    return [size for size in shape if size != 1]


# --- whole networks ----------------------------------------------------------------------------------------------


def whole(network: Network, python: str) -> tuple[object, ...]:
    """The chain from input to output: outputs that differ, classes, accuracy."""
    frames, labels = network.samples()
    plan = compile_function(lowered(network.model, to_typed()))
    own = np.asarray(plan.run({0: frames})[0]).reshape(len(frames), -1)
    codes, _ = engine(network, frames, [], python)
    other = codes["output"].reshape(own.shape)
    classes = [outputs.argmax(axis=1) for outputs in (own, other)]
    same = int((classes[0] == classes[1]).sum())
    right = [f"{100 * float((found == labels).mean()):.1f} %" for found in classes]
    differ = int((own.astype(np.float64) != other.astype(np.float64)).sum())
    return (network.model.name, len(frames), own.size, differ, same, *right)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--peers-python", default=sys.executable, help="Python that has onnxruntime")
    parser.add_argument("--model", action="append", help="only this model (may be repeated)")
    options = parser.parse_args()
    present = {model.name for model in present_models([network.model for network in NETWORKS])}
    chosen = [n for n in NETWORKS if n.model.name in present and n.model.name in (options.model or present)]
    rows: list[tuple[object, ...]] = []
    details: list[tuple[object, ...]] = []
    chains: list[tuple[object, ...]] = []
    version = ""
    for network in chosen:
        compared, version = layers(network, options.peers_python)
        elements, differ = sum(c.elements for c in compared), sum(c.differ for c in compared)
        most, farthest = max(c.most for c in compared), max(c.farthest for c in compared)
        met = "yes" if differ <= MOST * elements and most <= 1 and farthest <= NEAR else "no"
        rows.append((network.model.name, len(compared), elements, differ, most, f"{float(farthest):.2g}", met))
        details += [(network.model.name, c.node, c.elements, c.differ, f"{float(c.farthest):.2g}") for c in compared]
        print(*rows[-1], sep="\t", file=sys.stderr)
        if len(network.samples()[1]):
            chains.append(whole(network, options.peers_python))
            print(*chains[-1], sep="\t", file=sys.stderr)
    for detail in details:  # of every layer; the page has the sums
        print(*detail, sep="\t", file=sys.stderr)
    titles = ["model", "layers", "codes", "differ", "by at most", "farthest from a boundary", "met"]
    ends = ["model", "samples", "outputs", "differ", "same class", "qopt accuracy", "onnxruntime accuracy"]
    text = f"Each layer fed with the codes of onnxruntime {version}: its optimised graph (extended), int8 kept as int8."
    parts = [text, table(titles, rows)]
    if chains:
        parts += ["Whole networks, from input to output:", table(ends, chains)]
    publish(__file__, "Codes of layers against onnxruntime", parts, options.write)
    if any(row[-1] == "no" for row in rows) or any(row[1] != row[4] for row in chains):
        sys.exit("not met")


if __name__ == "__main__":
    main()
