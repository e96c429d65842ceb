"""The same training as trainTiny.ts with torch: AdamW, torch.save, and files in the layout of the Trainer.

Takes the same options and prints the same lines. Event files are written by hand, since tensorboard may not be there.
"""

import argparse
import json
import os
import pathlib
import re
import struct
import time

import torch

parser = argparse.ArgumentParser()
parser.add_argument("--output", type=pathlib.Path, required=True)
parser.add_argument("--steps", type=int, default=200)
parser.add_argument("--log-every", type=int, default=5)
parser.add_argument("--save-every", type=int, default=40)
parser.add_argument("--step-ms", type=int, default=0)
parser.add_argument("--hold-in-save", type=int)
parser.add_argument("--resume", action="store_true")
options = parser.parse_args()
output = options.output

torch.set_num_threads(1)
torch.manual_seed(1)
text = (
    "a checkpoint is a snapshot of a model at a moment of training. it holds parameters, the state of the optimizer "
    "and the progress. people save one every few steps, so that a failure loses little. "
)
alphabet = sorted(set(text))
codes = torch.tensor([alphabet.index(character) for character in text])
context = 4


class Tiny(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embed_tokens = torch.nn.Embedding(len(alphabet), 6)
        self.up_proj = torch.nn.Linear(context * 6, 24, bias=False)
        self.lm_head = torch.nn.Linear(24, len(alphabet), bias=False)

    def forward(self, tokens):
        return self.lm_head(torch.tanh(self.up_proj(self.embed_tokens(tokens).flatten(1))))


model = Tiny()
optimizer = torch.optim.AdamW(model.parameters(), lr=0.02)
scheduler = torch.optim.lr_scheduler.LambdaLR(
    optimizer, lambda step: min(1.0, (step + 1) / 10, max(0.0, (options.steps - step) / options.steps))
)
windows = codes.unfold(0, context + 1, 1)
trained, held_out = windows[: int(len(windows) * 0.8)], windows[int(len(windows) * 0.8) :]


def loss_of(rows):
    return torch.nn.functional.cross_entropy(model(rows[:, :-1]), rows[:, -1])


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0x82F63B78 if crc & 1 else crc >> 1
    return crc ^ 0xFFFFFFFF


def masked(data):
    crc = crc32c(data)
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number, kind, payload):
    return varint(number << 3 | kind) + payload


def chunk(number, payload):
    return field(number, 2, varint(len(payload)) + payload)


def record(data):
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", masked(length)) + data + struct.pack("<I", masked(data))


class EventFile:
    def __init__(self):
        starts = len(list((output / "runs").iterdir())) if (output / "runs").exists() else 0
        folder = output / "runs" / f"Nov05_00-00-0{starts}_host"
        folder.mkdir(parents=True)
        self.path = folder / f"events.out.tfevents.{int(time.time())}.host.{os.getpid()}.0"
        self.append(field(1, 1, struct.pack("<d", time.time())) + chunk(3, b"brain.Event:2"))

    def append(self, data):
        with open(self.path, "ab") as file:
            file.write(record(data))

    def write(self, step, metrics):
        for tag, value in metrics.items():
            entry = chunk(1, tag.encode()) + field(2, 5, struct.pack("<f", value))
            head = field(1, 1, struct.pack("<d", time.time())) + field(2, 0, varint(step))
            self.append(head + chunk(5, chunk(1, entry)))


def safetensors_bytes(tensors):
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, tensor in tensors.items():
        raw = tensor.detach().contiguous().numpy().tobytes()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    encoded = json.dumps(header).encode()
    return struct.pack("<Q", len(encoded)) + encoded + data


def read_safetensors(path):
    data = path.read_bytes()
    start = 8 + struct.unpack("<Q", data[:8])[0]
    tensors = {}
    for name, entry in json.loads(data[8:start]).items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        flat = torch.frombuffer(bytearray(data[start + begin : start + end]), dtype=torch.float32)
        tensors[name] = flat.reshape(entry["shape"])
    return tensors


