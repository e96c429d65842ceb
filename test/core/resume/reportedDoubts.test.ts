import { describe, expect, it } from "vitest";
import { bestCheckpointGone } from "../../../src/core/health/beside/bestCheckpointGone";
import { registeredGap } from "../../../src/core/health/beside/registeredGap";
import type { HealthSubject } from "../../../src/core/health/healthSubject";
import { missingRegistered } from "../../../src/core/parts/registered";
import { parseTrainerState } from "../../../src/core/progress/trainerState";
import { judgeResumeInputs } from "../../../src/core/resume/judgeResume";
import { checkOptimizerFits } from "../../../src/core/resume/optimizerCheck";
import type { ResumeInputs } from "../../../src/core/resume/resumeInputs";
import { MemoryFiles } from "../../support/memoryFiles";
import { dict, floatBytes, floats, torchArchive } from "../formats/torch/torchPickle";
import { resumeOf, sampleCheckpoint } from "./resumeFiles";
import { inputs, model, optimizer } from "./resumeGiven";

const reasonOf = (what: string, given: Partial<ResumeInputs>) =>
  judgeResumeInputs(inputs(given)).checks.find((check) => check.what === what)?.reason;

const progress = { place: "trainer_state.json", step: 100, epoch: 1, planned: 400 };

describe("what public reports found out by training on", () => {
  it("a one-cycle schedule that is shorter than the plan", () => {
    const schedule = (total: number) => {
      const scheduler = { place: "scheduler.pt", step: 100, learningRates: [1e-3], total };
      return reasonOf("Schedule", { progress, schedulers: [scheduler] });
    };
    expect(schedule(100)).toMatch(/^scheduler\.pt is a one-cycle schedule of 100 steps, and 400 are planned/);
    expect(schedule(400)).toMatch(/^scheduler\.pt, at a learning rate/);
  });

  it("training arguments of another optimizer", () => {
    const state = (name: string) =>
      reasonOf("Optimizer state", { asked: { name, place: "training_args.bin" } });
    expect(state("adafactor")).toContain("training_args.bin asks for adafactor");
    expect(state("paged_adamw_8bit")).not.toContain("asks for");
    expect(state("some_new_one")).not.toContain("asks for");
  });

  it("a file that cannot be read, and that no resume asks for", () => {
    const broken = [{ name: "training_args.bin", role: "other" as const, reason: "is cut." }];
    const whole = { progress, precision: { name: "fp32" as const, place: "config" } };
    expect(judgeResumeInputs(inputs({ ...whole, broken })).sentence).toMatch(
      /every part that it needs is here and whole \(training_args\.bin cannot be read, and is not needed\)/,
    );
  });

  it("a schedule of more processes than random states", () => {
    const scheduler = { place: "scheduler.bin", step: 4000, learningRates: [1e-3] };
    expect(reasonOf("Steps agree", { progress, schedulers: [scheduler] })).toContain(
      "The schedule counts 4,000, 40 for each step, as accelerate makes it with 40 processes; random states of 1 process are here.",
    );
  });

  it("an optimizer whose numbers are those of other parameters", () => {
    const shapes = [[8, 3], [8], [4, 8], [4]];
    const fits = (order: readonly (readonly number[])[]) => {
      const made = optimizer(order);
      const groups = made.groups.map((group) => ({ ...group, settings: new Map([["lr", 1e-3]]) }));
      const own = { ...made, groups, models: ["model"] };
      const given = model(shapes);
      if (given === undefined) throw new Error("no model");
      return checkOptimizerFits(
        { place: "optimizer", states: [own], steps: [] },
        { ...given, place: "model", inModelOrder: true },
      );
    };
    expect(fits(shapes).verdict).toBe("ok");
    const swapped = fits([[4, 8], [8], [8, 3], [4]]);
    expect(swapped.verdict).toBe("warning");
    expect(swapped.reason).toContain("number 0 is 4 × 8, where layers.0.weight is 8 × 3");
  });
});

