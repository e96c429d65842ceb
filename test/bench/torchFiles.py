"""torch's side of the benchmark of PyTorch files; needs torch.

    torchFiles.py make FILE TENSORS VALUES   saves a state dict of so many tensors of so many F32 zeros each
    torchFiles.py load FILE                  prints what torch.load took: milliseconds, and megabytes of memory
"""
import resource, sys, time
import torch

if sys.argv[1] == "make":
    path, tensors, values = sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    torch.save({f"model.layers.{at}.mlp.experts.weight": torch.zeros(values) for at in range(tensors)}, path)
else:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    loaded = torch.load(sys.argv[2], map_location="cpu")
    took = (time.perf_counter() - start) * 1000
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(took, grown * 1024 / 1e6, len(loaded))
