import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import { safetensorsFile } from "../../support/made/safetensorsFile";
import { bundleTypes, tensorflowBundle } from "../../support/made/tensorflowBundle";
import { MemoryFiles } from "../../support/memoryFiles";
import { projectRoot } from "../../support/projectRoot";
import { folderInMemory } from "../resume/resumeFiles";

async function summaryOf(files: Record<string, Uint8Array>, path: string) {
  const session = await CheckpointSession.open(new MemoryFiles(files), path, () => undefined);
  return session.summary();
}

const variable = (name: string) => ({
  key: `${name}/.ATTRIBUTES/VARIABLE_VALUE`,
  type: bundleTypes.F32,
  shape: [2],
  bytes: new Uint8Array(Float32Array.of(1, 2).buffer),
});

it("finds the weights of a SavedModel, of which no name says what they are", async () => {
  const summary = await summaryOf(
    tensorflowBundle("/m/variables/variables", [variable("w"), variable("b")]),
    "/m/variables/variables.index",
  );
  expect(summary.parameterCount).toBe(4);
  expect(summary.parts.map(({ label }) => label)).toEqual(["model weights"]);
  expect(summary.missingParts.map(({ label }) => label)).not.toContain("model weights");
  expect(summary.resumable.reason).toMatch(/^Parameters alone/);
});

it("names the file that was opened beside others of better-known names", async () => {
  const npz = new Uint8Array(readFileSync(join(projectRoot, "test/fixtures/numpy/stored.npz")));
  const { parts } = await summaryOf(
    { "/m/policy.npz": npz, "/m/model.bin": Uint8Array.of(1) },
    "/m/policy.npz",
  );
  expect(parts[0]?.files.map(({ name }) => name).sort()).toEqual(["model.bin", "policy.npz"]);
});

it("names TensorFlow's modules without what each variable ends with", async () => {
  const names = ["model/dense/kernel", "model/dense/bias", "model/head/kernel"];
  const { composition } = await summaryOf(
    tensorflowBundle("/m/ckpt-1", names.map(variable)),
    "/m/ckpt-1.index",
  );
  expect(composition.map(({ module }) => module)).toEqual(["model/dense", "model/head"]);
});

it("ticks no part of which a file is cut, and counts no model beside it as its own", async () => {
  const tensors = [{ name: "weight", dtype: "F32", shape: [64, 64] }];
  const whole = safetensorsFile({ tensors });
  const files = {
    "/m/cut.safetensors": whole.subarray(0, -4000),
    "/m/style.safetensors": whole,
    "/m/config.json": new TextEncoder().encode("{}"),
  };
  const { parts } = await summaryOf(files, "/m/cut.safetensors");
  expect(parts.map(({ label, lost, files: of }) => [label, lost, of.map(({ name }) => name)])).toEqual([
    ["model weights", 1, ["cut.safetensors"]],
    ["model configuration", undefined, ["config.json"]],
  ]);
});

it("counts no file beside it as a part of arrays that are no model", async () => {
  const npz = new Uint8Array(readFileSync(join(projectRoot, "test/fixtures/numpy/stored.npz")));
  const { parts } = await summaryOf(
    { "/m/arrays.pth": npz, "/m/other.ckpt": Uint8Array.of(1) },
    "/m/arrays.pth",
  );
  expect(parts[0]?.files.map(({ name }) => name)).toEqual(["arrays.pth"]);
});

it("counts the optimizer of a joined checkpoint, which lies with its weights", async () => {
  const files = folderInMemory(join(projectRoot, "test/fixtures/dcp/titan"), "/run/step-20");
  const session = await CheckpointSession.open(files, "/run/step-20", () => undefined);
  const { resumable, missingParts } = session.summary();
  expect(missingParts.map(({ label }) => label)).not.toContain("optimizer state");
  expect([resumable.answer, (await session.resume()).answer]).toEqual(["partly", "partly"]);
});

const fixture = (name: string, at: string) => folderInMemory(join(projectRoot, "test/fixtures", name), at);

async function partsOf(files: MemoryFiles, path: string) {
  const session = await CheckpointSession.open(files, path, () => undefined);
  const { parts, missingParts, resumable } = session.summary();
  return {
    held: parts.map(
      ({ label, within, files: of }) => [label, within ?? of.map(({ bytes }) => bytes)] as const,
    ),
    missing: missingParts.map(({ label }) => label),
    resumable,
  };
}

it("says what lies with the weights of a joined checkpoint, as it was read in them", async () => {
  const { held, missing } = await partsOf(fixture("dcp/titan", "/run/step-20"), "/run/step-20");
  expect(held.slice(1)).toEqual([
    ["optimizer state", "model weights"],
    ["scheduler state", "model weights"],
    ["training progress and log", "model weights"],
  ]);
  expect(missing).toEqual(["model configuration", "random state"]);
});

it("calls an optimizer's file an optimizer, whatever its name promises", async () => {
  const optimizer = new Uint8Array(readFileSync(join(projectRoot, "test/fixtures/training/adam8bit.pt")));
  const { held, missing } = await partsOf(new MemoryFiles({ "/m/adam.pt": optimizer }), "/m/adam.pt");
  expect(held.map(([label]) => label)).toEqual(["optimizer state"]);
  expect(missing).not.toContain("optimizer state");
});

it("gives a folder the bytes of the checkpoint's files in it", async () => {
  const { held } = await partsOf(fixture("dcp/checkpoint-7", "/checkpoint-7"), "/checkpoint-7");
  for (const [, bytes] of held) expect(bytes).not.toContain(0);
  expect(held.map(([label]) => label)).toEqual(["optimizer state", "model weights"]);
});

it("leaves what is missing, and whether training can be resumed, to the whole of which a file is a piece", async () => {
  const { missing, resumable } = await partsOf(
    fixture("dcp/ranks", "/r"),
    "/r/pytorch_model_fsdp_0_rank0.bin",
  );
  expect(missing).toEqual([]);
  expect(resumable.answer).toBe("unknown");
});
