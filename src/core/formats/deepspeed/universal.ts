import { mapParallel } from "../../bytes/mapParallel";
import { joinPath } from "../../bytes/paths";
import { maxShards, parallelShardReads } from "../../problem/limits";
import type { Problem } from "../../problem/problem";
import { elementCount, type Tensor } from "../../tensors/tensor";
import { formatCount } from "../../text/quantities";
import { quote } from "../../text/quote";
import type { CheckpointFile } from "../checkpointFile";
import { type ContentValue, ListValue, MapValue } from "../contentValue";
import { mappingOf, sequenceOf } from "../contentView";
import type { FolderListing, ParsedFolder } from "../folderFormat";
import type { FileContent } from "../format";
import { mergeImports } from "../importFinding";
import { modelValue, standIn } from "../joinedValue";
import { byNameOf, type OpenedFile, openFolderFiles } from "../openFolderFiles";
import { momentName } from "./joinedParameter";
import { readModelStates } from "./modelStates";

const modelStatesName = /^(?:zero_pp_rank_\d+_)?mp_rank_\d+_model_states\.pt$/;

/** A parameter's own folder: its 32-bit weights and what the optimizer keeps of it, a file each. */
interface ParameterFolder {
  readonly name: string;
  readonly files: readonly string[];
}

/** Reads a universal checkpoint (checkpoint/ds_to_universal.py): every parameter whole, in files of its own. */
export async function readUniversal(
  { files: system, path, entries }: FolderListing,
  report: (problem: Problem) => void,
  signal?: AbortSignal,
): Promise<ParsedFolder> {
  const root = joinPath(path, "zero");
  const listed = (await system.list(root).catch(() => [])).filter(({ kind }) => kind === "directory");
  const parameters = await mapParallel(
    listed,
    parallelShardReads,
    async ({ name }): Promise<ParameterFolder> => {
      const inside = await system.list(joinPath(root, name)).catch(() => []);
      return {
        name,
        files: inside.flatMap((file) =>
          file.kind === "file" && file.name.endsWith(".pt") ? [file.name] : [],
        ),
      };
    },
  );
  const model = entries.flatMap(({ name, kind }) =>
    kind === "file" && modelStatesName.test(name) ? [name] : [],
  );
  const names = [
    ...model,
    "zero/optimizer_state.pt",
    ...parameters.flatMap(({ name, files }) => files.map((file) => `zero/${name}/${file}`)),
  ];
  if (names.length > maxShards) {
    const message = `The folder has ${formatCount(names.length)} files; the first ${formatCount(maxShards)} are read.`;
    report({ severity: "warning", code: "ManyFiles", message, file: path });
  }
  const hasOptimizer = (await system.stat(joinPath(root, "optimizer_state.pt")))?.kind === "file";
  const wanted = names
    .slice(0, maxShards)
    .filter((name) => hasOptimizer || name !== "zero/optimizer_state.pt");
  const opened = await openFolderFiles({ files: system, path }, wanted, () => undefined, report, signal);
  const byName = byNameOf(opened);
  if (entries.some(({ name, kind }) => kind === "directory" && name === "tmp")) {
    const message =
      "The folder `tmp` of the conversion is still here: ds_to_universal.py did not finish, or was told to keep it.";
    report({ severity: "warning", code: "UnfinishedConversion", message, file: joinPath(path, "tmp") });
  }
  const tensors: Tensor[] = [];
  const weights: Tensor[] = [];
  const missing: CheckpointFile[] = [];
  const state = new MapValue();
  const values = new Map<ContentValue, Tensor>();
  for (const { name, files } of parameters) {
    const held = new MapValue();
    for (const file of files) {
      const key = file.slice(0, -".pt".length);
      const found = byName.get(`zero/${name}/${file}`);
      const tensor = found === undefined ? undefined : tensorOf(found.file, found.index);
      if (tensor === undefined) continue;
      const named = { ...tensor, name: key === "fp32" ? name : momentName(name, key) };
      if (key !== "step") tensors.push(named);
      if (key === "fp32") weights.push(named);
      if (key !== "fp32") {
        held.set(key, standIn(named, values));
      }
    }
    if (!files.includes("fp32.pt")) {
      const file = `zero/${name}/fp32.pt`;
      missing.push({ name: file, path: joinPath(root, name, "fp32.pt"), bytes: 0, status: "missing" });
      const message = `The 32-bit weights of ${quote(name)} (${file}) are missing.`;
      report({ severity: "error", code: "MissingParameter", message, tensor: name });
    }
    state.set(name, held);
  }
  reportMissingMoments(parameters, report);
  const trained = new Set(parameters.map(({ name }) => name));
  const first = model
    .map((name) => byName.get(name))
    .find((each) => each?.file.parsed?.content !== undefined);
  const modelContent = first?.file.parsed?.content;
  const states = modelContent && readModelStates(modelContent);
  for (const [name, tensor] of states?.module ?? []) {
    if (elementCount(tensor.shape) === 0 && trained.has(name)) continue;
    const isCopy = trained.has(name);
    const placed = { ...tensor, fileIndex: first?.index ?? 0, name: isCopy ? `module.${name}` : name };
    tensors.push(placed);
    if (!isCopy) weights.push(placed);
  }
  for (const name of absentParameters(states?.module, trained, states?.buffers)) {
    const message = `The folder of ${quote(name)} is missing in \`zero\`: its 32-bit weights and moments are not there, unless it is frozen.`;
    report({ severity: "warning", code: "MissingParameter", message, tensor: name });
  }
  const aliases = new Map([...(states?.shared ?? [])].filter(([, kept]) => trained.has(kept)));
  return {
    format: "deepspeed-universal",
    files: [...opened.map(({ file }) => file), ...missing],
    tensors,
    aliases,
    metadata: new Map(),
    content: contentOf(
      modelContent,
      first?.index ?? 0,
      byName.get("zero/optimizer_state.pt")?.file,
      state,
      weights,
      values,
    ),
    imports: mergeImports(opened.flatMap(({ parsed }) => parsed?.imports ?? [])),
    problems: [],
    layout: {
      label: `DeepSpeed universal checkpoint${states?.version === undefined ? "" : ` (${states.version})`}`,
      load: {
        sentence:
          "DeepSpeed loads it on any number of ranks, where its configuration says so; each fp32.pt is one whole parameter.",
        snippet: `# deepspeed.initialize with {"checkpoint": {"load_universal": true}}, then:\nengine.load_checkpoint(folder)`,
      },
    },
  };
}

