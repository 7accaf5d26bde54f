# SPDX-License-Identifier: Apache-2.0
"""Let the weights of a layer share a few values: each becomes an index into a codebook.

Before:
    %w = q.constant #q.dense<[[7, -3], [-4, 6]] : tensor<2x2x!q.fixed<4, 0>>>
After (k=2):
    %w = q.constant #q.dense<[[1, 0], [0, 1]] codebook [-4, 6] : tensor<2x2x!q.shared<2, !q.fixed<4, 0>>>>

Approximate: the values are those of least inertia `sum (weight - value)^2`, found exactly (with `weighting=inputs` each
square weighs what the squares of the weight's inputs add up to on the data). With `rounding=reconstruct` weights take
such of these values that errors make up for each other in the sums of the layer, as far as they can on the data.
Weights that have no more than k values keep them. A remark (`-v`) says for each layer its signal-to-noise ratio and its
bits, and what it costs in accuracy. One codebook of a network has the narrowest type that holds all its weights. With a
`bound` (in a specification: and a range of k) a search chooses k for each layer, as few bits as it finds within the
bound; layers that cannot share within it stay as they are.
Needs: weights of !q.fixed, !q.ufixed or f32, best in front of q-lower-quantizers, which rounds for the ranges it sees;
constants are folded first, which makes the quantised weights of a network such.
Keeps: every type that does not follow from the weights; f32 weights stay f32, with k values, for a quantiser behind.
Leaves: bipolar weights.   After Dupuis et al., DATE 2020.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ..frontends.precision.data import load_data
from ..frontends.precision.parser import parse_codebook, parse_setting, read_specification
from ..frontends.precision.specification import (
    KINDS_OF_LAYERS,
    DataSource,
    Measure,
    Pattern,
    Rounding,
    Rule,
    Sharing,
    SharingGranularity,
    Specification,
)
from ..frontends.precision.syntax import error_in
from ..qdialect.attrs import Array, DenseAttr
from ..qdialect.errors import QoptError
from ..qdialect.formats import IntRange
from ..qdialect.q import ConstantOp
from ..qdialect.types import MAX_ENTRIES, shape_of
from .accuracy_evaluation import Evaluator, choices, percent_equal
from .calibration.progress import terminal_progress
from .data_options import data_source
from .fold_constants import FoldConstantsPass
from .noise import decibel_text, noise_of
from .remarks import remark
from .rewriting import function_named
from .sharing_plans import SharingPlan, plans_of
from .sharing_search import COUNTS, SharingSearch
from .weight_groups import Weights, grouped_weights, shared_weights
from .weight_sensitivity import products, sensitivities
from .weighted_layers import WeightedLayer, set_weights, weighted_layers

DEFAULT_COUNT = 16


@dataclass(frozen=True)
class ShareWeightsPass(ModulePass):
    """Let the weights of a layer share a few values, by index and codebook."""

    name = "q-share-weights"
    exact: ClassVar[bool] = False
    specification: str | None = None  # file with a precision specification; instead of all other options
    k: int | None = None  # values that a group of weights shares, at most; none: 16
    granularity: str | None = None  # what has a codebook: network, layer, channel (of the output), kernel; none: layer
    format: str | None = None  # of the codebook's values, as in fixed<4, 0>; none: that of the weights
    layers: str | None = None  # name of layers with * and ?, or a kind: conv, depthwise, conv_transpose, matmul
    rounding: str | None = None  # nearest values, or reconstruct: those that change the sums least; none: nearest
    bound: str | None = None  # as "accuracy drop 0.2 %": the fewest bits within it, of at most k values; none: 128
    weighting: str | None = None  # what an error weighs: none, or inputs: the mean square of what the weight multiplies
    data: str | None = None  # .npy or .npz file of frames, to weigh with and to score on
    frames: str | None = None  # name of the array of frames; none: the only one of the file
    labels: str | None = None  # name of the array of labels
    samples: int | None = None  # frames to use, drawn by chance; none: all
    scale: str | int | float | None = None  # a stored number x means x * scale + offset
    offset: str | int | float | None = None  # see scale

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        stated = self.stated()
        FoldConstantsPass().apply(ctx, op)  # weights of a quantised network are codes only then
        share_weights(op, stated, self.weighting)

    def stated(self) -> Specification:
        """What the options say."""
        given = [name for name, value in vars(self).items() if value is not None]
        if self.specification is not None:
            if given != ["specification"]:
                what = f"the pass '{self.name}' has 'specification' and '{given[1]}'"
                raise QoptError(what, mend="say it in the specification")
            return read_specification(self.specification)
        if self.bound is not None and self.weighting == "inputs":
            raise QoptError("weighting=inputs does not go with a bound", None, "write rounding=reconstruct")
        pattern = Pattern("*" if self.layers is None else self.layers, self.layers in KINDS_OF_LAYERS)
        data = None
        if self.data is not None:
            data = data_source(self.data, self.frames, self.labels, self.samples, self.scale, self.offset)
        stated = Specification((Rule((pattern,), share=self._sharing()),), data)
        for key, text in (("rounding", self.rounding), ("bound", self.bound)):
            stated = parse_setting(stated, key, text) if text else stated
        return stated

    def _sharing(self) -> Sharing:
        default = DEFAULT_COUNT if self.bound is None else COUNTS[-1]
        k = default if self.k is None else self.k
        if not 1 <= k <= MAX_ENTRIES:
            raise QoptError(f"q-share-weights has k={k}", None, f"share 1 to {MAX_ENTRIES} values")
        codebook = None if self.format is None else parse_codebook(self.format, "format")
        return Sharing(IntRange(k if self.bound is None else 1, k), self._granularity(), codebook)

    def _granularity(self) -> SharingGranularity:
        try:
            return SharingGranularity.LAYER if self.granularity is None else SharingGranularity(self.granularity)
        except ValueError:
            known = ", ".join(SharingGranularity)
            raise QoptError(f"unknown granularity '{self.granularity}'", None, f"use one of {known}") from None


@dataclass(frozen=True)
class ShareAgainst(ModulePass):
    """As q-share-weights; the bound of the specification is against another network, as a rule the float one."""

    name = ShareWeightsPass.name
    specification: Specification
    reference: ModuleOp

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        FoldConstantsPass().apply(ctx, op)
        share_weights(op, self.specification, reference=self.reference)


def share_weights(
    module: ModuleOp, specification: Specification, weighting: str | None = None, reference: ModuleOp | None = None
) -> None:
    """Share the weights of a network as a specification says, in place; remarks say what became of them.

    Args:
        weighting: what an error weighs, if weights take the nearest values: none, or inputs.
        reference: what a bound is against; None: the network as it is.
    """
    plans = plans_of(specification, weighted_layers(module))
    if not plans:
        remark(module, f"{ShareWeightsPass.name}: no layer has weights to share")
    evaluator, test = _evaluators(module, specification.data)
    if any(plan.counts.lo < plan.counts.hi for plan in plans.values()):
        plans = _searched(module, plans, evaluator, specification, reference)
    known = _known(module, list(plans), evaluator, specification.rounding, weighting)
    shared: dict[ConstantOp, DenseAttr] = {}
    for plan in dict.fromkeys(plans.values()):
        members = [layer for layer in plans if plans[layer] == plan]
        groups = grouped_weights(members, plan.granularity, plan.codebook, **known)
        (values,) = shared_weights(groups, plan.granularity, [plan.counts.hi])
        for layer, weights in groups.items():
            shared[layer.constant] = weights.stored(values[layer])
            _tell(layer, weights, values[layer])
    judges = [judge for judge in (evaluator, test) if judge is not None]
    before = [judge.outputs(module) for judge in judges]
    set_weights(module, shared)
    for judge, outputs in zip(judges, before, strict=True):
        frames = f"on {len(judge.frames)}{'' if judge is evaluator else ' other'} frames"
        remark(module, f"sharing weights, {frames}: {_scores(judge, outputs, judge.outputs(module))}")


def _searched(
    module: ModuleOp,
    plans: Mapping[WeightedLayer, SharingPlan],
    evaluator: Evaluator | None,
    specification: Specification,
    reference: ModuleOp | None,
) -> dict[WeightedLayer, SharingPlan]:
    """The plans with the fewest bits that keep the bound; layers that stay as they are have none."""
    bound = specification.bound
    if bound is None or evaluator is None:
        place = next((rule.share.place for rule in specification.rules if rule.share is not None), None)
        what = "a range of numbers of values is given, and no bound and data to choose by"
        mend = 'give bound="accuracy drop 0.2 %" and data, or one number of values'
        raise error_in(specification, place, what, mend)
    if bound.measure is Measure.ACCURACY and evaluator.labels is None:
        raise QoptError("a bound on the accuracy needs labels", None, "name them, or bound the agreement")
    calibration = evaluator.frames if specification.rounding is Rounding.RECONSTRUCT else None
    search = SharingSearch(module, evaluator, plans, calibration, reference)
    with terminal_progress() as progress:
        search.progress = lambda count: progress(f"{ShareWeightsPass.name}: {count} runs")
        best = search.smallest([bound])
    text = f"{evaluator.runs} runs, {search.num_options} ways to share layers; {bound}"
    remark(module, f"{ShareWeightsPass.name}: {text}")
    return search.chosen(best)


def _known(
    module: ModuleOp,
    layers: list[WeightedLayer],
    evaluator: Evaluator | None,
    rounding: Rounding,
    weighting: str | None,
) -> dict[str, Any]:
    """What the data say of errors, as arguments of `grouped_weights`."""
    if weighting not in (None, "none", "inputs"):
        raise QoptError(f"unknown weighting '{weighting}'", None, "use one of none, inputs")
    wanted = {"rounding=reconstruct": rounding is Rounding.RECONSTRUCT, "weighting=inputs": weighting == "inputs"}
    for option, is_wanted in wanted.items():
        if is_wanted and evaluator is None:
            raise QoptError(f"{option} needs data", None, f'write q-share-weights{{{option} data="x.npz"}}')
    if evaluator is None:
        return {}
    if rounding is Rounding.RECONSTRUCT:
        return {"products": products(module, layers, evaluator.frames)}
    return {"sensitivities": sensitivities(module, layers, evaluator.frames)} if weighting == "inputs" else {}


def _evaluators(module: ModuleOp, source: DataSource | None) -> tuple[Evaluator | None, Evaluator | None]:
    """Those of the frames to choose by, and of other frames to score on, if there are any."""
    if source is None:
        return None, None
    main = function_named(module, "main")
    if main is None or len(main.args) != 1:
        raise QoptError("the network is not a function @main of one input", module, "cut it")
    shape = shape_of(main.args[0])
    loaded = load_data(source, shape)
    calibration, test = (
        Evaluator(np.concatenate(list(frames.batches(shape))), frames.labels)
        for frames in (loaded.calibration, loaded.test)
    )
    return calibration, None if source.test is None else test


def _tell(layer: WeightedLayer, weights: Weights, after: DenseAttr) -> None:
    ratio = decibel_text(noise_of(weights.weights.array, after.array).sqnr)
    bits = f"{weights.plain_bits} bits become {weights.bits(after)}"
    remark(layer.op, f"weights of '{layer.name}' share {weights.entries(after)} values: {ratio}, {bits}")


def _scores(evaluator: Evaluator, before: Array, after: Array) -> str:
    """What sharing costs on the frames, for people."""
    ratio = decibel_text(noise_of(before, after).sqnr)
    text = f"{ratio} at the output, {percent_equal(choices(after), choices(before)):.2f} % of the choices are the same"
    if evaluator.labels is None:
        return text
    accuracies = [percent_equal(choices(outputs), evaluator.labels) for outputs in (before, after)]
    return f"{text}, accuracy {accuracies[0]:.2f} % -> {accuracies[1]:.2f} %"
