import type { ByteRegion } from "../../bytes/byteRegion";
import type { ByteSource } from "../../bytes/byteSource";
import { CheckpointError } from "../../problem/checkpointError";
import {
  maxCollectedTensors,
  maxHdf5Depth,
  maxListedProblems,
  maxShownAttributes,
} from "../../problem/limits";
import type { Problem } from "../../problem/problem";
import { ProblemList } from "../../problem/problemList";
import type { Tensor } from "../../tensors/tensor";
import { formatBytes, formatCount } from "../../text/quantities";
import { quote } from "../../text/quote";
import type { Format, ParsedFile } from "../format";
import { importProblems, mergeImports } from "../importFinding";
import { Look } from "../inside/look";
import { compiledWith } from "../keras/compiledWith";
import { withKerasCodes } from "../keras/kerasCodes";
import { kerasTensors } from "../keras/kerasMoments";
import { kerasStandsFor } from "../keras/kerasQuantised";
import { trainingTree } from "../trainingTree";
import { readAttributes } from "./attributes";
import type { Hdf5Place } from "./chunkedRegion";
import { GlobalHeaps } from "./globalHeap";
import { type Hdf5Link, readLinks } from "./groupLinks";
import { readDataset } from "./hdf5Dataset";
import type { Hdf5File } from "./hdf5File";
import { listAttribute, lostNames, type NameList } from "./listedNames";
import { readObjectHeader } from "./objectHeader";
import { readSuperblock, superblockIn } from "./superblock";

/** https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html, the File Format Specification. */
export const hdf5: Format = {
  id: "hdf5",
  extensions: [".h5", ".hdf5"],
  matches: (head) => superblockIn(head) !== undefined,
  parse: (source, _head, signal) => readHdf5(source, undefined, signal),
};

/** Reads the groups and headers of an HDF5 file, which is the source; `outer` is where that lies in another file. */
export async function readHdf5(
  source: ByteSource,
  outer: ByteRegion | undefined,
  signal?: AbortSignal,
): Promise<ParsedFile> {
  const { file, root, end, version } = await readSuperblock(source, signal);
  const walk = new Hdf5Walk(file, { widths: file.widths, base: file.base, outer }, source.size, signal);
  const cut = end > source.size ? fileCut(end, source.size) : undefined;
  if (cut !== undefined) walk.problems.add(cut.toProblem());
  try {
    await walk.run(root);
  } catch (error) {
    // That the file is cut tells more than which structure is missing for it.
    throw error instanceof CheckpointError && cut !== undefined ? cut : error;
  }
  // What lies in a part that was cut off, or could not be read, is told as that.
  if (cut === undefined && !walk.problems.toArray().some(({ severity }) => severity === "error"))
    for (const problem of walk.lostNames()) walk.problems.add(problem);
  walk.metadata.set("hdf5.superblock", String(version));
  const imports = mergeImports(walk.look.imports);
  for (const problem of [...importProblems(imports), ...walk.look.foundProblems]) walk.problems.add(problem);
  const tensors = withKerasCodes(walk.tensors);
  // Keras' older form of files keeps it beside the weights.
  const compiled = compiledWith(walk.metadata.get("training_config"), "optimizer_config");
  const said = compiled === undefined ? {} : { className: compiled.className };
  const content = trainingTree(tensors, { ...kerasTensors(tensors, compiled), ...said });
  return {
    tensors,
    metadata: walk.metadata,
    aliases: walk.aliases(),
    ...(imports.length === 0 ? {} : { imports }),
    ...(content === undefined ? {} : { content }),
    standsFor: kerasStandsFor(tensors),
    problems: walk.problems.toArray(),
  };
}

function fileCut(end: number, size: number): CheckpointError {
  const message = `The file should have ${formatBytes(end)}, of which ${formatBytes(size)} are there. The save or the download did not finish.`;
  return new CheckpointError("FileCut", message, size);
}

interface Step {
  readonly path: string;
  readonly address: number;
  readonly depth: number;
}

/** Visits every object once, groups in the order in which they name what they hold. */
class Hdf5Walk {
  readonly tensors: Tensor[] = [];
  readonly metadata = new Map<string, string>();
  readonly problems = new ProblemList(maxListedProblems);
  readonly look: Look;
  private readonly heaps: GlobalHeaps;
  /** Paths by the addresses of what they name first, a group with all that is below it before the next, as h5py does. */
  private readonly seen = new Map<number, string>();
  private readonly lists: NameList[] = [];
  private readonly moreNames: (readonly [path: string, target: string])[] = [];

  constructor(
    private readonly file: Hdf5File,
    private readonly place: Hdf5Place,
    size: number,
    private readonly signal: AbortSignal | undefined,
  ) {
    this.heaps = new GlobalHeaps(file);
    this.look = new Look(size, signal);
  }

