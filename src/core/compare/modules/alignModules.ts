import type { Adapter } from "../../adapter/adapter";
import type { LoraModule } from "../../adapter/loraModule";
import { type Rename, renameBetween } from "../../names/canonicalName";
import { rowOrderNote } from "../../names/familySpelling";
import { GgufNames } from "../../names/ggufNames";
import {
  type AlignedNames,
  countRenames,
  matchNames,
  type NameRename,
  renameText,
} from "../../names/matchNames";
import type { Problem } from "../../problem/problem";
import type { Snapshot } from "../openSnapshots";
import { withSingleExperts } from "./expertModules";

export interface AlignedModule {
  /** As the first snapshot writes it that has the module. */
  readonly name: string;
  /** One for each snapshot; undefined where it does not adapt the module. */
  readonly modules: readonly (LoraModule | undefined)[];
}

export interface ModuleAlignment {
  /** In the order of the first snapshot that has them. */
  readonly rows: readonly AlignedModule[];
  readonly aligned: readonly AlignedNames[];
  readonly problems: readonly Problem[];
}

interface Row {
  readonly name: string;
  readonly shape: string;
  readonly modules: (LoraModule | undefined)[];
}

/**
 * Aligns the modules of adapters, whatever wrapper, nesting or dialect their names are in. Where names had to be made
 * to agree, programs that match them exactly would not, and a warning says so.
 */
export function alignModules(snapshots: readonly Snapshot[]): ModuleAlignment {
  const rows: Row[] = [];
  const aligned: AlignedNames[] = [];
  const problems: Problem[] = [];
  const own = snapshots.map(({ session }) => session?.adapter?.modules);
  const apart = withSingleExperts(own);
  for (const [index, { session, label }] of snapshots.entries()) {
    const adapter = session?.adapter;
    const modules = apart[index];
    if (adapter === undefined || modules === undefined) continue;
    if (modules !== own[index]) problems.push(alignedNote(label, expertsRule));
    const renames = addSnapshot(rows, snapshots, index, { ...adapter, modules });
    const rules = renames.map((rename) => ({ kind: rename.kind, rule: renameText(rename) }));
    aligned.push(...rules.map((rule) => ({ snapshot: index, ...rule })));
    problems.push(...rules.map(({ rule }) => alignedNote(label, rule)));
    const warning = loaderWarning(label, adapter, renames);
    if (warning !== undefined) problems.push(warning);
  }
  const adapters = snapshots.map(({ session }) => session?.adapter !== undefined);
  const order = rowOrderNote(
    rows.filter(({ modules }) => modules.some((module, at) => module === undefined && adapters[at])),
  );
  return { rows, aligned, problems: order === undefined ? problems : [...problems, order] };
}

const expertsRule =
  "the experts of a layer, which it keeps in one module, are compared one by one with those of the others.";

function addSnapshot(
  rows: Row[],
  snapshots: readonly Snapshot[],
  index: number,
  adapter: Adapter,
): readonly NameRename[] {
  const nameOf = moduleNames(snapshots, index);
  const { matches, renames } = matchNames(
    adapter.modules.map(({ module, outFeatures, inFeatures }) => ({
      name: nameOf(module),
      shape: `${outFeatures} × ${inFeatures}`,
    })),
    rows,
  );
  const spellings: Rename[] = [];
  for (const [at, module] of adapter.modules.entries()) {
    const row = matches[at] === undefined ? undefined : rows[matches[at]];
    if (row === undefined) {
      rows.push(newRow(nameOf(module.module), module, index, snapshots.length));
      continue;
    }
    if (row.modules[index] !== undefined) continue;
    const first = row.modules.findIndex((other) => other !== undefined);
    row.modules[index] = module;
    if (row.name !== nameOf(module.module)) continue;
    const other = row.modules[first] as LoraModule;
    const dialect = snapshots[first]?.session?.adapter?.dialect ?? "unknown";
    if (dialect === adapter.dialect) spellings.push(...wrapping(module, other));
    else if (!notNamings.has(dialect) && !notNamings.has(adapter.dialect))
      spellings.push({ kind: "dialect", strip: adapter.dialect, add: dialect, inFront: false });
  }
  return [...renames, ...countRenames(spellings)];
}

/** What is known by its factors and not by its names. */
const notNamings: ReadonlySet<string> = new Set(["svd-factors", "control-lora", "unknown"]);

/** GGUF files name modules their own way; beside others they go by the names of transformers. */
function moduleNames(snapshots: readonly Snapshot[], index: number): (module: string) => string {
  const isGguf = ({ session }: Snapshot) => session?.checkpoint.format === "gguf";
  const own = snapshots[index];
  const isMixed = snapshots.some((snapshot) => snapshot.session?.adapter !== undefined && !isGguf(snapshot));
  const session = own !== undefined && isGguf(own) && isMixed ? own.session : undefined;
  const names = session && GgufNames.of(session.checkpoint.metadata);
  return (module) => names?.twin(`${module}.lora_b`)?.name.replace(/(?:\.weight)?\.lora_b$/, "") ?? module;
}

function newRow(name: string, module: LoraModule, index: number, count: number): Row {
  const modules = new Array<LoraModule | undefined>(count).fill(undefined);
  modules[index] = module;
  return { name, shape: `${module.outFeatures} × ${module.inFeatures}`, modules };
}

/** What a wrapper put into the names of the file, which the names of modules no longer tell. */
function wrapping(module: LoraModule, other: LoraModule): readonly Rename[] {
  const [own, known] = [module.a.name, other.a.name];
  if (own === known) return [];
  const rename = renameBetween(own, known);
  // The two may be stored as other parts, or their dialects are spelled in more than one way.
  return rename.kind === "wrapper" || module.adapterName !== other.adapterName ? [rename] : [];
}

function alignedNote(label: string, rule: string): Problem {
  return { severity: "info", code: "NamesAligned", message: `${label}: ${rule}` };
}

/** Readers of adapters match names exactly and pass over what they do not know, mostly without a word. */
function loaderWarning(
  label: string,
  { dialect }: Adapter,
  renames: readonly NameRename[],
): Problem | undefined {
  if (renames.length === 0) return undefined;
  const reader = dialect === "peft" ? "PEFT" : "A program that reads this dialect";
  const isDialect = renames.every(({ kind }) => kind === "dialect");
  const message = isDialect
    ? `${label} is written in another dialect: a program that loads the one does not find the modules of the other under their names.`
    : `${label} names its modules otherwise: ${reader} matches names exactly, so it would not load this into a model whose modules have the other names; convert the names first.`;
  return { severity: "warning", code: "NamesNotInterchangeable", message };
}
