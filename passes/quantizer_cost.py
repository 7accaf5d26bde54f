# SPDX-License-Identifier: Apache-2.0
"""What a quantiser tail costs as thresholds, and as multiply-shift: numbers only.

One lane of the unit in look-up tables (DSP blocks and memories weighed as in `cost.unit`), with the tables of up to
`CHANNELS_PER_LANE` channels, since the folding is chosen later. Thresholds beyond the second are found by binary
search: one comparison a bit of the code, but every threshold is stored; so they double with each bit of the result,
while a product does not grow with it.
"""

from __future__ import annotations

from ..qdialect.cost.latency import threshold_stages
from ..qdialect.cost.unit import BRAM18_AREA, DSP_AREA, Product, product_cost, table_cost
from ..qdialect.formats import FixedFormat, IntRange, smallest_fixed
from .multiply_shift_math import MultiplyShift
from .threshold_math import Array, Thresholds

CHANNELS_PER_LANE = 16


def thresholds_area(thresholds: Thresholds, input_width: int, result_width: int) -> int:
    channels, count = thresholds.table.shape
    rows = min(channels, CHANNELS_PER_LANE)
    stages = threshold_stages(count)
    compared = 1 if stages > 1 else count
    area = result_width
    for stage in range(stages):
        limits = table_cost(rows << stage if stages > 1 else rows, input_width * compared)
        area += limits.lut + BRAM18_AREA * limits.bram18 + compared * input_width // 2
    return area


def multiply_shift_area(form: MultiplyShift, input_width: int, result_width: int) -> int:
    multiplier, addend = _format(form.multiplier), _format(form.addend)
    rows = min(len(form.multiplier), CHANNELS_PER_LANE)
    only_shift = all(factor in (-1, 0, 1) for factor in form.multiplier)
    product = Product(0) if only_shift else product_cost(FixedFormat(input_width, 0), multiplier)
    constants = table_cost(rows, multiplier.word_length + addend.word_length)
    total = max(input_width + multiplier.word_length, addend.word_length) + 1
    return (
        product.lut
        + DSP_AREA * product.dsp
        + 2 * total
        + 2 * result_width
        + constants.lut
        + BRAM18_AREA * constants.bram18
    )


def _format(codes: Array) -> FixedFormat:
    return smallest_fixed(IntRange(int(codes.min()), int(codes.max())))
