# SPDX-License-Identifier: Apache-2.0
"""The bound on small networks: against the float network, behind shared weights, and no bit can go."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from qopt_mlir.backends.execute import run_module
from qopt_mlir.driver.precision import apply_specification
from qopt_mlir.frontends.precision.parser import parse_specification, read_specification
from qopt_mlir.frontends.precision.specification import Specification
from qopt_mlir.passes.calibration.quantization import quantize_network
from qopt_mlir.passes.optimize_word_lengths import Search, load_network, optimize_word_lengths, word_length_problem
from qopt_mlir.passes.word_lengths.algorithms import ALGORITHMS
from qopt_mlir.passes.word_lengths.descent import descend
from qopt_mlir.passes.word_lengths.variables import Bits, with_bits
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.q import QuantizeOp
from qopt_mlir.qdialect.text import module_text, new_context, parse_module, verify_module
from qopt_mlir.qdialect.types import UFixedType, element_type
from xdsl.dialects.builtin import ModuleOp

TEXT = """
func.func @main(%x: tensor<1x6xf32>) -> tensor<1x3xf32> {
  %w = q.constant #q.dense<FIRST : tensor<6x8xf32>>
  %a = q.matmul %x, %w : tensor<1x6xf32>, tensor<6x8xf32> -> tensor<1x8xf32> loc("fc1")
  %b = q.constant #q.dense<BIAS : tensor<8xf32>>
  %c = q.add %a, %b : tensor<1x8xf32>, tensor<8xf32> -> tensor<1x8xf32> loc("fc1_bias")
  %d = q.relu %c : tensor<1x8xf32> -> tensor<1x8xf32> loc("fc1_relu")
  %u = q.constant #q.dense<SECOND : tensor<8x3xf32>>
  %y = q.matmul %d, %u : tensor<1x8xf32>, tensor<8x3xf32> -> tensor<1x3xf32> loc("fc2")
  func.return %y : tensor<1x3xf32>
}
"""
RULES = """
data { file = "frames.npz"
       calibration = x }
layers "*" { weight = fixed<2..WEIGHT> per channel
             activation = fixed<2..8> }
