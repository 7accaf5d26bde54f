# SPDX-License-Identifier: Apache-2.0
"""When weights that share values are kept as indices into a codebook, and what the look-up costs."""

from __future__ import annotations

from ..sharing import index_width
from .unit import BRAM18_AREA, MemoryCost, ceil_div, table_cost

LOOKUP_ENTRIES = 64  # of a codebook: a look-up table of six inputs holds one bit of so many


def lookup_lut(entries: int, width: int) -> int:
    """Look-up tables that turn an index into a code of `width` bits; two bits share a table of five inputs."""
    return ceil_div(width, 2) if entries <= LOOKUP_ENTRIES // 2 else width


def kept_as_indices(entries: int, stored: int, lanes: int, steps: int, block: bool | None) -> bool:
    """Whether a memory of indices, with a codebook for each lane, is smaller than one of weights.

    Args:
        entries: values that the weights share.   stored: bits of a weight.   lanes: weights read in a step.
        steps: words of the memory.   block: whether it lies in block memories; None: as synthesis likes.
    """
    if not 1 < entries <= LOOKUP_ENTRIES or index_width(entries) >= stored:
        return False
    plain = table_cost(steps, lanes * stored, block)
    return _area(indices_cost(entries, stored, lanes, steps, block)) < _area(plain)


def indices_cost(entries: int, stored: int, lanes: int, steps: int, block: bool | None) -> MemoryCost:
    """The memory of indices and the codebooks behind it."""
    memory = table_cost(steps, lanes * index_width(entries), block)
    books = lanes * lookup_lut(entries, stored)
    return MemoryCost(memory.lut + books, memory.ff, memory.bram18, memory.bits + entries * stored)


def _area(memory: MemoryCost) -> int:
    return memory.lut + BRAM18_AREA * memory.bram18
