import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { compareWithBase } from "../../../src/core/base/compareWithBase";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import { safetensorsFile } from "../../support/made/safetensorsFile";
import { MemoryFiles } from "../../support/memoryFiles";

interface Expected {
  readonly config: object;
  readonly module: string;
  readonly norm: number;
  readonly baseNorm: number;
}

const folder = join(import.meta.dirname, "../../fixtures/overBase");
const fixture = (name: string) => readFileSync(join(folder, name));
const expected: Readonly<Record<string, Expected>> = JSON.parse(fixture("expected.json").toString());

async function compare(adapter: Uint8Array, config: object, base = fixture("base.safetensors")) {
  const files = new MemoryFiles({
    "/adapter/adapter_model.safetensors": adapter,
    "/adapter/adapter_config.json": JSON.stringify(config),
    "/base/model.safetensors": base,
  });
  const open = (path: string) => CheckpointSession.open(files, path, () => undefined);
  return compareWithBase(await open("/adapter"), await open("/base"));
}

describe("what an adapter makes of its base's weight (makeOverBaseReference.py)", () => {
  it.each(Object.entries(expected))("%s", async (name, { config, module, norm, baseNorm }) => {
    const { modules, ratio, problems } = await compare(fixture(`${name}.safetensors`), config);
    expect(problems).toEqual([]);
    expect(modules.map((each) => each.module)).toEqual([module]);
    expect((modules[0]?.norm ?? 0) / norm).toBeCloseTo(1, 12);
    expect((modules[0]?.baseNorm ?? 0) / baseNorm).toBeCloseTo(1, 12);
    expect(ratio).toBeCloseTo(norm / baseNorm, 12);
  });

  it.each([
    ["oft_exact", { coft: true }, "projects its rotation before use (coft)"],
    ["oft_exact", { fan_in_fan_out: true }, "a weight of another shape"],
    ["hra", { fan_in_fan_out: true }, "a weight of another shape"],
    ["road_1", { group_size: 10 }, "a weight of another shape"],
  ])("%s with %j is told and not computed", async (name, more, why) => {
    const { modules, problems } = await compare(fixture(`${name}.safetensors`), {
      ...expected[name]?.config,
      ...more,
    });
    expect(modules).toEqual([]);
    expect(problems.map(({ message }) => message).join()).toContain(why);
  });

  it("FourierFT of a convolution is told and not computed", async () => {
    const name = "base_model.model.conv.fourierft_spectrum";
    const adapter = safetensorsFile({ tensors: [{ name, dtype: "F32", shape: [10] }] });
    const { modules, problems } = await compare(Buffer.from(adapter), { peft_type: "FOURIERFT" });
    expect(modules).toEqual([]);
    expect(problems.map(({ message }) => message).join()).toContain("fills a convolution");
  });
});
