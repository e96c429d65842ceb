import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { openCheckpoint } from "../../../../src/core/checkpoint/openCheckpoint";
import type { CheckpointError } from "../../../../src/core/problem/checkpointError";
import { expectedFolders, joinedFixture, readTensors } from "../../../support/made/joinedFolders";
import { tarFile } from "../../../support/made/tarFile";
import { MemoryFiles } from "../../../support/memoryFiles";
import { projectRoot } from "../../../support/projectRoot";
import { folderInMemory } from "../../resume/resumeFiles";

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

test("NeMo 2: the folder of weights and context opens as one checkpoint", async () => {
  const files = new MemoryFiles({ "/m/context/model.yaml": "a: 1" });
  const fixture = folderInMemory(join(projectRoot, "test/fixtures/dcp/titan"), "/t");
  for (const { name } of await fixture.list("/t")) {
    const source = await fixture.open(`/t/${name}`);
    files.write(`/m/weights/${name}`, await source.read(0, source.size));
  }
  files.write("/m/weights/metadata.json", '{"sharded_backend": "torch_dist"}');
  const { checkpoint, hashes } = await readTensors(files, "/m");
  expect(checkpoint.layout?.label).toBe("NeMo 2 (Megatron-LM (torch_dist))");
  expect(hashes.get("tok_embeddings.weight")).toBeDefined();
  files.remove("/m/weights/metadata.json");
  await expect(openCheckpoint(files, "/m")).rejects.toThrow(/did not finish/);
});

describe("a .nemo file", () => {
  test("is read by range where it is a plain tar", async () => {
    const content = await stateDict();
    const { checkpoint, hashes } = await read(tarFile([config, { name: "./model_weights.ckpt", content }]));
    expect(checkpoint.format).toBe("nemo");
    expect(hashes.get("input.weight")).toBe(weight);
    expect(checkpoint.metadata).toEqual(new Map([["target", "a.Model"]]));
    expect(checkpoint.problems).toEqual([]);
  });

  test("that is cut says so, and shows the ranks before", async () => {
    const content = await stateDict();
    const archive = tarFile([0, 1].map((rank) => ({ name: `mp_rank_0${rank}/model_weights.ckpt`, content })));
    const { checkpoint } = await read(archive.subarray(0, archive.length - 1024 - 600));
    expect(checkpoint.problems.map(({ severity, code }) => `${severity} ${code}`)).toContain(
      "error TarMemberCut",
    );
    expect(checkpoint.tensors.length).toBeGreaterThan(0);
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
    expect(hashes.get("tp_rank_1.input.weight")).toBe(weight);
    expect(checkpoint.problems).toMatchObject([{ severity: "info", code: "RanksApart" }]);
  });

  test("joins the ranks as Megatron cuts its parameters, and says which are missing", async () => {
    const source = joinedFixture("megatron_tp2_pp2");
    const members = await Promise.all(
      [0, 1].flatMap((tensor) =>
        [0, 1].map(async (stage) => {
          const path = `/run/megatron_tp2_pp2/iter_0000100/mp_rank_0${tensor}_00${stage}/model_optim_rng.pt`;
          const file = await source.open(path);
          const name = `tp_rank_0${tensor}_pp_rank_00${stage}/model_weights.ckpt`;
          return { name, content: await file.read(0, file.size) };
        }),
      ),
    );
    const settings =
      "activation: fast-swiglu\ntensor_model_parallel_size: 2\npipeline_model_parallel_size: 2\n";
    const yaml = { name: "model_config.yaml", content: new TextEncoder().encode(settings) };
    const { checkpoint, hashes } = await read(tarFile([yaml, ...members]));
    for (const { name, sha256 } of expectedFolders.megatron_tp2_pp2?.tensors ?? []) {
      // Packed for what comes after the training, the weights alone are looked at.
      if (name.startsWith("optimizer.")) continue;
      expect(hashes.get(`model.${name}`), name).toBe(sha256);
    }
    // What is no weight is not known to be cut in any way.
    expect(checkpoint.problems.map(({ code }) => code)).toEqual(["RanksApart"]);
    const lacking = await read(tarFile([yaml, ...members.slice(0, 3)]));
    expect(lacking.checkpoint.problems[0]).toMatchObject({ severity: "error", code: "MissingRank" });
  });

  test.each([
    ["without weights", tarFile([config]), "NoWeights"],
    ["cut in its compression", new Uint8Array(gzipSync(tarFile([config]))).subarray(0, 60), "DamagedGzip"],
    ["that is something else", new Uint8Array(600).fill(0x99), "NotNemo"],
    [
      "that is a text",
      new TextEncoder().encode("hello, this is a plain text and no archive"),
      "UnsupportedFormat",
    ],
  ])("%s is refused", async (_, bytes, code) => {
    const error = await openCheckpoint(new MemoryFiles({ "/m.nemo": bytes }), "/m.nemo").catch(
      (caught) => caught,
    );
    expect((error as CheckpointError).code).toBe(code);
  });
});
