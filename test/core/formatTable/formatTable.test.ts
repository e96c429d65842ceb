import { describe, expect, test } from "vitest";
import { dcpRow } from "./dcpRow";
import { deepSpeedRow } from "./deepSpeedRow";
import { ggufRow } from "./ggufRow";
import { kerasRow } from "./kerasRow";
import { numpyRow, onnxRow } from "./onnxAndNumPyRows";
import { orbaxRow } from "./orbaxRow";
import { packedRow } from "./packedRow";
import { isReadAlike } from "./proof";
import { columns, readmeTable } from "./readmeTable";
import { tensorflowRow } from "./tensorflowRow";
import { pytorchRow, safetensorsRow } from "./torchRows";

/** By the first format that a row names. Each has a fixture of what is read, and its proofs by column and claim. */
const rows = {
  safetensors: safetensorsRow,
  PyTorch: pytorchRow,
  "`torch.distributed.checkpoint` of torch 1.13 to 2.13": dcpRow,
  "DeepSpeed ZeRO 1 to 3": deepSpeedRow,
  "GGUF 1 to 3": ggufRow,
  "Keras 1 to 3": kerasRow,
  Orbax: orbaxRow,
  "TensorFlow bundles and SavedModels": tensorflowRow,
  NumPy: numpyRow,
  ONNX: onnxRow,
  bitsandbytes: packedRow,
};

const table = readmeTable();

test("the README's table has the rows that are proved here, and no others", () => {
  expect(table.map(({ name }) => name)).toEqual(Object.keys(rows));
});

describe.each(table)("$name", ({ name, claims }) => {
  const row = rows[name as keyof typeof rows];

  test("is measured, compared and converted as it is read", async () => {
    for (const [files, path, dtype] of row.alike) await isReadAlike(files(), path, dtype);
  });

  describe.each(columns)("column %s", (column) => {
    const proofs = row.proofs[column];
    test("claims what is proved, and no more", () => {
      expect(claims[column]).toEqual(Object.keys(proofs));
    });
    test.each(Object.entries(proofs))("%s", (_, proof) => proof());
  });
});
