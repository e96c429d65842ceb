import { describe, expect, test } from "vitest";
import type { OptimizerState } from "../../../src/core/optimizer/optimizerState";
import { judgeResumeInputs } from "../../../src/core/resume/judgeResume";
import type { ModelInputs, ResumeInputs } from "../../../src/core/resume/resumeInputs";
import { checkOf } from "./resumeFiles";
import { inputs, model, optimizer, range } from "./resumeGiven";

test("all of it in order", () => {
  expect(judgeResumeInputs(inputs({})).answer).toBe("yes");
});

test("a folder without its weights is told by the parts that are there", () => {
  expect(judgeResumeInputs(inputs({ model: undefined, optimizer: undefined })).sentence).toBe(
    "No: checkpoint-100 holds no parameters: only other parts of a checkpoint are here, scheduler.pt, rng_state.pth, trainer_state.json.",
  );
  const bare = { model: undefined, optimizer: undefined, schedulers: [], progress: undefined };
  const none = judgeResumeInputs(inputs({ ...bare, random: { ranks: [], places: [] } }));
  expect(none.sentence).toMatch(/: no weights that are known here lie in the folder\.$/);
});

test("one count of steps for all parameters is the step of the training, also without moments", () => {
  const states = [optimizer([], { name: "optimizer", emptyState: true, groups: [] })];
  const given = { place: "optimizer", states, steps: [{ ...range(11), once: true as const }] };
  const report = judgeResumeInputs(inputs({ optimizer: given, progress: undefined }));
  expect(checkOf(report, "Progress")?.reason).toContain("counts step 11");
  expect(checkOf(report, "Optimizer state")?.reason).toMatch(/counts step 11 and has no moments/);
  expect(report.sentence).not.toContain("start at 0");
});

describe("optimizer against parameters", () => {
  const fits = (states: readonly OptimizerState[], shapes: readonly (readonly number[])[]) =>
    checkOf(
      judgeResumeInputs(
        inputs({ model: model(shapes), optimizer: { place: "optimizer.pt", states, steps: [] } }),
      ),
      "Optimizer fits the parameters",
    );

  test("fewer than tensors: the others are frozen", () => {
    expect(fits([optimizer([[4, 4]])], [[4, 4], [4], [9, 9]])).toMatchObject({
      verdict: "ok",
      reason: expect.stringMatching(/1 parameter of optimizer\.pt fit .* 2 tensors without state/),
    });
  });

  test("a shape that no tensor has, and one that too few have", () => {
    expect(fits([optimizer([[4, 5], [4]])], [[4, 4], [4]])).toMatchObject({
      verdict: "error",
      reason: expect.stringMatching(/1 of 2 shapes, such as 4 × 5/),
    });
    expect(fits([optimizer([[4], [4]])], [[4], [5]])?.verdict).toBe("error");
    // The weights of sentence-transformers' further modules lie in folders of their own.
    const inFolders = { ...(model([[4]]) as ModelInputs), moduleFolders: ["1_Pooling", "2_Dense"] };
    const report = judgeResumeInputs(
      inputs({
        model: inFolders,
        optimizer: { place: "optimizer.pt", states: [optimizer([[4], [8, 4]])], steps: [] },
      }),
    );
    expect(checkOf(report, "Optimizer fits the parameters")).toMatchObject({
      verdict: "unknown",
      reason: expect.stringMatching(/1_Pooling and 2_Dense/),
    });
  });

  test("more parameters than tensors, without shapes", () => {
    const shapeless = optimizer([[4], [4], [4]]);
    const states = [
      { ...shapeless, parameters: shapeless.parameters.map((one) => ({ ...one, shape: undefined })) },
    ];
    expect(fits(states, [[4], [4]])?.verdict).toBe("error");
    expect(fits(states, [[4], [4], [5]])?.verdict).toBe("ok");
    expect(fits(states, [[4], [4], [5], [6]])?.verdict).toBe("unknown");
  });

  test("more parameters than tensors, of which some have no state", () => {
    const given = optimizer([[4, 4], [4], [6]]);
    const [first, second, third] = given.parameters.map((one, at) => ({
      ...one,
      ...(at === 1 ? { shape: undefined } : {}),
    }));
    if (first === undefined || second === undefined || third === undefined) throw new Error("not three");
    const states = [{ ...given, parameters: [first, second, third] }];
    const judged = (isAdapter: boolean) =>
      checkOf(
        judgeResumeInputs(
          inputs({
            model: { ...(model([[4, 4], [6]]) as ModelInputs), isAdapter },
            optimizer: { place: "optimizer.pt", states, steps: [] },
          }),
        ),
        "Optimizer fits the parameters",
      );
    expect(judged(true)).toMatchObject({
      verdict: "ok",
      reason: expect.stringMatching(/3 parameters, 2 tensors\. 1 parameter of optimizer\.pt has no state/),
    });
    expect(judged(false)?.verdict).toBe("unknown");
  });

  test("flat state of FSDP and low ranks of GaLore do not tell", () => {
    expect(fits([optimizer([[1000]])], [[4, 4], [4]])?.verdict).toBe("unknown");
    expect(fits([optimizer([[2, 4]], { name: "GaLore" })], [[4, 4], [4]])?.verdict).toBe("unknown");
  });

  test("names in the file are looked up, wrappers' prefixes aside", () => {
    const named = (name: string, shape: readonly number[]) => {
      const one = optimizer([shape]);
      return { ...one, parameters: one.parameters.map((parameter) => ({ ...parameter, name })) };
    };
    expect(fits([named("module.layers.0.weight", [4, 4])], [[4, 4]])?.verdict).toBe("ok");
    expect(fits([named("layers.0.weight", [4, 5])], [[4, 4]])).toMatchObject({
      verdict: "error",
      reason: expect.stringMatching(/keeps layers\.0\.weight as 4 × 5, the parameter is 4 × 4/),
    });
    const two = [named("layers.0.weight", [4, 4]), named("layers.7.weight", [4, 4])];
    expect(fits(two, [[4, 4]])).toMatchObject({
      verdict: "warning",
      reason: expect.stringMatching(/lacks 1 of 2/),
    });
  });
});

