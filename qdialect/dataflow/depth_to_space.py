# SPDX-License-Identifier: Apache-2.0
"""`dataflow.depth_to_space`: the channels of a pixel become several pixels."""

from __future__ import annotations

from math import prod

from xdsl.irdl import irdl_op_definition

from .grid import BufferedGridOp


@irdl_op_definition
class DepthToSpaceOp(BufferedGridOp):
    """Channels spread over pixels (pixel shuffle): a pixel [f, f, C / f / f] of the image becomes f x f pixels.

    `image` is that of the input. A beat a cycle; the memory has what this needs, a row of the image or half as much
    more. Lanes divide the channels of the result. Exact.
    ```mlir
    %y = dataflow.depth_to_space %x image [8, 8, 16] factors [2, 2] lanes 4
    ```
    """

    name = "dataflow.depth_to_space"

    @property
    def channels_out(self) -> int:
        return self.image[2] // prod(self.factors)

    def verify_frames(self) -> None:
        super().verify_frames()
        channels, phases = self.image[2], prod(self.factors)
        if channels % phases:
            raise self.fault(f"cannot make {phases} pixels of {channels} channels; mend: use other factors")
