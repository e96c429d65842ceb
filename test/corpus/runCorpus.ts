import { existsSync } from "node:fs";
import { join } from "node:path";
import { checkSafetensors } from "./checkSafetensors";
import { checkShardIndex } from "./checkShardIndex";
import { checkAdapterConfig, checkTrainerState } from "./checkTrainingFiles";
import { type CorpusFile, CorpusFolder, type Kind } from "./corpusFolder";
import type { Verdict } from "./verdict";

/**
 * `npm run test:corpus -- DIR`: reads every file of a corpus that this version can read, and holds it against what
 * the corpus knows of it: MANIFEST.tsv, and EXPECTED/<path>.json, which an independent reader wrote. Ends with 1
 * when a file is not as it should be.
 */
const kinds: readonly Kind[] = ["safetensors", "shard index", "trainer_state.json", "adapter_config.json"];

async function verdictOf(file: CorpusFile, corpus: CorpusFolder): Promise<Verdict> {
  try {
    switch (file.kind) {
      case "safetensors":
        return await checkSafetensors(file, corpus);
      case "shard index":
        return await checkShardIndex(file, corpus);
      case "trainer_state.json":
        return checkTrainerState(file);
      case "adapter_config.json":
        return checkAdapterConfig(file);
    }
  } catch (error) {
    return { outcome: "agreed", differences: [`failed: ${error instanceof Error ? error.stack : error}`] };
  }
}

interface Result {
  readonly file: CorpusFile;
  readonly verdict: Verdict;
}

function isMissed({ verdict }: Result): boolean {
  return verdict.differences.length > 0;
}

function row(label: string, results: readonly Result[]): string {
  const held = results.filter((result) => !isMissed(result));
  const agreed = held.filter(({ verdict }) => verdict.outcome === "agreed").length;
  const counts = [results.length, agreed, held.length - agreed, results.length - held.length];
  const cells = counts.map((count, column) => ` ${String(count).padStart(column === 2 ? 7 : 6)} |`);
  return `| ${label.padEnd(19)} |${cells.join("")}`;
}

function print(results: readonly Result[]): void {
  console.log("| kind                |  files | agreed | refused | missed |");
  console.log("|---------------------|-------:|-------:|--------:|-------:|");
  for (const kind of kinds)
    console.log(
      row(
        kind,
        results.filter(({ file }) => file.kind === kind),
      ),
    );
  console.log(row("all", results));
  const reasons = new Map<string, number>();
  for (const { verdict } of results.filter((result) => !isMissed(result))) {
    if (verdict.reason !== undefined) reasons.set(verdict.reason, (reasons.get(verdict.reason) ?? 0) + 1);
  }
  console.log("\nRefused, with the reason that the corpus names:");
  for (const [reason, count] of [...reasons].sort()) console.log(`  ${String(count).padStart(3)}  ${reason}`);
  for (const { file, verdict } of results) {
    if (verdict.note !== undefined) console.log(`\nNOTE ${file.path}: ${verdict.note}`);
  }
  for (const { file, verdict } of results.filter(isMissed)) {
    console.log(`\nMISSED ${file.path}${file.expectation === "" ? "" : ` (${file.expectation})`}`);
    for (const difference of verdict.differences.slice(0, 10)) console.log(`  ${difference}`);
  }
}

const [folder] = process.argv.slice(2);
if (folder === undefined || !existsSync(join(folder, "MANIFEST.tsv"))) {
  console.error("usage: npm run test:corpus -- DIR, where DIR holds a MANIFEST.tsv");
  process.exitCode = 2;
} else {
  const corpus = new CorpusFolder(folder);
  const results: Result[] = [];
  for (const file of corpus.files()) results.push({ file, verdict: await verdictOf(file, corpus) });
  print(results);
  const absent = corpus.absent();
  for (const path of absent) console.log(`\nMISSED ${path}: in MANIFEST.tsv, but not in the folder`);
  const missed = results.filter(isMissed).length + absent.length;
  console.log(`\n${missed} missed of ${results.length} files.`);
  process.exitCode = missed > 0 || results.length === 0 ? 1 : 0;
}
