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
from ..accuracy_evaluation import Evaluator, choices, percent_equal, relative_noise
from .problem import Trial
from .variables import Bits, Variable, with_bits

SILENCE = 1e-300  # power that stands for none in a logarithm


@dataclass
class Measurement:
    """Runs networks on frames; `bound` decides which are good enough.

    Args:
        reference: the network that the bound is against.
        reserve: how far above the bound the quality has to be, in points or dB.

    Raises: QoptError if the bound is on the accuracy and there are no labels.
    """

    reference: ModuleOp
    evaluator: Evaluator
    bound: Bound
    reserve: float = 0.0

    def __post_init__(self) -> None:
        if self.bound.measure is Measure.ACCURACY and self.evaluator.labels is None:
            mend = "name the array of the labels, or bound the agreement or the sqnr"
            raise QoptError("the bound is on the accuracy, and the data have no labels", mend=mend)
        self.wanted = self.evaluator.outputs(self.reference).astype(np.float64)

    def judged(self, module: ModuleOp) -> Trial:
        """How good a network is in place of the reference."""
        outputs = self.evaluator.outputs(module)
        if outputs.shape[1:] != self.wanted.shape[1:]:
            shapes = [list(array.shape[1:]) for array in (self.wanted, outputs)]
            what = f"the reference has outputs of the shape {shapes[0]}, the network of {shapes[1]}"
            raise QoptError(what, module, "name the network that this one was made from")
        noise = relative_noise(self.wanted, outputs)
        return Trial(self.quality(outputs, noise) - self.least - self.reserve, noise)

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

    def quality(self, outputs: Array, noise: float) -> float:
        """In points (accuracy, agreement) or dB."""
        if self.bound.measure is Measure.SQNR:
            return -10 * float(np.log10(max(noise, SILENCE)))
        if self.bound.measure is Measure.AGREEMENT:
            return percent_equal(choices(outputs), choices(self.wanted))
        assert self.evaluator.labels is not None
        return percent_equal(choices(outputs), self.evaluator.labels)


def lut_cost(module: ModuleOp, variables: Sequence[Variable]) -> Callable[[Bits], int]:
    """Estimated look-up tables of the hardware of a choice, default folding; seconds each, so known ones are kept."""

    @cache
    def luts(bits: Bits) -> int:
        from ..hardware_luts import estimated_luts

        return estimated_luts(with_bits(module, variables, bits))

    return luts
