import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { zipFile } from "../../../support/made/zipFile";
import { MemoryFiles } from "../../../support/memoryFiles";
import { openTensors } from "../../../support/openTensors";
import { projectRoot } from "../../../support/projectRoot";

const folder = join(projectRoot, "test/fixtures");
const weights = new Uint8Array(readFileSync(join(folder, "hdf5/latest.h5")));
const text = (value: string) => new TextEncoder().encode(value);
const settings = [
  { name: "metadata.json", data: text('{"keras_version": "3.3.3", "date_saved": "2026-01-02@03:04:05"}') },
  { name: "config.json", data: text('{"class_name": "Sequential"}') },
];
const open = (archive: Uint8Array) => openTensors(new MemoryFiles({ "/m.keras": archive }), "/m.keras");

describe("a .keras archive", () => {
  test.each([false, true])("reads the weights in its HDF5 member, deflated: %s", async (deflated) => {
    const { checkpoint, tensors } = await open(
      zipFile([...settings, { name: "model.weights.h5", data: weights, deflated }]),
    );
    expect(checkpoint.format).toBe("keras");
    expect(Object.fromEntries(checkpoint.metadata)).toMatchObject({
      keras_version: "2.15.0",
      date_saved: "2026-01-02@03:04:05",
      model_config: '{"class_name": "Sequential"}',
    });
    const alone = await openTensors(new MemoryFiles({ "/w.h5": weights }), "/w.h5");
    expect(tensors).toEqual(alone.tensors);
  });

  test("reads the weights in a NumPy member", async () => {
    const data = new Uint8Array(readFileSync(join(folder, "numpy/stored.npz")));
    const { tensors } = await open(zipFile([...settings, { name: "model.weights.npz", data }]));
    const alone = await openTensors(new MemoryFiles({ "/w.npz": data }), "/w.npz");
    expect(tensors).toEqual(alone.tensors);
  });

  test("whose weights are pickled objects, as Keras itself writes NumPy members, is warned of", async () => {
    const data = new Uint8Array(readFileSync(join(folder, "numpy/special.npz")));
    const { checkpoint } = await open(zipFile([...settings, { name: "model.weights.npz", data }]));
    expect(checkpoint.problems.map(({ code }) => code)).toContain("PickledWeights");
  });

  test("whose settings are no JSON still shows the weights", async () => {
    const { checkpoint, tensors } = await open(
      zipFile([
        { name: "metadata.json", data: text("{") },
        { name: "model.weights.h5", data: weights },
      ]),
    );
    expect(checkpoint.problems.map(({ code }) => code)).toContain("UnreadableSettings");
    expect(Object.keys(tensors).length).toBeGreaterThan(100);
  });

  test("without its settings, or without its weights", async () => {
    const member = { name: "model.weights.h5", data: weights };
    const [metadata] = settings;
    const { checkpoint } = await open(zipFile([...(metadata === undefined ? [] : [metadata]), member]));
    expect(checkpoint.problems.map(({ code }) => code)).toContain("KerasConfigMissing");
    await expect(open(zipFile(settings))).rejects.toMatchObject({ code: "KerasWithoutWeights" });
  });

  test("that is cut is told to be cut", async () => {
    const archive = zipFile([...settings, { name: "model.weights.h5", data: weights }]);
    await expect(open(archive.slice(0, archive.length - 300))).rejects.toMatchObject({
      code: "NoZipDirectory",
    });
  });
});
