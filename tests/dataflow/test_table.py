# SPDX-License-Identifier: Apache-2.0
"""Look-up tables: every code of every channel, a beat a cycle."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import numpy as np
import pytest
from qopt_mlir.backends.amaranth.table import TableUnit
from qopt_mlir.qdialect.dataflow import Memory, TableOp
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.formats import BipolarFormat, FixedFormat
from qopt_mlir.qdialect.types import BipolarType, FixedType, UFixedType, integer_format

sys.path.insert(0, str(Path(__file__).parent))
from networks import random_codes
from units import check_ladder, constant, module_of


@pytest.mark.parametrize("seed", range(30))
def test_equals_numpy(seed: int) -> None:
    rnd, rng = random.Random(seed), np.random.default_rng(seed)
    types = [FixedType(4, 1), BipolarType(), UFixedType(3, 0), FixedType(1, 0), FixedType(6, 2)]
    element, result = rnd.choice(types), rnd.choice(types)
    channels, pixels = rnd.choice([1, 2, 3, 4]), rnd.choice([1, 3, 4])
    lanes = rnd.choice([d for d in (1, 2, 3, 4, 6) if channels * pixels % d == 0])
    format_, rows = integer_format(element), rnd.choice([1, channels])
    entries = random_codes(rng, result, (rows, 1 << format_.word_length))
    memory = rnd.choice([None, Memory.DISTRIBUTED, Memory.BLOCK])
    module = module_of(
        element,
        (pixels, channels),
        lambda x: TableOp(x, constant(entries, result), lanes=lanes, memory=memory).result,
        lanes,
    )
    codes = (
        [-1, 1] if isinstance(element, BipolarType) else list(range(format_.code_range.lo, format_.code_range.hi + 1))
    )

    def expected(frame: np.ndarray) -> np.ndarray:
        places = np.searchsorted(codes, frame)
        return np.stack([entries[c % rows][places[:, c]] for c in range(channels)], axis=1)

    check_ladder(module, expected, rng, frames=8)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"entries": [[0, 1, 0]]}, "a row has 3 entries for 4 codes"),
        ({"entries": [[0, 1, 0, 8]]}, "entry 8 is no code of the output format"),
        ({"output_format": BipolarFormat(), "entries": [[-1, 0, 1, 1]]}, "entry 0 is no code of the output format"),
        ({"memory": "lead"}, "unknown memory 'lead'"),
    ],
)
def test_refused_arguments(changes: dict[str, object], message: str) -> None:
    arguments: dict[str, object] = {
        "entries": [[0, 1, 0, -1]],
        "input_format": FixedFormat(2),
        "output_format": FixedFormat(4),
        "lanes": 2,
    }
    with pytest.raises(QoptError, match=message):
        TableUnit(**(arguments | changes))  # pyright: ignore[reportArgumentType]
