import type { FileStat, Files } from "../../bytes/files";
import { mapParallel } from "../../bytes/mapParallel";
import { joinPath, parentPath } from "../../bytes/paths";
import type { WeightsProbe } from "../../checkpoint/probeWeights";
import { isTorchFile } from "../../formats/fileKinds";
import { folderFormatOf } from "../../formats/folderRegistry";
import { isJsonObject, type JsonObject, type JsonValue } from "../../json/parseJson";
import { findHalfWritten } from "../../parts/halfWritten";
import { assessParts, classifyEntry, classifyFolder } from "../../parts/parts";
import { messageOf } from "../../problem/messageOf";
import type { Problem } from "../../problem/problem";
import { metadataProgress } from "../../progress/metadataProgress";
import { trainerStateOf } from "../../progress/readTrainerState";
import { detectStage, type StageLabel } from "../../stage/stage";
import type { RunPart } from "../run";
import { type AdapterSignature, adapterSignature } from "./adapterSignature";
import { type Candidate, mainFileOf } from "./candidate";
import type { KnownSettings } from "./knownSettings";
import type { LogDigest } from "./logDigest";
import type { LogDigests } from "./logDigests";
import type { Folder } from "./walkFolders";

/** A candidate with what its small files say. */
export interface CheckpointFacts {
  readonly candidate: Candidate;
  readonly mainFile: string | undefined;
  /** All that lies in its folder belongs to it. */
  readonly ownsFolder: boolean;
  readonly byteSize: number;
  readonly modifiedMs: number;
  readonly parts: readonly RunPart[];
  readonly incomplete: boolean;
  readonly trainerStatePath: string | undefined;
  readonly log: LogDigest | undefined;
  readonly adapter: AdapterSignature | undefined;
  readonly stage: StageLabel | undefined;
  /** From trainer_state.json, else from the name. */
  readonly step: number | undefined;
  /** Nothing but an optimizer's own count says the step. */
  readonly stepIsOptimizers: true | undefined;
  readonly epoch: number | undefined;
  /** What the weights file itself says, where no trainer_state.json does. */
  readonly inside: WeightsProbe["progress"];
  /** A look into the file found data, or another kind of file. */
  readonly noModel: boolean;
  /** Of the model in a weights file that was looked into. */
  readonly shapes: WeightsProbe["shapes"];
  readonly problems: readonly Problem[];
}

export type ProbeWeights = (path: string, signal?: AbortSignal) => Promise<WeightsProbe>;

/** What the rules of health say of the weights that a checkpoint opens with. */
export type JudgeWeights = (path: string, signal?: AbortSignal) => Promise<readonly Problem[]>;

export interface FactsOptions {
  readonly userStage?: ((path: string) => string | undefined) | undefined;
  /** Looks at the first bytes of a weights file: they may name the stage, or show that it is not whole. */
  readonly peek?: ProbeWeights | undefined;
  readonly judge?: JudgeWeights | undefined;
  readonly digests: LogDigests;
  readonly settings: KnownSettings;
  readonly signal?: AbortSignal | undefined;
}

/** Files that end before they should: the weights as their header tells, the log as its text. */
const cutCodes: ReadonlySet<string> = new Set([
  "MetadataIncompleteBuffer",
  "InvalidHeaderLength",
  "HeaderTooSmall",
  "TrainerStateTruncated",
  "NoZipDirectory",
  "TruncatedPickle",
  "TruncatedLegacy",
]);

/** Files of one checkpoint that are looked into besides its weights; shards of a large one are all alike. */
const maxPeekedParts = 8;

/** Stats at once: they cost a round trip each on a network disk. */
const parallelStats = 16;

/** Reads the sizes and small files: trainer_state.json, adapter_config.json, checkpoint-stage.json. */
export async function readCheckpointFacts(
  files: Files,
  candidate: Candidate,
  options: FactsOptions,
): Promise<CheckpointFacts> {
  options.signal?.throwIfAborted();
  const reader = new FactsReader(files, candidate, options);
  return await reader.read();
}

