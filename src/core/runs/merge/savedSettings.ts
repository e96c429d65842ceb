import type { Files } from "../../bytes/files";
import { joinPath } from "../../bytes/paths";
import { readText } from "../../bytes/readText";
import { openCheckpoint } from "../../checkpoint/openCheckpoint";
import { settingsSections } from "../../content/settingsSections";
import { flattenJson } from "../../json/flattenJson";
import { isJsonObject, parseJson } from "../../json/parseJson";
import { maxConfigBytes } from "../../problem/limits";
import { maskSecrets } from "../logs/config/maskSecrets";
import type { ConfigRow } from "../logs/logFormat";

const argumentsName = "training_args.bin";
const adapterName = "adapter_config.json";
/** Arguments take some kilobytes; what is larger is something else under the name. */
const maxArgumentBytes = 1 << 20;
/** The newest may be half-written. */
const lookedAt = 3;

/**
 * The settings that the Trainer and PEFT save with each checkpoint, and that a training without a logger tells nowhere
 * else: of the newest checkpoint that has any. Does not reject for what is in the files.
 * @param folders of checkpoints, the oldest first
 * @throws the signal's reason when it is aborted.
 */
export async function savedSettings(
  files: Files,
  folders: readonly string[],
  signal?: AbortSignal,
): Promise<readonly ConfigRow[]> {
  for (const folder of folders.slice(-lookedAt).reverse()) {
    const rows = [
      ...(await argumentsIn(files, joinPath(folder, argumentsName), signal)),
      ...(await adapterIn(files, joinPath(folder, adapterName), signal)),
    ];
    if (rows.length > 0) return rows;
  }
  return [];
}

async function argumentsIn(files: Files, path: string, signal?: AbortSignal): Promise<readonly ConfigRow[]> {
  try {
    const stat = await files.stat(path);
    if (stat?.kind !== "file" || (stat.size ?? 0) > maxArgumentBytes) return [];
    const { content } = await openCheckpoint(files, path, signal);
    return content === undefined
      ? []
      : settingsSections(content, "training-args").flatMap(({ rows }) => rows);
  } catch {
    signal?.throwIfAborted();
    return [];
  }
}

async function adapterIn(files: Files, path: string, signal?: AbortSignal): Promise<readonly ConfigRow[]> {
  try {
    if ((await files.stat(path))?.kind !== "file") return [];
    const { value } = parseJson(await readText(files, path, maxConfigBytes, signal));
    if (!isJsonObject(value)) return [];
    return maskSecrets(flattenJson(value)).map(([key, text]) => [`adapter.${key}`, text] as const);
  } catch {
    signal?.throwIfAborted();
    return [];
  }
}
