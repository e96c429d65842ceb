import type { Adapter } from "../adapter/adapter";
import type { AdapterConfig } from "../adapter/adapterConfig";
import type { Files } from "../bytes/files";
import { baseName, parentPath } from "../bytes/paths";
import type { Checkpoint } from "../checkpoint/checkpoint";
import { type FolderContext, type FolderFile, readFolderContext } from "../checkpoint/folderContext";
import { checkpointIdentity } from "../checkpoint/identity";
import { type InsideFile, readInsideFile } from "../checkpoint/inside/insideFile";
import { OpenedFiles } from "../checkpoint/openedFiles";
import { type PiecePage, piecePage } from "../checkpoint/piecePage";
import type { CheckpointSummary, ContentFile } from "../checkpoint/summary";
import { TensorReader } from "../checkpoint/tensorReader";
import { withValues } from "../checkpoint/withValues";
import type { ContentPage, ContentPath } from "../content/contentTree";
import { type SettingsGroup, settingsSections } from "../content/settingsSections";
import { faultsInLogs } from "../health/beside/faultsInLogs";
import { folderFindings } from "../health/folderFindings";
import { notDequantised } from "../health/notDequantised";
import { ownFindings, weightFindings } from "../health/weightFindings";
import { findHalfWritten } from "../parts/halfWritten";
import { mainFile } from "../parts/parts";
import { compareProblems, type Problem } from "../problem/problem";
import { judgeResume } from "../resume/judgeResume";
import type { ResumeReport } from "../resume/resumeReport";
import { type ValuesBeside, valuesBeside } from "../resume/valuesBeside";
import type { ChartSource } from "../runs/merge/chartedRun";
import type { StageLabel } from "../stage/stage";
import { logicalParameters } from "../tensors/logicalParameters";
import type { PackedWeight } from "../tensors/packed/packedWeight";
import {
  findPackedCodes,
  type PackedCodes,
  PackedWeights,
  unpackTensors,
} from "../tensors/packed/packedWeights";
import { elementCount, type Tensor } from "../tensors/tensor";
import { encodeTensorChunk, type TensorChunk } from "../tensors/tensorTable";
import { measureOneByOne } from "../update/measureModule";
import { adapterOf } from "./adapterOf";
import { contentFile, FolderParts } from "./folderParts";
import { type InsidePart, insideParts } from "./insideParts";
import type { LoraView } from "./loraView";
import { packingHints } from "./packingHints";
import { shownContentPage } from "./shownContent";
import { stageOf, type UserStage } from "./stageOf";
import { knownProblems, summariseCheckpoint } from "./summariseCheckpoint";
import { trainingSource } from "./trainingSource";
import { type LoraOptions, viewAdapter } from "./viewAdapter";

/** An open checkpoint and all that can be asked about it. Holds no file open between questions. */
export class CheckpointSession {
  private codes: Promise<PackedCodes> | undefined;
  private knownCounts: Float64Array | undefined;
  private packed: PackedWeights | undefined;
  /** The one that is looked at: its blocks are asked for one by one, and some hold what they have read. */
  private lastPacked: { readonly tensor: Tensor; readonly weight: PackedWeight | undefined } | undefined;
  private readonly beside: FolderParts<CheckpointSession>;

  private constructor(
    private readonly opened: OpenedFiles,
    readonly checkpoint: Checkpoint,
    readonly folder: FolderContext,
    readonly adapter: Adapter | undefined,
    readonly adapterConfig: AdapterConfig | undefined,
    readonly stage: StageLabel | undefined,
    /** What a torch file says besides its tensors. */
    readonly inside: InsideFile | undefined,
    /** Whether the folder was opened, or one file that is judged by itself. */
    readonly openedFolder: boolean,
  ) {
    this.beside = new FolderParts(folder.files, checkpoint.name, (path, signal) =>
      CheckpointSession.openOf(opened, path, () => undefined, signal),
    );
  }

  get files(): Files {
    return this.opened.files;
  }

  /**
   * @param withLog without it nothing is known of the training: for who asks of the weights alone.
   * @throws CheckpointError when there is nothing to show.
   */
  static async open(
    files: Files,
    path: string,
    userStage: UserStage,
    signal?: AbortSignal,
    withLog = true,
  ): Promise<CheckpointSession> {
    const opened = new OpenedFiles(files);
    const session = await CheckpointSession.openOf(opened, path, userStage, signal, withLog);
    opened.keep(session.checkpoint);
    return session;
  }

  private static async openOf(
    opened: OpenedFiles,
    path: string,
    userStage: UserStage,
    signal?: AbortSignal,
    withLog = true,
  ): Promise<CheckpointSession> {
    const checkpoint = await withValues(await opened.open(path, signal), signal);
    const place = [checkpoint.folder, checkpoint.path] as const;
    const folder = await readFolderContext(opened.files, ...place, signal, withLog);
    const { adapter, config } = adapterOf(checkpoint, folder);
    const stage = stageOf(checkpoint, folder, { userStage, isAdapter: adapter !== undefined });
    const inside = await readInsideFile(opened, checkpoint, folder, signal);
    return new CheckpointSession(
      opened,
      checkpoint,
      folder,
      adapter,
      config,
      stage,
      inside,
      !isOneFile(path, checkpoint, folder) || checkpoint.path === folder.folder,
    );
  }

