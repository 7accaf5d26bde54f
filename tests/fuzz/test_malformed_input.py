# SPDX-License-Identifier: Apache-2.0
"""Damaged input of every level: the command works, or says in one screen what is wrong; never a traceback or a hang."""

import random
import re
import signal
from collections import Counter
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from qopt_mlir.driver.cli import main

EXAMPLE = Path(__file__).parents[2] / "examples" / "digits" / "digits.onnx"
LEVELS = {"graph": "", "typed": "q-to-typed", "dataflow": "q-to-typed,q-to-dataflow"}
COMMANDS = {
    "graph": [["-p", "q-to-typed"], ["-p", 'q-set-input-format{input-format="x: uint<8>"},q-to-typed']],
    "typed": [["-p", "q-to-dataflow"], ["-p", "q-infer-ranges,q-check-ranges"], ["-p", "q-to-typed"]],
    "dataflow": [["-p", "q-insert-width-converters,q-insert-fifos"], ["-t", "estimate"], ["-p", "q-check-ranges"]],
}
TOKEN = re.compile(r'"[^"]*"|[%@!#]?[\w.]+|->|\s+|.', re.DOTALL)
NUMBER = re.compile(r'(?<![\w"/+.%-])-?\d+(?:\.\d+)?(?![\w"/+=])')
TYPE = re.compile(r"!q\.\w+(?:<[^<>]*>)?|\bf32\b|tensor<(?:[^<>]|<[^<>]*>)*>|!dataflow\.stream<(?:[^<>]|<[^<>]*>)*>")
CONSTANT = re.compile(r"#q\.dense<.*? : (?=tensor)")
NUMBERS = "0 -1 1 3 7 64 65 4096 4097 1000000000000 9223372036854775808 0.5 -0.0 1e400 nan true".split()
NUMBERS += ['"nan"', "9" * 5000]
TYPES = ["f32", "!q.real", "!q.bipolar", "!q.fixed<1, 0>", "!q.ufixed<8, -3>", "!q.float<4, 3>", "!q.nothing<1>", "i32"]
TYPES += [
    "!q.fixed<999999999999, 0>",
    "!q.fixed<8, 99999999999>",
    "!q.real<1>",
    "tensor<?x4xf32>",
    "tensor<*xf32>",
    "()",
]
TYPES += ["tensor<1000000x1000000xf32>", "!dataflow.stream<!q.fixed<4, 0>, lanes = 1000000000000000000, beats = 2>"]
LITERALS = '0 1 -8 100000000000 [] [[]] [1,[2]] "" "AAAA" "!!" "1/3" "1/0" "1e999999999" 1.5 "nan" "inf" "open'.split()
CHARACTERS = "\0é😀\\\"<>{}(%#!\r\t':/0"
TIME_LIMIT = 10  # seconds


def substitute(pattern: re.Pattern[str], replace: Callable[[str], str]) -> Callable[[str, random.Random], str]:
    """A change of one random match of `pattern`."""

    def change(text: str, rng: random.Random) -> str:
        matches = list(pattern.finditer(text))
        if not matches:
            return text
        match = rng.choice(matches)
        return text[: match.start()] + replace(match[0]) + text[match.end() :]

    return change


def change_tokens(text: str, rng: random.Random) -> str:
    tokens = TOKEN.findall(text)
    words = [index for index, token in enumerate(tokens) if not token.isspace()]
    i, j = rng.choice(words), rng.choice(words)
    kind = rng.randrange(4)
    if kind == 0:
        tokens[i] = ""
    elif kind == 1:
        tokens[i] += f" {tokens[i]}"
    elif kind == 2:
        tokens[i] = tokens[j]
    else:
        tokens[i], tokens[j] = tokens[j], tokens[i]
    return "".join(tokens)


def change_lines(text: str, rng: random.Random) -> str:
    lines = text.split("\n")
    i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
    kind = rng.randrange(4)
    if kind == 0:
        del lines[i]
    elif kind == 1:
        lines.insert(i, lines[i])
    elif kind == 2:
        lines[i], lines[j] = lines[j], lines[i]
    else:
        lines[i : i + 2] = reversed(lines[i : i + 2])
    return "\n".join(lines)


def change_characters(text: str, rng: random.Random) -> str:
    i = rng.randrange(len(text))
    kind = rng.randrange(3)
    if kind == 0:
        return text[:i] + rng.choice(CHARACTERS) + text[i + rng.randrange(2) :]
    return text[:i] if kind == 1 else text[:i] + text[i + rng.choice([1, 5, 50, 500]) :]


def change_names(text: str, rng: random.Random) -> str:
    pattern = rng.choice(
        [re.compile(r"%\w+"), re.compile(r"\b(?:q|dataflow|func)\.\w+(?= )"), re.compile(r"\b[a-z_]{3,}\b")]
    )
    names = sorted(set(pattern.findall(text)))
    return substitute(pattern, lambda _: rng.choice(names))(text, rng)


def mutated(text: str, rng: random.Random) -> str:
    """`text` with one to three changes."""
    changes = [
        change_tokens,
        change_lines,
        change_characters,
        change_names,
        substitute(NUMBER, lambda _: rng.choice(NUMBERS)),
        substitute(NUMBER, lambda number: str(int(float(number)) + rng.choice([-1, 1, 2]))),
        substitute(TYPE, lambda _: rng.choice(TYPES)),
        substitute(CONSTANT, lambda _: f"#q.dense<{rng.choice(LITERALS)} : "),
    ]
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        if text.strip():
            text = rng.choice(changes)(text, rng)
    return text


def damaged(data: bytes, rng: random.Random) -> bytes:
    """Bytes with some changed, taken out, doubled or cut off."""
    changed = bytearray(data)
    i, length = rng.randrange(len(data)), rng.choice([1, 4, 100])
    kind = rng.randrange(5)
    if kind == 0:
        for _ in range(rng.choice([1, 2, 8, 64])):
            changed[rng.randrange(len(data))] = rng.randrange(256)
    elif kind == 1:
        changed[i] ^= 1 << rng.randrange(8)
    elif kind == 2:
        del changed[i : i + length]
    elif kind == 3:
        changed[i:i] = changed[i : i + length]
    else:
        del changed[i:]
    return bytes(changed)


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