/** A parameter that lacks some of what another has, and has nothing that the other lacks, was once kept as it is. */
function reportMissingMoments(
  parameters: readonly ParameterFolder[],
  report: (problem: Problem) => void,
): void {
  const kinds = new Map(parameters.map(({ files }) => [[...files].sort().join("/"), files]));
  const fullest = [...kinds.values()].sort((a, b) => b.length - a.length);
  for (const { name, files } of parameters) {
    const full = fullest.find(
      (each) => each.length > files.length && files.every((file) => each.includes(file)),
    );
    const gone = full?.filter((file) => !files.includes(file) && file !== "fp32.pt") ?? [];
    if (gone.length === 0) continue;
    const message = `Of the optimizer's state of ${quote(name)} ${listed(gone)} ${gone.length === 1 ? "is" : "are"} missing: other parameters have ${gone.length === 1 ? "it" : "them"}.`;
    report({ severity: "error", code: "MissingMoment", message, tensor: name });
  }
}

function listed(files: readonly string[]): string {
  return files.map((file) => `\`${file}\``).join(", ");
}

/** Each file holds `{"param": tensor, …}`, or the tensor itself (`step.pt`). */
function tensorOf({ parsed }: OpenedFile, fileIndex: number): Tensor | undefined {
  const content = parsed?.content;
  if (content === undefined) return undefined;
  const value = mappingOf(content.root)?.get("param") ?? content.root;
  const tensor = content.tensors.get(value);
  return tensor && { ...tensor, fileIndex };
}

/** Weights of the model that have no folder, where others of their kind do. */
function absentParameters(
  module: ReadonlyMap<string, Tensor> | undefined,
  trained: ReadonlySet<string>,
  buffers: ReadonlySet<string> | undefined,
): readonly string[] {
  if (trained.size === 0) return [];
  return [...(module ?? [])].flatMap(([name]) =>
    trained.has(name) || buffers?.has(name) === true ? [] : [name],
  );
}

function contentOf(
  model: FileContent | undefined,
  modelFile: number,
  optimizerFile: OpenedFile | undefined,
  state: MapValue,
  weights: readonly Tensor[],
  values: Map<ContentValue, Tensor>,
): FileContent {
  const root = new MapValue();
  root.set("model", modelValue(weights, values));
  for (const [key, value] of mappingOf(model?.root)?.entries() ?? []) {
    if (key !== "module" && key !== "optimizer") root.set(key, value);
  }
  for (const [value, tensor] of model?.tensors ?? []) values.set(value, { ...tensor, fileIndex: modelFile });
  const base = mappingOf(mappingOf(optimizerFile?.parsed?.content?.root)?.get("base_optimizer_state"));
  const optimizer = new MapValue();
  optimizer.set("state", state);
  optimizer.set("param_groups", groupsOf(sequenceOf(base?.get("param_groups")) ?? [], state));
  root.set("optimizer", optimizer);
  return { root, tensors: values, ...(model?.describe === undefined ? {} : { describe: model.describe }) };
}

/** Which parameter is in which group is not kept; where there is one, all of them are. */
function groupsOf(groups: readonly ContentValue[], state: MapValue): ListValue {
  return new ListValue(
    groups.map((group) => {
      const copy = new MapValue();
      for (const [key, value] of mappingOf(group)?.entries() ?? [])
        if (key !== "params") copy.set(key, value);
      copy.set("params", new ListValue(groups.length === 1 ? [...state.keys] : []));
      return copy;
    }),
  );
}
