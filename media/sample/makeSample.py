#!/usr/bin/env python3
"""Make the sample run of Checkpoint Explorer by really training a small model.

A character-level language model of about 113 000 weights learns the docstrings of
Python's standard library, is then fully fine-tuned on the library's source code,
and the weight changes are carried through three stages:

    01-svd              rank-32 adapter: singular value decomposition of the change
    02-rank-reduction   the same, cut to rank 4
    03-fine-tuning      02 trained further as a LoRA adapter, with Trainer checkpoints

Both texts are read from the Python that runs this script; nothing is downloaded.
Needs numpy and PyTorch. Run with: python3 media/sample/makeSample.py
"""

from __future__ import annotations

import argparse
import ast
import copy
import dataclasses
import functools
import json
import math
import os
import platform
import random
import shutil
import struct
import sysconfig
import time
from pathlib import Path
from typing import Iterator, NamedTuple

# One thread, so that the number of cores cannot change the order of additions and with
# it the numbers. BLAS reads this when numpy loads it.
os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

SEED = 20240607
SEQUENCE_LENGTH = 128
SVD_RANK = 32
REDUCED_RANK = 4
HELD_OUT_SEQUENCES = 128

BASE_FOLDER = "base"
SVD_FOLDER = "01-svd"
REDUCED_FOLDER = "02-rank-reduction"
TUNED_FOLDER = "03-fine-tuning"

# A fixed list, because "every module found" would depend on how Python was packaged.
TRAINING_MODULES = (
    "_pydecimal", "_pyio", "argparse", "ast", "asyncio/base_events", "asyncio/events",
    "asyncio/tasks", "bdb", "calendar", "cmd", "codecs", "collections/__init__",
    "configparser", "contextlib", "copy", "csv", "ctypes/__init__", "datetime", "difflib",
    "dis", "doctest", "email/message", "enum", "fileinput", "ftplib", "functools",
    "gettext", "glob", "gzip", "heapq", "html/parser", "http/client", "http/cookiejar",
    "imaplib", "inspect", "ipaddress", "json/__init__", "json/decoder", "json/encoder",
    "logging/__init__", "logging/config", "logging/handlers", "mailbox",
    "multiprocessing/pool", "optparse", "os", "pathlib", "pdb", "pickle", "platform",
    "poplib", "pprint", "profile", "queue", "random", "sched", "shelve", "shlex", "shutil",
    "smtplib", "socket", "ssl", "string", "subprocess", "tarfile", "textwrap", "threading",
    "timeit", "tokenize", "trace", "traceback", "tracemalloc", "types", "typing",
    "unittest/case", "unittest/mock", "urllib/parse", "urllib/request", "uuid", "warnings",
    "weakref", "xml/dom/minidom", "xml/sax/handler", "xmlrpc/client",
)
HELD_OUT_MODULES = (
    "dataclasses", "fractions", "http/server", "socketserver", "statistics", "tempfile",
    "wave", "zipfile",
)


# --- Texts -------------------------------------------------------------------------

ALPHABET = "\n" + "".join(map(chr, range(32, 127)))
TOKEN_OF_CHARACTER = {character: token for token, character in enumerate(ALPHABET)}


class Corpus(NamedTuple):
    """One kind of text as tokens, split by module so that no text is in both parts."""

    training: Tensor
    held_out: Tensor


def read_module(module: str) -> str:
    return (Path(sysconfig.get_path("stdlib")) / f"{module}.py").read_text("utf-8")


def docstrings_of(source: str) -> str:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = (node for node in ast.walk(ast.parse(source)) if isinstance(node, documented))
    return "\n\n".join(filter(None, map(ast.get_docstring, nodes)))


def tokenize(text: str) -> Tensor:
    known = (TOKEN_OF_CHARACTER.get(character) for character in text.expandtabs(4))
    return torch.tensor([token for token in known if token is not None])


def read_corpora() -> tuple[Corpus, Corpus]:
    """The docstrings and the source code of the listed modules."""
    training = [read_module(module) for module in TRAINING_MODULES]
    held_out = [read_module(module) for module in HELD_OUT_MODULES]
    prose = Corpus(
        tokenize("\n\n".join(map(docstrings_of, training))),
        tokenize("\n\n".join(map(docstrings_of, held_out))),
    )
    code = Corpus(tokenize("\n".join(training)), tokenize("\n".join(held_out)))
    return prose, code