"""


def float_network() -> ModuleOp:
    generator = np.random.default_rng(0)
    text = TEXT
    for name, shape in (("FIRST", (6, 8)), ("BIAS", 8), ("SECOND", (8, 3))):
        text = text.replace(name, str(generator.normal(size=shape).round(3).tolist()))
    return parse_module(text, "float.mlir")


def specification_file(folder: Path, weight: str, more: str) -> Path:
    frames = np.random.default_rng(1).normal(size=(200, 6)).astype(np.float32)
    np.savez(folder / "frames.npz", x=frames)
    (folder / "net.spec").write_text(RULES.replace("WEIGHT", weight) + more)
    return folder / "net.spec"


def agreement(first: ModuleOp, second: ModuleOp) -> float:
    """Percent of the frames with the same first choice, by the reference engine alone."""
    frames = np.random.default_rng(1).normal(size=(200, 1, 6)).astype(np.float32)
    outputs = [run_module(module, {"": frames}).outputs[0].reshape(200, 3).argmax(axis=1) for module in (first, second)]
    return 100 * float(np.mean(outputs[0] == outputs[1]))


def quantised(specification: Specification) -> ModuleOp:
    module = float_network()
    quantize_network(new_context(), module, specification)
    return module


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_algorithm_keeps_the_bound_against_the_float_network_and_no_bit_can_go(name: str, tmp_path: Path) -> None:
    specification = read_specification(str(specification_file(tmp_path, "5", "bound = agreement 93 %")))
    module, network = quantised(specification), float_network()
    problem, _ = word_length_problem(module, specification, Search(reference=network))
    bits = descend(problem, ALGORITHMS[name](problem))

    def kept(choice: Bits) -> bool:
        return agreement(with_bits(module, problem.variables, choice), network) >= 93

    assert kept(bits)
    assert problem.cost(bits) < problem.cost(problem.highest)
    for number, variable in enumerate(problem.variables):
        if bits[number] > variable.low:
            assert not kept((*bits[:number], bits[number] - 1, *bits[number + 1 :])), variable.name


def test_a_start_that_is_off_the_float_network_is_refused(tmp_path: Path) -> None:
    specification = read_specification(str(specification_file(tmp_path, "3", "bound = agreement 100 %")))
    module = quantised(specification)
    assert agreement(module, float_network()) < 100
    optimize_word_lengths(module.clone(), specification, Search())  # against itself
    with pytest.raises(QoptError, match=r"the network itself misses the bound agreement 100 %[^@]*net.spec:6:1"):
        optimize_word_lengths(module, specification, Search(reference=float_network()))


@pytest.mark.parametrize(("count", "holds"), [(8, True), (1, False)])
def test_the_bound_holds_behind_shared_weights_or_is_refused(count: int, holds: bool, tmp_path: Path) -> None:
    shared = f"layers matmul {{ share = {count} per channel }}\nobjective = bit_operations\nbound = agreement 93 %"
    file = specification_file(tmp_path, "6", shared)
    module = float_network()
    run: Callable[[], str] = lambda: apply_specification(new_context(), module, str(file))  # noqa: E731
    if not holds:
        with pytest.raises(QoptError, match="agreement 93 %"):
            run()
        return
    assert "margin" in run()
    verify_module(module)
    assert agreement(module, float_network()) >= 93
    assert "!q.shared<" in module_text(module)


@pytest.mark.parametrize("share", ["", "layers matmul { share = 8 per channel }\n"])
@pytest.mark.parametrize(("least", "holds"), [(80, True), (100, False)])
def test_a_bound_on_fixed_formats_is_checked(share: str, least: int, holds: bool, tmp_path: Path) -> None:
    fixed = f'layers "*" {{ weight = fixed<4>; activation = fixed<5> }}\n{share}bound = agreement {least} %'
    file = specification_file(tmp_path, "8", "")
    file.write_text(RULES[: RULES.index("layers")] + fixed)
    module = float_network()
    if holds:
        apply_specification(new_context(), module, str(file))
        assert 80 <= agreement(module, float_network()) < 100
        return
    with pytest.raises(QoptError, match="network misses the bound agreement 100 %") as caught:
        apply_specification(new_context(), module, str(file))
    assert caught.value.where == f"{file}:{6 if share else 5}:1"


def test_a_choice_that_sharing_breaks_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from qopt_mlir.passes import bounded_precision

    reserves = list[float]()

    def noted(module: ModuleOp, specification: Specification, search: Search) -> None:
        reserves.append(search.reserve)
        optimize_word_lengths(module, specification, search)

    monkeypatch.setattr(bounded_precision, "optimize_word_lengths", noted)
    shared = "layers matmul { share = 4 per channel }\nobjective = bit_operations\nbound = sqnr 12 dB"
    module = float_network()
    apply_specification(new_context(), module, str(specification_file(tmp_path, "8", shared)))
    assert len(reserves) > 1
    assert reserves == sorted(reserves)
    assert "!q.shared<" in module_text(module)


def test_the_reference_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "float.mlir"
    file.write_text(module_text(float_network()))
    assert agreement(load_network(str(file)), float_network()) == 100


def test_refitted_scales_move_biases_along(tmp_path: Path) -> None:
    """What a bias stands for stays, to half a quantum of the products, whatever scales its layer takes."""
    specification = parse_specification(specification_file(tmp_path, "8", "").read_text(), "net.spec", tmp_path)
    module = quantised(specification)
    problem, _ = word_length_problem(module, specification, Search())
    zeros = {"": np.zeros((1, 1, 6), np.float32)}
    wanted = run_module(float_network(), zeros).outputs[0]
    for count in (7, 6, 5):
        bits = tuple(min(count, variable.high) if variable.role == "weight" else 8 for variable in problem.variables)
        found = run_module(with_bits(module, problem.variables, bits), zeros).outputs[0]
        assert np.abs(found - wanted).max() < 0.3 * np.abs(wanted).max()


@pytest.mark.parametrize(("clip", "whole"), [("clip max", True), ("clip mse", False)])
def test_clip_max_keeps_the_whole_range(clip: str, whole: bool, tmp_path: Path) -> None:
    text = specification_file(tmp_path, "8", "").read_text().replace("per channel", clip)
    specification = parse_specification(text, "net.spec", tmp_path)
    problem, _ = word_length_problem(quantised(specification), specification, Search())
    shares = list[bool]()
    for variable in (variable for variable in problem.variables if variable.role == "weight"):
        scales = [np.ldexp(fit.scale, -fit.shift) for fit in variable.fits if fit.scale is not None]
        shares += [np.array_equal(scales[-1], scale) for scale in scales]
    assert len(shares) == 12
    assert all(shares) is whole


def test_a_written_result_is_built_from(tmp_path: Path) -> None:
    """As `qopt build --spec` does: no range is left that nothing chooses from."""
    stated = specification_file(tmp_path, "6", "layers matmul { share = 2..8 per channel }\nbound = agreement 80 %")
    chosen = quantised(read_specification(str(stated)))
    optimize_word_lengths(chosen, read_specification(str(stated)), Search(), str(tmp_path / "found.spec"))
    written = read_specification(str(tmp_path / "found.spec"))
    again = quantised(written)

    def word_lengths(module: ModuleOp) -> list[str]:
        return re.findall(r"-> tensor<[x\d]*!q\.(u?fixed<\d+)", module_text(module))

    assert word_lengths(again) == word_lengths(chosen)
    assert word_lengths(quantised(read_specification(str(stated)))) != word_lengths(chosen)
    module = float_network()
    apply_specification(new_context(), module, str(tmp_path / "found.spec"))
    assert agreement(module, float_network()) >= 80


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("weight = fixed<6>; activation = fixed<8> }\nobjective = luts\nbound = sqnr 9 dB", "5:1"),
        ('weight = fixed<2..6>; activation = fixed<8> }\nlayers "*" { weight = fixed<6> }\nbound = sqnr 9 dB', "4:23"),
    ],
    ids=["objective", "range"],
)
def test_nothing_to_choose_is_shown_where_it_is_asked_for(text: str, place: str, tmp_path: Path) -> None:
    file = specification_file(tmp_path, "8", "")
    file.write_text(f'{RULES[: RULES.index("layers")]}layers "*" {{ {text}\n')
    specification = read_specification(str(file))
    with pytest.raises(QoptError, match="no quantiser may have fewer bits") as caught:
        optimize_word_lengths(quantised(specification), specification, Search())
    assert caught.value.where == f"{file}:{place}"


def test_zero_points_stay_codes_of_shorter_formats(tmp_path: Path) -> None:
    """Padding adds zeros: they have to be codes of a zero point, whatever bits are chosen."""
    file = specification_file(tmp_path, "6", "objective = bit_operations\nbound = sqnr 6 dB")
    file.write_text(file.read_text().replace("activation = fixed<2..8>", "activation = fixed<2..8> asymmetric"))
    module = float_network()
    apply_specification(new_context(), module, str(file))
    quantizer = next(op for op in module.walk() if isinstance(op, QuantizeOp))
    type_ = element_type(quantizer.result)
    (shift,) = [use.operation for use in quantizer.result.uses]
    zero = float(shift.operands[1].owner.value.array)  # pyright: ignore
    assert isinstance(type_, UFixedType)
    assert type_.format.word_length < 8
    assert zero > 0
    assert zero * 2.0**type_.format.fraction_bits % 1 == 0
