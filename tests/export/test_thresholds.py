# SPDX-License-Identifier: Apache-2.0
"""Thresholds leave as FINN's node or as comparisons, whatever axis the channels are along."""

import numpy as np
import pytest
from xdsl.dialects.builtin import ModuleOp

from .engines import exported
from .networks import module_of, read_again, reference, run_file

SHAPES = {"1x3": 1, "1x2x3": 2, "1x3x2": 1, "1x3x2x2": 1, "1x2x3x2": 2, "1x2x2x2x3": 4, "3x2": 0, "1x2x3x2x2": 2}


def network(shape: str, axis: int, falls: bool) -> ModuleOp:
    flags = "%d = q.constant #q.dense<[0, 1, 1] : tensor<3x!q.ufixed<1, 0>>>\n" if falls else ""
    descending = "descending %d : tensor<3x!q.ufixed<1, 0>> " if falls else ""
    along = "" if axis == len(shape.split("x")) - 1 else f"axis {axis} "
    return module_of(
        f"""{flags}%t = q.constant #q.dense<[[-3, 2], [0, 1], [4, 4]] : tensor<3x2x!q.fixed<4, 0>>>
        %y = q.threshold %x, %t {descending}base -1 {along}: tensor<{shape}x!q.fixed<4, 0>>, tensor<3x2x!q.fixed<4, 0>>
        -> tensor<{shape}x!q.fixed<2, 0>>""",
        f"%x: tensor<{shape}x!q.fixed<4, 0>>",
        f"tensor<{shape}x!q.fixed<2, 0>>",
    )


@pytest.mark.parametrize("falls", [False, True])
@pytest.mark.parametrize("style", ["style=qonnx", "style=qcdq"])
@pytest.mark.parametrize("shape", SHAPES)
def test_channels_along_any_axis(shape: str, style: str, falls: bool) -> None:
    module = network(shape, SHAPES[shape], falls)
    sizes = [int(size) for size in shape.split("x")]
    again = read_again(module, style)
    for seed in range(5):
        x = np.random.default_rng(seed).integers(-8, 8, sizes)
        assert (reference(module, x) == reference(again, x.astype(np.float32))).all()
        if style == "style=qcdq":
            assert (reference(module, x) == run_file(exported(module, style), x.astype(np.float32))).all()