class FactsReader {
  private readonly problems: Problem[] = [];
  private modifiedMs = 0;
  private trainerStat: FileStat | undefined;

  constructor(
    private readonly files: Files,
    private readonly candidate: Candidate,
    private readonly options: FactsOptions,
  ) {}

  async read(): Promise<CheckpointFacts> {
    const { candidate } = this;
    const { own, parts } = await this.readParts();
    const has = (wanted: string) => candidate.folder.files.some(({ name }) => name === wanted);
    const main = mainFileOf(candidate, parts);
    const config = await this.readAdapterConfig(main);
    const isFolder = candidate.kind === "folder";
    const stateName = isFolder ? trainerStateOf(candidate.folder.files)?.name : undefined;
    const trainerStatePath = stateName === undefined ? undefined : joinPath(candidate.path, stateName);
    const log = trainerStatePath === undefined ? undefined : await this.readLog(trainerStatePath);
    // A folder that several processes wrote is one checkpoint; none of its files says what it holds.
    const subject = this.isDistributed() ? candidate.path : main;
    const seen = await this.peekInto(subject, parts);
    if (subject !== undefined) await this.tellHealth(subject);
    const inside = log === undefined ? seen?.progress : undefined;
    const { moment } = candidate;
    const written = metadataProgress(seen?.metadata ?? new Map());
    const named = log?.globalStep ?? moment.step;
    const step = named ?? inside?.step ?? written.step;
    this.tellStep(log?.globalStep, inside?.step);
    this.tellParameters(parts);
    const halfWritten = findHalfWritten(isFolder ? candidate.name : "", own);
    const told = new Set(this.problems.map(({ code }) => code));
    const unfinished = this.unfinishedFolders();
    this.problems.push(
      ...unfinished,
      ...halfWritten.problems.filter(({ code }) => code !== "MissingMetadata" || !told.has(code)),
    );
    const adapterConfig: JsonObject | undefined = isJsonObject(config) ? config : undefined;
    const stage = await this.detectStage(seen, adapterConfig, step, has("checkpoint-stage.json"));
    const isCut = this.problems.some(({ code }) => cutCodes.has(code));
    return {
      candidate,
      mainFile: main,
      ownsFolder: isFolder && this.isStepFolder(),
      byteSize: parts.reduce((sum, { size }) => sum + size, 0),
      modifiedMs: this.modifiedMs,
      parts,
      incomplete: halfWritten.incomplete || unfinished.length > 0 || candidate.temporary || isCut,
      trainerStatePath,
      log,
      adapter: adapterConfig === undefined ? undefined : adapterSignature(adapterConfig),
      stage,
      step,
      stepIsOptimizers: named === undefined ? inside?.stepIsOptimizers : undefined,
      epoch: log?.epoch ?? moment.epoch ?? epochDone(inside?.epoch) ?? written.epoch,
      inside,
      noModel: seen?.noModel === true,
      shapes: seen?.shapes,
      problems: this.problems.map((problem) => ({ file: candidate.path, ...problem })),
    };
  }

  /** `own` is every file that was looked at, `parts` what belongs to the checkpoint. */
  private async readParts(): Promise<{ own: readonly RunPart[]; parts: readonly RunPart[] }> {
    const { folder, fileNames, kind, partFolders } = this.candidate;
    const names = kind === "file" ? fileNames : folder.files.map(({ name }) => name);
    const own = await this.statFiles(folder, names);
    // The folder may be a whole repository: only a step folder owns all that lies in it.
    const ownsAll = kind === "file" || this.isStepFolder();
    const parts = ownsAll ? [...own] : own.filter(({ part }) => part !== "other");
    const direct = partFolders.filter(({ parent }) => parent === folder);
    for (const partFolder of direct) parts.push(await this.statFolder(partFolder));
    return { own, parts };
  }

