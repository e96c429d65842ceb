import type { Files } from "../bytes/files";
import { baseName, joinPath } from "../bytes/paths";
import { readText } from "../bytes/readText";
import type { Checkpoint } from "../checkpoint/checkpoint";
import type { FolderContext } from "../checkpoint/folderContext";
import type { MapValue } from "../formats/contentValue";
import { mappingOf, numberOf, sequenceOf } from "../formats/contentView";
import { elementCount } from "../tensors/tensor";
import { formatCount, plural } from "../text/quantities";
import {
  judged,
  type LayoutFindings,
  type ListedFile,
  listOrNothing,
  missingNumbers,
  namedNumbers,
} from "./layoutFindings";
import type { PartOpener } from "./openedParts";
import type { ResumeCheck } from "./resumeReport";

const optimName = /^(?:bf16_|fp16_)?zero_pp_rank_(\d+)_mp_rank_(\d+)_?optim_states\.pt$/;
const modelName = /^(?:zero_pp_rank_(\d+)_)?mp_rank_(\d+)_model_states\.pt$/;
const stepFolder = /^global_step(\d+)(?:_universal)?$/;

/** The shards of one rank are like those of any other; so many are opened, the others are counted. */
const maxOpened = 16;

const maxTagBytes = 1000;

/**
 * A checkpoint of DeepSpeed: `latest` names a folder with the model's states, and one file of optimizer state for
 * each process (formats.md §7). Undefined where the folder is none.
 */
export async function deepSpeedState(
  files: Files,
  { folder, files: entries }: FolderContext,
  opener: PartOpener,
): Promise<LayoutFindings | undefined> {
  const isInside = entries.some(({ name }) => optimName.test(name) || modelName.test(name));
  if (isInside) return new DeepSpeedReader(folder, await listOrNothing(files, folder), opener).read();
  const folders = entries.filter(({ kind, name }) => kind === "directory" && stepFolder.test(name));
  const tags: string[] = [];
  for (const file of ["latest", "latest_universal"]) {
    const tag = entries.some(({ name }) => name === file) ? await readTag(files, folder, file) : undefined;
    if (tag !== undefined) tags.push(tag);
  }
  if (folders.length === 0 && tags.length === 0) return undefined;
  const newest = folders.map(({ name }) => name).sort((a, b) => stepOf(b) - stepOf(a))[0];
  // Converted to a universal checkpoint, a save is copied without the folder that `latest` names.
  const isHere = (tag: string) => entries.some(({ kind, name }) => kind === "directory" && name === tag);
  const chosen = tags.find(isHere) ?? tags[0] ?? newest ?? "";
  const listed = await listOrNothing(files, joinPath(folder, chosen));
  if (listed.length === 0) {
    const reason = `\`latest\` says ${chosen.slice(0, 100)}, but there is no such folder with anything in it.`;
    return {
      checks: [judged("Parameters", "error", reason), judged("Optimizer state", "error", reason)],
      progress: undefined,
      worldSize: undefined,
      steps: [],
    };
  }
  const found = await new DeepSpeedReader(joinPath(folder, chosen), listed, opener).read();
  const parameters = listed.find(({ kind, name }) => kind === "directory" && name === "zero");
  if (parameters === undefined) return found;
  const inModelStates = found.checks.filter(({ what }) => what === "Schedule");
  return { ...found, checks: [...(await universalChecks(files, parameters.path, chosen)), ...inModelStates] };
}

/** A universal checkpoint has a folder for each parameter, with its 32-bit weights and moments whole. */
async function universalChecks(files: Files, folder: string, tag: string): Promise<readonly ResumeCheck[]> {
  const parameters = (await listOrNothing(files, folder)).filter(({ kind }) => kind === "directory");
  const bare: string[] = [];
  const withoutMoments: string[] = [];
  for (const { path, name } of parameters.slice(0, maxOpened)) {
    const names = new Set((await listOrNothing(files, path)).map((entry) => entry.name));
    if (!names.has("fp32.pt")) bare.push(name);
    if (!names.has("exp_avg.pt") && !names.has("momentum_buffer.pt")) withoutMoments.push(name);
  }
  const count = plural(parameters.length, "parameter");
  const looked = parameters.length > maxOpened ? `, ${maxOpened} of them looked into` : "";
  const how = "Loads on any number of processes, where the configuration of DeepSpeed says load_universal";
  return [
    parameters.length === 0
      ? judged("Parameters", "error", `${tag}/zero holds no parameters.`)
      : bare.length > 0
        ? judged("Parameters", "error", `${bare[0]} of ${tag} has no fp32.pt: its weights are lost.`)
        : judged("Parameters", "ok", `${count} in ${tag}, each whole (fp32.pt)${looked}. ${how}.`),
    withoutMoments.length > 0
      ? judged(
          "Optimizer state",
          "missing",
          `${withoutMoments[0]} of ${tag} has no moments: they start cold.`,
        )
      : judged("Optimizer state", "ok", `The moments of ${count}, beside their weights${looked}.`),
  ];
}

