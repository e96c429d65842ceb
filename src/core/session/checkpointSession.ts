import type { Adapter } from "../adapter/adapter";
import type { AdapterConfig } from "../adapter/adapterConfig";
import type { Files } from "../bytes/files";
import { baseName, parentPath } from "../bytes/paths";
import type { Checkpoint } from "../checkpoint/checkpoint";
import { type FolderContext, type FolderFile, readFolderContext } from "../checkpoint/folderContext";
import { checkpointIdentity } from "../checkpoint/identity";
import { type InsideFile, readInsideFile } from "../checkpoint/inside/insideFile";
import { openCheckpoint } from "../checkpoint/openCheckpoint";
import { type PiecePage, piecePage } from "../checkpoint/piecePage";
import { readScalars } from "../checkpoint/readScalars";
import type { CheckpointSummary } from "../checkpoint/summary";
import { TensorReader } from "../checkpoint/tensorReader";
import { withValues } from "../checkpoint/withValues";
import type { ContentPage, ContentPath } from "../content/contentTree";
import { type SettingsGroup, settingsSections } from "../content/settingsSections";
import { isTorchFile } from "../formats/fileKinds";
import { folderFindings } from "../health/folderFindings";
import { notDequantised } from "../health/notDequantised";
import { ownFindings, weightFindings } from "../health/weightFindings";
import {
  type OptimizerPage,
  type OptimizerView,
  optimizerPage,
  pageTensors,
  viewOptimizer,
} from "../optimizer/optimizerView";
import {
  measureQuantised,
  type QuantisedState,
  type QuantisedStateRequest,
} from "../optimizer/quantisedState";
import { findHalfWritten } from "../parts/halfWritten";
import { mainFile } from "../parts/parts";
import { compareProblems, type Problem } from "../problem/problem";
import { judgeResume } from "../resume/judgeResume";
import type { ResumeReport } from "../resume/resumeReport";
import type { ChartSource } from "../runs/merge/chartedRun";
import { detectStage, type StageLabel } from "../stage/stage";
import type { PackedWeight } from "../tensors/packed/packedWeight";
import {
  findPackedCodes,
  type PackedCodes,
  PackedWeights,
  unpackTensors,
} from "../tensors/packed/packedWeights";
import type { Tensor } from "../tensors/tensor";
import { encodeTensorChunk, type TensorChunk } from "../tensors/tensorTable";
import { adapterOf } from "./adapterOf";
import { contentFile, FolderParts } from "./folderParts";
import { type InsidePart, insideParts } from "./insideParts";
import type { LoraView } from "./loraView";
import { packingHints } from "./packingHints";
import { shownContentPage } from "./shownContent";
import { summariseCheckpoint } from "./summariseCheckpoint";
import { trainingSource } from "./trainingSource";
import { type ViewOptions, viewAdapter } from "./viewAdapter";

/** How stages that the user set are looked up: by the checkpoint's identity. */
export type UserStage = (path: string) => string | undefined;

const maxOptimizers = 32;

/** Each is a read of its own; the steps of more parameters are seen one by one, in the Tensors tab. */
const maxScalars = 500;

/** An open checkpoint and all that can be asked about it. Holds no file open between questions. */
export class CheckpointSession {
  private codes: Promise<PackedCodes> | undefined;
  private packed: PackedWeights | undefined;
  /** The one that is looked at: its blocks are asked for one by one, and some hold what they have read. */
  private lastPacked: { readonly tensor: Tensor; readonly weight: PackedWeight | undefined } | undefined;
  private readonly beside: FolderParts<CheckpointSession>;

