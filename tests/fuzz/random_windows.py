# SPDX-License-Identifier: Apache-2.0
"""Ways to append a convolution or a pool to a random graph."""

from __future__ import annotations

from dataclasses import replace
from math import prod

from .graphs import RandomGraph, Shape, Unfit, Value


class Window:
    """Random kernel, strides, dilations and padding over spatial sizes."""

    def __init__(self, g: RandomGraph, sizes: Shape, pools: bool):
        rank = len(sizes)
        self.kernel = [g.rnd.randint(1, min(3, size)) for size in sizes]
        self.strides = [g.rnd.choice([1, 1, 2, 3]) for _ in sizes] if g.chance() else None
        self.dilations = [g.rnd.choice([1, 1, 2]) for _ in sizes] if g.chance(0.3) else None
        self.auto_pad = g.rnd.choice(["SAME_UPPER", "SAME_LOWER", "VALID"]) if g.chance(0.2) else None
        if self.auto_pad is not None:  # of dilated windows, and of steps beyond the kernel, engines think differently
            self.dilations, self.strides = None, [g.rnd.randint(1, k) for k in self.kernel]
        self.pads = None
        if self.auto_pad is None and g.chance():
            self.pads = [g.rnd.randint(0, self.kernel[i % rank] - 1) for i in range(2 * rank)]
        self.ceil_mode = int(pools and self.auto_pad is None and g.chance(0.3))
        spans = [(k - 1) * d + 1 for k, d in zip(self.kernel, self.dilations or [1] * rank, strict=True)]
        steps = self.strides or [1] * rank
        pads = self.pads or [0] * (2 * rank)
        room = [size + pads[i] + pads[i + rank] - spans[i] for i, size in enumerate(sizes)]
        if self.auto_pad in ("SAME_UPPER", "SAME_LOWER"):
            self.output = tuple(-(-size // step) for size, step in zip(sizes, steps, strict=True))
        else:
            up = [step - 1 if self.ceil_mode else 0 for step in steps]
            self.output = tuple((r + u) // step + 1 for r, u, step in zip(room, up, steps, strict=True))
            last = [(out - 1) * step for out, step in zip(self.output, steps, strict=True)]
            if any(start >= size + pads[i] for i, (start, size) in enumerate(zip(last, sizes, strict=True))):
                raise Unfit  # onnx infers a window that begins behind the numbers, which engines leave out
        if min(room) < 0 and self.auto_pad not in ("SAME_UPPER", "SAME_LOWER"):
            raise Unfit

    @property
    def attributes(self) -> dict[str, object]:
        return {
            "kernel_shape": self.kernel,
            "strides": self.strides,
            "dilations": self.dilations,
            "auto_pad": self.auto_pad,
            "pads": self.pads,
        }


def conv(g: RandomGraph) -> None:
    x = g.pick(ranks=(3, 4, 5))
    window, channels = Window(g, x.shape[2:], False), x.shape[1]
    groups = g.rnd.choice([n for n in range(1, channels + 1) if channels % n == 0])
    maps = groups * g.rnd.randint(1, 3)
    exact = x.exact and g.chance(0.8)
    weights, size, bits = g.small((maps, channels // groups, *window.kernel), exact)
    taps = channels // groups * prod(window.kernel)
    bias = [g.small((maps,), exact)[0]] if g.chance() else []
    attributes = window.attributes | {"group": groups if groups > 1 else None}
    name = g.node("Conv", x.name, weights, *bias, **attributes)
    g.add(Value(name, (x.shape[0], maps, *window.output), "f", x.size * size * taps + 2, x.bits + bits))


def conv_transpose(g: RandomGraph) -> None:
    x = g.pick(ranks=(3, 4))
    spatial, channels = x.shape[2:], x.shape[1]
    groups = g.rnd.choice([n for n in range(1, channels + 1) if channels % n == 0])
    maps = g.rnd.randint(1, 2)
    kernel = [g.rnd.randint(1, 3) for _ in spatial]
    strides = [g.rnd.randint(1, 2) for _ in spatial]
    extra = [g.rnd.randint(0, stride - 1) for stride in strides]
    pads = [g.rnd.randint(0, (kernel[i % len(spatial)] - 1) // 2) for i in range(2 * len(spatial))]
    output = [(n - 1) * strides[i] + extra[i] + kernel[i] - pads[i] - pads[i + len(spatial)]
              for i, n in enumerate(spatial)]  # fmt: skip
    if min(output) < 1:
        raise Unfit
    weights, size, bits = g.small((channels, maps, *kernel), x.exact)
    attributes = {"strides": strides, "output_padding": extra, "pads": pads, "group": groups, "kernel_shape": kernel}
    name = g.node("ConvTranspose", x.name, weights, **attributes)
    g.add(
        Value(name, (x.shape[0], maps * groups, *output), "f", x.size * size * channels * prod(kernel), x.bits + bits)
    )


def max_pool(g: RandomGraph) -> None:
    x = g.pick(ranks=(3, 4, 5))
    window = Window(g, x.shape[2:], True)
    name = g.node("MaxPool", x.name, ceil_mode=window.ceil_mode, **window.attributes)
    g.add(replace(x, name=name, shape=(*x.shape[:2], *window.output)))


def average_pool(g: RandomGraph) -> None:
    x = g.pick(ranks=(3, 4, 5))
    window = Window(g, x.shape[2:], True)
    if window.dilations or window.ceil_mode or window.auto_pad:
        raise Unfit
    attributes = window.attributes | {"count_include_pad": g.rnd.randint(0, 1)}
    name = g.node("AveragePool", x.name, **attributes)
    g.add(Value(name, (*x.shape[:2], *window.output)))


def global_pool(g: RandomGraph) -> None:
    x = g.pick(ranks=(3, 4))
    op_type = g.rnd.choice(["GlobalAveragePool", "GlobalMaxPool"])
    shape = (*x.shape[:2], *[1] * (x.rank - 2))
    result = Value(g.node(op_type, x.name), shape)
    g.add(replace(x, name=result.name, shape=shape) if op_type == "GlobalMaxPool" else result)
