# SPDX-License-Identifier: Apache-2.0
"""Real trained networks: where they lie, frames to run them on, and their modules at each level."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from qopt_mlir.frontends.onnx import import_onnx
from qopt_mlir.passes.pipelines import to_typed
from qopt_mlir.passes.runner import parse_passes, run_passes
from qopt_mlir.qdialect.text import new_context
from xdsl.dialects.builtin import ModuleOp

DATA = Path(__file__).parents[3] / "shared" / "data"
SEED = 20


@dataclass(frozen=True)
class Model:
    """A network: its input, what it is fed, and the formats that make its first layer typed.

    Attributes:
        frames: makes that many frames of input values.
        input_formats: of a build: they hold every value of `frames`.
        wide_input_formats: hold the stored reference input exactly.
    """

    name: str
    input_name: str
    frames: Callable[[int], NDArray[np.float32]]
    input_formats: tuple[str, ...] = ()
    wide_input_formats: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        return DATA / "models" / f"{self.name}.onnx"

    @property
    def missing(self) -> str | None:
        """Why the model cannot be tested here, or None."""
        files = [self.path, self.path.with_suffix(".in.npy"), self.path.with_suffix(".out.npy"), MNIST]
        absent = [file.name for file in files if not file.is_file()]
        return f"the model collection beside the checkout is absent: {', '.join(absent)}" if absent else None

    @property
    def stored(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Input and output that another engine has recorded."""
        return np.load(self.path.with_suffix(".in.npy")), np.load(self.path.with_suffix(".out.npy"))


MNIST = DATA / "datasets" / "mnist.npz"


@cache
def mnist() -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """The 10 000 test images as x / 255, and their labels."""
    with np.load(MNIST) as data:
        return (data["x_test"] / np.float32(255)).reshape(-1, 1, 1, 28, 28), data["y_test"]


def images(count: int) -> NDArray[np.float32]:
    return mnist()[0][:count]


def features(count: int) -> NDArray[np.float32]:
    """About as wide as the 8-bit input quantiser of the key word network, and beyond."""
    return np.random.default_rng(SEED).normal(0, 40, (count, 1, 1, 10, 49)).astype(np.float32)


def jets(count: int) -> NDArray[np.float32]:
    """Multiples of 2^-10 below 32: standardised features."""
    values = np.random.default_rng(SEED).normal(0, 2, (count, 1, 16))
    return (np.rint(values.clip(-31, 31) * 1024) / 1024).astype(np.float32)


def signs(count: int) -> NDArray[np.float32]:
    return np.random.default_rng(SEED).choice(np.float32([-1, 1]), (count, 1, 600))


MODELS = {
    model.name: model
    for model in (
        Model("tfc_1w1a", "0", images),
        Model("tfc_2w2a", "0", images),
        Model("kwsmlp_w3a3", "inp.1", features),
        Model("qkeras_jettagging", "global_in", jets, ("global_in: fixed<16, 10>",), ("global_in: fixed<28, 25>",)),
        Model("unsw_nb15_mlp_w2a2", "onnx::Add_0", signs, ("onnx::Add_0: bipolar",), ("onnx::Add_0: bipolar",)),
    )
}


def graph(model: Model) -> ModuleOp:
    return import_onnx(model.path)


def typed(model: Model, input_formats: tuple[str, ...]) -> ModuleOp:
    return lowered(graph(model), to_typed(input_formats))


def exact_graph(model: Model) -> ModuleOp:
    """The network behind its first quantiser as ONNX writes it, in exact arithmetic: nothing is lowered yet."""
    passes = to_typed(model.input_formats).split(",q-lower-batch-norm")[0]
    return lowered(graph(model), passes)


def lowered(module: ModuleOp, passes: str) -> ModuleOp:
    run_passes(new_context(), module, parse_passes(passes))
    return module


TOLERANCE = 1e-5  # of the range of the expected outputs: float32 rounds in another order


def assert_close(actual: NDArray[np.generic], expected: NDArray[np.float32]) -> None:
    """Outputs agree but for the rounding of float32 behind the last code."""
    wanted = expected.astype(np.float64)
    span = np.ptp(wanted) or np.abs(wanted).max()
    np.testing.assert_allclose(actual.reshape(wanted.shape).astype(np.float64), wanted, rtol=0, atol=TOLERANCE * span)
