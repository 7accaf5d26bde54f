# SPDX-License-Identifier: Apache-2.0
"""Synthesis counts what small designs are known to need, and refuses latches and double drivers."""

from dataclasses import replace
from pathlib import Path

import pytest
from qopt_mlir.backends import synthesis
from qopt_mlir.backends.synthesis import Family, missing_yosys, synthesise
from qopt_mlir.qdialect.errors import QoptError

DESIGNS = """
module counter(input aclk, input enable, output reg [11:0] q);
  always @(posedge aclk) if (enable) q <= q + 1;
endmodule
module adders(input [7:0] a, b, c, d, output [9:0] y);
  assign y = a + b + c + d;
endmodule
module multiply_add(input aclk, input signed [11:0] a, b, input signed [23:0] c, output reg signed [24:0] y);
  always @(posedge aclk) y <= a * b + c;
endmodule
module small_product(input signed [3:0] a, b, output signed [7:0] y);
  assign y = a * b;
endmodule
module rom(input aclk, input [10:0] address, output reg [8:0] q);
  reg [8:0] memory [0:2047];
  integer i;
  initial for (i = 0; i < 2048; i = i + 1) memory[i] = i * i * 7 + 3 * i;
  always @(posedge aclk) q <= memory[address];
endmodule
module latch(input a, b, output reg y);
  always @* if (a) y = b;
endmodule
module two_drivers(input a, b, output y);
  assign y = a;
  assign y = b;
endmodule
module undriven(input a, output y);
  wire b;
  assign y = a & b;
endmodule
module two_inputs(input a, b, output y);
  assign y = a & b;
endmodule
module loop(input a, output y);
  assign y = a ^ ~y;
endmodule
"""

pytestmark = pytest.mark.skipif(missing_yosys() is not None, reason=str(missing_yosys()))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "designs.v"
    path.write_text(DESIGNS)
    return path


@pytest.mark.parametrize("family", ["xilinx", "ecp5"])
def test_known_designs(source: Path, family: Family) -> None:
    counter = synthesise([source], "counter", family)
    assert counter.ff == 12
    assert counter.carry == {"xilinx": 3, "ecp5": 6}[family]
    assert 1 <= counter.lut <= 13
    assert sum(counter.cells.values()) >= counter.ff + counter.carry
    assert not counter.warnings
    adders = synthesise([source], "adders", family)
    # three chains, of 8 to 10 bits: one LUT a bit and little more
    assert 24 <= adders.lut <= 36
    assert adders.ff == adders.dsp == adders.bram18 == 0


@pytest.mark.parametrize("family", ["xilinx", "ecp5"])
def test_wide_products_take_dsp_blocks_and_small_ones_do_not(source: Path, family: Family) -> None:
    wide = synthesise([source], "multiply_add", family)
    assert wide.dsp == 1
    assert wide.lut <= {"xilinx": 0, "ecp5": 30}[family]
    small = synthesise([source], "small_product", family)
    assert small.dsp == 0
    assert 8 <= small.lut <= 60
    soft = synthesise([source], "multiply_add", family, dsp=False)
    assert soft.dsp == 0
    assert soft.lut > 60


@pytest.mark.parametrize("family", ["xilinx", "ecp5"])
def test_block_memory_is_counted_in_units_of_18_kbit(source: Path, family: Family) -> None:
    rom = synthesise([source], "rom", family)
    assert rom.bram18 == 1
    assert rom.ff == 0


@pytest.mark.parametrize(
    ("top", "message"),
    [
        ("latch", "the design has a latch: latch/y"),
        ("two_drivers", "multiple conflicting drivers for two_drivers"),
        ("undriven", "undriven.*b is used but has no driver"),
        ("loop", "logic loop"),
        ("nowhere", "nowhere"),
    ],
)
def test_unsound_designs_are_refused(source: Path, top: str, message: str) -> None:
    with pytest.raises(QoptError, match=message) as error:
        synthesise([source], top)
    assert f"top module '{top}' in Yosys" in str(error.value)


def test_time_limit_is_kept(source: Path) -> None:
    with pytest.raises(QoptError, match=r"synthesis takes longer than its limit of 0.01 s"):
        synthesise([source], "counter", time_limit=0.01)


def test_no_yosys_is_named(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthesis, "_yosys", lambda: None)
    with pytest.raises(QoptError, match="no Yosys"):
        synthesise([source], "counter")


def test_cells_left_unmapped_are_refused(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flow = replace(synthesis.FLOWS["xilinx"], commands="simplemap\n")
    monkeypatch.setitem(synthesis.FLOWS, "xilinx", flow)
    with pytest.raises(QoptError, match=r"Yosys leaves cells of type \$_AND_ unmapped"):
        synthesise([source], "two_inputs")