  /** Weights and nothing else: factors and moments may be zero as they are. */
  get isPlainModel(): boolean {
    const { adapter, checkpoint, inside } = this;
    return adapter === undefined && checkpoint.layout === undefined && (inside?.optimizers.length ?? 0) === 0;
  }

  /** The path that stages and labels go by. */
  get identity(): string {
    return checkpointIdentity(this.checkpoint.path);
  }

  summary(): CheckpointSummary {
    const summary = summariseCheckpoint(this);
    const contents = this.contents();
    return {
      ...summary,
      ...(this.optimizerFile() === undefined ? {} : { hasOptimizer: true as const }),
      ...(contents.length === 0 ? {} : { contents }),
    };
  }

  /** The files beside the weights that hold other parts of the checkpoint. */
  contents(): readonly ContentFile[] {
    return this.standsForFolder ? this.beside.files().map(contentFile) : [];
  }

  tensorChunk(first: number): TensorChunk {
    return encodeTensorChunk(this.checkpoint.tensors, first, this.counts);
  }

  /** Of each tensor, the parameters that it stands for. */
  get counts(): Float64Array {
    const { tensors, standsFor } = this.checkpoint;
    this.knownCounts ??= logicalParameters(tensors, packingHints(this.folder.config?.value), standsFor);
    return this.knownCounts;
  }

  /** Some of the pieces of an assembled tensor; undefined for one whose bytes lie in one place. */
  piecePage(tensor: Tensor, from: number): PiecePage | undefined {
    return piecePage(this.checkpoint, tensor, from);
  }

  /** Some of the children of a value of a torch file; undefined where the path leads nowhere. */
  contentPage(path: ContentPath, from: number): ContentPage | undefined {
    const { content } = this.checkpoint;
    return content === undefined ? undefined : shownContentPage(content, path, from);
  }

  /** The whole folder is meant: it was opened, or the file in it that stands for it. */
  private get standsForFolder(): boolean {
    const { checkpoint, folder, identity } = this;
    return (
      this.openedFolder || (identity === checkpoint.folder && mainFile(folder.files) === checkpoint.name)
    );
  }

  /** The file beside the weights that holds the optimizer, where the folder is meant and the weights hold none. */
  private optimizerFile(): FolderFile | undefined {
    if (!this.standsForFolder || (this.inside?.optimizers.length ?? 0) > 0) return undefined;
    return this.beside.optimizer();
  }

  /** A file of the folder that holds another part of the checkpoint, by its name: opened once. */
  part(name: string, signal?: AbortSignal): Promise<CheckpointSession> {
    return this.beside.part(name, signal);
  }

  /** What holds the optimizer's state: this, or the checkpoint's own file for it, opened once. */
  optimizerHolder(signal?: AbortSignal): Promise<CheckpointSession> {
    const file = this.optimizerFile();
    return file === undefined ? Promise.resolve(this) : this.beside.part(file.name, signal);
  }

  /** Whether training can be resumed from here, by what the files hold. Opens the other files of the folder. */
  resume(signal?: AbortSignal): Promise<ResumeReport> {
    const { opened, checkpoint, folder, inside, adapter, openedFolder } = this;
    const faults = weightFindings(this).filter(({ severity }) => severity === "error");
    const isAdapter = adapter !== undefined;
    return judgeResume({ opened, checkpoint, folder, inside, isAdapter, openedFolder, faults }, signal);
  }

  /** A look at some values of the folder's other files; undefined where one file was opened, and not its folder. */
  valuesBeside(signal?: AbortSignal): Promise<ValuesBeside | undefined> {
    const { opened, checkpoint, folder, openedFolder } = this;
    return openedFolder ? valuesBeside(opened, checkpoint, folder, signal) : Promise.resolve(undefined);
  }

  /**
   * All that is known to be wrong, worst first. Of a folder every file counts, and each is opened; one file is not
   * judged by its neighbours.
   */
  async health(signal?: AbortSignal, ofFolder = this.openedFolder): Promise<readonly Problem[]> {
    const { opened, checkpoint, folder } = this;
    const codes = notDequantised(await this.packedCodes());
    if (!ofFolder) {
      const ofNeighbours = new Set(
        findHalfWritten(baseName(folder.folder), folder.files).problems.map(({ message }) => message),
      );
      const own = folder.problems.filter(({ message }) => !ofNeighbours.has(message));
      return [...ownFindings(this), ...own, ...codes].sort(compareProblems);
    }
    const known = knownProblems(this);
    const told = new Set(known.map(({ message }) => message));
    const others = await folderFindings(opened, checkpoint, this, signal);
    return [...known, ...codes, ...others.filter(({ message }) => !told.has(message))].sort(compareProblems);
  }

