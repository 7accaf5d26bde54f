# SPDX-License-Identifier: Apache-2.0
"""Ways to append an op to a random graph: each reads values of the graph, draws attributes, adds its result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod

import numpy as np

from .graphs import INFINITE, MAX_SIZE, RandomGraph, Shape, Unfit, Value
from .random_windows import Window, average_pool, conv, conv_transpose, global_pool, max_pool

Append = Callable[[RandomGraph], None]


# --- elementwise -------------------------------------------------------------------------------------------------


def operands(g: RandomGraph, kind: str = "f", exact: bool = False) -> tuple[Value, Value, Shape]:
    """A value, and another or a constant, that broadcast."""
    a = g.pick(kind, exact)
    others = [v for v in g.values if v.kind == kind and (v.exact or not exact) and fits(a.shape, v.shape)]
    if g.chance() or kind == "b":
        b = g.rnd.choice(others)
    elif kind == "f":
        shape = g.broadcast_shape(a.shape)
        b = Value(g.small(shape)[0], shape, "f", 2, 1)
    else:
        shape = g.broadcast_shape(a.shape)
        codes = np.reshape([g.rnd.randint(-9, 9) for _ in range(prod(shape))], shape)
        b = Value(g.constant(codes, np.int32), shape, "i", 9, 0)
    a, b = (b, a) if g.chance(0.3) else (a, b)
    return a, b, tuple(np.broadcast_shapes(a.shape, b.shape))


def fits(a: Shape, b: Shape) -> bool:
    try:
        return prod(np.broadcast_shapes(a, b)) <= MAX_SIZE
    except ValueError:
        return False


def arithmetic(g: RandomGraph) -> None:
    kind = g.rnd.choice("fffi")
    a, b, shape = operands(g, kind)
    op_type = g.rnd.choice(["Add", "Sub", "Mul", "Max", "Min"])
    name = g.node(op_type, a.name, b.name)
    size = a.size * b.size if op_type == "Mul" else a.size + b.size
    bits = a.bits + b.bits if op_type == "Mul" else max(a.bits, b.bits)
    if kind == "i" and size > 1 << 30:  # int32 would wrap
        g.nodes.pop()
        raise Unfit
    g.add(Value(name, shape, kind, size, bits))


def divide(g: RandomGraph) -> None:
    x = g.pick()
    shape = g.broadcast_shape(x.shape)
    powers = g.chance(0.6)
    numbers = [g.rnd.choice([1, 2, 4, -2] if powers else [1.5, 3, -0.7]) for _ in range(prod(shape))]
    name = g.node("Div", x.name, g.constant(np.reshape(numbers, shape)))
    g.add(Value(name, x.shape, "f", x.size if powers else INFINITE, x.bits + 2))


SMOOTH = "Sigmoid Tanh Exp Softplus Softsign Erf Elu Selu Celu HardSigmoid HardSwish Gelu Mish ThresholdedRelu Sqrt Log"
PIECEWISE = "Relu Abs Neg LeakyRelu Identity"
JUMPS = "Floor Ceil Round Sign"


def unary(g: RandomGraph) -> None:
    family = g.rnd.choice([SMOOTH, PIECEWISE, PIECEWISE, JUMPS])
    op_type = g.rnd.choice(family.split())
    x = g.pick(exact=family is JUMPS or op_type == "ThresholdedRelu")
    attributes: dict[str, float] = {}
    if op_type in ("Elu", "LeakyRelu", "Celu", "ThresholdedRelu") and g.chance():
        attributes["alpha"] = g.rnd.choice([0.5, 0.25, 1.5])
    if op_type == "HardSigmoid" and g.chance():
        attributes |= {"alpha": 0.25, "beta": 0.375}
    if op_type == "Gelu":
        raise Unfit  # of op set 20
    if op_type in ("Sqrt", "Log"):
        positive = g.node("Abs", x.name)
        x = replace(x, name=g.node("Add", positive, g.constant(1.0)))
    if op_type == "Exp":
        x = replace(x, name=g.node("Clip", x.name, g.constant(-8.0), g.constant(4.0)))
    name = g.node(op_type, x.name, **attributes)
    if family is JUMPS:
        g.add(Value(name, x.shape, "f", x.size + 1, 0))
    elif family is PIECEWISE and (op_type != "LeakyRelu" or attributes):
        g.add(replace(x, name=name, size=2 * x.size, bits=x.bits + 2 * (op_type == "LeakyRelu")))
    else:
        g.add(Value(name, x.shape))


def clip(g: RandomGraph) -> None:
    kind = g.rnd.choice("ffi")
    x = g.pick(kind)
    dtype = np.float32 if kind == "f" else np.int32
    low, high = g.constant(g.rnd.choice([-2, 0, 1]), dtype), g.constant(g.rnd.choice([1, 2, 6]), dtype)
    bounds = g.rnd.choice([(low, high), (low,), ("", high)])
    g.add(replace(x, name=g.node("Clip", x.name, *bounds), size=x.size + 6))


def prelu(g: RandomGraph) -> None:
    x = g.pick()
    shape = (x.shape[1], *[1] * (x.rank - 2)) if x.rank > 1 and g.chance() else (1,)
    slope, size, bits = g.small(shape)
    g.add(Value(g.node("PRelu", x.name, slope), x.shape, "f", x.size * size, x.bits + bits))


def compare(g: RandomGraph) -> None:
    a, b, shape = operands(g, g.rnd.choice("ffi"), exact=True)
    op_type = g.rnd.choice(["Greater", "Less", "Equal", "GreaterOrEqual", "LessOrEqual"])
    g.add(Value(g.node(op_type, a.name, b.name), shape, "b", 1))


def logic(g: RandomGraph) -> None:
    if g.chance(0.3):
        x = g.pick("b")
        g.add(replace(x, name=g.node("Not", x.name)))
        return
    a, b, shape = operands(g, "b")
    g.add(Value(g.node(g.rnd.choice(["And", "Or", "Xor"]), a.name, b.name), shape, "b", 1))


def where(g: RandomGraph) -> None:
    condition = g.pick("b")
    a, b, shape = operands(g)
    if not fits(condition.shape, shape):
        raise Unfit
    shape = tuple(np.broadcast_shapes(condition.shape, shape))
    name = g.node("Where", condition.name, a.name, b.name)
    g.add(Value(name, shape, "f", max(a.size, b.size), max(a.bits, b.bits)))


def cast(g: RandomGraph) -> None:
    kind = g.rnd.choice("fib")
    x = g.pick(kind, exact=True)
    to = g.rnd.choice([k for k in "fib" if k != kind])
    name = g.node("Cast", x.name, to={"f": 1, "i": 6, "b": 9}[to])
    g.add(Value(name, x.shape, to, 1 if to == "b" else x.size, x.bits if to == "f" else 0))


# --- movement ----------------------------------------------------------------------------------------------------


def move(g: RandomGraph) -> None:
    x = g.pick(g.rnd.choice("fffib"))
    name, shape = g.rnd.choice([transpose, reshape, slice_, pad, gather, unsqueeze, tile, expand, flip])(g, x)
    if prod(shape) > MAX_SIZE:
        g.nodes.pop()
        raise Unfit
    g.add(replace(x, name=name, shape=tuple(shape)))


def transpose(g: RandomGraph, x: Value) -> tuple[str, Shape]:
    order = list(range(x.rank))
    if x.shape[0] == 1 and x.rank > 1:
        order = [0, *g.rnd.sample(order[1:], x.rank - 1)]
    return g.node("Transpose", x.name, perm=order), tuple(x.shape[axis] for axis in order)


def reshape(g: RandomGraph, x: Value) -> tuple[str, Shape]:
    count = prod(x.shape)
    factor = g.rnd.choice([n for n in range(1, count + 1) if count % n == 0])
    shape = g.rnd.choice([(1, count), (1, factor, count // factor), (1, 1, factor, count // factor)])
    target = [-1 if axis == len(shape) - 1 and g.chance() else size for axis, size in enumerate(shape)]
    return g.node("Reshape", x.name, g.constant(target, np.int64)), shape


def slice_(g: RandomGraph, x: Value) -> tuple[str, Shape]:
    axes = g.rnd.sample(range(x.rank), g.rnd.randint(1, x.rank))
    starts = [g.rnd.randint(-x.shape[a] - 1, x.shape[a]) for a in axes]
    ends = [g.rnd.choice([g.rnd.randint(-x.shape[a] - 2, x.shape[a] + 2), (1 << 31) - 1]) for a in axes]
    steps = [g.rnd.choice([1, 1, 2, -1, -2]) for _ in axes]
    taken = [len(range(x.shape[a])[slice(s, e, t)]) for a, s, e, t in zip(axes, starts, ends, steps, strict=True)]
    if min(taken) < 1:
        raise Unfit
    sizes = {a: n for a, n in zip(axes, taken, strict=True)}
    given = [g.constant(numbers, np.int64) for numbers in (starts, ends, axes, steps)]
    return g.node("Slice", x.name, *given), tuple(sizes.get(a, n) for a, n in enumerate(x.shape))


def pad(g: RandomGraph, x: Value) -> tuple[str, Shape]:
    if x.kind != "f":
        raise Unfit
    mode = g.rnd.choice(["constant", "reflect", "edge"])
    low, high = ([g.rnd.randint(0, min(2, n - 1)) if a else 0 for a, n in enumerate(x.shape)] for _ in range(2))
    value = [g.constant(g.rnd.choice([0.0, 1.0]))] if mode == "constant" and g.chance() else []
    name = g.node("Pad", x.name, g.constant([*low, *high], np.int64), *value, mode=mode)
    return name, tuple(n + a + b for n, a, b in zip(x.shape, low, high, strict=True))


def gather(g: RandomGraph, x: Value) -> tuple[str, Shape]:
    axis = g.rnd.randrange(x.rank)
    size = x.shape[axis]
    indices = np.array([g.rnd.randint(-size, size - 1) for _ in range(g.rnd.randint(1, 4))])
    indices = g.rnd.choice([indices, indices, indices.reshape(1, -1), indices[0]])
    name = g.node("Gather", x.name, g.constant(indices, np.int64), axis=g.rnd.choice([axis, axis - x.rank]))
    shape = (*x.shape[:axis], *np.shape(indices), *x.shape[axis + 1 :])
    if not shape:
        g.nodes.pop()
        raise Unfit
    return name, shape


def unsqueeze(g: RandomGraph, x: Value) -> tuple[str, Shape]:
    ones = [axis for axis, size in enumerate(x.shape) if size == 1]
    if ones and x.rank > 1 and g.chance():
        axis = g.rnd.choice(ones)
        return g.node("Squeeze", x.name, g.constant([axis], np.int64)), x.shape[:axis] + x.shape[axis + 1 :]
    axis = g.rnd.randint(0, x.rank)
    name = g.node("Unsqueeze", x.name, g.constant([axis], np.int64))
    return name, (*x.shape[:axis], 1, *x.shape[axis:])


def tile(g: RandomGraph, x: Value) -> tuple[str, Shape]:
    repeats = [g.rnd.choice([1, 1, 2]) for _ in x.shape]
    name = g.node("Tile", x.name, g.constant(repeats, np.int64))
    return name, tuple(n * r for n, r in zip(x.shape, repeats, strict=True))


def expand(g: RandomGraph, x: Value) -> tuple[str, Shape]:
    shape = tuple(g.rnd.randint(1, 3) if size == 1 and axis else size for axis, size in enumerate(x.shape))
    return g.node("Expand", x.name, g.constant(shape, np.int64)), shape


def flip(g: RandomGraph, x: Value) -> tuple[str, Shape]:
    axis = g.rnd.randint(0, x.rank)
    shape = (prod(x.shape[:axis]), prod(x.shape[axis:]))
    return g.node("Flatten", x.name, axis=axis), shape


def concat(g: RandomGraph) -> None:
    a = g.pick(g.rnd.choice("ffi"))
    axis = g.rnd.randrange(a.rank)
    fit = [v for v in g.values if v.kind == a.kind and v.rank == a.rank
           and all(m == n for i, (m, n) in enumerate(zip(a.shape, v.shape, strict=True)) if i != axis)]  # fmt: skip
    parts = [a, *g.rnd.choices(fit, k=g.rnd.randint(1, 2))]
    shape = list(a.shape)
    shape[axis] = sum(part.shape[axis] for part in parts)
    if prod(shape) > MAX_SIZE:
        raise Unfit
    name = g.node("Concat", *(part.name for part in parts), axis=g.rnd.choice([axis, axis - a.rank]))
    g.add(replace(a, name=name, shape=tuple(shape), size=max(p.size for p in parts), bits=max(p.bits for p in parts)))


def split(g: RandomGraph) -> None:
    x = g.pick()
    axis = g.rnd.randrange(x.rank)
    if x.shape[axis] < 2:
        raise Unfit
    first = g.rnd.randint(1, x.shape[axis] - 1)
    sizes = [first, x.shape[axis] - first]
    name = g.node("Split", x.name, g.constant(sizes, np.int64), axis=axis)
    g.nodes[-1].output.append(f"{name}_rest")
    for part, size in zip((name, f"{name}_rest"), sizes, strict=True):
        g.add(replace(x, name=part, shape=(*x.shape[:axis], size, *x.shape[axis + 1 :])))


def blocks(g: RandomGraph) -> None:
    x = g.pick(ranks=(4,))
    n, c, h, w = x.shape
    if c % 4 == 0 and g.chance():
        name = g.node("DepthToSpace", x.name, blocksize=2, mode=g.rnd.choice(["DCR", "CRD"]))
        g.add(replace(x, name=name, shape=(n, c // 4, h * 2, w * 2)))
    elif h % 2 == 0 and w % 2 == 0:
        g.add(replace(x, name=g.node("SpaceToDepth", x.name, blocksize=2), shape=(n, c * 4, h // 2, w // 2)))
    else:
        raise Unfit


# --- sums and products -------------------------------------------------------------------------------------------


def reduce(g: RandomGraph) -> None:
    x = g.pick(g.rnd.choice("fffi"))
    op_type = g.rnd.choice(["ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceSumSquare"])
    if x.kind == "i" and op_type != "ReduceMax":
        op_type = "ReduceSum"
    axes = sorted(g.rnd.sample(range(x.rank), g.rnd.randint(1, x.rank)))
    keep = g.rnd.randint(0, 1) if len(axes) < x.rank else 1
    given = [axis - x.rank if g.chance(0.3) else axis for axis in axes]
    count = prod(x.shape[axis] for axis in axes)
    if x.kind == "i" and x.size * count > 1 << 30:
        raise Unfit
    name = g.node(op_type, x.name, g.constant(given, np.int64), keepdims=keep)
    shape = tuple(1 if axis in axes else size for axis, size in enumerate(x.shape) if axis not in axes or keep)
    exact = {"ReduceSum": x.size * count, "ReduceMax": x.size, "ReduceMin": x.size}.get(op_type, INFINITE)
    g.add(Value(name, shape, x.kind, exact, x.bits))


def product(g: RandomGraph) -> None:
    x = g.pick(ranks=(2, 3, 4))
    rows, columns = x.shape[-1], g.rnd.randint(1, 5)
    exact = x.exact and g.chance(0.8)
    if x.rank == 2 and g.chance():
        transposed = g.rnd.randint(0, 1)
        weights, size, bits = g.small((columns, rows) if transposed else (rows, columns), exact)
        bias = [g.small(g.rnd.choice([(columns,), (1, columns), (1,)]), exact)[0]] if g.chance() else []
        name = g.node("Gemm", x.name, weights, *bias, transB=transposed, alpha=g.rnd.choice([None, 0.5]))
    else:
        weights, size, bits = g.small((rows, columns), exact)
        name = g.node("MatMul", x.name, weights)
    g.add(Value(name, (*x.shape[:-1], columns), "f", x.size * size * rows + 2, x.bits + bits + 1))


def normalise(g: RandomGraph) -> None:
    x = g.pick(ranks=(2, 3, 4))
    count = (x.shape[1],)
    kind = g.rnd.choice(
        ["BatchNormalization", "InstanceNormalization", "LayerNormalization", "Softmax", "LpNormalization"]
    )
    if kind == "BatchNormalization":
        parameters = [g.small(count, low=low)[0] for low in (-2, -2, -2)]
        name = g.node(kind, x.name, *parameters, g.small(count, low=1, high=4)[0], epsilon=g.rnd.choice([None, 1e-3]))
    elif kind == "InstanceNormalization":
        if x.rank < 3:
            raise Unfit
        name = g.node(kind, x.name, g.small(count)[0], g.small(count)[0], epsilon=0.5)
    elif kind == "LayerNormalization":
        name = g.node(kind, x.name, g.small(x.shape[-1:])[0], g.small(x.shape[-1:])[0], axis=-1, epsilon=0.5)
    elif kind == "Softmax":
        name = g.node(kind, x.name, axis=g.rnd.randrange(-x.rank, x.rank))
    else:
        shifted = g.node("Add", g.node("Abs", x.name), g.constant(1.0))
        name = g.node(kind, shifted, axis=g.rnd.randrange(x.rank), p=g.rnd.choice([1, 2]))
    g.add(Value(name, x.shape))


def arg(g: RandomGraph) -> None:
    x = g.pick(exact=True)
    axis = g.rnd.randrange(x.rank)
    name = g.node(g.rnd.choice(["ArgMax", "ArgMin"]), x.name, axis=axis, keepdims=1)
    shape = (*x.shape[:axis], 1, *x.shape[axis + 1 :])
    g.add(Value(g.node("Cast", name, to=6), shape, "i", x.shape[axis]))


# --- codes -------------------------------------------------------------------------------------------------------


def quantised(g: RandomGraph) -> None:
    """Codes of a value, sometimes with integer work on them, and back."""
    x = g.pick(exact=True)
    dtype = g.rnd.choice([np.int8, np.uint8])
    axis = g.rnd.randrange(x.rank) if g.chance(0.3) else None
    count: Shape = () if axis is None else (x.shape[axis],)
    scale = g.constant(np.reshape([g.rnd.choice([0.25, 0.5, 1.0]) for _ in range(prod(count))], count))
    low, high = (-9, 9) if dtype is np.int8 else (0, 20)
    point = g.constant(np.reshape([g.rnd.randint(low, high) for _ in range(prod(count))], count), dtype)
    codes = g.node("QuantizeLinear", x.name, scale, point, axis=axis)
    if x.rank == 4 and axis is None and g.chance():
        codes = g.node("MaxPool", codes, kernel_shape=[1, 1], strides=[1, 1])
    if g.chance(0.2):
        codes32 = g.node("Cast", codes, to=6)
        g.add(Value(codes32, x.shape, "i", 256))
    g.add(Value(g.node("DequantizeLinear", codes, scale, point, axis=axis), x.shape, "f", 300, 2))


def integer_product(g: RandomGraph) -> None:
    """Codes of a value times integer weights, by the ops that stand for that."""
    x = g.pick(exact=True, ranks=(2, 4))
    scale, point = g.constant(0.5), g.constant(g.rnd.choice([0, 3]), np.uint8)
    codes = g.node("QuantizeLinear", x.name, scale, point)
    weight_dtype = g.rnd.choice([np.int8, np.uint8])
    maps = g.rnd.randint(1, 4)
    if x.rank == 2:
        shape: Shape = (x.shape[1], maps)
        result: Shape = (x.shape[0], maps)
        op_type, attributes = "MatMul", {}
    else:
        window = Window(g, x.shape[2:], False)
        shape, result = (maps, x.shape[1], *window.kernel), (x.shape[0], maps, *window.output)
        op_type, attributes = "Conv", window.attributes
    low = -5 if weight_dtype is np.int8 else 0
    weights = g.constant(np.reshape([g.rnd.randint(low, 9) for _ in range(prod(shape))], shape), weight_dtype)
    weight_point = g.constant(g.rnd.choice([0, 1]), weight_dtype)
    if g.chance():
        name = g.node(f"{op_type}Integer", codes, weights, point, weight_point, **attributes)
        g.add(Value(name, result, "i", 255 * 10 * prod(shape)))
        return
    out_scale, out_point = g.constant(g.rnd.choice([1.0, 4.0])), g.constant(g.rnd.choice([0, 5]), np.uint8)
    inputs = [codes, scale, point, weights, g.constant(0.5), weight_point, out_scale, out_point]
    name = g.node(f"QLinear{op_type}", *inputs, **attributes)
    g.add(Value(g.node("DequantizeLinear", name, out_scale, out_point), result, "f", 1024, 0))


OPS: list[Append] = [
    *[conv] * 4,
    conv_transpose,
    *[max_pool] * 2,
    *[average_pool] * 2,
    global_pool,
    *[arithmetic] * 5,
    divide,
    *[unary] * 3,
    clip,
    prelu,
    *[compare] * 2,
    logic,
    *[where] * 2,
    cast,
    *[move] * 8,
    *[concat] * 2,
    split,
    blocks,
    *[reduce] * 3,
    *[product] * 2,
    normalise,
    arg,
    *[quantised] * 3,
    *[integer_product] * 2,
]


def random_graph(seed: int) -> RandomGraph:
    """A graph of a few ops."""
    g = RandomGraph(seed)
    wanted = g.rnd.randint(2, 10)
    while len(g.values) <= wanted:
        count = len(g.nodes)
        try:
            g.rnd.choice(OPS)(g)
        except (LookupError, Unfit):
            del g.nodes[count:]
    return g
