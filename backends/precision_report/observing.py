# SPDX-License-Identifier: Apache-2.0
"""What the quantisers of a network do to frames, and how far it is from its float network: streamed, batch by batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import BlockArgument, Operation, SSAValue

from ...frontends.precision.data import Frames
from ...passes.calibration.scoring import first_choice, numbers_of, percent
from ...passes.noise import Noise
from ...passes.rewriting import function_named
from ...qdialect.attrs import Array
from ...qdialect.q import QuantizeOp
from ...qdialect.reference import Plan, compile_function
from ...qdialect.types import BipolarType, element_type, integer_format, is_integer_type, shape_of
from .structure import Activation, held

BATCH = 32  # frames, few enough for what they give to stay in caches
KEPT_NUMBERS = 1 << 24  # of the values of a batch, for networks of large images
MOST_COUNTED = 1 << 12  # codes of a format that are counted one by one


@dataclass
class Range:
    """Least and greatest of the numbers seen."""

    low: float = float("inf")
    high: float = float("-inf")

    def add(self, numbers: Array) -> None:
        if numbers.size:
            self.low, self.high = min(self.low, float(numbers.min())), max(self.high, float(numbers.max()))


@dataclass
class Seen:
    """One quantiser on frames: what went in, how much of it saturated, which codes came out, its noise.

    Attributes:
        codes: how often each code came out, from the lowest on; empty for formats of many codes.
        noise: against the float network, errors of earlier layers included; None if nothing is compared.
    """

    activation: Activation
    range: Range = field(default_factory=Range)
    count: int = 0
    saturated: int = 0  # more than half a code beyond the format
    codes: Array = field(default_factory=lambda: np.zeros(0, np.int64))
    noise: Noise | None = None

    def count_saturated(self, source: Array) -> None:
        self.count += source.size
        type_ = element_type(self.activation.op.result)
        if isinstance(type_, BipolarType):
            return
        low, high = held(type_, self.activation.op.narrow)
        quantum, reach = (2.0 ** -integer_format(type_).fraction_bits, 0.5) if is_integer_type(type_) else (1.0, 0.0)
        zero, scale = self.activation.zero_point, self.activation.scale
        ends = [((end * quantum - zero) * scale).astype(source.dtype) for end in (low - reach, high + reach)]
        self.saturated += int(np.count_nonzero(source < ends[0])) + int(np.count_nonzero(source > ends[1]))

    def count_codes(self, codes: Array) -> None:
        held = integer_format(element_type(self.activation.op.result)).code_range
        if held.hi - held.lo < MOST_COUNTED:
            counted = np.bincount(codes.reshape(-1).astype(np.int64) - held.lo, minlength=held.hi - held.lo + 1)
            self.codes = counted if not self.codes.size else self.codes + counted


@dataclass
class Sums:
    """The sums of a product on frames, in quanta of the product: `quantum` is one number for each or for all."""

    value: SSAValue
    quantum: Array
    range: Range = field(default_factory=Range)


@dataclass
class Network:
    """@main of a module, and what runs it."""

    module: ModuleOp

    @cached_property
    def plan(self) -> Plan:
        return compile_function(self.module)

    @property
    def main(self) -> FuncOp:
        main = function_named(self.module, "main")
        assert main is not None
        return main

    def run(self, batch: Array, values: Iterable[SSAValue]) -> tuple[Array, dict[SSAValue, Array]]:
        """The first output for a batch, and the numbers of some values (codes for those behind a quantiser)."""
        wanted = {value.owner: value for value in values if isinstance(value.owner, Operation)}
        parts: dict[SSAValue, list[Array]] = {value: [] for value in wanted.values()}

        def trace(op: Operation, codes: Sequence[Any]) -> None:
            value = wanted[op]
            is_code = isinstance(op, QuantizeOp) and is_integer_type(element_type(value))
            parts[value].append(codes[0] if is_code else numbers_of(value, codes[0]))

        output = self.plan.run({0: batch}, trace, wanted)[0]
        found = {value: chunks[0] if len(chunks) == 1 else np.concatenate(chunks) for value, chunks in parts.items()}
        found.update((a, batch.reshape(-1, *shape_of(a))) for a in values if isinstance(a, BlockArgument))
        return output, found


@dataclass
class Outputs:
    """The first outputs of both networks: noise, and first choices."""

    noise: Noise = field(default_factory=Noise)
    before: list[Array] = field(default_factory=list[Array])
    after: list[Array] = field(default_factory=list[Array])

    def add(self, before: Array, after: Array) -> None:
        self.noise.add(before, after)
        self.before.append(first_choice(before))
        self.after.append(first_choice(after))

    def percentages(self, labels: Array | None) -> dict[str, float | None]:
        """Agreement, and accuracy before and after where there are labels; none if the outputs name no class."""
        before, after = np.concatenate(self.before), np.concatenate(self.after)
        if not before.size:
            return {"agreement": None, "accuracy_before": None, "accuracy_after": None}
        known = labels is not None and len(labels) == len(before)
        return {
            "agreement": percent(before == after),
            "accuracy_before": percent(before == labels) if known else None,
            "accuracy_after": percent(after == labels) if known else None,
        }


def observe_ranges(network: Network, frames: Frames, seen: Iterable[Seen], sums: Iterable[Sums]) -> None:
    """What goes into quantisers and comes out of products, on all frames."""
    seen, sums = list(seen), list(sums)
    values = [*(one.activation.source for one in seen), *(one.value for one in sums)]
    for batch in _batches(network, frames, values):
        _, found = network.run(batch, values)
        for one in seen:
            one.range.add(found[one.activation.source])
        for one in sums:
            one.range.add(np.rint(found[one.value] / one.quantum))


def _batches(network: Network, frames: Frames, values: Sequence[SSAValue]) -> Iterator[Array]:
    """Batches for which these values of the network are not too many numbers."""
    numbers = sum(prod(shape_of(value)) for value in values)
    return frames.batches(shape_of(network.main.args[0]), max(1, min(BATCH, KEPT_NUMBERS // max(numbers, 1))))


def compare(
    before: Network, after: Network, pairs: Mapping[SSAValue, SSAValue], frames: Frames, seen: Iterable[Seen]
) -> Outputs:
    """Run both networks on all frames; `pairs` has for values of `after` what they are in `before`."""
    seen, outputs = list(seen), Outputs()
    originals = {one.activation: pairs[one.activation.source] for one in seen if one.activation.source in pairs}
    values = [value for one in seen for value in (one.activation.source, one.activation.op.result)]
    values += [one.activation.result for one in seen if not _has_codes(one.activation)]
    for batch in _batches(after, frames, values):
        exact, floats = before.run(batch, originals.values())
        output, found = after.run(batch, values)
        outputs.add(exact, output)
        for one in seen:
            original = originals.get(one.activation)
            _add(one, found, None if original is None else floats[original])
    return outputs


def _add(one: Seen, found: Mapping[SSAValue, Array], original: Array | None) -> None:
    """Take in a batch; `original`: the numbers of the float network."""
    activation = one.activation
    one.count_saturated(found[activation.source])
    numbers = found[activation.result if not _has_codes(activation) else activation.op.result]
    if _has_codes(activation):
        one.count_codes(numbers)
        quantum = 2.0 ** -integer_format(element_type(activation.op.result)).fraction_bits
        numbers = numbers * (quantum * activation.scale) - activation.zero_point * activation.scale
    if original is not None:
        one.noise = one.noise or Noise()
        one.noise.add(original, numbers)


def _has_codes(activation: Activation) -> bool:
    return is_integer_type(element_type(activation.op.result))
