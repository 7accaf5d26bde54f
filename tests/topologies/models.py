# SPDX-License-Identifier: Apache-2.0
"""Well-known topologies at reduced width and image size, as PyTorch, Keras and others export them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx

from .network import Form, Net, Value


def vgg10(net: Net) -> onnx.ModelProto:
    """RadioML VGG10: 1-D convolutions, pools of 2, dense layers (PyTorch)."""
    x = net.image(2, 32)
    for maps in (8, 8, 12, 12):
        x = net.pool("MaxPool", net.block(x, maps, 3), 2, 2)
    x = net.flatten(x)
    x = net.relu(net.batch_norm(net.dense(x, 16)))
    return net.model(net.dense(x, 6), dynamic=True)


def mobilenet_v1(net: Net) -> onnx.ModelProto:
    """Keras: NHWC input, explicit Pad before strided layers, ReLU6 as Clip, mean, 1x1 convolution, Softmax."""
    x = net.image(12, 12, 3, last=True)
    x = keras_pad(net, x)
    x = net.relu6(net.batch_norm(net.conv(x, 8, 3, 2, pads=[0] * 4, bias=False)))
    for maps, stride in ((12, 1), (16, 2)):
        y = keras_pad(net, x) if stride == 2 else x
        pads = [0] * 4 if stride == 2 else None
        x = net.relu6(net.batch_norm(net.conv(y, x.channels, 3, stride, pads=pads, groups=x.channels, bias=False)))
        x = net.relu6(net.batch_norm(net.conv(x, maps, 1, bias=False)))
    y = Value(net.node("GlobalAveragePool", x.name), (1, x.channels, 1, 1))
    y = net.conv(net.quantise(y, 2.0, bits=8), 5, 1)
    y = Value(net.node("Reshape", y.name, net.constant([-1, 5], np.int64)), (1, 5))
    return net.model(Value(net.node("Softmax", y.name, axis=-1), (1, 5)), dynamic=True)


def keras_pad(net: Net, x: Value) -> Value:
    """ZeroPadding2D(((0, 1), (0, 1))): a Pad whose pads are an input."""
    y = net.node("Pad", x.name, net.constant([0, 0, 0, 0, 0, 0, 1, 1], np.int64))
    return Value(y, (*x.shape[:2], x.shape[2] + 1, x.shape[3] + 1))


def mobilenet_v2(net: Net) -> onnx.ModelProto:
    """PyTorch: inverted residuals, Clip with Constant ends, Dropout, ReduceMean."""
    x = net.relu6(net.conv(net.image(3, 12, 12), 8, 3, 2, pads=[1] * 4))
    for expansion, maps, stride in ((1, 8, 1), (3, 8, 1), (3, 12, 2), (3, 12, 1)):
        y = net.relu6(net.conv(x, x.channels * expansion, 1)) if expansion > 1 else x
        y = net.relu6(net.conv(y, y.channels, 3, stride, pads=[1] * 4, groups=y.channels))
        y = net.quantise(net.conv(y, maps, 1), 3.0, signed=True)
        x = net.quantise(net.add(x, y), 4.0, signed=True) if stride == 1 and maps == x.channels else y
    x = net.relu6(net.conv(x, 16, 1))
    y = net.reduce_mean(x, 2, 3)
    y = net.quantise(Value(net.node("Dropout", y.name), y.shape), 2.0, bits=8)
    return net.model(net.dense(y, 5), dynamic=True)


def mobilenet_v3(net: Net, squeeze: bool = False) -> onnx.ModelProto:
    """PyTorch: HardSwish; `squeeze`: with squeeze and excitation."""
    x = net.pointwise("HardSwish", net.conv(net.image(3, 10, 10), 8, 3, 2, pads=[1] * 4), True)
    for expansion, maps in ((2, 8), (2, 8)):
        y = net.pointwise("HardSwish", net.conv(x, x.channels * expansion, 1), True)
        y = net.pointwise("HardSwish", net.conv(y, y.channels, 5, pads=[2] * 4, groups=y.channels), True)
        y = squeezed(net, y) if squeeze else y
        y = net.quantise(net.conv(y, maps, 1), 3.0, signed=True)
        x = net.quantise(net.add(y, x), 4.0, signed=True)
    y = net.pointwise("HardSwish", net.dense(net.mean(x), 12), True)
    return net.model(net.dense(y, 5))


def squeezed_mobilenet(net: Net) -> onnx.ModelProto:
    """MobileNet v3 with squeeze and excitation."""
    return mobilenet_v3(net, squeeze=True)


def squeezed(net: Net, x: Value) -> Value:
    y = net.quantise(Value(net.node("GlobalAveragePool", x.name), (1, x.channels, 1, 1)), 2.0, signed=True)
    y = net.relu(net.conv(y, 4, 1))
    y = net.pointwise("HardSigmoid", net.conv(y, x.channels, 1), False, 1.0)
    return net.quantise(Value(net.node("Mul", x.name, y.name), x.shape), 3.0, signed=True)


def hard_swish_keras(net: Net) -> onnx.ModelProto:
    """Hard-swish as Keras and old PyTorch write it: x * min(max(x + 3, 0), 6) / 6."""
    x = net.image(8, 8, 2, last=True)
    for maps in (6, 6):
        x = net.quantise(net.conv(x, maps, 3, 2, auto="SAME_UPPER"), 4.0, signed=True)
        y = net.node("Clip", net.node("Add", x.name, net.constant(3.0)), net.constant(0.0), net.constant(6.0))
        y = net.node("Mul", net.node("Mul", x.name, y), net.constant(np.float32(1 / 6)))
        x = net.quantise(Value(y, x.shape), 4.0, signed=True)
    return net.model(net.matmul(net.keras_flatten(x), 4))


def resnet18(net: Net) -> onnx.ModelProto:
    """PyTorch: 7x7/2, max-pool 3x3/2 pad 1, basic blocks, 1x1/2 shortcuts."""
    x = net.pool("MaxPool", net.block(net.image(3, 20, 20), 8, 7, 2, pads=[3] * 4), 3, 2, [1] * 4)
    for maps, stride in ((8, 1), (12, 2), (16, 2)):
        y = net.block(x, maps, 3, stride, pads=[1] * 4)
        y = net.quantise(net.batch_norm(net.conv(y, maps, 3, bias=False)), 3.0, signed=True)
        if stride > 1:
            x = net.quantise(net.batch_norm(net.conv(x, maps, 1, stride, bias=False, pads=[0] * 4)), 3.0, signed=True)
        x = net.relu(net.add(y, x))
    return net.model(net.dense(net.mean(x), 5), dynamic=True)


def squeezenet(net: Net) -> onnx.ModelProto:
    """Fire modules, ceil-mode pools, a convolution as classifier, then the mean and Flatten."""
    x = net.relu(net.conv(net.image(3, 15, 15), 8, 3, 2, pads=[0] * 4))
    x = net.pool("MaxPool", x, 3, 2)
    for squeeze, expand in ((4, 6), (4, 8)):
        s = net.relu(net.conv(x, squeeze, 1))
        x = net.concat(net.relu(net.conv(s, expand, 1)), net.relu(net.conv(s, expand, 3)))
    x = Value(net.node("Dropout", x.name), x.shape)
    y = net.relu(net.conv(x, 5, 1))
    y = Value(net.node("GlobalAveragePool", y.name), (1, 5, 1, 1))
    return net.model(net.flatten(y))


def densenet(net: Net) -> onnx.ModelProto:
    """BN, ReLU, convolution; every layer sees all before it; a transition with an average pool."""
    x = net.quantise(net.conv(net.image(3, 8, 8), 8, 3, bias=False), 3.0, signed=True)
    for last in (False, True):
        for _ in range(3):
            y = net.relu(net.batch_norm(x))
            y = net.relu(net.batch_norm(net.conv(y, 8, 1, bias=False)))
            y = net.quantise(net.conv(y, 4, 3, bias=False), 3.0, signed=True)
            x = net.concat(x, y)
        if not last:
            y = net.conv(net.relu(net.batch_norm(x)), 8, 1, bias=False)
            x = net.quantise(net.pool("AveragePool", net.quantise(y, 3.0, signed=True), 2, 2), 3.0, signed=True)
    return net.model(net.dense(net.mean(net.relu(net.batch_norm(x))), 5), dynamic=True)


def inception_excluded(net: Net) -> onnx.ModelProto:
    """As Keras: the average of a border window counts only what is inside."""
    x = net.block(net.image(3, 6, 6), 6, 3)
    p = net.pool("AveragePool", x, 3, 1, [1] * 4, count_include_pad=0)
    x = net.concat(net.block(x, 4, 1), net.block(net.quantise(p, 3.0), 4, 1))
    return net.model(net.dense(net.mean(x), 5))


def shufflenet(net: Net) -> onnx.ModelProto:
    """ShuffleNet v2 units: split, two branches, concat, shuffle (PyTorch)."""
    x = net.block(net.image(3, 8, 8), 8, 3, 2, pads=[1] * 4)
    for _ in range(2):
        half = x.channels // 2
        left = net.node("Split", x.name, net.constant([half, half], np.int64), axis=1, outputs=2)
        a, b = Value(left, (1, half, *x.shape[2:])), Value(f"{left}_1", (1, half, *x.shape[2:]))
        b = net.block(b, half, 1)
        b = net.batch_norm(net.conv(b, half, 3, groups=half, bias=False))
        b = net.block(net.quantise(b, 3.0, signed=True), half, 1)
        x = shuffled(net, net.concat(a, b), 2, anew=False)
    return net.model(net.dense(net.mean(x), 5), dynamic=True)


def shuffled(net: Net, x: Value, groups: int, anew: bool = True) -> Value:
    """The channels of groups in turn. `anew`: `x` is made of codes of the last quantiser."""
    _, channels, rows, columns = x.shape
    shape = (1, groups, channels // groups, rows, columns)
    y = net.node("Reshape", x.name, net.constant([-1, *shape[1:]], np.int64))
    y = net.again(Value(y, shape)).name if anew else y
    y = net.node("Transpose", y, perm=[0, 2, 1, 3, 4])
    y = Value(net.node("Reshape", y, net.constant([-1, channels, rows, columns], np.int64)), x.shape)
    return net.again(y) if anew else y


def shufflenet_v1(net: Net) -> onnx.ModelProto:
    """Grouped 1x1 convolutions, shuffle, depthwise, residual; stride 2 by concat with an average pool."""
    x = net.block(net.image(3, 8, 8), 8, 3)
    y = shuffled(net, net.block(x, 8, 1, groups=2), 2)
    y = net.quantise(net.batch_norm(net.conv(y, 8, 3, groups=8, bias=False)), 3.0, signed=True)
    y = net.quantise(net.batch_norm(net.conv(y, 8, 1, groups=2, bias=False)), 3.0, signed=True)
    x = net.relu(net.add(x, y))
    y = shuffled(net, net.block(x, 8, 1, groups=2), 2)
    y = net.quantise(net.batch_norm(net.conv(y, 8, 3, 2, pads=[1] * 4, groups=8, bias=False)), 3.0, signed=True)
    y = net.quantise(net.batch_norm(net.conv(y, 8, 1, groups=2, bias=False)), 3.0, signed=True)
    p = net.quantise(net.pool("AveragePool", x, 3, 2, [1] * 4, count_include_pad=1), 3.0)
    x = net.quantise(Value(net.node("Relu", net.concat(p, y).name), (1, 16, 4, 4)), 3.0)
    return net.model(net.dense(net.mean(x), 5))


def tcn(net: Net) -> onnx.ModelProto:
    """Causal dilated 1-D convolutions: pads on the left alone, residual sums; the last step is classified."""
    x = net.image(4, 24)
    for maps, dilation in ((8, 1), (8, 2), (8, 4)):
        y = net.relu(net.conv(x, maps, 3, pads=[2 * dilation, 0], dilation=dilation))
        y = net.relu(net.conv(y, maps, 3, pads=[2 * dilation, 0], dilation=dilation))
        s = x if x.channels == maps else net.quantise(net.conv(x, maps, 1), 3.0, signed=True)
        x = net.relu(net.add(y, s))
    ends = [net.constant([-1], np.int64), net.constant([2**63 - 1], np.int64), net.constant([2], np.int64)]
    y = Value(net.node("Slice", x.name, *ends), (1, 8, 1))
    y = Value(net.node("Squeeze", y.name, net.constant([2], np.int64)), (1, 8))
    return net.model(net.dense(y, 5), dynamic=True)


def tcn_chomp(net: Net) -> onnx.ModelProto:
    """As the reference TCN of PyTorch: pads on both sides, then the surplus is sliced off; all steps come out."""
    x = net.image(2, 20)
    for maps, dilation in ((6, 1), (6, 2)):
        y = net.conv(x, maps, 3, pads=[2 * dilation] * 2, dilation=dilation)
        ends = [net.constant([v], np.int64) for v in (0, -2 * dilation, 2, 1)]
        y = net.relu(Value(net.node("Slice", y.name, *ends), (1, maps, 20)))
        x = y
    return net.model(net.conv(x, 3, 1))


def unet(net: Net) -> onnx.ModelProto:
    """Two levels, ConvTranspose 2x2/2 upwards, concatenation with the skip."""
    skips: list[Value] = []
    x = net.image(1, 8, 8)
    for maps in (4, 8):
        x = net.block(net.block(x, maps, 3), maps, 3)
        skips.append(x)
        x = net.pool("MaxPool", x, 2, 2)
    x = net.block(x, 12, 3)
    for skip in reversed(skips):
        up = net.quantise(net.conv_transpose(x, skip.channels, 2, 2), 3.0, signed=True)
        x = net.block(net.concat(up, skip), skip.channels, 3)
    return net.model(net.conv(x, 2, 1))


def unet_resize(net: Net) -> onnx.ModelProto:
    """Keras: NHWC in and out, SAME pads, UpSampling2D, concatenation, sigmoid."""
    x = net.image(8, 8, 1, last=True)
    a = net.relu(net.conv(x, 4, 3, auto="SAME_UPPER"))
    b = net.relu(net.conv(net.pool("MaxPool", a, 2, 2), 8, 3, auto="SAME_UPPER"))
    c = net.upsample(b, 2)
    x = net.relu(net.conv(net.concat(a, c), 4, 3, auto="SAME_UPPER"))
    x = net.quantise(net.conv(x, 1, 1), 4.0, signed=True, bits=8)
    y = Value(net.node("Sigmoid", x.name), x.shape)
    return net.model(Value(net.node("Transpose", y.name, perm=[0, 2, 3, 1]), (1, 8, 8, 1)), dynamic=True)


def autoencoder(net: Net) -> onnx.ModelProto:
    """Strided convolutions down, transposed 3x3/2 with output padding up, tanh."""
    x = net.relu(net.conv(net.image(1, 8, 8), 6, 3, 2, pads=[1] * 4))
    x = net.relu(net.conv(x, 8, 3, 2, pads=[1] * 4))
    x = net.relu(net.conv_transpose(x, 6, 3, 2, 1, 1))
    x = net.quantise(net.conv_transpose(x, 1, 3, 2, 1, 1), 3.0, signed=True, bits=8)
    return net.model(net.pointwise("Tanh", x, True, 1.0))


def tiny_yolo(net: Net) -> onnx.ModelProto:
    """Leaky ReLU, max-pools, a route over an upsampled map, one head of two (concatenated maps)."""
    x = net.leaky(net.batch_norm(net.conv(net.image(3, 16, 16), 6, 3, bias=False)))
    x = net.pool("MaxPool", x, 2, 2)
    a = net.leaky(net.batch_norm(net.conv(x, 8, 3, bias=False)))
    x = net.pool("MaxPool", a, 2, 2)
    x = net.leaky(net.batch_norm(net.conv(x, 12, 3, bias=False)))
    b = net.leaky(net.batch_norm(net.conv(x, 8, 1, bias=False)))
    x = net.concat(net.upsample(b, 2), a)
    x = net.leaky(net.batch_norm(net.conv(x, 8, 3, bias=False)))
    return net.model(net.conv(x, 9, 1), dynamic=True)


def dcgan(net: Net) -> onnx.ModelProto:
    """A generator: a vector, transposed 4x4 convolutions, tanh."""
    z = net.image(8)
    x = Value(net.node("Reshape", z.name, net.constant([-1, 8, 1, 1], np.int64)), (1, 8, 1, 1))
    x = net.relu(net.batch_norm(net.conv_transpose(x, 8, 4, 1)))
    x = net.relu(net.batch_norm(net.conv_transpose(x, 6, 4, 2, 1)))
    x = net.quantise(net.conv_transpose(x, 1, 4, 2, 1), 3.0, signed=True, bits=8)
    return net.model(Value(net.node("Tanh", x.name), x.shape), dynamic=True)


def espcn(net: Net) -> onnx.ModelProto:
    """Sub-pixel convolution: DepthToSpace CRD, as PyTorch's PixelShuffle."""
    x = net.pointwise("Tanh", net.conv(net.image(1, 8, 8), 8, 5), True, 1.0)
    x = net.pointwise("Tanh", net.conv(x, 6, 3), True, 1.0)
    x = net.quantise(net.conv(x, 9, 3), 3.0, signed=True, bits=8)
    y = net.node("DepthToSpace", x.name, blocksize=3, mode="CRD")
    return net.model(Value(y, (1, 1, 24, 24)), dynamic=True)


