"""The Python side of blockRates.ts: random blocks of ggml dequantised by gguf-py, and their statistics by numpy.

    python3 test/bench/blocksReference.py DTYPE...

Prints one JSON object of stored bytes a second of one thread, by its processor time. Needs gguf and numpy.
"""

import json
import os
import sys
import time

os.environ["OMP_NUM_THREADS"] = "1"
import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import dequantize


def rate(name):
    kind = GGMLQuantizationType[name]
    values, size = GGML_QUANT_SIZES[kind]
    # Scales are finite: their exponents are below that of infinity.
    raw = np.random.default_rng(1).integers(0, 256, (1, (1 << 22) // values * size), dtype=np.uint8) & 0x3B
    times = []
    for _ in range(3):
        start = time.process_time()
        x = dequantize(raw, kind)
        least, largest = x.min(), x.max()
        x.sum(dtype=np.float64), np.square(x, dtype=np.float64).sum()
        np.isnan(x).sum(), np.isinf(x).sum(), (x == 0).sum()
        np.histogram(x, bins=128, range=(least, largest))
        times.append(time.process_time() - start)
    return raw.size / sorted(times)[1]


print(json.dumps({name: rate(name) for name in sys.argv[1:]}))
