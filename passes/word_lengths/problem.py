# SPDX-License-Identifier: Apache-2.0
"""A choice of word lengths as a problem: least cost within a bound on the quality.

Of a choice there is a margin, which decides whether it is good enough, and a noise, which ranks choices and may be
measured on fewer frames. Each is measured at most once; `evaluations` counts the choices of which either was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from .costs import Cost
from .variables import Bits, Variable


@dataclass
class Problem:
    """What an algorithm works on.

    Args:
        variables: one word length each; a choice of bits is a tuple in their order.
        cost: of a choice; as a rule it does not fall when a word length grows.
        measure_margin: how far the quality of a choice is above the bound, in its own unit; negative: below.
        measure_noise: power of the error at the output against the reference, relative to the power there.
        progress: called after each evaluation.
    """

    variables: Sequence[Variable]
    cost: Cost
    measure_margin: Callable[[Bits], float]
    measure_noise: Callable[[Bits], float]
    progress: Callable[[int], None] = lambda count: None
    margins: dict[Bits, float] = field(default_factory=dict[Bits, float])
    noises: dict[Bits, float] = field(default_factory=dict[Bits, float])

    @property
    def evaluations(self) -> int:
        return len(self.margins.keys() | self.noises.keys())

    @property
    def lowest(self) -> Bits:
        return tuple(variable.low for variable in self.variables)

    @property
    def highest(self) -> Bits:
        return tuple(variable.high for variable in self.variables)

    def margin(self, bits: Bits) -> float:
        if bits not in self.margins:
            self.margins[bits] = self.measure_margin(bits)
            self.progress(self.evaluations)
        return self.margins[bits]

    def feasible(self, bits: Bits) -> bool:
        return self.margin(bits) >= 0

    def noise(self, bits: Bits) -> float:
        if bits not in self.noises:
            self.noises[bits] = self.measure_noise(bits)
            self.progress(self.evaluations)
        return self.noises[bits]

    def saving(self, bits: Bits, number: int) -> int:
        """What one bit less of a variable saves."""
        return self.cost(bits) - self.cost(changed(bits, number, -1))

    def worth(self, bits: Bits, number: int) -> float:
        """What one bit less of a variable saves for each unit of noise that it adds; below 0 if it costs more."""
        saving = self.saving(bits, number)
        if saving <= 0:
            return float(saving)
        added = self.noise(changed(bits, number, -1)) - self.noise(bits)
        return saving / added if added > 0 else float("inf")

    def best_known(self) -> Bits:
        """The cheapest choice that was tried and is feasible; that of the start is."""
        feasible = [bits for bits, margin in self.margins.items() if margin >= 0]
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