def jet_conv1d(net: Net) -> onnx.ModelProto:
    """Keras Conv1D as tf2onnx writes it: Unsqueeze, Conv, Squeeze; NLC input."""
    x = net.image(16, 4, last=True)
    for maps in (8, 6):
        y = Value(net.node("Unsqueeze", x.name, net.constant([2], np.int64)), (1, x.channels, 1, x.shape[2]))
        y = net.conv(y, maps, (1, 4), (1, 2), auto="SAME_UPPER")
        y = Value(net.node("Squeeze", y.name, net.constant([2], np.int64)), (1, maps, y.shape[3]))
        x = net.relu(y)
    x = net.relu(net.matmul(net.keras_flatten(x), 8))
    return net.model(Value(net.node("Softmax", net.matmul(x, 5).name, axis=-1), (1, 5)), dynamic=True)


def pooled_conv1d(net: Net) -> onnx.ModelProto:
    """Keras MaxPooling1D behind Conv1D: the pool's axes are added elsewhere, and a transposition moves them."""
    x = net.image(32, 4, last=True)
    for maps in (8, 6):
        y = Value(net.node("Unsqueeze", x.name, net.constant([2], np.int64)), (1, x.channels, 1, x.shape[2]))
        y = net.conv(y, maps, (1, 3), (1, 1), auto="SAME_UPPER")
        y = net.relu(Value(net.node("Squeeze", y.name, net.constant([2], np.int64)), (1, maps, y.shape[3])))
        pooled = net.node("Unsqueeze", y.name, net.constant([1], np.int64))
        pooled = net.node("Transpose", pooled, perm=[0, 2, 3, 1])
        pooled = net.node("MaxPool", pooled, kernel_shape=[2, 1], strides=[2, 1])
        pooled = net.node("Squeeze", pooled, net.constant([3], np.int64))
        x = net.again(Value(pooled, (1, maps, y.shape[2] // 2)))
    return net.model(net.dense(net.quantise(net.reduce_mean(x, -1), 2.0, bits=8), 5), dynamic=True)


def keyword_cnn(net: Net) -> onnx.ModelProto:
    """CRNN front without recurrence: 2-D convolutions on a spectrogram, then 1-D over time, mean over time."""
    x = net.block(net.image(1, 10, 16), 8, (3, 5), pads=[1, 2, 1, 2])
    x = net.pool("MaxPool", x, 2, 2)
    y = net.node("Reshape", x.name, net.constant([0, -1, x.shape[3]], np.int64))
    x = net.block(Value(y, (1, x.channels * x.shape[2], x.shape[3])), 12, 3)
    y = net.reduce_mean(x, -1)
    return net.model(net.dense(net.quantise(y, 2.0, bits=8), 5), dynamic=True)


def mixer(net: Net) -> onnx.ModelProto:
    """MLP-mixer: patches by a strided convolution, a dense layer over tokens, one over channels, residual sums."""
    x = net.quantise(net.conv(net.image(3, 8, 8), 8, 4, 4, pads=[0] * 4), 3.0, signed=True)
    y = net.node("Reshape", x.name, net.constant([-1, 8, 4], np.int64))
    x = Value(net.node("Transpose", y, perm=[0, 2, 1]), (1, 4, 8))
    for _ in range(2):
        y = Value(net.node("Transpose", x.name, perm=[0, 2, 1]), (1, 8, 4))
        y = net.quantise(net.matmul(net.relu(net.matmul(y, 6)), 4), 3.0, signed=True)
        y = Value(net.node("Transpose", y.name, perm=[0, 2, 1]), (1, 4, 8))
        x = net.quantise(net.add(x, y), 4.0, signed=True)
        y = net.quantise(net.matmul(net.relu(net.matmul(x, 12)), 8), 3.0, signed=True)
        x = net.quantise(net.add(x, y), 4.0, signed=True)
    y = net.quantise(net.reduce_mean(x, 1), 2.0, True, 8)
    return net.model(net.dense(y, 5), dynamic=True)


def gelu(net: Net, x: Value) -> Value:
    """As PyTorch exports it below opset 20: x * (erf(x / sqrt 2) + 1) * 0.5."""
    y = net.node("Erf", net.node("Div", x.name, net.scalar(2**0.5)))
    y = net.node("Mul", x.name, net.node("Add", y, net.scalar(1.0)))
    return net.quantise(Value(net.node("Mul", y, net.scalar(0.5)), x.shape), 3.0, signed=True)


def efficientnet_lite(net: Net) -> onnx.ModelProto:
    """Keras: SAME pads at stride 2 (asymmetric), bias as Add, ReLU6 as Min of Relu, 5x5 depthwise."""
    x = net.image(12, 12, 3, last=True)
    x = biased(net, net.conv(x, 8, 3, 2, auto="SAME_UPPER", bias=False))
    for kernel, stride in ((3, 1), (5, 2)):
        y = biased(net, net.conv(x, 16, 1, bias=False))
        y = biased(net, net.conv(y, 16, kernel, stride, auto="SAME_UPPER", groups=16, bias=False))
        y = net.quantise(net.batch_norm(net.conv(y, 8, 1, bias=False)), 3.0, signed=True)
        x = y if stride > 1 else net.quantise(net.add(x, y), 4.0, signed=True)
    _, maps, rows, columns = x.shape
    y = net.reduce_mean(Value(net.node("Transpose", x.name, perm=[0, 2, 3, 1]), (1, rows, columns, maps)), 1, 2)
    return net.model(net.matmul(net.quantise(y, 2.0, True, 8), 5), dynamic=True)


def biased(net: Net, x: Value) -> Value:
    y = net.node("Add", x.name, net.constant(net.random.normal(0, 0.2, (1, x.channels, 1, 1))))
    y = net.node("Min", net.node("Relu", y), net.constant(6.0))
    return net.quantise(Value(y, x.shape), 4.0)


def lenet(net: Net) -> onnx.ModelProto:
    """5x5 convolutions, average pools, tanh, dense layers; an Identity, as PyTorch writes for shared tensors."""
    x = net.pointwise("Tanh", net.conv(net.image(1, 14, 14), 4, 5, pads=[2] * 4), True, 1.0)
    x = net.quantise(net.pool("AveragePool", x, 2, 2), 1.0, signed=True)
    x = net.pointwise("Tanh", net.conv(x, 6, 5, pads=[0] * 4), True, 1.0)
    x = net.view(Value(net.node("Identity", x.name), x.shape))
    x = net.pointwise("Tanh", net.dense(x, 12), True, 1.0)
    return net.model(Value(net.node("LogSoftmax", net.dense(x, 5).name, axis=1), (1, 5)), dynamic=True)


def sepconv(net: Net) -> onnx.ModelProto:
    """Xception-like: separable convolutions, ReLU before, stride-2 pool SAME, residual."""
    x = net.block(net.image(3, 8, 8), 8, 3)
    y = net.quantise(net.conv(x, 8, 3, groups=8, bias=False), 3.0, signed=True)
    y = net.block(y, 12, 1)
    y = net.pool("MaxPool", y, 3, 2, [0, 0, 1, 1])
    s = net.quantise(net.batch_norm(net.conv(x, 12, 1, 2, pads=[0] * 4, bias=False)), 3.0, signed=True)
    x = net.quantise(net.add(y, s), 4.0, signed=True)
    return net.model(net.dense(net.mean(x), 5))


MODELS: dict[str, Callable[[Net], onnx.ModelProto]] = {
    f.__name__: f
    for f in (
        vgg10, mobilenet_v1, mobilenet_v2, mobilenet_v3, squeezed_mobilenet, hard_swish_keras, resnet18, squeezenet,
        densenet, inception_excluded, shufflenet, shufflenet_v1, tcn, tcn_chomp, unet, unet_resize, autoencoder,
        tiny_yolo, dcgan, espcn, jet_conv1d, keyword_cnn, mixer, efficientnet_lite, lenet, sepconv, pooled_conv1d,
    )
}  # fmt: skip


def generate(name: str, form: Form, bits: int = 4) -> onnx.ModelProto:
    return MODELS[name](Net(form, bits))


def frames(model: onnx.ModelProto, count: int) -> Any:
    shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim][1:]
    return np.random.default_rng(3).normal(size=(count, *shape)).astype(np.float32)
