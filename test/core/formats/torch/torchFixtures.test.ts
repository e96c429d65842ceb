import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { byName, fixture, read, readerOf, torchFixtures } from "./torchFixtures";

interface ExpectedTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly sha256: string;
  readonly strides?: readonly number[];
  readonly storageOffset?: number;
  readonly requiresGrad?: boolean;
}

const expected = JSON.parse(readFileSync(join(torchFixtures, "expected.json"), "utf8")) as Record<
  string,
  Record<string, ExpectedTensor>
>;

const names = Object.keys(expected).filter((name) => !name.endsWith(".names"));

const formats: readonly (readonly [RegExp, string])[] = [
  [/-legacy\.pt$/, "torch-legacy"],
  [/\.pkl$/, "pickle"],
  [/^(?:scripted|traced)\.pt$/, "torchscript"],
  [/./, "torch-zip"],
];

describe("what torch wrote", () => {
  it.each(names)("is read as torch reads it: %s", async (name) => {
    const bytes = fixture(name);
    const parsed = await read(bytes, name);
    expect(parsed.format).toBe(formats.find(([pattern]) => pattern.test(name))?.[1]);
    expect(parsed.problems.filter(({ severity }) => severity !== "info")).toEqual([]);
    const wanted = expected[name] ?? {};
    const tensors = byName(parsed);
    // Objects that are no state dict, such as a bound method, hold more tensors than the list of torch.
    const listed =
      name.startsWith("objects") || name === "onecycle.pt"
        ? [...tensors.keys()].filter((key) => key in wanted)
        : [...tensors.keys()];
    // A tensor without bytes of a module that is tied is listed under both names, as state_dict does.
    expect([...listed].sort()).toEqual(Object.keys(wanted).sort());
    const reader = readerOf(bytes);
    for (const [key, want] of Object.entries(wanted)) {
      const tensor = tensors.get(key);
      if (tensor === undefined) continue;
      const { dtype, shape, layout } = tensor;
      const found = {
        dtype,
        shape,
        sha256: createHash("sha256")
          .update(await reader.read(tensor))
          .digest("hex"),
        ...(want.strides === undefined
          ? {}
          : { strides: layout?.strides, storageOffset: layout?.storageOffset }),
        ...(layout?.requiresGrad === true ? { requiresGrad: true } : {}),
      };
      const { requiresGrad, ...rest } = want;
      // state_dict detaches what the saved module holds as parameters.
      expect({ key, ...found }).toMatchObject({
        key,
        ...rest,
        ...(requiresGrad === true ? { requiresGrad } : {}),
      });
    }
  });

  it("is read in pieces as in one", async () => {
    const bytes = fixture("views.pt");
    const reader = readerOf(bytes);
    for (const tensor of (await read(bytes)).tensors) {
      const whole = await reader.read(tensor);
      const pieces: Uint8Array[] = [];
      for (let offset = 0; offset < tensor.byteSize; offset += 7) {
        pieces.push(await reader.readRange(tensor, offset, Math.min(7, tensor.byteSize - offset)));
      }
      expect(Buffer.concat(pieces)).toEqual(Buffer.from(whole));
    }
  });

  it("imports what is known, and nothing else", async () => {
    for (const name of names) {
      const { imports } = await read(fixture(name), name);
      const unknown = (imports ?? []).filter(
        ({ global, verdict }) => verdict !== "known" && !global.startsWith("__main__"),
      );
      expect([name, unknown.map(({ global }) => global)]).toEqual([
        name,
        name.startsWith("objects") ? ["functools.partial"] : [],
      ]);
    }
  });

  it("shares storages, so that tied tensors are told from equal ones", async () => {
    const tensors = byName(await read(fixture("views.pt")));
    const storage = (name: string) => tensors.get(name)?.layout?.storage;
    expect(storage("tied_a")).toBe(storage("tied_b"));
    expect(storage("slice")).toBe(storage("tied_a"));
    expect(storage("base")).not.toBe(storage("tied_a"));
    expect(storage("small_of_large")?.byteSize).toBe(4000);
    expect(tensors.get("small_of_large")?.byteSize).toBe(12);
  });

  it("keeps scale and zero point of quantised tensors", async () => {
    const tensors = byName(await read(fixture("quantized.pt")));
    expect(tensors.get("quint8")?.layout?.quantisation).toEqual({
      scheme: "per-tensor",
      scale: 0.01,
      zeroPoint: 10,
    });
    const channels = tensors.get("channels")?.layout?.quantisation;
    expect(channels).toMatchObject({ scheme: "per-channel", axis: 0, scales: { dtype: "F64", shape: [3] } });
  });

  it("holds constants of a frozen TorchScript module", async () => {
    const bytes = fixture("frozen.pt");
    const parsed = await read(bytes);
    expect(parsed.format).toBe("torchscript");
    expect(parsed.tensors.map(({ name, shape }) => [name, shape])).toContainEqual(["constants.0", [3, 4]]);
    for (const tensor of parsed.tensors)
      expect(await readerOf(bytes).read(tensor)).toHaveLength(tensor.byteSize);
  });
});
