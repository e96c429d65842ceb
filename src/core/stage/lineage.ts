import { parentPath, relativePath, resolvePath } from "../bytes/paths";
import { isJsonObject, type JsonValue, jsonNumber, jsonString } from "../json/parseJson";
import { formatShare } from "../text/quantities";

/** One snapshot as its own files tell of it. */
export interface LineageSource {
  readonly path: string;
  readonly label: string;
  readonly stage?: string;
  readonly step?: number;
  /** The parsed `checkpoint-stage.json` beside its weights. */
  readonly stageFile?: JsonValue;
  /** Folder that paths in that file are relative to. */
  readonly folder: string;
  /** Where the base that an adapter's configuration names lies on this disk, or its name where it does not. */
  readonly base?: { readonly path: string } | { readonly name: string };
  /** It is an adapter. */
  readonly isAdapter: boolean;
  /** Nothing is at its path: another snapshot says that it came from there. */
  readonly isMissing?: true;
}

/** What one snapshot was to the other: that which was changed, or the base that the change was added to. */
export type OriginRole = "parent" | "base";

/** A snapshot that another says it was made from. */
export interface Origin {
  readonly path: string;
  readonly role: OriginRole;
  /** What the step kept and changed, as the stage file has it; undefined where it has no figure. */
  readonly text: string | undefined;
}

export interface LineageNode {
  readonly path: string;
  readonly label: string;
  readonly stage?: string;
  readonly step?: number;
  /** `missing`: another snapshot says that it came from here, and nothing is here; `elsewhere`: only a name is known. */
  readonly status: "here" | "missing" | "elsewhere";
}

export interface LineageEdge {
  /** Indexes into `nodes`; `from` comes before `to`. */
  readonly from: number;
  readonly to: number;
  readonly role: OriginRole;
  /** Who says so: its stage file, its adapter_config.json, or nobody: the order of steps or stages alone. */
  readonly source: "stage-file" | "config" | "steps" | "stages";
  readonly text?: string;
}

/** Where snapshots come from. Parents before their children. Plain data. */
export interface Lineage {
  readonly nodes: readonly LineageNode[];
  readonly edges: readonly LineageEdge[];
}

/** A file may name as many parents as it likes. */
const maxOrigins = 32;

/** What a `checkpoint-stage.json` names as the snapshots that this one was made from. */
export function originsOf(stageFile: JsonValue | undefined, folder: string): readonly Origin[] {
  if (!isJsonObject(stageFile)) return [];
  const method = stageFile.get("method");
  const of = isJsonObject(method) ? method : undefined;
  const name = jsonString(of?.get("name"));
  const text = stepText(stageFile, name, jsonNumber(of?.get("worstLostShare")));
  const found = new Map<string, Origin>();
  const add = (path: string | undefined, role: OriginRole, said: string | undefined) => {
    if (path === undefined || path === "" || found.size >= maxOrigins) return;
    const resolved = resolvePath(folder, path);
    if (resolved !== folder && !found.has(resolved))
      found.set(resolved, { path: resolved, role, text: said });
  };
  for (const [key, factor] of [
    ["adapters", "weight"],
    ["snapshots", "share"],
  ] as const) {
    const listed = of?.get(key);
    for (const each of Array.isArray(listed) ? listed.slice(0, maxOrigins) : []) {
      if (!isJsonObject(each)) continue;
      const amount = jsonNumber(each.get(factor));
      const share =
        key === "snapshots" && amount !== undefined ? `${formatShare(amount)} of the mean` : undefined;
      const weight =
        key === "adapters" && amount !== undefined && amount !== 1 ? `with weight ${amount}` : undefined;
      const told = [text, share ?? weight].filter((part) => part !== undefined).join(", ");
      add(jsonString(each.get("path")), "parent", told === "" ? undefined : told);
    }
  }
  add(jsonString(stageFile.get("parent")), "parent", text);
  add(jsonString(stageFile.get("base")) ?? jsonString(of?.get("base")), "base", undefined);
  return [...found.values()];
}

function stepText(
  stageFile: Extract<JsonValue, ReadonlyMap<string, JsonValue>>,
  method: string | undefined,
  worstLostShare: number | undefined,
): string | undefined {
  const kept = jsonNumber(stageFile.get("energyKept"));
  if (kept !== undefined && kept >= 0 && kept <= 1)
    return `kept ${formatShare(kept)} of the energy (error ${formatShare(Math.sqrt(1 - kept))})`;
  if (method === "merge")
    return worstLostShare === undefined || worstLostShare < 0
      ? "merged"
      : `merged; rounding took at most ${formatShare(worstLostShare)} of a module's ‖ΔW‖`;
  if (method === "convert") return "saved as safetensors";
  if (method === "average") return "averaged";
  return jsonString(stageFile.get("note"))?.replace(/\s+/g, " ").slice(0, maxNoteLength);
}

