# SPDX-License-Identifier: Apache-2.0
"""Turn a pipeline's text into passes and run them, verifying the module after each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields
from difflib import get_close_matches
from importlib import import_module

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.utils.arg_spec import ArgSpec, parse_pipeline
from xdsl.utils.exceptions import ArgSpecParseError, VerifyException

from ..qdialect.attrs import elided_constants
from ..qdialect.errors import QoptError
from ..qdialect.formats import NoCodeError
from ..qdialect.text import verify_error, verify_module
from . import PASSES
from .pipelines import PIPELINES

AfterPass = Callable[[ModulePass, ModuleOp], None]


def load_pass(name: str) -> type[ModulePass]:
    """The class of a pass of ours or of xDSL (`canonicalize`, `cse`, `dce`, ...)."""
    if name in PASSES:
        module, class_name = PASSES[name].split(":")
        return getattr(import_module(module, __package__), class_name)
    from xdsl.transforms import get_all_passes

    xdsl_passes = get_all_passes()
    if name in xdsl_passes:
        return xdsl_passes[name]()
    close = get_close_matches(name, [*PASSES, *PIPELINES], n=1, cutoff=0.5)
    hint = f"did you mean '{close[0]}'?  " if close else ""
    raise QoptError(f"unknown pass '{name}'", mend=f"{hint}`qopt --help` lists all")


def parse_passes(text: str) -> list[ModulePass]:
    """Passes of `q-one,q-two{option=1},q-named-pipeline`, named pipelines expanded. QoptError if one is not known."""
    try:
        specs = list(parse_pipeline(text))
    except ArgSpecParseError as fault:
        message = str(fault).replace("\n", "\n    ")
        raise QoptError(f"not a list of passes:\n    {message}", mend="write -p 'q-a,q-b{option=1}'") from None
    passes: list[ModulePass] = []
    for spec in specs:
        if spec.name in PIPELINES:
            if spec.parameters:
                raise QoptError(f"the pipeline '{spec.name}' takes no options", mend="give options to its passes")
            passes += parse_passes(",".join(PIPELINES[spec.name]))
        else:
            passes.append(make_pass(spec))
    return passes


def make_pass(spec: ArgSpec) -> ModulePass:
    """The pass that a spec asks for, its options checked."""
    class_ = load_pass(spec.name)
    try:
        return class_.from_spec(spec)
    except ValueError as fault:
        raise _option_error(class_, spec, fault) from None


def _option_error(class_: type[ModulePass], spec: ArgSpec, fault: ValueError) -> QoptError:
    """What is wrong with the options of a pass: the first that it does not have, or whose value has a wrong type."""
    types = {field.name.replace("_", "-"): str(field.type) for field in fields(class_) if field.init}
    listed = ", ".join(f"{name}: {type_}" for name, type_ in types.items())
    known = f"its options are {listed}" if types else "it takes no options"
    for name, values in spec.parameters.items():
        option = name.replace("_", "-")
        if option not in types:
            close = get_close_matches(option, types, n=1, cutoff=0.5)
            hint = f"did you mean '{close[0]}'?  " if close else ""
            return QoptError(f"the pass '{spec.name}' has no option '{name}'", mend=f"{hint}{known}")
        try:
            class_.from_spec(ArgSpec(spec.name, {name: values}))
        except ValueError as reason:
            if "requires argument" in str(reason):
                continue
            given = ",".join(map(str, values))
            what = f"the option '{name}' of the pass '{spec.name}' is {given or 'without a value'}, not {types[option]}"
            quoted = f'write {name}="{given}"' if given and types[option].startswith("str") else known
            return QoptError(what, mend=quoted)
    return QoptError(f"wrong options for the pass '{spec.name}': {fault}", mend=known)


def run_passes(
    context: Context, module: ModuleOp, passes: Iterable[ModulePass], after: AfterPass | None = None
) -> None:
    """Run `passes` on `module` in place; verify after each; then call `after(pass, module)`."""
    for pass_ in passes:
        try:
            with elided_constants():
                pass_.apply(context, module)
        except VerifyException as fault:
            raise verify_error(fault, f"pass '{pass_.name}'") from None
        except NoCodeError as fault:
            raise QoptError(str(fault), f"pass '{pass_.name}'", "give finite constants") from None
        verify_module(module)
        if after is not None:
            after(pass_, module)
