import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { parsePythonJson } from "./pythonJson";

export type Kind = "safetensors" | "shard index" | "trainer_state.json" | "adapter_config.json";

export interface CorpusFile {
  readonly kind: Kind;
  /** Relative to the corpus, with `/`. */
  readonly path: string;
  readonly absolutePath: string;
  /** The last column of MANIFEST.tsv, without its pointer to EXPECTED. */
  readonly expectation: string;
}

/** What an independent reader (Python) found in a file. */
export interface ExpectedFile {
  readonly kind: string;
  readonly err?: string;
  readonly header_len?: number;
  readonly metadata?: Readonly<Record<string, unknown>> | null;
  readonly tensors?: readonly ExpectedTensor[];
}

export interface ExpectedTensor {
  readonly path: readonly string[];
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly offsets: readonly [number, number];
  readonly sha256: string;
}

/** A corpus: files of others and made ones, MANIFEST.tsv, and EXPECTED/<path>.json for many of them. */
export class CorpusFolder {
  private readonly expectations: ReadonlyMap<string, string>;

  constructor(private readonly folder: string) {
    const manifest = readFileSync(join(folder, "MANIFEST.tsv"), "utf8");
    this.expectations = new Map(
      manifest.split("\n").flatMap((line) => {
        const [path, , , expected] = line.split("\t");
        return path === undefined || expected === undefined ? [] : [[path, expected] as const];
      }),
    );
  }

  files(): CorpusFile[] {
    const entries = readdirSync(this.folder, { recursive: true, withFileTypes: true });
    const files = entries.flatMap((entry): CorpusFile[] => {
      const kind = entry.isFile() ? kindOf(entry.name) : undefined;
      if (kind === undefined) return [];
      const absolutePath = join(entry.parentPath, entry.name);
      const path = relative(this.folder, absolutePath).split(sep).join("/");
      if (path.startsWith("EXPECTED/")) return [];
      const expectation = (this.expectations.get(path) ?? "").replace(/\s*;?\s*EXPECTED\/.*$/, "");
      return [{ kind, path, absolutePath, expectation }];
    });
    return files.sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  /** Files that the manifest lists and the folder lacks. */
  absent(): string[] {
    const kindOfPath = (path: string) => kindOf(path.slice(path.lastIndexOf("/") + 1));
    const ours = [...this.expectations.keys()].filter((path) => kindOfPath(path) !== undefined);
    return ours.filter((path) => !existsSync(join(this.folder, path)));
  }

  expected(path: string): ExpectedFile | undefined {
    const file = join(this.folder, "EXPECTED", `${path}.json`);
    return existsSync(file) ? (parsePythonJson(readFileSync(file, "utf8")) as ExpectedFile) : undefined;
  }
}

function kindOf(name: string): Kind | undefined {
  if (name.endsWith(".safetensors")) return "safetensors";
  if (name.endsWith(".index.json")) return "shard index";
  return name === "trainer_state.json" || name === "adapter_config.json" ? name : undefined;
}
