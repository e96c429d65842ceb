import type { FileEntry } from "../../bytes/files";
import { joinPath } from "../../bytes/paths";
import { readText } from "../../bytes/readText";
import { isJsonObject, jsonString, parseJson } from "../../json/parseJson";
import { CheckpointError } from "../../problem/checkpointError";
import { maxConfigBytes } from "../../problem/limits";
import type { Problem } from "../../problem/problem";
import type { Tensor } from "../../tensors/tensor";
import { pythonString } from "../../text/pythonString";
import { formatCount, plural } from "../../text/quantities";
import { quote } from "../../text/quote";
import { type ContentValue, ListValue, MapValue } from "../contentValue";
import { mappingOf, membersOf, numberOf, sequenceOf, stringOf } from "../contentView";
import { openDcp } from "../dcp/dcpFolder";
import type { FolderListing, ParsedFolder } from "../folderFormat";
import type { FileContent } from "../format";
import { mergeImports } from "../importFinding";
import { openFolderFiles } from "../openFolderFiles";
import { unflattened } from "./flattenedMoments";

const settingsName = "metadata.json";
const commonName = "common.pt";
/** Since 2026 the common state is an entry among the others (dist_checkpointing/serialization.py). */
const commonEntry = /^common_state\/shard_/;

/**
 * A folder of Megatron's dist_checkpointing: `metadata.json` says by what the tensors were written, and `common.pt` is
 * written by nothing else.
 */
export function isDistributed(entries: readonly FileEntry[]): boolean {
  const has = (pattern: RegExp) => entries.some(({ name, kind }) => kind === "file" && pattern.test(name));
  const [settings, common, tensors] = [/^metadata\.json$/, /^common\.pt$/, /^\.metadata$|\.distcp$/].map(has);
  return [settings, common, tensors].filter((is) => is === true).length > 1;
}

/** Reads what Megatron's dist_checkpointing wrote: the tensors are those of torch.distributed.checkpoint. */
export async function openDistributed(listing: FolderListing, signal?: AbortSignal): Promise<ParsedFolder> {
  const { files: system, path, entries } = listing;
  const backend = await readBackend(listing, signal);
  const isTorch = entries.some(({ name }) => name === ".metadata" || name.endsWith(".distcp"));
  if (!isTorch) {
    const message = `Megatron's dist_checkpointing wrote its tensors by ${quote(backend ?? "an unknown backend")}, which is not read here. Megatron itself converts it to torch_dist.`;
    throw new CheckpointError("UnsupportedFormat", message, undefined, path);
  }
  const parsed = withoutRows(await openDcp(listing, signal));
  const problems: Problem[] = [...parsed.problems];
  const report = (problem: Problem) => problems.push(problem);
  const hasCommon = entries.some(({ name, kind }) => kind === "file" && name === commonName);
  const [common] = hasCommon
    ? await openFolderFiles({ files: system, path }, [commonName], () => undefined, report, signal)
    : [];
  const commonContent = common?.parsed?.content;
  const files = common === undefined ? parsed.files : [...parsed.files, common.file];
  if (!hasCommon && !holdsCommon(parsed.content)) {
    const message = `${commonName} is missing, which says the step, the arguments and the schedule: Megatron-LM cannot load the save without it.`;
    report({ severity: "error", code: "CommonStateMissing", message, file: joinPath(path, commonName) });
  }
  if (!entries.some(({ name }) => name === settingsName)) {
    const message = `${settingsName} is missing, by which Megatron-LM tells its distributed checkpoints: it loads none without it.`;
    report({ severity: "error", code: "SettingsMissing", message, file: joinPath(path, settingsName) });
  }
  reportLayout(parsed, commonContent, report);
  const args = membersOf(mappingOf(commonContent?.root)?.get("args"));
  const size = (key: string) => numberOf(args?.get(key));
  const [tp, pp, ep] = ["tensor", "pipeline", "expert"].map((kind) => size(`${kind}_model_parallel_size`));
  const { content, readValues } = parsed;
  return {
    ...parsed,
    format: "megatron-dist",
    files,
    ...(content === undefined ? {} : { content: withCommon(content, commonContent, files.length - 1) }),
    ...(readValues === undefined
      ? {}
      : {
          readValues: async (valueSignal?: AbortSignal) => {
            const values = await readValues(valueSignal);
            return { ...values, content: withCommon(values.content, commonContent, files.length - 1) };
          },
        }),
    imports: mergeImports([...(parsed.imports ?? []), ...(common?.parsed?.imports ?? [])]),
    problems,
    layout: {
      ...parsed.layout,
      label: `Megatron-LM (${backend ?? "dist_checkpointing"})`,
      load: {
        sentence:
          "Megatron-LM loads it with --load on any parallel layout; this reads its tensors in one process.",
        snippet: [
          "from megatron.core import dist_checkpointing",
          "",
          `tensors = dist_checkpointing.load_plain_tensors(${pythonString(path)})`,
        ].join("\n"),
      },
      parallel: {
        ...(tp === undefined ? {} : { tp }),
        ...(pp === undefined ? {} : { pp }),
        ...(ep === undefined || ep === 1 ? {} : { ep }),
      },
    },
  };
}

function holdsCommon(content: FileContent | undefined): boolean {
  const keys = mappingOf(content?.root)?.keys ?? [];
  return keys.some((key) => typeof key === "string" && commonEntry.test(key));
}