log, best = [], None


def save(step):
    folder = output / f"checkpoint-{step}"
    print(f"saving {step}", flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "tiny"}))
    weights = safetensors_bytes(model.state_dict())
    path = folder / "model.safetensors"
    path.write_bytes(weights[: len(weights) // 2])
    if step == options.hold_in_save:
        print(f"holding in the middle of {path}", flush=True)
        time.sleep(3600)
    time.sleep(options.step_ms / 1000)
    with open(path, "ab") as file:
        file.write(weights[len(weights) // 2 :])
    torch.save(optimizer.state_dict(), folder / "optimizer.pt")
    torch.save(scheduler.state_dict(), folder / "scheduler.pt")
    torch.save({"cpu": torch.get_rng_state()}, folder / "rng_state.pth")
    state = {
        "best_metric": best and best["loss"],
        "best_model_checkpoint": best and str(output / f"checkpoint-{best['step']}"),
        "epoch": step / 50,
        "eval_steps": options.save_every,
        "global_step": step,
        "log_history": log,
        "logging_steps": options.log_every,
        "max_steps": options.steps,
        "num_train_epochs": -(-options.steps // 50),
        "save_steps": options.save_every,
        "total_flos": step * 1e6,
        "train_batch_size": 32,
    }
    (folder / "trainer_state.json").write_text(json.dumps(state, indent=2) + "\n")
    print(f"saved {step}", flush=True)


def resume():
    global log, best
    found = [re.fullmatch(r"checkpoint-(\d+)", entry.name) for entry in output.iterdir()]
    whole = [int(match[1]) for match in found if match and (output / match[0] / "trainer_state.json").exists()]
    step = max(whole)
    folder = output / f"checkpoint-{step}"
    state = json.loads((folder / "trainer_state.json").read_text())
    log = state["log_history"]
    if state["best_metric"] is not None:
        best = {"loss": state["best_metric"], "step": int(state["best_model_checkpoint"].rsplit("-", 1)[1])}
    model.load_state_dict(read_safetensors(folder / "model.safetensors"))
    optimizer.load_state_dict(torch.load(folder / "optimizer.pt"))
    scheduler.load_state_dict(torch.load(folder / "scheduler.pt"))
    print(f"resumed from {step}", flush=True)
    return step


output.mkdir(parents=True, exist_ok=True)
first = resume() + 1 if options.resume else 1
torch.manual_seed(first)
events = EventFile()
total, count = 0.0, 0
for step in range(first, options.steps + 1):
    batch = trained[torch.randint(len(trained), (32,))]
    optimizer.zero_grad()
    loss = loss_of(batch)
    loss.backward()
    norm = float(torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0))
    rate = optimizer.param_groups[0]["lr"]
    optimizer.step()
    scheduler.step()
    total, count = total + float(loss), count + 1
    if step % options.log_every == 0:
        mean = struct.unpack("<f", struct.pack("<f", total / count))[0]
        total, count = 0.0, 0
        log.append({"epoch": step / 50, "grad_norm": norm, "learning_rate": rate, "loss": mean, "step": step})
        metrics = {"loss": mean, "grad_norm": norm, "learning_rate": rate, "epoch": step / 50}
        events.write(step, {f"train/{name}": value for name, value in metrics.items()})
        print(f"loss {step} {mean!r}", flush=True)
    if step % options.save_every == 0:
        with torch.no_grad():
            eval_loss = struct.unpack("<f", struct.pack("<f", float(loss_of(held_out))))[0]
        if best is None or eval_loss < best["loss"]:
            best = {"step": step, "loss": eval_loss}
        log.append({"epoch": step / 50, "eval_loss": eval_loss, "step": step})
        events.write(step, {"eval/loss": eval_loss})
        print(f"eval_loss {step} {eval_loss!r}", flush=True)
        save(step)
    time.sleep(options.step_ms / 1000)
print("done", flush=True)
