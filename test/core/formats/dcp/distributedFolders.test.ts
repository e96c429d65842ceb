import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openCheckpoint } from "../../../../src/core/checkpoint/openCheckpoint";
import { TensorReader } from "../../../../src/core/checkpoint/tensorReader";
import { CheckpointSession } from "../../../../src/core/session/checkpointSession";
import { unreadablePart } from "../../../../src/core/tensors/assembly";
import { MemoryFiles } from "../../../support/memoryFiles";
import { projectRoot } from "../../../support/projectRoot";
import { folderInMemory } from "../../resume/resumeFiles";

const fixtures = join(projectRoot, "test/fixtures/dcp");

interface ExpectedTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly sha256: string;
}

const expected: Readonly<Record<string, Readonly<Record<string, ExpectedTensor>>>> = JSON.parse(
  readFileSync(join(fixtures, "expected.json"), "utf8"),
);

function folder(name: string): MemoryFiles {
  return folderInMemory(join(fixtures, name), `/${name}`);
}

async function joined(files: MemoryFiles, path: string): Promise<Record<string, ExpectedTensor>> {
  const checkpoint = await openCheckpoint(files, path);
  const reader = new TensorReader(files, checkpoint);
  const found: Record<string, ExpectedTensor> = {};
  for (const tensor of checkpoint.tensors) {
    const bytes = await reader.read(tensor);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    found[tensor.name] = { dtype: tensor.dtype, shape: tensor.shape, sha256 };
  }
  await reader.close();
  return found;
}

function wanted(name: string): Record<string, ExpectedTensor> {
  return Object.fromEntries(
    Object.entries(expected[name] ?? {}).map(([tensor, { dtype, shape, sha256 }]) => [
      tensor,
      { dtype, shape, sha256 },
    ]),
  );
}

const open = (files: MemoryFiles, path: string) => CheckpointSession.open(files, path, () => undefined);

describe("folders of several processes give the whole tensors", () => {
  test.each(Object.keys(expected))("%s", async (name) => {
    expect(await joined(folder(name), `/${name}`)).toEqual(wanted(name));
  });

  test("and are healthy", async () => {
    for (const name of Object.keys(expected)) {
      const session = await open(folder(name), `/${name}`);
      const errors = (await session.health()).filter(({ severity }) => severity === "error");
      expect(errors, name).toEqual([]);
    }
  });
});

