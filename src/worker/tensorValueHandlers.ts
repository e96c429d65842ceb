import { scanCsv, scanJson } from "../core/analysis/scanExport";
import { ScanTable } from "../core/analysis/scanTable";
import { writeNpy } from "../core/formats/numpy/npyFile";
import { momentNumbers } from "../core/optimizer/updateSize";
import { CheckpointError } from "../core/problem/checkpointError";
import { maxShownNameLength } from "../core/problem/limits";
import type { CheckpointSession } from "../core/session/checkpointSession";
import { packedRows } from "../core/tensors/packed/packedRows";
import { unpackedTensor } from "../core/tensors/packed/unpackedTensor";
import { packedBytes, type Tensor } from "../core/tensors/tensor";
import { findNotFinite } from "../core/values/findNotFinite";
import { readBlock } from "../core/values/readBlock";
import { writeSliceCsv } from "../core/values/sliceCsv";
import type { Handlers } from "../protocol/channel";
import type { NumbersCalls, TensorPlace } from "../protocol/numbersCalls";
import type { AnalysisPool } from "./analysisPool";
import { exportFile } from "./exportFile";
import type { HandleMap } from "./handleMap";
import { scanOrTake } from "./scanOrTake";

/** Answers about the numbers in a checkpoint's tensors. */
export function tensorValueHandlers(
  sessions: HandleMap<CheckpointSession>,
  pool: AnalysisPool,
): Handlers<NumbersCalls> {
  return {
    packedWeight: async ({ handle, tensor }) => {
      const session = sessions.get(handle);
      const packed = await session.packedWeight(tensorAt(session, tensor));
      if (packed === undefined) return undefined;
      const { scheme, shape } = packed;
      return { scheme, shape, storedBytes: packedBytes(packed) };
    },
    packedRows: async ({ handle }) => {
      const session = sessions.get(handle);
      return packedRows(session.checkpoint.tensors, await session.packedCodes());
    },
    pieces: ({ handle, tensor, from }) => {
      const session = sessions.get(handle);
      return session.piecePage(tensorAt(session, tensor), from);
    },
    values: async ({ handle, tensor, slice, block }, signal) => {
      const session = sessions.get(handle);
      const found = await shownTensor(session, tensor);
      return session.withReader((reader) =>
        readBlock(found, slice, block, (...range) => reader.readRange(...range), signal),
      );
    },
    findNotFinite: async ({ handle, tensor, from }, signal) => {
      const session = sessions.get(handle);
      const found = await shownTensor(session, tensor);
      return session.withReader((reader) =>
        findNotFinite(found, Math.max(0, from), (...range) => reader.readRange(...range), signal),
      );
    },
    heatMap: async ({ handle, tensor, slice, part, threads }, signal, tell) => {
      const session = sessions.get(handle);
      const found = await shownTensor(session, tensor);
      const options = { signal, onBytes: tell.progress };
      return pool.use(threads, (used) => used.heatMap(session, found, { slice, part }, options));
    },
    tensorNumbers: async ({ handle, tensor, threads }, signal, tell) => {
      const session = sessions.get(handle);
      const found = tensorAt(session, tensor);
      const packed = tensor.unpacked === true ? { packed: await session.packedCodes() } : {};
      const options = { signal, onBytes: tell.progress, ...packed };
      return pool.use(threads, (used) => used.measure(session, found, options));
    },
    moments: async ({ handle, optimizer, parameter }, signal) => {
      const session = await sessions.get(handle).optimizerHolder(signal);
      const state = session.inside?.optimizers[optimizer];
      if (state === undefined) return undefined;
      return session.withReader((reader) =>
        momentNumbers(state, parameter, (...range) => reader.readRange(...range), signal),
      );
    },
    exportTensor: async ({ handle, tensor, path }, signal, tell) => {
      const session = sessions.get(handle);
      const found = await shownTensor(session, tensor);
      return session.withReader((reader) =>
        exportFile(session, path, (writer) =>
          writeNpy(found, (...range) => reader.readRange(...range), writer, tell.progress, signal),
        ),
      );
    },
    exportSlice: async ({ handle, tensor, slice, path }, signal, tell) => {
      const session = sessions.get(handle);
      const found = await shownTensor(session, tensor);
      return session.withReader((reader) =>
        exportFile(session, path, (writer) =>
          writeSliceCsv(
            found,
            slice,
            (...range) => reader.readRange(...range),
            writer,
            tell.progress,
            signal,
          ),
        ),
      );
    },
    exportScan: ({ handle, path, chunks }) => {
      const session = sessions.get(handle);
      const { tensors } = session.checkpoint;
      const table = new ScanTable(tensors.length);
      for (const chunk of chunks) table.add(chunk);
      const text = (path.toLowerCase().endsWith(".json") ? scanJson : scanCsv)(tensors, table);
      return exportFile(session, path, (writer) => writer.writeAt(0, new TextEncoder().encode(text)));
    },
    scan: (request, signal, tell) =>
      pool.use(request.threads, (used) =>
        scanOrTake(sessions.get(request.handle), used, request, {
          listener: { onBytes: tell.progress, onChunk: tell.chunk },
          signal,
        }),
      ),
  };
}

/** @throws CheckpointError where the row is another tensor's by now. */
function tensorAt({ checkpoint }: CheckpointSession, { row, name }: TensorPlace): Tensor {
  const tensor = checkpoint.tensors[row];
  if (tensor !== undefined && tensor.name.slice(0, maxShownNameLength) === name) return tensor;
  throw new CheckpointError("TensorMoved", "The file was read again meanwhile. Select the tensor once more.");
}

/** The tensor, or the weight that its codes stand for. */
async function shownTensor(session: CheckpointSession, place: TensorPlace): Promise<Tensor> {
  const tensor = tensorAt(session, place);
  if (place.unpacked !== true) return tensor;
  const packed = await session.packedWeight(tensor);
  if (packed !== undefined) return unpackedTensor(tensor, packed);
  throw new CheckpointError(
    "NotUnpacked",
    "What lies beside the codes does not fit them: nobody can tell their values.",
  );
}
