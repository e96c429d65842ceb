#!/usr/bin/python3
"""The Python side of numbers.ts: the same statistics, in chunks into one buffer, on one thread.

    /usr/bin/python3 test/bench/numbersReference.py numpy|torch F32|BF16|F16 FILE OFFSET BYTES

Prints the seconds that it took. NumPy has no bfloat16: it widens the codes to F32, as users do.
"""

import os
import sys
import time

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"
import numpy as np

library, dtype, path, offset, size = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
chunk = 4 * 1024 * 1024
buffer = np.empty(chunk, np.uint8)


def chunks():
    with open(path, "rb", buffering=0) as file:
        file.seek(offset)
        for _ in range(size // chunk):
            file.readinto(buffer)
            yield buffer


def floats_of(raw):
    if dtype == "F32":
        return raw.view(np.float32)
    if dtype == "F16":
        return raw.view(np.float16).astype(np.float32)
    return (raw.view(np.uint16).astype(np.uint32) << 16).view(np.float32)


def with_numpy():
    total = squares = 0.0
    least, largest, zeros, nan, inf = np.inf, -np.inf, 0, 0, 0
    histogram = np.zeros(128)
    for raw in chunks():
        x = floats_of(raw)
        nan += int(np.isnan(x).sum())
        inf += int(np.isinf(x).sum())
        zeros += int((x == 0).sum())
        least, largest = min(least, x.min()), max(largest, x.max())
        total += float(x.sum(dtype=np.float64))
        squares += float(np.square(x, dtype=np.float64).sum())
        histogram += np.histogram(x, bins=128, range=(-0.2, 0.2))[0]


def with_torch():
    import torch

    torch.set_num_threads(1)
    kinds = {"F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16}
    total = squares = 0.0
    least, largest, zeros, nan, inf = np.inf, -np.inf, 0, 0, 0
    histogram = torch.zeros(128)
    for raw in chunks():
        x = torch.from_numpy(raw).view(kinds[dtype]).float()
        nan += int(torch.isnan(x).sum())
        inf += int(torch.isinf(x).sum())
        zeros += int((x == 0).sum())
        least, largest = min(least, float(x.min())), max(largest, float(x.max()))
        total += float(x.sum(dtype=torch.float64))
        squares += float(x.double().square().sum())
        histogram += torch.histc(x, bins=128, min=-0.2, max=0.2)


work = with_numpy if library == "numpy" else with_torch
if library == "torch":
    import torch
start = time.perf_counter()
cpu = time.process_time()
work()
print(time.perf_counter() - start, time.process_time() - cpu)