describe("torch.distributed.checkpoint", () => {
  test("opens from .metadata alone", async () => {
    const files = folder("titan");
    await openCheckpoint(files, "/titan");
    expect(files.opened).toEqual(["/titan/.metadata"]);
    expect(files.counts.read).toBeLessThanOrEqual(2);
    expect(files.counts.bytesRead).toBeLessThan(20_000);
  });

  test("its values that are no tensors tell the moment of the training", async () => {
    const session = await open(folder("titan"), "/titan");
    const { kind, progress } = session.summary();
    expect(kind).toBe("training-checkpoint");
    expect(progress).toMatchObject({ step: 20, learningRate: 3e-4 });
    const [optimizer] = session.inside?.optimizers ?? [];
    expect(optimizer?.parameters.map(({ name }) => name)).toEqual([
      "layers.0.wq.weight",
      "layers.0.norm.weight",
      "layers.0.experts.w1",
      "tok_embeddings.weight",
    ]);
    expect(optimizer?.groups).toHaveLength(1);
  });

  test("a file of an earlier save is told, and does not count", async () => {
    const { problems, files } = await openCheckpoint(folder("titan"), "/titan");
    expect(problems.map(({ code, severity }) => [code, severity])).toEqual([["ExtraShard", "info"]]);
    expect(files.filter(({ status }) => status === "extra").map(({ name }) => name)).toEqual([
      "__9_0.distcp",
    ]);
  });

  test("of a missing file the rows are named, and the other rows are read", async () => {
    const files = folder("titan");
    files.remove("/titan/__4_0.distcp");
    const checkpoint = await openCheckpoint(files, "/titan");
    const weight = checkpoint.tensors.find(({ name }) => name === "layers.0.wq.weight");
    if (weight === undefined) throw new Error("no tensor");
    expect(unreadablePart(weight)).toBe("[6:11, 3:6]: __4_0.distcp is missing.");
    const reader = new TensorReader(files, checkpoint);
    expect((await reader.readRange(weight, 0, 6 * 7 * 4)).length).toBe(168);
    await expect(reader.read(weight)).rejects.toThrow("[6:11, 3:6]: __4_0.distcp is missing.");
    const missing = checkpoint.problems.filter(({ code }) => code === "MissingShard");
    expect(missing.map(({ severity }) => severity)).toEqual(["error"]);
    expect(missing[0]?.message).toMatch(/^__4_0\.distcp, the file of rank 4, is missing: \d+ tensors cannot/);
  });

  test("a file that is cut is told without reading it", async () => {
    const files = folder("titan");
    const bytes = readFileSync(join(fixtures, "titan/__4_0.distcp"));
    files.write("/titan/__4_0.distcp", new Uint8Array(bytes.subarray(0, bytes.length - 900)));
    const { problems } = await openCheckpoint(files, "/titan");
    expect(problems.filter(({ severity }) => severity === "error").map(({ code }) => code)).toContain(
      "CutShard",
    );
    expect(files.opened).toEqual(["/titan/.metadata"]);
  });

  test("without .metadata the save did not finish", async () => {
    const files = folder("titan");
    files.remove("/titan/.metadata");
    const session = await open(files, "/titan");
    expect((await session.health()).map(({ code }) => code)).toEqual(["MissingMetadata"]);
    expect(session.summary().headline[0]).toBe("Unfinished save");
    // What is there has its size, though nobody knows what it holds.
    expect(session.summary().files.every(({ bytes }) => bytes > 0)).toBe(true);
  });

  test("one of its files opens the whole", async () => {
    const { path, tensors } = await openCheckpoint(folder("titan"), "/titan/__0_0.distcp");
    expect(path).toBe("/titan");
    expect(tensors.length).toBeGreaterThan(10);
  });
});

describe("accelerate", () => {
  test("model and optimizer are one checkpoint, their files named by their folders", async () => {
    const session = await open(folder("checkpoint-7"), "/checkpoint-7");
    expect(session.checkpoint.files.map(({ name }) => name)).toContain("optimizer_0/__2_0.distcp");
    expect(session.summary().hasOptimizer).toBe(true);
    expect((await session.resume()).checks.filter(({ verdict }) => verdict === "error")).toEqual([]);
  });

  test("a missing file of the optimizer leaves the model whole", async () => {
    const files = folder("checkpoint-7");
    files.remove("/checkpoint-7/optimizer_0/__1_0.distcp");
    const session = await open(files, "/checkpoint-7");
    const partly = session.checkpoint.tensors.filter((tensor) => unreadablePart(tensor) !== undefined);
    expect(partly.length).toBeGreaterThan(0);
    expect(partly.every(({ name }) => name.startsWith("optimizer."))).toBe(true);
    const resume = await session.resume();
    expect(resume.checks.find(({ what }) => what === "Parameters")?.verdict).toBe("ok");
    expect(resume.checks.find(({ what }) => what === "Optimizer state")?.verdict).toBe("error");
  });
});