def spread_sequences(tokens: Tensor, count: int) -> Tensor:
    """`count` sequences at even distances, so that a few of them stand for all the text."""
    starts = torch.linspace(0, len(tokens) - SEQUENCE_LENGTH, count).long()
    return torch.stack([tokens[start : start + SEQUENCE_LENGTH] for start in starts])


def random_sequences(tokens: Tensor, count: int) -> Tensor:
    starts = torch.randint(len(tokens) - SEQUENCE_LENGTH + 1, (count,))
    return torch.stack([tokens[start : start + SEQUENCE_LENGTH] for start in starts])


# --- Model -------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class ModelShape:
    vocab_size: int = len(ALPHABET)
    hidden_size: int = 64
    intermediate_size: int = 192
    num_hidden_layers: int = 2
    num_attention_heads: int = 4
    rms_norm_eps: float = 1e-5
    rope_theta: float = 10000.0

    @property
    def head_size(self) -> int:
        return self.hidden_size // self.num_attention_heads


class RmsNorm(nn.Module):
    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(shape.hidden_size))
        self.epsilon = shape.rms_norm_eps

    def forward(self, hidden: Tensor) -> Tensor:
        mean_square = hidden.pow(2).mean(-1, keepdim=True)
        return self.weight * hidden * torch.rsqrt(mean_square + self.epsilon)


def rotate_by_position(heads: Tensor, theta: float) -> Tensor:
    """Rotary positions in Llama's half-split order; `heads` is [batch, head, time, size]."""
    time_steps, size = heads.shape[-2:]
    frequencies = theta ** (-torch.arange(0, size, 2) / size)
    angles = torch.arange(time_steps)[:, None] * frequencies
    first, second = heads.chunk(2, dim=-1)
    cosine, sine = angles.cos(), angles.sin()
    return torch.cat((first * cosine - second * sine, second * cosine + first * sine), -1)


class Attention(nn.Module):
    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.shape = shape
        size = shape.hidden_size
        self.q_proj = nn.Linear(size, size, bias=False)
        self.k_proj = nn.Linear(size, size, bias=False)
        self.v_proj = nn.Linear(size, size, bias=False)
        self.o_proj = nn.Linear(size, size, bias=False)

    def split_heads(self, projected: Tensor) -> Tensor:
        batch, time_steps, _ = projected.shape
        heads = projected.view(batch, time_steps, -1, self.shape.head_size)
        return heads.transpose(1, 2)

    def forward(self, hidden: Tensor) -> Tensor:
        query = rotate_by_position(self.split_heads(self.q_proj(hidden)), self.shape.rope_theta)
        key = rotate_by_position(self.split_heads(self.k_proj(hidden)), self.shape.rope_theta)
        value = self.split_heads(self.v_proj(hidden))
        scores = query @ key.transpose(-1, -2) / math.sqrt(self.shape.head_size)
        future = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
        weights = scores.masked_fill(future, -math.inf).softmax(-1)
        return self.o_proj((weights @ value).transpose(1, 2).flatten(2))


class FeedForward(nn.Module):
    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(shape.hidden_size, shape.intermediate_size, bias=False)
        self.up_proj = nn.Linear(shape.hidden_size, shape.intermediate_size, bias=False)
        self.down_proj = nn.Linear(shape.intermediate_size, shape.hidden_size, bias=False)

    def forward(self, hidden: Tensor) -> Tensor:
        return self.down_proj(functional.silu(self.gate_proj(hidden)) * self.up_proj(hidden))


class DecoderLayer(nn.Module):
    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.self_attn = Attention(shape)
        self.mlp = FeedForward(shape)
        self.input_layernorm = RmsNorm(shape)
        self.post_attention_layernorm = RmsNorm(shape)

    def forward(self, hidden: Tensor) -> Tensor:
        hidden = hidden + self.self_attn(self.input_layernorm(hidden))
        return hidden + self.mlp(self.post_attention_layernorm(hidden))


class Decoder(nn.Module):
    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(shape.vocab_size, shape.hidden_size)
        self.layers = nn.ModuleList(DecoderLayer(shape) for _ in range(shape.num_hidden_layers))
        self.norm = RmsNorm(shape)

    def forward(self, tokens: Tensor) -> Tensor:
        hidden = self.embed_tokens(tokens)
        for layer in self.layers:
            hidden = layer(hidden)
        return self.norm(hidden)


