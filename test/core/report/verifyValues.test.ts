import { join } from "node:path";
import { expect, test } from "vitest";
import { verifyCheckpoint, verifyText } from "../../../src/core/report/verifyReport";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import type { MemoryFiles } from "../../support/memoryFiles";
import { projectRoot } from "../../support/projectRoot";
import { dict, floatBytes, floats, torchArchive } from "../formats/torch/torchPickle";
import { bytesAt, checkOf, folderInMemory, resumeOf, sampleCheckpoint } from "../resume/resumeFiles";

const folder = "/run/checkpoint-240";

async function verifyOf(files: MemoryFiles, path: string, readsValues = true) {
  const session = await CheckpointSession.open(files, path, () => undefined);
  const nothing = { tensors: new Map(), problems: [] };
  return verifyCheckpoint(path, session, readsValues ? async () => nothing : undefined);
}

/** Adam's state of one parameter, as torch saves it. */
function adamState(moment: number): Uint8Array {
  const state = `}(K\x00${dict({ exp_avg: floats("1", 2), exp_avg_sq: floats("2", 2) })}u`;
  const groups = `](${dict({ lr: "G?PbM\xd2\xf1\xa9\xfc", params: "](K\x00e" })}e`;
  return torchArchive(dict({ state, param_groups: groups }), {
    "1": floatBytes(1, moment),
    "2": floatBytes(1, 1),
  });
}

test.each([Number.NaN, Number.POSITIVE_INFINITY])("a moment of %d beside whole weights", async (moment) => {
  const files = sampleCheckpoint();
  files.write(`${folder}/optimizer.pt`, adamState(moment));
  const report = await verifyOf(files, folder);
  expect(report.healthy).toBe(false);
  expect(report.problems).toContainEqual(
    expect.objectContaining({
      code: "NotFiniteValues",
      severity: "error",
      message: expect.stringMatching(/^optimizer\.pt: "state\.0\.exp_avg" holds NaN or infinite values/),
    }),
  );
});

test("what was looked into is named, and nothing else is promised", async () => {
  const files = sampleCheckpoint();
  const report = await verifyOf(files, folder);
  expect(report).toMatchObject({ healthy: true, sampled: ["optimizer.pt"] });
  expect(verifyText(report)).toContain("some values of optimizer.pt)");
  // The headers alone were asked for, and one file is not its folder.
  expect(await verifyOf(files, folder, false)).not.toHaveProperty("sampled");
  expect(await verifyOf(files, `${folder}/adapter_model.safetensors`)).not.toHaveProperty("sampled");
});

test("moments in a folder of their own, as DeepSpeed writes them beside weights that were gathered", async () => {
  const zero = join(projectRoot, "test/fixtures/deepspeed/zero1_bf16/global_step30");
  const run = "/run/checkpoint-30";
  const weights = bytesAt(projectRoot, "media/sample/base/model.safetensors");
  const files = folderInMemory(zero, `${run}/global_step30`);
  files.write(`${run}/model.safetensors`, weights);
  files.write(`${run}/latest`, "global_step30");
  expect((await verifyOf(files, run)).sampled).toEqual(["global_step30"]);
  expect(checkOf(await resumeOf(files, run), "Optimizer state")?.verdict).toBe("ok");
  for (const rank of [0, 1, 2]) {
    const name = `bf16_zero_pp_rank_${rank}_mp_rank_00_optim_states.pt`;
    const shard = await CheckpointSession.open(files, `${run}/global_step30/${name}`, () => undefined);
    const bytes = Buffer.from(bytesAt(zero, name));
    for (const tensor of shard.checkpoint.tensors.filter(({ byteSize }) => byteSize > 4)) {
      const values = await shard.withReader((reader) => reader.readRange(tensor, 0, tensor.byteSize));
      bytes.writeFloatLE(Number.NaN, bytes.indexOf(values));
    }
    files.write(`${run}/global_step30/${name}`, bytes);
  }
  expect((await verifyOf(files, run)).healthy).toBe(false);
  const resumed = await resumeOf(files, run);
  expect(resumed.answer).toBe("no");
  expect(checkOf(resumed, "Optimizer state")?.reason).toMatch(/^global_step30 cannot be used: /);
});
