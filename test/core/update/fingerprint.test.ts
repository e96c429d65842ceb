import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { StageLabel } from "../../../src/core/stage/stage";
import { fingerprintOfAdapter, refineStage } from "../../../src/core/update/adapterFingerprint";
import { measureModule } from "../../../src/core/update/measureModule";
import type { ModuleFingerprint } from "../../../src/core/update/stageFingerprint";
import { openFixture } from "../adapter/adapterFile";

const folder = join(import.meta.dirname, "../../fixtures/fingerprints");
const expected = JSON.parse(readFileSync(join(folder, "expected.json"), "utf8")) as Record<
  string,
  { readonly kind: string; readonly initialisation: string | null }
>;

async function fingerprintOfFile(name: string) {
  const { adapter, read } = openFixture(name, folder);
  const modules = [];
  for (const module of adapter.modules) {
    modules.push((await measureModule(module, read)).measurement.fingerprint);
  }
  return { modules, adapter: fingerprintOfAdapter(modules) };
}

describe("fingerprints of generated adapters (makeFingerprints.py)", () => {
  it.each(Object.entries(expected))("%s", async (name, { kind, initialisation }) => {
    const { modules, adapter } = await fingerprintOfFile(name);
    // The evidence is there to be read when a kind is wrong.
    expect(modules.map((module) => `${module?.kind}: ${module?.evidence()}`)).toEqual(
      modules.map((module) => `${kind}: ${module?.evidence()}`),
    );
    expect(adapter).toMatchObject({ kind, count: modules.length, total: modules.length });
    if (initialisation !== null) expect(modules[0]?.initialisation).toMatch(initialisation);
  });
});

describe("fingerprintOfAdapter", () => {
  const module = (kind: ModuleFingerprint["kind"], off = 0.5): ModuleFingerprint => ({
    kind,
    confidence: "high",
    evidence: () => "…",
    offDiagonalA: off,
    offDiagonalB: off,
  });

  it("takes the majority and says how large it is", () => {
    const found = fingerprintOfAdapter([module("trained"), module("trained"), module("balanced"), undefined]);
    expect(found).toMatchObject({ kind: "trained", stage: "fine-tuning", count: 2, total: 3 });
    expect(found).toMatchObject({ confidence: "medium", reason: "In 2 of 3 modules …." });
  });

  it("keeps silent where no kind has more than half, or nothing can be judged", () => {
    expect(fingerprintOfAdapter([module("trained"), module("balanced")])).toBeUndefined();
    expect(fingerprintOfAdapter([undefined])).toBeUndefined();
    expect(fingerprintOfAdapter([])).toBeUndefined();
  });
});

describe("refineStage", () => {
  const named = (stage: string): StageLabel => ({
    stage,
    source: "name",
    reason: "The name.",
    inferred: true,
  });
  const said = (stage: string): StageLabel => ({
    stage,
    source: "user",
    reason: "You set it.",
    inferred: false,
  });

  it("fills in a stage that nothing else tells", async () => {
    const { adapter } = await fingerprintOfFile("pissa_f32");
    const { stage, note } = refineStage(undefined, adapter);
    expect(stage).toMatchObject({ stage: "svd", source: "tensors", inferred: true });
    expect(stage?.reason).toContain("In all 2 modules rows of A and columns of B are orthogonal");
    expect(note).toBeUndefined();
  });

  it("replaces a guess that the tensors contradict, and says so", async () => {
    const { adapter } = await fingerprintOfFile("pissa_f32");
    const refined = refineStage(named("fine-tuning"), adapter);
    expect(refined.stage).toMatchObject({ stage: "svd", source: "tensors" });
    expect(refined.stage?.reason).toContain("Against it: The name.");
    expect(refined.note).toContain('look like a fresh SVD product, not like "fine-tuning"');
  });

  it("only notes a contradiction to what somebody said, or to a reduction of unknown method", async () => {
    const { adapter } = await fingerprintOfFile("trained_f32");
    expect(refineStage(said("svd"), adapter)).toMatchObject({
      stage: { stage: "svd", source: "user" },
      note: expect.stringContaining("look trained"),
    });
    expect(refineStage(named("rank-reduction"), adapter).stage).toMatchObject({ stage: "rank-reduction" });
  });

  it("agrees with a rank reduction that is an SVD product, and with labels of the user's own", async () => {
    const { adapter } = await fingerprintOfFile("mergekit_f32");
    for (const label of [named("rank-reduction"), said("svd"), said("before the talk")]) {
      expect(refineStage(label, adapter)).toEqual({ stage: label, note: undefined });
    }
  });
});