class LanguageModel(nn.Module):
    """Has the module names of LlamaForCausalLM, with the output tied to the embedding."""

    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.shape = shape
        self.model = Decoder(shape)
        for parameter in self.parameters():
            if parameter.dim() == 2:
                nn.init.normal_(parameter, std=0.05)

    def forward(self, tokens: Tensor) -> Tensor:
        return functional.linear(self.model(tokens), self.model.embed_tokens.weight)


def linear_modules(model: LanguageModel) -> dict[str, nn.Linear]:
    return {name: part for name, part in model.named_modules() if isinstance(part, nn.Linear)}


def next_token_loss(logits: Tensor, tokens: Tensor) -> Tensor:
    return functional.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten())


class Evaluation(NamedTuple):
    loss: float
    accuracy: float


@torch.no_grad()
def evaluate(model: nn.Module, sequences: Tensor, batch_size: int = 8) -> Evaluation:
    """Mean loss and next-character accuracy; all batches must have the same size."""
    losses, hits = [], []
    for batch in sequences.split(batch_size):
        logits = model(batch)
        losses.append(next_token_loss(logits, batch))
        hits.append((logits[:, :-1].argmax(-1) == batch[:, 1:]).float().mean())
    return Evaluation(torch.stack(losses).mean().item(), torch.stack(hits).mean().item())


# --- Training of all weights -------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class FullTraining:
    steps: int
    peak_learning_rate: float
    batch_size: int = 16
    warmup_steps: int = 50


BASE_TRAINING = FullTraining(steps=1800, peak_learning_rate=6e-3)
FULL_FINE_TUNING = FullTraining(steps=900, peak_learning_rate=2e-3)


def linear_schedule(step: int, *, warmup_steps: int, total_steps: int) -> float:
    if step < warmup_steps:
        return step / max(1, warmup_steps)
    return max(0.0, (total_steps - step) / max(1, total_steps - warmup_steps))


def make_scheduler(
    optimizer: torch.optim.Optimizer, warmup_steps: int, total_steps: int
) -> torch.optim.lr_scheduler.LambdaLR:
    # A partial, as in transformers: LambdaLR stores {} for it, but null for a function.
    schedule = functools.partial(
        linear_schedule, warmup_steps=warmup_steps, total_steps=total_steps
    )
    return torch.optim.lr_scheduler.LambdaLR(optimizer, schedule)


def train_all_weights(model: LanguageModel, tokens: Tensor, settings: FullTraining) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), settings.peak_learning_rate)
    scheduler = make_scheduler(optimizer, settings.warmup_steps, settings.steps)
    for _ in range(settings.steps):
        batch = random_sequences(tokens, settings.batch_size)
        optimizer.zero_grad()
        next_token_loss(model(batch), batch).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()


@torch.no_grad()
def round_to_stored_precision(model: LanguageModel) -> None:
    """The base is stored in bfloat16, so everything after it must start from those values."""
    for parameter in model.parameters():
        parameter.copy_(parameter.bfloat16())


def weight_changes(base: LanguageModel, tuned: LanguageModel) -> dict[str, np.ndarray]:
    tuned_modules = linear_modules(tuned)
    return {
        name: (tuned_modules[name].weight.double() - module.weight.double()).detach().numpy()
        for name, module in linear_modules(base).items()
    }


# --- Adapters ----------------------------------------------------------------------


class Factors(NamedTuple):
    """One module's update is scale * b @ a, with a [rank, in] and b [out, rank]."""

    a: np.ndarray
    b: np.ndarray


@dataclasses.dataclass(frozen=True)
class Adapter:
    rank: int
    alpha: int
    modules: dict[str, Factors]

    @property
    def scale(self) -> float:
        return self.alpha / self.rank


def truncated_factors(change: np.ndarray, rank: int) -> Factors:
    """The best approximation of that rank, with the square root of S on either side."""
    u, s, vt = np.linalg.svd(change, full_matrices=False)
    root = np.sqrt(s[:rank])
    a = root[:, None] * vt[:rank]
    b = u[:, :rank] * root
    return Factors(a.astype(np.float32), b.astype(np.float32))


def svd_adapter(changes: dict[str, np.ndarray], rank: int) -> Adapter:
    modules = {name: truncated_factors(change, rank) for name, change in changes.items()}
    return Adapter(rank, rank, modules)


def kept_energies(changes: dict[str, np.ndarray], rank: int) -> dict[str, float]:
    """Per module, and for all together, the share of the squared Frobenius norm kept."""
    squares = {
        name: np.linalg.svd(change, compute_uv=False) ** 2 for name, change in changes.items()
    }
    energies = {name: float(s[:rank].sum() / s.sum()) for name, s in squares.items()}
    kept = sum(s[:rank].sum() for s in squares.values())
    energies["all"] = float(kept / sum(s.sum() for s in squares.values()))
    return energies


