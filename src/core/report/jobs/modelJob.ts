import type { Problem } from "../../problem/problem";
import type { WritableDtype } from "../../tensors/encode";
import type { TargetDialect } from "../../transform/dialect/targetModules";
import type { ConversionOffers } from "../../transform/model/conversionOffers";
import type { ConvertOptions } from "../../transform/model/convert";
import type { ExpertLayout } from "../../transform/model/expertLayout";
import type { OutputPlace } from "../../transform/outputPlace";

/** A snapshot and how much of it counts. */
export interface WeightedPath {
  readonly path: string;
  readonly weight: number;
}

/** A new model that somebody wants: what it is made of, and the choices. Plain data. */
export type ModelJob =
  | {
      readonly kind: "merge";
      readonly base: string;
      readonly adapters: readonly WeightedPath[];
      readonly dtype?: WritableDtype;
    }
  | {
      readonly kind: "convert";
      readonly source: string;
      readonly only: ConvertOptions["only"];
      readonly dtype?: WritableDtype;
      readonly names?: "transformers";
      readonly experts?: ExpertLayout;
    }
  | { readonly kind: "average"; readonly snapshots: readonly WeightedPath[] }
  /** Adapters as one: their exact sum, or its best approximation at a rank. */
  | { readonly kind: "combine"; readonly adapters: readonly WeightedPath[]; readonly rank?: number }
  | { readonly kind: "dialect"; readonly source: string; readonly to: TargetDialect }
  /** Directions of base + ΔW that are like none of the base's, scaled down. */
  | { readonly kind: "intruders"; readonly adapter: string; readonly base: string; readonly scale: number };

/** What a job will read and write, and what will be lost. Nothing was written yet. */
export interface JobPlan {
  readonly sources: readonly PlannedSource[];
  readonly tensors: number;
  /** Of the tensors that will be written. */
  readonly bytes: number;
  /** Of the result, the one with most bytes first. */
  readonly dtypes: readonly string[];
  /** Names of the configurations and of the tokenizer that go along into a folder. */
  readonly carried: readonly string[];
  /** Where the result is kept unless somebody wants it elsewhere. */
  readonly place: OutputPlace;
  /** Of a conversion. */
  readonly offers?: ConversionOffers;
  /** What will happen to the values, and what will be missing. */
  readonly notes: readonly Problem[];
}

export interface PlannedSource {
  readonly path: string;
  readonly role: "base" | "adapter" | "snapshot" | "source";
  /** e.g. "safetensors, 30 tensors, BF16" */
  readonly what: string;
  readonly bytes: number;
}

/** What was written and read back, in words and numbers. */
export interface JobResult {
  readonly path: string;
  readonly facts: readonly { readonly name: string; readonly value: string }[];
  /** What it cost each module or snapshot, the worst first. */
  readonly table: JobTable | undefined;
  readonly notes: readonly Problem[];
  /** All of it as Markdown, to be kept. */
  readonly report: string;
}

export interface JobTable {
  readonly title: string;
  readonly headings: readonly string[];
  readonly rows: readonly (readonly string[])[];
}
