import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import type { FileSink, FileWriter } from "../../../src/core/bytes/fileSink";
import { extractCheckpoint, reduceCheckpoint } from "../../../src/core/report/makeAdapter";
import { combine } from "../../../src/core/transform/combine/combine";
import { convertAdapter } from "../../../src/core/transform/dialect/convertAdapter";
import { reduceIntruders } from "../../../src/core/transform/intruders/reduceIntruders";
import { average } from "../../../src/core/transform/model/average";
import { convert } from "../../../src/core/transform/model/convert";
import { merge } from "../../../src/core/transform/model/merge";
import { nodeFiles } from "../../../src/worker/nodeFiles";
import { nodeSink } from "../../../src/worker/nodeSink";
import { openSession, type TensorData, writeTensors } from "../../support/made/tensorFiles";

const folder = mkdtempSync(join(tmpdir(), "half-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function tensor(name: string, shape: readonly number[], step: number): TensorData {
  const count = shape.reduce((product, size) => product * size, 1);
  const values = Float32Array.from({ length: count }, (_, at) => ((at * step) % 7) - 3);
  return { name, dtype: "F32", shape, data: new Uint8Array(values.buffer) };
}

const q = "model.layers.0.self_attn.q_proj";
/** A base, its tuned version, and an adapter, anew for each attempt. */
function sources() {
  const at = mkdtempSync(join(folder, "sources-"));
  const model = (name: string, step: number) => {
    const path = join(at, name, "model.safetensors");
    writeTensors(path, [tensor(`${q}.weight`, [6, 4], step), tensor("model.norm.weight", [4], 1)]);
    writeFileSync(join(at, name, "config.json"), '{"model_type": "llama"}');
    return join(at, name);
  };
  const pair = [
    tensor(`base_model.model.${q}.lora_A.weight`, [2, 4], 3),
    tensor(`base_model.model.${q}.lora_B.weight`, [6, 2], 5),
  ];
  const adapter = join(at, "adapter");
  writeTensors(join(adapter, "adapter_model.safetensors"), pair);
  writeFileSync(join(adapter, "adapter_config.json"), '{"peft_type": "LORA", "r": 2, "lora_alpha": 4}');
  return { base: model("base", 2), tuned: model("tuned", 3), adapter, out: join(at, "out") };
}

interface Attempt extends ReturnType<typeof sources> {
  readonly sink: FileSink;
  readonly signal?: AbortSignal;
}

function target({ sink, out, signal }: Attempt) {
  const common = { files: nodeFiles, sink, replace: true, toolVersion: "1", now: new Date(0) };
  return { ...common, path: out, out, maxShardBytes: 100, ...(signal === undefined ? {} : { signal }) };
}

const rule = { kind: "rank", rank: 1 } as const;
/** Each of one source or several, the first of which is changed. */
const transforms: readonly (readonly [
  name: string,
  make: (attempt: Attempt) => Promise<unknown>,
  source: "base" | "adapter",
])[] = [
  [
    "merge",
    async (attempt) =>
      merge({
        ...target(attempt),
        base: await openSession(attempt.base),
        adapters: [{ session: await openSession(attempt.adapter), weight: 1 }],
      }),
    "base",
  ],
  [
    "convert",
    async (attempt) =>
      convert({ ...target(attempt), source: await openSession(attempt.base), options: { only: "model" } }),
    "base",
  ],
  [
    "average",
    async (attempt) =>
      average({
        ...target(attempt),
        snapshots: [await openSession(attempt.base), await openSession(attempt.tuned)],
        weights: [1, 1],
      }),
    "base",
  ],
  [
    "combine",
    async (attempt) =>
      combine({ ...target(attempt), adapters: [{ session: await openSession(attempt.adapter), weight: 2 }] }),
    "adapter",
  ],
  [
    "convert of an adapter",
    async (attempt) =>
      convertAdapter({ ...target(attempt), source: await openSession(attempt.adapter), to: "mlx" }),
    "adapter",
  ],
  [
    "reduce",
    (attempt) => reduceCheckpoint(attempt.adapter, { rule, scope: "module" }, target(attempt)),
    "adapter",
  ],
  [
    "reduce intruders",
    async (attempt) => {
      // Many times as strong, its directions are not those of the base.
      const settings = { peft_type: "LORA", r: 2, lora_alpha: 4000 };
      writeFileSync(join(attempt.adapter, "adapter_config.json"), JSON.stringify(settings));
      return reduceIntruders({
        ...target(attempt),
        adapter: await openSession(attempt.adapter),
        base: await openSession(attempt.base),
        scale: 0.5,
      });
    },
    "base",
  ],
  [
    "extract",
    (attempt) => extractCheckpoint(attempt.base, attempt.tuned, rule, true, target(attempt)),
    "base",
  ],
];

interface Hooks {
  /** Before each write and each wait for the disk, counted together from 1; may change the bytes. */
  readonly step: (at: number, bytes?: Uint8Array) => Uint8Array | undefined;
  readonly commit?: () => void;
}

/** The real sink, which fails or is told of at every step. */
function watched({ step, commit }: Hooks): FileSink {
  let at = 0;
  const over = (writer: FileWriter): FileWriter => ({
    writeAt: async (offset, bytes) => writer.writeAt(offset, step(++at, bytes) ?? bytes),
    close: async () => {
      await writer.close();
      step(++at);
    },
  });
  const committing = (output: {
    commit(): Promise<void>;
    discard(): Promise<void>;
    temporaryPath: string;
  }) => ({
    temporaryPath: output.temporaryPath,
    commit: async () => {
      commit?.();
      await output.commit();
    },
    discard: () => output.discard(),
  });
  return {
    async createFolder(path, options) {
      const output = await nodeSink.createFolder(path, options);
      return { ...committing(output), create: async (name) => over(await output.create(name)) };
    },
    async createFile(path, options) {
      const output = await nodeSink.createFile(path, options);
      return { ...committing(output), writer: over(output.writer) };
    },
  };
}

function expectNothing({ out }: { readonly out: string }): void {
  expect(readdirSync(join(out, "..")).sort()).toEqual(["adapter", "base", "tuned"]);
}

async function stepsOf(make: (attempt: Attempt) => Promise<unknown>): Promise<number> {
  let steps = 0;
  const step = () => {
    steps++;
    return undefined;
  };
  const attempt = { ...sources(), sink: watched({ step }) };
  await make(attempt);
  expect(existsSync(join(attempt.out, "checkpoint-stage.json"))).toBe(true);
  return steps;
}

describe.each(transforms)("%s", (_, make, source) => {
  test("leaves nothing where the disk is full at any write, or does not take the name", async () => {
    const full = () => {
      throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
    };
    for (let failing = await stepsOf(make); failing > 0; failing--) {
      const attempt = {
        ...sources(),
        sink: watched({ step: (at) => (at === failing ? full() : undefined) }),
      };
      await expect(make(attempt), `step ${failing}`).rejects.toThrow("ENOSPC");
      expectNothing(attempt);
    }
    const attempt = { ...sources(), sink: watched({ step: () => undefined, commit: full }) };
    await expect(make(attempt)).rejects.toThrow("ENOSPC");
    expectNothing(attempt);
  });

  test("leaves nothing where it is stopped at any write", async () => {
    for (let stopped = await stepsOf(make); stopped > 0; stopped--) {
      const controller = new AbortController();
      const step = (at: number) => void (at === stopped && controller.abort());
      const attempt = { ...sources(), sink: watched({ step }), signal: controller.signal };
      await expect(make(attempt), `step ${stopped}`).rejects.toThrow();
      expectNothing(attempt);
    }
  });

  test("leaves nothing where the disk keeps another byte of the weights", async () => {
    const flipped = (at: number, bytes?: Uint8Array) =>
      at === 1 && bytes !== undefined
        ? Uint8Array.from(bytes, (byte, n) => (n === 0 ? byte ^ 1 : byte))
        : undefined;
    const attempt = { ...sources(), sink: watched({ step: flipped }) };
    await expect(make(attempt)).rejects.toMatchObject({ code: "WrongResult" });
    expectNothing(attempt);
  });

  test.each(["weights", "settings"])(
    "leaves nothing where the %s of its source are written meanwhile",
    async (what) => {
      const all = sources();
      const names = {
        base: ["model.safetensors", "config.json"],
        adapter: ["adapter_model.safetensors", "adapter_config.json"],
      };
      const path = join(all[source], names[source][what === "weights" ? 0 : 1] as string);
      const before = readFileSync(path);
      const step = (at: number) => void (at === 2 && appendFileSync(path, " "));
      await expect(make({ ...all, sink: watched({ step }) })).rejects.toMatchObject({
        code: "FileChanged",
        file: path,
      });
      expectNothing(all);
      expect(readFileSync(path)).toEqual(Buffer.concat([before, Buffer.from(" ")]));
    },
  );

  test("never takes the place of a source, nor one inside it, nor that of anything else", async () => {
    const all = sources();
    const sink = watched({ step: () => undefined });
    await expect(make({ ...all, sink, out: all[source] })).rejects.toMatchObject({ code: "SourceInPlace" });
    const inside = { ...all, sink, out: join(all[source], "new") };
    await expect(make(inside)).rejects.toMatchObject({ code: "InsideSource" });
    writeTensors(join(all.out, "notes", "x.safetensors"), [tensor("x", [1], 1)]);
    await expect(make({ ...all, sink })).rejects.toMatchObject({ code: "HoldsOthers" });
    expect(readdirSync(all.out)).toEqual(["notes"]);
    writeFileSync(join(folder, "file"), "");
    await expect(make({ ...all, sink, out: join(folder, "file", "out") })).rejects.toThrow(/ENOTDIR|EEXIST/);
  });
});
