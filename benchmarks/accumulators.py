# SPDX-License-Identifier: Apache-2.0
"""Width of the accumulators of every layer with known integer weights, against what data types alone allow.

The bound that types give is input bits + weight bits + ceil(log2 K) for sums of K products; that of A2Q (2023) counts
the sign once, so it is a bit less for signed inputs. Ours is what the range analysis proves, without bias, from the
values of the weights and the range of each input channel. For each layer two corner inputs, made from the signs of the
weights of one output, run through the reference: they reach both ends of the proven range, and one of the two does not
fit into an accumulator of one bit less.

SIRA (2025) gives its figure, 22 %, as an average over networks of FINN, whose weights usually have 1 to 4 bits: the
averages over models, and the rows of few bits, are like it. What is saved depends on how far the weights of an output
stay, on average, below the largest that their type holds.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from common import ROOT, table
from coverage import SHAPES, held_by, models, vectors
from numpy.typing import NDArray
from qopt_mlir.frontends.onnx import import_onnx
from qopt_mlir.frontends.onnx.loader import load
from qopt_mlir.passes.hardware_support import LINEAR, number_refusal
from qopt_mlir.passes.interval import Interval
from qopt_mlir.passes.pipelines import to_typed
from qopt_mlir.passes.range_analysis import Ranges, analyse
from qopt_mlir.passes.runner import parse_passes, run_passes
from qopt_mlir.qdialect.errors import QoptError, node_name
from qopt_mlir.qdialect.formats import BipolarFormat, IntRange
from qopt_mlir.qdialect.q import ConstantOp, ConvOp, ConvTransposeOp, MatMulOp
from qopt_mlir.qdialect.q.inference import constant_of
from qopt_mlir.qdialect.reference import compile_function
from qopt_mlir.qdialect.text import new_context
from qopt_mlir.qdialect.types import element_type, integer_format, shape_of
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Region, SSAValue

PAGE = ROOT / "docs" / "accumulators.md"
GOAL = 0.22  # saved on average
Array = NDArray[Any]
LayerOp = MatMulOp | ConvOp | ConvTransposeOp
LAST_PASS = "q-infer-ranges"  # the first of the pipeline: all later ones keep these layers


@dataclass(frozen=True)
class Layer:
    """Bits of one layer.

    Attributes:
        by_channel: average over the outputs, each with an accumulator of its own width.
        reached: whether corner inputs reach both ends of its range; None if none was tried.
    """

    name: str
    terms: int
    input_bits: int
    weight_bits: int
    by_types: int
    by_a2q: int
    ours: int
    by_channel: float
    reached: bool | None


# --- a model at the typed level -----------------------------------------------------------------------------------


def typed(path: Path) -> ModuleOp | None:
    """The model up to its accumulators, with formats of inputs if layers ask for them; None if some stay real."""
    given, inputs = vectors(path, "in"), load(path).inputs
    pairs = list(zip(inputs, given, strict=False))
    shapes = {info.name: array.shape for info, array in pairs if info.shape and len(info.shape) == array.ndim}
    if path.stem in SHAPES:
        shapes[inputs[0].name] = SHAPES[path.stem]
    for formats in ([], [f"{info.name}: {held_by(array)}" for info, array in pairs]):
        try:
            module = import_onnx(path, shapes=shapes)
            lower(module, formats)
        except QoptError:
            continue
        layers = [op for op in module.walk() if op.name in LINEAR]
        if layers and all(number_refusal(op) is None for op in layers):
            return module
    return None


def lower(module: ModuleOp, formats: Sequence[str]) -> None:
    passes = parse_passes(to_typed(formats))
    last = [pass_.name for pass_ in passes].index(LAST_PASS)
    run_passes(new_context(), module, passes[: last + 1])


# --- its layers ---------------------------------------------------------------------------------------------------


def layers(module: ModuleOp) -> Iterator[Layer]:
    ranges = analyse(module)
    for op in module.walk():
        if not isinstance(op, LayerOp):
            continue
        computed = [value for value in op.operands if constant_of(value) is None]
        if len(computed) == 1:
            yield measured(op, computed[0], ranges)


def measured(op: LayerOp, x: SSAValue, ranges: Ranges) -> Layer:
    (weights,) = (value for value in op.operands if value is not x)
    terms = shape_of(op.lhs)[-1] if isinstance(op, MatMulOp) else op.num_terms
    signed = integer_format(element_type(x)).code_range.signed
    n, m = (integer_format(element_type(value)).word_length for value in (x, weights))
    largest = terms * _magnitude(n, signed, x) * _magnitude(m, True, weights)
    return Layer(
        _short(node_name(op) or op.result.name_hint or op.name),
        terms,
        n,
        m,
        n + m + (terms - 1).bit_length(),
        largest.bit_length() + 1,
        ranges[op.result].hull.word_length,
        _mean_width(ranges[op.result]),
        reached(op, x, ranges),
    )


def _mean_width(x: Interval) -> float:
    """Bits that each bound needs, on average."""
    pairs = zip(*(np.broadcast_to(bound, np.broadcast_shapes(x.lo.shape, x.hi.shape)).flat for bound in (x.lo, x.hi)))
    return float(np.mean([IntRange(int(lo), int(hi)).word_length for lo, hi in pairs]))


def _short(name: str) -> str:
    """The end of a name, which tools make of those of all nodes that became one."""
    return name.rpartition(";")[2][-40:]


def _magnitude(bits: int, signed: bool, value: SSAValue) -> int:
    """The largest code that A2Q counts with: 2^(bits - 1) if signed, else 2^bits; 1 of bipolar."""
    if isinstance(integer_format(element_type(value)), BipolarFormat):
        return 1
    return 1 << (bits - signed)


# --- corner inputs ------------------------------------------------------------------------------------------------


def reached(op: LayerOp, x: SSAValue, ranges: Ranges) -> bool | None:
    """Whether two corner inputs give the ends of the range, of which one needs all its bits; None: not tried."""
    if isinstance(op, ConvTransposeOp) or x is not op.operands[0]:
        return None
    hull = ranges[op.result].hull
    corners = matmul_corners(op, ranges) if isinstance(op, MatMulOp) else conv_corners(op, ranges)
    if corners is None:
        return None
    (sums,) = compile_function(alone(op)).run_codes({0: np.stack(corners)})
    assert isinstance(sums, np.ndarray), "the result is integer"
    ends = (int(sums[0].min()), int(sums[1].max()))
    shorter = 1 << (hull.word_length - 1)
    fits = (-shorter // 2 <= hull.lo and hull.hi < shorter // 2) if hull.signed else hull.hi < shorter
    return ends == (hull.lo, hull.hi) and not fits


def alone(op: MatMulOp | ConvOp) -> ModuleOp:
    """A module with the layer alone, on an input of its type."""
    block = Block(arg_types=[op.operands[0].type])
    constant = constant_of(op.operands[1])
    assert constant is not None
    weights = ConstantOp(constant)
    layer = op.clone({op.operands[0]: block.args[0], op.operands[1]: weights.result})
    block.add_ops([weights, layer, ReturnOp(layer.results[0])])
    types = ([block.args[0].type], [layer.results[0].type])
    return ModuleOp([FuncOp("main", types, Region(block))])


def matmul_corners(op: MatMulOp, ranges: Ranges) -> list[Array] | None:
    """Inputs that make the least and the greatest element of the result."""
    shape, weights = shape_of(op.lhs), ranges[op.rhs].lo
    if weights.shape != shape_of(op.rhs) or weights.ndim != 2:
        return None
    lo, hi = (np.broadcast_to(bound, shape) for bound in (ranges[op.lhs].lo, ranges[op.lhs].hi))
    found = ranges[op.result]
    ends = [np.broadcast_to(bound, shape_of(op.result)) for bound in (found.lo, found.hi)]
    columns = [int(np.argmin(ends[0]) % weights.shape[1]), int(np.argmax(ends[1]) % weights.shape[1])]
    least, most = (weights[:, column] for column in columns)
    return [np.where(least > 0, lo, hi), np.where(most > 0, hi, lo)]


def conv_corners(op: ConvOp, ranges: Ranges) -> list[Array]:
    """The same for a convolution: the window with the right taps is filled, in the channels of one group."""
    codes = ranges[op.weights].lo
    x, weights = ranges[op.input], np.broadcast_to(codes, shape_of(op.weights))
    lo, hi = (_by_channel(op, bound, end) for bound, end in ((x.lo, np.min), (x.hi, np.max)))
    found = ranges[op.result]
    axis = len(shape_of(op.result)) - 1 if op.channels_last else 1
    frames = list[Array]()
    for end, low_end in ((found.lo, True), (found.hi, False)):
        by_output = np.moveaxis(np.broadcast_to(end, shape_of(op.result)), axis, 0).reshape(len(weights), -1)
        output = int(by_output.min(axis=1).argmin() if low_end else by_output.max(axis=1).argmax())
        group = output // (len(weights) // op.groups)
        channels = slice(group * weights.shape[1], (group + 1) * weights.shape[1])
        column = (-1, *(1,) * (weights.ndim - 2))
        least, most = lo[channels].reshape(column), hi[channels].reshape(column)
        rising = (weights[output] > 0) != low_end
        window = np.where(rising, most, least)
        frames.append(_placed(op, weights[output], window, lo, channels, low_end))
    return frames


def _by_channel(op: ConvOp, bound: Array, end: Any) -> Array:
    full = np.broadcast_to(bound.reshape(()) if bound.size == 1 else bound, shape_of(op.input))
    return end(np.moveaxis(full, op.channel_axis, 0).reshape(op.in_channels, -1), axis=1).astype(object)


def _placed(op: ConvOp, weights: Array, window: Array, lo: Array, channels: slice, least: bool) -> Array:
    """A frame with the window where its sum is least (or greatest) without what lies outside."""
    geometry, sizes = op.window, op.spatial_sizes
    places = [
        _distinct(*axis)
        for axis in zip(
            sizes,
            geometry.positions(op.name, sizes),
            geometry.kernel,
            geometry.strides,
            geometry.low,
            geometry.dilations,
            strict=True,
        )
    ]
    products = (weights.astype(object) * window).sum(axis=0)

    def total(place: tuple[Array, ...]) -> int:
        inside = [(taps >= 0) & (taps < size) for taps, size in zip(place, sizes, strict=True)]
        return int((products * reduce(np.multiply.outer, inside)).sum())

    place = (min if least else max)(product(*places), key=total)
    frame = np.empty((op.in_channels, *sizes), dtype=object)
    frame[...] = lo.reshape(-1, *(1,) * len(sizes))
    inside = [np.flatnonzero((taps >= 0) & (taps < size)) for taps, size in zip(place, sizes, strict=True)]
    target = np.ix_(np.arange(op.in_channels)[channels], *(t[i] for t, i in zip(place, inside, strict=True)))
    frame[target] = window[np.ix_(np.arange(len(window)), *inside)]
    frame = np.moveaxis(frame, 0, -1) if op.channels_last else frame
    return np.broadcast_to(frame, shape_of(op.input)).astype(np.int64)


def _distinct(size: int, count: int, kernel: int, stride: int, low: int, dilation: int) -> list[Array]:
    """Where the taps of an axis lie, once for each set of taps that meets elements."""
    taps = np.arange(count)[:, None] * stride - low + np.arange(kernel) * dilation
    _, first = np.unique((taps >= 0) & (taps < size), axis=0, return_index=True)
    return [taps[place] for place in first]


# --- tables -------------------------------------------------------------------------------------------------------


def percent(part: float) -> str:
    return f"{100 * part:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write docs/accumulators.md")
    parser.add_argument("--model", action="append", help="only this model (may be repeated)")
    options = parser.parse_args()
    found: dict[str, list[Layer]] = {}
    for path in models():
        if options.model and path.stem not in options.model:
            continue
        module = typed(path)
        measured_layers = [] if module is None else list(layers(module))
        print(f"{path.stem}: {len(measured_layers)} layers", file=sys.stderr)
        if measured_layers:
            found[path.stem] = measured_layers
    if not found:
        sys.exit("skipped: no model collection beside the checkout")
    text = page(found)
    print(text)
    if options.write and not options.model:
        PAGE.write_text(text, encoding="utf-8")


def page(found: dict[str, list[Layer]]) -> str:
    """docs/accumulators.md"""
    source = "Written by `python benchmarks/accumulators.py --write`."
    parts = ["# Accumulators", source, (__doc__ or "").strip(), summary(found), "## Models", model_table(found)]
    return "\n\n".join([*parts, "## Layers", layer_table(found)]) + "\n"


def summary(found: dict[str, list[Layer]]) -> str:
    every = [(name, layer) for name, rows in found.items() for layer in rows]
    tried = [layer for _, layer in every if layer.reached is not None]
    types, by_model = _average([layer for _, layer in every], "by_types"), _by_model(every)
    rows = [("all", *_averages(every))]
    for title, least, most in (("1 bit", 1, 1), ("2 to 4 bits", 2, 4), ("5 bits and more", 5, 99)):
        group = [(name, layer) for name, layer in every if least <= layer.weight_bits <= most]
        rows += [(title, *_averages(group))] if group else []
    text = (
        f"{len(every)} layers of {len(found)} models. Saved on average over all layers: {percent(types)} %, over the "
        f"averages of models: {percent(by_model)} % (goal {percent(GOAL)} %: {'met' if types >= GOAL else 'missed'}). "
        "Corner inputs reach both ends in "
        f"{sum(layer.reached is True for layer in tried)} of {len(tried)} layers tried, so none of "
        "these can be narrower; how much that saves depends on the weights."
    )
    titles = ["weights", "layers", "saved % of types", "of A2Q", "of types, a width for each output", "over models"]
    return "\n\n".join([text, table(titles, rows)])


def _averages(group: Sequence[tuple[str, Layer]]) -> tuple[object, ...]:
    layers = [layer for _, layer in group]
    by_channel = float(np.mean([1 - layer.by_channel / layer.by_types for layer in layers]))
    saved = [percent(_average(layers, key)) for key in ("by_types", "by_a2q")]
    return len(group), *saved, percent(by_channel), percent(_by_model(group))


def _by_model(group: Sequence[tuple[str, Layer]]) -> float:
    """Part of the bits by types that is saved: the average over models of what it is over their layers."""
    models = dict.fromkeys(name for name, _ in group)
    return float(np.mean([_average([layer for own, layer in group if own == name], "by_types") for name in models]))


def _average(group: Sequence[Layer], bound: str) -> float:
    """Part of the bound that is saved, on average over layers."""
    return float(np.mean([1 - layer.ours / getattr(layer, bound) for layer in group]))


def model_table(found: dict[str, list[Layer]]) -> str:
    rows = list[tuple[object, ...]]()
    for name, of_model in found.items():
        bits = [sum(getattr(layer, key) for layer in of_model) for key in ("by_types", "by_a2q", "ours")]
        part = _average(of_model, "by_types")
        tried = [layer.reached for layer in of_model if layer.reached is not None]
        rows.append((f"`{name}`", len(of_model), *bits, percent(part), f"{sum(tried)} of {len(tried)}"))
    return table(["model", "layers", "bits by types", "A2Q", "ours", "saved %", "reached"], rows)


def layer_table(found: dict[str, list[Layer]]) -> str:
    rows = [
        (
            f"`{name}`",
            f"`{layer.name}`",
            layer.terms,
            layer.input_bits,
            layer.weight_bits,
            layer.by_types,
            layer.by_a2q,
            layer.ours,
            layer.by_types - layer.ours,
        )
        for name, of_model in found.items()
        for layer in of_model
    ]
    return table(["model", "layer", "K", "input", "weights", "by types", "A2Q", "ours", "saved bits"], rows)


if __name__ == "__main__":
    main()