it("moments that are named, in another shape than the parameter of that name", () => {
  const made = optimizer([[4, 4], [4]]);
  const fits = (name: string) => {
    const parameters = made.parameters.map((one, at) => ({
      ...one,
      name: at === 0 ? name : "layers.1.weight",
    }));
    return checkOptimizerFits(
      { place: "optimizer", states: [{ ...made, parameters, models: ["model"] }], steps: [] },
      { place: "model", tensors: model([[8, 4], [4]])?.tensors ?? [], inModelOrder: false, isAdapter: false },
    );
  };
  expect(fits("layers.0.weight")).toMatchObject({ verdict: "error" });
  expect(fits("layers.0.weight").reason).toBe(
    "optimizer keeps layers.0.weight as 4 × 4, the parameter is 8 × 4.",
  );
  expect(fits("layers.7.weight").verdict).toBe("ok");
});

it("an object that was registered with accelerate is missing among others", () => {
  const named = (...names: readonly string[]) => names.map((name) => ({ name }));
  expect(missingRegistered(named("custom_checkpoint_0.pkl", "custom_checkpoint_1.pkl"))).toBeUndefined();
  expect(missingRegistered(named("model.safetensors"))).toBeUndefined();
  expect(missingRegistered(named("custom_checkpoint_1.pkl"))).toBe("custom_checkpoint_0.pkl");
  const folder = { folder: "/x", files: named("custom_checkpoint_1.pkl") };
  const problems = registeredGap({ folder } as unknown as HealthSubject);
  expect(problems).toMatchObject([{ severity: "error", file: "/x/custom_checkpoint_0.pkl" }]);
});

it("the best checkpoint of a training is gone, and others are here", async () => {
  const trainerState = parseTrainerState(
    '{"global_step": 20, "best_model_checkpoint": "./out/checkpoint-10", "log_history": []}',
  );
  const told = async (...folders: readonly string[]) => {
    const files = new MemoryFiles(Object.fromEntries(folders.map((name) => [`/out/${name}/a`, ""])));
    return bestCheckpointGone(files, { folder: "/out/checkpoint-20", trainerState });
  };
  expect(await told("checkpoint-20", "checkpoint-30")).toMatchObject([{ code: "BestElsewhere" }]);
  expect(await told("checkpoint-20", "checkpoint-10")).toEqual([]);
  expect(await told("checkpoint-20")).toEqual([]);
});

it("a config.json of zeros, which the Trainer reads first", async () => {
  const files = sampleCheckpoint();
  files.write("/run/checkpoint-240/config.json", new Uint8Array(20));
  const report = await resumeOf(files, "/run/checkpoint-240");
  expect(report.sentence).toMatch(/^No: config\.json is not valid JSON: the Trainer reads it/);
  files.write("/run/checkpoint-240/config.json", "{}");
  expect((await resumeOf(files, "/run/checkpoint-240")).answer).toBe("finished");
});

it("a folder of the Trainer that lost its trainer_state.json", async () => {
  const files = sampleCheckpoint();
  files.write("/run/checkpoint-240/training_args.bin", torchArchive(dict({})));
  files.remove("/run/checkpoint-240/trainer_state.json");
  const report = await resumeOf(files, "/run/checkpoint-240");
  expect(report.sentence).toMatch(/^No: trainer_state\.json is missing: the Trainer reads it first/);
});

it("a random state that torch does not take", async () => {
  const files = sampleCheckpoint();
  const shortened = dict({ cpu: floats("0", 3) });
  files.write("/run/checkpoint-240/rng_state.pth", torchArchive(shortened, { 0: floatBytes(1, 2, 3) }));
  const { checks } = await resumeOf(files, "/run/checkpoint-240");
  expect(checks.find(({ what }) => what === "Random state")).toMatchObject({
    verdict: "error",
    reason: expect.stringContaining("of 3 bytes, where torch takes 5,056"),
  });
});
