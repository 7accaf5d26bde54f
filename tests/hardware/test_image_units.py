# SPDX-License-Identifier: Apache-2.0
"""Units of images refuse arguments that make no sense; what they compute is tested with the dataflow level."""

from collections.abc import Callable

import pytest
from qopt_mlir.backends.amaranth.pool import PoolUnit
from qopt_mlir.backends.amaranth.sliding_window import SlidingWindowUnit
from qopt_mlir.backends.amaranth.upsample import UpsampleUnit
from qopt_mlir.backends.amaranth.window_scan import WindowScanUnit
from qopt_mlir.qdialect.dataflow.window_scan import WindowScan
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.formats import BipolarFormat, FixedFormat
from qopt_mlir.qdialect.q.window import Window

WINDOW = Window((3, 3), (1, 1), (1, 1, 1, 1), (1, 1))


def refused(
    unit: Callable[..., object], arguments: dict[str, object], changes: dict[str, object], message: str
) -> None:
    with pytest.raises(QoptError, match=message):
        unit(**(arguments | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lanes": 3}, "3 lanes do not divide 4 channels"),
        ({"pad_code": 8}, "pad code 8 is no code of the format"),
        ({"format": BipolarFormat()}, "pad code 0 is no code of the format"),
        ({"window": Window((3, 3), (1,), (1, 1, 1, 1), (1, 1))}, r"has strides \[1\]"),
        ({"window": Window((9, 9), (1, 1), (1, 1, 1, 1), (1, 1))}, r"has a window of \[9, 9\]"),
        ({"memory": "lead"}, "unknown memory 'lead'"),
    ],
)
def test_sliding_window(changes: dict[str, object], message: str) -> None:
    arguments: dict[str, object] = {"image": (5, 5, 4), "window": WINDOW, "format": FixedFormat(4), "lanes": 2}
    refused(SlidingWindowUnit, arguments, changes, message)


def test_whole_windows() -> None:
    scan = WindowScan(5, 5, WINDOW, (5, 5), 2)
    refused(WindowScanUnit, {"scan": scan, "channels": 1, "format": FixedFormat(4)}, {}, "makes 2 of the 5 windows")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"taps": 0}, "0 taps"),
        ({"lanes": 3}, "3 lanes do not divide 4 channels"),
        ({"output_format": FixedFormat(5)}, "max keeps the format"),
        ({"kind": "sum", "output_format": BipolarFormat()}, "a bipolar output holds no sums"),
    ],
)
def test_pool(changes: dict[str, object], message: str) -> None:
    arguments: dict[str, object] = {
        "kind": "max",
        "taps": 4,
        "channels": 4,
        "input_format": FixedFormat(4),
        "output_format": FixedFormat(4),
        "lanes": 2,
    }
    refused(PoolUnit, arguments, changes, message)


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"lanes": 3}, "3 lanes do not divide 4 channels"), ({"factors": (0, 2)}, r"factors \(0, 2\)")],
)
def test_upsample(changes: dict[str, object], message: str) -> None:
    arguments: dict[str, object] = {"image": (5, 5, 4), "factors": (2, 2), "format": FixedFormat(4), "lanes": 2}
    refused(UpsampleUnit, arguments, changes, message)
