# SPDX-License-Identifier: Apache-2.0
"""Named pipelines: lists of passes that `-p` accepts under one name; and the pipelines of a build, which take options.

Run twice, a pipeline changes no value the second time; the text may change where two forms cost about the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.utils.arg_spec import ArgSpec

_STREAMLINE = [
    "q-lower-batch-norm",
    "q-lower-sub-div",
    "q-collapse-affine",
    "q-move-affine-past-linear",
    "q-split-mixed-scales",
    "q-collapse-affine",
    "q-lower-top-k",
]
_TO_HARDWARE = [
    "q-move-views",
    "q-move-concatenations",
    "q-fuse-shuffles",  # those whose views had quantisers in between
    "q-move-reshapes",
    "q-infer-ranges",
    "q-remove-idle-quantizers",
    "q-lower-quantizers",
    "q-lower-functions",
    "q-lower-joins",
    "q-infer-ranges",
    "q-lower-conv-transpose",
    "q-make-channels-last",
    "q-absorb-transposes",
    "q-absorb-gathers",
    "q-fuse-views",
    "q-partition",
]

PIPELINES: dict[str, list[str]] = {
    "q-streamline": _STREAMLINE,
    "q-to-typed": [
        "q-fold-constants",
        "q-fuse-shuffles",
        "q-absorb-expansions",
        "q-convert-to-typed",
        *_STREAMLINE,
        *_TO_HARDWARE,
    ],
    "q-to-dataflow": [
        "q-convert-to-dataflow",
        "q-insert-forks",
        "q-set-folding",
        "q-regroup-shared-weights",
        "q-insert-width-converters",
        "q-insert-fifos",
    ],
}


def to_typed(input_formats: Sequence[str] = ()) -> str:
    """The pipeline from the graph level to the divided typed level.

    Args:
        input_formats: `NAME: FORMAT [scale NUMBER] [offset NUMBER]` of each input that holds codes.
    """
    fold, *rest = PIPELINES["q-to-typed"]
    quoted = ['"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' for text in input_formats]
    formats = [f"q-set-input-format{{input-format={text}}}" for text in quoted]
    return ",".join([fold, *formats, *rest])


def to_dataflow(
    clock: float,
    fps: float | None = None,
    max_lut: int | None = None,
    max_dsp: int | None = None,
    max_bram18: int | None = None,
) -> str:
    """The pipeline from the typed to the dataflow level.

    Args:
        clock: hertz.   fps: frames a second to reach.
        max_lut, max_dsp, max_bram18: look-up tables, DSP blocks and 18-kbit memories to stay within.
    """
    limits = {"clock": clock, "fps": fps, "max-lut": max_lut, "max-dsp": max_dsp, "max-bram18": max_bram18}
    folding = ArgSpec("q-set-folding", {name: (value,) for name, value in limits.items() if value is not None})
    return ",".join(str(folding) if step == "q-set-folding" else step for step in PIPELINES["q-to-dataflow"])