  private constructor(
    readonly files: Files,
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
      CheckpointSession.open(files, path, () => undefined, signal),
    );
  }

  /** @throws CheckpointError when there is nothing to show. */
  static async open(
    files: Files,
    path: string,
    userStage: UserStage,
    signal?: AbortSignal,
  ): Promise<CheckpointSession> {
    const checkpoint = await withValues(await openCheckpoint(files, path, signal), signal);
    const folder = await readFolderContext(files, checkpoint.folder, signal);
    const { adapter, config } =
      checkpoint.isPiece === true ? noAdapter : adapterOf(withoutOptimizer(checkpoint), folder);
    const stage = stageOf(checkpoint, folder, { userStage, isAdapter: adapter !== undefined });
    const inside = await readInsideFile(files, checkpoint, folder, signal);
    return new CheckpointSession(
      files,
      checkpoint,
      folder,
      adapter,
      config,
      stage,
      inside,
      path !== checkpoint.path || checkpoint.path === folder.folder,
    );
  }

  /** The path that stages and labels go by. */
  get identity(): string {
    return checkpointIdentity(this.checkpoint.path);
  }

  summary(): CheckpointSummary {
    const { checkpoint, folder, adapter, adapterConfig, stage, inside } = this;
    const summary = summariseCheckpoint({ checkpoint, folder, adapter, adapterConfig, stage, inside });
    const files = this.standsForFolder ? this.beside.files() : [];
    return {
      ...summary,
      ...(this.optimizerFile() === undefined ? {} : { hasOptimizer: true as const }),
      ...(files.length === 0 ? {} : { contents: files.map(contentFile) }),
    };
  }

  tensorChunk(first: number): TensorChunk {
    return encodeTensorChunk(this.checkpoint.tensors, first);
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

  /** The optimizers whose state the file holds; a file of a GAN holds several. */
  optimizers(): readonly OptimizerView[] {
    return (this.inside?.optimizers ?? []).slice(0, maxOptimizers).map(viewOptimizer);
  }

  /** Parameters of an optimizer with their state, from `first` on. Reads the numbers that are kept as tensors. */
  async optimizerPage(optimizer: number, first: number, signal?: AbortSignal): Promise<OptimizerPage> {
    const state = this.inside?.optimizers[optimizer];
    if (state === undefined) return { first, total: 0, rows: [] };
    const wanted = pageTensors(state, first).slice(0, maxScalars);
    const numbers = wanted.length === 0 ? new Map<Tensor, number>() : await this.scalars(wanted, signal);
    return optimizerPage(state, first, (tensor) => numbers.get(tensor));
  }

  /** A moment of 8 bits as the values it stands for. Reads it whole; undefined where there is none. */
  async quantisedState(
    { optimizer, parameter, key }: QuantisedStateRequest,
    signal?: AbortSignal,
  ): Promise<QuantisedState | undefined> {
    const found = this.inside?.optimizers[optimizer]?.parameters[parameter];
    if (found === undefined) return undefined;
    return this.withReader((reader) =>
      measureQuantised(
        found,
        key,
        (tensor, offset, length) => reader.readRange(tensor, offset, length, signal),
        signal,
      ),
    );
  }

  /** Whether training can be resumed from here, by what the files hold. Opens the other files of the folder. */
  resume(signal?: AbortSignal): Promise<ResumeReport> {
    const { files, checkpoint, folder, inside, adapter, openedFolder } = this;
    const faults = weightFindings(this).filter(({ severity }) => severity === "error");
    const isAdapter = adapter !== undefined;
    return judgeResume({ files, checkpoint, folder, inside, isAdapter, openedFolder, faults }, signal);
  }

  /**
   * All that is known to be wrong, worst first. Of a folder every file counts, and each is opened; one file is not
   * judged by its neighbours.
   */
  async health(signal?: AbortSignal, ofFolder = this.openedFolder): Promise<readonly Problem[]> {
    const { files, checkpoint, folder } = this;
    const codes = notDequantised(await this.packedCodes());
    if (!ofFolder) {
      const ofNeighbours = new Set(
        findHalfWritten(baseName(folder.folder), folder.files).problems.map(({ message }) => message),
      );
      const own = folder.problems.filter(({ message }) => !ofNeighbours.has(message));
      return [...ownFindings(this), ...own, ...codes].sort(compareProblems);
    }
    const known = this.summary().problems;
    const told = new Set(known.map(({ message }) => message));
    const others = await folderFindings(files, checkpoint, folder, signal);
    return [...known, ...codes, ...others.filter(({ message }) => !told.has(message))].sort(compareProblems);
  }

  /** As of the folder where the file that is open stands for its folder, which is then what people mean by it. */
  shownHealth(signal?: AbortSignal): Promise<readonly Problem[]> {
    return this.health(signal, this.standsForFolder);
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

  private async scalars(
    tensors: readonly Tensor[],
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<Tensor, number>> {
    return this.withReader((reader) => readScalars(reader, tensors, signal));
  }

  /** The log beside the checkpoint, or the history in it, as a run to chart; undefined where there is none. */
  trainingSource(signal?: AbortSignal): Promise<ChartSource | undefined> {
    return trainingSource(this, signal);
  }

  /** The norms of every module's update. Reads the factors; undefined where the checkpoint is no adapter. */
  async lora(signal?: AbortSignal, options: Omit<ViewOptions, "stage"> = {}): Promise<LoraView | undefined> {
    if (this.adapter === undefined) return undefined;
    // Factors of a save that went wrong as a whole have their partners, which are no use to them.
    const isLost = weightFindings(this).some(({ code }) => code === "NoValues" || code === "OneRankOnly");
    const adapter = isLost ? { ...this.adapter, unpaired: [] } : this.adapter;
    return this.withReader((reader) =>
      viewAdapter(adapter, this.adapterConfig, (tensor) => reader.read(tensor, signal), signal, {
        ...options,
        stage: this.stage,
      }),
    );
  }

  /** The weights that are packed (NF4, GPTQ, FP8 with scales, …), by the tensors that hold their codes. */
  packedCodes(): Promise<PackedCodes> {
    this.codes ??= this.withReader((reader) =>
      findPackedCodes(this.checkpoint.tensors, packingHints(this.folder.config?.value), (...range) =>
        reader.readRange(...range),
      ),
    );
    return this.codes;
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

/** One rank's part of factors has not their shapes, and is no adapter. */
const noAdapter = { adapter: undefined, config: undefined };

/** Moments of an adapter are named like its factors, and are none. */
function withoutOptimizer(checkpoint: Checkpoint): Checkpoint {
  if (checkpoint.layout === undefined) return checkpoint;
  const tensors = checkpoint.tensors.filter(({ name }) => !/^optim(?:izer)?(?:_\d+)?\./.test(name));
  return { ...checkpoint, tensors };
}

function stageOf(
  checkpoint: Checkpoint,
  folder: FolderContext,
  { userStage, isAdapter }: { readonly userStage: UserStage; readonly isAdapter: boolean },
): StageLabel | undefined {
  const identity = checkpointIdentity(checkpoint.path);
  const isFolder = identity === checkpoint.folder;
  const own = isFolder ? identity : checkpoint.folder;
  return detectStage({
    userStage: userStage(identity),
    // A label beside several files of their own cannot mean each of them.
    stageFile: isFolder ? folder.stageFile?.value : undefined,
    metadata: checkpoint.metadata,
    adapterConfig: folder.adapterConfig?.value,
    step: folder.trainerState?.globalStep,
    folderNames: [baseName(own), baseName(parentPath(own))],
    fileName: isFolder ? undefined : checkpoint.name,
    // A net of its own, as far as anything here says.
    standsAlone: !isAdapter && folder.config === undefined && isTorchFile(checkpoint.path),
  });
}
