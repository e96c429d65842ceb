import { expect } from "vitest";
import { rowsOf } from "../../../src/core/tensors/packed/packedWeight";
import type { Tensor } from "../../../src/core/tensors/tensor";
import { fixtureJson, oneFile, open } from "./proof";

type Values = Readonly<Record<string, { readonly shape: readonly number[]; readonly values: string }>>;

/**
 * Weights whose codes a file says itself how to read have the shapes and values of `formatTable/<wanted>`, F32 by the names
 * of the codes, which its library computes with: those that are picked. All codes there are in it.
 */
export async function holdsValues(name: string, wanted: string, pick = /./): Promise<void> {
  const all = fixtureJson<Values>(`formatTable/${wanted}`);
  const session = await open(oneFile(`formatTable/${name}`), `/f/${name}`);
  const { weights, unknown } = await session.packedCodes();
  // Those whose scales another node makes are told, as all whose values are not computed.
  expect([...unknown.keys()].map((codes) => codes.name)).toEqual(name === "codes.onnx" ? ["later"] : []);
  expect([...weights.keys()].map((codes) => codes.name).sort()).toEqual(Object.keys(all).sort());
  const reader = session.tensorReader();
  const read = (tensor: Tensor, offset: number, length: number) => reader.readRange(tensor, offset, length);
  let held = 0;
  for (const [{ name: codes }, weight] of weights) {
    if (!pick.test(codes)) continue;
    const { rows } = rowsOf(weight.shape);
    const half = rows >>> 1;
    const parts = [await weight.readRows(0, half, read), await weight.readRows(half, rows - half, read)];
    const found = parts.flatMap((part) => [...part]);
    const { shape, values } = all[codes] ?? { shape: [], values: "" };
    const bytes = Buffer.from(values, "base64");
    const numbers = Array.from({ length: bytes.length / 4 }, (_, at) => bytes.readFloatLE(4 * at));
    expect([weight.shape, found.length], codes).toEqual([shape, numbers.length]);
    // ONNX Runtime takes the scaled zero point off the scaled code where that is a float: another rounding.
    const offBy = codes === "four_floats" ? 2 ** -22 : 0;
    expect(
      found.filter((value, at) => !(Math.abs(value - (numbers[at] as number)) <= offBy)),
      codes,
    ).toEqual([]);
    held++;
  }
  expect(held).toBeGreaterThan(0);
  await reader.close();
}
