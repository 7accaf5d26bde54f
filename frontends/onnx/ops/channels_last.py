# SPDX-License-Identifier: Apache-2.0
"""Ops of QONNX's channels-last domain: Conv, MaxPool, AveragePool, BatchNormalization."""

from __future__ import annotations

from ..channels_last import CHANNELS_LAST_DOMAINS, channels_last
from ..registry import importer
from .activation import import_batch_normalization
from .convolution import import_conv
from .pooling import import_average_pool, import_max_pool

importer("Conv", domains=CHANNELS_LAST_DOMAINS)(channels_last(import_conv, 2))
importer("MaxPool", domains=CHANNELS_LAST_DOMAINS)(channels_last(import_max_pool, 1))
importer("AveragePool", domains=CHANNELS_LAST_DOMAINS)(channels_last(import_average_pool, 1))
importer("BatchNormalization", domains=CHANNELS_LAST_DOMAINS)(channels_last(import_batch_normalization, 1))
