#!/usr/bin/python3
"""The torch side of lora.ts: the same factored computation, on one thread, over the same shapes.

    /usr/bin/python3 test/bench/loraReference.py RANK ROUNDS [MODULES]

Prints one line of JSON. Factors are float32 in memory, as in the TypeScript bench; times are medians in ms of processor time.
"""

import json
import statistics
import sys
import time

import torch

torch.set_num_threads(1)
torch.manual_seed(1)
rank, rounds = int(sys.argv[1]), int(sys.argv[2])
modules = int(sys.argv[3]) if len(sys.argv) > 3 else 224
layer = [(4096, 4096)] * 4 + [(11008, 4096)] * 2 + [(4096, 11008)]
shapes = [layer[i % len(layer)] for i in range(modules)]
factors = [(torch.randn(m, rank), torch.randn(rank, n)) for m, n in shapes]


def qr_core(b, a):
    rb = torch.linalg.qr(b, mode="r")[1]
    ra = torch.linalg.qr(a.T, mode="r")[1]
    return torch.linalg.svdvals(rb @ ra.T)


def gram_core(b, a):
    """What is fastest in torch, in float32: small singular values are lost to rounding."""
    gb, ga = b.T @ b, a @ a.T
    rb = torch.linalg.cholesky(gb).T
    ra = torch.linalg.cholesky(ga).T
    return torch.linalg.svdvals(rb @ ra.T)


def timed(work):
    times = []
    for _ in range(rounds):
        start = time.process_time()
        for b, a in factors:
            work(b, a)
        times.append(1000 * (time.process_time() - start))
    return statistics.median(times)


result = {"qrMs": timed(qr_core), "gramMs": timed(gram_core), "torch": torch.__version__}
if len(sys.argv) > 4:
    size = int(sys.argv[4])
    dense = torch.randn(size, rank) @ torch.randn(rank, size)
    start = time.process_time()
    torch.linalg.svd(dense)
    result["denseMs"] = 1000 * (time.process_time() - start)
print(json.dumps(result))
