import { readBlock } from "../../../src/core/values/readBlock";
import type { Handlers } from "../../../src/protocol/channel";
import type { TensorPlace } from "../../../src/protocol/numbersCalls";
import type { NumbersHostCalls } from "../../../src/protocol/numbersSurface";
import type { EditorSample } from "./editorSample";
import { waitUnlessAborted } from "./fakeChannel";
import { sampleBytes } from "./sampleValues";

export interface NumbersHostOptions {
  /** How long each block of values takes. */
  readonly valuesMs?: number;
  /** The first this many blocks cannot be read. */
  readonly failValues?: number;
}

/** Answers about numbers with those of made-up tensors. */
export function numbersHost(
  options: NumbersHostOptions,
  sample: () => EditorSample,
): Handlers<NumbersHostCalls> {
  let failures = options.failValues ?? 0;
  const tensorAt = ({ row, name }: TensorPlace) => {
    const tensor = sample().tensors[row];
    if (tensor?.name !== name) throw new Error(`Row ${row} is not ${name}.`);
    return tensor;
  };
  return {
    values: async ({ tensor, slice, block }, signal) => {
      await waitUnlessAborted(options.valuesMs ?? 0, signal);
      if (failures > 0) {
        failures--;
        throw new Error("The file ended at byte 4,096 while it was being read.");
      }
      return readBlock(tensorAt(tensor), slice, block, async (read, offset, length) =>
        sampleBytes(read, offset, length),
      );
    },
  };
}
