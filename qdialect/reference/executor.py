# SPDX-License-Identifier: Apache-2.0
"""Running a compiled function: frames through the steps of a `Plan`, chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from xdsl.ir import Operation

from ..errors import QoptError
from ..formats import NoCodeError
from .boundary import Boundary
from .registry import Kernel
from .values import Array, ExactReal, Numbers

CHUNK_BYTES = 1 << 21  # of the largest array of a chunk: it stays in the caches between two ops

KEPT_BYTES = 8 * CHUNK_BYTES  # more than the arrays that live at one time in the runs of most networks

Codes: TypeAlias = Array | ExactReal
Trace: TypeAlias = Callable[[Operation, Sequence[Codes]], None]


def keep_freed_memory() -> None:
    """Keep the system from fetching and clearing new pages for the arrays of every run, which takes half of the time.

    The allocator of glibc returns arrays to the system when they are freed, until it has seen one freed that is
    larger; from then on it keeps twice as much. Other allocators take no notice.
    """
    np.empty(KEPT_BYTES, dtype=np.int8)  # freed at once


@dataclass(frozen=True, slots=True)
class Step:
    """One op: `slots[targets] = kernel(*slots[sources])`, then the slots in `dropped` are emptied.

    `operands` and `results` tell what is known of them before a run; operands that are constants have no source.
    """

    op: Operation
    kernel: Kernel
    sources: tuple[int, ...]
    targets: tuple[int, ...]
    dropped: tuple[int, ...]
    operands: tuple[Numbers, ...]
    results: tuple[Numbers, ...]

    def codes(self, slots: list[Any]) -> list[Codes]:
        """Codes of the results: copies, which no later step can change."""
        pairs = zip(self.results, self.targets, strict=True)
        return [Boundary("", numbers).codes(slots[target]) for numbers, target in pairs]


@dataclass(frozen=True)
class Plan:
    """A function made ready to run. Inputs live in the first slots; `output_slots` hold the results at the end.

    An output that is the same in every frame has the slot -1 and its array in `numbers.constant`. `quick`: fewer steps
    that do the same, for runs without a trace; None: there are none.
    """

    inputs: tuple[Boundary, ...]
    outputs: tuple[Boundary, ...]
    steps: tuple[Step, ...]
    output_slots: tuple[int, ...]
    num_slots: int
    quick: tuple[Step, ...] | None = None

    @property
    def input_names(self) -> list[str]:
        return [boundary.name for boundary in self.inputs]

    @cached_property
    def _keys(self) -> frozenset[str | int]:
        """What an input may be given under."""
        return frozenset(self.input_names).union(range(len(self.inputs)))

    @property
    def output_names(self) -> list[str]:
        return [boundary.name for boundary in self.outputs]

    def run(
        self,
        inputs: Mapping[str | int, ArrayLike],
        trace: Trace | None = None,
        traced: Container[Operation] | None = None,
    ) -> list[Array]:
        """Values of the outputs, each [N, *shape]: float32 for f32, int64 for integers, else float64.

        Args:
            inputs: values by name or index, [N, *shape], or [N, *shape[1:]] if shape[0] is 1, or one frame [*shape].
            trace: called after each op of each chunk, in order, with the op and the codes of its results.
            traced: the ops to trace; None: all.

        Raises: QoptError for an input that does not fit, and where an op meets a number it has no code for.
        """
        results = self._run(self._frames(inputs, codes=False), trace, traced)
        return [boundary.values(stored) for boundary, stored in zip(self.outputs, results, strict=True)]

    def run_codes(
        self,
        inputs: Mapping[str | int, ArrayLike],
        trace: Trace | None = None,
        traced: Container[Operation] | None = None,
    ) -> list[Codes]:
        """As `run`, with codes for values: integers, float32 for f32, `ExactReal` for `!q.real`."""
        results = self._run(self._frames(inputs, codes=True), trace, traced)
        return [boundary.codes(stored) for boundary, stored in zip(self.outputs, results, strict=True)]

    def _frames(self, inputs: Mapping[str | int, ArrayLike], codes: bool) -> list[Array]:
        """The stored numbers of all inputs, checked to be for one number of frames."""
        if not inputs.keys() <= self._keys:
            unknown = [key for key in inputs if key not in self._keys]
            raise QoptError(f"there is no input '{unknown[0]}'", mend=f"the inputs are {', '.join(self.input_names)}")
        arrays: list[Array] = []
        for index, boundary in enumerate(self.inputs):
            given = inputs.get(boundary.name, inputs.get(index))
            if given is None:
                raise QoptError(f"input '{boundary.name}' is missing", mend=f"give an array under '{boundary.name}'")
            arrays.append(boundary.frames(given, codes))
        if any(len(array) != len(arrays[0]) for array in arrays):
            counts = {len(array) for array in arrays}
            raise QoptError(f"the inputs have {sorted(counts)} frames", mend="give every input as many")
        return arrays

    @np.errstate(all="ignore")  # float32 ops do as IEEE 754 says, infinities and NaN included
    def _run(self, arrays: list[Array], trace: Trace | None, traced: Container[Operation] | None) -> list[Array]:
        frames = len(arrays[0]) if arrays else 1
        results = [np.empty((frames, *b.numbers.shape), dtype=b.numbers.dtype) for b in self.outputs]
        size = self._chunk_frames
        for start in range(0, frames, size):
            stop = min(start + size, frames)
            slots: list[Any] = [None] * self.num_slots
            for index, (boundary, array) in enumerate(zip(self.inputs, arrays, strict=True)):
                slots[index] = array[start:stop]
                boundary.check(slots[index])
            self._run_steps(slots, trace, traced)
            for result, slot, boundary in zip(results, self.output_slots, self.outputs, strict=True):
                result[start:stop] = boundary.numbers.constant if slot < 0 else slots[slot]
        return results

    @cached_property
    def _chunk_frames(self) -> int:
        largest = max(
            (numbers.dtype.itemsize * prod(numbers.shape) for step in self.steps for numbers in step.results), default=1
        )
        return max(1, CHUNK_BYTES // max(largest, 1))

    def _run_steps(self, slots: list[Any], trace: Trace | None, traced: Container[Operation] | None) -> None:
        step = None
        try:
            for step in self.steps if trace is not None or self.quick is None else self.quick:
                result = step.kernel(*[slots[source] for source in step.sources])
                if len(step.targets) == 1:
                    slots[step.targets[0]] = result
                else:
                    for target, array in zip(step.targets, result, strict=True):
                        slots[target] = array
                if trace is not None and (traced is None or step.op in traced):
                    trace(step.op, step.codes(slots))
                for slot in step.dropped:
                    slots[slot] = None
        except NoCodeError as reason:
            assert step is not None
            raise QoptError(f"{step.op.name}: {reason}", step.op, "check the inputs of the network") from None
