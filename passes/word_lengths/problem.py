# SPDX-License-Identifier: Apache-2.0
"""A choice of word lengths as a problem: least cost within a bound on the quality.

Every choice is tried at most once; `evaluations` counts those tried, `limit` bounds them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from .costs import Cost
from .variables import Bits, Variable


@dataclass(frozen=True)
class Trial:
    """How good a choice is.

    Args:
        margin: how far the quality is above the bound, in its own unit; negative: below.
        noise: power of the error at the output against the reference, relative to the power there.
    """

    margin: float
    noise: float

    @property
    def feasible(self) -> bool:
        return self.margin >= 0


@dataclass
class Problem:
    """What an algorithm works on.

    Args:
        variables: one word length each; a choice of bits is a tuple in their order.
        cost: of a choice; as a rule it does not fall when a word length grows.
        measure: runs a choice.
        progress: called after each evaluation.
    """

    variables: Sequence[Variable]
    cost: Cost
    measure: Callable[[Bits], Trial]
    progress: Callable[[int], None] = lambda count: None
    trials: dict[Bits, Trial] = field(default_factory=dict[Bits, Trial])

    @property
    def evaluations(self) -> int:
        return len(self.trials)

    @property
    def lowest(self) -> Bits:
        return tuple(variable.low for variable in self.variables)

    @property
    def highest(self) -> Bits:
        return tuple(variable.high for variable in self.variables)

    def trial(self, bits: Bits) -> Trial:
        if bits not in self.trials:
            self.trials[bits] = self.measure(bits)
            self.progress(self.evaluations)
        return self.trials[bits]

    def feasible(self, bits: Bits) -> bool:
        return self.trial(bits).feasible

    def noise(self, bits: Bits) -> float:
        return self.trial(bits).noise

    def saving(self, bits: Bits, number: int) -> int:
        """What one bit less of a variable saves."""
        return self.cost(bits) - self.cost(changed(bits, number, -1))

    def best_known(self) -> Bits:
        """The cheapest choice that was tried and is feasible; that of the start is."""
        feasible = [bits for bits, trial in self.trials.items() if trial.feasible]
        return min([*feasible, self.highest], key=lambda bits: (self.cost(bits), bits))


def changed(bits: Bits, number: int, by: int) -> Bits:
    return (*bits[:number], bits[number] + by, *bits[number + 1 :])


def least_feasible(low: int, high: int, feasible: Callable[[int], bool]) -> int:
    """The least of `low..high` that is feasible, by bisection; `high` is taken to be."""
    while low < high:
        middle = (low + high) // 2
        if feasible(middle):
            high = middle
        else:
            low = middle + 1
    return high
