# SPDX-License-Identifier: Apache-2.0
"""Chosen word lengths as a precision specification, which q-quantize takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from glob import escape
from pathlib import Path

from ...frontends.precision.specification import FormatChoice, Kind, Pattern, Rule, Specification
from ...qdialect.errors import QoptError
from ...qdialect.formats import IntRange
from .variables import Bits, Variable


def with_word_lengths(specification: Specification, variables: Sequence[Variable], bits: Bits) -> Specification:
    """The specification with a rule for each variable in place of objective and bound.

    What it says of scales and granularity stays; its data are found from any folder.
    """
    rules = list(specification.rules)
    for variable, count in zip(variables, bits, strict=True):
        known = specification.choices(variable.names, variable.kind).formats.get(variable.role)
        choice = known or FormatChoice(Kind.FIXED, IntRange(count, count))
        pattern = Pattern(escape(variable.name))
        rules.append(Rule((pattern,), {variable.role: replace(choice, bits=IntRange(count, count))}))
    data = specification.data
    if data is not None:
        data = replace(data, file=str(data.path.resolve()), folder=Path())
    return replace(specification, rules=tuple(rules), data=data, objective=None, bound=None)


def write_specification(path: str, specification: Specification) -> None:
    """QoptError if the file cannot be written."""
    try:
        Path(path).write_text(str(specification), encoding="utf-8")
    except OSError as fault:
        raise QoptError(f"cannot write '{path}': {fault.strerror or fault}", mend="check the path") from None