  /** Folders of a distributed save inside the checkpoint whose directory, which is written last, is not there. */
  private unfinishedFolders(): readonly Problem[] {
    return this.candidate.partFolders
      .filter(({ files }) => files.some(({ name }) => name.endsWith(".distcp")))
      .flatMap(({ name, path, files }) =>
        findHalfWritten("", files)
          .problems.filter(({ code }) => code === "MissingMetadata")
          .map((problem) => ({ ...problem, message: `${name}: ${problem.message}`, file: path })),
      );
  }

  private isDistributed(): boolean {
    const { kind, folder } = this.candidate;
    if (kind === "file") return false;
    const entries = [
      ...folder.files.map(({ name }) => ({ name, kind: "file" as const, link: false })),
      ...folder.folders.map(({ name }) => ({ name, kind: "directory" as const, link: false })),
    ];
    return folderFormatOf(entries) !== undefined;
  }

  private isStepFolder(): boolean {
    const { moment, temporary } = this.candidate;
    return temporary || moment.step !== undefined || moment.epoch !== undefined || moment.index !== undefined;
  }

  private async statFolder(folder: Folder): Promise<RunPart> {
    const all = this.candidate.partFolders.filter(
      ({ path }) => path === folder.path || isBelow(folder, path),
    );
    let size = 0;
    for (const part of all) {
      const names = part.files.map(({ name }) => name);
      for (const file of await this.statFiles(part, names)) size += file.size;
    }
    const { name, path } = folder;
    return { ...classifyFolder(name, folder.files), path, size };
  }

  private async statFiles(folder: Folder, names: readonly string[]): Promise<RunPart[]> {
    const parts = await mapParallel(names, parallelStats, async (name): Promise<RunPart[]> => {
      const path = joinPath(folder.path, name);
      const stat = await this.files.stat(path).catch(() => undefined);
      // Gone since the folder was listed: a training that tidies up its old checkpoints.
      if (stat === undefined) return [];
      this.modifiedMs = Math.max(this.modifiedMs, stat.modifiedMs);
      if (name === trainerStateOf(folder.files)?.name && folder === this.candidate.folder)
        this.trainerStat = stat;
      const { size } = stat;
      return [{ ...classifyEntry({ name, kind: "file" }), path, size }];
    });
    return parts.flat();
  }

  private async readLog(path: string): Promise<LogDigest> {
    const { digests, signal } = this.options;
    const { log, problems } = await digests.read(path, this.trainerStat, signal);
    this.problems.push(...problems);
    return log;
  }

  /** Beside the weights, which may lie in a folder of their own. */
  private async readAdapterConfig(main: string | undefined): Promise<JsonValue | undefined> {
    const { folder, partFolders } = this.candidate;
    const holder = partFolders.find(({ path }) => main !== undefined && path === parentPath(main)) ?? folder;
    const found = holder.files.find(({ name }) => name === "adapter_config.json");
    return found === undefined ? undefined : this.readJson(holder.path, found.name);
  }

  private async readJson(folder: string, name: string): Promise<JsonValue | undefined> {
    const path = joinPath(folder, name);
    try {
      const { settings, signal } = this.options;
      const { value, truncatedAt } = await settings.read(this.files, path, signal);
      if (truncatedAt === undefined) return value;
      const message = `${name} ends early: it is still being written, or was cut.`;
      this.problems.push({ severity: "warning", code: "ConfigUnreadable", message, file: path });
      return undefined;
    } catch (error) {
      this.options.signal?.throwIfAborted();
      const message = `${name} cannot be read: ${messageOf(error)}`;
      this.problems.push({ severity: "warning", code: "ConfigUnreadable", message, file: path });
      return undefined;
    }
  }

