# SPDX-License-Identifier: Apache-2.0
"""Meaning of `q.constant`."""

from __future__ import annotations

from fractions import Fraction

from xdsl.ir import Attribute

from ...attrs import DenseAttr
from ...types import RealType, integer_format, is_integer_type
from ..values import Array, Numbers, carrier, cast, exact_from_fractions, range_of


def constant_numbers(value: DenseAttr) -> Numbers:
    """Description of a constant, its elements in the cheapest dtype."""
    type_, stored = value.type.element_type, value.array
    shape = value.type.get_shape()
    if isinstance(type_, RealType):
        real = exact_from_fractions(stored)
        return _integers(type_, shape, real.numerators, real.scale)
    if is_integer_type(type_):
        return _integers(type_, shape, stored, Fraction(2) ** -integer_format(type_).fraction_bits)
    return Numbers(type_, shape, stored.dtype, constant=stored)


def _integers(type_: Attribute, shape: tuple[int, ...], integers: Array, scale: Fraction) -> Numbers:
    range_ = range_of(integers)
    dtype = carrier(range_)
    return Numbers(type_, shape, dtype, scale, range_, cast(integers, dtype))
