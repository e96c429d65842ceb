import type { Files } from "../bytes/files";
import { baseName, joinPath } from "../bytes/paths";
import { mappingOf, numberOf } from "../formats/contentView";
import { readDcpMetadata } from "../formats/dcp/dcpFolder";
import { formatCount, plural } from "../text/quantities";
import { quote } from "../text/quote";
import { judged, type LayoutFindings, listOrNothing } from "./layoutFindings";
import { chosenIteration, type ListedFolder } from "./megatronState";
import type { PartOpener } from "./openedParts";
import type { ResumeCheck, ResumeTopic } from "./resumeReport";

/** What `.metadata`, the directory of a distributed checkpoint of torch, lists. */
interface DcpDirectory {
  readonly names: readonly string[];
  /** Names of the files that hold the bytes, each with the byte that it must reach. */
  readonly files: ReadonlyMap<string, number>;
}

const maxNamed = 3;

/**
 * Folders of torch.distributed.checkpoint, as FSDP writes them: the checkpoint itself, or `pytorch_model_fsdp_0` and
 * `optimizer_0` in it. Whether shapes fit is not looked at. Undefined where the folder has none.
 */
export async function dcpState(
  files: Files,
  { folder, files: entries }: ListedFolder,
  opener: PartOpener,
): Promise<LayoutFindings | undefined> {
  const isItself = entries.some(({ name }) => name.endsWith(".distcp"));
  if (isItself) {
    const findings = found(await checkWhole(files, folder));
    const hasCommon = entries.some(({ name }) => name === commonName);
    return hasCommon ? withCommon(findings, joinPath(folder, commonName), opener) : findings;
  }
  const iteration = await chosenIteration(files, folder, entries);
  if (iteration?.files.some(({ name }) => name.endsWith(".distcp")) === true)
    return withName(await dcpState(files, iteration, opener), iteration.folder);
  const folderOf = (pattern: RegExp) =>
    entries.find(({ kind, name }) => kind === "directory" && pattern.test(name))?.path;
  const model = folderOf(/^pytorch_model_fsdp(?:_\d+)?$/);
  const optimizer = folderOf(/^optimizer(?:_\d+)?$/);
  if (model === undefined && optimizer === undefined) return undefined;
  return found([
    ...(model === undefined ? [] : [await checkFolder(files, model, "Parameters")]),
    ...(optimizer === undefined ? [] : [await checkFolder(files, optimizer, "Optimizer state")]),
  ]);
}

/** The folder that a tracker leads to says a step by its name. */
function withName(findings: LayoutFindings | undefined, folder: string): LayoutFindings | undefined {
  const name = baseName(folder);
  const step = /^iter_(\d+)$/.exec(name)?.[1];
  if (findings === undefined || step === undefined) return findings;
  return { ...findings, steps: [...findings.steps, { who: `the name ${name}`, step: Number(step) }] };
}

const commonName = "common.pt";

/** Megatron keeps there, once for all ranks, how far it was and its schedule. */
async function withCommon(
  findings: LayoutFindings,
  path: string,
  opener: PartOpener,
): Promise<LayoutFindings> {
  const root = mappingOf((await opener.open(path, commonName, "progress"))?.content?.root);
  const scheduler = root?.get("opt_param_scheduler");
  const schedule =
    root === undefined
      ? judged("Schedule", "unknown", `It would be in ${commonName}, which cannot be read.`)
      : scheduler === undefined || scheduler === null
        ? judged("Schedule", "missing", `${commonName} holds none: the learning rate starts over.`)
        : judged("Schedule", "ok", `opt_param_scheduler in ${commonName}.`);
  const step = numberOf(root?.get("iteration"));
  return {
    ...findings,
    checks: [...findings.checks, schedule],
    progress:
      step === undefined ? undefined : { place: `iteration in ${commonName}`, step, epoch: undefined },
  };
}

function found(checks: readonly ResumeCheck[]): LayoutFindings {
  return { checks, progress: undefined, worldSize: undefined, steps: [] };
}

