# SPDX-License-Identifier: Apache-2.0
"""Damaged input of every level: the command works, or says in one screen what is wrong; never a traceback or a hang."""

import random
import signal
from collections import Counter
from collections.abc import Generator
from pathlib import Path

import pytest
from qopt_mlir.driver.cli import main

from .corpus import LEVELS
from .model_mutations import damaged
from .text_mutations import mutated

EXAMPLE = Path(__file__).parents[2] / "examples" / "digits" / "digits.onnx"
COMMANDS = {
    "graph": [["-p", "q-to-typed"], ["-p", 'q-set-input-format{input-format="x: uint<8>"},q-to-typed']],
    "typed": [["-p", "q-to-dataflow"], ["-p", "q-infer-ranges,q-check-ranges"], ["-p", "q-to-typed"]],
    "dataflow": [["-p", "q-insert-width-converters,q-insert-fifos"], ["-t", "estimate"], ["-p", "q-check-ranges"]],
}
TIME_LIMIT = 10  # seconds


class Command:
    """Runs the command in process, judges how it ends, counts exit codes."""

    def __init__(self, capsys: pytest.CaptureFixture[str]):
        self.capsys = capsys
        self.codes = Counter[int]()

    def __call__(self, arguments: list[str], what: str) -> None:
        signal.alarm(TIME_LIMIT)
        try:
            code = main(arguments)
        except BaseException as fault:
            raise AssertionError(f"{what}: {type(fault).__name__}: {str(fault)[:300]}") from fault
        finally:
            signal.alarm(0)
        error = self.capsys.readouterr().err
        self.codes[code] += 1
        assert code in (0, 1), what
        assert bool(error) == bool(code), f"{what}: {error[:1000]}"
        if error:
            assert error.startswith("error: "), f"{what}: {error[:1000]}"
            assert "\n  mend: " in error, f"{what}: {error[:1000]}"
            assert len(error) < 4096, f"{what}: {error[:1000]}"
            assert error.count("\n") <= 30, f"{what}: {error[:1000]}"


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Generator[Command]:
    def stop(*_: object) -> None:
        raise TimeoutError(f"takes longer than {TIME_LIMIT} s")

    before = signal.signal(signal.SIGALRM, stop)
    yield Command(capsys)
    signal.signal(signal.SIGALRM, before)


def fuzz_text(command: Command, folder: Path, level: str, seeds: range) -> None:
    original, file = folder / "original.mlir", folder / "mutated.mlir"
    assert main([str(EXAMPLE), "-p", LEVELS[level], "-o", str(original)]) == 0
    text = original.read_text(encoding="utf-8")
    for seed in seeds:
        rng = random.Random(f"{level} {seed}")
        file.write_text(mutated(text, rng), encoding="utf-8", newline="")
        options = rng.choice(COMMANDS[level])
        command([str(file), *options], f"{level}, seed {seed}, {options}")
    assert set(command.codes) == {0, 1}


def fuzz_onnx(command: Command, folder: Path, seeds: range) -> None:
    data, file = EXAMPLE.read_bytes(), folder / "damaged.onnx"
    for seed in seeds:
        file.write_bytes(damaged(data, random.Random(seed)))
        command([str(file), "-p", "q-to-typed"], f"onnx, seed {seed}")
    assert set(command.codes) == {0, 1}


@pytest.mark.parametrize("level", LEVELS)
def test_mutated_text(command: Command, tmp_path: Path, level: str) -> None:
    fuzz_text(command, tmp_path, level, range(100))


def test_damaged_models(command: Command, tmp_path: Path) -> None:
    fuzz_onnx(command, tmp_path, range(150))


@pytest.mark.slow
@pytest.mark.parametrize("level", LEVELS)
def test_much_mutated_text(command: Command, tmp_path: Path, level: str) -> None:
    fuzz_text(command, tmp_path, level, range(1000, 2500))


@pytest.mark.slow
def test_many_damaged_models(command: Command, tmp_path: Path) -> None:
    fuzz_onnx(command, tmp_path, range(1000, 2500))
