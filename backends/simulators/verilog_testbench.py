# SPDX-License-Identifier: Apache-2.0
"""Text of the Verilog testbench and of its hex files: `testbench.v` with the names between @ filled in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .common import DRAIN_CYCLES, RESET_CYCLES, Stimulus

TEMPLATE = Path(__file__).with_name("testbench.v")


def testbench_text(top: str, stimulus: Stimulus) -> str:
    """tb.v for the module `top`: reads input.hex and expected.hex in the folder it runs in."""
    number, beat_bytes = stimulus.beats.shape
    values = {
        "TOP": top,
        "INPUT_BITS": 8 * beat_bytes,
        "OUTPUT_BITS": 8 * stimulus.output_bytes,
        "NUM_INPUT": number,
        "NUM_OUTPUT": stimulus.num_output_beats,
        "INPUT_FRAME": stimulus.input_frame_beats or 0,
        "OUTPUT_FRAME": stimulus.output_frame_beats or 0,
        "RESET_CYCLES": RESET_CYCLES,
        "DRAIN_CYCLES": DRAIN_CYCLES,
        "TIMEOUT": stimulus.timeout_cycles,
    }
    text = TEMPLATE.read_text()
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    return text


def hex_text(beats: NDArray[np.uint8]) -> str:
    """Beats [number, bytes] as $readmemh reads them: one a line, most significant byte first."""
    return "".join(beat[::-1].tobytes().hex() + "\n" for beat in beats)


def beats_of_hex(lines: Sequence[str]) -> NDArray[np.uint8]:
    """The inverse of `hex_text`. Raises ValueError for a digit that is unknown (x or z)."""
    data = np.frombuffer(bytes.fromhex("".join(lines)), np.uint8)
    return np.ascontiguousarray(data.reshape(len(lines), -1)[:, ::-1])
