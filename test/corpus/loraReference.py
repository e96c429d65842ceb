#!/usr/bin/python3
"""What numpy makes of every adapter below a folder: the reference of loraCorpus.ts.

    /usr/bin/python3 test/corpus/loraReference.py DIR

Prints one line of JSON: by file the modules under the name of their first factor, and for files of one run the changes
from each to the next. Float64 throughout; updates are formed whole where they are small enough to be decomposed so.
Written from the formats' own descriptions, without a look at the TypeScript.
"""

import json
import math
import os
import re
import struct
import sys

import numpy as np

DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "U8": "u1", "BOOL": "?"}
# Beyond this smaller side a dense decomposition takes too long; the core of a QR is then as exact.
LARGEST_DENSE_SIDE = 600

# (suffix of the first factor, suffix of the second, layout)
PAIRS = [
    (r"\.lora_A(?:\.[^.]+)?\.weight$", "lora_A", "lora_B", "plain"),
    (r"\.lora_embedding_A(?:\.[^.]+)?$", "lora_embedding_A", "lora_embedding_B", "embedding"),
    (r"[._]lora_down\.weight$", "lora_down", "lora_up", "plain"),
    (r"[._]lora(?:_linear_layer)?\.down\.weight$", ".down.", ".up.", "plain"),
    (r"\.lora_a$", "lora_a", "lora_b", "mlx"),
]


def read_safetensors(path):
    with open(path, "rb") as file:
        size = struct.unpack("<Q", file.read(8))[0]
        header = json.loads(file.read(size))
        data = file.read()
    metadata = header.pop("__metadata__", {}) or {}
    tensors = {}
    for name, entry in header.items():
        if entry["dtype"] not in DTYPES:
            continue
        start, end = entry["data_offsets"]
        values = np.frombuffer(data[start:end], DTYPES[entry["dtype"]]).reshape(entry["shape"])
        if entry["dtype"] == "BF16":
            values = (values.astype("<u4") << 16).view("<f4").reshape(entry["shape"])
        tensors[name] = values
    return tensors, metadata


def read_torch(path):
    import torch

    state = torch.load(path, map_location="cpu")
    return {name: value.float().numpy() for name, value in state.items() if hasattr(value, "numpy")}, {}


def config_beside(path):
    file = os.path.join(os.path.dirname(path), "adapter_config.json")
    if not os.path.exists(file):
        return {}
    with open(file) as text:
        return json.load(text)


def scale_of(name, layout, rank, tensors, config, metadata):
    # kohya's files, and ComfyUI's, have it beside the factors.
    alpha_name = re.sub(r"\.lora_(?:down|A)\.weight$", ".alpha", name)
    if alpha_name != name and alpha_name in tensors:
        return float(tensors[alpha_name]) / rank
    if layout == "mlx":
        parameters = config.get("lora_parameters") or config
        return float(parameters.get("scale", 20.0))
    if "peft_type" in config:
        module = re.sub(r"^base_model\.model\.", "", re.split(r"\.lora_(?:embedding_)?A", name)[0])
        alpha = config.get("lora_alpha", 8)
        for key, value in (config.get("alpha_pattern") or {}).items():
            if re.match(rf"(.*\.)?({key})$", module):
                alpha = value
                break
        return alpha / (math.sqrt(rank) if config.get("use_rslora") else rank)
    adapter = json.loads(metadata.get("lora_adapter_metadata", "{}"))
    prefix = name.split(".")[0]
    if f"{prefix}.lora_alpha" in adapter:
        return adapter[f"{prefix}.lora_alpha"] / rank
    return 1.0


def factors_of(a, b, layout):
    """Second and first factor as out×r and r×in."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if layout == "mlx":
        return b.T, a.T
    if layout == "embedding":
        # ΔW of an embedding is (B·A)ᵀ; the singular values are those of B·A.
        return b, a
    return b.reshape(b.shape[0], -1), a.reshape(a.shape[0], -1)


def numbers_of(b, a, scale):
    if min(b.shape[0], a.shape[1]) <= LARGEST_DENSE_SIDE:
        s = np.linalg.svd(scale * (b @ a), compute_uv=False)[: a.shape[0]]
    else:
        core = np.linalg.qr(b, mode="r") @ np.linalg.qr(a.T, mode="r").T
        s = np.linalg.svd(abs(scale) * core, compute_uv=False)
    total = s.sum()
    p = s[s > 0] / total if total > 0 else np.array([])
    return {
        "normA": float(np.linalg.norm(a)),
        "normB": float(np.linalg.norm(b)),
        "frobenius": float(np.sqrt((s * s).sum())),
        "spectral": float(s[0]),
        "stableRank": float((s * s).sum() / s[0] ** 2) if s[0] > 0 else 0.0,
        "effectiveRank": float(np.exp(-(p * np.log(p)).sum())) if total > 0 else 0.0,
        "singularValues": [float(x) for x in s],
    }


def modules_of(path):
    tensors, metadata = read_safetensors(path) if path.endswith(".safetensors") else read_torch(path)
    config = config_beside(path)
    found = {}
    for name, a in tensors.items():
        for pattern, first, second, layout in PAIRS:
            if not re.search(pattern, name):
                continue
            at = name.rindex(first)
            partner = name[:at] + second + name[at + len(first) :]
            if partner not in tensors:
                continue
            b, a2 = factors_of(a, tensors[partner], layout)
            scale = scale_of(name, layout, a2.shape[0], tensors, config, metadata)
            found[name] = (b, a2, scale)
            break
    return found


def change(before, after):
    (b1, a1, s1), (b2, a2, s2) = before, after
    if b1.shape[0] != b2.shape[0] or a1.shape[1] != a2.shape[1]:
        return None
    d1, d2 = s1 * (b1 @ a1), s2 * (b2 @ a2)
    n1, n2 = np.linalg.norm(d1), np.linalg.norm(d2)
    if n1 == 0 or n2 == 0:
        return None
    return {"cosine": float((d1 * d2).sum() / (n1 * n2)), "relativeChange": float(np.linalg.norm(d2 - d1) / n1)}


def step_of(path):
    digits = re.findall(r"\d+", os.path.basename(os.path.dirname(path)) + " " + os.path.basename(path))
    return int(digits[0]) if digits else 0


def main(folder):
    files, runs = {}, {}
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            if not re.search(r"\.safetensors$|^adapter_model\.bin$|^adapter_model\.pt$", name):
                continue
            try:
                modules = modules_of(path)
            except Exception:  # broken on purpose, or no adapter
                continue
            if not modules:
                continue
            files[os.path.relpath(path, folder)] = {
                key: {"rank": a.shape[0], "scale": scale, **numbers_of(b, a, scale)}
                for key, (b, a, scale) in modules.items()
            }
            if name == "adapter_model.safetensors" and re.search(r"\d+$", parent):
                runs.setdefault(os.path.dirname(parent), []).append(path)
    pairs = []
    for paths in runs.values():
        ordered = sorted(paths, key=step_of)
        for first, second in zip(ordered, ordered[1:]):
            before, after = modules_of(first), modules_of(second)
            changes = {key: change(before[key], after[key]) for key in before if key in after}
            changes = {key: value for key, value in changes.items() if value is not None}
            if changes:
                names = [os.path.relpath(path, folder) for path in (first, second)]
                pairs.append({"first": names[0], "second": names[1], "modules": changes})
    print(json.dumps({"files": files, "pairs": pairs}))


main(sys.argv[1])
