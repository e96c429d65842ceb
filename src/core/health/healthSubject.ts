import type { Adapter } from "../adapter/adapter";
import type { AdapterConfig } from "../adapter/adapterConfig";
import type { Checkpoint } from "../checkpoint/checkpoint";
import type { FolderContext } from "../checkpoint/folderContext";
import type { InsideFile } from "../checkpoint/inside/insideFile";
import { isReadingError } from "../problem/problem";

/** An opened checkpoint as the rules of its health see it. */
export interface HealthSubject {
  readonly checkpoint: Checkpoint;
  readonly folder: FolderContext;
  readonly adapter: Adapter | undefined;
  readonly adapterConfig: AdapterConfig | undefined;
  /** What a torch file says besides its tensors. */
  readonly inside: InsideFile | undefined;
}

const shardName = /-\d{5,6}-of-\d{5,6}\./;

/** Whether what is open is all of the weights: of a part nothing can be missing. */
export function isWhole({ checkpoint }: HealthSubject): boolean {
  const { files, name, wholeModelPath, problems } = checkpoint;
  if (wholeModelPath !== undefined || problems.some(isReadingError)) return false;
  return (
    files.every(({ status }) => status !== "missing" && status !== "broken") &&
    (files.length > 1 || !shardName.test(name))
  );
}

/** A whole model that transformers loads by its configuration, under one of its own names of files. */
export function isOfTransformers({ checkpoint, adapter, folder }: HealthSubject): boolean {
  return (
    adapter === undefined &&
    folder.config?.value.has("architectures") === true &&
    /^(?:model|pytorch_model)\b.*\.(?:safetensors|bin|json)$/.test(checkpoint.name)
  );
}

/** PEFT's own names of an adapter's weights. */
export function isPeftFile(name: string): boolean {
  return /^adapter_model\.(?:safetensors|bin)$/.test(name);
}
