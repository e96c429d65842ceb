import type { CheckpointSummary } from "../../../../src/core/checkpoint/summary";
import type { FileContent } from "../../../../src/core/formats/format";
import type { OptimizerState } from "../../../../src/core/optimizer/optimizerState";
import type { QuantisedState } from "../../../../src/core/optimizer/quantisedState";
import type { Problem } from "../../../../src/core/problem/problem";
import type { ResumeReport } from "../../../../src/core/resume/resumeReport";
import type { TrainingView } from "../../../../src/core/runs/merge/trainingView";
import type { LoraView } from "../../../../src/core/session/loraView";
import type { PartSettings } from "../../../../src/core/session/partSettings";
import { compareNames } from "../../../../src/core/tensors/nameOrder";
import { elementCount, type Tensor } from "../../../../src/core/tensors/tensor";
import type { EditorState } from "../../../../src/protocol/editorSurface";

type WithoutGeneration<T> = T extends unknown ? Omit<T, "generation"> : never;

/** Everything the fake host knows of one checkpoint. */
export interface EditorSample {
  readonly state: WithoutGeneration<EditorState>;
  readonly tensors: readonly Tensor[];
  readonly training?: TrainingView;
  readonly lora?: LoraView;
  readonly content?: FileContent;
  readonly optimizers?: readonly OptimizerState[];
  readonly resume?: ResumeReport;
  /** What a look at the other files finds besides the summary's problems. */
  readonly health?: readonly Problem[];
  readonly partSettings?: readonly PartSettings[];
  readonly quantised?: QuantisedState;
}

export interface TensorSpec {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly file?: number;
}

const dtypeBits: Readonly<Record<string, number>> = {
  F32: 32,
  BF16: 16,
  F16: 16,
  F8_E4M3: 8,
  I64: 64,
  C64: 64,
  I8: 8,
  U8: 8,
};

/** Lays tensors out one after the other, each file from its header on, and sorts them as the worker does. */
export function layOut(specs: readonly TensorSpec[]): Tensor[] {
  const ends = new Map<number, number>();
  const tensors = specs.map(({ name, dtype, shape, file = 0 }) => {
    const byteSize = (elementCount(shape) * (dtypeBits[dtype] ?? 8)) / 8;
    const offset = ends.get(file) ?? 4096;
    ends.set(file, offset + byteSize);
    return { name, dtype, shape, byteSize, offset, fileIndex: file };
  });
  return tensors.sort((a, b) => compareNames(a.name, b.name, "."));
}

/** A summary whose sums are those of the tensors; the rest is as given, or as of a plain model. */
export function summaryOf(
  tensors: readonly Tensor[],
  moduleOf: (name: string) => string | undefined,
  given: Partial<CheckpointSummary> & Pick<CheckpointSummary, "name" | "path" | "headline">,
): CheckpointSummary {
  const tensorBytes = sum(tensors, ({ byteSize }) => byteSize);
  return {
    format: "safetensors",
    formatLabel: "safetensors",
    kind: "model",
    fileBytes: tensorBytes + 4096,
    tensorCount: tensors.length,
    tensorBytes,
    parameterCount: sum(tensors, ({ shape }) => elementCount(shape)),
    dtypes: shares(tensors, ({ dtype }) => dtype).map(([dtype, share]) => ({ dtype: dtype ?? "", ...share })),
    composition: shares(tensors, ({ name }) => moduleOf(name)).map(([module, share]) => ({
      module,
      ...share,
    })),
    files: [{ name: given.name, path: given.path, bytes: tensorBytes + 4096, status: "ok" }],
    parts: [
      {
        label: "parameters",
        files: [{ name: given.name, path: given.path, bytes: tensorBytes + 4096 }],
      },
    ],
    missingParts: [],
    resumable: { answer: "no", reason: "Only the parameters are here." },
    metadata: [["format", "pt"]],
    configs: [],
    aliases: [],
    hasTraining: false,
    problems: [],
    ...given,
  };
}

type Share = { readonly tensors: number; readonly parameters: number; readonly bytes: number };

function shares(
  tensors: readonly Tensor[],
  keyOf: (tensor: Tensor) => string | undefined,
): [key: string | undefined, share: Share][] {
  const found = new Map<string | undefined, Share>();
  for (const tensor of tensors) {
    const key = keyOf(tensor);
    const before = found.get(key) ?? { tensors: 0, parameters: 0, bytes: 0 };
    found.set(key, {
      tensors: before.tensors + 1,
      parameters: before.parameters + elementCount(tensor.shape),
      bytes: before.bytes + tensor.byteSize,
    });
  }
  return [...found].sort(([, a], [, b]) => b.bytes - a.bytes);
}

function sum<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}
