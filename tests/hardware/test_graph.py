# SPDX-License-Identifier: Apache-2.0
"""Forks and joins as components: every element under stalls, refused arguments, names of the emitted modules."""

import re

import numpy as np
import pytest
from qopt_mlir.backends.amaranth.concat import ConcatUnit
from qopt_mlir.backends.amaranth.emit import emit_verilog
from qopt_mlir.backends.amaranth.fifo import StreamFifo
from qopt_mlir.backends.amaranth.fork import StreamFork
from qopt_mlir.backends.amaranth.join import JoinUnit
from qopt_mlir.backends.amaranth.stream_unit import Unit
from qopt_mlir.backends.amaranth.threshold import ThresholdUnit
from qopt_mlir.backends.amaranth.top import AxiStreamTop, Source
from qopt_mlir.backends.simulators.amaranth import simulate_amaranth
from qopt_mlir.backends.simulators.common import Stimulus
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.formats import BipolarFormat, FixedFormat

INPUT = FixedFormat(6, 1)
FRAMES, PIXELS = 12, 3


def signs(lanes: int) -> ThresholdUnit:
    return ThresholdUnit(
        thresholds=[[3]],
        descending=False,
        base=0,
        input_format=INPUT,
        output_format=BipolarFormat(),
        lanes=lanes,
        channels=1,
    )


def network(lanes: int) -> tuple[list[tuple[str, Unit]], list[list[Source]]]:
    """x + sign(x) joined with x and sign(x), 4 channels each."""
    bipolar, total = BipolarFormat(), FixedFormat(7, 1)
    concat = ConcatUnit(
        input_formats=[total, bipolar, INPUT], channels=[4, 4, 4], output_format=FixedFormat(7, 1), lanes=lanes
    )
    units: list[tuple[str, Unit]] = [
        ("split", StreamFork(format=INPUT, lanes=lanes, copies=3)),
        ("sign", signs(lanes)),
        ("signs", StreamFork(format=bipolar, lanes=lanes, copies=2)),
        ("sum", JoinUnit(kind="add", input_formats=(INPUT, bipolar), output_format=total, lanes=lanes)),
        ("late", StreamFifo(format=bipolar, lanes=lanes, depth=16)),
        ("later", StreamFifo(format=INPUT, lanes=lanes, depth=32)),
        ("joined", concat),
    ]
    return units, [[(-1, 0)], [(0, 0)], [(1, 0)], [(0, 1), (2, 0)], [(2, 1)], [(0, 2)], [(3, 0), (4, 0), (5, 0)]]


@pytest.mark.parametrize("lanes", [1, 2, 4])
@pytest.mark.parametrize("stall", [0.0, 0.3, 0.6])
def test_every_element_arrives(lanes: int, stall: float) -> None:
    units, sources = network(lanes)
    x = np.random.default_rng(lanes).integers(-32, 32, (FRAMES, PIXELS, 4))
    sign = np.where(x >= 3, 1, -1)
    expected = np.concatenate([x + 2 * sign, 2 * sign, x], axis=2)
    stimulus = Stimulus(
        beats=x.astype(np.int8).reshape(-1, lanes).view(np.uint8),
        num_output_beats=expected.size // lanes,
        output_bytes=lanes,
        output_frame_beats=expected[0].size // lanes,
        stall=stall,
        timeout_cycles=500,
    )
    top = AxiStreamTop(units=units, sources=sources, output_beats=expected[0].size // lanes)
    result = simulate_amaranth(top, stimulus)
    assert result.beats.view(np.int8).reshape(expected.shape).tolist() == expected.tolist()


def test_emission_names_every_unit() -> None:
    units, sources = network(2)
    texts = emit_verilog(name="net", units=units, sources=sources, output_beats=18)
    assert list(texts) == ["net.v", *(f"net_{name}.v" for name, _ in units)]
    assert texts == emit_verilog(name="net", units=units, sources=sources, output_beats=18)
    found = re.findall(r"^  net_(\w+) \w+ \(", texts["net.v"], re.MULTILINE)
    assert sorted(found) == sorted(name for name, _ in units)


def test_refused_graphs() -> None:
    units, sources = network(2)
    with pytest.raises(QoptError, match="have two users"):
        AxiStreamTop(units=units, sources=[*sources[:-1], [(3, 0), (4, 0), (4, 0)]], output_beats=1)
    with pytest.raises(QoptError, match="streams of split, joined go out"):
        AxiStreamTop(units=[*units[:5], units[6]], sources=[*sources[:5], [(3, 0), (4, 0)]], output_beats=1)


def test_refused_arguments() -> None:
    bipolar = BipolarFormat()
    with pytest.raises(QoptError, match="1 copies"):
        StreamFork(format=bipolar, lanes=1, copies=1)
    with pytest.raises(QoptError, match="results have 1 fraction bits, the output format 0"):
        JoinUnit(kind="add", input_formats=(INPUT, bipolar), output_format=FixedFormat(7), lanes=1)
    with pytest.raises(QoptError, match="1 streams"):
        ConcatUnit(input_formats=[bipolar], channels=[1], output_format=bipolar, lanes=1)
    with pytest.raises(QoptError, match="2 lanes do not divide 3 channels"):
        ConcatUnit(input_formats=[bipolar] * 2, channels=[2, 3], output_format=bipolar, lanes=2)
