# SPDX-License-Identifier: Apache-2.0
"""Search for how many values the weights of each layer share: memory against accuracy.

After Dupuis et al. (DATE and DDECS 2020, SLOHA 2021): each layer alone is shared at one number of values and the noise
at the output is measured; for the others noise follows from the inertia of the clusters, a proxy that needs no run.
Noise of layers is taken to add up, so combinations form a predicted Pareto front of bits against noise, and only points
on it are run. Counts of runs are those of the evaluator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from xdsl.dialects.builtin import ModuleOp

from ..frontends.precision.specification import Bound, Objective, SharingGranularity
from ..qdialect.attrs import Array, DenseAttr
from ..qdialect.formats import IntRange
from ..qdialect.text import new_context
from .accuracy_evaluation import Evaluator, choices, percent_equal
from .noise import noise_of
from .remarks import record_search
from .runner import parse_passes, run_passes
from .sharing_designs import Design, pareto, thinned
from .sharing_plans import SharingPlan
from .weight_groups import grouped_weights, shared_weights, unit_bits
from .weight_sensitivity import Products, products
from .weighted_layers import WeightedLayer, set_weights, weighted_layers
from .word_lengths.figures import figures_of

COUNTS = (2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128)  # numbers of values to choose from
PROBE = 8  # number of values at which each unit alone is run
LOWERING = "q-remove-idle-quantizers,q-lower-quantizers,q-lower-joins,q-infer-ranges"


@dataclass(frozen=True)
class Option:
    """One unit with at most `count` values (0: as it is), its bits, and what sharing changes (see `Weights.error`)."""

    count: int
    values: Mapping[WeightedLayer, DenseAttr]
    bits: int
    error: float


class SharingSearch:
    """The units of a network, whose `@main` holds all ops, with the ways to share the weights of each.

    A unit is a layer, or all layers that share one codebook of the network.

    Args:
        module: is not changed.   evaluator: has the frames to score on, and labels if there are any.
        plans: layers and what they may share: all of COUNTS in the range, and its end. Others stay as they are.
        calibration: frames on which sums are kept near to what they were; None: weights take the nearest values.
        reference: network that designs are compared with; None: the network as it is.
    """

    def __init__(
        self,
        module: ModuleOp,
        evaluator: Evaluator,
        plans: Mapping[WeightedLayer, SharingPlan],
        calibration: Array | None = None,
        reference: ModuleOp | None = None,
    ):
        self.module, self.evaluator, self.reference = module, evaluator, reference
        known = None if calibration is None else products(module, list(plans), calibration)
        self.units = [_options(layers, plan, known) for layers, plan in _units(plans)]
        self.num_options = sum(len(options) - 1 for options in self.units)
        self._places = {layer: index for index, layer in enumerate(weighted_layers(module))}
        self.progress: Callable[[int], None] = lambda _: None  # is told how many designs were run
        self._plans, self._scored = dict(plans), dict[tuple[int, ...], Design]()

    @property
    def nothing(self) -> tuple[int, ...]:
        """The counts with which no weights are shared."""
        return (0,) * len(self.units)

    @cached_property
    def baseline(self) -> Array:
        """Outputs of the network that designs are compared with."""
        return self.evaluator.outputs(self.shared(self.nothing) if self.reference is None else self.reference)

    @cached_property
    def baseline_accuracy(self) -> float:
        return 100 * float(self._right(self.baseline).mean())

    def values(self, counts: Sequence[int]) -> dict[WeightedLayer, DenseAttr]:
        """New weights of the layers that share."""
        chosen = [_option(options, count) for options, count in zip(self.units, counts, strict=True) if count]
        return {layer: value for option in chosen for layer, value in option.values.items()}

    def chosen(self, design: Design) -> dict[WeightedLayer, SharingPlan]:
        """The plans of the layers that share in a design, with its numbers of values."""
        counts = zip(self.units, design.counts, strict=True)
        known = {layer: count for options, count in counts if count for layer in options[0].values}
        return {layer: replace(self._plans[layer], counts=IntRange(count, count)) for layer, count in known.items()}

    def shared(self, counts: Sequence[int]) -> ModuleOp:
        """A copy of the network with these numbers of values."""
        copy = self.module.clone()
        layers = weighted_layers(copy)
        set_weights(copy, {layers[self._places[layer]].constant: value for layer, value in self.values(counts).items()})
        run_passes(new_context(), copy, parse_passes(LOWERING))  # integers run much faster than real numbers
        return copy

    def score(self, counts: Sequence[int]) -> Design:
        """Run the network with these numbers of values."""
        key = tuple(counts)
        if key not in self._scored:
            self.progress(len(self._scored))
            outputs = self.evaluator.outputs(self.shared(key))
            noise = noise_of(self.baseline, outputs).relative
            right, was_right = self._right(outputs), self._right(self.baseline)
            loss = 100 * (int(was_right.sum()) - int(right.sum())) / len(right)
            same = percent_equal(choices(outputs), choices(self.baseline))
            self._scored[key] = Design(key, self._bits(key), noise, 100 * float(right.mean()), loss, same)
        return self._scored[key]

    def uniform(self, bounds: Sequence[Bound]) -> Design | None:
        """The smallest design found with the same number of values in every unit that keeps all bounds."""
        counts = sorted({option.count for options in self.units for option in options if option.count})
        return self._bisected([(count,) * len(self.units) for count in counts], bounds)

    @cached_property
    def noise(self) -> list[dict[int, float]]:
        """For each unit the noise at the output with each number of values: it rises from the probe with the error."""
        return [self._noise_of(index) for index in range(len(self.units))]

    def predicted(self) -> list[Design]:
        """The Pareto front of bits against predicted noise, the smallest network first."""
        states = [Design((), 0, 0.0)]
        for options, noise in zip(self.units, self.noise, strict=True):
            joined = [
                Design((*s.counts, o.count), s.bits + o.bits, s.noise + noise[o.count]) for s in states for o in options
            ]
            states = thinned(pareto(joined))
        return states

    def front(self, points: int) -> list[Design]:
        """So many designs of the predicted front, evenly spaced in the logarithm of their bits, run and pruned."""
        designs = self.predicted()
        sizes = np.log([design.bits for design in designs])
        wanted = np.linspace(sizes[0], sizes[-1], points)
        picked = sorted({int(np.abs(sizes - size).argmin()) for size in wanted})
        return [self.score(designs[index].counts) for index in picked]

    def smallest(self, bounds: Sequence[Bound]) -> Design:
        """The smallest design found that keeps all bounds; the network as it was always does.

        Bisection along the predicted front; then units take fewer values one by one, as long as the bounds hold.
        Trying many designs finds lucky ones: on few frames a bound on the agreement says more than one on the accuracy.
        """
        best = self._bisected([design.counts for design in self.predicted()], bounds)
        best = self._descended(best or self.score(self.nothing), bounds)
        scored = [(design.bits, design.margin(bounds[0])) for design in (*self._scored.values(), best)]
        before = self._bits(self.nothing)
        record_search(figures_of("weight sharing", Objective.WEIGHT_MEMORY, bounds[0], scored, before))
        return best

    def _bisected(self, ascending: Sequence[tuple[int, ...]], bounds: Sequence[Bound]) -> Design | None:
        """The first that keeps the bounds, or nearly: a design may break them by chance, so one before it is tried."""
        low, high, best = 0, len(ascending) - 1, None
        while low <= high:
            middle = (low + high) // 2
            found = self.score(ascending[middle])
            if found.holds(bounds):
                best, high = found, middle - 1
            else:
                low = middle + 1
        place = high - 1
        while place >= 0 and (found := self.score(ascending[place])).holds(bounds):
            best, place = found, place - 1
        return best

    def _descended(self, design: Design, bounds: Sequence[Bound]) -> Design:
        """Units take fewer values one by one, the largest saving first; a unit that breaks a bound stays."""
        open_units = set(range(len(self.units)))
        while open_units:
            lesser = {index: counts for index in open_units if (counts := self._lesser(design, index)) is not None}
            if not lesser:
                break
            index = min(lesser, key=lambda index: self._bits(lesser[index]))
            found = self.score(lesser[index])
            if found.holds(bounds):
                design = found
            else:
                open_units.remove(index)
        return design

    def _lesser(self, design: Design, index: int) -> tuple[int, ...] | None:
        """The design with fewer values in one unit: the most that take fewer bits."""
        options, bits = self.units[index], _option(self.units[index], design.counts[index]).bits
        smaller = [option for option in options if option.count and option.bits < bits]
        if not smaller:
            return None
        count = max(smaller, key=lambda option: option.bits).count
        return (*design.counts[:index], count, *design.counts[index + 1 :])

    def _noise_of(self, index: int) -> dict[int, float]:
        options = self.units[index]
        probe = min(options[1:], key=lambda option: abs(option.count - PROBE), default=options[0])
        alone = tuple(probe.count if i == index else 0 for i in range(len(self.units)))
        more = max(self.score(alone).noise - self.score(self.nothing).noise, 0.0)
        ratio = more / probe.error if probe.error else 0.0
        return {option.count: ratio * option.error for option in options}

    def _bits(self, counts: Sequence[int]) -> int:
        """Bits of all units; one without sharing keeps its own."""
        return sum(_option(options, count).bits for options, count in zip(self.units, counts, strict=True))

    def _right(self, outputs: Array) -> Array:
        labels = self.evaluator.labels
        return choices(outputs) == (choices(self.baseline) if labels is None else labels.reshape(-1))


def _units(plans: Mapping[WeightedLayer, SharingPlan]) -> list[tuple[list[WeightedLayer], SharingPlan]]:
    """Layers whose number of values is chosen together."""
    units: dict[object, list[WeightedLayer]] = {}
    for layer, plan in plans.items():
        units.setdefault(plan if plan.granularity is SharingGranularity.NETWORK else layer, []).append(layer)
    return [(layers, plans[layers[0]]) for layers in units.values()]


def _options(
    layers: Sequence[WeightedLayer], plan: SharingPlan, known: Mapping[WeightedLayer, Products] | None
) -> list[Option]:
    """The ways to share the weights of a unit that differ: first none (a count of 0), then the fewest values."""
    groups = grouped_weights(layers, plan.granularity, plan.codebook, products=known)
    plain = {layer: weights.weights for layer, weights in groups.items()}
    found = [Option(0, plain, sum(weights.plain_bits for weights in groups.values()), 0.0)]
    counts = sorted({plan.counts.hi, *(count for count in COUNTS if plan.counts.lo <= count <= plan.counts.hi)})
    for count, values in zip(counts, shared_weights(groups, plan.granularity, counts), strict=True):
        if values != found[-1].values:
            error = sum(weights.error(values[layer]) for layer, weights in groups.items())
            found.append(Option(count, values, unit_bits(groups, values, plan.granularity), error))
    return found


def _option(options: Sequence[Option], count: int) -> Option:
    """The one with so many values, or the next fewer that differs from it."""
    return next((option for option in reversed(options) if option.count <= count), options[0])
