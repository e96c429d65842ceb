import { existsSync, readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { CheckpointError } from "../../src/core/problem/checkpointError";
import { byName, openOrError } from "./checkSafetensors";
import type { CorpusFile, CorpusFolder, ExpectedTensor } from "./corpusFolder";
import { Comparison, type Verdict } from "./verdict";

interface IndexText {
  readonly metadata?: { readonly total_size?: number };
  readonly weight_map: Readonly<Record<string, string>>;
}

/**
 * Holds a sharded model against its index, read here anew, and against what EXPECTED knows of each shard: every
 * tensor that is there is shown from its shard, everything that is not there or may not be opened is reported.
 */
export async function checkShardIndex(file: CorpusFile, corpus: CorpusFolder): Promise<Verdict> {
  const comparison = new Comparison();
  const opened = await openOrError(file.absolutePath);
  if (opened instanceof CheckpointError) {
    return { outcome: "agreed", differences: [`refused: ${opened.code}: ${opened.message}`] };
  }
  const index = JSON.parse(readFileSync(file.absolutePath, "utf8")) as IndexText;
  const tensors = byName(opened.tensors);
  // What an index names is told beside what is missing of it, for people.
  const told = opened.problems.filter(({ code }) => code !== "ShardIndex");
  const codes = new Set(told.map(({ code }) => code));
  const expectedCodes = new Set<string>();
  let readable = 0;
  let size = 0;
  for (const [name, shard] of Object.entries(index.weight_map)) {
    const tensor = tensors.get(name);
    const expected = expectedIn(name, shard, file, corpus);
    const reason = reasonFor(shard, file, expected);
    if (reason !== undefined) {
      expectedCodes.add(reason);
      comparison.check(tensor === undefined, `tensor ${name} is shown, but ${reason}`);
      continue;
    }
    readable++;
    size += tensor?.byteSize ?? 0;
    comparison.equal(`shape of ${name}`, tensor?.shape, expected?.shape);
    comparison.equal(`shard of ${name}`, opened.files[tensor?.fileIndex ?? -1]?.name, shard);
  }
  comparison.equal("number of tensors", tensors.size, readable);
  const claimed = index.metadata?.total_size;
  const complete = expectedCodes.size === 0;
  if (complete && claimed !== undefined) comparison.equal("total_size", size, claimed);
  else if (claimed !== undefined && codes.has("TotalSize")) expectedCodes.add("TotalSize");
  comparison.equal("problems", [...codes].sort(), [...expectedCodes].sort());
  compareWords(file.expectation, tensors.size, size, opened.files.length, comparison);
  const differences = comparison.differences;
  return complete
    ? { outcome: "agreed", differences }
    : { outcome: "refused", reason: [...expectedCodes].join(", "), differences };
}

function expectedIn(
  name: string,
  shard: string,
  file: CorpusFile,
  corpus: CorpusFolder,
): ExpectedTensor | undefined {
  const tensors = corpus.expected(posix.join(posix.dirname(file.path), shard))?.tensors;
  return tensors?.find(({ path }) => path.join(".") === name);
}

/** Why a tensor that the index names cannot be shown. */
function reasonFor(
  shard: string,
  file: CorpusFile,
  expected: ExpectedTensor | undefined,
): string | undefined {
  if (shard !== posix.basename(shard) || shard === "..") return "UnsafeShardName";
  if (!existsSync(join(dirname(file.absolutePath), shard))) return "MissingShard";
  return expected === undefined ? "MissingTensor" : undefined;
}

/** The manifest's words, such as `total_size 512; 7 tensors; 3 shards`. */
function compareWords(
  words: string,
  tensors: number,
  size: number,
  shards: number,
  comparison: Comparison,
): void {
  const number = (pattern: RegExp, actual: number) => {
    const text = pattern.exec(words)?.[1];
    if (text !== undefined) comparison.equal(`number in "${words}"`, actual, Number(text));
  };
  number(/total_size (\d+)/, size);
  number(/(\d+) tensors/, tensors);
  number(/(\d+) shards/, shards);
}
