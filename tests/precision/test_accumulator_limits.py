# SPDX-License-Identifier: Apache-2.0
"""The limit of an accumulator holds for the weights that come out in the end, not only for those before sharing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from qopt_mlir.driver.precision import apply_specification
from qopt_mlir.frontends.precision.parser import read_specification
from qopt_mlir.passes.accumulator_limits import check_accumulator_limits
from qopt_mlir.passes.calibration.quantization import quantize_network
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.text import new_context
from xdsl.dialects.builtin import ModuleOp

from .networks import Builder

RULES = 'layers "*" {{ weight = fixed<8> clip max; activation = fixed<8> }}\nlayers "fc" {{ {} }}'


def module_of_codes() -> ModuleOp:
    """[1, 11] -> [1, 1]: weights whose 8-bit codes add up to 514; 514 * 255 is the last that 17 bits hold."""
    net = Builder()
    codes = np.array([127, *[39] * 7, *[38] * 3]).reshape(11, 1)
    y = net.add("MatMul", ["x", net.constant("w", codes / 127)], "fc")
    return net.module((1, 11), y, (1, 1))


def specification_file(folder: Path, rule: str) -> str:
    np.savez(folder / "frames.npz", x=np.random.default_rng(0).uniform(size=(16, 11)))
    path = folder / "test.spec"
    path.write_text(f'data {{ file = "frames.npz"; calibration = x }}\n{RULES.format(rule)}\n')
    return str(path)


def test_sums_within_the_limit_pass(tmp_path: Path) -> None:
    module = module_of_codes()
    path = specification_file(tmp_path, "accumulator = fixed<17>")
    quantize_network(new_context(), module, read_specification(path))
    check_accumulator_limits(module, read_specification(path))
    with pytest.raises(QoptError, match="the accumulator of 'fc' needs 17 bits in the end, the limit is 16"):
        check_accumulator_limits(module, read_specification(specification_file(tmp_path, "accumulator = fixed<16>")))


def test_a_shared_value_that_makes_the_sums_wider_is_refused(tmp_path: Path) -> None:
    """The mean of the codes, 46.7, becomes 47, and 11 * 47 * 255 needs 18 bits."""
    path = specification_file(tmp_path, "accumulator = fixed<17>; share = 1 per layer")
    with pytest.raises(QoptError, match="needs 18 bits in the end, the limit is 17") as fault:
        apply_specification(new_context(), module_of_codes(), path)
    assert "test.spec:3:29" in str(fault.value)
    apply_specification(
        new_context(), module_of_codes(), specification_file(tmp_path, "accumulator = fixed<18>; share = 1 per layer")
    )
