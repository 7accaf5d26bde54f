# SPDX-License-Identifier: Apache-2.0
"""What a float network computes on data: a histogram of each value that is to be codes, gathered batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from xdsl.ir import BlockArgument, Operation, SSAValue

from ...qdialect.attrs import Array
from ...qdialect.reference import Plan
from ...qdialect.types import shape_of
from .histogram import Histogram

Batch: TypeAlias = Sequence[Array]  # one array of frames for each input of the network
Progress: TypeAlias = Callable[[str], None]
BATCH = 64  # frames


@dataclass
class Statistics:
    """Histograms of values, and how many frames they come from."""

    histograms: dict[SSAValue, Histogram] = field(default_factory=dict[SSAValue, Histogram])
    frames: int = 0


def observe(
    plan: Plan,
    values: Collection[SSAValue],
    batches: Iterable[Batch],
    take: Callable[[SSAValue, Any], None],
) -> int:
    """Run the frames and hand the codes of each value, chunk by chunk, to `take`; returns how many frames ran.

    Values are function arguments, and results of ops that have one.
    """
    wanted = {value.owner: value for value in values if isinstance(value.owner, Operation)}  # a value may be retyped
    arguments = [value for value in values if isinstance(value, BlockArgument)]
    frames = 0

    def trace(op: Operation, codes: Sequence[Any]) -> None:
        take(wanted[op], codes[0])

    for batch in batches:
        for argument in arguments:
            take(argument, batch[argument.index].reshape(-1, *shape_of(argument)).astype(np.float32))
        plan.run(dict(enumerate(batch)), trace, wanted)
        frames += len(batch[0])
    return frames


def gather(plan: Plan, values: Collection[SSAValue], batches: Iterable[Batch], progress: Progress) -> Statistics:
    """Histograms of the values."""
    statistics = Statistics({value: Histogram() for value in values})

    def counted() -> Iterable[Batch]:
        for batch in batches:
            statistics.frames += len(batch[0])
            progress(f"calibrating: {statistics.frames} frames")
            yield batch

    observe(plan, statistics.histograms, counted(), lambda v, array: statistics.histograms[v].add(array))
    return statistics
