import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { openCheckpoint } from "../../../../src/core/checkpoint/openCheckpoint";
import type { CheckpointError } from "../../../../src/core/problem/checkpointError";
import { expectedFolders, joinedFixture, readTensors } from "../../../support/made/joinedFolders";
import { tarFile } from "../../../support/made/tarFile";
import { MemoryFiles } from "../../../support/memoryFiles";

const config = {
  name: "./model_config.yaml",
  content: new TextEncoder().encode("target: a.Model\nnested:\n  b: 1\n"),
};
const layer = "pipeline/global_step12/layer_01-model_00-model_states.pt";
const weight = expectedFolders.pipeline?.tensors.find(({ name }) => name === "1.input.weight")?.sha256;

async function stateDict(): Promise<Uint8Array> {
  const source = await joinedFixture("pipeline").open(`/run/${layer}`);
  return source.read(0, source.size);
}

async function read(bytes: Uint8Array) {
  return readTensors(new MemoryFiles({ "/m.nemo": bytes }), "/m.nemo");
}

describe("a .nemo file", () => {
  test("is read by range where it is a plain tar", async () => {
    const content = await stateDict();
    const { checkpoint, hashes } = await read(tarFile([config, { name: "./model_weights.ckpt", content }]));
    expect(checkpoint.format).toBe("nemo");
    expect(hashes.get("input.weight")).toBe(weight);
    expect(checkpoint.metadata).toEqual(new Map([["target", "a.Model"]]));
    expect(checkpoint.problems).toEqual([]);
  });

  test("is unpacked in memory where it is compressed, which is said", async () => {
    const content = await stateDict();
    const packed = gzipSync(tarFile([config, { name: "model_weights.ckpt", content }]));
    const { checkpoint, hashes } = await read(new Uint8Array(packed));
    expect(hashes.get("input.weight")).toBe(weight);
    expect(checkpoint.problems).toMatchObject([{ severity: "info", code: "CompressedNemo" }]);
  });

  test("with a file for each rank shows each rank's own", async () => {
    const content = await stateDict();
    const archive = tarFile([0, 1].map((rank) => ({ name: `mp_rank_0${rank}/model_weights.ckpt`, content })));
    const { checkpoint, hashes } = await read(archive);
    expect(hashes.get("mp_rank_01.input.weight")).toBe(weight);
    expect(checkpoint.problems).toMatchObject([{ severity: "info", code: "RanksApart" }]);
  });

  test.each([
    ["without weights", tarFile([config]), "NoWeights"],
    ["cut in its compression", new Uint8Array(gzipSync(tarFile([config]))).subarray(0, 60), "DamagedGzip"],
    [
      "that is something else",
      new TextEncoder().encode("hello, this is a plain text and no archive"),
      "NotNemo",
    ],
  ])("%s is refused", async (_, bytes, code) => {
    const error = await openCheckpoint(new MemoryFiles({ "/m.nemo": bytes }), "/m.nemo").catch(
      (caught) => caught,
    );
    expect((error as CheckpointError).code).toBe(code);
  });
});