async function readTag(files: Files, folder: string, file: string): Promise<string | undefined> {
  try {
    const text = await readText(files, joinPath(folder, file), maxTagBytes);
    const tag = text.trim();
    // A name, and never a way out of the folder.
    return tag === "" || /[/\\]|^\.\.?$/.test(tag) ? undefined : tag;
  } catch {
    return undefined;
  }
}

function stepOf(name: string): number {
  return Number(stepFolder.exec(name)?.[1] ?? -1);
}

interface Shard extends ListedFile {
  readonly rank: number;
  readonly modelRank: number;
}

class DeepSpeedReader {
  private readonly optimFiles: readonly Shard[];
  private readonly modelFiles: readonly Shard[];
  private partitions = 0;
  private heldElements = 0;
  private openedOptims = 0;

  constructor(
    private readonly folder: string,
    entries: readonly ListedFile[],
    private readonly opener: PartOpener,
  ) {
    this.optimFiles = shards(entries, optimName);
    this.modelFiles = shards(entries, modelName);
  }

  async read(): Promise<LayoutFindings> {
    const { modelFiles, optimFiles, opener } = this;
    const [first] = modelFiles;
    const model = first && (await opener.open(first.path, first.name, "parameters"));
    for (const { path, name } of modelFiles.slice(1, maxOpened)) await opener.open(path, name, "parameters");
    for (const { path, name } of optimFiles.slice(0, maxOpened)) {
      const opened = await opener.open(path, name, "optimizer");
      if (opened !== undefined) this.count(opened);
    }
    const root = mappingOf(model?.content?.root);
    this.partitions = Math.max(this.partitions, numberOf(root?.get("dp_world_size")) ?? 0);
    const named = stepOf(baseName(this.folder));
    const stated = numberOf(root?.get("global_steps"));
    const steps = [
      ...(stated === undefined ? [] : [{ who: first?.name ?? "", step: stated }]),
      ...(named < 0 ? [] : [{ who: `the name ${baseName(this.folder)}`, step: named }]),
    ];
    const scheduler = root?.get("lr_scheduler") ?? null;
    return {
      checks: [
        this.parametersCheck(),
        this.optimizerCheck(root),
        ...this.fitsCheck(model),
        ...(scheduler === null ? [] : [judged("Schedule", "ok", "In the model states (lr_scheduler).")]),
      ],
      progress: steps[0] && { place: steps[0].who, step: steps[0].step, epoch: undefined },
      steps,
      worldSize:
        this.partitions === 0
          ? undefined
          : { count: this.partitions * this.modelRanks(), place: "partitions of the optimizer" },
    };
  }

  private count({ content, tensors }: Checkpoint): void {
    const state = mappingOf(mappingOf(content?.root)?.get("optimizer_state_dict"));
    const given = state?.get("partition_count");
    const counts = sequenceOf(given)?.map(numberOf) ?? [numberOf(given)];
    for (const count of counts) this.partitions = Math.max(this.partitions, count ?? 0);
    for (const { name, shape } of tensors) {
      if (
        /(?:single_partition_of_fp32_groups|local_sub_partitions_of_fp32_groups|fp32_flat_groups)\.\d+(?:\.\d+)?$/.test(
          name,
        )
      )
        this.heldElements += elementCount(shape);
    }
    this.openedOptims++;
  }

  private modelRanks(): number {
    return new Set([...this.modelFiles, ...this.optimFiles].map(({ modelRank }) => modelRank)).size;
  }

  private parametersCheck(): ResumeCheck {
    const { modelFiles } = this;
    const what = "Parameters";
    const broken = this.opener.broken.find(({ role }) => role === "parameters");
    if (broken !== undefined) return judged(what, "error", `${broken.name} ${broken.reason}`);
    if (modelFiles.length === 0) {
      return judged(what, "error", `${baseName(this.folder)} holds no …model_states.pt of DeepSpeed.`);
    }
    const isSharded = modelFiles.some(({ name }) => name.startsWith("zero_"));
    if (!isSharded)
      return judged(what, "ok", `${plural(modelFiles.length, "file")} of model states (ZeRO-2 or less).`);
    const missing = missingNumbers(
      modelFiles.map(({ rank }) => rank),
      this.partitions,
    );
    if (missing.length > 0) {
      return judged(what, "error", `Model states of rank ${namedNumbers(missing)} are missing (ZeRO-3).`);
    }
    if (this.optimFiles.length === 0) {
      const reason = `${baseName(this.folder)} holds no …optim_states.pt, and under ZeRO-3 the weights are in them: the model states hold shapes alone.`;
      return judged(what, "error", reason);
    }
    const reason = `Model states of ${plural(modelFiles.length, "rank")}; the values are in the optimizer's shards (ZeRO-3).`;
    return judged(what, "ok", reason);
  }

