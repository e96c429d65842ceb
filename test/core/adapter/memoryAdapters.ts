import type { FileSink, FileWriter } from "../../../src/core/bytes/fileSink";
import type { Matrix } from "../../../src/core/linalg/matrix";
import { CheckpointError } from "../../../src/core/problem/checkpointError";
import { encodeValues, type WritableDtype } from "../../../src/core/tensors/encode";
import { safetensorsFile } from "../../support/made/safetensorsFile";
import type { MemoryFiles } from "../../support/memoryFiles";

export interface MemoryTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float64Array;
  readonly dtype?: WritableDtype;
}

export function writeTensors(
  files: MemoryFiles,
  path: string,
  tensors: readonly MemoryTensor[],
  metadata: Readonly<Record<string, string>> = { format: "pt" },
): void {
  const specs = tensors.map(({ name, shape, dtype = "F64" }) => ({ name, dtype, shape }));
  const parts = tensors.map(({ values, dtype = "F64" }) => encodeValues(values, dtype));
  const data = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    data.set(part, at);
    at += part.length;
  }
  files.write(path, safetensorsFile({ tensors: specs, metadata, data }));
}

export interface MemoryModule {
  readonly a: Matrix;
  readonly b: Matrix;
}

/** The tensors of PEFT modules. */
export function peftTensors(
  modules: Readonly<Record<string, MemoryModule>>,
  dtype: WritableDtype = "F64",
): MemoryTensor[] {
  return Object.entries(modules).flatMap(([module, { a, b }]) => [
    {
      name: `base_model.model.${module}.lora_A.weight`,
      shape: [a.rows, a.cols],
      values: a.data,
      dtype,
    },
    {
      name: `base_model.model.${module}.lora_B.weight`,
      shape: [b.rows, b.cols],
      values: b.data,
      dtype,
    },
  ]);
}

/** A PEFT folder; the scale is alpha / r as PEFT has it. */
export function writeAdapterFolder(
  files: MemoryFiles,
  folder: string,
  modules: Readonly<Record<string, MemoryModule>>,
  config: Readonly<Record<string, unknown>> = {},
  more: readonly MemoryTensor[] = [],
  dtype: WritableDtype = "F64",
): void {
  const rank = Object.values(modules)[0]?.a.rows ?? 8;
  const fields = {
    peft_type: "LORA",
    r: rank,
    lora_alpha: rank,
    base_model_name_or_path: "tiny/base",
    ...config,
  };
  files.write(`${folder}/adapter_config.json`, JSON.stringify(fields));
  writeTensors(files, `${folder}/adapter_model.safetensors`, [...peftTensors(modules, dtype), ...more]);
}

/** Writes into the same memory that is read from, with the promises of the real one. */
export function memorySink(files: MemoryFiles): FileSink & { readonly discarded: string[] } {
  const discarded: string[] = [];
  const refuse = async (path: string, replace: boolean) => {
    if (!replace && (await files.stat(path)) !== undefined)
      throw new CheckpointError("Exists", "There is something.", undefined, path);
  };
  const writerTo = (path: string): FileWriter => {
    let bytes = new Uint8Array();
    return {
      async writeAt(offset, more) {
        const grown = new Uint8Array(Math.max(bytes.length, offset + more.length));
        grown.set(bytes);
        grown.set(more, offset);
        bytes = grown;
      },
      async close() {
        files.write(path, bytes);
      },
    };
  };
  const contentOf = async (path: string) => {
    const source = await files.open(path);
    return source.read(0, source.size);
  };
  return {
    discarded,
    async createFolder(path, { replace }) {
      await refuse(path, replace);
      const temporaryPath = `${path}.tmp`;
      return {
        temporaryPath,
        create: async (name) => writerTo(`${temporaryPath}/${name}`),
        async commit() {
          for (const { name } of await files.list(temporaryPath)) {
            files.write(`${path}/${name}`, await contentOf(`${temporaryPath}/${name}`));
          }
          files.remove(temporaryPath);
        },
        async discard() {
          discarded.push(path);
          files.remove(temporaryPath);
        },
      };
    },
    async createFile(path, { replace }) {
      await refuse(path, replace);
      const temporaryPath = `${path}.tmp.safetensors`;
      return {
        temporaryPath,
        writer: writerTo(temporaryPath),
        async commit() {
          files.write(path, await contentOf(temporaryPath));
          files.remove(temporaryPath);
        },
        async discard() {
          discarded.push(path);
          files.remove(temporaryPath);
        },
      };
    },
  };
}

export const now = new Date("2026-01-02T03:04:05Z");
