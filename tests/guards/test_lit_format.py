# SPDX-License-Identifier: Apache-2.0
"""The in-process lit format agrees with lit's own ShTest, and a crash of a tool never passes."""

import subprocess
import sys
from pathlib import Path

import pytest

LIT_TESTS = Path(__file__).parents[2] / "lit_tests"

TOOL = """
import os, sys
def main():
    match sys.argv[1:]:
        case ["echo", *words]: print(*words)
        case ["copy"]: print(sys.stdin.read().upper(), end="")
        case ["copy", path]: print(open(path).read().upper(), end="")
        case ["warn"]: print("out"); print("warned", file=sys.stderr)
        case ["exit", code]: sys.exit(int(code))
        case ["message"]: sys.exit("a message")
        case ["raise"]: raise RuntimeError("program fault")
        case ["flood"]: print(("y" * 70 + "\\n") * 9000, end="")
        case ["variable", name]: print(os.environ.get(name))
        case ["folder"]: print(os.getcwd())
        case _: return 2
    return 0
"""

CONFIG = """
import importlib.util, os, sys
import lit.formats
sys.path[:0] = [{lit_tests!r}, {folder!r}]
import in_process, tool_module
in_process.console_scripts = lambda names: {{os.path.join({folder!r}, "tool"): tool_module.main}}
config.name = "stand-in"
config.suffixes = [".case"]
config.test_source_root = {folder!r}
config.environment["PATH"] = {folder!r} + os.pathsep + os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]
config.test_format = lit.formats.ShTest() if {shell} else in_process.InProcess(["tool"])
"""

# name: (RUN line, passes in process, passes under ShTest)
CASES = {
    "pipe": ("tool echo seven | filecheck %s --check-prefix=SEVEN", True, True),
    "pipe-mismatch": ("tool echo eight | filecheck %s --check-prefix=SEVEN", False, False),
    "redirect": ("tool echo seven > %t && tool copy < %t | filecheck %s --check-prefix=UPPER", True, True),
    "append": ("tool echo a > %t && tool echo seven >> %t && filecheck %s --check-prefix=SEVEN < %t", True, True),
    "file": ("tool echo seven > %t && tool copy %t | filecheck %s --check-prefix=UPPER", True, True),
    "quoted": ("tool echo 'two  words' | filecheck %s --check-prefix=QUOTED", True, True),
    "two-tools": ("tool echo seven | tool copy | filecheck %s --check-prefix=UPPER", True, True),
    "plain-program": ("cat %s | tool copy | filecheck %s --check-prefix=UPPER", True, True),
    "stderr-merged": ("tool warn 2>&1 | filecheck %s --check-prefix=WARNED", True, True),
    "stderr-apart": ("tool warn | filecheck %s --check-prefix=WARNED", False, False),
    "stderr-file": ("tool warn 2> %t && filecheck %s --check-prefix=WARNED < %t", True, True),
    "exit-code": ("tool exit 1", False, False),
    "return-code": ("tool nonsense", False, False),
    "not-exit": ("not tool exit 1", True, True),
    "not-success": ("not tool exit 0", False, False),
    "not-message": ("not tool message 2>&1 | filecheck %s --check-prefix=MESSAGE", True, True),
    "raise": ("tool raise", False, False),
    "not-raise": ("not tool raise", False, True),
    "flood": ("tool flood | tool copy | filecheck %s --check-prefix=FLOOD", True, True),
    "early-exit": ("tool flood | tool exit 0", True, True),
    "environment": ("env COLOUR=seven tool variable COLOUR | filecheck %s --check-prefix=SEVEN", True, True),
    "folder": ("mkdir -p %t && cd %t && tool folder | filecheck %s --check-prefix=FOLDER", True, True),
}
CHECKS = """
# SEVEN: {{^}}seven
# UPPER: SEVEN
# QUOTED: two  words
# WARNED: warned
# MESSAGE: a message
# FLOOD: YYYY
# FOLDER: .tmp
"""


@pytest.mark.parametrize("shell", [False, True], ids=["in-process", "shell"])
def test_same_verdicts(tmp_path: Path, shell: bool) -> None:
    (tmp_path / "tool_module.py").write_text(TOOL)
    script = f"#!{sys.executable}\nimport sys\nfrom tool_module import main\nsys.exit(main())\n"
    (tmp_path / "tool").write_text(script)
    (tmp_path / "tool").chmod(0o755)
    (tmp_path / "lit.cfg.py").write_text(CONFIG.format(lit_tests=str(LIT_TESTS), folder=str(tmp_path), shell=shell))
    for name, (line, *_) in CASES.items():
        (tmp_path / f"{name}.case").write_text(f"# RUN: {line}\n{CHECKS}")

    command = [str(Path(sys.executable).with_name("lit")), "-v", "-j1", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)

    expected = {name: verdicts[shell] for name, (_, *verdicts) in CASES.items()}
    passed = {name: f"PASS: stand-in :: {name}.case" in done.stdout for name in expected}
    assert passed == expected, done.stdout + done.stderr
    if not shell:
        assert "RuntimeError: program fault" in done.stdout
