# SPDX-License-Identifier: Apache-2.0
"""Verilog of a top level: one file for the top and one for each distinct unit.

Units are converted one by one and instantiated, so the time grows with the sum of their sizes; units whose text is
equal share a module. All Verilog text is Amaranth's; the same units and names give the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain, count

from amaranth.back import rtlil
from amaranth.back.verilog import _convert_rtlil_text  # pyright: ignore[reportPrivateUsage]  # one yosys call for all

from ...qdialect.errors import QoptError
from .stream_unit import Unit
from .top import AxiStreamTop, Source

_PLACEHOLDER = "qopt_unit"


def emit_verilog(
    *,
    name: str,
    units: Sequence[tuple[str, Unit]],
    output_beats: int,
    sources: Sequence[Sequence[Source]] | None = None,
) -> dict[str, str]:
    """File name -> text. The top module is `name`; module and instance names are those of the units, made legal.

    Args:
        name: of the top module, and prefix of the unit modules. units, output_beats, sources: as for `AxiStreamTop`.
    """
    top_name = sanitised(name)
    legal = unique_names([unit_name for unit_name, _ in units])
    modules: dict[str, str] = {}  # unit name -> module
    texts: dict[str, str] = {}  # RTLIL of a unit under the placeholder name -> module
    for unit_name, (_, unit) in zip(legal, units, strict=True):
        text = rtlil.convert(unit, name=_PLACEHOLDER, emit_src=False)
        modules[unit_name] = texts.setdefault(text, f"{top_name}_{unit_name}")
    named = list(zip(legal, (unit for _, unit in units), strict=True))
    top = AxiStreamTop(units=named, output_beats=output_beats, sources=sources, modules=modules)
    rtlil_texts = [text.replace(f"\\{_PLACEHOLDER}", f"\\{module}") for text, module in texts.items()]
    rtlil_texts.append(rtlil.convert(top, name=top_name, emit_src=False))
    verilog = _split_modules(_convert_rtlil_text("\n".join(rtlil_texts), strip_internal_attrs=True))
    if top_name not in verilog:
        raise QoptError(f"'{name}' is a Verilog keyword, no name of a module", mend="give another --name")
    return {f"{module}.v": verilog[module] for module in [top_name, *texts.values()]}


def sanitised(name: str) -> str:
    """`name` as a Verilog identifier: letters, digits and single `_`, starting with a letter."""
    legal = re.sub(r"_+", "_", re.sub(r"[^A-Za-z0-9_]", "_", name)).strip("_") or "unit"
    return legal if legal[0].isalpha() else f"n{legal}"


def unique_names(names: Sequence[str]) -> list[str]:
    """Sanitised names; one that is taken gets the next free number behind it."""
    result: list[str] = []
    for name in map(sanitised, names):
        candidates = chain([name], (f"{name}_{number}" for number in count(1)))
        result.append(next(candidate for candidate in candidates if candidate not in result))
    return result


def _split_modules(verilog: str) -> dict[str, str]:
    """Module name -> its text."""
    pattern = re.compile(r"^(?:\(\*.*\*\)\n)*module (\w+)\(.*?^endmodule\n", re.MULTILINE | re.DOTALL)
    return {match[1]: match[0] for match in pattern.finditer(verilog)}
