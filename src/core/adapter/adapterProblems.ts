import type { Problem, Severity } from "../problem/problem";
import type { Tensor } from "../tensors/tensor";
import type { AdapterConfig } from "./adapterConfig";
import { whyNotCompared } from "./adapterMethod";
import type { LoraModule } from "./loraModule";

/** Findings of one kind listed one by one; a broken file of 10,000 modules has 10,000 of them. */
const maxListed = 20;

/** Initialisations that also change the base weights, so that ΔW is relative to a base nobody has published. */
const baseChangingInit = /^(?:pissa|olora|corda|loftq|lora_ga)/;

/** Collects what is to be said about an adapter; the same finding about many modules is said once. */
export class AdapterProblems {
  private readonly found: Problem[] = [];
  private readonly counts = new Map<string, number>();
  private rankMismatch: { readonly example: string; count: number } | undefined;
  private readonly assumed = new Map<number, number>();

  get list(): readonly Problem[] {
    const problems = [...this.found];
    for (const [code, count] of this.counts) {
      if (count <= maxListed) continue;
      const message = `${count - maxListed} more findings of the kind ${code} are not listed.`;
      problems.push({ severity: "warning", code, message });
    }
    if (this.rankMismatch !== undefined) problems.push(this.rankProblem(this.rankMismatch));
    for (const [scale, count] of this.assumed) {
      const message = `No alpha or scale was found for ${modulesOf(count)}; a scale of ${scale} is assumed.`;
      problems.push({ severity: "info", code: "LoraScaleAssumed", message });
    }
    return problems;
  }

  add(problems: readonly Problem[]): void {
    this.found.push(...problems);
  }

  withoutPartner(tensor: Tensor, missing: "A" | "B"): void {
    const partner = missing === "A" ? "down-projection (lora_A)" : "up-projection (lora_B)";
    this.listed(
      "LoraUnpaired",
      `${tensor.name} has no ${partner} beside it. The file may be cut or mixed.`,
      tensor,
    );
  }

  misfit(message: string, tensor: Tensor): void {
    this.listed("LoraShapeMismatch", message, tensor);
  }

  rank(module: string, rank: number, announced: number | undefined): void {
    if (announced === undefined || announced === rank) return;
    if (this.rankMismatch !== undefined) this.rankMismatch.count++;
    else {
      const example = `${module} has rank ${rank} in its tensors and ${announced} in the configuration`;
      this.rankMismatch = { example, count: 1 };
    }
  }

  assumedScale(scale: number): void {
    this.assumed.set(scale, (this.assumed.get(scale) ?? 0) + 1);
  }

  notCompared(method: string): void {
    this.push("info", "AdapterMethod", whyNotCompared(method));
  }

  noFactors(method: string): void {
    const message = `The configuration announces ${method}, but no tensor is named like a LoRA factor.`;
    this.push("warning", "LoraWithoutFactors", message);
  }

  factoredWeights(count: number): void {
    const message =
      `${count === 1 ? "1 module holds" : `${count} modules hold`} a weight as its factors. The numbers are those of the weights themselves, not of a ` +
      "change from a base.";
    this.push("info", "FactoredWeights", message);
  }

  adapterNames(names: readonly string[]): void {
    if (names.length < 2) return;
    const message = `The file holds ${names.length} adapters: ${names.slice(0, maxListed).join(", ")}.`;
    this.push("info", "SeveralAdapters", message);
  }

  /** What the recipe of the adapter means for reading its numbers. */
  recipe(config: AdapterConfig | undefined, modules: readonly LoraModule[]): void {
    const init = config?.initLoraWeights;
    if (typeof init === "string" && baseChangingInit.test(init)) {
      const message =
        `Initialised with ${init}, which also changes the base weights: the update is relative to that changed ` +
        "base. Its change from the published base is the difference from the snapshot at step 0.";
      this.push("info", "LoraModifiedBase", message);
    }
    if (modules.some((module) => module.magnitude !== undefined)) {
      const message =
        "DoRA rescales each output after adding the update; the numbers are those of the update alone.";
      this.push("info", "LoraDora", message);
    }
    const experts = modules.filter((module) => module.layout === "experts").length;
    if (experts > 0) {
      const message = `${modulesOf(experts)} hold one update for each expert; these are listed but not measured.`;
      this.push("info", "LoraExperts", message);
    }
  }

  private listed(code: string, message: string, tensor: Tensor): void {
    const count = (this.counts.get(code) ?? 0) + 1;
    this.counts.set(code, count);
    if (count <= maxListed) this.found.push({ severity: "warning", code, message, tensor: tensor.name });
  }

  private push(severity: Severity, code: string, message: string): void {
    this.found.push({ severity, code, message });
  }

  private rankProblem({ example, count }: { readonly example: string; readonly count: number }): Problem {
    const more = count === 1 ? "" : `, and so do ${count - 1} more`;
    const message = `${example}${more}. The tensors are believed; the scale is computed with their rank.`;
    return { severity: "warning", code: "LoraRankMismatch", message };
  }
}

function modulesOf(count: number): string {
  return count === 1 ? "1 module" : `${count} modules`;
}