  private optimizerCheck(model: MapValue | undefined): ResumeCheck {
    const { optimFiles, partitions } = this;
    const what = "Optimizer state";
    const broken = this.opener.broken.find(({ role }) => role === "optimizer");
    if (broken !== undefined) return judged(what, "error", `${broken.name} ${broken.reason}`);
    if (optimFiles.length === 0 && mappingOf(model?.get("optimizer")) !== undefined)
      return judged(what, "ok", "In the model states (optimizer): ZeRO is off.");
    if (optimFiles.length === 0) {
      return judged(
        what,
        "missing",
        `${baseName(this.folder)} holds no …optim_states.pt: the moments start cold.`,
      );
    }
    const dtypes = new Set(optimFiles.map(({ name }) => /^(?:bf16_|fp16_)?/.exec(name)?.[0] ?? ""));
    if (dtypes.size > 1) {
      const names = [...dtypes].map(
        (start) => optimFiles.find(({ name }) => name.startsWith(`${start}zero`))?.name,
      );
      const reason = `Shards of two saves lie together: ${names.join(" and ")}. DeepSpeed looks for all under one beginning, by the dtype that it trains in, and misses the others.`;
      return judged(what, "error", reason);
    }
    const modelRanks = [...new Set(optimFiles.map(({ modelRank }) => modelRank))];
    for (const modelRank of modelRanks) {
      const own = optimFiles.filter((shard) => shard.modelRank === modelRank).map(({ rank }) => rank);
      const missing = missingNumbers(own, Math.max(partitions, Math.max(...own) + 1));
      if (missing.length > 0) {
        const reason = `${formatCount(own.length)} of ${formatCount(own.length + missing.length)} shards, without those of rank ${namedNumbers(missing)}. DeepSpeed refuses to load it; the 32-bit weights and moments of those ranks are lost.`;
        return judged(what, "error", reason);
      }
    }
    const made = numberOf(model?.get("global_steps")) ?? 0;
    const skipped = numberOf(model?.get("skipped_steps")) ?? 0;
    if (made > 0 && skipped >= made) {
      const reason = `All ${formatCount(made)} steps were skipped, as their gradients overflowed (skipped_steps ${formatCount(skipped)} of global_steps ${formatCount(made)}): the weights are those that the training began with.`;
      return judged(what, "warning", reason);
    }
    const all = this.openedOptims === optimFiles.length ? "" : `, ${this.openedOptims} of them opened`;
    const reason = `All ${formatCount(optimFiles.length)} shards of DeepSpeed's optimizer${all}. Loads with ${plural(Math.max(partitions, 1) * this.modelRanks(), "process", "processes")}; another number needs a universal checkpoint.`;
    return judged(what, "ok", reason);
  }

  /** Partitions are padded, so that they may hold more than there is. */
  private fitsCheck(model: Checkpoint | undefined): ResumeCheck[] {
    const groups = sequenceOf(mappingOf(model?.content?.root)?.get("param_shapes")) ?? [];
    let needed = 0;
    let count = 0;
    for (const group of groups) {
      for (const shape of mappingOf(group)?.values ?? []) {
        const sizes = (sequenceOf(shape) ?? []).map((size) => numberOf(size) ?? Number.NaN);
        needed += elementCount(sizes);
        count++;
      }
    }
    const isWhole = this.openedOptims === this.optimFiles.length && this.modelRanks() === 1;
    if (count === 0 || !isWhole || this.heldElements === 0) return [];
    const what = "Optimizer fits the parameters";
    const held = `The shards hold ${formatCount(this.heldElements)} values, ${plural(count, "parameter")} of the model ${formatCount(needed)}`;
    return this.heldElements >= needed
      ? [judged(what, "ok", `${held}; the rest is padding.`)]
      : [judged(what, "error", `${held}: some are missing.`)];
  }
}

function shards(entries: readonly ListedFile[], pattern: RegExp): readonly Shard[] {
  return entries.flatMap((entry) => {
    const match = pattern.exec(entry.name);
    if (match === null || entry.kind !== "file") return [];
    return [{ ...entry, rank: Number(match[1] ?? 0), modelRank: Number(match[2]) }];
  });
}
