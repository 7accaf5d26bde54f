# SPDX-License-Identifier: Apache-2.0
"""How far a quantised network is from the float one: noise of each layer, first choices kept, accuracy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue

from ...frontends.precision.data import Frames
from ...qdialect.attrs import Array
from ...qdialect.reference import ExactReal, Plan
from ...qdialect.types import element_type, integer_format, is_integer_type, shape_of
from ..noise import Noise

Progress: TypeAlias = Callable[[str], None]


@dataclass(frozen=True)
class Score:
    """Accuracies in percent where there are labels; agreement: frames whose first choice is that of the float network.

    `sqnr` is the signal to quantisation noise at the first output in dB; infinite without noise.
    """

    frames: int
    sqnr: float
    agreement: float | None = None
    float_accuracy: float | None = None
    accuracy: float | None = None


def score(before: Plan, after: Plan, frames: Frames, shape: tuple[int, ...], progress: Progress) -> Score:
    """Run both networks on the frames and compare their first outputs."""
    noise, choices, done = Noise(), (list[Array](), list[Array]()), 0
    for batch in frames.batches(shape):
        outputs = [plan.run({0: batch})[0] for plan in (before, after)]
        noise.add(outputs[0], outputs[1])
        for chosen, output in zip(choices, outputs, strict=True):
            chosen.append(first_choice(output))
        done += len(batch)
        progress(f"scoring: {done} of {len(frames)} frames")
    if choices[0][0].size == 0:
        return Score(len(frames), noise.sqnr)
    first, second = (np.concatenate(chosen) for chosen in choices)
    labels = frames.labels
    return Score(
        len(frames),
        noise.sqnr,
        percent(first == second),
        None if labels is None else percent(first == labels),
        None if labels is None else percent(second == labels),
    )


def first_choice(output: Array) -> Array:
    """The class of each frame: the place of the largest number; nothing for outputs that name no class."""
    scores = output.reshape(len(output), -1)
    if output.shape[-1] != scores.shape[1]:
        return np.zeros(0, np.int64)
    return scores[:, 0] if output.dtype.kind == "i" and scores.shape[1] == 1 else scores.argmax(axis=1)


def percent(hits: NDArray[Any]) -> float:
    return 100 * float(np.mean(hits))


def noises(
    before: tuple[Plan, FuncOp],
    after: tuple[Plan, FuncOp],
    pairs: Mapping[SSAValue, SSAValue],
    batches: Iterable[Array],
) -> dict[SSAValue, Noise]:
    """The noise of each value: `pairs` has what it is called in the float and in the quantised network."""
    result = {value: Noise() for value in pairs}
    for batch in batches:
        exact = _values(*before, pairs, batch)
        quantised = _values(*after, pairs.values(), batch)
        for value, other in pairs.items():
            result[value].add(exact[value], quantised[other])
    return result


def _values(plan: Plan, function: FuncOp, values: Iterable[SSAValue], batch: Array) -> dict[SSAValue, Array]:
    """What the values are for a batch."""
    wanted = {value.owner: value for value in values if isinstance(value.owner, Operation)}
    parts: dict[SSAValue, list[Array]] = {value: [] for value in wanted.values()}

    def trace(op: Operation, codes: Sequence[Any]) -> None:
        parts[wanted[op]].append(numbers_of(wanted[op], codes[0]))

    plan.run({0: batch}, trace, wanted)
    found = {value: np.concatenate(chunks) for value, chunks in parts.items()}
    found.update((a, batch.reshape(-1, *shape_of(a))) for a in function.args if a in set(values))
    return found


def numbers_of(value: SSAValue, codes: Any) -> Array:
    """Codes as the numbers that they stand for."""
    if isinstance(codes, ExactReal):
        return codes.to_float64()
    if not is_integer_type(element_type(value)):
        return np.asarray(codes)
    return np.ldexp(codes.astype(np.float64), -integer_format(element_type(value)).fraction_bits)
