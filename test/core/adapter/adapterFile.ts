import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Adapter, findAdapter } from "../../../src/core/adapter/adapter";
import { type AdapterConfig, parseAdapterConfig } from "../../../src/core/adapter/adapterConfig";
import type { LoraModule } from "../../../src/core/adapter/loraModule";
import { isJsonObject, type JsonObject, parseJson } from "../../../src/core/json/parseJson";
import { elementCount, type Tensor } from "../../../src/core/tensors/tensor";
import type { ReadTensor } from "../../../src/core/update/factors";

const folder = join(import.meta.dirname, "../../fixtures/lora");

export interface AdapterFile {
  readonly adapter: Adapter;
  readonly config: AdapterConfig | undefined;
  readonly read: ReadTensor;
}

/** A fixture written by makeLoraReference.py. Read without core's own reader, whose tests are elsewhere. */
export function openFixture(name: string, from = folder): AdapterFile {
  const bytes = readFileSync(join(from, `${name}.safetensors`));
  const dataStart = 8 + Number(bytes.readBigUInt64LE(0));
  const { __metadata__: metadata, ...entries } = JSON.parse(
    bytes.subarray(8, dataStart).toString(),
  ) as Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }>;
  const tensors = Object.entries(entries).map(
    ([
      key,
      {
        dtype,
        shape,
        data_offsets: [begin, end],
      },
    ]) => ({
      ...tensor(key, shape, dtype),
      byteSize: end - begin,
      offset: dataStart + begin,
    }),
  );
  const config = readConfig(name, from);
  const texts = new Map(Object.entries(metadata ?? {}) as [string, never][]);
  const adapter = findAdapter(tensors, config, texts, readModelConfig(name, from));
  if (adapter === undefined) throw new Error(`${name} was not recognised.`);
  return {
    adapter,
    config,
    read: async ({ offset, byteSize }) => bytes.subarray(offset, offset + byteSize),
  };
}

function readConfig(name: string, from: string): AdapterConfig | undefined {
  try {
    return configOf(readFileSync(join(from, `${name}.config.json`), "utf8"));
  } catch {
    return undefined;
  }
}

function readModelConfig(name: string, from: string): JsonObject | undefined {
  try {
    const { value } = parseJson(readFileSync(join(from, `${name}.modelConfig.json`), "utf8"));
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

export function configOf(text: string): AdapterConfig {
  return parseAdapterConfig(parseJson(text).value);
}

export function readReference(): unknown {
  return JSON.parse(readFileSync(join(folder, "expected.json"), "utf8"));
}

export function tensor(name: string, shape: readonly number[], dtype = "F32"): Tensor {
  return { name, dtype, shape, byteSize: 4 * elementCount(shape), offset: 0, fileIndex: 0 };
}

/** The two tensors of a PEFT module, A [r, in] and B [out, r]. */
export function pair(module: string, rank: number, inFeatures: number, outFeatures: number): Tensor[] {
  return [
    tensor(`base_model.model.${module}.lora_A.weight`, [rank, inFeatures]),
    tensor(`base_model.model.${module}.lora_B.weight`, [outFeatures, rank]),
  ];
}

export function moduleNamed(adapter: Adapter, name: string): LoraModule {
  const module = adapter.modules.find((candidate) => candidate.module === name);
  if (module === undefined) throw new Error(`No module ${name} among ${adapter.modules.length}.`);
  return module;
}
