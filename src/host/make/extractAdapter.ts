import { isAbsolute, join } from "node:path";
import * as vscode from "vscode";
import { formatBytes, formatShare, plural } from "../../core/text/quantities";
import type { ExtractionRule } from "../../core/transform/extractionRank";
import { extractionPlace } from "../../core/transform/outputPlace";
import { isAbortError } from "../../protocol/channel";
import type { MadeSnapshot } from "../../protocol/makeCalls";
import { pickOne, showInformation, withProgress } from "../messages";
import type { RunsModel } from "../runs/runsModel";
import { pickCheckpoint } from "./pickCheckpoint";
import type { SnapshotMaker } from "./snapshotMaker";

export interface ExtractServices {
  readonly runs: RunsModel;
  readonly maker: SnapshotMaker;
  open(path: string): Promise<void>;
}

/** Ranks that an extraction by energy goes up to. */
const maxRankByEnergy = 128;

interface RuleItem extends vscode.QuickPickItem {
  readonly rule: ExtractionRule | "rank" | "energy";
}

const ruleItems: readonly RuleItem[] = [
  ...[8, 16, 32, 64].map((rank): RuleItem => ({ label: `Rank ${rank}`, rule: { kind: "rank", rank } })),
  { label: "Another rank…", rule: "rank" },
  ...[0.9, 0.99].map(
    (share): RuleItem => ({
      label: `${100 * share} % of the energy`,
      description: `per module, rank ${maxRankByEnergy} at most`,
      rule: { kind: "energy", share, maxRank: maxRankByEnergy },
    }),
  ),
  { label: "Another share of the energy…", rule: "energy" },
];

interface ScopeItem extends vscode.QuickPickItem {
  readonly saveOthers: boolean;
}

const scopeItems: readonly ScopeItem[] = [
  {
    label: "Linear layers only",
    detail: "Embeddings, norms and biases that changed are left out, and named.",
    saveOthers: false,
  },
  {
    label: "Linear layers, and what else changed as a whole",
    detail: "Embeddings, norms and the like are saved beside the factors (modules_to_save).",
    saveOthers: true,
  },
];

/**
 * Asks for two models, a rank and a place, and writes the adapter between the models.
 * @param given path of the fine-tuned model where the command was called on it
 */
export async function makeExtractedAdapter(
  services: ExtractServices,
  given: string | undefined,
): Promise<void> {
  const { runs, open } = services;
  const tuned =
    given ??
    (await pickCheckpoint(runs, {
      title: "Extract adapter (1 of 5): fine-tuned model",
      placeHolder: "The model that was trained further",
      exclude: [],
      use: "model",
    }));
  if (tuned === undefined) return;
  const base = await pickCheckpoint(runs, {
    title: "Extract adapter (2 of 5): base model",
    placeHolder: "The model before its training",
    exclude: [tuned],
    use: "model",
  });
  if (base === undefined) return;
  const rule = await askRule();
  if (rule === undefined) return;
  const scope = await pickOne(scopeItems, {
    title: "Extract adapter (4 of 5): what to take",
    placeHolder: "Which of the changed tensors?",
  });
  if (scope === undefined) return;
  const out = await askPlace(tuned, rule);
  if (out === undefined) return;
  const made = await runWithProgress(services, { base, tuned, rule, saveOthers: scope.saveOthers, out });
  if (made === undefined) return;
  await open(made.path);
  void tell(made);
}

async function askRule(): Promise<ExtractionRule | undefined> {
  const title = "Extract adapter (3 of 5): rank";
  const picked = await pickOne(ruleItems, {
    title,
    placeHolder: "How many directions of the difference?",
  });
  if (picked === undefined) return undefined;
  if (typeof picked.rule === "object") return picked.rule;
  const isRank = picked.rule === "rank";
  const text = await vscode.window.showInputBox({
    title,
    prompt: isRank ? "A whole number from 1" : "Per cent of the energy, above 0 and up to 100",
    validateInput: (value) => (ruleFrom(value, isRank) === undefined ? "This is no such number." : undefined),
  });
  return text === undefined ? undefined : ruleFrom(text, isRank);
}

function ruleFrom(text: string, isRank: boolean): ExtractionRule | undefined {
  const number = Number(text.trim().replace(/\s*%$/, ""));
  if (text.trim() === "") return undefined;
  if (isRank) return Number.isInteger(number) && number >= 1 ? { kind: "rank", rank: number } : undefined;
  const share = number / 100;
  return share > 0 && share <= 1 ? { kind: "energy", share, maxRank: maxRankByEnergy } : undefined;
}

async function askPlace(tuned: string, rule: ExtractionRule): Promise<string | undefined> {
  const ranks = rule.kind === "rank" ? `r${rule.rank}` : `e${Math.round(100 * rule.share)}`;
  const { folder, name } = extractionPlace(tuned, ranks);
  const answer = await vscode.window.showInputBox({
    title: "Extract adapter (5 of 5): new folder",
    prompt: "Path of the folder that will hold the adapter",
    value: join(folder, name),
    valueSelection: [join(folder, "/").length, join(folder, name).length],
    validateInput: (value) => (isAbsolute(value.trim()) ? undefined : "A whole path is needed."),
  });
  return answer?.trim();
}

function runWithProgress(
  { maker }: ExtractServices,
  wanted: Parameters<SnapshotMaker["extract"]>[0],
): Thenable<MadeSnapshot | undefined> {
  return withProgress("Extracting the adapter", async (report, signal) => {
    let reached = 0;
    try {
      return await maker.extract(wanted, {
        signal,
        listeners: {
          onProgress: ({ done, total, label }) => {
            // Passes over fewer modules than the first: the bar never goes back.
            const percent = Math.max(reached, (100 * done) / total);
            report({ increment: percent - reached, message: label });
            reached = percent;
          },
        },
      });
    } catch (error) {
      if (isAbortError(error)) return undefined;
      throw error;
    }
  });
}

async function tell(made: MadeSnapshot): Promise<void> {
  const { rank, moduleCount, energyKept, error, bytes, problems } = made;
  const notes = problems.map(({ message }) => message).join(" ");
  const message =
    `Rank ${rank} of ${plural(moduleCount, "module")} holds ${formatShare(energyKept)} of the energy of the ` +
    `difference (error ${formatShare(error)}), ${formatBytes(bytes)}. ${notes}`;
  const compare = "Compare With…";
  const answer = await showInformation(message.trim(), compare);
  if (answer === compare) {
    await vscode.commands.executeCommand("checkpointExplorer.compareWith", vscode.Uri.file(made.path));
  }
}
