# SPDX-License-Identifier: Apache-2.0
"""Let the weights of a layer share a few values: each becomes an index into a codebook.

Before:
    %w = q.constant #q.dense<[[7, -3], [-4, 6]] : tensor<2x2x!q.fixed<4, 0>>>
After (k=2):
    %w = q.constant #q.dense<[[1, 0], [0, 1]] codebook [-4, 6] : tensor<2x2x!q.shared<2, !q.fixed<4, 0>>>>

Approximate: the values are those of least inertia `sum (weight - value)^2`, found exactly (with `weighting=inputs` each
square weighs what the squares of the weight's inputs add up to on the data). Weights that have no more than k values
keep them. A remark (`-v`) says for each layer its signal-to-noise ratio and its bits, and what it costs in accuracy.
Needs: weights of !q.fixed, !q.ufixed or f32, best in front of q-lower-quantizers, which rounds for the ranges it sees.
Keeps: every type that does not follow from the weights; f32 weights stay f32, with k values, for a quantiser behind.
Leaves: bipolar weights.   After Dupuis et al., DATE 2020.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import ClassVar

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ..frontends.precision.data import load_data
from ..frontends.precision.parser import read_specification
from ..frontends.precision.specification import DataSource, SharingGranularity, Specification
from ..qdialect.attrs import Array, DenseAttr
from ..qdialect.errors import QoptError
from ..qdialect.input_format import parse_input_format
from ..qdialect.q import ConstantOp
from ..qdialect.types import MAX_ENTRIES, FixedType, UFixedType, shape_of
from .accuracy_evaluation import Evaluator, choices, percent_equal
from .clustering import Points, best_clusterings
from .data_options import data_source
from .remarks import remark
from .rewriting import function_named
from .sharing_plans import SharingPlan, plans_of
from .weight_groups import Weights, shared_bits, weights_of
from .weight_sensitivity import sensitivities
from .weighted_layers import WeightedLayer, set_weights, weighted_layers


def shared_weights(
    layers: Mapping[WeightedLayer, Weights], k: int, granularity: SharingGranularity
) -> dict[ConstantOp, DenseAttr]:
    """New constants for the layers, with at most k values a group."""
    if granularity is SharingGranularity.NETWORK:
        return _network_wide(layers, k)
    found: dict[ConstantOp, DenseAttr] = {}
    for layer, weights in layers.items():
        found[layer.constant] = weights.shared([rows[-1].centres for rows in weights.clusterings(k)])
    return found


def _network_wide(layers: Mapping[WeightedLayer, Weights], k: int) -> dict[ConstantOp, DenseAttr]:
    """One codebook for all layers whose weights have the same type."""
    found: dict[ConstantOp, DenseAttr] = {}
    for type_ in dict.fromkeys(weights.weights.type.element_type for weights in layers.values()):
        members = {layer: w for layer, w in layers.items() if w.weights.type.element_type == type_}
        values = np.concatenate([w.rows.reshape(-1) for w in members.values()])
        heavy = [np.ones(w.rows.size) if w.sensitivity is None else w.sensitivity.reshape(-1) for w in members.values()]
        points = Points(values, np.concatenate(heavy), next(iter(members.values())).grid)
        centres = best_clusterings(points, k)[-1].centres
        found |= {layer.constant: w.shared([centres]) for layer, w in members.items()}
    return found


def bits_of(weights: Weights, value: DenseAttr) -> int:
    """Bits of indices and codebooks of a constant that shares its weights by `weights`."""
    rows = [len(np.unique(row)) for row in Weights(value, weights.axes, None, None).rows]
    return shared_bits(value.array.size, max(rows), len(rows), weights.value_bits)


def signal_to_noise(before: Array, after: Array) -> float:
    """Decibels; infinite if nothing changed."""
    noise = float(((before.astype(np.float64) - after) ** 2).sum())
    signal = float((before.astype(np.float64) ** 2).sum())
    return 10 * float(np.log10(signal / noise)) if noise and signal else float("inf")


@dataclass(frozen=True)
class ShareWeightsPass(ModulePass):
    """Let the weights of a layer share a few values, by index and codebook."""

    name = "q-share-weights"
    exact: ClassVar[bool] = False
    k: int = 16  # values that a group of weights shares, at most
    granularity: str = "layer"  # what has a codebook: network, layer, channel (of the output), kernel
    format: str = ""  # of the codebook's values, as in fixed<4, 0>; default: that of the weights
    layers: str = "*"  # glob of the layers' names
    weighting: str = "none"  # what an error weighs: none, or inputs: the mean square of what the weight multiplies
    specification: str | None = None  # file with a precision specification that says what to share, and names data
    data: str | None = None  # .npy or .npz file of frames, to weigh with and to score on
    frames: str | None = None  # name of the array of frames; none: the only one of the file
    labels: str | None = None  # name of the array of labels
    samples: int | None = None  # frames to use, spread over the array; none: all
    scale: str | int | float | None = None  # a stored number x means x * scale + offset
    offset: str | int | float | None = None  # see scale

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        specification = None if self.specification is None else read_specification(self.specification)
        plans = self._plans(op, specification)
        evaluator = self._evaluator(op, None if specification is None else specification.data)
        heavy = self._sensitivities(op, list(plans), evaluator)
        shared: dict[ConstantOp, DenseAttr] = {}
        for plan in dict.fromkeys(plans.values()):
            members = [layer for layer in plans if plans[layer] == plan]
            groups = {layer: weights_of(layer, plan.granularity, plan.codebook, heavy.get(layer)) for layer in members}
            shared |= shared_weights(groups, plan.count, plan.granularity)
            for layer, weights in groups.items():
                _tell(layer, weights, plan.count, shared[layer.constant])
        before = None if evaluator is None else evaluator.outputs(op)
        set_weights(op, shared)
        if evaluator is not None and before is not None:
            remark(op, f"sharing weights: {_scores(evaluator, before, evaluator.outputs(op))}")

    def _plans(self, module: ModuleOp, specification: Specification | None) -> dict[WeightedLayer, SharingPlan]:
        if not 1 <= self.k <= MAX_ENTRIES:
            raise QoptError(f"q-share-weights has k={self.k}", None, f"share 1 to {MAX_ENTRIES} values")
        plan, layers = SharingPlan(self.k, self._granularity(), self._codebook()), self._chosen(module)
        return dict.fromkeys(layers, plan) if specification is None else plans_of(specification, layers)

    def _granularity(self) -> SharingGranularity:
        try:
            return SharingGranularity(self.granularity)
        except ValueError:
            known = ", ".join(SharingGranularity)
            raise QoptError(f"unknown granularity '{self.granularity}'", None, f"use one of {known}") from None

    def _codebook(self) -> FixedType | UFixedType | None:
        if not self.format:
            return None
        type_ = parse_input_format(f"codebook: {self.format}").element_type
        if not isinstance(type_, FixedType | UFixedType):
            raise QoptError(f"codebook values of {type_} cannot be shared", None, "use a fixed or ufixed format")
        return type_

    def _chosen(self, module: ModuleOp) -> list[WeightedLayer]:
        layers = weighted_layers(module)
        chosen = [layer for layer in layers if fnmatchcase(layer.name, self.layers)]
        if layers and not chosen:
            names = [layer.name for layer in layers]
            near = ", ".join(get_close_matches(self.layers, names, 3, 0)) or ", ".join(names[:3])
            raise QoptError(f"no layer with weights is called '{self.layers}'", None, f"the nearest are {near}")
        return chosen

    def _evaluator(self, module: ModuleOp, source: DataSource | None) -> Evaluator | None:
        if self.data is not None:
            source = data_source(self.data, self.frames, self.labels, self.samples, self.scale, self.offset)
        if source is None:
            return None
        main = function_named(module, "main")
        if main is None or len(main.args) != 1:
            raise QoptError("the network is not a function @main of one input", module, "cut it")
        shape = shape_of(main.args[0])
        loaded = load_data(source, shape).calibration
        return Evaluator(np.concatenate(list(loaded.batches(shape))), loaded.labels)

    def _sensitivities(
        self, module: ModuleOp, layers: list[WeightedLayer], evaluator: Evaluator | None
    ) -> dict[WeightedLayer, Array]:
        if self.weighting not in ("none", "inputs"):
            raise QoptError(f"unknown weighting '{self.weighting}'", None, "use one of none, inputs")
        if self.weighting == "none":
            return {}
        if evaluator is None:
            raise QoptError("weighting=inputs needs data", None, 'write q-share-weights{weighting=inputs data="x.npz"}')
        return sensitivities(module, layers, evaluator.frames)


def _tell(layer: WeightedLayer, weights: Weights, count: int, after: DenseAttr) -> None:
    ratio = signal_to_noise(layer.weights.array, after.array)
    bits = f"{weights.plain_bits} bits become {bits_of(weights, after)}"
    remark(layer.op, f"weights of '{layer.name}' share {count} values: {ratio:.1f} dB, {bits}")


def _scores(evaluator: Evaluator, before: Array, after: Array) -> str:
    """What sharing costs on the frames, for people."""
    ratio = f"{signal_to_noise(before, after):.1f} dB at the output"
    text = f"{ratio}, {percent_equal(choices(after), choices(before)):.2f} % of the choices are the same"
    if evaluator.labels is None:
        return text
    accuracies = [percent_equal(choices(outputs), evaluator.labels) for outputs in (before, after)]
    return f"{text}, accuracy {accuracies[0]:.2f} % -> {accuracies[1]:.2f} %"
