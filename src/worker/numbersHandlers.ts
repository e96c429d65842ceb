import type { CheckpointSession } from "../core/checkpoint/checkpointSession";
import type { TensorReader } from "../core/checkpoint/tensorReader";
import { FormatError } from "../core/formats/formatError";
import { maxShownNameLength } from "../core/formats/limits";
import type { Tensor } from "../core/tensors/tensor";
import { readBlock } from "../core/values/readBlock";
import type { Handlers } from "../protocol/channel";
import type { NumbersCalls, TensorPlace } from "../protocol/numbersCalls";
import type { HandleMap } from "./handleMap";

/** Answers about the numbers in a checkpoint's tensors. */
export function numbersHandlers(sessions: HandleMap<CheckpointSession>): Handlers<NumbersCalls> {
  return {
    values: ({ handle, tensor, slice, block }, signal) => {
      const session = sessions.get(handle);
      const found = tensorAt(session, tensor);
      return withReader(session, (reader) =>
        readBlock(found, slice, block, (...range) => reader.readRange(...range), signal),
      );
    },
  };
}

/** @throws FormatError where the row is another tensor's by now. */
function tensorAt({ checkpoint }: CheckpointSession, { row, name }: TensorPlace): Tensor {
  const tensor = checkpoint.tensors[row];
  if (tensor !== undefined && tensor.name.slice(0, maxShownNameLength) === name) return tensor;
  throw new FormatError("TensorMoved", "The file was read again meanwhile. Select the tensor once more.");
}

async function withReader<T>(
  session: CheckpointSession,
  work: (reader: TensorReader) => Promise<T>,
): Promise<T> {
  const reader = session.tensorReader();
  try {
    return await work(reader);
  } finally {
    await reader.close();
  }
}