describe("optimizer state", () => {
  const state = (given: Partial<OptimizerState>, step = 100) =>
    checkOf(
      judgeResumeInputs(
        inputs({
          optimizer: {
            place: "optimizer.pt",
            states: [optimizer([[4]], { emptyState: true, ...given })],
            steps: [],
          },
          progress: { place: "trainer_state.json", step, epoch: 0 },
        }),
      ),
      "Optimizer state",
    );

  test("empty after 100 steps is in doubt, before the first it is right", () => {
    expect(state({})?.verdict).toBe("warning");
    expect(state({}, 0)?.verdict).toBe("ok");
    expect(state({})?.reason).toMatch(/trainer_state\.json says step 100, no gradient reached them/);
  });

  test("LBFGS keeps that of all parameters with the first", () => {
    const own = optimizer([[4, 4], [4]], { name: "LBFGS" });
    const report = judgeResumeInputs(
      inputs({ optimizer: { place: "optimizer.pt", states: [own], steps: [range(100)] } }),
    );
    expect(checkOf(report, "Optimizer state")?.reason).toBe("optimizer.pt: LBFGS, state of 2 parameters.");
  });

  test("SGD without momentum keeps nothing", () => {
    const [group] = optimizer([[4]]).groups;
    if (group === undefined) throw new Error("no group");
    const groups = [{ ...group, settings: new Map([["momentum", 0]]) }];
    expect(state({ name: "SGD", groups })?.verdict).toBe("ok");
  });
});

describe("schedule", () => {
  const schedule = (settings: ReadonlyMap<string, number>) => {
    const one = optimizer([[4, 4], [4]]);
    const states = [{ ...one, groups: one.groups.map((group) => ({ ...group, settings })) }];
    const report = judgeResumeInputs(
      inputs({ schedulers: [], optimizer: { place: "optimizer.pt", states, steps: [range(100)] } }),
    );
    return checkOf(report, "Schedule");
  };

  test("none is missing where none was used", () => {
    expect(schedule(new Map([["lr", 1e-3]]))?.verdict).toBe("ok");
    expect(schedule(new Map([["initial_lr", 1e-3]]))?.verdict).toBe("missing");
  });
});

describe("gradient scaler", () => {
  test("missing only where fp16 was used", () => {
    const scaler = (given: Partial<ResumeInputs>) =>
      checkOf(judgeResumeInputs(inputs(given)), "Gradient scaler");
    const place = "training_args.bin";
    expect(scaler({})).toBeUndefined();
    expect(scaler({ precision: { name: "fp16", place } })?.verdict).toBe("missing");
    expect(scaler({ precision: { name: "bf16", place } })?.verdict).toBe("ok");
    const there = scaler({
      precision: { name: "fp16", place },
      scaler: { place: "scaler.pt", scale: 65_536 },
    });
    expect(there?.reason).toBe("scaler.pt, at a scale of 65,536.");
    for (const scale of [0, Number.NaN, Number.POSITIVE_INFINITY])
      expect(scaler({ scaler: { place: "scaler.pt", scale } })?.verdict).toBe("error");
  });
});

describe("random states against the number of processes", () => {
  const random = (ranks: readonly number[], count: number) =>
    checkOf(
      judgeResumeInputs(
        inputs({
          random: { ranks, places: ranks.map((rank) => `rng_state_${rank}.pth`) },
          worldSize: { count, place: "training_args.bin" },
        }),
      ),
      "Random state",
    );

  test.each([
    [[0], 1, "ok"],
    [[0, 1, 2, 3], 4, "ok"],
    [[0], 4, "warning"],
    [[0, 1], 1, "warning"],
    [[], 1, "missing"],
  ] as const)("%j of %i", (ranks, count, verdict) => {
    expect(random(ranks, count)?.verdict).toBe(verdict);
  });

  test("names those that are missing", () => {
    expect(random([0, 2], 3)?.reason).toContain("rank 1 is missing");
    expect(random([0], 3)?.reason).toContain("ranks 1, 2 are missing");
  });
});

