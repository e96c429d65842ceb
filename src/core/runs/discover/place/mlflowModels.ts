import type { Files } from "../../../bytes/files";
import { joinPath } from "../../../bytes/paths";
import { readText } from "../../../bytes/readText";
import { maxConfigBytes } from "../../../problem/limits";
import { flatYaml } from "../../logs/config/flatYaml";
import type { RunDraft } from "../runDraft";
import type { Folder } from "../walkFolders";

/** Models of one store whose run is looked up. */
const maxModels = 500;

/**
 * MLflow 3 keeps a logged model beside the runs of its experiment (`models/m-…/artifacts`), and in its `meta.yaml` the run
 * that logged it: its files are given to that run.
 */
export async function joinMlflowModels(
  files: Files,
  drafts: readonly RunDraft[],
  signal: AbortSignal | undefined,
): Promise<RunDraft[]> {
  const runs = new Map(
    drafts.flatMap((draft) => (draft.folder.isMlflowRun ? [[draft.folder.name, draft] as const] : [])),
  );
  const taken = new Set<RunDraft>();
  if (runs.size === 0) return [...drafts];
  for (const draft of drafts) {
    const model = modelAround(draft.folder);
    if (model === undefined || draft.folder.isMlflowRun || taken.size >= maxModels) continue;
    const home = runs.get((await sourceRun(files, model, signal)) ?? "");
    // The run's own artifacts may be of another shape; rows of both stay apart by their names.
    if (home === undefined) continue;
    home.members.push(...draft.members);
    home.problems.push(...draft.problems);
    taken.add(draft);
  }
  return drafts.filter((draft) => !taken.has(draft));
}

function modelAround(folder: Folder): Folder | undefined {
  for (let at: Folder | undefined = folder; at !== undefined; at = at.parent)
    if (/^m-[\da-f]+$/.test(at.name) && at.parent?.name === "models") return at;
  return undefined;
}

async function sourceRun(
  files: Files,
  model: Folder,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  try {
    const text = await readText(files, joinPath(model.path, "meta.yaml"), maxConfigBytes, signal);
    return new Map<string, string>(flatYaml(text)).get("source_run_id");
  } catch {
    signal?.throwIfAborted();
    return undefined;
  }
}
