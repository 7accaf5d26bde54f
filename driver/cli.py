# SPDX-License-Identifier: Apache-2.0
"""The `qopt` command: picks the sub-command, turns errors into messages and exit codes. Nothing heavy is imported here.

Exit codes: 0 done, 1 input refused, 2 wrong usage.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from importlib import import_module

COMMANDS = {"build": ".build:main", "run": ".run:main"}  # anything else is the opt tool


def main(argv: Sequence[str] | None = None) -> int:
    """Run `qopt ARGV...` and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments and arguments[0] in COMMANDS:
        target, rest = COMMANDS[arguments[0]], arguments[1:]
    else:
        target, rest = ".opt:main", arguments
    module, function = target.split(":")
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _terminate)
    try:
        return _guarded(import_module(module, __package__).__dict__[function], rest)
    except BrokenPipeError:  # the reader of our output has gone: not our fault, and nothing to say
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def _terminate(number: int, _: object) -> None:
    """End by an exception, so that files half written are removed."""
    sys.exit(128 + number)


def _guarded(command: Callable[[list[str]], int], arguments: list[str]) -> int:
    try:
        return command(arguments)
    except Exception as fault:
        from ..qdialect.errors import user_error

        error = user_error(fault)
        if error is None:
            raise
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
