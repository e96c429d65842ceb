import type { Files } from "../bytes/files";
import { baseName, joinPath, parentPath, relativePath } from "../bytes/paths";
import { CheckpointError } from "../problem/checkpointError";
import type { CheckpointSession } from "../session/checkpointSession";

/** Whatever may be replaced, a source never is, and nothing is written into a folder that is one. */
export async function refuseSources(
  files: Files,
  path: string,
  sources: readonly CheckpointSession[],
): Promise<void> {
  const real = await futurePath(files, path);
  for (const { identity, checkpoint, openedFolder } of sources) {
    for (const own of [identity, checkpoint.path, checkpoint.folder]) {
      if ((await files.realPath(own)) === real) throw sourceInPlace(path);
    }
    // Beside a file is where its other format goes: `model.safetensors` beside `model.pt`.
    if (!openedFolder || identity !== checkpoint.folder) continue;
    if (relativePath(await files.realPath(identity), real) !== real) throw insideSource(path);
  }
}

/** The path with every link of what exists of it resolved. */
async function futurePath(files: Files, path: string): Promise<string> {
  if ((await files.stat(path)) !== undefined) return files.realPath(path);
  const parent = parentPath(path);
  return parent === path ? path : joinPath(await futurePath(files, parent), baseName(path));
}

function insideSource(path: string): CheckpointError {
  const message =
    "This lies inside the checkpoint that the new snapshot is made from. Choose a folder beside it.";
  return new CheckpointError("InsideSource", message, undefined, path);
}

function sourceInPlace(path: string): CheckpointError {
  const message = "This is what the new snapshot is made from, and it is not replaced. Choose another name.";
  return new CheckpointError("SourceInPlace", message, undefined, path);
}
