import type { Files } from "../bytes/files";
import { baseName, joinPath, parentPath } from "../bytes/paths";
import type { FolderContext } from "../checkpoint/folderContext";
import { mappingOf, numberOf } from "../formats/contentView";
import { optimizerStates } from "../optimizer/optimizerState";
import { plural } from "../text/quantities";
import { judged, type LayoutFindings, listOrNothing } from "./layoutFindings";
import type { PartOpener } from "./openedParts";

const stateFolder = "recipe_state";
const fileName = "recipe_state.pt";

/**
 * torchtune keeps the optimizer apart: `recipe_state/recipe_state.pt` beside the folders `epoch_0`, `epoch_1`, … of
 * the weights. Undefined where the folder is none of these.
 */
export async function torchtuneState(
  files: Files,
  { folder, files: entries }: FolderContext,
  opener: PartOpener,
): Promise<LayoutFindings | undefined> {
  const isState = baseName(folder) === stateFolder;
  if (!isState && !/^(?:epoch|step)_\d+$/.test(baseName(folder))) return undefined;
  const beside = isState ? folder : joinPath(parentPath(folder), stateFolder);
  const own = entries.find(({ name }) => name === fileName)?.path;
  const path = own ?? joinPath(beside, fileName);
  if (own === undefined && (await files.stat(path).catch(() => undefined)) === undefined) return undefined;
  const opened = await opener.open(path, fileName, "optimizer");
  const root = mappingOf(opened?.content?.root);
  const epoch = numberOf(root?.get("epochs_run"));
  const broken = opener.broken.find(({ role }) => role === "optimizer");
  const states = opened?.content === undefined ? [] : optimizerStates(opened.content);
  const count = states.reduce((sum, { parameters }) => sum + parameters.length, 0);
  const weights = isState ? (await listOrNothing(files, parentPath(folder))).filter(isWeights) : [];
  const isEmpty = states.every(({ emptyState }) => emptyState);
  return {
    checks: [
      ...(isState ? [weightsElsewhere(weights.map(({ name }) => name))] : []),
      broken === undefined
        ? judged(
            "Optimizer state",
            states.length === 0 ? "missing" : isEmpty ? "warning" : "ok",
            `${fileName}: ${plural(count, "parameter")}${isEmpty ? ", and no moments" : ""}. It is that of the newest epoch.`,
          )
        : judged("Optimizer state", "error", `${broken.name} ${broken.reason}`),
      judged(
        "Random state",
        "missing",
        "torchtune keeps a seed and no random state: the order of the data differs.",
      ),
    ],
    progress: {
      place: fileName,
      step: numberOf(root?.get("steps_run")),
      epoch,
      plannedEpochs: numberOf(root?.get("total_epochs")),
      maxEpochSteps: numberOf(root?.get("max_steps_per_epoch")),
    },
    worldSize: undefined,
    steps: [],
  };
}

function isWeights({ name, kind }: { readonly name: string; readonly kind: string }): boolean {
  return kind === "directory" && /^(?:epoch|step)_\d+$/.test(name);
}

function weightsElsewhere(folders: readonly string[]) {
  return folders.length === 0
    ? judged("Parameters", "missing", "No folder epoch_… or step_… with weights is beside recipe_state.")
    : judged("Parameters", "ok", `In ${folders.slice(-3).join(", ")} beside this folder.`);
}
