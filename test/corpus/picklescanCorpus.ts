import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { CheckpointError } from "../../src/core/problem/checkpointError";
import { CheckpointSession } from "../../src/core/session/checkpointSession";
import { nodeFiles } from "../../src/worker/nodeFiles";

export interface PicklescanRow {
  readonly path: string;
  /** What the import report says, or the code of the error where the file cannot be read at all. */
  readonly outcome: "dangerous" | "quiet" | "refused";
  /** What picklescan's own tests expect of it. */
  readonly picklescan: "dangerous" | "quiet";
  /** Why it is quiet there; undefined for what is flagged. */
  readonly why: string | undefined;
  /** The dangerous imports, or the error. */
  readonly found: readonly string[];
  /** What is not as picklescan has it, and why; undefined where both agree. */
  readonly difference: string | undefined;
}

/** Files of picklescan's own tests that are benign, or that no one can read. All others it flags. */
const notFlagged = new Map<string, string>([
  ["bad_pytorch.pt", "a picture under the name of a model"],
  ["benign0_v0.pkl", "benign"],
  ["benign0_v3.pkl", "benign"],
  ["benign0_v4.pkl", "benign"],
  ["benign_password_protected.zip", "benign, and encrypted"],
  ["new_pytorch_model.bin", "a model"],
  ["pytorch_model.bin", "a model"],
  ["not_a_pickle.bin", "text that begins like a pickle"],
  ["int_array.npy", "numbers"],
  ["int_arrays.npz", "numbers"],
  ["int_arrays_compressed.npz", "numbers"],
  ["object_array.npy", "benign objects"],
  ["object_arrays.npz", "benign objects"],
  ["object_arrays_compressed.npz", "benign objects"],
]);

/** Flagged by picklescan, and not by us. */
const explained = new Map<string, string>([
  ["malicious1.7z", "a 7z archive, which is not unpacked: refused by its name"],
]);

/** Holds the import report against the files that picklescan is tested with. */
export async function checkPicklescanFiles(corpus: string): Promise<readonly PicklescanRow[]> {
  const root = join(corpus, "mmaitre314__picklescan/tests");
  const rows: PicklescanRow[] = [];
  for (const folder of ["data", "data2"].filter((name) => existsSync(join(root, name)))) {
    for (const name of readdirSync(join(root, folder)).sort()) {
      const { outcome, found } = await reportOf(join(root, folder, name));
      const isExpected = (outcome === "dangerous") !== notFlagged.has(name);
      const difference = isExpected ? undefined : (explained.get(name) ?? "unexplained");
      const why = notFlagged.get(name);
      const picklescan = why === undefined ? "dangerous" : "quiet";
      rows.push({ path: `${folder}/${name}`, outcome, picklescan, why, found, difference });
    }
  }
  return rows;
}

async function reportOf(path: string): Promise<Pick<PicklescanRow, "outcome" | "found">> {
  try {
    const { checkpoint } = await CheckpointSession.open(nodeFiles, path, () => undefined);
    const dangerous = (checkpoint.imports ?? []).filter(({ verdict }) => verdict === "dangerous");
    return {
      outcome: dangerous.length > 0 ? "dangerous" : "quiet",
      found: dangerous.map(({ global }) => global),
    };
  } catch (error) {
    if (error instanceof CheckpointError) return { outcome: "refused", found: [error.code] };
    throw error;
  }
}
