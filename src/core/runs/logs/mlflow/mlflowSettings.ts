import type { Files } from "../../../bytes/files";
import { mapParallel } from "../../../bytes/mapParallel";
import { joinPath } from "../../../bytes/paths";
import { readText } from "../../../bytes/readText";
import { maxConfigBytes } from "../../../problem/limits";
import { maskSecrets } from "../config/maskSecrets";
import type { ConfigRow } from "../logFormat";
import { listBelow } from "./listBelow";

const parallelFiles = 8;

/** Longer ones are documents. */
const maxShownLength = 400;

/** Parameters and tags of a run, as rows, and which there were. */
export interface MlflowSettings {
  readonly names: readonly string[];
  readonly rows: readonly ConfigRow[];
}

/** Reads each parameter and tag once: MLflow refuses to change a parameter. */
export async function readSettings(
  files: Files,
  folder: string,
  known: MlflowSettings | undefined,
  signal: AbortSignal | undefined,
): Promise<MlflowSettings> {
  const params = (await listBelow(files, joinPath(folder, "params"), signal)).map((name) => `params/${name}`);
  const tags = (await listBelow(files, joinPath(folder, "tags"), signal)).map((name) => `tags/${name}`);
  const names = [...params, ...tags.filter((name) => name !== "tags/mlflow.log-model.history")];
  if (known !== undefined && names.join("\n") === known.names.join("\n")) return known;
  const rows = await mapParallel(names, parallelFiles, async (name): Promise<ConfigRow[]> => {
    const path = joinPath(folder, ...name.split("/"));
    const text = await readText(files, path, maxConfigBytes, signal).catch(() => undefined);
    signal?.throwIfAborted();
    if (text === undefined) return [];
    const cut = text.length > maxShownLength ? `${text.slice(0, maxShownLength)}…` : text;
    return [[name.replace(/^params\//, "").replace(/^tags\//, "tag."), cut]];
  });
  return { names, rows: maskSecrets(rows.flat()) };
}
