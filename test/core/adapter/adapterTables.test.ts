import { describe, expect, it } from "vitest";
import { findAdapter } from "../../../src/core/adapter/adapter";
import { dialects, parseLoraKey } from "../../../src/core/adapter/dialects/dialectTable";
import { cannotMerge, type Method } from "../../../src/core/adapter/methods/method";
import { methods, otherMethodOf } from "../../../src/core/adapter/methods/methodTable";
import { loraVariants } from "../../../src/core/adapter/methods/variants";
import { tensor } from "./adapterFile";
import { adapterTables } from "./adapterTables";

describe("docs/adapters.md", () => {
  it("says what the tables of dialects, methods and variants say (vitest -u writes it)", async () => {
    await expect(await adapterTables()).toMatchFileSnapshot("../../../docs/adapters.md");
  });
});

describe("every dialect", () => {
  const inPlace = dialects.filter(({ isOf }) => isOf !== undefined);

  it.each(inPlace.map((dialect) => [dialect.id, dialect] as const))(
    "%s is told from its own example",
    (id, { example: [down, up] }) => {
      expect(parseLoraKey(down)?.role).toBe("a");
      expect(parseLoraKey(up)?.role).toBe("b");
      const adapter = findAdapter([tensor(down, [4, 24]), tensor(up, [16, 4])], undefined, new Map());
      expect(adapter?.dialect).toBe(id);
    },
  );

  it("has a name of its own", () => {
    expect(new Set(dialects.map(({ id }) => id)).size).toBe(dialects.length);
  });
});

describe("every method", () => {
  const told = methods.filter(({ names }) => names !== undefined);

  it.each(told.map((method) => [method.id, method] as const))("%s is told from its tensors", (id, method) => {
    expect(otherMethodOf(nameOf(method))).toBe(id);
  });

  it("GLoRA of LyCORIS is told from each of its four matrices", () => {
    for (const part of ["a1", "a2", "b1", "b2"])
      expect(otherMethodOf(`lora_unet_mid_block.${part}.weight`)).toBe("GLORA");
  });

  it("has a name of its own, and a reason where it is not measured", () => {
    expect(new Set(methods.map(({ id }) => id)).size).toBe(methods.length);
    for (const method of methods) {
      if (method.whyNotMeasured !== undefined) expect(cannotMerge(method)).toBeDefined();
    }
    expect(new Set(loraVariants.map(({ id }) => id)).size).toBe(loraVariants.length);
  });
});

/** A tensor of the method where such a one stands. */
function nameOf({ id, example }: Method): string {
  if (id === "FULL") return `lora_unet_mid.${example}`;
  if (id === "PROMPT_TUNING") return example;
  return `base_model.model.model.layers.0.self_attn.q_proj.${example}`;
}
