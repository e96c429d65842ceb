import { type LoraModule, overTensors, storedTensors } from "../../core/adapter/loraModule";
import type { Tensor } from "../../core/tensors/tensor";
import type { FactorTask } from "../../core/transform/factorQueue";
import type { VerifyTask } from "../../core/transform/model/verifyWeight";
import { FilesBefore, type NumbersSource } from "../numbers/longPass";
import { TensorPlaces } from "../numbers/tensorPlaces";
import type { PlacedRows, UpdatesRow } from "./updatesJob";

/** Finds where the tensors of modules lie in the files of open checkpoints, so that threads need not open these again. */
export class PlacedModules {
  private readonly columns: readonly (Column | undefined)[];

  /** @param sources one for each module of a row, undefined for those that could not be opened. */
  constructor(sources: readonly (NumbersSource | undefined)[]) {
    this.columns = sources.map((source) => source && new Column(source));
  }

  /** @throws where a file is not what it was when it was opened. */
  async look(rows: readonly UpdatesRow[]): Promise<void> {
    for (const [at, column] of this.columns.entries())
      await column?.look(rows.flatMap(({ modules }) => modules[at] ?? []));
  }

  /** @throws where a file is not what it was when it was looked at. */
  async lookAgain(): Promise<void> {
    for (const column of this.columns) await column?.lookAgain();
  }

  /** Undefined where a tensor is more than plain bytes of a file, or less: its `TensorReader` reads it, or says why not. */
  async find(rows: readonly UpdatesRow[]): Promise<PlacedRows | undefined> {
    const paths = new Map<string, number>();
    const found: UpdatesRow[] = [];
    for (const { modules } of rows) {
      const placed: (LoraModule | undefined)[] = [];
      for (const [at, module] of modules.entries()) {
        const own = module && (await this.columns[at]?.place(module, paths));
        if (module !== undefined && this.columns[at] !== undefined && own === undefined) return undefined;
        placed.push(own);
      }
      found.push({ modules: placed });
    }
    return { paths: [...paths.keys()], rows: found };
  }

  /** The same of a task whose tensors are those of the sources in their order. */
  async findTask(
    task: FactorTask,
  ): Promise<{ readonly paths: readonly string[]; readonly task: FactorTask } | undefined> {
    const paths = new Map<string, number>();
    const [first, second] = this.columns;
    if (task.kind === "reduce") {
      const module = await first?.place(task.module, paths);
      return module && { paths: [...paths.keys()], task: { ...task, module } };
    }
    if (task.kind === "intruders") {
      const module = await first?.place(task.module, paths);
      const weight = await second?.placeTensor(task.weight, paths);
      return module && weight && { paths: [...paths.keys()], task: { ...task, module, weight } };
    }
    if (task.kind === "sum" || task.kind === "stack") {
      const parts = [];
      for (const part of task.parts) {
        const module = await this.columns[part.adapter]?.place(part.module, paths);
        if (module === undefined) return undefined;
        parts.push({ ...part, module });
      }
      return { paths: [...paths.keys()], task: { ...task, parts } };
    }
    if (task.kind === "verify") return this.findVerified(task, paths);
    const base = await first?.placeTensor(task.pair.base, paths);
    const tuned = await second?.placeTensor(task.pair.tuned, paths);
    return (
      base && tuned && { paths: [...paths.keys()], task: { ...task, pair: { ...task.pair, base, tuned } } }
    );
  }

  /** Factors of all experts are kept while one after the other is looked at, which is done in one thread. */
  private async findVerified(task: VerifyTask, paths: Map<string, number>) {
    if (task.updates?.some(({ expert }) => expert !== undefined) === true) return undefined;
    const found = await this.columns[0]?.placeTensor(task.found, paths);
    const meant = await this.columns[task.source]?.placeTensor(task.meant, paths);
    if (found === undefined || meant === undefined) return undefined;
    const updates = [];
    for (const update of task.updates ?? []) {
      const column = this.columns[update.session.source];
      const module = update.module && (await column?.place(update.module, paths));
      const whole = update.whole && (await column?.placeTensor(update.whole, paths));
      if ((update.module && !module) || (update.whole && !whole)) return undefined;
      updates.push({ ...update, module, ...(whole === undefined ? {} : { whole }) });
    }
    const placed = { ...task, found, meant, ...(task.updates === undefined ? {} : { updates }) };
    return { paths: [...paths.keys()], task: placed };
  }

  async close(): Promise<void> {
    for (const column of this.columns) await column?.places.close();
  }
}

class Column {
  readonly places: TensorPlaces;
  private readonly before: FilesBefore;

  constructor(private readonly source: NumbersSource) {
    this.places = new TensorPlaces(source.files, source.checkpoint);
    this.before = new FilesBefore(source);
  }

  async look(modules: readonly LoraModule[]): Promise<void> {
    const files = new Set(modules.flatMap(storedTensors).map(({ fileIndex }) => fileIndex));
    await this.before.look(files);
    for (const file of files) if (this.before.identityOf(file) === undefined) throw changed();
  }

  async lookAgain(): Promise<void> {
    if ((await this.before.changed()).length > 0) throw changed();
  }

  /** @param paths numbered as they come. */
  async place(module: LoraModule, paths: Map<string, number>): Promise<LoraModule | undefined> {
    const wanted = new Set<Tensor>();
    overTensors(module, (tensor) => {
      wanted.add(tensor);
      return tensor;
    });
    const placed = new Map<Tensor, Tensor>();
    for (const tensor of wanted) {
      const own = await this.placeTensor(tensor, paths);
      if (own === undefined) return undefined;
      placed.set(tensor, own);
    }
    return overTensors(module, (tensor) => placed.get(tensor) ?? tensor);
  }

  async placeTensor(tensor: Tensor, paths: Map<string, number>): Promise<Tensor | undefined> {
    const { name, dtype, shape, byteSize, packed, fileIndex } = tensor;
    const file = this.source.checkpoint.files[fileIndex];
    const extent = packed === undefined ? await this.places.find(tensor, { anyOrder: false }) : undefined;
    if (file === undefined || extent?.length !== byteSize || extent.offset + byteSize > file.bytes)
      return undefined;
    const number = paths.get(file.path) ?? paths.size;
    paths.set(file.path, number);
    return { name, dtype, shape, byteSize, offset: extent.offset, fileIndex: number };
  }
}

function changed(): Error {
  return new Error("The file has changed since it was opened. Reload the editor.");
}
