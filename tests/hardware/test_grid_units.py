# SPDX-License-Identifier: Apache-2.0
"""Units of finer grids refuse arguments that make no sense; what they compute is tested with the dataflow level."""

from collections.abc import Callable

import pytest
from qopt_mlir.backends.amaranth.depth_to_space import DepthToSpaceUnit
from qopt_mlir.backends.amaranth.interleave import InterleaveUnit
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.formats import FixedFormat


@pytest.mark.parametrize(
    ("unit", "changes", "message"),
    [
        (InterleaveUnit, {"lanes": 3}, "3 lanes do not divide 8 channels"),
        (InterleaveUnit, {"factors": (0, 2)}, r"factors \(0, 2\)"),
        (InterleaveUnit, {"factors": (1, 1)}, "one stream"),
        (DepthToSpaceUnit, {"lanes": 4}, "4 lanes do not divide 2 channels"),
        (DepthToSpaceUnit, {"factors": (0, 2)}, r"factors \(0, 2\)"),
        (DepthToSpaceUnit, {"factors": (3, 1)}, "3 pixels do not divide 8 channels"),
        (DepthToSpaceUnit, {"memory": "lead"}, "unknown memory 'lead'"),
    ],
)
def test_arguments(unit: Callable[..., object], changes: dict[str, object], message: str) -> None:
    arguments: dict[str, object] = {"image": (5, 5, 8), "factors": (2, 2), "format": FixedFormat(4), "lanes": 2}
    with pytest.raises(QoptError, match=message):
        unit(**(arguments | changes))
