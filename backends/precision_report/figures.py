# SPDX-License-Identifier: Apache-2.0
"""The figures of the precision report as JSON data; docs/precision.md, section The report, says what each means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, cast

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue

from ...frontends.precision.data import Data, load_data
from ...frontends.precision.specification import Specification
from ...passes.calibration.layers import Linear, has_quantizers
from ...passes.calibration.report import FLOAT32, GIVEN
from ...passes.fold_constants import FoldConstantsPass
from ...passes.word_lengths.costs import multiplications
from ...qdialect.q import Convolution
from ...qdialect.types import element_type, is_integer_type, shape_of
from .concerns import concerns
from .counterparts import match, prepared
from .layer_figures import (
    Figures,
    accumulator_figures,
    activation_figures,
    bias_figures,
    decibels,
    short,
    type_bound,
    value_bits,
    weight_figures,
)
from .observing import Network, Outputs, Seen, Sums, compare, observe_ranges
from .proofs import Proof, Proofs
from .structure import (
    FLOAT_BITS,
    Activation,
    Coded,
    Layer,
    Product,
    activation_quantum,
    activations_behind,
    bias_of,
    code_bits,
    coded,
    find_layers,
)

VERSION = 1
INTEGER_BITS = 8  # of the uniform format that costs are compared with


@dataclass(frozen=True)
class FloatOrigin:
    """What a network was before it was quantised, and by which specification.

    Attributes:
        module: the network of the graph level, as a rule float32.
        searches: what passes recorded of their searches (see `passes/remarks.py`); of each algorithm the last counts.
    """

    module: ModuleOp
    specification: Specification
    searches: Sequence[Mapping[str, Any]] = ()

    @property
    def reference(self) -> str:
        """What the network is compared with."""
        return GIVEN if has_quantizers(self.module) else FLOAT32


@dataclass
class _Report:
    """A quantised network, and what is known of it so far."""

    after: Network
    layers: list[Layer]
    before: Network | None = None
    data: Data | None = None
    pairs: dict[SSAValue, SSAValue] = field(default_factory=dict[SSAValue, SSAValue])
    calibrated: dict[Activation, Seen] = field(default_factory=dict[Activation, Seen])
    scored: dict[Activation, Seen] = field(default_factory=dict[Activation, Seen])
    sums: dict[Operation, Sums] = field(default_factory=dict[Operation, Sums])
    outputs: Outputs | None = None
    bits: dict[SSAValue, int] = field(default_factory=dict[SSAValue, int])

    def original(self, product: Product) -> Product | None:
        """The op of the float network that multiplies where `product` does."""
        value = self.pairs.get(product.result)
        return cast(Product, value.owner) if value is not None else None

    def feeding(self, layer: Layer) -> list[Activation]:
        """The quantisers whose codes a product takes; none where arithmetic stands between."""
        assert layer.product is not None
        results = {other.activation.result: other.activation for other in self.layers if other.activation is not None}
        return activations_behind(layer.product.operands[1 - layer.weight_index], results) or []

    def input_bits(self, layer: Layer, proof: Proof) -> int:
        """Bits of what the weights are multiplied with; an input that a build gives a format has them in its proof."""
        assert layer.product is not None
        bits = code_bits(layer.product.operands[1 - layer.weight_index], self.bits)
        return proof.input_bits if bits == FLOAT_BITS and proof.input_bits is not None else bits


def precision_data(
    context: Context, name: str, graph: ModuleOp, typed: ModuleOp | None, origin: FloatOrigin | None
) -> Figures:
    """The report of a quantised network.

    Args:
        graph: the network at the graph level.
        typed: the same at the typed level, for accumulators and proven ranges.
        origin: the float network; None: only the quantised one is known.
    """
    report = _report(context, graph, origin)
    if report.data is not None:
        _run(report)
    proofs = Proofs(typed)
    rows = [_layer(report, layer, proofs) for layer in report.layers]
    return {
        "version": VERSION,
        "name": name,
        "compared": None if origin is None else origin.reference,
        "network": _network(report, rows),
        "searches": [] if origin is None else list({one["algorithm"]: dict(one) for one in origin.searches}.values()),
        "layers": rows,
    }


def _report(context: Context, graph: ModuleOp, origin: FloatOrigin | None) -> _Report:
    module = graph.clone()
    FoldConstantsPass().apply(context, module)
    after = Network(module)
    report = _Report(after, find_layers(after.main))
    if origin is not None:
        report.before = Network(prepared(context, origin.module, origin.specification))
        report.pairs = match(report.before.main, after.main, report.layers)
        if origin.specification.data is not None:
            report.data = load_data(origin.specification.data, shape_of(after.main.args[0]))
    return report


def _run(report: _Report) -> None:
    """Calibration frames for ranges, test frames for noise."""
    assert report.data is not None
    assert report.before is not None
    activations = [one for layer in report.layers for one in layer.quantizers if one.comparable]
    report.calibrated = {activation: Seen(activation) for activation in activations}
    report.scored = {activation: Seen(activation) for activation in activations}
    report.sums = {layer.product: sums for layer in report.layers if layer.product and (sums := _sums(report, layer))}
    observe_ranges(report.after, report.data.calibration, report.calibrated.values(), report.sums.values())
    report.outputs = compare(report.before, report.after, report.pairs, report.data.test, report.scored.values())


def _sums(report: _Report, layer: Layer) -> Sums | None:
    """What to divide the results of a product by to get codes; None where products have no common quantum."""
    op, weight = layer.product, layer.weight
    feeding = report.feeding(layer)
    if op is None or weight is None or not feeding or weight.offset.any() or not is_integer_type(weight.type):
        return None
    steps = {activation_quantum(activation) for activation in feeding}
    step = next(iter(steps))
    if len(steps) > 1 or step is None:
        return None
    linear = Linear(op, (), layer.kind, op.operands[1 - layer.weight_index], layer.weight_index, None, None)
    channels = shape_of(op.result)[linear.channel_axis]
    if weight.factor.size not in (1, channels) or (weight.factor.size > 1 and linear.out_axis is None):
        return None
    shape = [-1 if axis == linear.channel_axis else 1 for axis in range(len(shape_of(op.result)))]
    return Sums(op.result, step * weight.factor.reshape(shape))


def _layer(report: _Report, layer: Layer, proofs: Proofs) -> Figures:
    """One row: what a layer holds, and what it costs."""
    row: Figures = {"name": layer.name, "nodes": list(layer.names), "kind": layer.kind}
    row |= dict.fromkeys(("weight", "bias", "accumulator", "function", "activation", "costs"))
    if layer.product is not None and layer.weight is not None:
        row |= _product(report, layer, layer.product, layer.weight, proofs)
    for role, activation in (("function", layer.function), ("activation", layer.activation)):
        if activation is not None:
            proof = proofs.value(activation.op, element_type(activation.op.result))
            seen = report.calibrated.get(activation), report.scored.get(activation)
            row[role] = activation_figures(activation, *seen, proof)
    return row | {"concerns": concerns(row)}


def _product(report: _Report, layer: Layer, op: Product, weight: Coded, proofs: Proofs) -> Figures:
    """Weights, bias, accumulator and costs."""
    original = report.original(op)
    floats = None if original is None else coded(original.operands[layer.weight_index])
    biases = None if original is None else bias_of(original)
    proof = proofs.product(op)
    input_bits = report.input_bits(layer, proof)
    count = multiplications(op)
    outputs = weight.codes.size // max(_terms(op), 1)
    bound = type_bound(input_bits, weight, outputs) if is_integer_type(weight.type) else None
    return {
        "weight": weight_figures(weight, None if floats is None else floats.numbers),
        "bias": None if layer.bias is None else bias_figures(layer.bias, None if biases is None else biases[1].numbers),
        "accumulator": accumulator_figures(proof, bound, report.sums.get(op)),
        "costs": {
            "multiplications": count,
            "input_bits": input_bits,
            "bit_operations": count * input_bits * value_bits(weight.type),
            "bit_operations_float32": count * FLOAT_BITS**2,
            "bit_operations_int8": count * INTEGER_BITS**2,
        },
    }


def _terms(op: Product) -> int:
    """How many products each sum of an op has."""
    return prod(shape_of(op.operands[1])[1:]) if isinstance(op, Convolution) else shape_of(op.operands[0])[-1]


def _network(report: _Report, rows: Sequence[Figures]) -> Figures:
    """Totals."""
    weighted = [row for row in rows if row["weight"] is not None]
    count = sum(row["weight"]["count"] for row in weighted)
    costs = ("bit_operations", "bit_operations_float32", "bit_operations_int8")
    figures: Figures = {
        "weights": count,
        "weight_bits": sum(row["weight"]["memory_bits"] for row in weighted),
        "weight_bits_float32": count * FLOAT_BITS,
        "weight_bits_int8": count * INTEGER_BITS,
        **{cost: sum(row["costs"][cost] for row in weighted) for cost in costs},
        "calibration_frames": None,
        "test_frames": None,
        "sqnr_db": None,
        **dict.fromkeys(("agreement", "accuracy_before", "accuracy_after")),
    }
    if report.data is None or report.outputs is None:
        return figures
    percentages = report.outputs.percentages(report.data.test.labels)
    return figures | {
        "calibration_frames": len(report.data.calibration),
        "test_frames": len(report.data.test),
        "sqnr_db": decibels(report.outputs.noise),
        **{name: None if value is None else short(value) for name, value in percentages.items()},
    }
