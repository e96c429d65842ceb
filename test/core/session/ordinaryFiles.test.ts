import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { alignSnapshots } from "../../../src/core/compare/tensors/alignSnapshots";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import { ggufFile } from "../../support/made/ggufFile";
import { MemoryFiles } from "../../support/memoryFiles";
import { projectRoot } from "../../support/projectRoot";

const folder = join(projectRoot, "test", "fixtures", "ordinary");

interface Expected {
  readonly kind?: string | null;
  readonly parameters?: number | null;
  /** Null where nothing may be said. */
  readonly progress?: Readonly<Record<string, number | null>>;
  readonly finished?: boolean;
  /** Name of the metric of which the best value is told. */
  readonly best?: string;
  readonly lower?: boolean;
  /** A value among those that are told beside step and loss. */
  readonly metric?: number;
  /** How many such values are told. */
  readonly metrics?: number;
  readonly tensors?: readonly string[];
  /** By the optimizer's path the models that it trains. */
  readonly of?: Readonly<Record<string, readonly string[]>>;
  /** Paths of histories. */
  readonly series?: readonly string[];
  /** How many parts of a kind are told. */
  readonly histories?: number;
  readonly models?: number;
  readonly resume?: string;
  /** There is nothing from which a training could start. */
  readonly noweights?: boolean;
}

const files = Object.entries(
  JSON.parse(readFileSync(join(folder, "expected.json"), "utf8")) as Record<string, Expected>,
);

function open(name: string): Promise<CheckpointSession> {
  const path = `/m/${name}`;
  const bytes = new Uint8Array(readFileSync(join(folder, name)));
  return CheckpointSession.open(new MemoryFiles({ [path]: bytes }), path, () => undefined);
}

describe("a checkpoint that was written by hand", () => {
  it.each(files)("is what torch saved: %s", async (name, expected) => {
    const session = await open(name);
    const summary = session.summary();
    if (expected.kind) expect(summary.kind).toBe(expected.kind);
    if (expected.parameters != null) expect(summary.parameterCount).toBe(expected.parameters);
    const { progress } = summary;
    for (const [key, value] of Object.entries(expected.progress ?? {})) {
      const told = progress?.[key as "step"];
      if (value === null) expect(told, key).toBeUndefined();
      else expect(told, key).toBeCloseTo(value, 6);
    }
    expect(progress?.finished === true).toBe(expected.finished === true);
    if (expected.best !== undefined) expect(progress?.bestMetricName).toBe(expected.best);
    if (expected.lower !== undefined) expect(progress?.bestIs).toBe(expected.lower ? "lowest" : "highest");
    if (expected.metric !== undefined) {
      expect(progress?.metrics?.map(({ value }) => value)).toContainEqual(expected.metric);
    }
    if (expected.metrics !== undefined) expect(progress?.metrics ?? []).toHaveLength(expected.metrics);
    if (expected.tensors !== undefined)
      expect(session.checkpoint.tensors.map((one) => one.name).sort()).toEqual(expected.tensors);
    // A damaged file and nobody's: none of these is.
    expect(summary.problems.filter(({ severity }) => severity !== "info")).toEqual([]);
  });

  it.each(files)("has the parts that were put into it: %s", async (name, expected) => {
    const { of = {}, series = [], histories, models } = expected;
    const all = (await open(name)).parts();
    const parts = new Map(all.map((part) => [part.path, part]));
    const roles = all.map(({ role }) => role);
    if (histories !== undefined) expect(roles.filter((role) => role === "history")).toHaveLength(histories);
    if (models !== undefined) expect(roles.filter((role) => /model/.test(role))).toHaveLength(models);
    for (const [optimizer, trained] of Object.entries(of)) expect(parts.get(optimizer)?.of).toEqual(trained);
    for (const path of series) expect(parts.get(path)?.role).toBe("history");
  });

  it.each(files)("is resumed from as far as it can be: %s", async (name, { resume, noweights, kind }) => {
    const { answer, sentence } = await (await open(name)).resume();
    if (resume !== undefined) expect(answer, sentence).toBe(resume);
    else if (noweights === true) expect(answer, sentence).toBe("no");
    else if (kind !== "data") expect(answer, sentence).not.toBe("no");
  });

  it("has its own parts, and not those of another one beside it", async () => {
    const read = (name: string) => new Uint8Array(readFileSync(join(folder, name)));
    const files = new MemoryFiles({ "/m/hist1.pt": read("hist1.pt"), "/m/gan.pt": read("gan.pt") });
    const session = await CheckpointSession.open(files, "/m/hist1.pt", () => undefined);
    const { parts, missingParts, resumable } = session.summary();
    expect(parts.map(({ label, files: of }) => [label, of.map(({ name }) => name)])).toEqual([
      ["model weights", ["hist1.pt"]],
      ["optimizer state", ["hist1.pt"]],
      ["training progress and log", ["hist1.pt"]],
    ]);
    // Its optimizer ran without a schedule, and no code asks for a config.json.
    expect(missingParts.map(({ label }) => label)).toEqual(["random state"]);
    expect(resumable.answer).toBe("partly");
  });
});

it("misses no config.json where the file itself says what the model is", async () => {
  const tensors = [{ name: "output_norm.weight", values: [1, 2] }];
  const missing = async (keys: Readonly<Record<string, string>>) => {
    const files = new MemoryFiles({ "/m/m.gguf": ggufFile({ keys, tensors }) });
    const session = await CheckpointSession.open(files, "/m/m.gguf", () => undefined);
    return session.summary().missingParts.map(({ label }) => label);
  };
  expect(await missing({})).toContain("model configuration");
  expect(await missing({ "general.architecture": "llama" })).not.toContain("model configuration");
});

it("compares the weights of trainings, and their metrics and optimizers apart", async () => {
  const session = await open("modelState.pt");
  const weights = session.checkpoint.tensors;
  const snapshots = ["a", "b"].map((label) => ({ path: label, label, session, weights, failure: undefined }));
  const { rows } = alignSnapshots(snapshots);
  const firstState = rows.findIndex(({ part }) => part !== undefined);
  const isOfModel = rows.map(({ name }) => name.startsWith("model_state."));
  expect(isOfModel.lastIndexOf(true)).toBe(firstState - 1);
  expect(isOfModel.indexOf(false)).toBe(firstState);
  expect(rows.slice(firstState).map(({ name }) => name)).toContain("best_mae_error");
});