  /** What the main file tells. Of the other files that Python would unpickle only their problems are told. */
  private async peekInto(
    main: string | undefined,
    parts: readonly RunPart[],
  ): Promise<WeightsProbe | undefined> {
    const { peek, signal } = this.options;
    if (peek === undefined) return undefined;
    const seen = main === undefined ? undefined : await peek(main, signal);
    this.problems.push(...(seen?.problems ?? []));
    const isPickled = ({ kind, part, path, name }: RunPart) =>
      kind === "file" && part !== "other" && path !== main && isTorchFile(name);
    for (const { path } of parts.filter(isPickled).slice(0, maxPeekedParts)) {
      const { problems } = await peek(path, signal);
      this.problems.push(...problems.map((problem) => ({ file: path, ...problem })));
    }
    return seen;
  }

  /** What the look at the file as a file has told already is not told again. */
  private async tellHealth(main: string): Promise<void> {
    const found = (await this.options.judge?.(main, this.options.signal)) ?? [];
    const told = new Set(this.problems.map(({ code }) => code));
    this.problems.push(...found.filter(({ code }) => !told.has(code)));
  }

  private async detectStage(
    seen: WeightsProbe | undefined,
    adapterConfig: JsonObject | undefined,
    step: number | undefined,
    hasLabel: boolean,
  ): Promise<StageLabel | undefined> {
    const { kind, path, name, folder } = this.candidate;
    const applies = hasLabel && (kind === "folder" || this.isOnlyCheckpoint());
    const { userStage } = this.options;
    return detectStage({
      userStage: userStage?.(path),
      metadata: seen?.metadata,
      stageFile: applies
        ? await this.readJson(this.candidate.folder.path, "checkpoint-stage.json")
        : undefined,
      adapterConfig,
      step,
      // Its own folder and that of its run, and none above.
      folderNames: folder.lineage.slice(0, 2),
      fileName: kind === "file" ? name : undefined,
      standsAlone: adapterConfig === undefined && this.isTrainedAlone(),
      isNoAdapter: adapterConfig === undefined && (kind === "folder" || isTorchFile(name)),
    });
  }

  /** A label beside several single files cannot mean each of them. */
  private isOnlyCheckpoint(): boolean {
    const { folder, fileNames } = this.candidate;
    return folder.files.every((file) => {
      const { part } = classifyEntry(file);
      return (part !== "weights" && part !== "adapter") || fileNames.includes(file.name);
    });
  }

  /** A training's own file, of a net that began from nothing as far as anything here says. */
  private isTrainedAlone(): boolean {
    const { kind, name, folder } = this.candidate;
    return kind === "file" && isTorchFile(name) && !folder.files.some((file) => file.name === "config.json");
  }

  private tellParameters(parts: readonly RunPart[]): void {
    const { present, resumable } = assessParts(parts);
    if (present.includes("weights") || present.includes("adapter")) return;
    this.problems.push({ severity: "warning", code: "NoParameters", message: resumable.reason });
  }

  /** Lightning alone writes the count of the file into its name, before 1.6 one less. */
  private tellStep(globalStep: number | undefined, inside: number | undefined): void {
    const { moment, name } = this.candidate;
    const isNamedSo = /(?:^|[-_])step=\d/.test(name) && Math.abs((inside ?? 0) - (moment.step ?? 0)) > 1;
    const told = globalStep ?? (isNamedSo ? inside : undefined);
    if (told === undefined || moment.step === undefined || moment.step === told) return;
    const who = globalStep === undefined ? "what it holds" : "its trainer_state.json";
    const message = `${name} says step ${moment.step}, but ${who} says ${told}: it was copied or renamed.`;
    this.problems.push({ severity: "warning", code: "StepDisagrees", message });
  }
}

/** -1 is what YOLO leaves in a file that it has stripped for use. */
function epochDone(epoch: number | undefined): number | undefined {
  return epoch === undefined || epoch < 0 ? undefined : epoch;
}

function isBelow(folder: Folder, path: string): boolean {
  return path.startsWith(joinPath(folder.path, ""));
}
