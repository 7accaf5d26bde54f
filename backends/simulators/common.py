# SPDX-License-Identifier: Apache-2.0
"""What every simulator is given and gives back, and how their tools are run."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...qdialect.errors import QoptError

# A run holds reset for this many cycles, and watches for surplus output for so many after the last beat.
RESET_CYCLES = 16
DRAIN_CYCLES = 64


@dataclass(frozen=True, kw_only=True)
class Stimulus:
    """What to send through a design and what to expect of its protocol.

    Args:
        beats: input beats, uint8 [number, bytes of a beat], lane 0 in the first bytes.
        num_output_beats: output beats that these inputs make; one more is an error.
        output_bytes: bytes of an output beat.
        input_frame_beats: beats of an input frame, for s_axis_tlast; None leaves it low.
        output_frame_beats: beats of an output frame: m_axis_tlast must mark exactly its last; None does not look.
        stall: probability in a cycle that the source offers no new beat, and that the sink is not ready.
        seed: of the stalls and of whatever else is random.
        timeout_cycles: cycles without a beat moving at either end, after which the design counts as stopped.
    """

    beats: NDArray[np.uint8]
    num_output_beats: int
    output_bytes: int
    input_frame_beats: int | None = None
    output_frame_beats: int | None = None
    stall: float = 0.0
    seed: int = 0
    timeout_cycles: int = 100_000

    def __post_init__(self) -> None:
        if self.beats.ndim != 2 or self.beats.dtype != np.uint8 or 0 in self.beats.shape:
            raise ValueError(f"beats are uint8 [number, bytes], not {self.beats.dtype} {self.beats.shape}")
        if not 0 <= self.stall < 1:
            raise ValueError(f"stall is a probability below 1, not {self.stall}")
        if min(self.num_output_beats, self.output_bytes, self.timeout_cycles) < 1:
            raise ValueError("num_output_beats, output_bytes and timeout_cycles are at least 1")


@dataclass(frozen=True)
class SimulationResult:
    """Output beats, uint8 [number, bytes], and the cycle in which each input and each output beat was accepted.

    Cycle 0 is the first clock edge after reset.
    """

    beats: NDArray[np.uint8]
    input_cycles: NDArray[np.int64]
    output_cycles: NDArray[np.int64]
    engine: str


def run_tool(
    command: Sequence[str | Path], what: str, *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> str:
    """Run a tool of a simulator; its stdout. Raises QoptError with the first lines of its complaint if it fails."""
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=env, capture_output=True, text=True, check=False
    )
    if done.returncode:
        complaint = "\n".join((done.stderr or done.stdout).splitlines()[:8])
        raise QoptError(
            f"{what} fails with exit code {done.returncode}: {complaint}",
            " ".join(str(part) for part in command[:2]),
            "mend what the tool names above",
        )
    return done.stdout


def protocol_error(what: str, top: str, engine: str) -> QoptError:
    """The design stopped or broke its stream contract, in the words of the harness."""
    return QoptError(
        what,
        f"top module '{top}' in {engine}",
        "build the design again; if its Verilog was edited, undo that; if it only stopped, deepen its FIFOs",
    )