  /** As of the folder where the file that is open stands for its folder, which is then what people mean by it. */
  shownHealth(signal?: AbortSignal): Promise<readonly Problem[]> {
    return this.healthWithLogs(signal, this.standsForFolder);
  }

  /** And what the logs of its run tell of the training, which takes a look at the folder of the run. */
  async healthWithLogs(signal?: AbortSignal, ofFolder = this.openedFolder): Promise<readonly Problem[]> {
    const known = await this.health(signal, ofFolder);
    const { step } = this.summary().progress ?? {};
    // A trainer_state.json has told its own.
    if (this.folder.trainerStatePath !== undefined || step === undefined) return known;
    const logged = await faultsInLogs(this.files, this.checkpoint, step, signal);
    return [...known, ...logged].sort(compareProblems);
  }

  /** What the file holds, part by part; empty where it is a list of tensors and nothing else. */
  parts(): readonly InsidePart[] {
    const { content } = this.checkpoint;
    return content === undefined || this.inside === undefined ? [] : insideParts(content, this.inside);
  }

  settings(): readonly SettingsGroup[] {
    const { content } = this.checkpoint;
    return content === undefined ? [] : settingsSections(content, this.inside?.kind);
  }

  /** The log beside the checkpoint, or the history in it, as a run to chart; undefined where there is none. */
  trainingSource(signal?: AbortSignal): Promise<ChartSource | undefined> {
    return trainingSource(this, signal);
  }

  /** The norms of every module's update. Reads the factors; undefined where the checkpoint is no adapter. */
  async lora(signal?: AbortSignal, options: LoraOptions = {}): Promise<LoraView | undefined> {
    if (this.adapter === undefined) return undefined;
    // Factors of a save that went wrong as a whole have their partners, which are no use to them.
    const isLost = weightFindings(this).some(({ code }) => code === "NoValues" || code === "OneRankOnly");
    const adapter = isLost ? { ...this.adapter, unpaired: [] } : this.adapter;
    return this.withReader((reader) => {
      const { measure = measureOneByOne((tensor) => reader.read(tensor, signal), signal) } = options;
      return viewAdapter(adapter, this.adapterConfig, measure, { ...options, stage: this.stage });
    });
  }

  /** The weights that are packed (NF4, GPTQ, FP8 with scales, …), by the tensors that hold their codes. */
  packedCodes(): Promise<PackedCodes> {
    this.codes ??= this.withReader((reader) =>
      findPackedCodes(this.checkpoint.tensors, packingHints(this.folder.config?.value), (...range) =>
        reader.readRange(...range),
      ),
    ).then((codes) => {
      this.countPacked(codes);
      return codes;
    });
    return this.codes;
  }

  /** What the weights themselves say is exact: names and shapes alone leave open what fills up the last byte or word. */
  private countPacked({ weights }: PackedCodes): void {
    const { checkpoint, counts } = this;
    if (weights.size > 0)
      for (const [index, tensor] of checkpoint.tensors.entries()) {
        const weight = checkpoint.standsFor?.has(tensor.name) === true ? undefined : weights.get(tensor);
        if (weight !== undefined) counts[index] = elementCount(weight.shape);
      }
  }

  /** The tensors with packed weights as the values they stand for, in place of their codes and scales. */
  async weights(signal?: AbortSignal): Promise<readonly Tensor[]> {
    const codes = await this.packedCodes();
    signal?.throwIfAborted();
    return unpackTensors(this.checkpoint.tensors, codes);
  }

  /** The weight that a tensor holds the codes of; undefined where it holds plain values, or nobody can tell. */
  async packedWeight(tensor: Tensor): Promise<PackedWeight | undefined> {
    if (this.lastPacked?.tensor === tensor) return this.lastPacked.weight;
    this.packed ??= new PackedWeights(this.checkpoint.tensors, packingHints(this.folder.config?.value));
    const { packed } = this;
    const weight = await this.withReader((reader) =>
      packed.of(tensor, (...range) => reader.readRange(...range)),
    );
    this.lastPacked = { tensor, weight };
    return weight;
  }

  /** Reads tensors; the files that it took are closed when `work` is done. */
  async withReader<T>(work: (reader: TensorReader) => Promise<T>): Promise<T> {
    const reader = this.tensorReader();
    try {
      return await work(reader);
    } finally {
      await reader.close();
    }
  }

  tensorReader(): TensorReader {
    return new TensorReader(this.files, this.checkpoint);
  }
}

/** A file was named, and no folder: itself, or one that stands for others, as a shard or a prefix does for its index. */
function isOneFile(path: string, checkpoint: Checkpoint, folder: FolderContext): boolean {
  return (
    path === checkpoint.path ||
    checkpoint.path.startsWith(`${path}.`) ||
    (parentPath(path) === folder.folder && folder.files.some(({ name }) => name === baseName(path)))
  );
}