/** A folder that holds model and optimizer together, told apart by the names in its directory. */
async function checkWhole(files: Files, folder: string): Promise<readonly ResumeCheck[]> {
  const { check, metadata } = await readFolder(files, folder, "Parameters");
  if (metadata === undefined || check.verdict !== "ok") return [check, { ...check, what: "Optimizer state" }];
  const isOptimizer = (name: string) => /^(?:optimizer|optim)(?:izer_state)?\./.test(name);
  const optimizer = metadata.names.filter(isOptimizer).length;
  const random = metadata.names.filter((name) => /^rng_state(?:\/|\.|$)/.test(name)).length;
  const parameters = metadata.names.length - optimizer - random;
  return [
    judged(
      "Parameters",
      parameters > 0 ? "ok" : "missing",
      `${plural(parameters, "entry", "entries")} of the distributed checkpoint, besides those of the optimizer.`,
    ),
    ...(random > 0
      ? [judged("Random state", "ok", `${plural(random, "entry", "entries")} under rng_state.`)]
      : []),
    optimizer > 0
      ? judged("Optimizer state", "ok", `${plural(optimizer, "entry", "entries")} under optimizer.`)
      : judged("Optimizer state", "missing", "No entry begins with optimizer: the moments start cold."),
  ];
}

async function checkFolder(files: Files, folder: string, what: ResumeTopic): Promise<ResumeCheck> {
  return (await readFolder(files, folder, what)).check;
}

async function readFolder(
  files: Files,
  folder: string,
  what: ResumeTopic,
): Promise<{ check: ResumeCheck; metadata?: DcpDirectory }> {
  const name = baseName(folder);
  const listed = await listOrNothing(files, folder);
  const present = new Set(listed.map((entry) => entry.name));
  if (!present.has(".metadata")) {
    const reason = `${name} has no .metadata, which is written last: the save did not finish.`;
    return { check: judged(what, "error", reason) };
  }
  const metadata = await readDirectory(files, joinPath(folder, ".metadata"));
  if (metadata === undefined) {
    return {
      check: judged(
        what,
        "error",
        `${name}/.metadata cannot be read: the save did not finish, or it is damaged.`,
      ),
    };
  }
  const outside = [...metadata.files.keys()].find((file) =>
    /^(?:[/\\]|[A-Za-z]:)|(?:^|[/\\])\.\.(?:[/\\]|$)/.test(file),
  );
  if (outside !== undefined) {
    const reason = `${name}/.metadata places values in ${quote(outside)}, outside of the folder: it is not looked at.`;
    return { check: judged(what, "error", reason) };
  }
  const missing = [...metadata.files.keys()].filter((file) => !present.has(file));
  if (missing.length > 0) {
    const shown = missing.slice(0, maxNamed).join(", ");
    const reason = `${name}: ${missing.length} of ${plural(metadata.files.size, "file")} missing (${shown}${missing.length > maxNamed ? ", …" : ""}).`;
    return { check: judged(what, "error", reason) };
  }
  const cut = await findCut(files, folder, metadata);
  if (cut !== undefined) return { check: judged(what, "error", `${name}: ${cut}`) };
  const reason = `${name}: ${plural(metadata.names.length, "entry", "entries")} in ${plural(metadata.files.size, "file")}, all there and long enough. Their bytes were not looked at.`;
  return { check: judged(what, "ok", reason), metadata };
}

/** The first file that ends before the values that the directory places in it. */
async function findCut(files: Files, folder: string, metadata: DcpDirectory): Promise<string | undefined> {
  for (const [file, end] of metadata.files) {
    const size = (await files.stat(joinPath(folder, file)).catch(() => undefined))?.size;
    if (size === undefined || size >= end) continue;
    return `${file} is cut at byte ${formatCount(size)}: ${formatCount(end - size)} bytes are missing.`;
  }
  return undefined;
}

async function readDirectory(files: Files, path: string): Promise<DcpDirectory | undefined> {
  try {
    const { metadata } = await readDcpMetadata(files, path);
    const ends = new Map<string, number>();
    for (const { file, offset, length } of metadata.items.values())
      ends.set(file, Math.max(offset + length, ends.get(file) ?? 0));
    const tensors = metadata.tensors.map(({ name }) => name);
    return { names: [...tensors, ...metadata.values, ...metadata.unreadable], files: ends };
  } catch {
    return undefined;
  }
}
