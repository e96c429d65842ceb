import { expect } from "vitest";
import { safetensorsFile } from "../../support/made/safetensorsFile";
import { zipFile } from "../../support/made/zipFile";
import { MemoryFiles } from "../../support/memoryFiles";
import { dict, floatBytes, floats, torchArchive } from "../formats/torch/torchPickle";
import type { FormatRow } from "./formatRow";
import {
  f32,
  fixture,
  fixtureJson,
  holds,
  oneFile,
  open,
  readsByRange,
  sha256,
  type WantedTensor,
} from "./proof";

const spec = (name: string, shape: readonly number[]) => ({ name, dtype: "F32" as const, shape });
const safetensors = (name: string, ...values: readonly number[]) =>
  safetensorsFile({ tensors: [spec(name, [values.length])], data: f32(...values) });
const wanted = (...values: readonly number[]): WantedTensor => ({
  dtype: "F32",
  shape: [values.length],
  sha256: sha256(f32(...values)),
});

const single = () => new MemoryFiles({ "/f/m.safetensors": safetensors("w", 1, -2, 3) });
const shards = () =>
  new MemoryFiles({
    "/f/model-00001-of-00002.safetensors": safetensors("a", 1, 2),
    "/f/model-00002-of-00002.safetensors": safetensors("b", 3, 4),
    "/f/model.safetensors.index.json": JSON.stringify({
      metadata: { total_size: 16 },
      weight_map: { a: "model-00001-of-00002.safetensors", b: "model-00002-of-00002.safetensors" },
    }),
  });

export const safetensorsRow: FormatRow = {
  alike: [[single, "/f/m.safetensors"]],
  proofs: {
    format: { safetensors: () => holds(single(), "/f/m.safetensors", { w: wanted(1, -2, 3) }) },
    read: { "by range": () => readsByRange(single(), "/f/m.safetensors") },
    joined: {
      shards: () => holds(shards(), "/f/model.safetensors.index.json", { a: wanted(1, 2), b: wanted(3, 4) }),
    },
    not: {},
  },
};

type TorchTensor = WantedTensor & { readonly strides?: unknown };
const written =
  fixtureJson<Readonly<Record<string, Readonly<Record<string, TorchTensor>>>>>("torch/expected.json");

/** The values that torch reads of files of these names. */
async function holdsTorch(pattern: RegExp): Promise<void> {
  const names = Object.keys(written).filter((name) => pattern.test(name));
  expect(names.length).toBeGreaterThan(0);
  for (const name of names) {
    const tensors = Object.entries(written[name] ?? {});
    const plain = tensors.map(([key, { dtype, shape, sha256: hash }]) => [
      key,
      { dtype, shape, sha256: hash },
    ]);
    await holds(oneFile(`torch/${name}`), `/f/${name}`, Object.fromEntries(plain));
  }
}

/** As `torch.export.save` of torch 2.13 lays out a program with one weight. */
function exported(): MemoryFiles {
  const text = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  const int = (value: number) => ({ as_int: value });
  const meta = {
    dtype: 7,
    sizes: [int(3)],
    strides: [int(1)],
    storage_offset: int(0),
    requires_grad: true,
    layout: 7,
  };
  const config = {
    "fc.bias": { path_name: "weight_0", is_param: true, use_pickle: false, tensor_meta: meta },
  };
  const members = {
    "data/weights/weight_0": floatBytes(1, 2, 3),
    "data/weights/model_weights_config.json": text({ config }),
    "data/constants/model_constants_config.json": text({ config: {} }),
    "models/model.json": text({}),
    archive_format: new TextEncoder().encode("pt2"),
    archive_version: new TextEncoder().encode("0"),
    byteorder: new TextEncoder().encode("little"),
  };
  const entries = Object.entries(members).map(([name, data]) => ({ name: `m/${name}`, data, padding: 23 }));
  return new MemoryFiles({ "/f/m.pt2": zipFile(entries) });
}

async function agentIsRead(): Promise<void> {
  const { "ppo_cartpole.zip": ppo } =
    fixtureJson<Readonly<Record<string, { parameters: number }>>>("ordinary/expected.json");
  const { checkpoint, ...session } = await openAgent();
  expect(session.parameterCount).toBe(ppo?.parameters);
  expect(checkpoint.tensors.length).toBeGreaterThan(0);
}

async function openAgent() {
  const session = await open(oneFile("ordinary/ppo_cartpole.zip"), "/f/ppo_cartpole.zip");
  return { checkpoint: session.checkpoint, parameterCount: session.summary().parameterCount };
}

async function optimizerHasNames(): Promise<void> {
  const session = await open(oneFile("torch/training.pt"), "/f/training.pt");
  const [optimizer] = session.inside?.optimizers ?? [];
  const names = Object.keys(written["training.pt"] ?? {}).filter((name) => name.startsWith("model.fc1"));
  const found = optimizer?.parameters.map(({ name }) => name) ?? [];
  expect(names.length).toBeGreaterThan(0);
  for (const name of names) expect(found).toContain(name.slice("model.".length));
}

const archive = () =>
  new MemoryFiles({ "/f/m.pt": torchArchive(dict({ w: floats("0", 3) }), { 0: floatBytes(4, 5, -6) }) });

export const pytorchRow: FormatRow = {
  alike: [
    [archive, "/f/m.pt"],
    [() => oneFile("torch/module-legacy.pt"), "/f/module-legacy.pt"],
    [() => oneFile("torch/tar-legacy.pt"), "/f/tar-legacy.pt"],
    [() => oneFile("torch/plain-torch.pkl"), "/f/plain-torch.pkl"],
  ],
  proofs: {
    format: {
      PyTorch: () => holds(archive(), "/f/m.pt", { w: wanted(4, 5, -6) }),
      "`torch.save` of every version": () =>
        holdsTorch(/^(?:protocol\d|module|dtypes|views)(?:-legacy)?\.pt$/),
      "the tar of torch before 0.1.10": () => holdsTorch(/^tar-legacy\.pt$/),
      TorchScript: () => holdsTorch(/^(?:scripted|traced)\.pt$/),
      "programs of `torch.export`": () => holds(exported(), "/f/m.pt2", { "fc.bias": wanted(1, 2, 3) }),
      "plain pickles": () => holdsTorch(/^plain-torch\.pkl$/),
      "Stable-Baselines3 archives": agentIsRead,
    },
    // The head of a member of the archive stands before its bytes.
    read: { "by range": () => readsByRange(archive(), "/f/m.pt", 64) },
    joined: {
      shards: () =>
        holds(fixture("torch"), "/f/pytorch_model.bin.index.json", {
          ...(written["pytorch_model-00001-of-00002.bin"] as Record<string, TorchTensor>),
          ...(written["pytorch_model-00002-of-00002.bin"] as Record<string, TorchTensor>),
        }),
      "the optimizer with its parameters' names": optimizerHasNames,
    },
    not: {},
  },
};