  async run(root: number): Promise<void> {
    // The root must be readable; of the others each is a problem of its own.
    const steps: Step[] = [];
    await this.visit({ path: "", address: root, depth: 0 }, steps);
    for (let step = steps.pop(); step !== undefined; step = steps.pop()) {
      this.signal?.throwIfAborted();
      try {
        await this.visit(step, steps);
      } catch (error) {
        this.keepGoing(error, quote(step.path));
      }
    }
  }

  /** What Keras' lists name and no group or dataset is called. */
  lostNames(): readonly Problem[] {
    const paths = new Set([...this.seen.values(), ...this.moreNames.map(([path]) => path)]);
    return lostNames(this.lists, paths);
  }

  /** Names of the same dataset, and soft links to one: each with the name that is shown. */
  aliases(): ReadonlyMap<string, string> {
    const names = new Set(this.tensors.map(({ name }) => name));
    return new Map(this.moreNames.filter(([path, target]) => path !== target && names.has(target)));
  }

  private async visit({ path, address, depth }: Step, steps: Step[]): Promise<void> {
    const known = this.seen.get(address);
    if (known !== undefined) {
      this.moreNames.push([path, known]);
      return;
    }
    this.seen.set(address, path);
    const messages = await readObjectHeader(this.file, address);
    const links = await readLinks(this.file, messages);
    if (links !== undefined || path === "") {
      await this.keepAttributes(path, messages, true);
      this.follow(path, depth, links ?? [], steps);
      return;
    }
    await this.keepAttributes(path, messages, false);
    const found = await readDataset(this.file, this.heaps, this.place, path, messages);
    if (found?.problem !== undefined) this.problems.add(found.problem);
    if (found?.tensor === undefined) return;
    if (this.tensors.length >= maxCollectedTensors) {
      const message = `The file has more than ${formatCount(maxCollectedTensors)} datasets.`;
      throw new CheckpointError("TooManyTensors", message);
    }
    this.tensors.push(found.tensor);
  }

  private follow(path: string, depth: number, links: readonly Hdf5Link[], steps: Step[]): void {
    const prefix = path === "" ? "" : `${path}/`;
    const inner: Step[] = [];
    for (const { name, target } of links) {
      const linkPath = prefix + name;
      if (target.kind === "external") {
        const message = `${quote(linkPath)} leads into another file (${quote(target.file)}), which is not followed.`;
        this.add("warning", "ExternalLink", message);
      } else if (target.kind === "soft") this.moreNames.push([linkPath, resolved(path, target.path)]);
      else {
        const known = this.seen.get(target.address);
        if (known !== undefined) this.moreNames.push([linkPath, known]);
        else if (depth >= maxHdf5Depth) {
          const message = `${quote(linkPath)} and what is below it are not shown: groups nest more than ${maxHdf5Depth} deep.`;
          this.add("warning", "GroupsTooDeep", message);
        } else inner.push({ path: linkPath, address: target.address, depth: depth + 1 });
      }
    }
    steps.push(...inner.reverse());
  }

  /** Looks into what programs may unpickle; those of datasets are not shown. */
  private async keepAttributes(
    path: string,
    messages: Parameters<typeof readAttributes>[2],
    isShown: boolean,
  ): Promise<void> {
    try {
      await this.readAttributes(path, messages, isShown);
    } catch (error) {
      this.keepGoing(error, `The attributes of ${quote(path === "" ? "/" : path)}`);
    }
  }

  private async readAttributes(
    path: string,
    messages: Parameters<typeof readAttributes>[2],
    isShown: boolean,
  ): Promise<void> {
    for (const { name, text, payload, list } of await readAttributes(this.file, this.heaps, messages)) {
      // PyTables and pandas unpickle what they keep so.
      if (payload !== undefined) await this.look.intoEncoded(payload, `attribute ${quote(name)}`);
      if (list !== undefined && listAttribute.test(name))
        this.lists.push({ path, attribute: name, names: list });
      if (!isShown || this.metadata.size >= maxShownAttributes) continue;
      // Keras lists in every layer the names that stand below it.
      if (path !== "" && listAttribute.test(name)) continue;
      this.metadata.set(path === "" ? name : `${path}@${name}`, text);
    }
  }

  /** What is damaged is a problem, and the rest of the file is still worth showing. */
  private keepGoing(error: unknown, what: string): void {
    const isOfAll =
      error instanceof CheckpointError &&
      (error.code === "DirectoryTooLarge" || error.code === "TooManyTensors");
    if (!(error instanceof CheckpointError) || isOfAll) throw error;
    this.add("error", error.code, `${what}: ${error.message}`, error.offset);
  }

  private add(severity: Problem["severity"], code: string, message: string, offset?: number): void {
    this.problems.add({ severity, code, message, ...(offset === undefined ? {} : { offset }) });
  }
}

/** A path as a soft link gives it: from the root, or from the group that holds the link. */
function resolved(group: string, path: string): string {
  const from = path.startsWith("/") || group === "" ? path : `${group}/${path}`;
  return from
    .split("/")
    .filter((part) => part !== "" && part !== ".")
    .join("/");
}