describe("a file for each rank", () => {
  test("a rank that is missing is named; what its replica holds is read", async () => {
    const files = folder("ranks");
    files.remove("/ranks/pytorch_model_fsdp_0_rank2.bin");
    const { tensors, problems } = await openCheckpoint(files, "/ranks");
    const partly = tensors.filter((tensor) => unreadablePart(tensor) !== undefined).map(({ name }) => name);
    expect(partly).toEqual(["grid.weight", "strided.weight", "twice.weight"]);
    expect(problems.filter(({ severity }) => severity === "error").map(({ code }) => code)).toEqual([
      "MissingShard",
    ]);
  });

  test("the last rank that is missing is known by the mesh", async () => {
    const files = folder("verl/actor");
    files.remove("/verl/actor/model_world_size_3_rank_2.pt");
    const { problems, tensors } = await openCheckpoint(files, "/verl/actor");
    expect(problems[0]?.message).toMatch(
      /^model_world_size_3_rank_2\.pt, the file of rank 2, is missing: 1 tensor /,
    );
    expect(tensors.find(({ name }) => name === "model.embed.weight")?.shape).toEqual([10, 4]);
  });

  test("of torch_checkpointing is known by metadata.pkl beside it", async () => {
    const files = folder("ranks");
    for (const { name } of await files.list("/ranks")) {
      const file = await files.open(`/ranks/${name}`);
      files.write(
        `/step-7/${name.replace(/^.*_rank(\d+)\.bin$/, "model_$1.pt")}`,
        await file.read(0, file.size),
      );
    }
    expect((await openCheckpoint(files, "/step-7/model_0.pt")).layout).toBeUndefined();
    files.write("/step-7/metadata.pkl", new Uint8Array([0x80, 4, 0x7d, 0x2e]));
    expect(await joined(files, "/step-7")).toEqual(wanted("ranks"));
    expect((await openCheckpoint(files, "/step-7")).layout?.label).toMatch(/^torch_checkpointing/);
  });

  test("one of them alone is a part, and says where the whole is", async () => {
    const session = await open(folder("ranks"), "/ranks/pytorch_model_fsdp_0_rank1.bin");
    const { kind, wholeModel } = session.summary();
    expect(kind).toBe("piece");
    expect(wholeModel?.path).toBe("/ranks");
  });

  test("one of them under a name that tells no rank is a part too, by its tensors", async () => {
    const file = await folder("ranks").open("/ranks/pytorch_model_fsdp_0_rank1.bin");
    const files = new MemoryFiles({ "/mine/weights.pt": await file.read(0, file.size) });
    const session = await open(files, "/mine/weights.pt");
    const { kind, wholeModel } = session.summary();
    expect([kind, wholeModel]).toEqual(["piece", undefined]);
    expect((await session.health()).map(({ severity, code }) => [severity, code])).toContainEqual([
      "warning",
      "OneRank",
    ]);
    expect(await session.resume()).toMatchObject({ answer: "unknown" });
  });

  test("flat parameters are said to be flat", async () => {
    const { problems } = await openCheckpoint(folder("flat"), "/flat");
    expect(problems.map(({ code }) => code)).toEqual(["FlatParameters"]);
  });
});

describe("safetensors with DCP_SHARDING_INFO", () => {
  test("in place of items, a part that begins elsewhere than .metadata says is not taken for another", async () => {
    const files = folder("joint");
    const path = "/joint/__1_0.distcp";
    const bytes = Buffer.from(readFileSync(join(fixtures, "joint/__1_0.distcp")));
    bytes.write("[3, 0]", bytes.indexOf("[4, 0]"));
    files.write(path, bytes);
    await expect(joined(files, "/joint")).rejects.toThrow(/begins at .* where \.metadata says/);
  });

  test("a gap in the numbers of the files is an error, and the shape stays", async () => {
    const files = folder("pieces");
    files.remove("/pieces/shard-00002-model-00001-of-00001.safetensors");
    const { problems, tensors } = await openCheckpoint(files, "/pieces");
    expect(problems.filter(({ severity }) => severity === "error").map(({ code }) => code)).toEqual([
      "MissingShard",
      "PartlyReadable",
    ]);
    const embed = tensors.find(({ name }) => name === "model.embed.weight");
    expect(embed?.shape).toEqual([7, 3]);
    expect(embed && unreadablePart(embed)).toBe("9 elements that no piece holds.");
  });
});