const maxNoteLength = 160;

/** The order of a LoRA pipeline, as far as one stage is made from the one before. */
const pipeline = ["svd", "rank-reduction", "fine-tuning"];

/**
 * Joins snapshots by what each says of its parents. Where one says nothing, the checkpoint before it in the same
 * training is its parent, else the last one of the stage before it: both are told as inferred.
 */
export function lineageOf(sources: readonly LineageSource[]): Lineage {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const nodes = new Map<string, LineageNode>(sources.map((source) => [source.path, nodeOf(source)]));
  const edges: NamedEdge[] = [];
  for (const source of sources) {
    const stated = originsOf(source.stageFile, source.folder).filter(({ path }) => path !== source.path);
    for (const { path, role, text } of stated) {
      if (!nodes.has(path)) nodes.set(path, { path, label: path, status: "missing" });
      edges.push({
        from: path,
        to: source.path,
        edge: { role, source: "stage-file", ...(text === undefined ? {} : { text }) },
      });
    }
    if (stated.some(({ role }) => role === "parent")) continue;
    const inferred = stepBefore(source, sources) ?? stageBefore(source, sources);
    if (inferred !== undefined) {
      edges.push({ from: inferred.path, to: source.path, edge: { role: "parent", source: inferred.source } });
      continue;
    }
    const { base } = source;
    if (base === undefined || stated.length > 0) continue;
    const path = "path" in base ? base.path : base.name;
    if (path === source.path) continue;
    if (!nodes.has(path))
      nodes.set(path, {
        path,
        label: byPath.get(path)?.label ?? path,
        stage: "base",
        status: "path" in base ? "here" : "elsewhere",
      });
    edges.push({ from: path, to: source.path, edge: { role: "base", source: "config" } });
  }
  return inOrder([...nodes.values()], edges);
}

function nodeOf({ path, label, stage, step, isMissing }: LineageSource): LineageNode {
  return {
    path,
    label,
    ...(stage === undefined ? {} : { stage }),
    ...(step === undefined ? {} : { step }),
    status: isMissing === true ? "missing" : "here",
  };
}

interface Inferred {
  readonly path: string;
  readonly source: "steps" | "stages";
}

function stepBefore(source: LineageSource, all: readonly LineageSource[]): Inferred | undefined {
  const { step } = source;
  if (step === undefined) return undefined;
  const training = parentPath(source.path);
  const before = all.filter(
    (each) =>
      each.step !== undefined &&
      each.step < step &&
      each.isAdapter === source.isAdapter &&
      each.stage === source.stage &&
      parentPath(each.path) === training,
  );
  const last = before.sort((a, b) => (b.step ?? 0) - (a.step ?? 0))[0];
  return last && { path: last.path, source: "steps" };
}

/** Only where there is one choice: of two reductions nothing says which was trained on. */
function stageBefore(source: LineageSource, all: readonly LineageSource[]): Inferred | undefined {
  const at = pipeline.indexOf(source.stage ?? "");
  if (at <= 0 || !source.isAdapter) return undefined;
  for (const stage of pipeline.slice(0, at).reverse()) {
    const found = all.filter(
      (each) =>
        each.stage === stage &&
        each.isAdapter &&
        each.isMissing !== true &&
        isIn(parentPath(each.path), source.path),
    );
    if (found.length > 1) return undefined;
    if (found[0] !== undefined) return { path: found[0].path, source: "stages" };
  }
  return undefined;
}

/** Of another folder's pipeline nothing is said. */
function isIn(folder: string, path: string): boolean {
  return relativePath(folder, path) !== path;
}

interface NamedEdge {
  readonly from: string;
  readonly to: string;
  readonly edge: Omit<LineageEdge, "from" | "to">;
}

/** Parents before children, a chain together; what says that it came from itself by others is cut there. */
function inOrder(nodes: readonly LineageNode[], edges: readonly NamedEdge[]): Lineage {
  const placed = new Map<string, number>();
  const order: LineageNode[] = [];
  const parentsOf = (path: string) => edges.filter(({ to }) => to === path).map(({ from }) => from);
  const isReady = ({ path }: LineageNode) =>
    !placed.has(path) && parentsOf(path).every((parent) => placed.has(parent));
  while (order.length < nodes.length) {
    const last = order.at(-1)?.path;
    const ready = nodes.filter(isReady);
    const next =
      ready.find(({ path }) => last !== undefined && parentsOf(path).includes(last)) ??
      ready[0] ??
      nodes.find(({ path }) => !placed.has(path));
    if (next === undefined) break;
    placed.set(next.path, order.length);
    order.push(next);
  }
  return {
    nodes: order,
    edges: edges.flatMap(({ from, to, edge }) => {
      const [a, b] = [placed.get(from) ?? 0, placed.get(to) ?? 0];
      return a < b ? [{ from: a, to: b, ...edge }] : [];
    }),
  };
}
