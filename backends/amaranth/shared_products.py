# SPDX-License-Identifier: Apache-2.0
"""Weights kept as indices into one codebook: a small table in front of any data path of lanes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from amaranth.hdl import Cat, Value
from numpy.typing import NDArray

from ...qdialect.sharing import index_width
from .adder_tree import LateTerm, Term, table_lookup
from .multiply_add import LaneProducts
from .shapes import extended, lanes_of
from .stream_unit import Pipeline


class SharedProducts:
    """The data path `inner`, whose weights are looked up: index -> code as `inner` stores it, combinational."""

    def __init__(self, inner: LaneProducts, codebook: NDArray[Any]) -> None:
        """`codebook`: all codes that weights have, rising."""
        self.shift, self.preparation = inner.shift, inner.preparation
        self.prepare, self.correction = inner.prepare, inner.correction
        self._inner, self._codebook = inner, codebook
        self._width = index_width(len(codebook))
        stored = np.packbits(inner.word_bits(codebook[:, None]), axis=1, bitorder="little")
        self._table = [int.from_bytes(row.tobytes(), "little") for row in stored]
        self._code_width = inner.weight_format.word_length

    def word_bits(self, codes: NDArray[Any]) -> NDArray[np.bool_]:
        indices = np.searchsorted(self._codebook, codes)
        bits = [(indices >> bit & 1).astype(bool) for bit in range(self._width)]
        return np.stack(bits, axis=2).reshape(len(codes), -1)

    def rows(
        self, pipe: Pipeline, inputs: Sequence[Sequence[Value]], words: Sequence[Value]
    ) -> list[list[Term | LateTerm]]:
        return self._inner.rows(pipe, inputs, [self._decoded(word) for word in words])

    def _decoded(self, word: Value) -> Value:
        codes = [table_lookup(self._table, index) for index in lanes_of(word, self._width)]
        return Cat(*(extended(code, self._code_width) for code in codes))
