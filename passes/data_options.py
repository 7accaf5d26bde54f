# SPDX-License-Identifier: Apache-2.0
"""What a precision specification says, as options of a pass say it."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import fields
from fractions import Fraction

from xdsl.passes import ModulePass

from ..frontends.precision.specification import DataArrays, DataSource
from ..qdialect.affine import parse_fraction
from ..qdialect.errors import QoptError

Number = str | int | float  # "1/255" as well


def data_source(
    file: str, frames: str | None, labels: str | None, samples: int | None, scale: Number | None, offset: Number | None
) -> DataSource:
    """QoptError for options that say nothing possible."""
    if samples is not None and samples < 1:
        raise QoptError(f"the option 'samples' is {samples}", mend="give a positive number")
    numbers = _number("scale", 1 if scale is None else scale), _number("offset", offset or 0)
    return DataSource(file, DataArrays(frames or "", labels), scale=numbers[0], offset=numbers[1], samples=samples)


def refuse_besides_specification(pass_: ModulePass, allowed: Container[str] = ()) -> None:
    """QoptError for an option beside `specification` that is neither at its default nor allowed."""
    for option in fields(pass_):
        if option.name == "specification" or option.name in allowed or not option.init:
            continue
        if getattr(pass_, option.name) != option.default:
            what = f"the pass '{pass_.name}' has 'specification' and '{option.name}'"
            raise QoptError(what, mend="say it in the specification")


def _number(name: str, text: Number) -> Fraction:
    try:
        number = parse_fraction(str(text))
    except ValueError as fault:
        raise QoptError(f"the option '{name}': {fault}", mend=f'write {name}="1/255"') from None
    if name == "scale" and not number:
        raise QoptError("the option 'scale' is zero", mend="leave it out to keep numbers as they are")
    return number