class LoraLinear(nn.Module):
    def __init__(self, frozen: nn.Linear, factors: Factors, scale: float) -> None:
        super().__init__()
        self.frozen = frozen.requires_grad_(False)
        self.lora_A = nn.Parameter(torch.from_numpy(factors.a.copy()))
        self.lora_B = nn.Parameter(torch.from_numpy(factors.b.copy()))
        self.scale = scale

    def forward(self, hidden: Tensor) -> Tensor:
        update = functional.linear(functional.linear(hidden, self.lora_A), self.lora_B)
        return self.frozen(hidden) + self.scale * update


def with_adapter(base: LanguageModel, adapter: Adapter) -> LanguageModel:
    """A copy of the base in which only the adapter's factors are trainable."""
    model = copy.deepcopy(base).requires_grad_(False)
    for name, module in linear_modules(model).items():
        parent, _, child = name.rpartition(".")
        lora = LoraLinear(module, adapter.modules[name], adapter.scale)
        setattr(model.get_submodule(parent), child, lora)
    return model


def adapter_of(model: LanguageModel, alpha: int) -> Adapter:
    modules = {
        name: Factors(part.lora_A.detach().numpy().copy(), part.lora_B.detach().numpy().copy())
        for name, part in model.named_modules()
        if isinstance(part, LoraLinear)
    }
    rank = next(iter(modules.values())).a.shape[0]
    return Adapter(rank, alpha, modules)


# --- Files -------------------------------------------------------------------------

SAFETENSORS_TYPES = {torch.float32: "F32", torch.bfloat16: "BF16"}


def write_safetensors(path: Path, tensors: dict[str, Tensor], **labels: str) -> None:
    header: dict[str, object] = {"__metadata__": {"format": "pt", **labels}}
    chunks: list[bytes] = []
    offset = 0
    for name, tensor in sorted(tensors.items()):
        data = tensor.detach().contiguous().flatten().view(torch.uint8).numpy().tobytes()
        header[name] = {
            "dtype": SAFETENSORS_TYPES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [offset, offset + len(data)],
        }
        chunks.append(data)
        offset += len(data)
    encoded = json.dumps(header, separators=(",", ":")).encode()
    encoded += b" " * (-len(encoded) % 8)
    path.write_bytes(struct.pack("<Q", len(encoded)) + encoded + b"".join(chunks))


def write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", "utf-8")


def write_base(folder: Path, base: LanguageModel) -> None:
    folder.mkdir()
    stored = {name: tensor.bfloat16() for name, tensor in base.state_dict().items()}
    write_safetensors(folder / "model.safetensors", stored)
    shape = base.shape
    config = {
        "architectures": ["LlamaForCausalLM"],
        "attention_bias": False,
        "head_dim": shape.head_size,
        "hidden_act": "silu",
        "max_position_embeddings": SEQUENCE_LENGTH,
        "mlp_bias": False,
        "model_type": "llama",
        "num_key_value_heads": shape.num_attention_heads,
        "tie_word_embeddings": True,
        "torch_dtype": "bfloat16",
        **dataclasses.asdict(shape),
    }
    write_json(folder / "config.json", config)


def adapter_config(adapter: Adapter) -> dict[str, object]:
    """What PEFT 0.13 writes for a LoraConfig with these settings."""
    return {
        "alpha_pattern": {},
        "auto_mapping": None,
        "base_model_name_or_path": BASE_FOLDER,
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "init_lora_weights": True,
        "layer_replication": None,
        "layers_pattern": None,
        "layers_to_transform": None,
        "loftq_config": {},
        "lora_alpha": adapter.alpha,
        "lora_dropout": 0.0,
        "megatron_config": None,
        "megatron_core": "megatron.core",
        "modules_to_save": None,
        "peft_type": "LORA",
        "r": adapter.rank,
        "rank_pattern": {},
        "revision": None,
        "target_modules": sorted({name.rpartition(".")[2] for name in adapter.modules}),
        "task_type": "CAUSAL_LM",
        "use_dora": False,
        "use_rslora": False,
    }


