import { describe, expect, it } from "vitest";
import { type CostlyFile, costlyFiles } from "../../../fuzz/costlyFiles";
import { read } from "../torch/torchFixtures";

/** A kind each of what makes few bytes cost much, and what is told of it. */
const kinds: readonly (readonly [name: string, code: string | undefined])[] = [
  ["tuples in tuples.pt", "PickleLimit"],
  ["dicts of one.pt", "PickleLimit"],
  ["doubled lists.pt", undefined],
  ["doubled tensors.pt", "TooManyTensors"],
  ["doubled tensors by long names.pt", "TooManyTensors"],
  ["pickles in bytes.pt", "PickleLimit"],
  ["imports of long names.pt", "DangerousImport"],
  ["pickles beside it.pt", "NestedPickleLimit"],
  ["a lie about its size.pt", "DamagedDeflate"],
  ["an array of 2^60.gguf", "DamagedHeader"],
];

/** Characters of all that is told of a file. */
async function told({ name, make }: CostlyFile) {
  const bytes = make();
  const parsed = await read(bytes, name).catch((error: unknown) => ({
    problems: [{ code: (error as { code: string }).code }],
    tensors: [],
    imports: [],
  }));
  const names = parsed.tensors.reduce((sum, tensor) => sum + tensor.name.length, 0);
  return {
    fileBytes: bytes.length,
    tensors: parsed.tensors.length,
    names,
    imports: JSON.stringify(parsed.imports ?? []).length,
    codes: new Set(parsed.problems.map(({ code }) => code)),
  };
}

describe("a small file that asks for much", () => {
  it.each(kinds)(
    "(%s) gets no more than its size allows, and is told to go beyond that (%s)",
    async (name, code) => {
      const file = costlyFiles.find((each) => each.name === name) as CostlyFile;
      const { fileBytes, tensors, names, imports, codes } = await told(file);
      expect(fileBytes).toBeLessThan(1_000_000);
      expect(tensors).toBeLessThanOrEqual(Math.ceil(15_000 + fileBytes / 8));
      expect(names).toBeLessThan(22_000_000);
      expect(imports).toBeLessThan(12_000_000);
      if (code !== undefined) expect([...codes]).toContain(code);
    },
  );
});

/** How often others had a turn meanwhile: timers count, as the worker's other calls come like these. */
async function turnsDuring(work: Promise<unknown>): Promise<number> {
  let turns = 0;
  const timer = setInterval(() => {
    turns++;
  }, 0);
  await work.finally(() => clearInterval(timer));
  return turns;
}

it.each([
  ["pickles in bytes.pt", 100],
  ["many small pickles.pkl", 10],
])("while %s is read others have a turn, %i times at least", async (name, least) => {
  const file = costlyFiles.find((each) => each.name === name) as CostlyFile;
  expect(await turnsDuring(told(file))).toBeGreaterThanOrEqual(least);
});
