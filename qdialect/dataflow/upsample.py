# SPDX-License-Identifier: Apache-2.0
"""`dataflow.upsample`: each pixel of an image several times."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from xdsl.irdl import irdl_op_definition

from .grid import BufferedGridOp


@irdl_op_definition
class UpsampleOp(BufferedGridOp):
    """Nearest-neighbour upsampling: each row `factors[0]` times, each pixel of a row `factors[1]` times.

    An image is [H, W, C], channels vary fastest; lanes are those of the result and divide C. A beat is made in every
    cycle; the memory has what this needs, about a row if rows repeat. Exact.
    ```mlir
    %y = dataflow.upsample %x image [8, 8, 16] factors [2, 2] lanes 4
    ```
    """

    name = "dataflow.upsample"

    @classmethod
    def elements_out(cls, image: Sequence[int], factors: Sequence[int]) -> int:
        return prod(image) * prod(factors)

    @property
    def channels_out(self) -> int:
        return self.image[2]
