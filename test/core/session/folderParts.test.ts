import { join } from "node:path";
import { expect, test } from "vitest";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import { optimizerViews } from "../../../src/core/session/optimizerQuestions";
import { partSettings } from "../../../src/core/session/partSettings";
import { joinedFixture } from "../../support/made/joinedFolders";
import { projectRoot } from "../../support/projectRoot";
import { folderInMemory } from "../resume/resumeFiles";

const sample = join(projectRoot, "media/sample/03-fine-tuning/checkpoint-240");

test("a Trainer's folder holds its other parts: each file's content and settings", async () => {
  const files = folderInMemory(sample, "/run/checkpoint-240");
  const session = await CheckpointSession.open(files, "/run/checkpoint-240", () => undefined);
  const { contents } = session.summary();
  expect(contents?.map(({ name, label }) => [name, label])).toEqual([
    ["optimizer.pt", "optimizer state"],
    ["scheduler.pt", "scheduler state"],
    ["rng_state.pth", "random state"],
  ]);
  const scheduler = await session.part("scheduler.pt");
  const page = scheduler.contentPage([], 0);
  expect(page?.root?.type).toBe("dict");
  expect(page?.nodes.map(({ key }) => key)).toContain("last_epoch");
  const settings = await partSettings(session);
  expect(settings.map(({ file }) => file)).toEqual(["scheduler.pt", "rng_state.pth"]);
  const rows = settings[0]?.groups.flatMap((group) => group.rows.map((row) => row.slice(0, 2)));
  expect(rows).toContainEqual(["last_epoch", "240"]);
  // torch's generator of the processor keeps 5,056 bytes.
  const random = settings[1]?.groups.flatMap((group) => group.rows.map((row) => row.slice(0, 2)));
  expect(random).toContainEqual(["cpu", "U8 [5056]"]);
  // No other file of the folder, and none outside of it.
  expect(() => session.part("trainer_state.json")).toThrow(RangeError);
  expect(() => session.part("../secret.pt")).toThrow(RangeError);
});

test("a part that is damaged says so, and the others are read", async () => {
  const files = folderInMemory(sample, "/run/checkpoint-240");
  files.write("/run/checkpoint-240/scheduler.pt", new TextEncoder().encode("not a pickle"));
  const session = await CheckpointSession.open(files, "/run/checkpoint-240", () => undefined);
  const [scheduler, random] = await partSettings(session);
  expect(scheduler).toMatchObject({ file: "scheduler.pt", groups: [], failure: expect.any(String) });
  expect(random?.groups.length).toBeGreaterThan(0);
});

test("the moments of DeepSpeed are found beside the weights that the Trainer gathered", async () => {
  const files = joinedFixture("zero3");
  const weights = folderInMemory(sample, "/sample");
  const whole = await weights.open("/sample/adapter_model.safetensors");
  files.write("/run/zero3/model.safetensors", await whole.read(0, whole.size));
  const session = await CheckpointSession.open(files, "/run/zero3", () => undefined);
  expect(session.checkpoint.format).toBe("safetensors");
  expect(session.summary().hasOptimizer).toBe(true);
  const holder = await session.optimizerHolder();
  expect(holder.checkpoint.path).toBe("/run/zero3/global_step30");
  const [view] = optimizerViews(holder);
  expect(view?.parameterCount).toBe(6);
});

test.each(["resume first", "health first", "both at once"])(
  "what health and resume read is read once: %s",
  async (order) => {
    const files = folderInMemory(sample, "/run/checkpoint-240");
    files.write("/run/checkpoint-240/scheduler.pt", new TextEncoder().encode("not a pickle"));
    const session = await CheckpointSession.open(files, "/run/checkpoint-240", () => undefined);
    files.opened.length = 0;
    if (order === "both at once") await Promise.all([session.resume(), session.health()]);
    else if (order === "resume first") await session.resume();
    const problems = await session.health();
    const { checks } = await session.resume();
    const whole = (name: string) => files.opened.filter((path) => path.endsWith(`/${name}`)).length;
    expect(["scheduler.pt", "rng_state.pth"].map(whole)).toEqual([1, 1]);
    // Its directory is known; each answer looks at some values anew.
    expect(whole("adapter_model.safetensors")).toBe(order === "health first" ? 1 : 2);
    expect(problems.map(({ file }) => file)).toEqual(["/run/checkpoint-240/scheduler.pt"]);
    expect(checks.find(({ what }) => what === "Schedule")?.verdict).toBe("error");
  },
);
