import type { AdapterConfig } from "./adapterConfig";
import type { ExpertForm } from "./factorLayout";
import type { LoraModule } from "./loraModule";

/** One pair of matrices for all experts, as PEFT's `target_parameters` have it. */
export function isFusedExperts(experts: ExpertForm | undefined): boolean {
  return experts?.order === "fused" || experts?.order === "fused-by-expert";
}

/** Which columns of the B of fused experts are those of one expert, counted from 0. */
export function columnsOfExpert(
  { order, count = 1 }: ExpertForm,
  rank: number,
  expert: number,
): { readonly first: number; readonly step: number } {
  return order === "fused" ? { first: expert, step: count } : { first: expert * rank, step: 1 };
}

/**
 * unsloth read B's columns one expert after another until September 2026, and by PEFT's order since; what it saves says
 * which only since then. With one expert or rank 1 both are the same.
 */
export function isExpertOrderUntold(
  config: AdapterConfig | undefined,
  modules: readonly LoraModule[],
): boolean {
  if (config?.isOfUnsloth !== true || config.expertColumns !== undefined) return false;
  return modules.some(({ experts, rank }) => isFusedExperts(experts) && experts?.count !== 1 && rank > 1);
}
