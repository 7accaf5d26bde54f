# SPDX-License-Identifier: Apache-2.0
"""Figures of one layer: weights, bias, accumulator, activation, as JSON data."""

from __future__ import annotations

from math import prod
from typing import Any, TypeAlias, cast

import numpy as np
from xdsl.ir import Attribute

from ...passes.noise import Noise, noise_of
from ...qdialect.attrs import Array
from ...qdialect.float_formats import decode
from ...qdialect.q import QuantizeOp
from ...qdialect.sharing import codebook_of, index_width
from ...qdialect.types import (
    BipolarType,
    FloatType,
    FormatType,
    SharedType,
    element_type,
    integer_format,
    is_f32,
    unshared,
)
from .observing import Range, Seen, Sums
from .proofs import Proof
from .structure import FLOAT_BITS, Activation, Coded, held

Figures: TypeAlias = dict[str, Any]

MOST_CODES = 256  # of a format whose codes are listed one by one
BINS = 96  # of the histogram of float weights
MOST_CODEBOOKS = 16  # that are listed of a layer


def weight_figures(weight: Coded, original: Array | None) -> Figures:
    """Of the weights of a layer; `original`: the float weights that they come from."""
    count = weight.codes.size
    figures: Figures = {"format": format_text(weight.type), "bits": bits_of(weight.type), "count": count}
    if is_f32(weight.type):
        return figures | {"memory_bits": count * FLOAT_BITS, "range": _bounds(weight.numbers)}
    low, high = (weight.factor * bound + weight.offset for bound in held(weight.type))
    book = codebook_figures(weight)
    return figures | {
        "memory_bits": count * figures["bits"] if book is None else book["memory_bits"],
        "scales": _scales(weight.factor),
        "range_held": [short(low.min()), short(high.max())],
        "range": _bounds(weight.numbers),
        "range_float": None if original is None else _bounds(original),
        "sqnr_db": None if original is None else decibels(noise_of(original, weight.numbers)),
        "saturated": None if original is None else _saturated(weight, original),
        "codes": code_figures(weight.type, weight.codes),
        "float_histogram": None if original is None else _histogram((original - weight.offset) / weight.factor),
        "codebook": book,
    }


def bias_figures(bias: Coded, original: Array | None) -> Figures:
    """Of the biases of a layer."""
    figures: Figures = {
        "format": format_text(bias.type),
        "bits": bits_of(bias.type),
        "count": bias.codes.size,
        "range": _bounds(bias.numbers),
    }
    if is_f32(bias.type):
        return figures
    numbers = np.broadcast_to(bias.numbers, np.broadcast_shapes(bias.numbers.shape, bias.codes.shape))
    fits = original is not None and original.size == numbers.size
    low, high = (bias.factor * bound + bias.offset for bound in held(bias.type))
    return figures | {
        "range_held": [short(low.min()), short(high.max())],
        "sqnr_db": decibels(noise_of(cast(Array, original).reshape(-1), numbers.reshape(-1))) if fits else None,
        "bits_used": _bits_used(bias),
    }


def activation_figures(activation: Activation, calibrated: Seen | None, scored: Seen | None, proof: Proof) -> Figures:
    """Of the numbers that a layer gives to the next.

    Args:
        calibrated, scored: what it was on calibration and on test frames, where there are data.
        proof: codes that the range analysis bounds.
    """
    type_ = element_type(activation.op.result)
    quantum = 2.0 ** -integer_format(type_).fraction_bits if isinstance(type_, FormatType) and _is_code(type_) else 1.0

    def numbers(bounds: tuple[float, float]) -> list[float]:
        ends = [(bound * quantum - activation.zero_point) * activation.scale for bound in bounds]
        return [short(ends[0].min()), short(ends[1].max())]

    return {
        "format": format_text(type_),
        "bits": bits_of(type_),
        "scales": _scales(activation.scale * quantum),
        "zero_point": short(float(activation.zero_point.reshape(-1)[0])),
        "range_held": numbers(held(type_, activation.op.narrow)),
        "range_proven": None if proof.hull is None else numbers((proof.hull.lo, proof.hull.hi)),
        "range_calibration": None if calibrated is None else _range(calibrated.range),
        "sqnr_db": decibels(scored.noise) if scored is not None else None,
        "saturated": short(scored.saturated / scored.count) if scored is not None and scored.count else None,
        "codes": None if scored is None else _counted(activation.op, scored.codes),
    }


def accumulator_figures(proof: Proof, bound: int | None, sums: Sums | None) -> Figures | None:
    """Of the sums of a layer, in codes; `bound`: the bits that the types of its factors alone would ask for."""
    if proof.type is None or proof.hull is None:
        return None
    return {
        "format": format_text(proof.type),
        "bits": bits_of(proof.type),
        "bits_by_type": bound,
        "range_held": [int(end) for end in held(proof.type)],
        "range_proven": [proof.hull.lo, proof.hull.hi],
        "range_calibration": None if sums is None else _range(sums.range),
    }


