# SPDX-License-Identifier: Apache-2.0
"""A lit format that runs Python tools in a fork of the lit worker, where their modules are imported already.

Starting a tool costs half a second of imports; a fork costs some milliseconds. Everything else (RUN lines, pipes,
redirections, `not`, working folder, environment) is the internal shell of lit's own `ShTest`, so the same files run
unchanged under plain `ShTest`, which `lit --param shell=1` selects. Programs that are not named tools run as usual.
"""

import contextlib
import gc
import importlib
import os
import signal
import subprocess
import sys
import traceback
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, NoReturn

import lit.formats
import lit.TestRunner


def console_scripts(names: Iterable[str]) -> dict[str, Callable[[], Any]]:
    """The main functions of installed console scripts, by the path at which the shell finds the script."""
    folder = Path(sys.executable).parent
    installed = entry_points(group="console_scripts")
    return {str(folder / name): installed[name].load() for name in names}


def run_tool(main: Callable[[], Any], argv: Sequence[str], environment: Mapping[str, str]) -> NoReturn:
    """Run `main` as the script would and end this process.

    An exception that the tool does not handle ends the process by a signal, so that `not tool` fails too.
    """
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))  # above all the pipe on which subprocess waits for the exec
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = list(argv)
    sys.stdin = open(0, encoding="utf-8", closefd=False)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)
    crashed, code = False, None
    try:
        code = main()
    except SystemExit as exit_request:
        code = exit_request.code
    except BaseException:
        crashed = True
        traceback.print_exc()
    if isinstance(code, str):
        print(code, file=sys.stderr)
        code = 1
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.flush()
    sys.stderr.flush()
    if crashed:
        os.kill(os.getpid(), signal.SIGKILL)
    os._exit(code or 0)


class InProcess(lit.formats.ShTest):
    """`ShTest`, with the named console scripts run in a fork of the worker."""

    def __init__(self, tools: Iterable[str], preload: Iterable[str] = ()) -> None:
        """Import the `tools` and the modules to `preload` once, before lit forks its workers."""
        super().__init__()
        self.tools = tuple(tools)
        console_scripts(self.tools)
        for module in preload:
            importlib.import_module(module)
        gc.freeze()

    def execute(self, test: Any, litConfig: Any) -> Any:
        """Run one test file."""
        if os.name == "posix":
            lit.TestRunner.subprocess = forking_subprocess(console_scripts(self.tools))
        return super().execute(test, litConfig)


def forking_subprocess(tools: Mapping[str, Callable[[], Any]]) -> types.ModuleType:
    """A stand-in for the module `subprocess` whose `Popen` forks for the `tools` and is unchanged for all else."""

    def popen(args: Sequence[str], *, executable: str, env: Mapping[str, str], **options: Any) -> Any:
        main = tools.get(executable)
        if main is not None:
            options["preexec_fn"] = lambda: run_tool(main, args, env)
        return subprocess.Popen(args, executable=executable, env=env, **options)

    module = types.ModuleType("subprocess")
    vars(module).update(vars(subprocess))
    vars(module)["Popen"] = popen
    return module
