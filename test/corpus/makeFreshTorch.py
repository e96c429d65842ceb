"""Writes torch files of every dtype, layout and container that the installed torch can save to the folder given, and
what torch and numpy say of each tensor to expected.json there. Needs torch and numpy; made for torch 1.13 and later.

    makeFreshTorch.py FOLDER
"""
import collections, hashlib, inspect, json, os, sys
import numpy as np
import torch

os.chdir(sys.argv[1])
torch.manual_seed(20260101)
expected = {}

NAMES = {
    "float32": "F32", "float64": "F64", "float16": "F16", "bfloat16": "BF16", "int8": "I8", "int16": "I16",
    "int32": "I32", "int64": "I64", "uint8": "U8", "bool": "BOOL", "complex64": "C64", "complex128": "C128",
    "complex32": "C32", "qint8": "QINT8", "quint8": "QUINT8", "qint32": "QINT32", "quint4x2": "QUINT4x2",
    "uint16": "U16", "uint32": "U32", "uint64": "U64", "float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2",
}


def dense(tensor):
    tensor = tensor.detach()
    if tensor.layout != torch.strided:
        tensor = tensor.to_dense()
    if tensor.is_quantized:
        tensor = tensor.int_repr()
    return tensor.resolve_conj().resolve_neg().contiguous()


def raw(tensor):
    """Contiguous little-endian bytes."""
    tensor = dense(tensor)
    if tensor.dtype in (torch.bfloat16, torch.complex32) or "float8" in str(tensor.dtype):
        tensor = tensor.view(torch.int32 if tensor.dtype == torch.complex32 else torch.int8 if tensor.element_size() == 1 else torch.int16)
    return tensor.numpy().tobytes()


def statistics(tensor):
    """Over the finite values; None for what has no real values, or whose stored integers are no values."""
    if tensor.is_quantized or tensor.is_complex():
        return None
    values = dense(tensor).reshape(-1)
    isNumpys = values.dtype in (torch.float64, torch.float32, torch.float16) or not values.is_floating_point()
    values = (values if isNumpys else values.float()).numpy().astype("f8")
    finite = values[np.isfinite(values)]
    counts = {"nan": int(np.isnan(values).sum()), "inf": int(np.isinf(values).sum()), "zeros": int((finite == 0).sum())}
    if finite.size == 0:
        return counts
    return {
        **counts,
        "min": finite.min(), "max": finite.max(), "mean": finite.mean(), "std": finite.std(),
        "absMax": np.abs(finite).max(), "l2": np.sqrt((finite * finite).sum()),
    }


def walk(value, path, rows):
    if isinstance(value, torch.Tensor):
        rows[".".join(path)] = {
            "dtype": NAMES[str(value.dtype)[6:]],
            "shape": list(value.shape),
            "sha256": hashlib.sha256(raw(value)).hexdigest(),
            "stats": statistics(value),
        }
    elif isinstance(value, dict):
        for key, member in value.items():
            walk(member, path + [str(key)], rows)
    elif isinstance(value, (list, tuple)):
        for at, member in enumerate(value):
            walk(member, path + [str(at)], rows)


# The file was made here; from 2.6 on torch reads no protocol 4 otherwise.
whole = {"weights_only": False} if "weights_only" in inspect.signature(torch.load).parameters else {}


def save(name, value):
    """As a zip and as a legacy file, with the protocols that torch writes."""
    for legacy in (False, True):
        for protocol in (2, 4):
            file = f"{name}-{'legacy' if legacy else 'zip'}-{protocol}.pt"
            try:
                torch.save(value, file, pickle_protocol=protocol, _use_new_zipfile_serialization=not legacy)
                # What torch reads back: lazy conjugation, for one, does not survive every version.
                loaded = torch.load(file, map_location="cpu", **whole)
            except Exception as error:
                print(f"torch {torch.__version__} cannot save {file}, or not read it: {error}", file=sys.stderr)
                continue
            rows = {}
            walk(loaded, [], rows)
            expected[file] = rows


real = torch.randn(37, 21, dtype=torch.float64) * 100
special = torch.tensor([float("nan"), float("inf"), -float("inf"), -0.0, 0.0, 1e-45, 65504.0, -1.5])
for dtype in (torch.float64, torch.float32, torch.float16, torch.bfloat16):
    save(str(dtype)[6:], {"random": real.to(dtype), "special": special.to(dtype), "scalar": torch.tensor(2.5, dtype=dtype)})
for dtype in (torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8):
    limits = torch.iinfo(dtype)
    save(str(dtype)[6:], {"random": torch.randint(limits.min // 2, limits.max // 2, (33, 5)).to(dtype), "limits": torch.tensor([limits.min, 0, limits.max], dtype=dtype)})
for name in ("uint16", "uint32", "uint64"):
    if hasattr(torch, name):
        save(name, {"values": torch.arange(40).to(getattr(torch, name))})
for name in ("float8_e4m3fn", "float8_e5m2"):
    if hasattr(torch, name):
        save(name, {"values": torch.randn(40).to(getattr(torch, name))})
save("bool", {"values": torch.rand(13, 7) > 0.5})
for dtype in (torch.complex64, torch.complex128):
    save(str(dtype)[6:], {"values": torch.randn(9, 4, dtype=dtype)})
save("complex32", {"values": torch.randn(9, 4, dtype=torch.complex64).to(torch.complex32)})
weights = torch.randn(6, 10)
for dtype in (torch.qint8, torch.quint8, torch.qint32):
    zero = 3 if dtype == torch.quint8 else 0
    channels = torch.quantize_per_channel(weights, torch.rand(6) + 0.1, torch.zeros(6, dtype=torch.long), 0, dtype)
    save(str(dtype)[6:], {"tensor": torch.quantize_per_tensor(weights, 0.05, zero, dtype), "channels": channels})
base = torch.arange(240, dtype=torch.float32).reshape(12, 20)
views = {
    "rows": base[3:7], "columns": base[:, 5:9], "transposed": base.t(), "stepped": base[::3, ::4],
    "expanded": base[0].expand(5, 20), "permuted": base.reshape(3, 4, 20).permute(2, 0, 1), "scalar": base[2, 3],
    "channels_last": torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last), "empty": torch.zeros(0, 4),
}
save("views", views)
tied = torch.randn(8, 6)
save("shared", collections.OrderedDict([("embed.weight", tied), ("head.weight", tied), ("part", tied[2:4])]))
coo = torch.sparse_coo_tensor(torch.tensor([[0, 1, 4], [2, 0, 3]]), torch.tensor([1.5, -2.0, 3.0]), (5, 6))
save("sparse", {"coo": coo, "coalesced": coo.coalesce(), "csr": coo.to_dense().to_sparse_csr()})
model = torch.nn.Sequential(torch.nn.Linear(12, 8), torch.nn.BatchNorm1d(8), torch.nn.Linear(8, 2))
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
for _ in range(3):
    model(torch.randn(16, 12)).square().mean().backward()
    optimizer.step()
save("training", {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3, "best": torch.tensor(0.25)})
save("conjugated", {"values": torch.randn(5, dtype=torch.complex64).conj(), "negative": torch.randn(5, dtype=torch.complex64).conj().imag})

with open("expected.json", "w") as file:
    json.dump({"torch": torch.__version__, "files": expected}, file, default=float)
