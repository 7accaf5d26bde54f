# SPDX-License-Identifier: Apache-2.0
"""Search for how many values the weights of each layer share: memory against accuracy.

After Dupuis et al. (DATE and DDECS 2020, SLOHA 2021): each layer alone is shared at a few numbers of values and the
noise at the output is measured; between those, noise follows from the inertia of the clusters, a proxy that needs no
run. Noise of layers is taken to add up, so combinations form a predicted Pareto front of bits against noise, and only
points on it are run. Counts of runs are those of the evaluator.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from xdsl.dialects.builtin import ModuleOp

from ..frontends.precision.specification import SharingGranularity
from ..qdialect.attrs import Array, DenseAttr
from ..qdialect.text import new_context
from ..qdialect.types import FixedType, UFixedType
from .accuracy_evaluation import Evaluator, choices, percent_equal
from .runner import parse_passes, run_passes
from .share_weights import shared_weights
from .weight_groups import Weights, grouped_weights, shared_bits
from .weight_sensitivity import products
from .weighted_layers import WeightedLayer, set_weights, weighted_layers

COUNTS = (2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128)  # numbers of values to choose from
PROBES = (8,)  # numbers of values at which each layer alone is run
LOWERING = "q-remove-idle-quantizers,q-lower-quantizers,q-lower-joins,q-infer-ranges"
STATES = 2000  # combinations kept while layers are joined


@dataclass(frozen=True)
class Option:
    """One layer with shared weights: the constant, its bits, and what sharing changes (see `Weights.error`)."""

    count: int
    value: DenseAttr
    bits: int
    inertia: float


@dataclass(frozen=True)
class Design:
    """Numbers of values of the layers, and what they cost: bits of indices and codebooks, noise over signal.

    `noise` is predicted until the network has run. `accuracy`: percent; of agreement with the network as it was if
    there are no labels. `loss`: points of it lost. `agreement`: percent of the frames with the same first choice.
    """

    counts: tuple[int, ...]
    bits: int
    noise: float
    accuracy: float | None = None
    loss: float = 0.0
    agreement: float = 100.0


class SharingSearch:
    """The layers of a network, whose `@main` holds all ops, with the ways to share the weights of each.

    Args:
        module: is not changed.   evaluator: has the frames to score on, and labels if there are any.
        codebook: type of shared values; None: that of the weights.
        calibration: frames on which sums are kept near to what they were; None: weights take the nearest values.
    """

    def __init__(
        self,
        module: ModuleOp,
        evaluator: Evaluator,
        granularity: SharingGranularity,
        *,
        codebook: FixedType | UFixedType | None = None,
        counts: Sequence[int] = COUNTS,
        calibration: Array | None = None,
    ):
        self.module, self.evaluator, self.granularity = module, evaluator, granularity
        self.layers = weighted_layers(module)
        known = None if calibration is None else products(module, self.layers, calibration)
        groups = grouped_weights(self.layers, granularity, codebook, products=known)
        if granularity is SharingGranularity.NETWORK:
            self.options = _network_options(groups, counts)
        else:
            self.options = [_options(weights, counts) for weights in groups.values()]
        self._groups = list(groups.values())
        self.plain_bits = sum(weights.plain_bits for weights in self._groups)
        self.num_options = sum(len(options) - 1 for options in self.options)
        self.num_weights = sum(weights.rows.size for weights in self._groups)
        self._scored: dict[tuple[int, ...], Design] = {}

    @cached_property
    def baseline(self) -> Array:
        """Outputs of the network as it was."""
        return self.evaluator.outputs(self.shared((0,) * len(self.layers)))

    @cached_property
    def baseline_accuracy(self) -> float:
        return 100 * float(self._right(self.baseline).mean())

    def shared(self, counts: Sequence[int]) -> ModuleOp:
        """A copy of the network with these numbers of values, ready for hardware; 0 leaves a layer as it is."""
        copy = self.module.clone()
        layers = weighted_layers(copy)
        chosen = zip(layers, self.options, counts, strict=True)
        set_weights(copy, {layer.constant: _option(options, count).value for layer, options, count in chosen if count})
        run_passes(new_context(), copy, parse_passes(LOWERING))  # integers run much faster than real numbers
        return copy

    def score(self, counts: Sequence[int]) -> Design:
        """Run the network with these numbers of values."""
        key = tuple(counts)
        if key not in self._scored:
            outputs = self.evaluator.outputs(self.shared(key))
            noise = _squares(outputs - self.baseline) / (_squares(self.baseline - self.baseline.mean()) or 1.0)
            right, was_right = self._right(outputs), self._right(self.baseline)
            loss = 100 * (int(was_right.sum()) - int(right.sum())) / len(right)
            same = percent_equal(choices(outputs), choices(self.baseline))
            self._scored[key] = Design(key, self._bits(key), noise, 100 * float(right.mean()), loss, same)
        return self._scored[key]

    def uniform(self) -> list[Design]:
        """The same number of values in every layer: all that can be chosen."""
        counts = sorted({option.count for options in self.options for option in options if option.count})
        return [self.score([count] * len(self.layers)) for count in counts]

    @cached_property
    def noise(self) -> list[dict[int, float]]:
        """For each layer the noise at the output with each number of values: it rises from the probes with inertia."""
        return [self._noise_of(index) for index in range(len(self.layers))]

    def predicted(self) -> list[Design]:
        """The Pareto front of bits against predicted noise, the smallest network first."""
        if self.granularity is SharingGranularity.NETWORK:  # the codebook is one, and so is the number of its values
            noise = [sum(noise[option.count] for noise in self.noise) for option in self.options[0]]
            keys = [(option.count,) * len(self.layers) for option in self.options[0]]
            return pareto([Design(key, self._bits(key), n) for key, n in zip(keys, noise, strict=True)])
        states = [Design((), 0, 0.0)]
        for options, noise in zip(self.options, self.noise, strict=True):
            joined = [
                Design((*s.counts, o.count), s.bits + o.bits, s.noise + noise[o.count]) for s in states for o in options
            ]
            states = _thinned(pareto(joined))
        return states

    def front(self, points: int) -> list[Design]:
        """So many designs of the predicted front, evenly spaced in the logarithm of their bits, run and pruned."""
        designs = self.predicted()
        sizes = np.log([design.bits for design in designs])
        wanted = np.linspace(sizes[0], sizes[-1], points)
        picked = sorted({int(np.abs(sizes - size).argmin()) for size in wanted})
        return [self.score(designs[index].counts) for index in picked]

    def smallest(self, loss: float) -> Design | None:
        """The smallest design that loses at most so many points of accuracy, or None.

        Bisection along the predicted front; then layers take fewer values one by one, as long as the bound holds.
        """
        designs, low, best = self.predicted(), 0, None
        high = len(designs) - 1
        while low <= high:
            middle = (low + high) // 2
            found = self.score(designs[middle].counts)
            if found.loss <= loss:
                best, high = found, middle - 1
            else:
                low = middle + 1
        return best if best is None else self._descended(best, loss)

    def _descended(self, design: Design, loss: float) -> Design:
        """Layers take fewer values one by one, the largest saving first; a layer that breaks the bound stays."""
        open_layers = set(range(len(self.layers))) if self.granularity is not SharingGranularity.NETWORK else set[int]()
        while open_layers:
            lesser = {index: counts for index in open_layers if (counts := self._lesser(design, index)) is not None}
            if not lesser:
                break
            index = min(lesser, key=lambda index: self._bits(lesser[index]))
            found = self.score(lesser[index])
            if found.loss <= loss:
                design = found
            else:
                open_layers.remove(index)
        return design

    def _lesser(self, design: Design, index: int) -> tuple[int, ...] | None:
        """The design with fewer values in one layer: the most that take fewer bits."""
        options, bits = self.options[index], _option(self.options[index], design.counts[index]).bits
        smaller = [option for option in options if option.count and option.bits < bits]
        if not smaller:
            return None
        count = max(smaller, key=lambda option: option.bits).count
        return (*design.counts[:index], count, *design.counts[index + 1 :])

    def _noise_of(self, index: int) -> dict[int, float]:
        options = self.options[index]
        probes = [option for option in options if option.count in PROBES] or options[1:2]
        alone = [tuple(o.count if i == index else 0 for i in range(len(self.layers))) for o in probes]
        pairs = [(o.inertia, self.score(counts).noise) for o, counts in zip(probes, alone, strict=True)]
        return {option.count: _interpolated(option.inertia, pairs) for option in options}

    def _bits(self, counts: Sequence[int]) -> int:
        """Bits of all layers; a layer without sharing keeps its own. A codebook of the whole network counts once."""
        if self.granularity is not SharingGranularity.NETWORK:
            return sum(_option(options, count).bits for options, count in zip(self.options, counts, strict=True))
        chosen = [_option(options, count) for options, count in zip(self.options, counts, strict=True) if count]
        plain = sum(w.plain_bits for w, count in zip(self._groups, counts, strict=True) if not count)
        values = {code for option in chosen for code in np.unique(option.value.array).tolist()}
        weights, width = sum(o.value.array.size for o in chosen), max(w.value_bits for w in self._groups)
        return plain + shared_bits(weights, max(len(values), 1), 1, width)

    def _right(self, outputs: Array) -> Array:
        labels = self.evaluator.labels
        return choices(outputs) == (choices(self.baseline) if labels is None else labels.reshape(-1))


def pareto(designs: Sequence[Design]) -> list[Design]:
    """Designs that no other beats in bits and noise, the smallest first."""
    kept: list[Design] = []
    for design in sorted(designs, key=lambda d: (d.bits, d.noise)):
        if not kept or design.noise < kept[-1].noise:
            kept.append(design)
    return kept


def best_of(designs: Sequence[Design]) -> list[Design]:
    """Run designs that no other beats in bits and accuracy, the smallest first."""
    kept: list[Design] = []
    for design in sorted(designs, key=lambda d: (d.bits, -(d.accuracy or 0))):
        if not kept or (design.accuracy or 0) > (kept[-1].accuracy or 0):
            kept.append(design)
    return kept


def _options(weights: Weights, counts: Sequence[int]) -> list[Option]:
    """The ways to share the weights of a layer that differ: first none (a count of 0), then the fewest values."""
    rows = weights.clusterings(max(counts))
    found = [Option(0, weights.weights, weights.plain_bits, 0.0)]
    for count in sorted(counts):
        option = _made(weights, count, weights.shared([row[min(count, len(row)) - 1].centres for row in rows]))
        if option.value != found[-1].value:
            found.append(option)
    return found


def _network_options(groups: Mapping[WeightedLayer, Weights], counts: Sequence[int]) -> list[list[Option]]:
    shared = [(count, shared_weights(groups, count, SharingGranularity.NETWORK)) for count in sorted(counts)]
    return [
        [_made(weights, count, values[layer.constant]) for count, values in shared] for layer, weights in groups.items()
    ]


def _made(weights: Weights, count: int, value: DenseAttr) -> Option:
    return Option(count, value, weights.bits(value), weights.error(value))


def _option(options: Sequence[Option], count: int) -> Option:
    """The one with so many values, or the next fewer that differs from it."""
    return next((option for option in reversed(options) if option.count <= count), options[0])


def _squares(values: Array) -> float:
    return float((values.astype(np.float64) ** 2).sum())


def _interpolated(inertia: float, pairs: Sequence[tuple[float, float]]) -> float:
    """Noise for an inertia: in proportion to it from one measured pair (inertia, noise), a power law from several."""
    known = sorted((x, y) for x, y in pairs if x > 0 and y > 0)
    if not known or inertia <= 0:
        return 0.0
    (x, y), (last_x, last_y) = known[0], known[-1]
    power = float(np.log(last_y / y) / np.log(last_x / x)) if last_x > x else 1.0
    return y * (inertia / x) ** max(power, 0.5)


def _thinned(states: list[Design]) -> list[Design]:
    """At most `STATES` of them, evenly spaced."""
    if len(states) <= STATES:
        return states
    return [states[int(index)] for index in np.linspace(0, len(states) - 1, STATES)]
