import type { Problem } from "../problem/problem";
import type { StageLabel } from "../stage/stage";
import type { AdapterFingerprint } from "../update/adapterFingerprint";
import type { FactorHealth } from "../update/factorHealth";
import type { Finding } from "../update/findings";
import type { ModuleMetricValues } from "../update/moduleMetrics";
import type { FingerprintKind } from "../update/stageFingerprint";

/** The LoRA tab: facts about the adapter and one row a module. Plain data. */
export interface LoraView {
  /** Name and value of what describes the adapter as a whole, e.g. ["Rank", "8"]. */
  readonly facts: readonly (readonly [name: string, value: string])[];
  readonly modules: readonly LoraModuleRow[];
  /** Tensors that were trained or saved whole beside the factors (modules_to_save). */
  readonly savedWhole: readonly { readonly name: string; readonly shape: readonly number[] }[];
  readonly problems: readonly Problem[];
  /** Findings with their numbers, most urgent first. */
  readonly findings?: readonly Finding[];
  /** What the tensors tell of how the adapter was made; undefined where they cannot tell. */
  readonly fingerprint?: AdapterFingerprint;
  /** The stage after a look at the tensors, which may differ from the one found on opening. */
  readonly stage?: StageLabel;
  /** Where the tensors speak against the stage. */
  readonly stageNote?: string;
}

/** What is known of an adapter before its modules are measured: their rows have no numbers. */
export type LoraHead = Pick<LoraView, "facts" | "modules" | "savedWhole" | "problems">;

export interface LoraModuleRow {
  readonly module: string;
  readonly rank: number;
  readonly alpha: number | undefined;
  readonly scale: number;
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly dtype: string;
  /** What its tensors take in the file. */
  readonly storedBytes?: number;
  /** Undefined where the factors hold NaN or Inf or could not be read; `unavailable` says why. */
  readonly metrics: LoraModuleMetrics | undefined;
  readonly unavailable?: string;
  /** Of each expert, in order, where the module holds those of a mixture. */
  readonly experts?: readonly ExpertNumbers[];
  /** How many singular values follow those of `metrics`. */
  readonly unlistedValues?: number;
  readonly fingerprint?: FingerprintKind;
  /** Undefined for updates that are zero or were not measured. */
  readonly health?: FactorHealth;
}

/** The update of one expert. NaN where its factors are not finite. */
export type ExpertNumbers = ModuleMetricValues;

/** Norms of the factors and of the update ΔW = scale · B · A. */
export interface LoraModuleMetrics extends ModuleMetricValues {
  readonly nuclear: number;
  /** Ranks that keep 90 and 95 % of the energy (squared singular values). */
  readonly rank90: number;
  readonly rank95: number;
  /** Largest first. */
  readonly singularValues: Float64Array;
}
