import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import { MemoryFiles } from "../../support/memoryFiles";
import { projectRoot } from "../../support/projectRoot";

const folder = join(projectRoot, "test", "fixtures", "ordinary");

interface Expected {
  readonly parameters: number;
  readonly kind: string;
  /** Null where nothing may be said. */
  readonly progress: Readonly<Record<string, number | null>>;
}

const files = Object.entries(
  JSON.parse(readFileSync(join(folder, "expected.json"), "utf8")) as Record<string, Expected>,
);

describe("a checkpoint that was written by hand", () => {
  it.each(files)("is what torch saved: %s", async (name, { parameters, kind, progress }) => {
    const path = `/m/${name}`;
    const bytes = new Uint8Array(readFileSync(join(folder, name)));
    const session = await CheckpointSession.open(new MemoryFiles({ [path]: bytes }), path, () => undefined);
    const summary = session.summary();
    expect(summary.kind).toBe(kind);
    expect(summary.parameterCount).toBe(parameters);
    const stated = Object.entries(progress).map(([key, value]) => [key, value ?? undefined]);
    expect(summary.progress).toMatchObject(Object.fromEntries(stated));
  });
});