def write_adapter(folder: Path, adapter: Adapter, **labels: str) -> None:
    folder.mkdir(parents=True)
    tensors = {}
    for name, factors in adapter.modules.items():
        tensors[f"base_model.model.{name}.lora_A.weight"] = torch.from_numpy(factors.a)
        tensors[f"base_model.model.{name}.lora_B.weight"] = torch.from_numpy(factors.b)
    write_safetensors(folder / "adapter_model.safetensors", tensors, **labels)
    write_json(folder / "adapter_config.json", adapter_config(adapter))


# --- Training of the adapter -------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class AdapterTraining:
    max_steps: int = 240
    peak_learning_rate: float = 2e-3
    weight_decay: float = 0.01
    warmup_steps: int = 20
    max_grad_norm: float = 1.0
    batch_size: int = 8
    training_sequences: int = 160
    logging_steps: int = 5
    eval_steps: int = 20
    save_steps: int = 60


@dataclasses.dataclass
class TrainerState:
    """The fields of transformers.TrainerState, which trainer_state.json is a dump of."""

    eval_steps: int
    logging_steps: int
    max_steps: int
    num_train_epochs: int
    save_steps: int
    train_batch_size: int
    best_global_step: int | None = None
    best_metric: float | None = None
    best_model_checkpoint: str | None = None
    epoch: float = 0
    global_step: int = 0
    is_hyper_param_search: bool = False
    is_local_process_zero: bool = True
    is_world_process_zero: bool = True
    log_history: list[dict[str, float]] = dataclasses.field(default_factory=list)
    num_input_tokens_seen: int = 0
    stateful_callbacks: dict[str, object] = dataclasses.field(default_factory=dict)
    total_flos: float = 0.0
    trial_name: str | None = None
    trial_params: dict[str, object] | None = None


def trainer_control(*, should_training_stop: bool) -> dict[str, object]:
    """The Trainer's own callback, as it stands at the moment a checkpoint is saved."""
    return {
        "args": {
            "should_epoch_stop": False,
            "should_evaluate": False,
            "should_log": False,
            "should_save": True,
            "should_training_stop": should_training_stop,
        },
        "attributes": {},
    }


