import { expect, test } from "vitest";
import { judgeResumeInputs } from "../../../src/core/resume/judgeResume";
import { judged } from "../../../src/core/resume/layoutFindings";
import type { ResumeInputs } from "../../../src/core/resume/resumeInputs";
import { MemoryFiles } from "../../support/memoryFiles";
import { dict, floatBytes, floats, torchArchive } from "../formats/torch/torchPickle";
import { checkOf, resumeOf, sampleCheckpoint, sampleFile, verdicts } from "./resumeFiles";

const folder = "/run/checkpoint-240";

/** A float32 that is no number, as torch writes it. */
const nan = [0, 0, 0xc0, 0x7f];

test("weights that are NaN are whole files, and nothing to resume from", async () => {
  const files = sampleCheckpoint();
  const weights = sampleFile("adapter_model.safetensors").slice();
  weights.set(nan, weights.length - 4);
  files.write(`${folder}/adapter_model.safetensors`, weights);
  const report = await resumeOf(files, folder);
  expect(report.answer).toBe("no");
  expect(report.sentence).toMatch(
    /^No: adapter_model\.safetensors cannot be used: ".+" holds NaN or infinite/,
  );
  expect(verdicts(report)).toMatchObject({ Parameters: "error", "Optimizer state": "ok" });
  // Whichever part of the checkpoint is open.
  const opened = await resumeOf(files, `${folder}/optimizer.pt`);
  expect(opened.answer).toBe("no");
});

const archiveOf = (weight: number, moment: number) => {
  const state = `}(K\x00${dict({ exp_avg: floats("1", 2), exp_avg_sq: floats("2", 2) })}u`;
  const groups = `](${dict({ lr: "G?PbM\xd2\xf1\xa9\xfc", params: "](K\x00e" })}e`;
  return torchArchive(
    dict({ model: dict({ weight: floats("0", 2) }), optimizer: dict({ state, param_groups: groups }) }),
    { "0": floatBytes(weight, 1), "1": floatBytes(moment, 0), "2": floatBytes(1, 1) },
  );
};

test.each([
  [1, 1, "ok", "ok"],
  [Number.NaN, 1, "error", undefined],
  [1, Number.POSITIVE_INFINITY, "ok", "error"],
])("one file with a weight of %d and a moment of %d", async (weight, moment, parameters, optimizer) => {
  const report = await resumeOf(
    new MemoryFiles({ "/run/last.pt": archiveOf(weight, moment) }),
    "/run/last.pt",
  );
  expect(checkOf(report, "Parameters")?.verdict).toBe(parameters);
  expect(checkOf(report, "Optimizer state")?.verdict).toBe(optimizer);
  expect(report.answer === "no").toBe(!Number.isFinite(weight * moment));
});

test("a layout that judges its files says nothing of their values", () => {
  const layout = {
    checks: [judged("Parameters", "ok", "All ranks are here.")],
    progress: undefined,
    worldSize: undefined,
    steps: [],
  };
  const reason = "cannot be used: 3 of 3 tensors that were looked into hold NaN or infinite values.";
  const found: ResumeInputs = {
    name: "global_step30",
    kind: "folder",
    model: undefined,
    optimizer: undefined,
    schedulers: [],
    random: { ranks: [0], places: [] },
    scaler: undefined,
    precision: undefined,
    worldSize: undefined,
    progress: undefined,
    layout,
    namedStep: 30,
    broken: [],
    whole: [],
    missingShards: [],
    shardCount: 0,
  };
  expect(checkOf(judgeResumeInputs(found), "Parameters")?.verdict).toBe("ok");
  const broken = [{ name: "global_step30", role: "parameters", reason, isDiverged: true } as const];
  expect(judgeResumeInputs({ ...found, broken }).sentence).toBe(`No: global_step30 ${reason}`);
});