/** Moments that were saved as rows, in the shapes of their parameters. */
function withoutRows(parsed: ParsedFolder): ParsedFolder {
  const shapes = new Map(parsed.tensors.map(({ name, shape }) => [name, shape]));
  const placed = new Map<Tensor, Tensor>();
  for (const tensor of parsed.tensors) {
    const shape = shapes.get(namedMoment.exec(tensor.name)?.[2] ?? "");
    const made = shape === undefined ? undefined : unflattened(tensor, shape);
    if (made !== undefined) placed.set(tensor, made);
  }
  if (placed.size === 0) return parsed;
  const { content, readValues } = parsed;
  const inContent = (given: FileContent): FileContent => ({
    ...given,
    tensors: new Map([...given.tensors].map(([value, tensor]) => [value, placed.get(tensor) ?? tensor])),
  });
  const message = `${plural(placed.size, "tensor")} of the optimizer ${placed.size === 1 ? "was" : "were"} saved as rows (flattened_range) and ${placed.size === 1 ? "is" : "are"} shown in the shapes of the parameters.`;
  return {
    ...parsed,
    tensors: parsed.tensors.map((tensor) => placed.get(tensor) ?? tensor),
    problems: [...parsed.problems, { severity: "info", code: "FlattenedMoments", message }],
    ...(content === undefined ? {} : { content: inContent(content) }),
    ...(readValues === undefined
      ? {}
      : {
          readValues: async (signal) => {
            const values = await readValues(signal);
            return { ...values, content: inContent(values.content) };
          },
        }),
  };
}

async function readBackend(
  { files, path }: FolderListing,
  signal?: AbortSignal,
): Promise<string | undefined> {
  try {
    const { value } = parseJson(await readText(files, joinPath(path, settingsName), maxConfigBytes, signal));
    return isJsonObject(value) ? jsonString(value.get("sharded_backend")) : undefined;
  } catch {
    signal?.throwIfAborted();
    return undefined;
  }
}

/** The values that are the same on all ranks, beside the tensors: arguments, iteration, schedule. */
function withCommon(content: FileContent, common: FileContent | undefined, commonFile: number): FileContent {
  const root = new MapValue();
  const add = (dict: MapValue | undefined) => {
    for (const [key, value] of dict?.entries() ?? []) if (!root.has(key)) root.set(key, value);
  };
  const given = mappingOf(content.root);
  add(given);
  for (const [key, value] of given?.entries() ?? []) {
    const name = stringOf(key);
    if (name !== undefined && commonEntry.test(name)) add(mappingOf(sequenceOf(value)?.[0] ?? value));
  }
  add(mappingOf(common?.root));
  const optimizer = namedOptimizer(content, mappingOf(root.get("optimizer")));
  if (optimizer !== undefined) root.set("optimizer", optimizer);
  const tensors = new Map<
    ContentValue,
    typeof content.tensors extends ReadonlyMap<ContentValue, infer T> ? T : never
  >(content.tensors);
  for (const [value, tensor] of common?.tensors ?? [])
    tensors.set(value, { ...tensor, fileIndex: commonFile });
  const describe = content.describe ?? common?.describe;
  return { root, tensors, ...(describe === undefined ? {} : { describe }) };
}

const namedMoment = /^optimizer\.state\.(exp_avg|exp_avg_sq|fp32_param|step)\.(.+)$/s;

/** The optimizer's state by parameters: Megatron names the kind of state first. Undefined where it is not named so. */
function namedOptimizer(content: FileContent, given: MapValue | undefined): MapValue | undefined {
  const state = new MapValue();
  for (const [value, { name }] of content.tensors) {
    const [, key, parameter] = namedMoment.exec(name) ?? [];
    if (key === undefined || parameter === undefined) continue;
    const known = state.get(parameter);
    const held = known instanceof MapValue ? known : new MapValue();
    held.set(key, value);
    if (known === undefined) state.set(parameter, held);
  }
  if (state.size === 0) return undefined;
  const optimizer = new MapValue();
  optimizer.set("state", state);
  const groups = mappingOf(given?.get("optimizer"))?.get("param_groups") ?? given?.get("param_groups");
  optimizer.set("param_groups", groups ?? new ListValue([]));
  return optimizer;
}

const stackedLayers = /(?:^|\.)layers\.(?!\d+\.)/;

function reportLayout(
  { tensors }: ParsedFolder,
  common: FileContent | undefined,
  report: (problem: Problem) => void,
): void {
  const stacked = tensors.filter(({ name }) => stackedLayers.test(name) && !name.startsWith("optimizer."));
  const [example] = stacked;
  if (example !== undefined) {
    const message = `${plural(stacked.length, "tensor")}, such as ${quote(example.name)}, hold a parameter of all ${formatCount(example.shape[0] ?? 0)} layers: the first axis counts the layers.`;
    report({ severity: "info", code: "StackedLayers", message });
  }
  const sharding = stringOf(
    membersOf(mappingOf(common?.root)?.get("content_metadata"))?.get("distrib_optim_sharding_type"),
  );
  const flat = tensors.filter(({ name }) => /^optimizer\.distributed\./.test(name));
  if (flat.length > 0) {
    const by = sharding === undefined ? "" : ` (${sharding})`;
    const message = `The optimizer's state is in ${plural(flat.length, "flat buffer")}${by}, which do not name the parameters that they are of.`;
    report({ severity: "info", code: "FlatOptimizer", message });
  }
}