describe("steps", () => {
  const steps = (given: Partial<ResumeInputs>) => checkOf(judgeResumeInputs(inputs(given)), "Steps agree");
  const at = (...most: readonly number[]) => ({
    place: "optimizer.pt",
    states: most.map(() => optimizer([[4]])),
    steps: most.map((step) => range(step)),
  });
  const schedule = (step: number) => [{ place: "scheduler.pt", step, learningRates: [1e-3] }];

  test("fewer steps of the optimizer are the scaler's, where one was used", () => {
    expect(steps({ optimizer: at(97) })?.verdict).toBe("unknown");
    expect(steps({ optimizer: at(97), precision: { name: "fp32", place: "x" } })?.verdict).toBe("warning");
    const scaler = { place: "scaler.pt", scale: 1 };
    expect(steps({ optimizer: at(97), schedulers: schedule(97), scaler })).toMatchObject({
      verdict: "ok",
      reason: expect.stringMatching(/3 fewer: the gradient scaler skips/),
    });
    expect(steps({ optimizer: at(60), scaler })?.verdict).toBe("warning");
  });

  test("a schedule may count epochs, or once for each process", () => {
    expect(steps({ schedulers: schedule(2) })?.reason).toMatch(/counts epochs: 2, at epoch 2/);
    expect(steps({ schedulers: schedule(400) })?.reason).toMatch(/4 for each step, .* 4 processes/);
    expect(steps({ schedulers: schedule(60) })?.verdict).toBe("warning");
    // The Trainer logs the scheduler's own rate: where that is the file's, it was saved at this step.
    const logged = (loggedRate: number) =>
      ({ ...inputs({}).progress, place: "trainer_state.json", loggedRate }) as never;
    const anew = steps({ schedulers: schedule(60), progress: logged(1e-3) });
    expect(anew).toMatchObject({
      verdict: "ok",
      reason: expect.stringMatching(/counts 60, .* it began anew/),
    });
    expect(steps({ schedulers: schedule(60), progress: logged(2e-3) })?.verdict).toBe("warning");
    const ofMetrics = schedule(3).map((one) => ({ ...one, countsEvaluations: true as const }));
    const plateau = steps({ schedulers: ofMetrics });
    expect(plateau?.verdict).toBe("ok");
    expect(plateau?.reason).toMatch(/scheduler\.pt was stepped 3 times, with each metric/);
    // In one file nothing is of another moment.
    expect(steps({ kind: "file", schedulers: schedule(60) })?.verdict).toBe("unknown");
    // Stable-Baselines3 counts steps of the environment, and names the file by them.
    const ofEnvironment = { ...inputs({}).progress, place: "data.num_timesteps", countsOther: true } as never;
    const counted = { kind: "file", progress: ofEnvironment, optimizer: at(19), schedulers: [] } as const;
    expect(steps({ ...counted, namedStep: 100 })).toMatchObject({ verdict: "unknown" });
    expect(steps({ ...counted, namedStep: 90 })?.verdict).toBe("warning");
  });

  test("a schedule alone counts fewer where the scaler skips steps, and epochs where nothing else counts", () => {
    const scaler = { place: "scaler.pt", scale: 1 };
    const alone = { optimizer: undefined, schedulers: schedule(99) };
    expect(steps(alone)?.verdict).toBe("warning");
    expect(steps({ ...alone, scaler })?.reason).toMatch(/The schedule made 1 fewer/);
    const unstated = { progress: undefined, namedStep: undefined, optimizer: at(39) };
    expect(steps({ ...unstated, schedulers: schedule(3) })).toMatchObject({
      verdict: "unknown",
      reason: expect.stringMatching(/step 39, and scheduler\.pt says 3: a schedule may count epochs/),
    });
    expect(steps({ ...unstated, schedulers: schedule(38) })?.verdict).toBe("warning");
  });

  test("Lightning counts the steps of two optimizers together", () => {
    expect(steps({ optimizer: at(50, 50) })).toMatchObject({
      verdict: "ok",
      reason: expect.stringMatching(/all optimizers together/),
    });
  });

  test("one count alone agrees with nothing", () => {
    const alone = { optimizer: at(7), schedulers: [], progress: undefined, namedStep: undefined };
    expect(steps(alone)).toMatchObject({
      verdict: "unknown",
      reason: expect.stringMatching(/nothing to compare/),
    });
  });
});

test("a file that is more than is read here may be loaded by others", () => {
  const told = { name: "model.pt", role: "parameters", reason: "is read to a limit: it is large." } as const;
  const answers = [true, false].map(
    (isBeyondLimit) => judgeResumeInputs(inputs({ broken: [{ ...told, isBeyondLimit }] })).answer,
  );
  expect(answers).toEqual(["unknown", "no"]);
});