def codebook_figures(weight: Coded) -> Figures | None:
    """Codebooks of shared weights; None if they are not shared."""
    type_ = weight.type
    if not isinstance(type_, SharedType):
        return None
    book = codebook_of(weight.codes, type_.entries.data)
    assert book is not None
    rows = book.codebook.reshape(-1, book.entries)
    return {
        "entries": book.entries,
        "codebooks": book.num_groups,
        "value_format": format_text(type_.value_type),
        "index_bits": bits_of(type_),
        "memory_bits": book.bits(bits_of(type_.value_type)),
        "codes": [sorted({int(code) for code in row}) for row in rows[:MOST_CODEBOOKS]],
        "uses": [int(count) for count in np.unique(weight.codes, return_counts=True)[1]] if len(rows) == 1 else None,
        "values": [short(v) for v in np.unique(weight.numbers)] if len(rows) == 1 and weight.factor.size == 1 else None,
    }


def code_figures(type_: Attribute, codes: Array) -> Figures:
    """How many codes a format has and how many are used; which and how often, if they are few."""
    used, counts = np.unique(codes, return_counts=True)
    grid = _grid(type_)
    if grid is None:
        return {"held": _num_codes(type_), "used": len(used), "values": None, "counts": None}
    found = dict(zip(used.tolist(), counts.tolist(), strict=True))
    values = grid.tolist()
    return {"held": len(values), "used": len(used), "values": values, "counts": [found.get(v, 0) for v in values]}


def _counted(op: QuantizeOp, counts: Array) -> Figures | None:
    """`code_figures` of codes that were counted from the lowest on."""
    type_ = element_type(op.result)
    if not counts.size or not _is_code(type_):
        return None
    lowest = integer_format(type_).code_range.lo
    few = _grid(type_) is not None
    places = [place for place in range(len(counts)) if not isinstance(type_, BipolarType) or place != 1]
    return {
        "held": _num_codes(type_),
        "used": int(np.count_nonzero(counts)),
        "values": [lowest + place for place in places] if few else None,
        "counts": [int(counts[place]) for place in places] if few else None,
    }


def format_text(type_: Attribute) -> str:
    """`fixed<8, 4>`."""
    return "float32" if is_f32(type_) else str(type_).replace("!q.", "")


def bits_of(type_: Attribute) -> int:
    """Bits of one number; of a shared one those of its index."""
    if isinstance(type_, SharedType):
        return index_width(type_.entries.data)
    return type_.bitwidth if isinstance(type_, FormatType) else FLOAT_BITS


def value_bits(type_: Attribute) -> int:
    """Bits of what is multiplied: of a shared number those of the codebook's values."""
    return bits_of(unshared(type_))


def decibels(noise: Noise | None) -> float | str | None:
    """A ratio in dB, "exact" without noise, None if it was not measured."""
    if noise is None:
        return None
    return "exact" if noise.noise == 0 else round(noise.sqnr, 2) if noise.signal else None


def short(number: float) -> float:
    """Six digits, enough for people; whole numbers whole."""
    rounded = float(f"{float(number):.6g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 1 << 53 else rounded


def _saturated(weight: Coded, original: Array) -> float:
    """Share of the float weights beyond the codes. A lowest code that mirrors no other counts if it is used."""
    low, high = held(weight.type)
    if low < 0 and low + high == -1 and int(weight.codes.min(initial=0)) > low:
        low += 1
    scaled = (original - weight.offset) / weight.factor
    if _is_code(weight.type):
        scaled = np.rint(scaled)
    return short(float(np.mean((scaled < low) | (scaled > high)))) if original.size else 0


def _bits_used(bias: Coded) -> int:
    least, most = int(bias.codes.min(initial=0)), int(bias.codes.max(initial=0))
    return 1 + max((-least - 1).bit_length() if least < 0 else 0, most.bit_length())


def _is_code(type_: Attribute) -> bool:
    return isinstance(type_, FormatType) and not isinstance(type_, FloatType)


def _num_codes(type_: Attribute) -> int:
    return 2 if isinstance(type_, BipolarType) else 1 << value_bits(type_)


def _grid(type_: Attribute) -> Array | None:
    """All codes of a format (numbers of a custom float), if they are few."""
    type_ = unshared(type_)
    if isinstance(type_, BipolarType):
        return np.array([-1, 1])
    if not isinstance(type_, FormatType) or value_bits(type_) > MOST_CODES.bit_length() - 1:
        return None
    if isinstance(type_, FloatType):
        numbers = decode(np.arange(1 << bits_of(type_)), type_.format)
        return np.unique(numbers[np.isfinite(numbers)]) + 0.0
    held_codes = integer_format(type_).code_range
    return np.arange(held_codes.lo, held_codes.hi + 1)


def _histogram(numbers: Array) -> Figures:
    counts, edges = np.histogram(numbers, BINS)
    return {"low": short(edges[0]), "high": short(edges[-1]), "counts": [int(count) for count in counts]}


def _scales(scales: Array) -> list[float]:
    """Least and greatest."""
    return [short(scales.min()), short(scales.max())]


def _bounds(numbers: Array) -> list[float] | None:
    return [short(numbers.min()), short(numbers.max())] if numbers.size else None


def _range(range_: Range) -> list[float] | None:
    return [short(range_.low), short(range_.high)] if range_.low <= range_.high else None


def type_bound(input_bits: int, weight: Coded, outputs: int) -> int:
    """Bits that sums of such products can need, whatever the weights are."""
    terms = prod(weight.codes.shape) // max(outputs, 1)
    return input_bits + value_bits(weight.type) + max(terms - 1, 0).bit_length()
