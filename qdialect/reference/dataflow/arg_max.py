# SPDX-License-Identifier: Apache-2.0
"""Meaning of `dataflow.arg_max`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...dataflow import ArgMaxOp
from ...formats import IntRange
from ..registry import Compiled, meaning
from ..values import INT64, Numbers
from .streams import stream_numbers


@meaning(ArgMaxOp)
def arg_max(op: ArgMaxOp, operands: Sequence[Numbers]) -> Compiled:
    result = stream_numbers(op.result_type, INT64, IntRange(0, op.input_type.elements - 1))
    return [result], lambda x: np.argmax(x.reshape(len(x), -1), axis=1).reshape(len(x), 1, 1)
