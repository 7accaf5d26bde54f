# SPDX-License-Identifier: Apache-2.0
"""Chosen word lengths as a precision specification, which q-quantize takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from glob import escape
from pathlib import Path

from ...frontends.precision.specification import FormatChoice, Kind, Pattern, Role, Rule, Specification
from ...qdialect.errors import QoptError
from ...qdialect.formats import IntRange
from ..calibration.functions import default_function
from .variables import Bits, Variable


def with_word_lengths(specification: Specification, variables: Sequence[Variable], bits: Bits) -> Specification:
    """The specification with a rule for each variable in place of ranges, objective and bound.

    What it says of scales and granularity stays, and a bound that numbers of shared values are chosen by; its data are
    found from any folder.
    """
    rules = [_widest(rule) for rule in specification.rules]
    for variable, count in zip(variables, bits, strict=True):
        known = specification.choices(variable.names, variable.kind).formats.get(variable.role)
        choice = known or _like_its_result(specification, variable) or FormatChoice(Kind.FIXED, IntRange(count, count))
        pattern = Pattern(escape(variable.name))
        rules.append(Rule((pattern,), {variable.role: replace(choice, bits=IntRange(count, count))}))
    data = specification.data
    if data is not None:
        data = replace(data, file=str(data.path.resolve()), folder=Path())
    shares = [rule.share.count for rule in rules if rule.share is not None]
    bound = specification.bound if any(count.lo < count.hi for count in shares) else None
    return replace(specification, rules=tuple(rules), data=data, objective=None, bound=bound)


def _like_its_result(specification: Specification, variable: Variable) -> FormatChoice | None:
    """The format that a function gets without one of its own; None for other roles."""
    activation = specification.choices(variable.names, variable.kind).formats.get(Role.ACTIVATION)
    return default_function(activation) if variable.role is Role.FUNCTION and activation is not None else None


def _widest(rule: Rule) -> Rule:
    """The rule with the word length that a choice begins at in place of each range."""
    formats = {role: replace(one, bits=IntRange(one.bits.hi, one.bits.hi)) for role, one in rule.formats.items()}
    return replace(rule, formats=formats)


def write_specification(path: str, specification: Specification) -> None:
    """QoptError if the file cannot be written."""
    try:
        Path(path).write_text(str(specification), encoding="utf-8")
    except OSError as fault:
        raise QoptError(f"cannot write '{path}': {fault.strerror or fault}", mend="check the path") from None
