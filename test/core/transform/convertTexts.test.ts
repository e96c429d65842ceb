import { join } from "node:path";
import { expect, test } from "vitest";
import { holdsNoNumbers } from "../../../src/core/tensors/dtype";
import { planAverage } from "../../../src/core/transform/model/average";
import { planConversion } from "../../../src/core/transform/model/convert";
import { openSession } from "../../support/made/tensorFiles";
import { projectRoot } from "../../support/projectRoot";

test("a conversion leaves out texts, objects and records, and names them", async () => {
  const source = await openSession(join(projectRoot, "test/fixtures/numpy/special.npz"));
  for (const only of ["all", "model"] as const) {
    const { tensors, noArrays, leftOut } = await planConversion(source, { only });
    expect([tensors.map(({ name }) => name), leftOut]).toEqual([["bfloat16"], 0]);
    expect([...noArrays].sort()).toEqual(["names", "objects", "structured"]);
  }
});

test("a conversion of an adapter in GGUF would lose its scale, and so would an average", async () => {
  const source = await openSession(join(projectRoot, "test/fixtures/ggufTwins/adapter.gguf"));
  await expect(planConversion(source, { only: "all" })).rejects.toThrow(/adapter\.lora\.alpha/);
  await expect(planAverage([source, source])).rejects.toThrow(/adapter\.lora\.alpha/);
});

test("types of numbers are told from those of texts, objects and dates", () => {
  const names = ["string", "variant", "S3", "O", "M8[ns]", "F32", "C128", "U8", "integer", "U4"];
  const found = names.filter((dtype) => holdsNoNumbers({ dtype, shape: [4], byteSize: 4 }));
  expect(found).toEqual(["string", "variant", "S3", "O", "M8[ns]"]);
});