class AdapterTrainer:
    """Trains an adapter and writes what the Hugging Face Trainer would write for it.

    That includes its conventions: `loss` is the mean since the last log, rounded to four
    digits; `grad_norm` is the last step's, before clipping; `learning_rate` is the one
    the next step will use.
    """

    def __init__(
        self,
        base: LanguageModel,
        start: Adapter,
        corpus_sequences: tuple[Tensor, Tensor],
        settings: AdapterTraining,
        output: Path,
    ) -> None:
        self.model = with_adapter(base, start)
        self.alpha = start.alpha
        self.training, self.held_out = corpus_sequences
        self.settings = settings
        self.output = output
        self.saved: dict[str, Adapter] = {}
        self.window_losses: list[float] = []
        # The Trainer always makes two groups. The second, for biases and norms, is empty
        # here because a LoRA adapter trains neither.
        factors = [part for part in self.model.parameters() if part.requires_grad]
        groups = [
            {"params": factors, "weight_decay": settings.weight_decay},
            {"params": [], "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=settings.peak_learning_rate)
        self.scheduler = make_scheduler(
            self.optimizer, settings.warmup_steps, settings.max_steps
        )
        self.steps_per_epoch = math.ceil(len(self.training) / settings.batch_size)
        self.state = TrainerState(
            eval_steps=settings.eval_steps,
            logging_steps=settings.logging_steps,
            max_steps=settings.max_steps,
            num_train_epochs=math.ceil(settings.max_steps / self.steps_per_epoch),
            save_steps=settings.save_steps,
            train_batch_size=settings.batch_size,
        )

    def train(self) -> None:
        self.evaluate()
        for batch in self.batches():
            gradient_norm = self.optimize(batch)
            state, settings = self.state, self.settings
            state.global_step += 1
            state.epoch = state.global_step / self.steps_per_epoch
            if state.global_step % settings.logging_steps == 0:
                self.log_training(gradient_norm)
            if state.global_step % settings.eval_steps == 0:
                self.note_if_best(self.evaluate())
            if state.global_step % settings.save_steps == 0:
                self.save_checkpoint()

    def batches(self) -> Iterator[Tensor]:
        remaining = self.settings.max_steps
        while remaining > 0:
            shuffled = self.training[torch.randperm(len(self.training))]
            batches = shuffled.split(self.settings.batch_size)[:remaining]
            yield from batches
            remaining -= len(batches)

    def optimize(self, batch: Tensor) -> float:
        self.optimizer.zero_grad()
        loss = next_token_loss(self.model(batch), batch)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.max_grad_norm)
        self.optimizer.step()
        self.scheduler.step()
        self.window_losses.append(loss.item())
        self.state.total_flos += self.floating_point_operations(batch)
        return norm.item()

    def floating_point_operations(self, batch: Tensor) -> float:
        """The Trainer's estimate: six for every token and weight outside the embedding."""
        weights = sum(part.numel() for part in self.model.parameters())
        embedding = self.model.model.embed_tokens.weight.numel()
        return float(6 * batch.numel() * (weights - embedding))

    def log(self, entry: dict[str, float]) -> None:
        position = {"epoch": self.state.epoch, "step": self.state.global_step}
        self.state.log_history.append({**entry, **position})

    def log_training(self, gradient_norm: float) -> None:
        mean_loss = sum(self.window_losses) / len(self.window_losses)
        self.window_losses.clear()
        self.log(
            {
                "loss": round(mean_loss, 4),
                "grad_norm": gradient_norm,
                "learning_rate": self.scheduler.get_last_lr()[0],
            }
        )

    def evaluate(self) -> float:
        started = time.perf_counter()
        result = evaluate(self.model, self.held_out, self.settings.batch_size)
        seconds = time.perf_counter() - started
        batches = math.ceil(len(self.held_out) / self.settings.batch_size)
        self.log(
            {
                "eval_accuracy": result.accuracy,
                "eval_loss": result.loss,
                "eval_runtime": round(seconds, 4),
                "eval_samples_per_second": round(len(self.held_out) / seconds, 3),
                "eval_steps_per_second": round(batches / seconds, 3),
            }
        )
        return result.loss

    def note_if_best(self, loss: float) -> None:
        if self.state.best_metric is None or loss < self.state.best_metric:
            self.state.best_metric = loss
            self.state.best_global_step = self.state.global_step

    def save_checkpoint(self) -> None:
        state = self.state
        folder = self.output / f"checkpoint-{state.global_step}"
        adapter = adapter_of(self.model, self.alpha)
        write_adapter(folder, adapter)
        self.saved[f"{self.output.name}/{folder.name}"] = adapter
        best = self.output / f"checkpoint-{state.best_global_step}"
        # As in the Trainer: a best step at which nothing was saved cannot be pointed to.
        if best.exists():
            state.best_model_checkpoint = f"{self.output.name}/{best.name}"
        torch.save(self.optimizer.state_dict(), folder / "optimizer.pt")
        torch.save(self.scheduler.state_dict(), folder / "scheduler.pt")
        torch.save(random_states(), folder / "rng_state.pth")
        finished = state.global_step >= state.max_steps
        state.stateful_callbacks["TrainerControl"] = trainer_control(
            should_training_stop=finished
        )
        write_json(folder / "trainer_state.json", dataclasses.asdict(state))


def random_states() -> dict[str, object]:
    return {
        "python": random.getstate(),
        "numpy": np.random.get_state(),
        "cpu": torch.random.get_rng_state(),
    }


def seed_everything() -> None:
    random.seed(SEED)
    np.random.seed(SEED)
    torch.manual_seed(SEED)


# --- Reference for tests -----------------------------------------------------------


def update_of(factors: Factors, scale: float) -> np.ndarray:
    return scale * (factors.b.astype(np.float64) @ factors.a.astype(np.float64))


def module_measures(adapter: Adapter, factors: Factors) -> dict[str, object]:
    update = update_of(factors, adapter.scale)
    # Past the rank there is only rounding noise.
    sigma = np.linalg.svd(update, compute_uv=False)[: adapter.rank]
    shares = sigma / sigma.sum()
    frobenius = float(np.linalg.norm(update))
    return {
        "rank": adapter.rank,
        "alpha": adapter.alpha,
        "scale": adapter.scale,
        "normA": float(np.linalg.norm(factors.a.astype(np.float64))),
        "normB": float(np.linalg.norm(factors.b.astype(np.float64))),
        "frobenius": frobenius,
        "spectral": float(sigma[0]),
        "nuclear": float(sigma.sum()),
        "stableRank": float(frobenius**2 / sigma[0] ** 2),
        "effectiveRank": float(np.exp(-(shares * np.log(shares)).sum())),
        "singularValues": sigma.tolist(),
    }


def pair_measures(before: Adapter, after: Adapter, module: str) -> dict[str, float]:
    first = update_of(before.modules[module], before.scale)
    second = update_of(after.modules[module], after.scale)
    first_norm, second_norm = np.linalg.norm(first), np.linalg.norm(second)
    return {
        "cosine": float((first * second).sum() / (first_norm * second_norm)),
        "relativeChange": float(np.linalg.norm(second - first) / first_norm),
    }


def reference(stages: dict[str, Adapter], checkpoints: list[str]) -> dict[str, object]:
    """What the extension should compute, from dense float64 decompositions."""
    first, last = checkpoints[0], checkpoints[-1]
    pairs = [(SVD_FOLDER, REDUCED_FOLDER), (REDUCED_FOLDER, last), (first, last)]
    return {
        "stages": {
            folder: {
                module: module_measures(adapter, factors)
                for module, factors in adapter.modules.items()
            }
            for folder, adapter in stages.items()
        },
        "pairs": [
            {
                "before": before,
                "after": after,
                "modules": {
                    module: pair_measures(stages[before], stages[after], module)
                    for module in stages[before].modules
                },
            }
            for before, after in pairs
        ],
    }


# --- README ------------------------------------------------------------------------

README = """\
# The sample run

A small but real training run to look at in Checkpoint Explorer. The model is a
character-level, Llama-like language model with {weights:,} weights, {modules} linear modules
among them. It learned the docstrings of Python's standard library and was then fully
fine-tuned on the library's source code. The stages below carry that change of the weights.

| Folder | What it is | Stage label |
| --- | --- | --- |
| `base/` | The model after the docstrings, in bfloat16. | none |
| `01-svd/` | Rank-{svd_rank} LoRA adapter: a singular value decomposition of fine-tuned minus base, per linear module. | `checkpoint-stage.json` |
| `02-rank-reduction/` | The same change cut to rank {reduced_rank}. | `__metadata__` of its safetensors file |
| `03-fine-tuning/` | 02 trained further as a LoRA adapter on a little source code, with checkpoints as the Hugging Face Trainer writes them. | only the folder's name |

## The numbers

Loss and next-character accuracy on {held_out} sequences of source code from modules that no
training saw:

| Model | Loss | Accuracy |
| --- | ---: | ---: |
{evaluations}

The fully fine-tuned model is not stored. It also changed its embedding and norms, which
the adapters do not carry; with only its linear modules the loss is {linear_loss:.4f}.

Of the squared Frobenius norm of the change, `01-svd` keeps {svd_energy}
and `02-rank-reduction` {reduced_energy}.

In `03-fine-tuning` the training loss, averaged over an epoch, falls from {first_loss:.4f} to
{last_loss:.4f}. The evaluation loss is lowest at step {best_step}, with {best_loss:.4f}, and
{final_loss:.4f} at the end.

## Making it again

    python3 media/sample/makeSample.py

The script needs numpy and PyTorch and downloads nothing: the texts come from the Python
that runs it. It takes a few minutes, and much longer where PyTorch has no optimized BLAS.
These files were made with Python {python} and PyTorch {torch}; other versions give
slightly different numbers, and the evaluation times in `trainer_state.json` differ with
every run. With `--reference PATH` it also writes the values that the extension's tests
expect for these files.
"""


@dataclasses.dataclass(frozen=True)
class Run:
    base: LanguageModel
    tuned: LanguageModel
    changes: dict[str, np.ndarray]
    decomposed: Adapter
    reduced: Adapter
    trainer: AdapterTrainer

    def evaluate(self, adapter: Adapter) -> Evaluation:
        return evaluate(with_adapter(self.base, adapter), self.trainer.held_out)


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def energy_text(energies: dict[str, float]) -> str:
    modules = [energy for name, energy in energies.items() if name != "all"]
    span = f"{percent(min(modules))} to {percent(max(modules))} per module"
    return f"{percent(energies['all'])} ({span})"


def evaluation_table(run: Run) -> str:
    held_out = run.trainer.held_out
    results = {
        "`base`": evaluate(run.base, held_out),
        "Fully fine-tuned": evaluate(run.tuned, held_out),
        f"`{SVD_FOLDER}`": run.evaluate(run.decomposed),
        f"`{REDUCED_FOLDER}`": run.evaluate(run.reduced),
    }
    for folder, adapter in run.trainer.saved.items():
        results[f"`{folder}`"] = run.evaluate(adapter)
    return "\n".join(
        f"| {label} | {result.loss:.4f} | {percent(result.accuracy)} |"
        for label, result in results.items()
    )


def readme_text(run: Run) -> str:
    trainer = run.trainer
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    logs_per_epoch = trainer.steps_per_epoch // trainer.settings.logging_steps
    whole_change = svd_adapter(run.changes, run.base.shape.hidden_size)
    last_adapter = list(trainer.saved.values())[-1]
    return README.format(
        weights=sum(parameter.numel() for parameter in run.base.parameters()),
        modules=len(run.changes),
        svd_rank=SVD_RANK,
        reduced_rank=REDUCED_RANK,
        held_out=len(trainer.held_out),
        evaluations=evaluation_table(run),
        linear_loss=run.evaluate(whole_change).loss,
        svd_energy=energy_text(kept_energies(run.changes, SVD_RANK)),
        reduced_energy=energy_text(kept_energies(run.changes, REDUCED_RANK)),
        first_loss=np.mean(losses[:logs_per_epoch]),
        last_loss=np.mean(losses[-logs_per_epoch:]),
        best_step=trainer.state.best_global_step,
        best_loss=trainer.state.best_metric,
        final_loss=run.evaluate(last_adapter).loss,
        python=platform.python_version(),
        torch=torch.__version__,
    )


# --- Putting it together -----------------------------------------------------------


def train_models(prose: Corpus, code: Corpus) -> tuple[LanguageModel, LanguageModel]:
    base = LanguageModel(ModelShape())
    print("Training the base on docstrings ...", flush=True)
    train_all_weights(base, prose.training, BASE_TRAINING)
    round_to_stored_precision(base)
    tuned = copy.deepcopy(base)
    print("Fine-tuning all weights on source code ...", flush=True)
    train_all_weights(tuned, code.training, FULL_FINE_TUNING)
    return base, tuned


def write_svd_stage(folder: Path, adapter: Adapter, energies: dict[str, float]) -> None:
    write_adapter(folder, adapter)
    note = (
        f"Rank {adapter.rank} keeps {energy_text(energies)} of the squared Frobenius norm"
        " of fine-tuned minus base weights."
    )
    write_json(
        folder / "checkpoint-stage.json",
        {"stage": "svd", "note": note, "createdBy": Path(__file__).name},
    )


def train_adapter(
    base: LanguageModel, start: Adapter, code: Corpus, folder: Path
) -> AdapterTrainer:
    print("Training the adapter ...", flush=True)
    # Anew, as the Trainer does: what came before must not decide the order of the batches.
    seed_everything()
    settings = AdapterTraining()
    sequences = (
        spread_sequences(code.training, settings.training_sequences),
        spread_sequences(code.held_out, HELD_OUT_SEQUENCES),
    )
    trainer = AdapterTrainer(base, start, sequences, settings, folder)
    trainer.train()
    return trainer


def make_sample(output: Path) -> Run:
    for folder in (BASE_FOLDER, SVD_FOLDER, REDUCED_FOLDER, TUNED_FOLDER):
        shutil.rmtree(output / folder, ignore_errors=True)
    prose, code = read_corpora()
    base, tuned = train_models(prose, code)
    write_base(output / BASE_FOLDER, base)
    changes = weight_changes(base, tuned)
    decomposed = svd_adapter(changes, SVD_RANK)
    write_svd_stage(output / SVD_FOLDER, decomposed, kept_energies(changes, SVD_RANK))
    reduced = svd_adapter(changes, REDUCED_RANK)
    write_adapter(output / REDUCED_FOLDER, reduced, stage="rank-reduction")
    trainer = train_adapter(base, reduced, code, output / TUNED_FOLDER)
    run = Run(base, tuned, changes, decomposed, reduced, trainer)
    (output / "README.md").write_text(readme_text(run), "utf-8")
    return run


def print_sizes(output: Path) -> None:
    total = 0
    for path in sorted(path for path in output.rglob("*") if path.is_file()):
        size = path.stat().st_size
        total += size
        print(f"{size:>9,}  {path.relative_to(output)}")
    print(f"{total:>9,}  in all")


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the sample run of Checkpoint Explorer.")
    parser.add_argument(
        "--reference", type=Path, metavar="PATH", help="also write the tests' expected values"
    )
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    seed_everything()
    output = Path(__file__).resolve().parent
    run = make_sample(output)
    print_sizes(output)
    if arguments.reference is not None:
        adapters = {SVD_FOLDER: run.decomposed, REDUCED_FOLDER: run.reduced, **run.trainer.saved}
        write_json(arguments.reference, reference(adapters, list(run.trainer.saved)))


if __name__ == "__main__":
    main()
