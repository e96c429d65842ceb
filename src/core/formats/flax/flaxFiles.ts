import type { FileEntry, Files } from "../../bytes/files";
import { joinPath } from "../../bytes/paths";
import type { Problem } from "../../problem/problem";
import { flax } from "./flax";

/** As `flax.training.checkpoints` names files, and Orbax before OCDBT the one in its folder. */
const flaxName = /^checkpoint(?:_(\d+(?:\.\d+)?))?$/;

const headBytes = 4096;

export interface FlaxFile {
  readonly name: string;
  /** That there are others, of earlier steps. */
  readonly problems: readonly Problem[];
}

/** The file of MessagePack that a folder is a checkpoint by: that of the last step. */
export async function flaxFileOf(
  files: Files,
  folder: string,
  entries: readonly FileEntry[],
): Promise<FlaxFile | undefined> {
  const named = entries.filter(({ name, kind }) => kind === "file" && flaxName.test(name));
  const steps = named.map(({ name }) => name).sort((a, b) => stepOf(b) - stepOf(a));
  const [name] = steps;
  if (name === undefined || !(await isFlax(files, joinPath(folder, name)))) return undefined;
  if (steps.length === 1) return { name, problems: [] };
  const others = steps.slice(1, 6).join(", ") + (steps.length > 6 ? ", …" : "");
  const message = `The folder holds ${steps.length - 1} more: ${others}. Open one of them to see it.`;
  return { name, problems: [{ severity: "info", code: "OtherCheckpoints", message, file: folder }] };
}

function stepOf(name: string): number {
  return Number(flaxName.exec(name)?.[1] ?? -1);
}

async function isFlax(files: Files, path: string): Promise<boolean> {
  const source = await files.open(path);
  try {
    return flax.matches(await source.read(0, Math.min(headBytes, source.size)));
  } finally {
    await source.close();
  }
}
