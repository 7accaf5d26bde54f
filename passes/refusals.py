# SPDX-License-Identifier: Apache-2.0
"""Why ops cannot be hardware, told to the user all at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from xdsl.ir import Operation

from ..qdialect.errors import QoptError, describe_location


@dataclass(frozen=True)
class Refusal:
    """Why an op cannot be hardware, and what the user can do about it."""

    op: Operation
    what: str
    mend: str


@dataclass(frozen=True)
class Reason:
    """A refusal and the places of all ops that it holds for."""

    what: str
    mend: str = ""
    places: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = [self.what, self.mend]
        if len(self.places) == 1:
            parts[0] += f", {self.places[0]}"
        elif self.places:
            parts[0] += f", {len(self.places)} ops"
            parts.append(f"at {'; '.join(dict.fromkeys(self.places))}")
        return "; ".join(filter(None, parts))


def grouped(refusals: Iterable[Refusal]) -> list[Reason]:
    """Each reason once, in order."""
    places: dict[tuple[str, str], list[str]] = {}
    for why in refusals:
        places.setdefault((why.what, why.mend), []).append(describe_location(why.op) or "no location")
    return [Reason(what, mend, tuple(ops)) for (what, mend), ops in places.items()]


def refuse(refusals: Sequence[Refusal], heading: str) -> None:
    """QoptError that names every op refused; nothing if there is none."""
    if len(refusals) == 1:
        raise QoptError(refusals[0].what, refusals[0].op, refusals[0].mend)
    if refusals:
        count = len({why.op for why in refusals})
        lines = [f"{count} op{'s' * (count > 1)} {heading}:", *map(str, grouped(refusals))]
        raise QoptError("\n    ".join(lines), mend="see each line")
