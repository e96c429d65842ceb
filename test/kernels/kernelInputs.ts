import { expect } from "vitest";
import { encodingOf } from "../../src/core/analysis/numberEncoding";
import type { NumberKernels } from "../../src/core/analysis/numberKernels";
import { type PartialNumbers, TensorMeasurer } from "../../src/core/analysis/tensorMeasurer";

export type Fill = "normal" | "large mean" | "zeros" | "any bits" | "tiny" | "equal" | "broken" | "all NaN";
/** Values of a type, as bytes; the same for the same seed. */
export function bytesOf(type: "F32" | "F64" | "bytes", count: number, seed: number, fill: Fill): Uint8Array {
  let state = seed | 1;
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return (state >>> 0) / 2 ** 32;
  };
  const width = type === "F64" ? 8 : type === "F32" ? 4 : 1;
  const bytes = new Uint8Array(count * width);
  if (fill === "any bits" || type === "bytes") return bytes.map(() => Math.floor(random() * 256));
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < count; at++) {
    const unit = random() + random() + random() - 1.5;
    const value = {
      normal: unit,
      "large mean": 1 + unit * 1e-5,
      zeros: random() < 0.5 ? 0 : random() < 0.5 ? -0 : unit,
      tiny: unit * 1e-41,
      equal: 3.25,
      broken: random() < 0.1 ? ([Number.NaN, Infinity, -Infinity][Math.floor(random() * 3)] ?? 0) : unit,
      "all NaN": Number.NaN,
    }[fill];
    if (type === "F64") view.setFloat64(8 * at, value, true);
    else view.setFloat32(4 * at, value, true);
  }
  return bytes;
}

export function measure(kernels: NumberKernels, dtype: string, bytes: Uint8Array): PartialNumbers {
  kernels.chunk.set(bytes);
  const measurer = new TensorMeasurer(kernels, encodingOf({ dtype }));
  measurer.add(bytes.length);
  return measurer.take();
}

export function expectClose(actual: number, expected: number, scale: number, share = 1e-11): void {
  if (Object.is(actual, expected) || actual === expected) return;
  expect(Math.abs(actual - expected)).toBeLessThanOrEqual(share * Math.abs(scale));
}
