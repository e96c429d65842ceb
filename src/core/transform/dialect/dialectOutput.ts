import type { LoraModule } from "../../adapter/loraModule";
import { createMatrix } from "../../linalg/matrix";
import { isWritableDtype, type WritableDtype } from "../../tensors/encode";
import type { PlainFactors } from "../../update/truncatedFactors";
import type { OutputModule } from "../adapterOutput";
import { formOf } from "../outputForm";
import type { OutputFormat } from "../outputNames";
import type { TargetDialect } from "./targetModules";

export const targetFormats: Readonly<Record<TargetDialect, OutputFormat>> = {
  peft: "peft",
  kohya: "kohya",
  diffusers: "plain",
  mlx: "mlx",
};

/** A module as it is written in a dialect, under its name there. */
export function targetOutputModule(
  to: TargetDialect,
  module: LoraModule,
  name: string,
  maxRank: number,
  dtype?: WritableDtype,
): OutputModule {
  const { inFeatures, outFeatures, a } = module;
  return {
    ...{ module: name, inFeatures, outFeatures, maxRank },
    dtype: dtype ?? (isWritableDtype(a.dtype) ? a.dtype : "F32"),
    form: formOf(module, targetFormats[to]),
    ...(to === "diffusers" ? { names: { a: `${name}.lora_A.weight`, b: `${name}.lora_B.weight` } } : {}),
    ...(to === "mlx" ? { exchanged: { a: true, b: true } } : {}),
  };
}

/** Factors of a higher rank: components of zeros change nothing. */
export function paddedFactors({ a, b }: PlainFactors, rank: number): PlainFactors {
  if (a.rows === rank) return { a, b };
  const [moreA, moreB] = [createMatrix(rank, a.cols), createMatrix(b.rows, rank)];
  moreA.data.set(a.data);
  for (let row = 0; row < b.rows; row++)
    moreB.data.set(b.data.subarray(row * b.cols, (row + 1) * b.cols), row * rank);
  return { a: moreA, b: moreB };
}
