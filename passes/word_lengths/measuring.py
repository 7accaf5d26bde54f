# SPDX-License-Identifier: Apache-2.0
"""How good a choice of word lengths is: accuracy, agreement or noise on frames, against a reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from xdsl.dialects.builtin import ModuleOp

from ...frontends.precision.specification import Bound, Measure
from ...qdialect.attrs import Array
from ...qdialect.errors import QoptError
from ..accuracy_evaluation import Evaluator, choices, percent_equal
from ..noise import MOST_DECIBELS, noise_of
from .variables import Bits, Variable, with_bits

CONFIDENCE = 2.0  # standard errors: on other frames the bound then holds in 97.7 of 100 cases, for a choice by itself
BELOW = 0.999  # of what the start affords, for the rounding of its margin
NOISE_FRAMES = 512  # that noise is measured on, to rank choices


@dataclass
class Measurement:
    """Runs networks on frames; `bound` decides which are good enough.

    Args:
        reference: the network that the bound is against.
        reserve: how far above the bound the quality has to be, in points or dB.
        confidence: how many standard errors of the change of accuracy are kept in reserve as well, see `keep_errors`.

    Raises: QoptError if the bound is on the accuracy and there are no labels.
    """

    reference: ModuleOp
    evaluator: Evaluator
    bound: Bound
    reserve: float = 0.0
    confidence: float = 0.0

    def __post_init__(self) -> None:
        if self.bound.measure is Measure.ACCURACY and self.evaluator.labels is None:
            mend = "name the array of the labels, or bound the agreement or the sqnr"
            raise QoptError("the bound is on the accuracy, and the data have no labels", mend=mend)
        self.wanted = self.evaluator.outputs(self.reference).astype(np.float64)
        step = -(-len(self.wanted) // NOISE_FRAMES)  # classes may come in turn
        self._few = self.evaluator if step == 1 else Evaluator(self.evaluator.frames[::step])
        self._few_wanted = self.wanted[::step]

    def margin(self, module: ModuleOp) -> float:
        """How far above the bound a network is in place of the reference, in points or dB."""
        outputs = self.evaluator.outputs(module)
        if outputs.shape[1:] != self.wanted.shape[1:]:
            shapes = [list(array.shape[1:]) for array in (self.wanted, outputs)]
            what = f"the reference has outputs of the shape {shapes[0]}, the network of {shapes[1]}"
            raise QoptError(what, module, "name the network that this one was made from")
        reserve = self.reserve + self.confidence * self.standard_error(outputs)
        return self.quality(outputs) - self.least - reserve

    def noise(self, module: ModuleOp) -> float:
        """Power of the error at the output, relative to the power there, on NOISE_FRAMES at most."""
        return noise_of(self._few_wanted, self._few.outputs(module)).relative

    def keep_errors(self, start: ModuleOp) -> None:
        """Keep `CONFIDENCE` standard errors in reserve where the bound is on the accuracy, or what `start` affords.

        A search meets choices that are right on its frames by luck: as many answers become right as become wrong. On
        other frames they lose more. The error of a paired comparison counts both (McNemar, 1947).
        """
        self.confidence = 0.0
        if self.bound.measure is not Measure.ACCURACY:
            return
        margin, error = self.margin(start), self.standard_error(self.evaluator.outputs(start))
        self.confidence = min(CONFIDENCE, BELOW * max(margin, 0.0) / error) if error else CONFIDENCE

    def standard_error(self, outputs: Array) -> float:
        """Of the change of accuracy from the reference to a network with these outputs, in points; 0 without labels."""
        labels = self.evaluator.labels
        if labels is None:
            return 0.0
        was, now = (choices(array) == labels.reshape(-1) for array in (self.wanted, outputs))
        return 100 * float(np.sqrt(np.sum(was != now))) / len(labels)

    @property
    def least(self) -> float:
        """The quality that the bound asks for."""
        value = float(self.bound.value)
        if self.bound.measure is not Measure.ACCURACY:
            return value
        labels = self.evaluator.labels
        assert labels is not None
        # a thousandth of a frame for the rounding of percentages
        return percent_equal(choices(self.wanted), labels) - value - 0.1 / len(labels)

    def quality(self, outputs: Array) -> float:
        """In points (accuracy, agreement) or dB."""
        if self.bound.measure is Measure.SQNR:
            return min(noise_of(self.wanted, outputs).sqnr, MOST_DECIBELS)
        if self.bound.measure is Measure.AGREEMENT:
            return percent_equal(choices(outputs), choices(self.wanted))
        assert self.evaluator.labels is not None
        return percent_equal(choices(outputs), self.evaluator.labels)


def area_cost(module: ModuleOp, variables: Sequence[Variable]) -> Callable[[Bits], int]:
    """Estimated area of the hardware of a choice, default folding; seconds each, so known ones are kept."""

    @cache
    def area(bits: Bits) -> int:
        from ..hardware_area import estimated_area

        return estimated_area(with_bits(module, variables, bits))

    return area
